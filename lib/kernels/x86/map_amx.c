/* What the bf16 level does value by value: the way from and to planes, copies, differences, moments, histograms, finiteness. */
#include "kernels/x86/level_amx.h"
#include "kernels/parts.h"
#include "kernels/x86/share_amx.h"
#include "kernels/x86/words_amx.h"

size_t nst_amx_feature_bytes(nst_shape shape)
{
    return nst_blocks(shape.channels) * nst_shape_positions(shape) * NST_BLOCK * sizeof(nst_bf16);
}

size_t nst_amx_mask_bytes(nst_shape shape)
{
    return nst_blocks(shape.channels) * nst_shape_positions(shape) * sizeof(uint32_t);
}

size_t nst_amx_code_bytes(nst_shape pooled)
{
    return NST_BLOCK_CODE_WORDS * nst_amx_mask_bytes(pooled);
}

/* ---- planes ---- */

typedef struct planar_task {
    nst_share share;
    nst_shape shape;
    const nst_real *planar;
    nst_real *to_planar;
    const nst_bf16 *features;
    nst_bf16 *to_features;
} planar_task;

static size_t channels_in(nst_shape shape, size_t block)
{
    size_t left = shape.channels - block * NST_BLOCK;
    return left < NST_BLOCK ? left : NST_BLOCK;
}

/* Some rows of one block: from planes (C, H, W). */
static void import_rows(void *data, uint32_t index)
{
    const planar_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end), positions = nst_shape_positions(t->shape);
    bool fine = nst_is_fine(t->shape.channels);
    size_t channels = channels_in(t->shape, block);
    const nst_real *planar = t->planar + block * NST_BLOCK * positions;
    for (size_t at = begin * t->shape.width; at < end * t->shape.width; at++) {
        float values[NST_BLOCK] = {0};
        for (size_t c = 0; c < channels; c++) values[c] = planar[c * positions + at];
        for (unsigned half = 0; half < values_halves(fine); half++)
            values_store(t->to_features + (block * positions + at) * NST_BLOCK, half, fine, v16_load(values + 16 * half));
    }
}

void nst_amx_import_planar(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features)
{
    planar_task task = {.share = nst_share_of(shape.channels, shape.height, shape.width), .shape = shape, .planar = planar,
                        .to_features = features};
    exec->run(exec->user, import_rows, &task, task.share.tasks);
}

static void export_rows(void *data, uint32_t index)
{
    const planar_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end), positions = nst_shape_positions(t->shape);
    bool fine = nst_is_fine(t->shape.channels);
    size_t channels = channels_in(t->shape, block);
    nst_real *planar = t->to_planar + block * NST_BLOCK * positions;
    for (size_t at = begin * t->shape.width; at < end * t->shape.width; at++) {
        float values[NST_BLOCK];
        for (unsigned half = 0; half < values_halves(fine); half++)
            v16_store(values + 16 * half, values_load(t->features + (block * positions + at) * NST_BLOCK, half, fine));
        for (size_t c = 0; c < channels; c++) planar[c * positions + at] = values[c];
    }
}

void nst_amx_export_planar(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar)
{
    planar_task task = {.share = nst_share_of(shape.channels, shape.height, shape.width), .shape = shape, .features = features,
                        .to_planar = planar};
    exec->run(exec->user, export_rows, &task, task.share.tasks);
}

/* ---- regions ---- */

typedef struct region_task {
    nst_share share; /* of the region's rows */
    size_t channels, columns;
    bool fine;
    nst_rows from, other_rows; /* features and what is written for them; the target */
    const nst_bf16 *features, *other;
    nst_bf16 *to;
    nst_real scale;
    const nst_real *of_sums, *of_squares;
    const nst_real *weights;
    size_t pitch;
    double *sums, *squares;
    nst_bin *bins;
    const nst_bin_map *maps;
    uint32_t parts;
} region_task;

static region_task region_task_of(nst_shape shape, nst_region region, const void *features)
{
    region_task t = {.channels = shape.channels, .columns = region.column1 - region.column0, .fine = nst_is_fine(shape.channels),
                     .from = nst_rows_of(shape, region.row0, region.column0), .features = features};
    t.share = nst_share_of(shape.channels, region.row1 - region.row0, t.columns);
    return t;
}

static void aim(region_task *t, const nst_place *place, const void *target)
{
    t->other = target;
    t->other_rows = nst_rows_of(place->shape, place->row, place->column);
}

/* lane += v^2, in double. */
static void add_squares(v16 v, double lane[16])
{
    float values[16];
    v16_store(values, v);
    for (int k = 0; k < 16; k++) lane[k] += (double)values[k] * (double)values[k];
}

static double sum_lanes(const double lane[16])
{
    double halves[NST_LANES];
    for (int k = 0; k < NST_LANES; k++) halves[k] = lane[k] + lane[k + NST_LANES];
    return nst_sum_lanes(halves);
}

/* A row of the region, the 32 channels of a block: lane (16) += (f - t)^2. */
static void difference_row(const region_task *t, size_t block, size_t row, double lane[16])
{
    size_t a = nst_rows_at(&t->from, block, row, 0), b = nst_rows_at(&t->other_rows, block, row, 0);
    for (size_t column = 0; column < t->columns; column++, a++, b++)
        for (unsigned half = 0; half < values_halves(t->fine); half++)
            add_squares(v16_sub(values_load(t->features + a * NST_BLOCK, half, t->fine),
                                values_load(t->other + b * NST_BLOCK, half, t->fine)),
                        lane);
}

/* A part takes some rows of all blocks, counted through. */
static void difference_part(void *data, uint32_t part)
{
    const region_task *t = data;
    size_t rows = nst_blocks(t->channels) * t->share.rows, end = nst_part_begin(rows, t->parts, part + 1);
    double lane[16] = {0};
    for (size_t i = nst_part_begin(rows, t->parts, part); i < end; i++)
        difference_row(t, i / t->share.rows, i % t->share.rows, lane);
    t->sums[part] = sum_lanes(lane);
}

double nst_amx_squared_difference(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                  const nst_place *place, const void *target)
{
    double sums[NST_PARTS];
    region_task task = region_task_of(shape, region, features);
    aim(&task, place, target);
    task.sums = sums;
    task.parts = nst_part_count(nst_blocks(shape.channels) * NST_BLOCK * task.share.rows * task.columns);
    exec->run(exec->user, difference_part, &task, task.parts);
    return nst_sum_parts(sums, task.parts);
}

static void difference_rows_backward(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t a = nst_rows_at(&t->from, block, row, 0), b = nst_rows_at(&t->other_rows, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, a++, b++)
            for (unsigned half = 0; half < values_halves(t->fine); half++) {
                v16 f = values_load(t->features + a * NST_BLOCK, half, t->fine);
                v16 difference = v16_sub(f, values_load(t->other + b * NST_BLOCK, half, t->fine));
                v16 grad = values_load(t->to + a * NST_BLOCK, half, t->fine);
                values_store(t->to + a * NST_BLOCK, half, t->fine, v16_fma(difference, v16_all(t->scale), grad));
            }
    }
}

void nst_amx_difference_backward(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                 const nst_place *place, const void *target, void *grad)
{
    region_task task = region_task_of(shape, region, features);
    aim(&task, place, target);
    task.to = grad, task.scale = scale;
    exec->run(exec->user, difference_rows_backward, &task, task.share.tasks);
}

static void copy_rows(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++)
        memcpy(t->to + nst_rows_at(&t->other_rows, block, row, 0) * NST_BLOCK,
               t->features + nst_rows_at(&t->from, block, row, 0) * NST_BLOCK, t->columns * NST_BLOCK * sizeof(nst_bf16));
}

void nst_amx_copy_region(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                         void *target)
{
    region_task task = region_task_of(shape, region, features);
    aim(&task, place, NULL);
    task.to = target;
    exec->run(exec->user, copy_rows, &task, task.share.tasks);
}

static void weigh_rows(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t a = nst_rows_at(&t->from, block, row, 0), b = nst_rows_at(&t->other_rows, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, a++, b++)
            for (unsigned half = 0; half < values_halves(t->fine); half++)
                values_store(t->to + b * NST_BLOCK, half, t->fine,
                             v16_fma(v16_all(t->weights[row * t->pitch + column]), values_load(t->features + a * NST_BLOCK, half, t->fine),
                                     v16_zero()));
    }
}

void nst_amx_weigh(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                   const void *features, const nst_place *place, void *target)
{
    region_task task = region_task_of(shape, region, features);
    aim(&task, place, NULL);
    task.to = target, task.weights = weights, task.pitch = pitch;
    exec->run(exec->user, weigh_rows, &task, task.share.tasks);
}

static void weigh_rows_backward(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t a = nst_rows_at(&t->from, block, row, 0), b = nst_rows_at(&t->other_rows, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, a++, b++)
            for (unsigned half = 0; half < values_halves(t->fine); half++)
                values_store(t->to + a * NST_BLOCK, half, t->fine,
                             v16_fma(v16_all(t->weights[row * t->pitch + column]), values_load(t->other + b * NST_BLOCK, half, t->fine),
                                     values_load(t->to + a * NST_BLOCK, half, t->fine)));
    }
}

void nst_amx_weigh_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                            const nst_place *place, const void *target, void *grad)
{
    region_task task = region_task_of(shape, region, NULL);
    aim(&task, place, target);
    task.to = grad, task.weights = weights, task.pitch = pitch;
    exec->run(exec->user, weigh_rows_backward, &task, task.share.tasks);
}

/* One task for 16 channels, or a fine position's eight. */
static void moments_half(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t block = t->fine ? 0 : index / 2, first = index * 16;
    double sums[16] = {0}, squares[16] = {0};
    for (size_t row = 0; row < t->share.rows; row++) {
        size_t at = nst_rows_at(&t->from, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, at++) {
            float values[16];
            v16_store(values, values_load(t->features + at * NST_BLOCK, index % 2, t->fine));
            for (int k = 0; k < 16; k++) sums[k] += (double)values[k], squares[k] += (double)values[k] * (double)values[k];
        }
    }
    for (size_t k = 0; k < 16 && first + k < t->channels; k++) t->sums[first + k] += sums[k], t->squares[first + k] += squares[k];
}

void nst_amx_moments(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums, double *squares)
{
    region_task task = region_task_of(shape, region, features);
    task.sums = sums, task.squares = squares;
    exec->run(exec->user, moments_half, &task, (uint32_t)nst_ceil_div(shape.channels, 16));
}

/* A block's share of `values` (C), times `times`; surplus channels get 0. */
static void spread_block(const region_task *t, size_t block, const nst_real *values, float times, float lanes[NST_BLOCK])
{
    for (size_t k = 0, c = block * NST_BLOCK; k < NST_BLOCK; k++, c++) lanes[k] = c < t->channels ? times * values[c] : 0;
}

static void moments_rows_backward(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    float constant[NST_BLOCK], slope[NST_BLOCK];
    spread_block(t, block, t->of_sums, 1, constant);
    spread_block(t, block, t->of_squares, 2, slope);
    for (size_t row = begin; row < end; row++) {
        size_t at = nst_rows_at(&t->from, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, at++)
            for (unsigned half = 0; half < values_halves(t->fine); half++) {
                v16 f = values_load(t->features + at * NST_BLOCK, half, t->fine), grad = values_load(t->to + at * NST_BLOCK, half, t->fine);
                v16 more = v16_fma(f, v16_load(slope + 16 * half), v16_load(constant + 16 * half));
                values_store(t->to + at * NST_BLOCK, half, t->fine, v16_add(grad, more));
            }
    }
}

void nst_amx_moments_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                              const nst_real *of_squares, const void *features, void *grad)
{
    region_task task = region_task_of(shape, region, features);
    task.of_sums = of_sums, task.of_squares = of_squares, task.to = grad;
    exec->run(exec->user, moments_rows_backward, &task, task.share.tasks);
}

static void histogram_half(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t block = t->fine ? 0 : index / 2, first = (size_t)index * 16, channels = nst_least(16, t->channels - first);
    for (size_t row = 0; row < t->share.rows; row++) {
        size_t at = nst_rows_at(&t->from, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, at++) {
            float values[16];
            v16_store(values, values_load(t->features + at * NST_BLOCK, index % 2, t->fine));
            for (size_t k = 0; k < channels; k++) nst_bin_add(t->bins + (first + k) * NST_BINS, values[k]);
        }
    }
}

void nst_amx_histogram(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins)
{
    region_task task = region_task_of(shape, region, features);
    task.bins = bins;
    exec->run(exec->user, histogram_half, &task, (uint32_t)nst_ceil_div(shape.channels, 16));
}

/* A position's 16 channels from `first` on; surplus channels stay 0. */
static void add_mapped(const region_task *t, size_t first, size_t at, unsigned half)
{
    float values[16], more[16] = {0};
    v16 grad = values_load(t->to + at * NST_BLOCK, half, t->fine);
    v16_store(values, values_load(t->features + at * NST_BLOCK, half, t->fine));
    for (size_t k = 0; k < 16 && first + k < t->channels; k++) more[k] = nst_bin_mapped(t->maps + (first + k) * NST_BINS, values[k]);
    values_store(t->to + at * NST_BLOCK, half, t->fine, v16_add(grad, v16_load(more)));
}

static void histogram_rows_backward(void *data, uint32_t index)
{
    const region_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t at = nst_rows_at(&t->from, block, row, 0);
        for (size_t column = 0; column < t->columns; column++, at++)
            for (unsigned half = 0; half < values_halves(t->fine); half++) add_mapped(t, block * NST_BLOCK + 16 * half, at, half);
    }
}

void nst_amx_histogram_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps, const void *features,
                                void *grad)
{
    region_task task = region_task_of(shape, region, features);
    task.maps = maps, task.to = grad;
    exec->run(exec->user, histogram_rows_backward, &task, task.share.tasks);
}

static void finite_part(void *data, uint32_t part)
{
    const region_task *t = data;
    size_t count = t->share.rows, end = nst_part_begin(count, t->parts, part + 1); /* values */
    uint16_t most = 0;
    for (size_t i = nst_part_begin(count, t->parts, part); i < end; i++) {
        uint16_t exponent = t->features[i] & 0x7f80;
        most = exponent > most ? exponent : most;
    }
    t->sums[part] = most;
}

int nst_amx_all_finite(const nst_exec *exec, nst_shape shape, const void *features)
{
    double most[NST_PARTS];
    region_task task = {.features = features, .sums = most};
    task.share.rows = nst_amx_feature_bytes(shape) / sizeof(nst_bf16);
    task.parts = nst_part_count(task.share.rows);
    exec->run(exec->user, finite_part, &task, task.parts);
    for (uint32_t part = 0; part < task.parts; part++)
        if (most[part] == 0x7f80) return 0;
    return 1;
}
