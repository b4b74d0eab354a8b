/* The guided filter (He, Sun, Tang, PAMI 2013) with a guide in colour: in every box of (2 radius + 1)^2 positions, cut at the border, the
 * image is taken for the affine function of the guide that is nearest to it,
 *
 *     a = (covariance of I + epsilon)^-1 covariance of I and p,      b = mean p - a . mean I,
 *
 * and a position gets the mean of what its boxes say: q = (mean a) . I + mean b. Sums over boxes slide along: what they cost does not
 * depend on the radius. Moments are taken in double, where the difference E(I I') - mean mean' is good to 1e-15. */
#include <string.h>

#include "base/size.h"
#include "image/image.h"

enum { GUIDE = 0, SQUARES = 3, IMAGE = 9, PRODUCTS = 10, MOMENTS = 13, COEFFICIENTS = 4 };

typedef struct guiding {
    size_t width, height, radius;
    double epsilon;
    const float *guide;    /* (3, H, W) */
    const float *detailed; /* the guide with more detail (3, H, W), or NULL */
    float *plane;          /* p, then q */
    float *coefficients;   /* (4, H, W): a, b */
    double *columns;       /* (W, MOMENTS): sums over the rows of the boxes at work */
} guiding;

/* What is summed over boxes, and what is made of the sums. */
typedef struct sliding {
    size_t kinds;
    void (*values)(const guiding *g, size_t position, double *values);
    void (*take)(const guiding *g, size_t position, const double *sums, double count);
} sliding;

static void add_row(const guiding *g, const sliding *s, size_t row, double sign)
{
    for (size_t x = 0; x < g->width; x++) {
        double values[MOMENTS];
        s->values(g, row * g->width + x, values);
        for (size_t k = 0; k < s->kinds; k++) g->columns[x * s->kinds + k] += sign * values[k];
    }
}

static void add_column(const guiding *g, const sliding *s, size_t x, double sign, double *sums)
{
    for (size_t k = 0; k < s->kinds; k++) sums[k] += sign * g->columns[x * s->kinds + k];
}

/* How many positions of `length` are at most `radius` from `at`. */
static size_t reach(size_t at, size_t radius, size_t length)
{
    size_t before = at < radius ? at : radius, after = length - 1 - at < radius ? length - 1 - at : radius;
    return before + 1 + after;
}

static void slide_along(const guiding *g, const sliding *s, size_t row)
{
    double sums[MOMENTS] = {0}, rows = (double)reach(row, g->radius, g->height);
    for (size_t x = 0; x < g->radius && x < g->width; x++) add_column(g, s, x, 1, sums);
    for (size_t x = 0; x < g->width; x++) {
        if (g->radius < g->width - x) add_column(g, s, x + g->radius, 1, sums);
        if (x > g->radius) add_column(g, s, x - g->radius - 1, -1, sums);
        s->take(g, row * g->width + x, sums, rows * (double)reach(x, g->radius, g->width));
    }
}

static void slide(const guiding *g, const sliding *s)
{
    memset(g->columns, 0, g->width * s->kinds * sizeof *g->columns);
    for (size_t row = 0; row < g->radius && row < g->height; row++) add_row(g, s, row, 1);
    for (size_t row = 0; row < g->height; row++) {
        if (g->radius < g->height - row) add_row(g, s, row + g->radius, 1);
        if (row > g->radius) add_row(g, s, row - g->radius - 1, -1);
        slide_along(g, s, row);
    }
}

/* ---- moments, coefficients ---- */

static void moments_of(const guiding *g, size_t position, double *values)
{
    size_t count = g->width * g->height, square = SQUARES;
    double p = (double)g->plane[position];
    for (size_t c = 0; c < 3; c++) values[GUIDE + c] = (double)g->guide[c * count + position];
    for (size_t c = 0; c < 3; c++) {
        for (size_t k = c; k < 3; k++) values[square++] = values[GUIDE + c] * values[GUIDE + k];
        values[PRODUCTS + c] = values[GUIDE + c] * p;
    }
    values[IMAGE] = p;
}

/* Elimination of a symmetric system: m holds 00 01 02 11 12 22. */
static void solve(const double m[6], const double v[3], double a[3])
{
    double u01 = m[1] / m[0], u02 = m[2] / m[0], second = m[3] - m[1] * u01, rest = m[4] - m[1] * u02, u12 = rest / second;
    double third = m[5] - m[2] * u02 - rest * u12, below = v[1] - u01 * v[0];
    a[2] = (v[2] - u02 * v[0] - u12 * below) / third;
    a[1] = below / second - u12 * a[2];
    a[0] = v[0] / m[0] - u01 * a[1] - u02 * a[2];
}

static void fit_box(const guiding *g, size_t position, const double *sums, double count)
{
    size_t plane = g->width * g->height, square = 0;
    double mean[MOMENTS], matrix[6], with_image[3], a[3], b;
    for (size_t k = 0; k < MOMENTS; k++) mean[k] = sums[k] / count;
    for (size_t c = 0; c < 3; c++) {
        with_image[c] = mean[PRODUCTS + c] - mean[GUIDE + c] * mean[IMAGE];
        for (size_t k = c; k < 3; k++, square++)
            matrix[square] = mean[SQUARES + square] - mean[GUIDE + c] * mean[GUIDE + k] + (c == k ? g->epsilon : 0);
    }
    solve(matrix, with_image, a);
    b = mean[IMAGE];
    for (size_t c = 0; c < 3; c++) {
        b -= a[c] * mean[GUIDE + c];
        g->coefficients[c * plane + position] = (float)a[c];
    }
    g->coefficients[3 * plane + position] = (float)b;
}

static void coefficients_of(const guiding *g, size_t position, double *values)
{
    for (size_t k = 0; k < COEFFICIENTS; k++) values[k] = (double)g->coefficients[k * g->width * g->height + position];
}

static void apply_box(const guiding *g, size_t position, const double *sums, double count)
{
    double sum = sums[3];
    for (size_t c = 0; c < 3; c++) sum += sums[c] * (double)g->guide[c * g->width * g->height + position];
    g->plane[position] = (float)(sum / count);
}

/* What the detail comes to in the plane, which is an affine function of the guide. */
static void add_detail(const guiding *g, size_t position, const double *sums, double count)
{
    double sum = 0;
    for (size_t c = 0; c < 3; c++) {
        size_t at = c * g->width * g->height + position;
        sum += sums[c] * ((double)g->detailed[at] - (double)g->guide[at]);
    }
    g->plane[position] = (float)((double)g->plane[position] + sum / count);
}

/* ---- planes ---- */

size_t nst_planes_guided_bytes(size_t width, size_t height)
{
    return COEFFICIENTS * width * height * sizeof(float) + MOMENTS * width * sizeof(double);
}

static int32_t guide_planes(guiding *g, nst_ctx *ctx, float *planes, const sliding *apply, nst_error *error)
{
    static const sliding fit = {MOMENTS, moments_of, fit_box};
    size_t count = g->width * g->height, all;
    if (nst_size_mul(count, COEFFICIENTS, &all)) g->coefficients = nst_alloc_array(&ctx->memory, all, sizeof *g->coefficients);
    g->columns = nst_alloc_array(&ctx->memory, MOMENTS * g->width, sizeof *g->columns);
    for (size_t c = 0; c < 3 && g->coefficients && g->columns; c++) {
        g->plane = planes + c * count;
        slide(g, &fit);
        slide(g, apply);
    }
    nst_free(&ctx->memory, g->columns);
    nst_free(&ctx->memory, g->coefficients);
    return g->coefficients && g->columns ? NST_OK : nst_fail_nomem(error, "the guided filter");
}

int32_t nst_planes_guided(nst_ctx *ctx, float *planes, const float *guide, size_t width, size_t height, size_t radius, double epsilon,
                          nst_error *error)
{
    static const sliding apply = {COEFFICIENTS, coefficients_of, apply_box};
    guiding g = {.width = width, .height = height, .radius = radius, .epsilon = epsilon, .guide = guide};
    return guide_planes(&g, ctx, planes, &apply, error);
}

int32_t nst_planes_add_detail(nst_ctx *ctx, float *planes, const float *guide, const float *detailed, size_t width, size_t height,
                              size_t radius, double epsilon, nst_error *error)
{
    static const sliding apply = {COEFFICIENTS, coefficients_of, add_detail};
    guiding g = {.width = width, .height = height, .radius = radius, .epsilon = epsilon, .guide = guide, .detailed = detailed};
    return guide_planes(&g, ctx, planes, &apply, error);
}
