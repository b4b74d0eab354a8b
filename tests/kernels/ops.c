#include "ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/bfloat.h"

#include "base/cpu.h"

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
    printf("FAILED %s: %s; C %zu H %zu W %zu out %zu size %zu rows %zu..%zu columns %zu..%zu at %zu, %zu of %zux%zu pad %d pool %d "
           "relu %d noted %d packed %d %s misaligned %zu strands %u\n", op_running, what, c->shape.channels, c->shape.height,
           c->shape.width, c->out_channels, c->size, c->region.row0, c->region.row1, c->region.column0, c->region.column1, c->place.row,
           c->place.column, c->place.shape.height, c->place.shape.width, (int)c->pad, (int)c->pool, c->relu, c->noted, c->packed,
           c->integers ? "integers" : "reals", c->misalignment, (unsigned)c->strands);
}

static size_t add_table(op_table *tables, size_t count, const nst_kernels *k, nst_precision precision)
{
    for (size_t i = 0; i < count; i++)
        if (tables[i].k == k) return count;
    tables[count] = (op_table){k, precision};
    return count + 1;
}

size_t op_tables(op_table tables[OP_MAX_TABLES])
{
    size_t count = 0;
    for (int level = 0; level <= nst_cpu_detect(); level++)
        count = add_table(tables, count, nst_kernels_for(level, NST_PRECISION_FP32), NST_PRECISION_FP32);
    for (int level = 0; level <= nst_cpu_detect(); level++)
        count = add_table(tables, count, nst_kernels_for(level, NST_PRECISION_BF16), NST_PRECISION_BF16);
    return count;
}

void *test_alloc(size_t size)
{
    void *block = calloc(size + 1, 1);
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

static void export(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, const guarded *g, double *result)
{
    size_t count = nst_shape_count(shape);
    guarded planar = reals(c, NULL, count);
    k->export_planar(exec, shape, g->data, planar.data);
    for (size_t i = 0; i < count; i++) result[i] = (double)((nst_real *)planar.data)[i];
    guarded_free(c, &planar);
}

static void take(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, guarded *g, double *result)
{
    export(k, exec, c, shape, g, result);
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

static size_t count_out_and_one(const op_case *c)
{
    return count_out(c) + 1;
}

static size_t count_in_twice(const op_case *c)
{
    return 2 * count_in(c);
}

static size_t count_pooled(const op_case *c)
{
    return nst_shape_count(pooled_shape(c));
}

static size_t count_out_pooled_and_one(const op_case *c)
{
    return c->out_channels * (c->shape.height / 2) * (c->shape.width / 2) + 1;
}

static size_t count_target(const op_case *c)
{
    return nst_shape_count(c->place.shape);
}

static size_t count_gram(const op_case *c)
{
    return c->shape.channels * c->shape.channels;
}

static size_t count_moments(const op_case *c)
{
    return 2 * c->shape.channels;
}

static size_t count_histogram(const op_case *c)
{
    return 3 * c->shape.channels * (NST_BIN_STEPS + 1);
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

/* Convolutions of so many channels may go by transforms (Winograd), whose fractions are rounded. */
static bool may_transform(const op_case *c)
{
    return c->size == 3 && c->shape.channels >= 16 && c->out_channels >= 16;
}

static bool pools_by_l2(const op_case *c)
{
    return c->pool == NST_POOL_L2;
}

/* Operations */

static void run_layout(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded g = features(k, exec, c, c->shape, v->a);
    take(k, exec, c, c->shape, &g, result);
}

/* ---- convolutions ---- */

typedef struct conv_setting {
    nst_conv conv;
    guarded packed[2], workspace;
} conv_setting;

static conv_setting conv_open(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v)
{
    conv_setting s = {.conv = {.in_channels = c->shape.channels, .out_channels = c->out_channels, .size = c->size, .pad = c->pad,
                               .weight = v->weight, .bias = v->bias}};
    for (int way = 0; way < 2; way++) {
        size_t bytes = c->packed ? k->conv_packed_bytes(&s.conv, (nst_direction)way) : 0;
        s.packed[way] = guarded_new(c, bytes, sizeof(nst_real));
        if (bytes > 0) k->conv_pack(exec, &s.conv, (nst_direction)way, s.packed[way].data);
        guarded_freeze(&s.packed[way]);
    }
    for (int way = 0; way < 2; way++)
        if (s.packed[way].bytes > 0) s.conv.packed[way] = s.packed[way].data;
    s.workspace = guarded_new(c, k->conv_workspace(&s.conv, c->shape.height, c->shape.width, exec->strands), sizeof(nst_real));
    return s;
}

static void conv_close(const op_case *c, conv_setting *s)
{
    guarded_free(c, &s->packed[0]);
    guarded_free(c, &s->packed[1]);
    guarded_free(c, &s->workspace);
}

static guarded mask_new(const nst_kernels *k, const op_case *c, nst_shape shape)
{
    return guarded_new(c, k->mask_bytes(shape), sizeof(nst_real));
}

/* What a mask lets through, as planes of 1 and 0: masks have no other face. */
static void show_mask(const nst_kernels *k, const nst_exec *exec, const op_case *c, nst_shape shape, const guarded *mask, double *result)
{
    size_t count = nst_shape_count(shape);
    nst_real *ones = test_alloc(count * sizeof *ones);
    for (size_t i = 0; i < count; i++) ones[i] = 1;
    guarded dy = features(k, exec, c, shape, ones);
    k->relu_backward(exec, shape, mask->data, dy.data);
    take(k, exec, c, shape, &dy, result);
    free(ones);
}

/* y, and in how many places the mask is not y > 0. */
static void run_conv_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    nst_shape out = out_shape(c);
    size_t count = count_out(c);
    conv_setting s = conv_open(k, exec, c, v);
    bool noted = c->relu && c->noted;
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, out, NULL), mask = mask_new(k, c, out);
    k->conv_forward(exec, &s.conv, out.height, out.width, x.data, c->relu, noted ? mask.data : NULL, y.data, s.workspace.data);
    take(k, exec, c, out, &y, result);
    result[count] = 0;
    if (noted) {
        double *shown = test_alloc(count * sizeof *shown);
        guarded_freeze(&mask);
        show_mask(k, exec, c, out, &mask, shown);
        for (size_t i = 0; i < count; i++) result[count] += shown[i] != (result[i] > 0);
        free(shown);
    }
    guarded_free(c, &mask);
    guarded_free(c, &x);
    conv_close(c, &s);
}

/* The mask is that of c. */
static void run_conv_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    nst_shape out = out_shape(c);
    conv_setting s = conv_open(k, exec, c, v);
    guarded dy = input(k, exec, c, out, v->a), dx = features(k, exec, c, c->shape, NULL);
    guarded z = features(k, exec, c, out, v->c), mask = mask_new(k, c, out);
    k->relu_forward(exec, out, z.data, z.data, mask.data);
    guarded_freeze(&mask);
    k->conv_backward(exec, &s.conv, out.height, out.width, dy.data, c->noted ? mask.data : NULL, dx.data, s.workspace.data);
    take(k, exec, c, c->shape, &dx, result);
    guarded_free(c, &dy);
    guarded_free(c, &z);
    guarded_free(c, &mask);
    conv_close(c, &s);
}

static void run_conv_pack(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    op_case packed = *c;
    packed.packed = true;
    run_conv_forward(k, exec, &packed, v, result);
}

/* A window of the convolution's result z: the gradient (1 or nothing) goes to the first of the largest values, or to none if these are
 * 0. Where z is rounded, to one that may be the largest. */
static bool goes_to_maximum(const double *z, const double *dx, size_t width, double tolerance)
{
    const size_t places[] = {0, 1, width, width + 1};
    double most = 0;
    int chosen = -1, first = -1;
    for (int i = 0; i < 4; i++) {
        if (z[places[i]] > most) most = z[places[i]], first = i;
        if (dx[places[i]] == 0) continue;
        if (dx[places[i]] != 1 || chosen >= 0) return false;
        chosen = i;
    }
    if (chosen < 0) return most <= tolerance;
    return tolerance == 0 ? chosen == first : z[places[chosen]] >= most - tolerance;
}

static double count_wrong_windows(nst_shape shape, const double *z, const double *dx, double tolerance)
{
    double wrong = 0, ones = 0, total = 0;
    for (size_t ch = 0; ch < shape.channels; ch++)
        for (size_t row = 0; row + 1 < shape.height; row += 2)
            for (size_t column = 0; column + 1 < shape.width; column += 2) {
                size_t at = (ch * shape.height + row) * shape.width + column;
                wrong += !goes_to_maximum(z + at, dx + at, shape.width, tolerance);
                ones += dx[at] + dx[at + 1] + dx[at + shape.width] + dx[at + shape.width + 1];
            }
    for (size_t i = 0; i < nst_shape_count(shape); i++) total += dx[i];
    return wrong + (total != ones); /* the odd row and column get nothing */
}

/* Against the table's own convolution. */
static double count_wrong_codes(const nst_kernels *k, const nst_exec *exec, const op_case *c, const conv_setting *s, const guarded *x,
                                const guarded *codes)
{
    nst_shape out = out_shape(c), pooled = {out.channels, out.height / 2, out.width / 2};
    size_t count = nst_shape_count(out);
    double *z = test_alloc(count * sizeof *z), *dx = test_alloc(count * sizeof *dx), largest = 0, wrong;
    nst_real *ones = test_alloc(count * sizeof *ones);
    for (size_t i = 0; i < count; i++) ones[i] = 1;
    guarded fz = features(k, exec, c, out, NULL), fdx = features(k, exec, c, out, NULL), fdy = input(k, exec, c, pooled, ones);
    k->conv_forward(exec, &s->conv, out.height, out.width, x->data, true, NULL, fz.data, s->workspace.data);
    k->pool_backward(exec, NST_POOL_MAX, 1, out, NULL, NULL, codes->data, fdy.data, fdx.data);
    take(k, exec, c, out, &fz, z);
    take(k, exec, c, out, &fdx, dx);
    guarded_free(c, &fdy);
    for (size_t i = 0; i < count; i++) largest = fmax(largest, z[i]);
    wrong = count_wrong_windows(out, z, dx, c->integers && !may_transform(c) && !c->rough ? 0 : (c->rough ? 0x1p-6 : 1e-4) * largest);
    free(z);
    free(dx);
    free(ones);
    return wrong;
}

/* y, and how many codes are wrong. Where the slot is empty: what it stands for. */
static void run_conv_pool(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    nst_shape out = out_shape(c), pooled = {out.channels, out.height / 2, out.width / 2};
    conv_setting s = conv_open(k, exec, c, v);
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, pooled, NULL);
    guarded codes = guarded_new(c, k->code_bytes(pooled), sizeof(nst_real));
    result[nst_shape_count(pooled)] = 0;
    if (k->conv_pool_forward) {
        k->conv_pool_forward(exec, &s.conv, out.height, out.width, x.data, v->alpha, y.data, c->noted ? codes.data : NULL,
                             s.workspace.data);
        guarded_freeze(&codes);
        if (c->noted) result[nst_shape_count(pooled)] = count_wrong_codes(k, exec, c, &s, &x, &codes);
    } else {
        guarded z = features(k, exec, c, out, NULL);
        k->conv_forward(exec, &s.conv, out.height, out.width, x.data, true, NULL, z.data, s.workspace.data);
        k->pool_forward(exec, NST_POOL_MAX, v->alpha, out, z.data, y.data, NULL);
        guarded_free(c, &z);
    }
    take(k, exec, c, pooled, &y, result);
    guarded_free(c, &x);
    guarded_free(c, &codes);
    conv_close(c, &s);
}

/* ---- value by value, and pooling ---- */

/* y, and the mask. */
static void run_relu_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    bool in_place = c->relu;
    guarded x = features(k, exec, c, c->shape, v->a), y = features(k, exec, c, c->shape, NULL), mask = mask_new(k, c, c->shape);
    double *shown = result + count_in(c);
    if (!in_place) guarded_freeze(&x);
    k->relu_forward(exec, c->shape, x.data, in_place ? x.data : y.data, c->noted ? mask.data : NULL);
    for (size_t i = 0; i < count_in(c); i++) shown[i] = 0;
    if (c->noted) show_mask(k, exec, c, c->shape, &mask, shown);
    export(k, exec, c, c->shape, in_place ? &x : &y, result);
    guarded_free(c, &x);
    guarded_free(c, &y);
    guarded_free(c, &mask);
}

static void run_relu_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded y = features(k, exec, c, c->shape, v->a), dy = features(k, exec, c, c->shape, v->b), mask = mask_new(k, c, c->shape);
    k->relu_forward(exec, c->shape, y.data, y.data, mask.data);
    guarded_freeze(&mask);
    k->relu_backward(exec, c->shape, mask.data, dy.data);
    take(k, exec, c, c->shape, &dy, result);
    guarded_free(c, &y);
    guarded_free(c, &mask);
}

static void run_pool_forward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, pooled_shape(c), NULL);
    guarded codes = guarded_new(c, k->code_bytes(pooled_shape(c)), sizeof(nst_real));
    k->pool_forward(exec, c->pool, v->alpha, c->shape, x.data, y.data, c->noted ? codes.data : NULL);
    take(k, exec, c, pooled_shape(c), &y, result);
    guarded_free(c, &x);
    guarded_free(c, &codes);
}

/* What a mode does not need is not there. */
static void run_pool_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = input(k, exec, c, c->shape, v->a), y = features(k, exec, c, pooled_shape(c), NULL);
    guarded dy = input(k, exec, c, pooled_shape(c), v->b), dx = features(k, exec, c, c->shape, NULL);
    guarded codes = guarded_new(c, k->code_bytes(pooled_shape(c)), sizeof(nst_real));
    bool l2 = c->pool == NST_POOL_L2, max = c->pool == NST_POOL_MAX;
    k->pool_forward(exec, c->pool, v->alpha, c->shape, x.data, y.data, max ? codes.data : NULL);
    guarded_freeze(&y);
    guarded_freeze(&codes);
    k->pool_backward(exec, c->pool, v->alpha, c->shape, l2 ? x.data : NULL, l2 ? y.data : NULL, max ? codes.data : NULL, dy.data,
                     dx.data);
    take(k, exec, c, c->shape, &dx, result);
    guarded_free(c, &x);
    guarded_free(c, &y);
    guarded_free(c, &dy);
    guarded_free(c, &codes);
}

/* ---- regions ---- */

static void run_gram(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), gram = guarded_new(c, count_gram(c) * sizeof(double), sizeof(double));
    guarded workspace = guarded_new(c, k->gram_workspace(c->shape, exec->strands), sizeof(nst_real));
    double *g = gram.data;
    for (size_t i = 0; i < count_gram(c); i++) g[i] = (double)(i % 7); /* it is added to */
    k->gram_accumulate(exec, c->shape, c->region, f.data, g, workspace.data);
    for (size_t i = 0; i < count_gram(c); i++) result[i] = g[i];
    guarded_free(c, &f);
    guarded_free(c, &gram);
    guarded_free(c, &workspace);
}

static void run_matrix(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), grad = features(k, exec, c, c->shape, v->b);
    guarded matrix = reals(c, v->weight, count_gram(c));
    guarded workspace = guarded_new(c, k->gram_workspace(c->shape, exec->strands), sizeof(nst_real));
    guarded_freeze(&matrix);
    k->matrix_times_features(exec, c->shape, c->region, matrix.data, f.data, grad.data, workspace.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &matrix);
    guarded_free(c, &workspace);
}

static void run_squared_difference(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                   double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), t = input(k, exec, c, c->place.shape, v->b);
    *result = k->squared_difference(exec, c->shape, c->region, f.data, &c->place, t.data);
    guarded_free(c, &f);
    guarded_free(c, &t);
}

static void run_difference_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                    double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), t = input(k, exec, c, c->place.shape, v->b);
    guarded grad = features(k, exec, c, c->shape, v->c);
    k->difference_backward(exec, c->shape, c->region, v->alpha, f.data, &c->place, t.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &t);
}

static void run_copy_region(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), t = features(k, exec, c, c->place.shape, v->b);
    k->copy_region(exec, c->shape, c->region, f.data, &c->place, t.data);
    take(k, exec, c, c->place.shape, &t, result);
    guarded_free(c, &f);
}

/* The weights' rows are further apart than the region's, or all the same. */
static guarded weights_of(const op_case *c, const op_values *v, size_t *pitch)
{
    size_t rows = c->region.row1 - c->region.row0, columns = c->region.column1 - c->region.column0, count;
    guarded g;
    *pitch = c->packed ? 0 : columns + c->noted;
    count = rows > 0 ? (rows - 1) * *pitch + columns : 0;
    g = reals(c, NULL, count);
    for (size_t i = 0; i < count; i++) ((nst_real *)g.data)[i] = v->weight_count ? v->weight[i % v->weight_count] : 0;
    guarded_freeze(&g);
    return g;
}

static void run_weigh(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t pitch;
    guarded weights = weights_of(c, v, &pitch);
    guarded f = input(k, exec, c, c->shape, v->a), t = features(k, exec, c, c->place.shape, v->b);
    k->weigh(exec, c->shape, c->region, weights.data, pitch, f.data, &c->place, t.data);
    take(k, exec, c, c->place.shape, &t, result);
    guarded_free(c, &f);
    guarded_free(c, &weights);
}

static void run_weigh_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t pitch;
    guarded weights = weights_of(c, v, &pitch);
    guarded t = input(k, exec, c, c->place.shape, v->b), grad = features(k, exec, c, c->shape, v->c);
    k->weigh_backward(exec, c->shape, c->region, weights.data, pitch, &c->place, t.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &t);
    guarded_free(c, &weights);
}

/* A target of that shape in 16 bits. Levels that have none keep theirs in as few: the kernels are the same. */
static guarded narrow_target(const nst_kernels *k, const nst_exec *exec, const op_case *c, const nst_real *values, nst_place *place)
{
    guarded wide = input(k, exec, c, c->place.shape, values), narrow;
    nst_place whole = {c->place.shape, 0, 0, true};
    *place = c->place;
    if (!k->narrow_bytes) return wide;
    place->narrow = true;
    narrow = guarded_new(c, k->narrow_bytes(c->place.shape), sizeof(uint16_t));
    k->copy_region(exec, c->place.shape, nst_region_whole(c->place.shape), wide.data, &whole, narrow.data);
    guarded_free(c, &wide);
    guarded_freeze(&narrow);
    return narrow;
}

static void run_squared_difference_narrow(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                          double *result)
{
    nst_place place;
    guarded f = input(k, exec, c, c->shape, v->a), t = narrow_target(k, exec, c, v->b, &place);
    *result = k->squared_difference(exec, c->shape, c->region, f.data, &place, t.data);
    guarded_free(c, &f);
    guarded_free(c, &t);
}

static void run_difference_backward_narrow(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v,
                                           double *result)
{
    nst_place place;
    guarded f = input(k, exec, c, c->shape, v->a), t = narrow_target(k, exec, c, v->b, &place);
    guarded grad = features(k, exec, c, c->shape, v->c);
    k->difference_backward(exec, c->shape, c->region, v->alpha, f.data, &place, t.data, grad.data);
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
    k->moments(exec, c->shape, c->region, f.data, sums.data, squares.data);
    for (size_t i = 0; i < channels; i++) result[i] = ((double *)sums.data)[i];
    for (size_t i = 0; i < channels; i++) result[channels + i] = ((double *)squares.data)[i];
    guarded_free(c, &f);
    guarded_free(c, &sums);
    guarded_free(c, &squares);
}

static void run_moments_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded f = input(k, exec, c, c->shape, v->a), grad = features(k, exec, c, c->shape, v->b);
    guarded of_sums = reals(c, v->weight, c->shape.channels), of_squares = reals(c, v->weight + c->shape.channels, c->shape.channels);
    guarded_freeze(&of_sums);
    guarded_freeze(&of_squares);
    k->moments_backward(exec, c->shape, c->region, of_sums.data, of_squares.data, f.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &of_sums);
    guarded_free(c, &of_squares);
}

/* How far a bin is from the one around zero: the same for values and for their magnitudes. */
static size_t steps_of(size_t bin)
{
    return bin > NST_BIN_STEPS ? bin - NST_BIN_STEPS : NST_BIN_STEPS - bin;
}

static void run_histogram(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t count = c->shape.channels * NST_BINS;
    guarded f = input(k, exec, c, c->shape, v->a), bins = guarded_new(c, count * sizeof(nst_bin), sizeof(double));
    for (size_t i = 0; i < count; i++) ((nst_bin *)bins.data)[i] = (nst_bin){1, (double)i, 2};
    k->histogram(exec, c->shape, c->region, f.data, bins.data);
    memset(result, 0, count_histogram(c) * sizeof *result);
    for (size_t i = 0; i < count; i++) {
        const nst_bin *bin = (const nst_bin *)bins.data + i;
        double *to = result + 3 * (i / NST_BINS * (NST_BIN_STEPS + 1) + steps_of(i % NST_BINS));
        to[0] += bin->count;
        to[1] += bin->sum;
        to[2] += bin->squares;
    }
    guarded_free(c, &f);
    guarded_free(c, &bins);
}

static void run_histogram_backward(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t count = c->shape.channels * NST_BINS;
    guarded f = input(k, exec, c, c->shape, v->a), grad = features(k, exec, c, c->shape, v->b);
    guarded lines = guarded_new(c, count * sizeof(nst_bin_map), sizeof(nst_real));
    for (size_t i = 0; i < count && v->weight_count > 0; i++) {
        size_t at = 7 * (i / NST_BINS) + steps_of(i % NST_BINS);
        ((nst_bin_map *)lines.data)[i] = (nst_bin_map){v->weight[at % v->weight_count], v->weight[(3 * at + 1) % v->weight_count]};
    }
    guarded_freeze(&lines);
    k->histogram_backward(exec, c->shape, c->region, lines.data, f.data, grad.data);
    take(k, exec, c, c->shape, &grad, result);
    guarded_free(c, &f);
    guarded_free(c, &lines);
}

static void run_all_finite(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    size_t count = nst_shape_count(c->shape), place = count ? (c->region.row0 * 31 + c->size * 7 + c->out_channels) % count : 0;
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

/* Passes of an optimiser. What is fused or noted elsewhere says here which vectors are halves. */

static size_t count_in_and_one(const op_case *c)
{
    return count_in(c) + 1;
}

static size_t two(const op_case *c)
{
    (void)c;
    return 2;
}

/* What counts is how y was rounded, unless that is in double like the sum. */
static size_t terms_product(const op_case *c)
{
    return sizeof(nst_real) == sizeof(double) ? terms_all(c) : few(c);
}

static size_t count_in_thrice(const op_case *c)
{
    return 3 * count_in(c);
}

static bool always(const op_case *c)
{
    (void)c;
    return true;
}

static guarded frozen(const op_case *c, const nst_real *values)
{
    guarded g = reals(c, values, count_in(c));
    guarded_freeze(&g);
    return g;
}

static guarded halves(const op_case *c, const nst_real *values)
{
    guarded g = guarded_new(c, count_in(c) * sizeof(uint16_t), sizeof(uint16_t));
    for (size_t i = 0; values && i < count_in(c); i++) ((uint16_t *)g.data)[i] = nst_bfloat_round(values[i]);
    if (values) guarded_freeze(&g);
    return g;
}

static nst_real lower_of(const op_case *c)
{
    return c->relu ? (nst_real)-0.5 : (nst_real)-INFINITY;
}

static nst_real upper_of(const op_case *c)
{
    return c->relu ? (nst_real)0.75 : (nst_real)INFINITY;
}

/* y and, behind it, the product. */
static void axpby_dot(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *y_result, double *sum)
{
    guarded x = c->relu ? halves(c, v->a) : frozen(c, v->a), z = c->noted ? halves(c, v->c) : frozen(c, v->c);
    guarded y = reals(c, v->beta == 0 ? NULL : v->b, count_in(c));
    nst_vector xs = {x.data, c->relu ? NST_PRECISION_BF16 : NST_PRECISION_FP32};
    nst_vector zs = {z.data, c->noted ? NST_PRECISION_BF16 : NST_PRECISION_FP32};
    double product = k->axpby_dot(exec, count_in(c), v->alpha, xs, v->beta, y.data, c->packed && c->relu == c->noted ? xs : zs);
    if (sum) *sum = product;
    if (y_result) take_vector(c, &y, y_result);
    else guarded_free(c, &y);
    guarded_free(c, &x);
    guarded_free(c, &z);
}

static void run_axpby_dot(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    axpby_dot(k, exec, c, v, result, NULL);
}

static void run_axpby_dot_product(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    axpby_dot(k, exec, c, v, NULL, result);
}

static void take_stored(const op_case *c, guarded *g, bool is_halves, double *result)
{
    for (size_t i = 0; is_halves && i < count_in(c); i++) result[i] = (double)nst_bfloat_value(((uint16_t *)g->data)[i]);
    if (is_halves) guarded_free(c, g);
    else take_vector(c, g, result);
}

/* s, y, and their products; stored as halves, in place of what was before, or elsewhere. */
static void curvature_pair(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result,
                           double sums[2])
{
    bool in_place = !c->relu && c->noted;
    guarded x = frozen(c, v->a), g = frozen(c, v->c), x_before = reals(c, v->b, count_in(c)), g_before = reals(c, v->b, count_in(c));
    guarded s = c->relu ? halves(c, NULL) : reals(c, NULL, count_in(c)), y = c->relu ? halves(c, NULL) : reals(c, NULL, count_in(c));
    if (!in_place) guarded_freeze(&x_before);
    if (!in_place) guarded_freeze(&g_before);
    k->curvature_pair(exec, count_in(c), x.data, x_before.data, g.data, g_before.data,
                      c->relu ? NST_PRECISION_BF16 : NST_PRECISION_FP32, in_place ? x_before.data : s.data,
                      in_place ? g_before.data : y.data, sums);
    take_stored(c, in_place ? &x_before : &s, c->relu, result);
    take_stored(c, in_place ? &g_before : &y, c->relu, result + count_in(c));
    guarded_free(c, &x);
    guarded_free(c, &g);
    guarded_free(c, in_place ? &s : &x_before);
    guarded_free(c, in_place ? &y : &g_before);
}

static void run_curvature_pair(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    double sums[2];
    curvature_pair(k, exec, c, v, result, sums);
}

static void run_curvature_pair_sums(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    double *pair = test_alloc(2 * count_in(c) * sizeof *pair);
    curvature_pair(k, exec, c, v, pair, result);
    free(pair);
}

/* A step of nothing must be seen to be one. */
static void run_move(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = frozen(c, v->a), d = frozen(c, v->b), to = reals(c, NULL, count_in(c));
    nst_real lower = c->poisoned ? (nst_real)-INFINITY : lower_of(c), upper = c->poisoned ? (nst_real)INFINITY : upper_of(c);
    int moved = k->move(exec, count_in(c), x.data, c->poisoned ? 0 : v->alpha, d.data, lower, upper, to.data);
    result[count_in(c)] = moved != 0;
    take_vector(c, &to, result);
    guarded_free(c, &x);
    guarded_free(c, &d);
}

static nst_adam adam_of(const op_case *c)
{
    return (nst_adam){.decay_first = 0.9, .decay_second = 0.99, .rate = 0.3, .second_scale = 5, .epsilon = 1e-8,
                      .lower = lower_of(c), .upper = upper_of(c)};
}

/* A second moment that is one. */
static guarded second_moment(const op_case *c, const nst_real *values)
{
    guarded g = reals(c, values, count_in(c));
    nst_real *second = g.data;
    for (size_t i = 0; i < count_in(c); i++) second[i] = second[i] < 0 ? 1 - second[i] : 1 + second[i];
    return g;
}

static void run_adam_step(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = frozen(c, v->a), next = reals(c, v->b, count_in(c)), first = reals(c, v->b, count_in(c)), second = second_moment(c, v->c);
    nst_adam step = adam_of(c);
    k->adam_step(exec, count_in(c), &step, true, x.data, first.data, second.data, next.data);
    take_vector(c, &next, result);
    take_vector(c, &first, result + count_in(c));
    take_vector(c, &second, result + 2 * count_in(c));
    guarded_free(c, &x);
}

/* The moments know the gradient: nothing is changed but the next point, and that is not read. */
static void run_adam_step_again(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result)
{
    guarded x = frozen(c, v->a), first = frozen(c, v->b), second = second_moment(c, v->c), next = reals(c, NULL, count_in(c));
    nst_adam step = adam_of(c);
    guarded_freeze(&second);
    k->adam_step(exec, count_in(c), &step, false, x.data, first.data, second.data, next.data);
    take_vector(c, &next, result);
    guarded_free(c, &x);
    guarded_free(c, &first);
    guarded_free(c, &second);
}

#define SLOT(member) #member, offsetof(nst_kernels, member)

const test_op ops[] = {
    {SLOT(import_planar), count_in, run_layout, NULL, NULL, false, false},
    {SLOT(export_planar), count_in, run_layout, NULL, NULL, false, false},
    {SLOT(conv_pack), count_out_and_one, run_conv_pack, terms_forward, may_transform, false, false},
    {SLOT(conv_forward), count_out_and_one, run_conv_forward, terms_forward, may_transform, false, false},
    {SLOT(conv_pool_forward), count_out_pooled_and_one, run_conv_pool, terms_forward, may_transform, false, false},
    {SLOT(conv_backward), count_in, run_conv_backward, terms_backward, may_transform, false, false},
    {SLOT(relu_forward), count_in_twice, run_relu_forward, NULL, NULL, false, false},
    {SLOT(relu_backward), count_in, run_relu_backward, NULL, NULL, false, false},
    {SLOT(pool_forward), count_pooled, run_pool_forward, few, pools_by_l2, false, false},
    {SLOT(pool_backward), count_in, run_pool_backward, few, pools_by_l2, false, false},
    {SLOT(gram_accumulate), count_gram, run_gram, terms_positions, NULL, false, false},
    {SLOT(matrix_times_features), count_in, run_matrix, terms_channels, NULL, false, false},
    {SLOT(squared_difference), one, run_squared_difference, terms_all, NULL, true, true},
    {SLOT(squared_difference), one, run_squared_difference_narrow, terms_all, NULL, true, true},
    {SLOT(difference_backward), count_in, run_difference_backward, few, NULL, false, true},
    {SLOT(difference_backward), count_in, run_difference_backward_narrow, few, NULL, false, true},
    {SLOT(copy_region), count_target, run_copy_region, NULL, NULL, false, false},
    {SLOT(weigh), count_target, run_weigh, few, NULL, false, false},
    {SLOT(weigh_backward), count_in, run_weigh_backward, few, NULL, false, false},
    {SLOT(moments), count_moments, run_moments, terms_positions, NULL, true, false},
    {SLOT(moments_backward), count_in, run_moments_backward, few, NULL, false, false},
    {SLOT(histogram), count_histogram, run_histogram, terms_positions, NULL, true, false},
    {SLOT(histogram_backward), count_in, run_histogram_backward, few, NULL, false, false},
    {SLOT(all_finite), one, run_all_finite, NULL, NULL, false, false},
    {SLOT(dot), one, run_dot, terms_all, NULL, true, false},
    {SLOT(axpy), count_in, run_axpy, few, NULL, false, false},
    {SLOT(axpby), count_in, run_axpby, few, NULL, false, false},
    {SLOT(axpby_dot), count_in, run_axpby_dot, few, NULL, false, false},
    {SLOT(axpby_dot), one, run_axpby_dot_product, terms_product, NULL, false, false},
    {SLOT(curvature_pair), count_in_twice, run_curvature_pair, NULL, NULL, false, true},
    {SLOT(curvature_pair), two, run_curvature_pair_sums, terms_all, NULL, true, true},
    {SLOT(move), count_in_and_one, run_move, few, NULL, false, false},
    {SLOT(adam_step), count_in_thrice, run_adam_step, few, always, false, true},
    {SLOT(adam_step), count_in, run_adam_step_again, few, always, false, true},
};
const size_t op_count = sizeof ops / sizeof ops[0];
