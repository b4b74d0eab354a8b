/* Temporal loss: the picture stays, as far as a weight for every pixel says, where the previous frame of a film was, brought to this one by
 * the flow (Ruder, Dosovitskiy, Brox 2016, "Artistic style transfer for videos", equation 7). The plain sum is that of w (x - p)^2 over
 * pixels and colours. It works on the picture itself, as tv.c does, and any tiles will do.
 *
 * The target is made from `features` of four planes: red, green and blue of p, and w in 0..1. */
#include "loss/loss.h"

/* Followed by the planes, (4, H, W) reals. */
typedef struct temporal_target {
    double weight;           /* sum of w */
    double sum[3], power[3]; /* of w p and w p^2, by colour */
} temporal_target;

static nst_real *planes_of(const void *target)
{
    return (nst_real *)(void *)((char *)(uintptr_t)target + sizeof(temporal_target));
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return sizeof(temporal_target) + 4 * nst_shape_positions(shape) * sizeof(nst_real);
}

/* Where row `row` of a tile's region begins in a plane of the tile, and where in one of the whole. */
static size_t in_tile(const nst_tile *tile, size_t channel, size_t row)
{
    return (channel * tile->shape.height + tile->region.row0 + row) * tile->shape.width + tile->region.column0;
}

static size_t in_whole(nst_shape whole, const nst_tile *tile, size_t channel, size_t row)
{
    return (channel * whole.height + tile->row + row) * whole.width + tile->column;
}

static size_t rows_of(const nst_tile *tile)
{
    return tile->region.row1 - tile->region.row0;
}

static size_t columns_of(const nst_tile *tile)
{
    return tile->region.column1 - tile->region.column0;
}

static void sum_up(temporal_target *t, size_t channel, size_t count, const nst_real *p, const nst_real *w)
{
    for (size_t i = 0; i < count; i++) {
        double weighted = (double)w[i] * (double)p[i];
        t->sum[channel] += weighted;
        t->power[channel] += weighted * (double)p[i];
        if (channel == 0) t->weight += (double)w[i];
    }
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    const nst_real *from = features;
    nst_real *to = planes_of(target);
    (void)tools;
    (void)workspace;
    for (size_t c = 0; c < 4; c++)
        for (size_t row = 0; row < rows_of(tile); row++) {
            size_t at = in_tile(tile, c, row), place = in_whole(shape, tile, c, row);
            for (size_t i = 0; i < columns_of(tile); i++) to[place + i] = from[at + i];
            if (c < 3) sum_up(target, c, columns_of(tile), from + at, from + in_tile(tile, 3, row));
        }
}

/* normalised: of what p has around its own colours' means where it is taken, so that neither contrast nor size nor how much of the frame is
 * hidden matters to a pixel; with a floor for a flat one. Else the mean over all values, in units of 0..255 as theirs is. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const temporal_target *t = target;
    double positions = (double)nst_shape_positions(shape), energy = 0, power = 0;
    if (dialect != NST_DIALECT_NORMALISED) return 255.0 * 255.0 / (3 * positions);
    for (size_t c = 0; c < 3 && t->weight > 0; c++) {
        power += t->power[c] / t->weight;
        energy += t->power[c] / t->weight - t->sum[c] / t->weight * (t->sum[c] / t->weight);
    }
    if (energy < 1e-3 * power) energy = 1e-3 * power;
    return 1 / (positions * (energy > 0 ? energy : 1));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    const nst_real *planes = planes_of(loss->target);
    for (size_t c = 0; c < 3; c++)
        for (size_t row = 0; row < rows_of(tile); row++) {
            const nst_real *x = (const nst_real *)features + in_tile(tile, c, row), *p = planes + in_whole(loss->shape, tile, c, row);
            const nst_real *w = planes + in_whole(loss->shape, tile, 3, row);
            double line = 0;
            for (size_t i = 0; i < columns_of(tile); i++) {
                double difference = (double)x[i] - (double)p[i];
                line += (double)w[i] * difference * difference;
            }
            *(double *)loss->state += line;
        }
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const nst_real *planes = planes_of(loss->target);
    nst_real twice = (nst_real)(2 * scale);
    for (size_t c = 0; c < 3; c++)
        for (size_t row = 0; row < rows_of(tile); row++) {
            size_t at = in_tile(tile, c, row);
            const nst_real *x = (const nst_real *)features + at, *p = planes + in_whole(loss->shape, tile, c, row);
            const nst_real *w = planes + in_whole(loss->shape, tile, 3, row);
            nst_real *g = (nst_real *)gradient + at;
            for (size_t i = 0; i < columns_of(tile); i++) g[i] += twice * w[i] * (x[i] - p[i]);
        }
}

const nst_loss_class nst_loss_temporal = {
    .kind = "temporal",
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
