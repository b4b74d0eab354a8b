/* Style loss on chained Gram matrices (Novak and Nikulin 2016, whose chains go from a layer to the next): which features of a layer, F
 * (C, M), go with which of those that its convolution has read, B (C', M). With Xhat = F B^T / M, (C, C'), and Ahat, the same of the style,
 * the plain sum is || Xhat - Ahat ||_F^2 and its gradients are, with D = Xhat - Ahat,
 *
 *     by F: 2/M D B        by B: 2/M D^T F
 *
 * The kernels know products of features with themselves and with square matrices alone. So a band of rows at a time F and B are stacked to
 * features of C + C' channels, whose Gram matrix has F B^T beside the diagonal; on the way back the fewer channels of the two are filled up
 * with zeros. Where C = C' nothing need be filled up, and the way back needs no bands. */
#include <string.h>

#include "loss/moments.h"

/* Of a band: at most so many positions, and values of both layers, but always a whole row. */
enum { BAND_POSITIONS = 4096, BAND_VALUES = 1 << 20, ALIGNMENT = 64 };

/* A target: C', a double, and Xhat (C, C'). A state is one. */
static double *matrix_in(const void *target)
{
    return (double *)(uintptr_t)target + 1;
}

static size_t entries_of(nst_shape shape, const void *target)
{
    return shape.channels * (size_t)*(const double *)target;
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return (1 + shape.channels * tools->before_channels) * sizeof(double);
}

/* ---- the workspace ---- */

static size_t both(const nst_loss_tools *tools, nst_shape shape)
{
    return shape.channels + tools->before_channels;
}

static size_t more_channels(const nst_loss_tools *tools, nst_shape shape)
{
    return shape.channels > tools->before_channels ? shape.channels : tools->before_channels;
}

static size_t band_rows(size_t channels, size_t columns)
{
    size_t positions = BAND_VALUES / channels < BAND_POSITIONS ? BAND_VALUES / channels : BAND_POSITIONS;
    return positions > columns ? positions / columns : 1;
}

/* Of the largest band; a tile has fewer columns and more rows (bands.c). */
static nst_shape band_shape(const nst_loss_tools *tools, nst_shape shape, size_t channels)
{
    size_t limit = band_rows(both(tools, shape), 1), all = nst_shape_positions(shape);
    size_t positions = limit > shape.width ? limit : shape.width;
    return (nst_shape){channels, 1, positions < all ? positions : all};
}

/* Where the pieces of a workspace begin, and what all take. */
typedef struct room {
    size_t ones;   /* (W): weights of a row */
    size_t matrix; /* the Gram matrix of both, (C + C', C + C') doubles; on the way back D as reals, filled up to a square */
    size_t planar; /* (C + C', positions of a band) */
    size_t wide;   /* features of as many channels */
    size_t alone;  /* of the larger of the two */
    size_t gram;   /* the kernels' own */
    size_t bytes;
} room;

static size_t add_piece(room *r, size_t bytes)
{
    size_t begin = r->bytes;
    r->bytes += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return begin;
}

static size_t gram_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    const nst_kernels *k = tools->kernels;
    size_t stacked = k->gram_workspace(band_shape(tools, shape, both(tools, shape)), tools->exec->strands);
    size_t square = k->gram_workspace((nst_shape){more_channels(tools, shape), shape.height, shape.width}, tools->exec->strands);
    return stacked > square ? stacked : square;
}

static room room_in(const nst_loss_tools *tools, nst_shape shape)
{
    size_t channels = both(tools, shape);
    nst_shape stacked = band_shape(tools, shape, channels);
    room r = {.bytes = 0};
    r.ones = add_piece(&r, shape.width * sizeof(nst_real));
    r.matrix = add_piece(&r, channels * channels * sizeof(double));
    r.planar = add_piece(&r, nst_shape_count(stacked) * sizeof(nst_real));
    r.wide = add_piece(&r, tools->kernels->feature_bytes(stacked));
    r.alone = add_piece(&r, tools->kernels->feature_bytes(band_shape(tools, shape, more_channels(tools, shape))));
    r.gram = add_piece(&r, gram_bytes(tools, shape));
    return r;
}

static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return room_in(tools, shape).bytes;
}

/* ---- bands ---- */

/* Rows of a tile, and the pieces of the workspace that they are worked on in. */
typedef struct band {
    const nst_loss_tools *tools;
    nst_shape tile;    /* its channels mean nothing */
    nst_region region; /* in the tile's features */
    size_t rows, columns;
    nst_real *ones, *planar;
    void *matrix, *wide, *alone, *gram;
} band;

static band band_in(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, void *workspace)
{
    room r = room_in(tools, shape);
    char *begin = workspace;
    band b = {.tools = tools, .tile = tile->shape, .region = tile->region, .columns = tile->region.column1 - tile->region.column0,
              .matrix = begin + r.matrix, .wide = begin + r.wide, .alone = begin + r.alone, .gram = begin + r.gram};
    b.ones = (nst_real *)(void *)(begin + r.ones);
    b.planar = (nst_real *)(void *)(begin + r.planar);
    b.region.row1 = b.region.row0;
    for (size_t i = 0; i < b.columns; i++) b.ones[i] = 1;
    return b;
}

/* The rows behind those of `b`; false: there are none. */
static bool next_rows(const nst_tile *tile, size_t rows, band *b)
{
    if (nst_region_empty(tile->region) || b->region.row1 >= tile->region.row1) return false;
    b->region.row0 = b->region.row1;
    b->rows = tile->region.row1 - b->region.row0 < rows ? tile->region.row1 - b->region.row0 : rows;
    b->region.row1 += b->rows;
    return true;
}

static nst_shape shape_of(const band *b, size_t channels)
{
    return (nst_shape){channels, b->rows, b->columns};
}

static nst_shape tile_of(const band *b, size_t channels)
{
    return (nst_shape){channels, b->tile.height, b->tile.width};
}

/* The rows of a tile's features to `planar` (C, rows, columns). Returns where it ends. */
static nst_real *take(const band *b, size_t channels, const void *features, nst_real *planar)
{
    const nst_kernels *k = b->tools->kernels;
    nst_shape shape = shape_of(b, channels);
    nst_place place = {shape, 0, 0, false};
    k->copy_region(b->tools->exec, tile_of(b, channels), b->region, features, &place, b->alone);
    k->export_planar(b->tools->exec, shape, b->alone, planar);
    return planar + nst_shape_count(shape);
}

/* The tile's gradient += the planar one. */
static void give(const band *b, size_t channels, void *gradient)
{
    const nst_kernels *k = b->tools->kernels;
    nst_place place = {shape_of(b, channels), 0, 0, false};
    k->import_planar(b->tools->exec, place.shape, b->planar, b->wide);
    k->weigh_backward(b->tools->exec, tile_of(b, channels), b->region, b->ones, 0, &place, b->wide, gradient);
}

/* ---- both ways ---- */

/* gram (C + C', C + C') += that of both layers. */
static void accumulate_gram(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, double *gram, band *b)
{
    size_t channels = both(tools, shape);
    while (next_rows(tile, band_rows(channels, b->columns), b)) {
        nst_shape stacked = shape_of(b, channels);
        nst_real *behind = take(b, shape.channels, features, b->planar);
        take(b, tools->before_channels, tools->before, behind);
        tools->kernels->import_planar(tools->exec, stacked, b->planar, b->wide);
        tools->kernels->gram_accumulate(tools->exec, stacked, nst_region_whole(stacked), b->wide, gram, b->gram);
    }
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    band b = band_in(tools, shape, tile, workspace);
    size_t before = tools->before_channels, channels = both(tools, shape);
    double *gram = b.matrix, *matrix = matrix_in(target);
    *(double *)target = (double)before;
    memset(gram, 0, channels * channels * sizeof *gram);
    accumulate_gram(tools, shape, tile, features, gram, &b);
    for (size_t i = 0; i < shape.channels; i++) nst_values_add(before, 1, gram + i * channels + shape.channels, matrix + i * before);
}

static void target_finish(nst_shape shape, void *target)
{
    nst_values_divide(entries_of(shape, target), (double)nst_shape_positions(shape), matrix_in(target));
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    *(double *)to = *(const double *)from;
    nst_values_add(entries_of(shape, from), weight, matrix_in(from), matrix_in(to));
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    size_t entries = entries_of(shape, target);
    return nst_matrix_factor(dialect, entries, nst_values_power(entries, matrix_in(target)));
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, target_bytes(&loss->tools, loss->shape));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    target_accumulate(&loss->tools, loss->shape, tile, features, loss->state, loss->workspace);
}

static double finish(nst_loss *loss)
{
    target_finish(loss->shape, loss->state);
    target_blend(loss->shape, -1, loss->target, loss->state);
    return nst_values_power(entries_of(loss->shape, loss->state), matrix_in(loss->state));
}

/* ---- the way back ---- */

/* One of the two layers gets its gradient by the other's features. */
typedef struct way {
    size_t own, other; /* channels */
    bool transposed;   /* D^T */
} way;

/* matrix (side, side), the larger of C and C': D or D^T times what the gradient wants, and zeros. */
static void fill_matrix(const nst_loss *loss, const way *w, double scale, nst_real *matrix)
{
    const double *difference = matrix_in(loss->state);
    size_t side = more_channels(&loss->tools, loss->shape), before = loss->tools.before_channels;
    double each = 2 * scale / (double)nst_shape_positions(loss->shape);
    memset(matrix, 0, side * side * sizeof *matrix);
    for (size_t i = 0; i < loss->shape.channels; i++)
        for (size_t j = 0; j < before; j++)
            matrix[w->transposed ? j * side + i : i * side + j] = (nst_real)(each * difference[i * before + j]);
}

/* gradient (own, ...) += matrix times features (other, ...) of the rows. */
static void multiply_rows(const band *b, const way *w, const void *features, void *gradient)
{
    const nst_kernels *k = b->tools->kernels;
    nst_shape square = shape_of(b, w->own > w->other ? w->own : w->other);
    nst_real *behind = take(b, w->other, features, b->planar);
    memset(behind, 0, (nst_shape_count(square) - (size_t)(behind - b->planar)) * sizeof *behind);
    k->import_planar(b->tools->exec, square, b->planar, b->wide);
    memset(b->alone, 0, k->feature_bytes(square));
    k->matrix_times_features(b->tools->exec, square, nst_region_whole(square), b->matrix, b->wide, b->alone, b->gram);
    k->export_planar(b->tools->exec, square, b->alone, b->planar);
    give(b, w->own, gradient);
}

static void go_back(const nst_loss *loss, const nst_tile *tile, const way *w, double scale, const void *features, void *gradient)
{
    const nst_loss_tools *tools = &loss->tools;
    band b = band_in(tools, loss->shape, tile, loss->workspace);
    fill_matrix(loss, w, scale, b.matrix);
    if (w->own == w->other)
        tools->kernels->matrix_times_features(tools->exec, tile_of(&b, w->own), tile->region, b.matrix, features, gradient, b.gram);
    else
        while (next_rows(tile, band_rows(both(tools, loss->shape), b.columns), &b)) multiply_rows(&b, w, features, gradient);
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const way w = {loss->shape.channels, loss->tools.before_channels, false};
    (void)features;
    go_back(loss, tile, &w, scale, loss->tools.before, gradient);
}

static void seed_before(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const way w = {loss->tools.before_channels, loss->shape.channels, true};
    go_back(loss, tile, &w, scale, features, gradient);
}

const nst_loss_class nst_loss_chained = {
    .kind = "style",
    .target_bytes = target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .target_blend = target_blend,
    .factor = factor,
    .state_bytes = target_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
    .seed_before = seed_before,
};
