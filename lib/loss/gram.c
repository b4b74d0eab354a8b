/* Style loss on Gram matrices (Gatys et al. 2016, equations 3 to 5). With Ghat = F F^T / M over the M positions of a layer, the plain
 * sum is || Ghat - Ahat ||_F^2 and its gradient 4/M (Ghat - Ahat) F. Dividing each image's matrix by its own M is what makes images
 * of different sizes comparable. */
#include <string.h>

#include "loss/loss.h"

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

static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return tools->kernels->gram_workspace(shape, tools->exec->strands);
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    (void)shape;
    tools->kernels->gram_accumulate(tools->exec, tile->shape, tile->region, features, target, workspace);
}

static void divide_by_positions(nst_shape shape, double *matrix)
{
    double positions = (double)nst_shape_positions(shape);
    for (size_t i = 0; i < matrix_values(shape); i++) matrix[i] /= positions;
}

static void target_finish(nst_shape shape, void *target)
{
    divide_by_positions(shape, target);
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    const double *a = from;
    double *b = to;
    for (size_t i = 0; i < matrix_values(shape); i++) b[i] += weight * a[i];
}

static double squared_norm(nst_shape shape, const double *matrix)
{
    double sum = 0;
    for (size_t i = 0; i < matrix_values(shape); i++) sum += matrix[i] * matrix[i];
    return sum;
}

/* gatys-paper: 1/(4 N^2). neural-style, the mean over N^2 entries of (F F^T/(N M))^2, and gatys-code, 1/N^2 times the mean of
 * (F F^T/M)^2, are both 1/N^4. normalised: relative to the target. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    double n2 = (double)matrix_values(shape), norm;
    switch (dialect) {
    case NST_DIALECT_GATYS_PAPER: return 1 / (4 * n2);
    case NST_DIALECT_NORMALISED: norm = squared_norm(shape, target); return norm > 0 ? 1 / norm : 1;
    default: return 1 / (n2 * n2);
    }
}

/* State: Ghat, after finish() Ghat - Ahat, (C, C) doubles; then the same as reals, times what the gradient wants. */
static size_t state_bytes(nst_shape shape)
{
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
    double *matrix = loss->state;
    divide_by_positions(loss->shape, matrix);
    target_blend(loss->shape, -1, loss->target, matrix);
    return squared_norm(loss->shape, matrix);
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
