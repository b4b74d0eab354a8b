/* Total variation: half the sum of squared differences between neighbours, right and below, in units of 0..255, over the positions
 * that have both (jcjohnson/neural-style, whose TVLoss gradient this is the value of). It works on the picture itself, planar reals
 * (3, H, W), not on features: `features` below are these. */
#include <string.h>

#include "loss/loss.h"

static const double squared_unit = 255.0 * 255.0;

static size_t target_bytes(const nst_kernels *kernels, nst_shape shape)
{
    (void)kernels;
    (void)shape;
    return 2 * sizeof(double); /* total variation of the content image; what it is at least taken for */
}

static size_t workspace_bytes(const nst_kernels *kernels, nst_shape shape)
{
    (void)kernels;
    (void)shape;
    return 0;
}

/* Rows [row0, row1) of all channels; a row needs the one below it. */
static double variation(nst_shape shape, size_t row0, size_t row1, const nst_real *x)
{
    double sum = 0;
    if (row1 > shape.height - 1) row1 = shape.height - 1;
    for (size_t c = 0; c < shape.channels; c++) {
        for (size_t row = row0; row < row1; row++) {
            const nst_real *here = x + (c * shape.height + row) * shape.width, *below = here + shape.width;
            double line = 0;
            for (size_t i = 0; i + 1 < shape.width; i++) {
                double right = (double)here[i + 1] - (double)here[i], down = (double)below[i] - (double)here[i];
                line += right * right + down * down;
            }
            sum += line;
        }
    }
    return squared_unit * sum / 2;
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, size_t row0, size_t row1, const void *features,
                              void *target, void *workspace)
{
    const nst_real *x = features;
    double *t = target, power = 0;
    (void)tools;
    (void)workspace;
    t[0] += variation(shape, row0, row1, x);
    for (size_t c = 0; c < shape.channels; c++)
        for (size_t i = row0 * shape.width; i < row1 * shape.width; i++)
            power += (double)x[c * nst_shape_positions(shape) + i] * (double)x[c * nst_shape_positions(shape) + i];
    t[1] += 1e-3 * squared_unit * power;
}

/* normalised: relative to the content image's own variation; every other dialect takes the sum as it is. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const double *t = target;
    double reference = t ? (t[0] > t[1] ? t[0] : t[1]) : 0;
    if (dialect != NST_DIALECT_NORMALISED) return 1;
    return reference > 0 ? 1 / reference : 1 / (squared_unit * (double)nst_shape_count(shape));
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
    *(double *)loss->state += variation(loss->shape, row0, row1, features);
}

static double finish(nst_loss *loss)
{
    return *(double *)loss->state;
}

static void seed(nst_loss *loss, size_t row0, size_t row1, double scale, const void *features, void *gradient)
{
    nst_shape shape = loss->shape;
    nst_real each = (nst_real)(scale * squared_unit);
    if (row1 > shape.height - 1) row1 = shape.height - 1;
    for (size_t c = 0; c < shape.channels; c++) {
        for (size_t row = row0; row < row1; row++) {
            size_t start = (c * shape.height + row) * shape.width;
            const nst_real *here = (const nst_real *)features + start, *below = here + shape.width;
            nst_real *g = (nst_real *)gradient + start, *g_below = g + shape.width;
            for (size_t i = 0; i + 1 < shape.width; i++) {
                nst_real right = each * (here[i + 1] - here[i]), down = each * (below[i] - here[i]);
                g[i] -= right + down;
                g[i + 1] += right;
                g_below[i] += down;
            }
        }
    }
}

const nst_loss_class nst_loss_tv = {
    .kind = "tv",
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
