#include "ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __has_feature
#define HAS_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif
#if HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

const char *op_running = "?";
int op_failures;

void op_fail(const op_case *c, const char *what)
{
    op_failures++;
    printf("FAILED %s: %s; C %zu H %zu W %zu out %zu size %zu rows %zu..%zu pad %d pool %d %s misaligned %zu\n", op_running, what,
           c->shape.channels, c->shape.height, c->shape.width, c->out_channels, c->size, c->row0, c->row1, (int)c->pad,
           (int)c->pool, c->integers ? "integers" : "reals", c->misalignment);
}

void *test_alloc(size_t size)
{
    void *block = malloc(size + 1);
    if (!block) {
        printf("no memory for the test\n");
        exit(1);
    }
    return block;
}

/* Buffers between canaries, which under AddressSanitizer may not even be read */

enum { CANARY = 128, CANARY_BYTE = 0xa5, NAN_BYTE = 0xff };

typedef struct guarded {
    unsigned char *block, *copy;
    void *data;
    size_t bytes;
} guarded;

static guarded guarded_new(const op_case *c, size_t bytes, size_t element)
{
    guarded g = {.bytes = bytes};
    size_t total = bytes + 2 * CANARY + 64 + c->misalignment * element;
    g.block = test_alloc(total);
    memset(g.block, CANARY_BYTE, total);
    unsigned char *data = g.block + 64 - (uintptr_t)g.block % 64 + CANARY + c->misalignment * element;
    g.data = data;
    memset(data, NAN_BYTE, bytes);
    ASAN_POISON_MEMORY_REGION(data - CANARY, CANARY);
    ASAN_POISON_MEMORY_REGION(data + bytes, CANARY);
    return g;
}

/* From now on the kernel may only read it. */
static void guarded_freeze(guarded *g)
{
    g->copy = test_alloc(g->bytes);
    memcpy(g->copy, g->data, g->bytes);
}

static void guarded_free(const op_case *c, guarded *g)
{
    const unsigned char *data = g->data;
    bool intact = true;
    ASAN_UNPOISON_MEMORY_REGION(data - CANARY, g->bytes + 2 * CANARY);
    for (size_t i = 0; i < CANARY; i++) intact &= data[-(ptrdiff_t)i - 1] == CANARY_BYTE && data[g->bytes + i] == CANARY_BYTE;
    if (!intact) op_fail(c, "wrote outside its buffer");
    if (g->copy && memcmp(g->copy, data, g->bytes) != 0) op_fail(c, "changed its input");
    free(g->copy);
    free(g->block);
}

static guarded reals(const op_case *c, const nst_real *values, size_t count)
{
    guarded g = guarded_new(c, count * sizeof(nst_real), sizeof(nst_real));
    if (values && count > 0) memcpy(g.data, values, count * sizeof(nst_real));
    return g;
}

static guarded features(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, const nst_real *values)
{
    guarded g = guarded_new(c, k->feature_bytes(shape), sizeof(nst_real));
    if (values) k->import_planar(exec, shape, values, g.data);
    return g;
}

static guarded input(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, const nst_real *values)
{
    guarded g = features(k, exec, c, shape, values);
    guarded_freeze(&g);
    return g;
}

static void take(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, guarded *g, double *result)
{
    size_t count = nst_shape_count(shape);
    guarded planar = reals(c, NULL, count);
    k->export_planar(exec, shape, g->data, planar.data);
    for (size_t i = 0; i < count; i++) result[i] = (double)((nst_real *)planar.data)[i];
    guarded_free(c, &planar);
    guarded_free(c, g);
}

/* Counts */

static nst_shape out_shape(const op_case *c)
{
    return (nst_shape){c->out_channels, c->shape.height, c->shape.width};
}

static nst_shape pooled_shape(const op_case *c)
{
    return (nst_shape){c->shape.channels, c->shape.height / 2, c->shape.width / 2};
}

static size_t one(const op_case *c)
{
    (void)c;
    return 1;
}

static size_t few(const op_case *c)
{
    (void)c;
    return 8;
}

static size_t count_in(const op_case *c)
{
    return nst_shape_count(c->shape);
}

static size_t count_out(const op_case *c)
{
    return nst_shape_count(out_shape(c));
}

static size_t count_pooled(const op_case *c)
{
    return nst_shape_count(pooled_shape(c));
}

static size_t count_gram(const op_case *c)
{
    return c->shape.channels * c->shape.channels;
}

static size_t count_moments(const op_case *c)
{
    return 2 * c->shape.channels;
}

static size_t terms_forward(const op_case *c)
{
    return c->shape.channels * c->size * c->size + 2;
}

/* Up to four positions reach an edge value through the padding. */
static size_t terms_backward(const op_case *c)
{
    return 4 * c->out_channels * c->size * c->size + 2;
}

static size_t terms_channels(const op_case *c)
{
    return c->shape.channels + 2;
}

static size_t terms_positions(const op_case *c)
{
    return nst_shape_positions(c->shape) + 2;
}

static size_t terms_all(const op_case *c)
{
    return nst_shape_count(c->shape) + 2;
}

/* Operations */

static void run_layout(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded g = features(k, exec, c, c->shape, v->a);
    take(k, exec, c, c->shape, &g, result);
}

typedef void conv_fn(const nst_exec *, const nst_conv *, size_t, size_t, const void *, void *, void *);

static void run_conv(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, conv_fn *function,
                     nst_shape from, nst_shape to, double *result)
{
    nst_conv conv = {.in_channels = c->shape.channels, .out_channels = c->out_channels, .size = c->size, .pad = c->pad,
                     .weight = v->weight, .bias = v->bias};
    guarded x = input(k, exec, c, from, v->a), y = features(k, exec, c, to, NULL);
    guarded workspace = guarded_new(c, k->conv_workspace(&conv, from.height, from.width), sizeof(nst_real));
    function(exec, &conv, from.height, from.width, x.data, y.data, workspace.data);
    take(k, exec, c, to, &y, result);
    guarded_free(c, &x);
    guarded_free(c, &workspace);
}

static void run_conv_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    run_conv(k, exec, c, v, k->conv_forward, c->shape, out_shape(c), result);
}

static void run_conv_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    run_conv(k, exec, c, v, k->conv_backward, out_shape(c), c->shape, result);
}

static void run_relu_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded y = features(k, exec, c, c->shape, v->a);
    k->relu_forward(exec, c->shape, y.data);
    take(k, exec, c, c->shape, &y, result);
}

static void run_relu_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded y = features(k, exec, c, c->shape, v->a), dy = features(k, exec, c, c->shape, v->b);
    k->relu_forward(exec, c->shape, y.data);
    guarded_freeze(&y);
    k->relu_backward(exec, c->shape, y.data, dy.data);
    take(k, exec, c, c->shape, &dy, result);
    guarded_free(c, &y);
}

static void run_pool_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, pooled_shape(c), NULL);
    k->pool_forward(exec, c->pool, v->alpha, c->shape, x.data, y.data);
    take(k, exec, c, pooled_shape(c), &y, result);
    guarded_free(c, &x);
}

static void run_pool_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, pooled_shape(c), NULL);
    guarded dy = input(k, exec, c, pooled_shape(c), v->b), dx = features(k, exec, c, c->shape, NULL);
    k->pool_forward(exec, c->pool, v->alpha, c->shape, x.data, y.data);
    guarded_freeze(&y);
    k->pool_backward(exec, c->pool, v->alpha, c->shape, x.data, y.data, dy.data, dx.data);
    take(k, exec, c, c->shape, &dx, result);
    guarded_free(c, &x);
    guarded_free(c, &y);
    guarded_free(c, &dy);
}

static void run_gram(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), gram = guarded_new(c, count_gram(c) * sizeof(double), sizeof(double));
    guarded workspace = guarded_new(c, k->gram_workspace(c->shape), sizeof(nst_real));
    double *g = gram.data;
    for (size_t i = 0; i < count_gram(c); i++) g[i] = (double)(i % 7); /* it is added to */
    k->gram_accumulate(exec, c->shape, c->row0, c->row1, f.data, g, workspace.data);
    for (size_t i = 0; i < count_gram(c); i++) result[i] = g[i];
    guarded_free(c, &f);
    guarded_free(c, &gram);
    guarded_free(c, &workspace);
}

static void run_matrix(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), grad = features(k, exec, c, c->shape, v->b);
    guarded matrix = reals(c, v->weight, count_gram(c));
    guarded_freeze(&matrix);
    k->matrix_times_features(exec, c->shape, c->row0, c->row1, matrix.data, f.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &matrix);
}

static void run_squared_difference(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                   double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), t = input(k, exec, c, c->shape, v->b);
    *result = k->squared_difference(exec, c->shape, c->row0, c->row1, f.data, t.data);
    guarded_free(c, &f);
    guarded_free(c, &t);
}

static void run_difference_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                    double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), t = input(k, exec, c, c->shape, v->b);
    guarded grad = features(k, exec, c, c->shape, v->c);
    k->difference_backward(exec, c->shape, c->row0, c->row1, v->alpha, f.data, t.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &t);
}

static void run_moments(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t channels = c->shape.channels;
    guarded f = input(k, exec, c, c->shape, v->a), sums = guarded_new(c, channels * sizeof(double), sizeof(double));
    guarded squares = guarded_new(c, channels * sizeof(double), sizeof(double));
    for (size_t i = 0; i < channels; i++) ((double *)sums.data)[i] = ((double *)squares.data)[i] = (double)i;
    k->moments(exec, c->shape, f.data, sums.data, squares.data);
    for (size_t i = 0; i < channels; i++) result[i] = ((double *)sums.data)[i];
    for (size_t i = 0; i < channels; i++) result[channels + i] = ((double *)squares.data)[i];
    guarded_free(c, &f);
    guarded_free(c, &sums);
    guarded_free(c, &squares);
}

static void run_all_finite(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t count = nst_shape_count(c->shape), place = count ? (c->row0 * 31 + c->size * 7 + c->out_channels) % count : 0;
    nst_real kept = count ? v->a[place] : 0;
    if (c->poisoned && count) v->a[place] = (nst_real)(c->out_channels % 2 ? NAN : -INFINITY);
    guarded a = input(k, exec, c, c->shape, v->a);
    if (count) v->a[place] = kept;
    *result = k->all_finite(exec, c->shape, a.data) != 0;
    guarded_free(c, &a);
}

static void run_dot(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded a = reals(c, v->a, count_in(c)), b = reals(c, v->b, count_in(c));
    guarded_freeze(&a);
    guarded_freeze(&b);
    *result = k->dot(exec, count_in(c), a.data, b.data);
    guarded_free(c, &a);
    guarded_free(c, &b);
}

static void take_vector(const op_case *c, guarded *g, double *result)
{
    for (size_t i = 0; i < count_in(c); i++) result[i] = (double)((nst_real *)g->data)[i];
    guarded_free(c, g);
}

static void run_axpy(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = reals(c, v->a, count_in(c)), y = reals(c, v->b, count_in(c));
    guarded_freeze(&x);
    k->axpy(exec, count_in(c), v->alpha, x.data, y.data);
    take_vector(c, &y, result);
    guarded_free(c, &x);
}

static void run_axpby(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = reals(c, v->a, count_in(c)), y = reals(c, v->beta == 0 ? NULL : v->b, count_in(c));
    guarded_freeze(&x);
    k->axpby(exec, count_in(c), v->alpha, x.data, v->beta, y.data);
    take_vector(c, &y, result);
    guarded_free(c, &x);
}

#define SLOT(member) #member, offsetof(nst_kernels, member)

const test_op ops[] = {
    {SLOT(import_planar), count_in, run_layout, NULL, false, false},
    {SLOT(export_planar), count_in, run_layout, NULL, false, false},
    {SLOT(conv_forward), count_out, run_conv_forward, terms_forward, false, false},
    {SLOT(conv_backward), count_in, run_conv_backward, terms_backward, false, false},
    {SLOT(relu_forward), count_in, run_relu_forward, NULL, false, false},
    {SLOT(relu_backward), count_in, run_relu_backward, NULL, false, false},
    {SLOT(pool_forward), count_pooled, run_pool_forward, few, false, false},
    {SLOT(pool_backward), count_in, run_pool_backward, few, false, false},
    {SLOT(gram_accumulate), count_gram, run_gram, terms_positions, false, false},
    {SLOT(matrix_times_features), count_in, run_matrix, terms_channels, false, false},
    {SLOT(squared_difference), one, run_squared_difference, terms_all, true, true},
    {SLOT(difference_backward), count_in, run_difference_backward, few, false, true},
    {SLOT(moments), count_moments, run_moments, terms_positions, true, false},
    {SLOT(all_finite), one, run_all_finite, NULL, false, false},
    {SLOT(dot), one, run_dot, terms_all, true, false},
    {SLOT(axpy), count_in, run_axpy, few, false, false},
    {SLOT(axpby), count_in, run_axpby, few, false, false},
};
const size_t op_count = sizeof ops / sizeof ops[0];

/* Cases and values */

static size_t below(nst_random *random, size_t limit)
{
    return nst_random_u64(random) % limit;
}

/* Many small shapes with every tail; some with more positions than one band or chunk; some deep; some empty. */
op_case op_case_random(nst_random *random)
{
    op_case c = {.shape = {1 + below(random, 20), 1 + below(random, 20), 1 + below(random, 36)}};
    c.out_channels = 1 + below(random, 20);
    size_t kind = below(random, 24);
    if (kind == 0) c.shape = (nst_shape){1 + below(random, 6), 60 + below(random, 40), 60 + below(random, 50)};
    else if (kind == 1) c.shape.channels = 300;
    else if (kind == 2) c.shape.channels = 0;
    else if (kind == 3) c.shape.height = 0;
    else if (kind == 4) c.shape.width = 0;
    else if (kind == 5) c.out_channels = 0;
    else if (kind <= 7) c.shape.height = 1;
    else if (kind <= 9) c.shape.width = 1;
    else if (kind == 10) c.shape.height = 30, c.shape.width = 32, c.shape.channels = 200; /* several bands of a deep layer */
    c.size = below(random, 4) ? 3 : 1;
    c.pad = (nst_pad_mode)below(random, 3);
    c.pool = (nst_pool_mode)below(random, 3);
    c.row0 = below(random, c.shape.height + 1);
    c.row1 = c.row0 + below(random, c.shape.height - c.row0 + 1);
    if (below(random, 2)) c.row0 = 0, c.row1 = c.shape.height;
    c.integers = below(random, 2);
    c.poisoned = below(random, 2);
    c.misalignment = below(random, 2);
    return c;
}

static nst_real *values_new(nst_random *random, size_t count, bool integers)
{
    nst_real *values = test_alloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = integers ? (nst_real)(int)below(random, 7) - 3 : (nst_real)(2 * nst_random_uniform(random) - 1);
    return values;
}

op_values op_values_new(nst_random *random, const op_case *c)
{
    size_t channels = c->shape.channels > c->out_channels ? c->shape.channels : c->out_channels;
    op_values v = {.feature_count = channels * nst_shape_positions(c->shape), .bias_count = c->out_channels};
    v.weight_count = c->shape.channels * (c->out_channels * c->size * c->size + c->shape.channels);
    v.a = values_new(random, v.feature_count, c->integers);
    v.b = values_new(random, v.feature_count, c->integers);
    v.c = values_new(random, v.feature_count, c->integers);
    v.weight = values_new(random, v.weight_count, c->integers);
    v.bias = values_new(random, v.bias_count, c->integers);
    v.alpha = c->integers ? 4 : (nst_real)1.7;
    v.beta = below(random, 3) == 0 ? 0 : c->integers ? -2 : (nst_real)-0.3;
    return v;
}

static nst_real *magnitudes(const nst_real *values, size_t count, nst_real sign)
{
    nst_real *result = test_alloc(count * sizeof *result);
    for (size_t i = 0; i < count; i++) result[i] = sign * (values[i] < 0 ? -values[i] : values[i]);
    return result;
}

op_values op_values_magnitudes(const op_values *v, bool subtracts_b)
{
    op_values m = *v;
    m.a = magnitudes(v->a, v->feature_count, 1);
    m.b = magnitudes(v->b, v->feature_count, subtracts_b ? -1 : 1);
    m.c = magnitudes(v->c, v->feature_count, 1);
    m.weight = magnitudes(v->weight, v->weight_count, 1);
    m.bias = magnitudes(v->bias, v->bias_count, 1);
    m.beta = v->beta < 0 ? -v->beta : v->beta;
    return m;
}

void op_values_free(op_values *v)
{
    free(v->a);
    free(v->b);
    free(v->c);
    free(v->weight);
    free(v->bias);
}

/* Ways to run jobs */

void exec_forwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

void exec_backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = count; i-- > 0;) job(data, i);
}

void exec_shuffled(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    uint32_t *order = test_alloc(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = (uint32_t)below(user, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (uint32_t i = 0; i < count; i++) job(data, order[i]);
    free(order);
}
