/* Content loss: the squared difference of features (Gatys et al. 2016, equation 1). Plain sum: sum over all units of (F - P)^2. Beside it
 * the features' moments are taken, which tell how much of the content is kept. Weighted, each position's part counts w times: the guide is
 * the plane of sqrt(w), and the sum is taken of the squares of sqrt(w) o (F - P); what is kept is measured over all positions alike. */
#include <math.h>
#include <string.h>

#include "loss/bands.h"

/* Followed by the sum and the sum of squares of every channel (C doubles each), then by the features themselves, aligned as every block
 * of memory is. */
typedef struct content_target {
    double energy; /* sum of (P - its channel's mean)^2 */
    double power;  /* sum of P^2 */
    char padding[48];
} content_target;

static double *sums_of(const void *target)
{
    return (double *)(void *)((char *)(uintptr_t)target + sizeof(content_target));
}

double nst_content_power(const void *target)
{
    return ((const content_target *)target)->power;
}

static size_t sums_bytes(nst_shape shape)
{
    size_t bytes = 2 * shape.channels * sizeof(double);
    return (bytes + sizeof(content_target) - 1) / sizeof(content_target) * sizeof(content_target);
}

static void *features_of(nst_shape shape, const void *target)
{
    return (char *)sums_of(target) + sums_bytes(shape);
}

static bool is_narrow(const nst_loss_tools *tools)
{
    return tools->narrow && tools->kernels->narrow_bytes;
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    const nst_kernels *kernels = tools->kernels;
    return sizeof(content_target) + sums_bytes(shape) + (is_narrow(tools) ? kernels->narrow_bytes(shape) : kernels->feature_bytes(shape));
}

/* Weighted: two bands, and what moments come to. */
static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return tools->weighted ? 2 * nst_band_bytes(tools, shape) + 2 * shape.channels * sizeof(double) : 0;
}

static nst_place place_of(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile)
{
    return (nst_place){shape, tile->row, tile->column, is_narrow(tools)};
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    nst_place place = place_of(tools, shape, tile);
    double *sums = sums_of(target);
    (void)workspace;
    tools->kernels->copy_region(tools->exec, tile->shape, tile->region, features, &place, features_of(shape, target));
    tools->kernels->moments(tools->exec, tile->shape, tile->region, features, sums, sums + shape.channels);
}

static void target_finish(nst_shape shape, void *target)
{
    content_target *t = target;
    const double *sums = sums_of(target), *squares = sums + shape.channels;
    for (size_t c = 0; c < shape.channels; c++) {
        t->power += squares[c];
        t->energy += squares[c] - sums[c] * sums[c] / (double)nst_shape_positions(shape);
    }
}

/* gatys-paper: 1/2; neural-style and gatys-code: mean over units; normalised: relative to the centred energy of the target, with a
 * floor so that a blank content image divides by something. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const content_target *t = target;
    double floor = 1e-3 * t->power, energy = t->energy > floor ? t->energy : floor;
    switch (dialect) {
    case NST_DIALECT_GATYS_PAPER: return 0.5;
    case NST_DIALECT_NORMALISED: return energy > 0 ? 1 / energy : 1 / (double)nst_shape_count(shape);
    default: return 1 / (double)nst_shape_count(shape);
    }
}

/* State: sum of (F - P)^2, sum and sum of squares of every channel of F (C doubles each), and the weighted sum. */
static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return (2 + 2 * shape.channels) * sizeof(double);
}

static double *weighted_sum_of(const nst_loss *loss)
{
    return (double *)loss->state + 1 + 2 * loss->shape.channels;
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, state_bytes(&loss->tools, loss->shape));
}

/* In the first band of the workspace sqrt(w) o scale (F - P); the second is used. */
static void take_difference(const nst_loss *loss, const nst_tile *tile, const nst_band *band, nst_real scale, const void *features)
{
    const nst_loss_tools *tools = &loss->tools;
    char *first = loss->workspace, *second = first + nst_band_bytes(tools, loss->shape);
    nst_place here = {band->shape, 0, 0, false}, there = {loss->shape, band->row, band->column, is_narrow(tools)};
    nst_region all = nst_region_whole(band->shape);
    tools->kernels->copy_region(tools->exec, tile->shape, band->region, features, &here, first);
    nst_band_clear(tools, band, second);
    tools->kernels->difference_backward(tools->exec, band->shape, all, scale, first, &there, features_of(loss->shape, loss->target),
                                        second);
    tools->kernels->weigh(tools->exec, band->shape, all, band->weights, band->pitch, second, &here, first);
}

static void accumulate_weighted(nst_loss *loss, const nst_tile *tile, const void *features)
{
    const nst_loss_tools *tools = &loss->tools;
    double *sums = (double *)(void *)((char *)loss->workspace + 2 * nst_band_bytes(tools, loss->shape));
    double *squares = sums + loss->shape.channels;
    nst_band band;
    memset(sums, 0, 2 * loss->shape.channels * sizeof *sums);
    for (size_t row = 0; nst_band_next(loss->shape, tile, tools->guide, &row, &band);) {
        take_difference(loss, tile, &band, 1, features);
        tools->kernels->moments(tools->exec, band.shape, nst_region_whole(band.shape), loss->workspace, sums, squares);
    }
    for (size_t c = 0; c < loss->shape.channels; c++) *weighted_sum_of(loss) += squares[c];
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    const nst_kernels *kernels = loss->tools.kernels;
    nst_place place = place_of(&loss->tools, loss->shape, tile);
    double *state = loss->state, *sums = state + 1;
    *state += kernels->squared_difference(loss->tools.exec, tile->shape, tile->region, features, &place,
                                          features_of(loss->shape, loss->target));
    kernels->moments(loss->tools.exec, tile->shape, tile->region, features, sums, sums + loss->shape.channels);
    if (loss->tools.guide) accumulate_weighted(loss, tile, features);
}

static double finish(nst_loss *loss)
{
    return loss->tools.guide ? *weighted_sum_of(loss) : *(double *)loss->state;
}

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* Sum over channels of (sum a)(sum b)/M: what centring takes from an inner product of features. */
static double mean_product(nst_shape shape, const double *a, const double *b)
{
    double sum = 0;
    for (size_t c = 0; c < shape.channels; c++) sum += a[c] * b[c];
    return sum / (double)nst_shape_positions(shape);
}

/* <F,P> comes from |F - P|^2, so that features are read once. */
double nst_content_retention(const nst_loss *loss)
{
    const double rounding = 1e-12; /* of the power; less variance than that is none */
    nst_shape shape = loss->shape;
    const double *f = (const double *)loss->state + 1, *p = sums_of(loss->target);
    double power_f = sum_of(f + shape.channels, shape.channels), power_p = sum_of(p + shape.channels, shape.channels);
    double variance_f = power_f - mean_product(shape, f, f), variance_p = power_p - mean_product(shape, p, p);
    double covariance = (power_f + power_p - *(const double *)loss->state) / 2 - mean_product(shape, f, p);
    if (!(variance_f > rounding * power_f) || !(variance_p > rounding * power_p)) return (double)NAN;
    return covariance / sqrt(variance_f * variance_p);
}

static void seed_weighted(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    nst_band band;
    for (size_t row = 0; nst_band_next(loss->shape, tile, loss->tools.guide, &row, &band);) {
        take_difference(loss, tile, &band, (nst_real)(2 * scale), features);
        nst_band_give(&loss->tools, tile, &band, loss->workspace, gradient);
    }
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    nst_place place = place_of(&loss->tools, loss->shape, tile);
    if (loss->tools.guide) {
        seed_weighted(loss, tile, scale, features, gradient);
        return;
    }
    loss->tools.kernels->difference_backward(loss->tools.exec, tile->shape, tile->region, (nst_real)(2 * scale), features, &place,
                                             features_of(loss->shape, loss->target), gradient);
}

const nst_loss_class nst_loss_content = {
    .kind = "content",
    .target_bytes = target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
