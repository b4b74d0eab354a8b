/* Derivatives, in double, of every table: linear operations are tested as adjoints, <A x, y> = <x, A' y>; the others by central
 * differences along a direction. Every operation a loss or the network differentiates is here.
 *   adjoint [SEED [CASES]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

static const nst_exec plain = {exec_forwards, NULL, 1};

/* Everything on planes of doubles, so that tests read as formulas. */
typedef struct setting {
    const nst_kernels *k;
    op_case c;
    nst_random *random;
} setting;

static double *random_vector(setting *s, size_t count)
{
    double *v = test_alloc(count * sizeof *v);
    for (size_t i = 0; i < count; i++) v[i] = 2 * nst_random_uniform(s->random) - 1;
    return v;
}

static double inner(size_t count, const double *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The larger side decides; an absolute floor for sums that cancel. */
static void expect_equal(setting *s, double a, double b, double tolerance)
{
    double scale = fmax(fmax(fabs(a), fabs(b)), 1);
    if (fabs(a - b) <= tolerance * scale) return;
    op_fail(&s->c, "the derivative is wrong");
    printf("  %.15g instead of %.15g\n", b, a);
}

static void *imported(setting *s, nst_shape shape, const double *planar)
{
    void *features = test_alloc(s->k->feature_bytes(shape));
    if (planar) s->k->import_planar(&plain, shape, planar, features);
    return features;
}

static double *exported(setting *s, nst_shape shape, void *features)
{
    double *planar = test_alloc(nst_shape_count(shape) * sizeof *planar);
    s->k->export_planar(&plain, shape, features, planar);
    free(features);
    return planar;
}

static void free_all(void *a, void *b, void *c, void *d)
{
    free(a);
    free(b);
    free(c);
    free(d);
}

/* <A x, mask y> = <x, A' (y, mask)>; the mask is that of a ReLU after A. */
static void test_conv(setting *s)
{
    nst_shape in = s->c.shape, out = {s->c.out_channels, in.height, in.width};
    double *weight = random_vector(s, in.channels * out.channels * s->c.size * s->c.size);
    double *bias = random_vector(s, out.channels), *x = random_vector(s, nst_shape_count(in));
    double *y = random_vector(s, nst_shape_count(out));
    nst_conv conv = {in.channels, out.channels, s->c.size, s->c.pad, weight, bias, {NULL, NULL}};
    void *workspace = test_alloc(s->k->conv_workspace(&conv, in.height, in.width, plain.strands));
    void *fx = imported(s, in, x), *fy = imported(s, out, y), *f_ax = imported(s, out, NULL), *f_aty = imported(s, in, NULL);
    void *rectified = imported(s, out, NULL), *mask = test_alloc(s->k->mask_bytes(out));
    s->k->conv_forward(&plain, &conv, in.height, in.width, fx, false, NULL, f_ax, workspace);
    s->k->conv_forward(&plain, &conv, in.height, in.width, fx, true, mask, rectified, workspace);
    s->k->conv_backward(&plain, &conv, in.height, in.width, fy, s->c.noted ? mask : NULL, f_aty, workspace);
    if (s->c.noted) s->k->relu_backward(&plain, out, mask, fy);
    double *ax = exported(s, out, f_ax), *aty = exported(s, in, f_aty), *masked = exported(s, out, fy);
    for (size_t i = 0; i < nst_shape_count(out); i++) ax[i] -= bias[i / nst_shape_positions(out)];
    expect_equal(s, inner(nst_shape_count(out), ax, masked), inner(nst_shape_count(in), x, aty), 1e-12);
    free_all(weight, bias, x, y);
    free_all(workspace, fx, rectified, mask);
    free_all(ax, aty, masked, NULL);
}

static double *pooled(setting *s, const double *x)
{
    nst_shape in = s->c.shape, out = {in.channels, in.height / 2, in.width / 2};
    void *fx = imported(s, in, x), *fy = imported(s, out, NULL);
    s->k->pool_forward(&plain, s->c.pool, 1.3, in, fx, fy, NULL);
    free(fx);
    return exported(s, out, fy);
}

static double *pooled_backward(setting *s, const double *x, const double *dy)
{
    nst_shape in = s->c.shape, out = {in.channels, in.height / 2, in.width / 2};
    void *fx = imported(s, in, x), *fy = imported(s, out, NULL), *fdy = imported(s, out, dy), *fdx = imported(s, in, NULL);
    void *codes = test_alloc(s->k->code_bytes(out));
    s->k->pool_forward(&plain, s->c.pool, 1.3, in, fx, fy, codes);
    s->k->pool_backward(&plain, s->c.pool, 1.3, in, fx, fy, codes, fdy, fdx);
    free_all(fx, fy, fdy, codes);
    return exported(s, in, fdx);
}

static double *rectified(setting *s, const double *x)
{
    void *f = imported(s, s->c.shape, x);
    s->k->relu_forward(&plain, s->c.shape, f, f, NULL);
    return exported(s, s->c.shape, f);
}

static double *rectified_backward(setting *s, const double *x, const double *dy)
{
    void *f = imported(s, s->c.shape, x), *g = imported(s, s->c.shape, dy);
    void *mask = test_alloc(s->k->mask_bytes(s->c.shape));
    s->k->relu_forward(&plain, s->c.shape, f, f, mask);
    s->k->relu_backward(&plain, s->c.shape, mask, g);
    free_all(f, mask, NULL, NULL);
    return exported(s, s->c.shape, g);
}

/* x + step * direction */
static double *moved(size_t count, const double *x, double step, const double *direction)
{
    double *result = test_alloc(count * sizeof *result);
    for (size_t i = 0; i < count; i++) result[i] = x[i] + step * direction[i];
    return result;
}

typedef double *map_fn(setting *s, const double *x);
typedef double *back_fn(setting *s, const double *x, const double *dy);

/* d/dt <r, f(x + t d)> = <d, backward(x, r)>. Kinks: no value may lie within a step of zero or of its neighbour. The step is as long as
 * these and the map's curvature allow: what divides by it are the roundings of long sums. */
static void test_map(setting *s, map_fn *map, back_fn *back, size_t out_count, double step)
{
    size_t count = nst_shape_count(s->c.shape);
    double *x = random_vector(s, count), *d = random_vector(s, count), *r = random_vector(s, out_count);
    for (size_t i = 0; i < count; i++) {
        size_t place_in_window = i % 2 + 2 * (i / s->c.shape.width % 2);
        x[i] = (floor(x[i] * 500) + 0.5) / 500 + (double)place_in_window / 8000;
    }
    double *high_x = moved(count, x, step, d), *low_x = moved(count, x, -step, d);
    double *high = map(s, high_x), *low = map(s, low_x), *gradient = back(s, x, r);
    double found = (inner(out_count, high, r) - inner(out_count, low, r)) / (2 * step);
    expect_equal(s, found, inner(count, d, gradient), 1e-7);
    free_all(x, d, r, gradient);
    free_all(high_x, low_x, high, low);
}

static void test_pool(setting *s)
{
    test_map(s, pooled, pooled_backward, s->c.shape.channels * (s->c.shape.height / 2) * (s->c.shape.width / 2),
             s->c.pool == NST_POOL_L2 ? 1e-6 : 5e-5);
}

static void test_relu(setting *s)
{
    test_map(s, rectified, rectified_backward, nst_shape_count(s->c.shape), 5e-4);
}

/* <S, gram(x)> over the region; S symmetric. */
static double gram_value(setting *s, const double *x, const double *symmetric)
{
    size_t count = s->c.shape.channels * s->c.shape.channels;
    double *gram = test_alloc(count * sizeof *gram);
    void *f = imported(s, s->c.shape, x), *workspace = test_alloc(s->k->gram_workspace(s->c.shape, plain.strands));
    memset(gram, 0, count * sizeof *gram);
    s->k->gram_accumulate(&plain, s->c.shape, s->c.region, f, gram, workspace);
    double value = inner(count, gram, symmetric);
    free_all(gram, f, workspace, NULL);
    return value;
}

/* The value is quadratic in x: the central difference is exact for any step. Its gradient is 2 S x. */
static void test_gram(setting *s)
{
    size_t channels = s->c.shape.channels, count = nst_shape_count(s->c.shape);
    double *x = random_vector(s, count), *d = random_vector(s, count), *matrix = random_vector(s, channels * channels);
    for (size_t i = 0; i < channels; i++)
        for (size_t j = 0; j < i; j++) matrix[i * channels + j] = matrix[j * channels + i];
    double *high = moved(count, x, 0.5, d), *low = moved(count, x, -0.5, d), *zero = moved(count, x, -1, x);
    double found = gram_value(s, high, matrix) - gram_value(s, low, matrix);
    void *f = imported(s, s->c.shape, x), *g = imported(s, s->c.shape, zero);
    for (size_t i = 0; i < channels * channels; i++) matrix[i] *= 2;
    void *workspace = test_alloc(s->k->gram_workspace(s->c.shape, plain.strands));
    s->k->matrix_times_features(&plain, s->c.shape, s->c.region, matrix, f, g, workspace);
    free(workspace);
    double *gradient = exported(s, s->c.shape, g);
    expect_equal(s, found, inner(count, d, gradient), 1e-10); /* a difference of two sums over all features, of some hundreds each */
    free_all(x, d, matrix, f);
    free_all(high, low, zero, gradient);
}

static double difference_value(setting *s, const double *x, const double *target)
{
    void *f = imported(s, s->c.shape, x), *t = imported(s, s->c.place.shape, target);
    double value = s->k->squared_difference(&plain, s->c.shape, s->c.region, f, &s->c.place, t);
    free_all(f, t, NULL, NULL);
    return value;
}

static void test_difference(setting *s)
{
    size_t count = nst_shape_count(s->c.shape);
    double *x = random_vector(s, count), *d = random_vector(s, count), *target = random_vector(s, nst_shape_count(s->c.place.shape));
    double *high = moved(count, x, 0.5, d), *low = moved(count, x, -0.5, d), *zero = moved(count, x, -1, x);
    double found = difference_value(s, high, target) - difference_value(s, low, target);
    void *f = imported(s, s->c.shape, x), *t = imported(s, s->c.place.shape, target), *g = imported(s, s->c.shape, zero);
    s->k->difference_backward(&plain, s->c.shape, s->c.region, 2, f, &s->c.place, t, g);
    double *gradient = exported(s, s->c.shape, g);
    expect_equal(s, found, inner(count, d, gradient), 1e-10); /* a difference of two sums over all features, of some hundreds each */
    free_all(x, d, target, f);
    free_all(high, low, zero, gradient);
    free(t);
}

static double moments_value(setting *s, const double *x, const double *of_sums, const double *of_squares)
{
    size_t channels = s->c.shape.channels;
    double *moments = test_alloc(2 * channels * sizeof *moments);
    void *f = imported(s, s->c.shape, x);
    memset(moments, 0, 2 * channels * sizeof *moments);
    s->k->moments(&plain, s->c.shape, s->c.region, f, moments, moments + channels);
    double value = inner(channels, moments, of_sums) + inner(channels, moments + channels, of_squares);
    free_all(moments, f, NULL, NULL);
    return value;
}

/* Quadratic in x again. */
static void test_moments(setting *s)
{
    size_t channels = s->c.shape.channels, count = nst_shape_count(s->c.shape);
    double *x = random_vector(s, count), *d = random_vector(s, count), *of = random_vector(s, 2 * channels);
    double *high = moved(count, x, 0.5, d), *low = moved(count, x, -0.5, d), *zero = moved(count, x, -1, x);
    double found = moments_value(s, high, of, of + channels) - moments_value(s, low, of, of + channels);
    void *f = imported(s, s->c.shape, x), *g = imported(s, s->c.shape, zero);
    s->k->moments_backward(&plain, s->c.shape, s->c.region, of, of + channels, f, g);
    double *gradient = exported(s, s->c.shape, g);
    expect_equal(s, found, inner(count, d, gradient), 1e-10); /* a difference of two sums over all features, of some hundreds each */
    free_all(x, d, of, f);
    free_all(high, low, zero, gradient);
}

/* Sum over the region of constant f + slope/2 f^2, by the bins' own numbers. */
static double histogram_value(setting *s, const double *x, const nst_bin_map *lines)
{
    size_t count = s->c.shape.channels * NST_BINS;
    nst_bin *bins = test_alloc(count * sizeof *bins);
    void *f = imported(s, s->c.shape, x);
    double value = 0;
    s->k->histogram(&plain, s->c.shape, s->c.region, f, bins);
    for (size_t i = 0; i < count; i++) value += (double)lines[i].constant * bins[i].sum + (double)lines[i].slope / 2 * bins[i].squares;
    free_all(bins, f, NULL, NULL);
    return value;
}

/* Quadratic as long as no value leaves its bin: they begin in the middles, and move by less than a 64th. */
static void test_histogram(setting *s)
{
    size_t count = nst_shape_count(s->c.shape), bins = s->c.shape.channels * NST_BINS;
    double *x = random_vector(s, count), *d = random_vector(s, count), *of = random_vector(s, 2 * bins);
    nst_bin_map *lines = test_alloc(bins * sizeof *lines);
    for (size_t i = 0; i < bins; i++) lines[i] = (nst_bin_map){(nst_real)of[2 * i], (nst_real)of[2 * i + 1]};
    for (size_t i = 0; i < count; i++) {
        size_t bin = nst_bin_of((nst_real)x[i]);
        x[i] = (nst_bin_edge(bin) + nst_bin_edge(bin + 1)) / 2;
        d[i] *= (nst_bin_edge(bin + 1) - nst_bin_edge(bin)) / 64;
    }
    double *high = moved(count, x, 0.5, d), *low = moved(count, x, -0.5, d), *zero = moved(count, x, -1, x);
    double found = histogram_value(s, high, lines) - histogram_value(s, low, lines);
    void *f = imported(s, s->c.shape, x), *g = imported(s, s->c.shape, zero);
    s->k->histogram_backward(&plain, s->c.shape, s->c.region, lines, f, g);
    double *gradient = exported(s, s->c.shape, g);
    expect_equal(s, found, inner(count, d, gradient), 1e-10); /* a difference of two sums over all features, of some hundreds each */
    free_all(x, d, of, f);
    free_all(high, low, zero, gradient);
    free(lines);
}

/* <weigh x, y> = <x, weigh_backward y>: a target of the region's own shape, all of which is written. */
static void test_weigh(setting *s)
{
    nst_region r = s->c.region;
    nst_shape shape = s->c.shape, band = {shape.channels, r.row1 - r.row0, r.column1 - r.column0};
    nst_place place = {band, 0, 0, false};
    size_t count = nst_shape_count(shape), pitch = band.width + 1;
    double *x = random_vector(s, count), *y = random_vector(s, nst_shape_count(band)), *weights = random_vector(s, band.height * pitch);
    double *zero = moved(count, x, -1, x);
    void *f = imported(s, shape, x), *t = imported(s, band, NULL), *fy = imported(s, band, y), *g = imported(s, shape, zero);
    s->k->weigh(&plain, shape, r, weights, pitch, f, &place, t);
    s->k->weigh_backward(&plain, shape, r, weights, pitch, &place, fy, g);
    double *forth = exported(s, band, t), *back = exported(s, shape, g);
    expect_equal(s, inner(nst_shape_count(band), forth, y), inner(count, x, back), 1e-12);
    free_all(x, y, weights, zero);
    free_all(f, fy, forth, back);
}

static const struct {
    const char *name;
    void (*run)(setting *s);
} tests[] = {{"conv", test_conv}, {"pool", test_pool}, {"relu", test_relu}, {"gram", test_gram}, {"difference", test_difference},
             {"moments", test_moments}, {"histogram", test_histogram}, {"weigh", test_weigh}};

int main(int argc, char **argv)
{
    nst_random random = {argc > 1 ? strtoull(argv[1], NULL, 0) : 20240607};
    int cases = argc > 2 ? atoi(argv[2]) : 120;
    printf("seed %llu, %d cases each\n", (unsigned long long)random.state, cases);
    op_table tables[OP_MAX_TABLES];
    size_t count = op_tables(tables);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
            for (int n = 0; n < cases; n++) {
                setting s = {tables[t].k, op_case_random(&random, tables[t].precision), &random};
                op_running = tests[i].name;
                tests[i].run(&s);
            }
    printf("%d failures\n", op_failures);
    return op_failures != 0;
}
