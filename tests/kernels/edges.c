/* What the contract says about edges, ties and special values, of every table: against PyTorch 2.13 (float64, F.pad + F.conv2d,
 * F.max_pool2d, F.avg_pool2d, F.lp_pool2d; small integers, so that equality is asked) and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "ops.h"

static const nst_exec plain = {exec_forwards, NULL, 1};
static bool rough; /* the table at test rounds its results to eight bits */

/* Runs the test for every table that this machine can run. */
static void at_every_table(void (*test)(const nst_kernels *k))
{
    op_table tables[OP_MAX_TABLES];
    size_t count = op_tables(tables);
    for (size_t i = 0; i < count; i++) {
        rough = tables[i].precision == NST_PRECISION_BF16;
        print_message("%s%s\n", tables[i].k->name, rough ? ", bf16" : "");
        test(tables[i].k);
    }
}

enum { MOST = 512 };

/* Features of up to MOST reals in the table's own layout. */
typedef struct features {
    double storage[4 * MOST]; /* layouts may pad */
} features;

static void put(const nst_kernels *k, nst_shape shape, const int *values, features *f)
{
    nst_real planar[MOST];
    assert_true(k->feature_bytes(shape) <= sizeof f->storage && nst_shape_count(shape) <= MOST);
    for (size_t i = 0; i < nst_shape_count(shape); i++) planar[i] = (nst_real)values[i];
    k->import_planar(&plain, shape, planar, f->storage);
}

static void expect(const nst_kernels *k, nst_shape shape, const features *f, const double *expected, double tolerance)
{
    nst_real planar[MOST];
    k->export_planar(&plain, shape, f->storage, planar);
    for (size_t i = 0; i < nst_shape_count(shape); i++)
        if (!(fabs((double)planar[i] - expected[i]) <= tolerance + (rough ? fabs(expected[i]) * 0x1p-7 : 0)))
            fail_msg("at %zu: %.9g instead of %.9g", i, (double)planar[i], expected[i]);
}

/* Memory for as long as a test's part runs. */
typedef struct scratch {
    void *workspace, *mask, *codes;
} scratch;

static scratch scratch_new(const nst_kernels *k, const nst_conv *conv, nst_shape shape, nst_shape pooled)
{
    size_t convolution = conv ? k->conv_workspace(conv, shape.height, shape.width, 1) : 0, gram = k->gram_workspace(shape, 1);
    return (scratch){test_alloc(convolution > gram ? convolution : gram), test_alloc(k->mask_bytes(shape)),
                     test_alloc(k->code_bytes(pooled))};
}

static void scratch_free(scratch *s)
{
    free(s->workspace);
    free(s->mask);
    free(s->codes);
}

static const int conv_x[24] = {0, 1, -3, -1, -3, -1, 2, -2, 3, -3, 3, -4, -2, -2, -4, 0, -1, 2, 4, 4, -4, 1, 2, -3};
static const int conv_dy[24] = {2, 1, -2, 0, 2, 0, 1, 1, 1, -2, 1, -1, 2, 0, 0, -2, 1, -1, 2, -2, 2, 2, 1, 1};
static const int conv_weight[36] = {-1, -1, 1, 2, 2, -1, 1, -2, -1, 2, 0, 2, 3, -1, 1, 1, 1, -1,
                                    -2, 1, -3, 2, 3, 3, -2, -1, 1, 0, 0, -3, -2, 2, 3, 3, 3, -2};
static const double conv_y[3][24] = {
    {4, -8, -5, -5, -12, -25, 9, 15, 21, -1, 12, 16, -14, -16, -8, 19, -27, 22, 24, -4, -13, 7, -20, -24},
    {12, 4, 4, 6, -15, -25, 9, 1, 28, -7, 11, 33, -4, -29, -10, -32, -26, 22, 24, 34, -16, 11, -12, -11},
    {-13, -24, -8, -11, -26, -25, 9, 27, 7, 0, 13, 40, -4, 6, -10, 14, -49, 22, 24, 7, -31, -6, -6, -54}};
static const double conv_dx[3][24] = {
    {13, -5, -2, -12, -1, -4, 1, 5, 5, 8, 13, 4, 5, 4, 12, -10, 7, -7, -14, -3, -5, 14, 4, -3},
    {13, -1, -1, -12, -12, -15, 1, 2, 5, 14, 14, 4, 5, 10, 14, -10, 20, 15, -9, -8, -5, 18, 9, -3},
    {10, -8, 5, -9, -2, -4, 1, -8, -2, 10, 11, 8, 17, -2, 14, -6, 21, -7, -14, -9, 17, 17, 8, 0}};

static void conv_at(const nst_kernels *k)
{
    nst_shape shape = {2, 3, 4};
    nst_real weight[36], bias[2] = {1, -2};
    features x, y;
    for (int i = 0; i < 36; i++) weight[i] = (nst_real)conv_weight[i];
    for (int pad = 0; pad < 3; pad++) {
        nst_conv conv = {2, 2, 3, (nst_pad_mode)pad, weight, bias, {NULL, NULL}};
        scratch s = scratch_new(k, &conv, shape, shape);
        double rectified[24];
        put(k, shape, conv_x, &x);
        k->conv_forward(&plain, &conv, 3, 4, x.storage, false, NULL, y.storage, s.workspace);
        expect(k, shape, &y, conv_y[pad], 0);
        for (int i = 0; i < 24; i++) rectified[i] = fmax(conv_y[pad][i], 0);
        k->conv_forward(&plain, &conv, 3, 4, x.storage, true, s.mask, y.storage, s.workspace);
        expect(k, shape, &y, rectified, 0);
        put(k, shape, conv_dy, &x);
        k->conv_backward(&plain, &conv, 3, 4, x.storage, NULL, y.storage, s.workspace);
        expect(k, shape, &y, conv_dx[pad], 0);
        for (int i = 0; i < 24; i++) rectified[i] = conv_y[pad][i] > 0 ? conv_dy[i] : 0;
        k->relu_backward(&plain, shape, s.mask, x.storage);
        expect(k, shape, &x, rectified, 0);
        scratch_free(&s);
    }
}

/* PyTorch refuses to reflect a line of one value; here it is repeated: every tap sees the one value 2. */
static void reflect_one_at(const nst_kernels *k)
{
    nst_real weight[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, bias[1] = {0};
    nst_conv conv = {1, 1, 3, NST_PAD_REFLECT, weight, bias, {NULL, NULL}};
    nst_shape pixel = {1, 1, 1}, line = {1, 1, 3};
    scratch s = scratch_new(k, &conv, line, line);
    features x, y;
    put(k, pixel, (int[]){2}, &x);
    k->conv_forward(&plain, &conv, 1, 1, x.storage, false, NULL, y.storage, s.workspace);
    expect(k, pixel, &y, (double[]){90}, 0);
    k->conv_backward(&plain, &conv, 1, 1, x.storage, NULL, y.storage, s.workspace);
    expect(k, pixel, &y, (double[]){90}, 0);
    put(k, line, (int[]){1, 10, 100}, &x); /* summed columns of the kernel: 12, 15, 18 */
    k->conv_forward(&plain, &conv, 1, 3, x.storage, false, NULL, y.storage, s.workspace);
    expect(k, line, &y, (double[]){120 + 15 + 180, 12 + 150 + 1800, 120 + 1500 + 180}, 0);
    scratch_free(&s);
}

static const int pool_x[25] = {3, 1, 0, 0, 9, 3, 3, 0, 0, 9, -1, -2, 5, 7, 9, -4, -1, 7, 5, 9, 8, 8, 8, 8, 8};

/* Ties go to the first; the odd row and column get nothing. */
static void pool_at(const nst_kernels *k)
{
    nst_shape in = {1, 5, 5}, out = {1, 2, 2};
    scratch s = scratch_new(k, NULL, in, out);
    features x, y, dy, dx;
    put(k, in, pool_x, &x);
    put(k, out, (int[]){4, 8, 16, 32}, &dy);
    k->pool_forward(&plain, NST_POOL_MAX, 1, in, x.storage, y.storage, s.codes);
    expect(k, out, &y, (double[]){3, 0, -1, 7}, 0);
    k->pool_backward(&plain, NST_POOL_MAX, 1, in, NULL, NULL, s.codes, dy.storage, dx.storage);
    expect(k, in, &dx, (double[]){4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0);
    k->pool_forward(&plain, NST_POOL_AVERAGE, 1, in, x.storage, y.storage, NULL);
    expect(k, out, &y, (double[]){2.5, 0, -2, 6}, 0);
    k->pool_backward(&plain, NST_POOL_AVERAGE, 1, in, NULL, NULL, NULL, dy.storage, dx.storage);
    expect(k, in, &dx, (double[]){1, 1, 2, 2, 0, 1, 1, 2, 2, 0, 4, 4, 8, 8, 0, 4, 4, 8, 8, 0, 0, 0, 0, 0, 0}, 0);
    k->pool_forward(&plain, NST_POOL_L2, 1, in, x.storage, y.storage, NULL);
    expect(k, out, &y, (double[]){5.291502622129181, 0, 4.69041575982343, 12.165525060596439}, 1e-5);
    k->pool_backward(&plain, NST_POOL_L2, 1, in, x.storage, y.storage, NULL, dy.storage, dx.storage);
    expect(k, in, &dx, (double[]){2.267786838, 0.755928946, 0, 0, 0, 2.267786838, 2.267786838, 0, 0, 0,
                                  -3.411211461, -6.822422923, 13.15191896, 18.41268654, 0,
                                  -13.64484585, -3.411211461, 18.41268654, 13.15191896, 0, 0, 0, 0, 0, 0}, 1e-5);
    scratch_free(&s);
}

/* scale multiplies result and gradient of every mode. */
static void pool_scale_at(const nst_kernels *k)
{
    nst_shape in = {1, 2, 2}, out = {1, 1, 1};
    const double y_expected[3] = {12, 6.75, 15};
    const double dx_expected[3][4] = {{0, 0, 0, 6}, {1.5, 1.5, 1.5, 1.5}, {2.4, 1.2, 2.4, 4.8}};
    scratch s = scratch_new(k, NULL, in, out);
    features x, y, dy, dx;
    put(k, in, (int[]){2, 1, 2, 4}, &x);
    put(k, out, (int[]){2}, &dy);
    for (int mode = 0; mode < 3; mode++) {
        k->pool_forward(&plain, (nst_pool_mode)mode, 3, in, x.storage, y.storage, s.codes);
        k->pool_backward(&plain, (nst_pool_mode)mode, 3, in, x.storage, y.storage, s.codes, dy.storage, dx.storage);
        expect(k, out, &y, &y_expected[mode], 1e-5);
        expect(k, in, &dx, dx_expected[mode], 1e-5);
    }
    scratch_free(&s);
}

/* With a ReLU in between: no gradient goes where the largest is 0, else to the first of the largest. */
static void conv_pool_at(const nst_kernels *k)
{
    nst_shape in = {1, 5, 5}, out = {1, 2, 2};
    nst_real weight[1] = {1}, bias[1] = {0};
    nst_conv conv = {1, 1, 1, NST_PAD_ZERO, weight, bias, {NULL, NULL}};
    scratch s = scratch_new(k, &conv, in, out);
    features x, y, dy, dx;
    put(k, in, pool_x, &x);
    put(k, out, (int[]){4, 8, 16, 32}, &dy);
    if (k->conv_pool_forward) {
        k->conv_pool_forward(&plain, &conv, 5, 5, x.storage, 2, y.storage, s.codes, s.workspace);
        expect(k, out, &y, (double[]){6, 0, 0, 14}, 0);
        k->pool_backward(&plain, NST_POOL_MAX, 2, in, NULL, NULL, s.codes, dy.storage, dx.storage);
        expect(k, in, &dx, (double[]){8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0);
    }
    scratch_free(&s);
}

/* A ReLU that is fused with its convolution does not hide one either, but lets no gradient through. */
static void nan_conv(const nst_kernels *k, nst_shape shape, const features *x, size_t place)
{
    nst_real weight[1] = {1}, bias[1] = {0}, result[4];
    nst_conv conv = {1, 1, 1, NST_PAD_ZERO, weight, bias, {NULL, NULL}};
    scratch s = scratch_new(k, &conv, shape, shape);
    features y, dy;
    k->conv_forward(&plain, &conv, 2, 2, x->storage, true, s.mask, y.storage, s.workspace);
    k->export_planar(&plain, shape, y.storage, result);
    assert_true(isnan(result[place]));
    put(k, shape, (int[]){1, 1, 1, 1}, &dy);
    k->relu_backward(&plain, shape, s.mask, dy.storage);
    k->export_planar(&plain, shape, dy.storage, result);
    assert_true(result[place] == 0 && (place == 1 || result[1] == 1));
    if (k->conv_pool_forward) {
        k->conv_pool_forward(&plain, &conv, 2, 2, x->storage, 1, y.storage, s.codes, s.workspace);
        k->export_planar(&plain, (nst_shape){1, 1, 1}, y.storage, result);
        assert_true(isnan(result[0]));
    }
    scratch_free(&s);
}

static void nan_at(const nst_kernels *k)
{
    nst_shape shape = {1, 2, 2}, out = {1, 1, 1};
    for (size_t place = 0; place < 4; place++) {
        nst_real planar[4] = {-1, 2, 3, -4}, result[4];
        features x, y;
        planar[place] = (nst_real)NAN;
        k->import_planar(&plain, shape, planar, x.storage);
        assert_false(k->all_finite(&plain, shape, x.storage));
        for (int mode = 0; mode < 3; mode++) {
            k->pool_forward(&plain, (nst_pool_mode)mode, 1, shape, x.storage, y.storage, NULL);
            k->export_planar(&plain, out, y.storage, result);
            assert_true(isnan(result[0]));
        }
        nan_conv(k, shape, &x, place);
        k->relu_forward(&plain, shape, x.storage, x.storage, NULL);
        k->export_planar(&plain, shape, x.storage, result);
        assert_true(isnan(result[place]));
        assert_true(place == 0 || result[0] == 0);
    }
}

static void infinity_at(const nst_kernels *k)
{
    nst_shape shape = {3, 5, 7};
    nst_real planar[105] = {0};
    features x;
    for (size_t i = 0; i < 105; i++) {
        planar[i] = i % 2 ? (nst_real)INFINITY : (nst_real)-INFINITY;
        k->import_planar(&plain, shape, planar, x.storage);
        assert_false(k->all_finite(&plain, shape, x.storage));
        planar[i] = (nst_real)3e38; /* finite in eight bits too */
    }
    k->import_planar(&plain, shape, planar, x.storage);
    assert_true(k->all_finite(&plain, shape, x.storage));
}

/* Positions outside the region neither count nor change; regions add up. */
static void regions_at(const nst_kernels *k)
{
    nst_shape shape = {2, 3, 2};
    const nst_region first = {0, 1, 0, 2}, second = {1, 2, 0, 2}, third = {2, 3, 0, 2}, none = {1, 1, 0, 2}, corner = {1, 2, 1, 2};
    const nst_place whole = {{2, 3, 2}, 1, 0, false}, top = {{2, 3, 2}, 0, 0, false};
    const int values[12] = {1, 2, 3, 4, 5, 6, 1, 1, 1, 1, 1, 1}, zeros[12] = {0};
    nst_real matrix[4] = {2, 0, 1, 0};
    double gram[4] = {0}, sums[2] = {0}, squares[2] = {0};
    scratch s = scratch_new(k, NULL, shape, shape);
    features f, t, grad;
    put(k, shape, values, &f);
    put(k, shape, zeros, &t);
    put(k, shape, zeros, &grad);
    k->gram_accumulate(&plain, shape, second, f.storage, gram, s.workspace);
    assert_true(gram[0] == 25 && gram[1] == 7 && gram[2] == 7 && gram[3] == 2);
    k->gram_accumulate(&plain, shape, third, f.storage, gram, s.workspace);
    k->gram_accumulate(&plain, shape, none, f.storage, gram, s.workspace);
    assert_true(gram[0] == 86 && gram[1] == 18 && gram[2] == 18 && gram[3] == 4);
    k->gram_accumulate(&plain, shape, corner, f.storage, gram, s.workspace);
    assert_true(gram[0] == 102 && gram[1] == 22 && gram[2] == 22 && gram[3] == 5);
    assert_true(k->squared_difference(&plain, shape, second, f.storage, &whole, t.storage) == 27);
    k->moments(&plain, shape, corner, f.storage, sums, squares);
    assert_true(sums[0] == 4 && sums[1] == 1 && squares[0] == 16 && squares[1] == 1);
    k->matrix_times_features(&plain, shape, second, matrix, f.storage, grad.storage, s.workspace);
    expect(k, shape, &grad, (double[]){0, 0, 6, 8, 0, 0, 0, 0, 3, 4, 0, 0}, 0);
    k->difference_backward(&plain, shape, first, 2, f.storage, &top, t.storage, grad.storage);
    expect(k, shape, &grad, (double[]){2, 4, 6, 8, 0, 0, 2, 2, 3, 4, 0, 0}, 0);
    k->moments_backward(&plain, shape, corner, (nst_real[]){10, 20}, (nst_real[]){1, 3}, f.storage, grad.storage);
    expect(k, shape, &grad, (double[]){2, 4, 6, 26, 0, 0, 2, 2, 3, 30, 0, 0}, 0);
    scratch_free(&s);
}

/* Two channels, a column of them: values of one bin and of others, zeros, either sign. */
static void histogram_at(const nst_kernels *k)
{
    nst_shape shape = {2, 3, 2};
    const nst_region column = {0, 3, 1, 2};
    const int values[12] = {9, 4, 9, 4, 9, 0, 9, -1, 9, 1, 9, 100};
    nst_bin *bins = test_alloc(2 * NST_BINS * sizeof *bins), *second = bins + NST_BINS;
    nst_bin_map *lines = test_alloc(2 * NST_BINS * sizeof *lines);
    features f, grad;
    put(k, shape, values, &f);
    put(k, shape, (int[12]){0}, &grad);
    k->histogram(&plain, shape, column, f.storage, bins);
    assert_true(bins[nst_bin_of(4)].count == 2 && bins[nst_bin_of(4)].sum == 8 && bins[nst_bin_of(4)].squares == 32);
    assert_true(bins[NST_BIN_STEPS].count == 1 && bins[NST_BIN_STEPS].sum == 0 && bins[nst_bin_of(9)].count == 0);
    assert_true(second[nst_bin_of(-1)].sum == -1 && second[nst_bin_of(1)].sum == 1 && second[nst_bin_of(100)].squares == 10000);
    lines[nst_bin_of(4)] = (nst_bin_map){2, 3};
    lines[NST_BIN_STEPS] = (nst_bin_map){7, 1};
    lines[NST_BINS + nst_bin_of(-1)] = (nst_bin_map){5, 1};
    k->histogram_backward(&plain, shape, column, lines, f.storage, grad.storage);
    expect(k, shape, &grad, (double[]){0, 14, 0, 14, 0, 7, 0, 4, 0, 0, 0, 0}, 0);
    free(bins);
    free(lines);
}

/* A target of another size: what lies around the place stays, and the place is where the region is held against. */
static void places_at(const nst_kernels *k)
{
    nst_shape shape = {1, 3, 3}, target = {1, 2, 4};
    const nst_region region = {1, 3, 0, 2};
    const nst_place place = {target, 0, 2, false};
    features f, t, grad;
    put(k, shape, (int[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, &f);
    put(k, target, (int[]){-1, -2, -3, -4, -5, -6, -7, -8}, &t);
    k->copy_region(&plain, shape, region, f.storage, &place, t.storage);
    expect(k, target, &t, (double[]){-1, -2, 4, 5, -5, -6, 7, 8}, 0);
    assert_true(k->squared_difference(&plain, shape, region, f.storage, &place, t.storage) == 0);
    put(k, target, (int[]){0, 0, 3, 5, 0, 0, 9, 8}, &t);
    assert_true(k->squared_difference(&plain, shape, region, f.storage, &place, t.storage) == 5);
    put(k, shape, (int[9]){0}, &grad);
    k->difference_backward(&plain, shape, region, 3, f.storage, &place, t.storage, grad.storage);
    expect(k, shape, &grad, (double[]){0, 0, 0, 3, 0, 0, -6, 0, 0}, 0);
    k->weigh(&plain, shape, region, (const nst_real[]){2, 1, 99, 0, 3}, 3, f.storage, &place, t.storage);
    expect(k, target, &t, (double[]){0, 0, 8, 5, 0, 0, 0, 24}, 0);
    k->weigh_backward(&plain, shape, region, (const nst_real[]){2, 1, 99, 0, 3}, 3, &place, t.storage, grad.storage);
    expect(k, shape, &grad, (double[]){0, 0, 0, 19, 5, 0, -6, 72, 0}, 0);
}

/* Sums are taken in double: beside the large products, float would lose the small ones. */
static void double_sums_at(const nst_kernels *k)
{
    enum { N = 3 * 4096 + 5 };
    nst_real *big = test_alloc(N * sizeof *big), *one = test_alloc(N * sizeof *one);
    double exact = 0;
    for (size_t i = 0; i < N; i++) big[i] = i % 3 ? 1 : 33554432, one[i] = i % 3 == 2 ? 1 : 0.5;
    for (size_t i = 0; i < N; i++) exact += (double)big[i] * (double)one[i];
    assert_true(k->dot(&plain, N, big, one) == exact);
    free(big);
    free(one);
}

#define AT_EVERY_TABLE(name)                                                                                                  \
    static void test_##name(void **state)                                                                                     \
    {                                                                                                                         \
        (void)state;                                                                                                          \
        at_every_table(name##_at);                                                                                            \
    }

AT_EVERY_TABLE(conv)
AT_EVERY_TABLE(reflect_one)
AT_EVERY_TABLE(pool)
AT_EVERY_TABLE(pool_scale)
AT_EVERY_TABLE(nan)
AT_EVERY_TABLE(infinity)
AT_EVERY_TABLE(regions)
AT_EVERY_TABLE(places)
AT_EVERY_TABLE(histogram)

/* Every bin begins at its edge, seen from zero; what lies beyond the last is in it. */
static void test_bins(void **state)
{
    (void)state;
    for (size_t step = 1; step <= NST_BIN_STEPS; step++) {
        nst_real least = (nst_real)nst_bin_magnitude(step), below = least * (nst_real)(1 - 1e-6);
        assert_int_equal(nst_bin_of(least), NST_BIN_STEPS + step);
        assert_int_equal(nst_bin_of(-least), NST_BIN_STEPS - step);
        assert_int_equal(nst_bin_of(below), NST_BIN_STEPS + step - 1);
        assert_int_equal(nst_bin_of(-below), NST_BIN_STEPS - step + 1);
        assert_true(nst_bin_edge(NST_BIN_STEPS + step) == (double)least && nst_bin_edge(NST_BIN_STEPS + 1 - step) == -(double)least);
    }
    assert_true(nst_bin_magnitude(1) == 1.0 / 65536 && nst_bin_edge(NST_BINS) == 65536 && nst_bin_edge(0) == -65536);
    assert_true(nst_bin_of(0) == NST_BIN_STEPS && nst_bin_of(-(nst_real)0) == NST_BIN_STEPS);
    assert_true(nst_bin_of((nst_real)1e30) == NST_BINS - 1 && nst_bin_of(-(nst_real)INFINITY) == 0);
    assert_true(nst_bin_of((nst_real)NAN) == NST_BINS - 1 || nst_bin_of((nst_real)NAN) == 0);
}

AT_EVERY_TABLE(conv_pool)
AT_EVERY_TABLE(double_sums)

/* A level this build does not have is the best one it has; a precision it does not have is fp32. */
static void test_levels(void **state)
{
    (void)state;
    for (int precision = NST_PRECISION_FP32; precision <= NST_PRECISION_BF16; precision++) {
        assert_ptr_equal(nst_kernels_for(-1, (nst_precision)precision), nst_kernels_for(0, NST_PRECISION_FP32));
        assert_ptr_equal(nst_kernels_for(1000, (nst_precision)precision), nst_kernels_for(999, (nst_precision)precision));
    }
    assert_string_equal(nst_kernels_for(0, NST_PRECISION_FP32)->name, "reference");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),     cmocka_unit_test(test_reflect_one), cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_scale), cmocka_unit_test(test_conv_pool), cmocka_unit_test(test_nan),
        cmocka_unit_test(test_infinity), cmocka_unit_test(test_regions),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_histogram), cmocka_unit_test(test_bins),
        cmocka_unit_test(test_double_sums), cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
