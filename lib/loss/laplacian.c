/* Laplacian loss on the content image (Li, Xu, Nie, Chua 2017, "Laplacian-steered neural style transfer"): edges as wide as a cell stay
 * where they were, which features at deep layers do not see to. Colours are added up and averaged over cells of p x p pixels; with
 *
 *     D = sum over the cell's neighbours, right, left, above and below, of (cell - neighbour)
 *
 * which is their filter (0 -1 0, -1 4 -1, 0 -1 0) inside and nothing strange at the border, the plain sum is that of (D - D')^2 over
 * cells. It works on the picture itself, as tv.c does, and any tiles will do. A last row or column of cells may be of fewer pixels. */
#include <string.h>

#include "loss/loss.h"

/* Cells of a picture, row by row. */
typedef struct grid {
    size_t pool, rows, columns;
} grid;

static grid grid_of(nst_shape shape, size_t pool)
{
    return (grid){pool, (shape.height + pool - 1) / pool, (shape.width + pool - 1) / pool};
}

static size_t cells_of(const grid *g)
{
    return g->rows * g->columns;
}

/* Followed by the cells' D', doubles. */
typedef struct laplacian_target {
    double pool, energy, power; /* sum of D'^2, and of the cells' own squares */
} laplacian_target;

static double *response_of(const void *target)
{
    return (double *)(void *)((char *)(uintptr_t)target + sizeof(laplacian_target));
}

/* Two planes of cells: what is summed up, and what comes of that. */
static size_t planes_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    grid g = grid_of(shape, tools->laplacian_pool);
    return 2 * cells_of(&g) * sizeof(double);
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return sizeof(laplacian_target) + planes_bytes(tools, shape);
}

/* ---- cells ---- */

/* Sums of the tile's region are added to their cells. */
static void add_pixels(const grid *g, const nst_tile *tile, const nst_real *x, double *cells)
{
    size_t width = tile->region.column1 - tile->region.column0, height = tile->region.row1 - tile->region.row0;
    for (size_t c = 0; c < tile->shape.channels; c++)
        for (size_t row = 0; row < height; row++) {
            const nst_real *line = x + (c * tile->shape.height + tile->region.row0 + row) * tile->shape.width + tile->region.column0;
            double *cell = cells + (tile->row + row) / g->pool * g->columns;
            for (size_t i = 0; i < width; i++) cell[(tile->column + i) / g->pool] += (double)line[i];
        }
}

/* Pixels from cell `index` on to the next, or to the end of the picture. */
static double length_of(size_t index, size_t pool, size_t end)
{
    return (double)((index + 1) * pool < end ? pool : end - index * pool);
}

/* Sums become means, or derivatives by means those by sums. */
static void divide_by_pixels(const grid *g, nst_shape shape, double *cells)
{
    for (size_t row = 0; row < g->rows; row++)
        for (size_t i = 0; i < g->columns; i++)
            cells[row * g->columns + i] /= length_of(row, g->pool, shape.height) * length_of(i, g->pool, shape.width);
}

/* Symmetric: it is its own adjoint. */
static void differ(const grid *g, const double *cells, double *response)
{
    for (size_t row = 0; row < g->rows; row++)
        for (size_t i = 0; i < g->columns; i++) {
            size_t at = row * g->columns + i;
            double sum = 0;
            if (i > 0) sum += cells[at] - cells[at - 1];
            if (i + 1 < g->columns) sum += cells[at] - cells[at + 1];
            if (row > 0) sum += cells[at] - cells[at - g->columns];
            if (row + 1 < g->rows) sum += cells[at] - cells[at + g->columns];
            response[at] = sum;
        }
}

/* ---- the loss ---- */

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    grid g = grid_of(shape, tools->laplacian_pool);
    (void)workspace;
    ((laplacian_target *)target)->pool = (double)g.pool;
    add_pixels(&g, tile, features, response_of(target) + cells_of(&g));
}

static void target_finish(nst_shape shape, void *target)
{
    laplacian_target *t = target;
    grid g = grid_of(shape, (size_t)t->pool);
    double *response = response_of(target), *cells = response + cells_of(&g);
    divide_by_pixels(&g, shape, cells);
    differ(&g, cells, response);
    for (size_t i = 0; i < cells_of(&g); i++) {
        t->energy += response[i] * response[i];
        t->power += cells[i] * cells[i];
    }
}

/* normalised: relative to the content's own response, with a floor for content that has none; else the mean over cells, in units of
 * 0..255 as theirs is. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const laplacian_target *t = target;
    grid g = grid_of(shape, (size_t)t->pool);
    double floor = 1e-3 * t->power, energy = t->energy > floor ? t->energy : floor;
    if (dialect != NST_DIALECT_NORMALISED) return 255.0 * 255.0 / (double)cells_of(&g);
    return energy > 0 ? 1 / energy : 1 / (double)cells_of(&g);
}

static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return planes_bytes(tools, shape);
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, planes_bytes(&loss->tools, loss->shape));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    grid g = grid_of(loss->shape, loss->tools.laplacian_pool);
    add_pixels(&g, tile, features, loss->state);
}

/* Leaves the derivatives by each pixel of a cell in the first plane. */
static double finish(nst_loss *loss)
{
    grid g = grid_of(loss->shape, loss->tools.laplacian_pool);
    double *cells = loss->state, *response = cells + cells_of(&g), sum = 0;
    const double *wanted = response_of(loss->target);
    divide_by_pixels(&g, loss->shape, cells);
    differ(&g, cells, response);
    for (size_t i = 0; i < cells_of(&g); i++) {
        response[i] -= wanted[i];
        sum += response[i] * response[i];
        response[i] *= 2;
    }
    differ(&g, response, cells);
    divide_by_pixels(&g, loss->shape, cells);
    return sum;
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    grid g = grid_of(loss->shape, loss->tools.laplacian_pool);
    size_t width = tile->region.column1 - tile->region.column0, height = tile->region.row1 - tile->region.row0;
    (void)features;
    for (size_t c = 0; c < tile->shape.channels; c++)
        for (size_t row = 0; row < height; row++) {
            size_t start = (c * tile->shape.height + tile->region.row0 + row) * tile->shape.width + tile->region.column0;
            nst_real *line = (nst_real *)gradient + start;
            const double *cell = (const double *)loss->state + (tile->row + row) / g.pool * g.columns;
            for (size_t i = 0; i < width; i++) line[i] += (nst_real)(scale * cell[(tile->column + i) / g.pool]);
        }
}

const nst_loss_class nst_loss_laplacian = {
    .kind = "laplacian",
    .target_bytes = target_bytes,
    .workspace_bytes = nst_loss_no_workspace,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
