/* Gram matrices and matrices times features on tiles.
 *
 * A Gram matrix sums over positions, so a tile of its left side has channels for rows and pairs of positions along them, one of its
 * right side pairs of positions for rows: each is the other with its pairs transposed. Chunks of positions are brought into both
 * forms once; then every pair of blocks (of the lower half) and every 4096 positions are one task, summed in float; then the sums are
 * added in double, in order. */
#include "kernels/x86/level_amx.h"
#include "kernels/parts.h"
#include "kernels/x86/product_amx.h"
#include "kernels/x86/words_amx.h"

enum {
    STEP = 32,             /* positions in a product of tiles */
    PART_STEPS = 4096 / STEP,
    CHUNK_TILES = 1024,    /* steps times blocks in a chunk: 4 MiB */
    LEAST_STEPS = 16,
    PACK_STEPS = 16,       /* in a task */
    STEP_VALUES = 4 * TILE_VALUES /* a step of a block: two tiles of each form */
};

typedef struct gram_job {
    nst_shape shape;
    nst_rows rows;
    size_t columns, positions; /* of the region */
    const nst_bf16 *features;
    double *gram;
    size_t first, steps, parts; /* of the chunk */
    nst_bf16 *packed;
    float *sums;
} gram_job;

static size_t chunk_steps(size_t blocks)
{
    return CHUNK_TILES / blocks > LEAST_STEPS ? CHUNK_TILES / blocks : LEAST_STEPS;
}

static size_t pair_count(size_t blocks)
{
    return blocks * (blocks + 1) / 2;
}

static size_t packed_bytes(size_t blocks)
{
    return blocks * chunk_steps(blocks) * STEP_VALUES * sizeof(nst_bf16);
}

static size_t sums_bytes(size_t blocks)
{
    return pair_count(blocks) * nst_ceil_div(chunk_steps(blocks), PART_STEPS) * 4 * TILE_BYTES;
}

static nst_filters filters_of(size_t channels, const nst_real *matrix)
{
    return (nst_filters){.weight = matrix, .outputs = channels, .inputs = channels, .out_stride = channels, .in_stride = 1,
                         .taps = 1, .split = true};
}

size_t nst_amx_gram_workspace(nst_shape shape, uint32_t strands)
{
    size_t blocks = nst_blocks(shape.channels);
    if (blocks == 0) return 0;
    nst_filters filters = filters_of(shape.channels, NULL);
    size_t gram = packed_bytes(blocks) + sums_bytes(blocks);
    size_t matrix = nst_filter_bytes(&filters) + nst_product_most_workspace(shape.channels, strands);
    return 64 + (gram > matrix ? gram : matrix);
}

/* Positions of a block, one after the other, from `at` on: a zero where there are no more. */
static const nst_bf16 *position_of(const gram_job *j, size_t block, size_t at)
{
    static const nst_bf16 nothing[NST_BLOCK];
    if (at >= j->positions) return nothing;
    return j->features + nst_rows_at(&j->rows, block, at / j->columns, at % j->columns) * NST_BLOCK;
}

static void pack_step(const gram_job *j, size_t block, size_t step)
{
    nst_bf16 *left = j->packed + (block * j->steps + step) * STEP_VALUES, *right = left + 2 * TILE_VALUES;
    size_t at = (j->first + step) * STEP;
    for (size_t pair = 0; pair < 16; pair++, at += 2)
        positions_interleave(position_of(j, block, at), position_of(j, block, at + 1), right + pair * NST_BLOCK,
                             right + TILE_VALUES + pair * NST_BLOCK);
    pairs_transpose(right, left);
    pairs_transpose(right + TILE_VALUES, left + TILE_VALUES);
}

static void pack_steps(void *data, uint32_t index)
{
    const gram_job *j = data;
    size_t per_block = nst_ceil_div(j->steps, PACK_STEPS), block = index / per_block;
    size_t begin = index % per_block * PACK_STEPS, end = begin + PACK_STEPS < j->steps ? begin + PACK_STEPS : j->steps;
    for (size_t step = begin; step < end; step++) pack_step(j, block, step);
}

/* Pair `index` of the lower half: block `a` of the rows, block b <= a of the columns. */
static void pair_of(size_t index, size_t *a, size_t *b)
{
    *a = 0;
    while (index > *a) index -= ++*a;
    *b = index;
}

static void multiply_pair(void *data, uint32_t index)
{
    const gram_job *j = data;
    size_t a, b, part = index % j->parts, begin = part * PART_STEPS;
    size_t end = begin + PART_STEPS < j->steps ? begin + PART_STEPS : j->steps;
    pair_of(index / j->parts, &a, &b);
    const nst_bf16 *left = j->packed + (a * j->steps + begin) * STEP_VALUES;
    const nst_bf16 *right = j->packed + (b * j->steps + begin) * STEP_VALUES + 2 * TILE_VALUES;
    float *sums = j->sums + index * 4 * TILE_FLOATS;
    tiles_begin();
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t step = begin; step < end; step++, left += STEP_VALUES, right += STEP_VALUES) {
        TILE_LOAD(4, left, TILE_PITCH);
        TILE_LOAD(6, right, TILE_PITCH);
        TILE_LOAD(7, right + TILE_VALUES, TILE_PITCH);
        TILE_LOAD(5, left + TILE_VALUES, TILE_PITCH);
        TILE_MULTIPLY(0, 4, 6);
        TILE_MULTIPLY(1, 4, 7);
        TILE_MULTIPLY(2, 5, 6);
        TILE_MULTIPLY(3, 5, 7);
    }
    TILE_STORE(0, sums, TILE_PITCH);
    TILE_STORE(1, sums + TILE_FLOATS, TILE_PITCH);
    TILE_STORE(2, sums + 2 * TILE_FLOATS, TILE_PITCH);
    TILE_STORE(3, sums + 3 * TILE_FLOATS, TILE_PITCH);
    tiles_end();
}

/* The parts of a pair, one after the other; its mirror image unless it is its own. */
static void add_pair(void *data, uint32_t index)
{
    const gram_job *j = data;
    size_t a, b, channels = j->shape.channels;
    pair_of(index, &a, &b);
    for (size_t part = 0; part < j->parts; part++) {
        const float *sums = j->sums + (index * j->parts + part) * 4 * TILE_FLOATS;
        for (size_t i = 0; i < NST_BLOCK && a * NST_BLOCK + i < channels; i++)
            for (size_t k = 0; k < NST_BLOCK && b * NST_BLOCK + k < channels; k++) {
                size_t row = a * NST_BLOCK + i, column = b * NST_BLOCK + k;
                double sum = (double)sums[(i / 16 * 2 + k / 16) * TILE_FLOATS + i % 16 * 16 + k % 16];
                j->gram[row * channels + column] += sum;
                if (a != b) j->gram[column * channels + row] += sum;
            }
    }
}

/* Up to eight channels that are sums of two numbers: in double, one by one. */
static void gram_of_few(void *data, uint32_t index)
{
    const gram_job *j = data;
    size_t channels = j->shape.channels;
    (void)index;
    for (size_t at = 0; at < j->positions; at++) {
        float values[16];
        v16_store(values, values_load(position_of(j, 0, at), 0, true));
        for (size_t i = 0; i < channels; i++)
            for (size_t k = 0; k < channels; k++) j->gram[i * channels + k] += (double)values[i] * (double)values[k];
    }
}

static void run_chunk(const nst_exec *exec, gram_job *j, size_t blocks)
{
    size_t pack_tasks = blocks * nst_ceil_div(j->steps, PACK_STEPS);
    j->parts = nst_ceil_div(j->steps, PART_STEPS);
    exec->run(exec->user, pack_steps, j, (uint32_t)pack_tasks);
    exec->run(exec->user, multiply_pair, j, (uint32_t)(pair_count(blocks) * j->parts));
    exec->run(exec->user, add_pair, j, (uint32_t)pair_count(blocks));
}

void nst_amx_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                             void *workspace)
{
    size_t blocks = nst_blocks(shape.channels), columns = region.column1 - region.column0;
    gram_job j = {.shape = shape, .rows = nst_rows_of(shape, region.row0, region.column0), .columns = columns,
                  .positions = (region.row1 - region.row0) * columns, .features = features, .gram = gram};
    if (j.positions == 0 || blocks == 0) return;
    if (nst_is_fine(shape.channels)) {
        exec->run(exec->user, gram_of_few, &j, 1);
        return;
    }
    size_t steps = nst_ceil_div(j.positions, STEP), most = chunk_steps(blocks);
    j.packed = nst_aligned(workspace);
    j.sums = (float *)((unsigned char *)j.packed + packed_bytes(blocks));
    for (; j.first < steps; j.first += j.steps) {
        j.steps = steps - j.first < most ? steps - j.first : most;
        run_chunk(exec, &j, blocks);
    }
}

void nst_amx_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                   const void *features, void *grad, void *workspace)
{
    nst_filters filters = filters_of(shape.channels, matrix);
    size_t blocks = nst_blocks(shape.channels), rows = region.row1 - region.row0, columns = region.column1 - region.column0;
    unsigned char *packed = nst_aligned(workspace);
    if (blocks == 0 || rows == 0 || columns == 0) return;
    nst_product product = {.x = features, .x_rows = nst_rows_of(shape, region.row0, region.column0), .height = rows,
                           .width = columns, .side = 1, .x_blocks = blocks,
                           .in_blocks = nst_is_fine(shape.channels) ? 1 : 2 * blocks, .filters = (const nst_bf16 *)packed,
                           .y = grad, .y_rows = nst_rows_of(shape, region.row0, region.column0), .rows = rows,
                           .columns = columns, .outputs = shape.channels, .add = true, .scale = 1};
    nst_filter_pack(exec, &filters, (nst_bf16 *)packed);
    nst_product_run(exec, &product, packed + nst_filter_bytes(&filters));
}
