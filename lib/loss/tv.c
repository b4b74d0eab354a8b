/* Total variation: half the sum of squared differences between neighbours, right and below, in units of 0..255, over the positions
 * that have both (jcjohnson/neural-style, whose TVLoss gradient this is the value of). It works on the picture itself, planar reals
 * (3, H, W), not on features: `features` below are these. A tile must have one more row and column than its region where the picture
 * goes on, and the gradient of these gets its share too. */
#include <string.h>

#include "loss/loss.h"

static const double squared_unit = 255.0 * 255.0;

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    (void)shape;
    return 2 * sizeof(double); /* total variation of the content image; what it is at least taken for */
}

/* What of the tile's region has a neighbour to the right and below in the whole picture. */
static nst_region with_neighbours(nst_shape whole, const nst_tile *tile)
{
    nst_region region = tile->region;
    if (region.row1 > region.row0 && tile->row + (region.row1 - region.row0) == whole.height) region.row1--;
    if (region.column1 > region.column0 && tile->column + (region.column1 - region.column0) == whole.width) region.column1--;
    return region;
}

static double variation(nst_shape whole, const nst_tile *tile, const nst_real *x)
{
    nst_region region = with_neighbours(whole, tile);
    double sum = 0;
    for (size_t c = 0; c < tile->shape.channels; c++) {
        for (size_t row = region.row0; row < region.row1; row++) {
            const nst_real *here = x + (c * tile->shape.height + row) * tile->shape.width, *below = here + tile->shape.width;
            double line = 0;
            for (size_t i = region.column0; i < region.column1; i++) {
                double right = (double)here[i + 1] - (double)here[i], down = (double)below[i] - (double)here[i];
                line += right * right + down * down;
            }
            sum += line;
        }
    }
    return squared_unit * sum / 2;
}

static double power(const nst_tile *tile, const nst_real *x)
{
    double sum = 0;
    for (size_t c = 0; c < tile->shape.channels; c++)
        for (size_t row = tile->region.row0; row < tile->region.row1; row++)
            for (size_t i = tile->region.column0; i < tile->region.column1; i++) {
                double value = (double)x[(c * tile->shape.height + row) * tile->shape.width + i];
                sum += value * value;
            }
    return squared_unit * sum;
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    double *t = target;
    (void)tools;
    (void)workspace;
    t[0] += variation(shape, tile, features);
    t[1] += 1e-3 * power(tile, features);
}

/* normalised: relative to the content image's own variation; every other dialect takes the sum as it is. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const double *t = target;
    double reference = t ? (t[0] > t[1] ? t[0] : t[1]) : 0;
    if (dialect != NST_DIALECT_NORMALISED) return 1;
    return reference > 0 ? 1 / reference : 1 / (squared_unit * (double)nst_shape_count(shape));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    *(double *)loss->state += variation(loss->shape, tile, features);
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    nst_region region = with_neighbours(loss->shape, tile);
    nst_real each = (nst_real)(scale * squared_unit);
    for (size_t c = 0; c < tile->shape.channels; c++) {
        for (size_t row = region.row0; row < region.row1; row++) {
            size_t start = (c * tile->shape.height + row) * tile->shape.width;
            const nst_real *here = (const nst_real *)features + start, *below = here + tile->shape.width;
            nst_real *g = (nst_real *)gradient + start, *g_below = g + tile->shape.width;
            for (size_t i = region.column0; i < region.column1; i++) {
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
    .workspace_bytes = nst_loss_no_workspace,
    .target_accumulate = target_accumulate,
    .factor = factor,
    .state_bytes = nst_sum_bytes,
    .begin = nst_sum_begin,
    .accumulate = accumulate,
    .finish = nst_sum_finish,
    .seed = seed,
};
