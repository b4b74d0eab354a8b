/* Style loss on Gram matrices of regions (Gatys, Ecker, Bethge, Hertzmann, Shechtman, CVPR 2017). With the guide T_r of a region, a weight
 * for every position, F_r = T_r o F and G_r = F_r F_r^T / sum of T_r^2, the plain sum is, over the regions,
 *
 *     sum of lambda_r f_r || G_r - A_r ||_F^2        and its gradient  sum of 4 lambda_r f_r / (sum of T_r^2) T_r o ((G_r - A_r) F_r)
 *
 * A_r is the same of the style image and its guide; lambda_r the region's share of the picture, so that every position is drawn alike;
 * f_r what the dialect multiplies a difference of Gram matrices with, by the region's own A_r. With one region that is all of the picture
 * this is gram.c. A region that has no positions at a layer, in the picture or in all styles, has no part in the sum there. */
#include <string.h>

#include "loss/bands.h"
#include "loss/moments.h"

static size_t matrix_values(nst_shape shape)
{
    return shape.channels * shape.channels;
}

/* How many regions there are, a double, and of each a number and a matrix (C, C). In a target: the weight of the styles that have the
 * region, 1 before they are blended, and A_r times that; while it gathers, sum of T_r^2 and F_r F_r^T. */
typedef struct region {
    double *mass, *matrix;
} region;

static size_t region_values(nst_shape shape)
{
    return 1 + matrix_values(shape);
}

static region region_in(nst_shape shape, const void *memory, size_t index)
{
    double *values = (double *)(uintptr_t)memory + 1 + index * region_values(shape);
    return (region){values, values + 1};
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return (1 + tools->regions * region_values(shape)) * sizeof(double);
}

static size_t regions_of(const void *target)
{
    return (size_t)*(const double *)target;
}

/* Two bands of features, then what Gram matrices want. */
static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return 2 * nst_band_bytes(tools, shape) + nst_moments_workspace_bytes(tools, shape);
}

typedef struct room {
    void *features, *gradient, *gram;
} room;

static room room_in(const nst_loss_tools *tools, nst_shape shape, void *workspace)
{
    char *begin = workspace;
    size_t bytes = nst_band_bytes(tools, shape);
    return (room){begin, begin + bytes, begin + 2 * bytes};
}

static const nst_real *guide_of(const nst_loss_tools *tools, nst_shape shape, size_t index)
{
    return tools->guide + index * nst_shape_positions(shape);
}

static double power_of(const nst_band *band)
{
    double sum = 0;
    for (size_t y = 0; y < band->shape.height; y++)
        for (size_t x = 0; x < band->shape.width; x++) {
            double t = (double)band->weights[y * band->pitch + x];
            sum += t * t;
        }
    return sum;
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    room r = room_in(tools, shape, workspace);
    *(double *)target = (double)tools->regions;
    for (size_t i = 0; i < tools->regions; i++) {
        region own = region_in(shape, target, i);
        nst_band band;
        for (size_t row = 0; nst_band_next(shape, tile, guide_of(tools, shape, i), &row, &band);) {
            nst_band_take(tools, tile, &band, features, r.features);
            tools->kernels->gram_accumulate(tools->exec, band.shape, nst_region_whole(band.shape), r.features, own.matrix, r.gram);
            *own.mass += power_of(&band);
        }
    }
}

static void target_finish(nst_shape shape, void *target)
{
    for (size_t i = 0; i < regions_of(target); i++) {
        region own = region_in(shape, target, i);
        if (*own.mass == 0) continue;
        nst_values_divide(matrix_values(shape), *own.mass, own.matrix);
        *own.mass = 1;
    }
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    *(double *)to = *(const double *)from;
    nst_values_add(regions_of(from) * region_values(shape), weight, (const double *)from + 1, (double *)to + 1);
}

/* Each region has its own, in finish(). */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    (void)dialect;
    (void)shape;
    (void)target;
    return 1;
}

/* State: as a target, sum of T_r^2 and F_r F_r^T; after finish() 4 lambda_r f_r / sum of T_r^2 and G_r - A_r. Then a matrix as reals. */
static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return target_bytes(tools, shape) + matrix_values(shape) * sizeof(nst_real);
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, target_bytes(&loss->tools, loss->shape));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    target_accumulate(&loss->tools, loss->shape, tile, features, loss->state, loss->workspace);
}

static double finish_region(const nst_loss *loss, size_t index)
{
    region own = region_in(loss->shape, loss->state, index), wanted = region_in(loss->shape, loss->target, index);
    size_t count = matrix_values(loss->shape);
    double mass = *own.mass, blended = *wanted.mass, each;
    *own.mass = 0;
    if (mass == 0 || blended == 0) return 0;
    each = loss->tools.shares[index] *
           nst_second_factor(loss->dialect, loss->shape, nst_values_power(count, wanted.matrix) / (blended * blended));
    nst_values_divide(count, mass, own.matrix);
    nst_values_add(count, -1 / blended, wanted.matrix, own.matrix);
    *own.mass = 4 * each / mass;
    return each * nst_values_power(count, own.matrix);
}

static double finish(nst_loss *loss)
{
    double sum = 0;
    for (size_t i = 0; i < loss->tools.regions; i++) sum += finish_region(loss, i);
    return sum;
}

static void seed_region(const nst_loss *loss, const nst_tile *tile, size_t index, const nst_real *matrix, const void *features,
                        void *gradient)
{
    const nst_loss_tools *tools = &loss->tools;
    room r = room_in(tools, loss->shape, loss->workspace);
    nst_band band;
    for (size_t row = 0; nst_band_next(loss->shape, tile, guide_of(tools, loss->shape, index), &row, &band);) {
        nst_band_take(tools, tile, &band, features, r.features);
        nst_band_clear(tools, &band, r.gradient);
        tools->kernels->matrix_times_features(tools->exec, band.shape, nst_region_whole(band.shape), matrix, r.features, r.gradient,
                                              r.gram);
        nst_band_give(tools, tile, &band, r.gradient, gradient);
    }
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    nst_real *matrix = (nst_real *)(void *)((char *)loss->state + target_bytes(&loss->tools, loss->shape));
    for (size_t index = 0; index < loss->tools.regions; index++) {
        region own = region_in(loss->shape, loss->state, index);
        for (size_t i = 0; i < matrix_values(loss->shape); i++) matrix[i] = (nst_real)(scale * *own.mass * own.matrix[i]);
        if (*own.mass != 0) seed_region(loss, tile, index, matrix, features, gradient);
    }
}

const nst_loss_class nst_loss_guided = {
    .kind = "style",
    .target_bytes = target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .target_blend = target_blend,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
