/* Content loss: the squared difference of features (Gatys et al. 2016, equation 1). Plain sum: sum over all units of (F - P)^2. */
#include <string.h>

#include "loss/loss.h"

/* Followed by the features themselves, aligned as every block of memory is. */
typedef struct content_target {
    double energy; /* sum of (P - its channel's mean)^2 */
    double power;  /* sum of P^2 */
    char padding[48];
} content_target;

static void *features_of(const void *target)
{
    return (char *)(uintptr_t)target + sizeof(content_target);
}

static size_t target_bytes(const nst_kernels *kernels, nst_shape shape)
{
    return sizeof(content_target) + kernels->feature_bytes(shape);
}

static size_t workspace_bytes(const nst_kernels *kernels, nst_shape shape)
{
    (void)kernels;
    return 2 * shape.channels * sizeof(double);
}

/* Features are kept whole. Their bands lie apart in some layouts, so the copy is taken once, with the first band. */
static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, size_t row0, size_t row1, const void *features,
                              void *target, void *workspace)
{
    content_target *t = target;
    double *sums = workspace, *squares = sums + shape.channels;
    (void)row1;
    if (row0 != 0) return;
    memcpy(features_of(target), features, tools->kernels->feature_bytes(shape));
    memset(sums, 0, workspace_bytes(tools->kernels, shape));
    tools->kernels->moments(tools->exec, shape, features, sums, squares);
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

static size_t state_bytes(nst_shape shape)
{
    (void)shape;
    return sizeof(double);
}

static void begin(nst_loss *loss)
{
    *(double *)loss->state = 0;
}

static void accumulate(nst_loss *loss, size_t row0, size_t row1, const void *features)
{
    *(double *)loss->state += loss->tools.kernels->squared_difference(loss->tools.exec, loss->shape, row0, row1, features,
                                                                      features_of(loss->target));
}

static double finish(nst_loss *loss)
{
    return *(double *)loss->state;
}

static void seed(nst_loss *loss, size_t row0, size_t row1, double scale, const void *features, void *gradient)
{
    loss->tools.kernels->difference_backward(loss->tools.exec, loss->shape, row0, row1, (nst_real)(2 * scale), features,
                                             features_of(loss->target), gradient);
}

const nst_loss_class nst_loss_content = {
    .kind = "content",
    .target_bytes = target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = target_accumulate,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
