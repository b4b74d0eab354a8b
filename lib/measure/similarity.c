#include "measure/similarity.h"

#include <math.h>

/* ---- places ---- */

static size_t first_place(size_t side, size_t step)
{
    return (side < step ? side - 1 : step - 1) / 2;
}

static size_t places(size_t side, size_t step)
{
    return (side - 1 - first_place(side, step)) / step + 1;
}

nst_similarity_grid nst_similarity_sample(size_t width, size_t height)
{
    size_t step = 1;
    while (places(width, step) * places(height, step) > NST_SIMILARITY_SAMPLES) step++;
    return (nst_similarity_grid){first_place(height, step), first_place(width, step), step, places(width, step), places(height, step)};
}

typedef struct samples {
    const nst_objective_config *config;
    nst_similarity_grid grid;
    size_t count;
    double *values; /* (channels, count) */
} samples;

/* Those that lie in the tile, whose features are there as planes. */
static void pick(const samples *s, const nst_tile *tile, const nst_real *planes)
{
    for (size_t n = 0; n < s->count; n++) {
        size_t row = s->grid.row + n / s->grid.across * s->grid.step, column = s->grid.column + n % s->grid.across * s->grid.step;
        size_t y = tile->region.row0 + row - tile->row, x = tile->region.column0 + column - tile->column;
        if (row < tile->row || y >= tile->region.row1 || column < tile->column || x >= tile->region.column1) continue;
        for (size_t c = 0; c < tile->shape.channels; c++)
            s->values[c * s->count + n] = (double)planes[c * nst_shape_positions(tile->shape) + y * tile->shape.width + x];
    }
}

static int32_t take_samples(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    const samples *s = user;
    nst_memory *memory = &s->config->targets->ctx->memory;
    nst_real *planes = nst_alloc_array(memory, nst_shape_count(tile->shape), sizeof *planes);
    (void)layer;
    if (!planes) return NST_ERR_NOMEM;
    s->config->kernels->export_planar(s->config->exec, tile->shape, features, planes);
    pick(s, tile, planes);
    nst_free(memory, planes);
    return NST_OK;
}

/* ---- the difference ---- */

/* A place without features is like no other. */
static void scale_to_length_one(double *x, size_t channels, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        double square = 0;
        for (size_t c = 0; c < channels; c++) square += x[c * count + n] * x[c * count + n];
        for (size_t c = 0; c < channels && square > 0; c++) x[c * count + n] /= sqrt(square);
    }
}

/* D_nk = 1 - cos(x_n, x_k) for all k, and their sum. */
static double distances_from(const double *x, size_t channels, size_t count, size_t n, double *row)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) row[k] = 1;
    for (size_t c = 0; c < channels; c++) {
        const double *plane = x + c * count;
        for (size_t k = 0; k < count; k++) row[k] -= plane[n] * plane[k];
    }
    row[n] = 0;
    for (size_t k = 0; k < count; k++) sum += row[k];
    return sum;
}

/* D is symmetric: its columns are gone through as rows, and it need never be there as a whole. */
double nst_similarity_difference(double *a, double *b, size_t channels, size_t count, double *scratch)
{
    const double rounding = 1e-12;
    double *row_a = scratch, *row_b = scratch + count, sum = 0;
    scale_to_length_one(a, channels, count);
    scale_to_length_one(b, channels, count);
    for (size_t n = 0; n < count; n++) {
        double whole_a = distances_from(a, channels, count, n, row_a), whole_b = distances_from(b, channels, count, n, row_b);
        if (!(whole_a > rounding * (double)count) || !(whole_b > rounding * (double)count)) return (double)NAN;
        for (size_t k = 0; k < count; k++) sum += fabs(row_a[k] / whole_a - row_b[k] / whole_b);
    }
    return count > 0 ? sum / (double)count : (double)NAN; /* the mean of count² differences, times count */
}

/* ---- of pictures ---- */

static int32_t look(samples *s, size_t layer, const nst_real *picture, nst_error *error)
{
    const nst_objective_config *config = s->config;
    bool tapped[NST_MAX_LAYERS] = {false};
    nst_pass_config pass = {.ctx = config->targets->ctx, .kernels = config->kernels, .exec = config->exec, .network = config->network,
                            .width = config->width, .height = config->height, .tapped = tapped, .cancel = config->cancel};
    nst_walk *walk;
    int32_t status;
    tapped[layer] = true;
    status = nst_walk_new(&pass, config->room, &walk, error);
    if (status < 0) return status;
    status = nst_walk_forward(walk, picture, take_samples, s);
    nst_walk_free(walk);
    return status < 0 ? nst_fail(error, status, "self-similarity: %s", nst_strerror(status)) : NST_OK;
}

int32_t nst_similarity_measure(const nst_objective_config *config, size_t layer, const nst_real *picture, const nst_real *content,
                               double *difference, nst_error *error)
{
    nst_shape shape = nst_network_shape(config->network, layer, config->width, config->height);
    samples of_picture = {.config = config, .grid = nst_similarity_sample(shape.width, shape.height)}, of_content;
    nst_memory *memory = &config->targets->ctx->memory;
    size_t count = of_picture.count = of_picture.grid.across * of_picture.grid.down, values = shape.channels * count;
    double *block = nst_alloc_array(memory, 2 * values + 2 * count, sizeof *block);
    int32_t status;
    if (!block) return nst_fail_nomem(error, "self-similarity");
    of_content = of_picture;
    of_picture.values = block;
    of_content.values = block + values;
    status = look(&of_picture, layer, picture, error);
    if (status >= 0) status = look(&of_content, layer, content, error);
    if (status >= 0) *difference = nst_similarity_difference(block, of_content.values, shape.channels, count, block + 2 * values);
    nst_free(memory, block);
    return status;
}
