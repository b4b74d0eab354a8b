/* Style loss on Gram matrices (Gatys et al. 2016, equations 3 to 5). With Ghat = F F^T / M over the M positions of a layer, the plain
 * sum is || Ghat - Ahat ||_F^2 and its gradient 4/M (Ghat - Ahat) F. Dividing each image's matrix by its own M is what makes images
 * of different sizes comparable. */
#include <string.h>

#include "loss/moments.h"

static size_t matrix_values(nst_shape shape)
{
    return shape.channels * shape.channels;
}

/* A target is Ahat: (C, C) doubles. */
static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return matrix_values(shape) * sizeof(double);
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    (void)shape;
    tools->kernels->gram_accumulate(tools->exec, tile->shape, tile->region, features, target, workspace);
}

static void target_finish(nst_shape shape, void *target)
{
    nst_values_divide(matrix_values(shape), (double)nst_shape_positions(shape), target);
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    nst_values_add(matrix_values(shape), weight, from, to);
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    return nst_second_factor(dialect, shape, nst_values_power(matrix_values(shape), target));
}

/* State: Ghat, after finish() Ghat - Ahat, (C, C) doubles; then the same as reals, times what the gradient wants. */
static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return matrix_values(shape) * (sizeof(double) + sizeof(nst_real));
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, matrix_values(loss->shape) * sizeof(double));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    loss->tools.kernels->gram_accumulate(loss->tools.exec, tile->shape, tile->region, features, loss->state, loss->workspace);
}

static double finish(nst_loss *loss)
{
    target_finish(loss->shape, loss->state);
    target_blend(loss->shape, -1, loss->target, loss->state);
    return nst_values_power(matrix_values(loss->shape), loss->state);
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const double *difference = loss->state;
    nst_real *matrix = (nst_real *)(void *)((double *)loss->state + matrix_values(loss->shape));
    double each = 4 * scale / (double)nst_shape_positions(loss->shape);
    for (size_t i = 0; i < matrix_values(loss->shape); i++) matrix[i] = (nst_real)(each * difference[i]);
    loss->tools.kernels->matrix_times_features(loss->tools.exec, tile->shape, tile->region, matrix, features, gradient, loss->workspace);
}

const nst_loss_class nst_loss_gram = {
    .kind = "style",
    .target_bytes = target_bytes,
    .workspace_bytes = nst_moments_workspace_bytes,
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
