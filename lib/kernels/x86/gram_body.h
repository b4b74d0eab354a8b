/* Gram matrices of features and the way back, as register-blocked products. Included after a vocabulary. */
#include <string.h>

#include "kernels/parts.h"
#include "kernels/spread.h"
#include "kernels/x86/inline.h"
#include "kernels/x86/window.h"

/* ---- gram += F F^T ----
 *
 * A task takes a chunk of positions and a block of the upper triangle. Into memory of its strand it packs a few positions at a time,
 * in panels of 16 channels, and adds their products in float. What the chunks of a round come to is then added in double, chunk after
 * chunk, to both triangles. */

enum {
    CHUNK = 1024,                          /* positions whose products are summed in float */
    DEPTH = 128,                           /* positions packed at a time: two panels fit into the first cache */
    PANEL = DEPTH * NST_GROUP + NST_GROUP, /* floats from panel to panel; the surplus keeps them in different cache sets */
    BLOCK_PANELS = 8,                      /* of a side of a block: 128 channels */
    BLOCK = BLOCK_PANELS * PANEL,
    TILE = NST_GROUP * NST_GROUP,
    ROUND_BYTES = 4 << 20, /* of the sums of a round */
    MOST_CHUNKS = 64
};

typedef struct gram_task {
    nst_window window;
    size_t channels, panels, blocks;
    uint32_t pairs;                        /* blocks of the upper triangle */
    uint32_t chunks, first_chunk;          /* in all; the first one of the round */
    size_t round;                          /* chunks of the round */
    const float *features;
    float *packed, *sums;                  /* (strands, 2, BLOCK); (round, panels, panels, TILE) */
    double *gram;
} gram_task;

static uint32_t chunk_count(size_t positions)
{
    return (uint32_t)nst_ceil_div(positions, CHUNK);
}

static size_t round_chunks(size_t channels, uint32_t chunks)
{
    size_t stride = nst_position_stride(channels), most = ROUND_BYTES / (stride * stride * sizeof(float));
    most = most < 1 ? 1 : nst_least(most, MOST_CHUNKS);
    return nst_least(most, chunks);
}

/* Positions [position, position + count) of the region, `panels` panels from `panel` on: to packed (panels, count, 16), PANEL apart. */
static void pack_panels(const gram_task *task, size_t position, size_t count, size_t panel, size_t panels, float *packed)
{
    for (size_t i = 0, run; i < count; i += run) {
        const float *from = task->features + nst_window_offset(&task->window, position + i) + panel * NST_GROUP;
        run = nst_window_run(&task->window, position + i, position + count);
        for (size_t k = 0; k < run; k++, from += task->window.stride)
            for (size_t p = 0; p < panels; p++) v16_store(packed + p * PANEL + (i + k) * NST_GROUP, v16_load(from + p * NST_GROUP));
    }
}

/* sums (rows, 16) += the products of `rows` channels of panel a (depth, 16) with all of panel b (depth, 16), which are summed by
 * themselves first: short sums round less. */
NST_ALWAYS_INLINE void add_rows(size_t rows, size_t depth, const float *a, const float *b, float *sums)
{
    v16 sum[NST_GROUP];
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) sum[r] = v16_zero();
    for (size_t k = 0; k < depth; k++, a += NST_GROUP, b += NST_GROUP) {
        v16 column = v16_load(b);
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++) sum[r] = v16_fma(v16_all(a[r]), column, sum[r]);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) v16_store(sums + r * NST_GROUP, v16_add(v16_load(sums + r * NST_GROUP), sum[r]));
}

/* sums (16, 16) += a (depth, 16)' b (depth, 16), as many rows at a time as there are registers for. */
static void add_panels(size_t depth, const float *a, const float *b, float *sums)
{
#ifdef __AVX512F__
    add_rows(16, depth, a, b, sums);
#else
    add_rows(6, depth, a, b, sums);
    add_rows(5, depth, a + 6, b, sums + 6 * NST_GROUP);
    add_rows(5, depth, a + 11, b, sums + 11 * NST_GROUP);
#endif
}

/* The first row and column, in panels, of a pair of blocks: (0, 0), (0, 1) .. (1, 1), (1, 2) .. */
static void find_pair(const gram_task *task, size_t pair, size_t *row, size_t *column)
{
    size_t block = 0;
    for (; pair >= task->blocks - block; block++) pair -= task->blocks - block;
    *row = block * BLOCK_PANELS;
    *column = (block + pair) * BLOCK_PANELS;
}

/* The 16 by 16 sums of two panels. */
static float *tile_of(const gram_task *task, size_t chunk, size_t row, size_t column)
{
    return task->sums + ((chunk * task->panels + row) * task->panels + column) * TILE;
}

/* What a strand works on: a block of a chunk, some positions at a time. */
typedef struct gram_step {
    const gram_task *task;
    size_t chunk;                      /* of the round */
    size_t row, rows, column, columns; /* panels */
    float *packed;
} gram_step;

static void pack_step(const gram_step *step, size_t position, size_t depth)
{
    pack_panels(step->task, position, depth, step->row, step->rows, step->packed);
    if (step->row != step->column) pack_panels(step->task, position, depth, step->column, step->columns, step->packed + BLOCK);
}

static void add_step(const gram_step *step, size_t depth)
{
    const float *other = step->row == step->column ? step->packed : step->packed + BLOCK;
    for (size_t i = 0; i < step->rows; i++)
        for (size_t j = step->row == step->column ? i : 0; j < step->columns; j++)
            add_panels(depth, step->packed + i * PANEL, other + j * PANEL,
                       tile_of(step->task, step->chunk, step->row + i, step->column + j));
}

static void gram_block(void *data, uint32_t index, uint32_t strand)
{
    const gram_task *task = data;
    gram_step step = {.task = task, .chunk = index / task->pairs, .packed = task->packed + strand * (size_t)2 * BLOCK};
    uint32_t chunk = task->first_chunk + (uint32_t)step.chunk;
    size_t end = nst_part_begin(task->window.positions, task->chunks, chunk + 1);
    find_pair(task, index % task->pairs, &step.row, &step.column);
    step.rows = nst_least(task->panels - step.row, BLOCK_PANELS);
    step.columns = nst_least(task->panels - step.column, BLOCK_PANELS);
    for (size_t i = 0; i < step.rows; i++)
        memset(tile_of(task, step.chunk, step.row + i, step.column), 0, step.columns * TILE * sizeof(float));
    for (size_t p = nst_part_begin(task->window.positions, task->chunks, chunk), depth; p < end; p += depth) {
        depth = nst_least(end - p, DEPTH);
        pack_step(&step, p, depth);
        add_step(&step, depth);
    }
}

/* Adds the sums of two panels, of all chunks of the round, to the matrix, and turned to the other triangle. */
static void add_tile(const gram_task *task, size_t row_panel, size_t column_panel)
{
    size_t channels = task->channels, row = row_panel * NST_GROUP, column = column_panel * NST_GROUP;
    size_t rows = nst_least(channels - row, NST_GROUP), columns = nst_least(channels - column, NST_GROUP);
    double tile[NST_GROUP][NST_GROUP];
    for (size_t i = 0; i < rows; i++) {
        v16d sum = v16d_zero();
        for (size_t chunk = 0; chunk < task->round; chunk++)
            sum = v16d_add(sum, v16d_from(v16_load(tile_of(task, chunk, row_panel, column_panel) + i * NST_GROUP)));
        v16d_store(tile[i], sum);
        for (size_t j = 0; j < columns; j++) task->gram[(row + i) * channels + column + j] += tile[i][j];
    }
    for (size_t j = 0; row != column && j < columns; j++)
        for (size_t i = 0; i < rows; i++) task->gram[(column + j) * channels + row + i] += tile[i][j];
}

static void add_sums(void *data, uint32_t panel)
{
    const gram_task *task = data;
    for (size_t j = panel; j < task->panels; j++) add_tile(task, panel, j);
}

void LEVEL(gram_accumulate)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                            void *workspace)
{
    gram_task task = {.window = nst_window_alone(shape, region), .channels = shape.channels, .panels = nst_groups(shape.channels)};
    size_t round;
    if (task.window.positions == 0 || shape.channels == 0) return;
    task.features = features;
    task.gram = gram;
    task.blocks = nst_ceil_div(task.panels, BLOCK_PANELS);
    task.pairs = (uint32_t)(task.blocks * (task.blocks + 1) / 2);
    task.chunks = chunk_count(task.window.positions);
    round = task.round = round_chunks(shape.channels, task.chunks);
    task.sums = nst_aligned(workspace);
    task.packed = task.sums + round * task.panels * task.panels * TILE;
    for (; task.first_chunk < task.chunks; task.first_chunk += (uint32_t)task.round) {
        task.round = nst_least(round, task.chunks - task.first_chunk);
        nst_spread(exec, gram_block, &task, (uint32_t)task.round * task.pairs);
        exec->run(exec->user, add_sums, &task, (uint32_t)task.panels);
    }
}

/* ---- grad += matrix F ----
 *
 * The matrix is packed in panels of 16 rows: (panel, channels, 16). A task takes a few positions, and computes a few positions by one
 * or two panels at a time. */

#ifdef __AVX512F__
enum { ROWS = 8, PANELS = 2 }; /* 16 sums, 2 of the matrix and 1 broadcast of 32 registers; 8 addresses of positions */
#else
enum { ROWS = 6, PANELS = 1 }; /* 12 sums, 2 of the matrix and 1 broadcast of 16 registers */
#endif
enum {
    TASK_ROWS = 96, /* positions of a task */
    SLICE = 256     /* channels of a panel at a time: with the positions they fit into the first cache */
};

typedef struct matrix_task {
    nst_window window;
    size_t channels, panels;
    uint32_t parts;
    const float *matrix, *features;
    float *packed, *grad;
} matrix_task;

/* 16 rows of the matrix (C, C), turned: (channels, 16), rows that it has not as zeros. */
static void pack_rows(void *data, uint32_t panel)
{
    const matrix_task *task = data;
    size_t channels = task->channels, rows = nst_least(channels - panel * NST_GROUP, NST_GROUP);
    const float *from = task->matrix + panel * NST_GROUP * channels;
    float *to = task->packed + panel * channels * NST_GROUP, some[NST_GROUP][NST_GROUP] = {{0}}, turned[NST_GROUP][NST_GROUP];
    for (size_t k = 0; k < channels; k += NST_GROUP) {
        size_t columns = nst_least(channels - k, NST_GROUP);
        for (size_t r = 0; r < rows; r++) memcpy(some[r], from + r * channels + k, columns * sizeof(float));
        v16_transpose(some[0], NST_GROUP, turned[0], NST_GROUP);
        memcpy(to + k * NST_GROUP, turned, columns * sizeof turned[0]);
    }
}

/* The products of ROWS positions, f[r] (depth), with `panels` panels of the matrix (depth, 16); those of the first `rows` positions are
 * added to grad[r] (panels * 16). */
NST_ALWAYS_INLINE void add_products(size_t panels, size_t depth, size_t panel_stride, const float *const f[ROWS], const float *matrix,
                                    float *const grad[ROWS], size_t rows)
{
    const float *row[ROWS];
    v16 sum[ROWS][PANELS];
#pragma GCC unroll 16
    for (size_t r = 0; r < ROWS; r++) {
        row[r] = f[r];
#pragma GCC unroll 2
        for (size_t p = 0; p < panels; p++) sum[r][p] = v16_zero();
    }
    for (size_t k = 0; k < depth; k++, matrix += NST_GROUP) {
        v16 column[PANELS];
#pragma GCC unroll 2
        for (size_t p = 0; p < panels; p++) column[p] = v16_load(matrix + p * panel_stride);
#pragma GCC unroll 16
        for (size_t r = 0; r < ROWS; r++) {
            v16 value = v16_all(row[r][k]);
#pragma GCC unroll 2
            for (size_t p = 0; p < panels; p++) sum[r][p] = v16_fma(value, column[p], sum[r][p]);
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < ROWS; r++) {
        if (r >= rows) continue;
#pragma GCC unroll 2
        for (size_t p = 0; p < panels; p++) {
            float *to = grad[r] + p * NST_GROUP;
            v16_store(to, v16_add(v16_load(to), sum[r][p]));
        }
    }
}

/* ROWS positions (from offset on; the last ones may repeat) with all channels of one slice, panels [panel, panel + panels). */
static void add_positions(const matrix_task *task, const size_t *offset, size_t rows, size_t panel, size_t panels, size_t k, size_t depth)
{
    const float *f[ROWS], *matrix = task->packed + (panel * task->channels + k) * NST_GROUP;
    float *grad[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        f[r] = task->features + offset[nst_least(r, rows - 1)] + k;
        grad[r] = task->grad + offset[nst_least(r, rows - 1)] + panel * NST_GROUP;
    }
#ifdef __AVX512F__
    if (panels == 2) {
        add_products(2, depth, task->channels * NST_GROUP, f, matrix, grad, rows);
        return;
    }
#endif
    (void)panels;
    add_products(1, depth, 0, f, matrix, grad, rows);
}

static void matrix_part(void *data, uint32_t part)
{
    const matrix_task *task = data;
    size_t first = nst_part_begin(task->window.positions, task->parts, part), offset[TASK_ROWS];
    size_t count = nst_part_begin(task->window.positions, task->parts, part + 1) - first;
    for (size_t i = 0; i < count; i++) offset[i] = nst_window_offset(&task->window, first + i);
    for (size_t k = 0; k < task->channels; k += SLICE)
        for (size_t panel = 0; panel < task->panels; panel += PANELS)
            for (size_t i = 0; i < count; i += ROWS)
                add_positions(task, offset + i, nst_least(count - i, ROWS), panel, nst_least(task->panels - panel, PANELS), k,
                              nst_least(task->channels - k, SLICE));
}

void LEVEL(matrix_times_features)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                  const void *features, void *grad, void *workspace)
{
    matrix_task task = {.window = nst_window_alone(shape, region), .channels = shape.channels, .panels = nst_groups(shape.channels)};
    if (task.window.positions == 0) return;
    task.matrix = matrix;
    task.features = features;
    task.grad = grad;
    task.packed = nst_aligned(workspace);
    task.parts = (uint32_t)nst_ceil_div(task.window.positions, TASK_ROWS);
    exec->run(exec->user, pack_rows, &task, (uint32_t)task.panels);
    exec->run(exec->user, matrix_part, &task, task.parts);
}

size_t LEVEL(gram_workspace)(nst_shape shape, uint32_t strands)
{
    size_t stride = nst_position_stride(shape.channels), matrix = shape.channels * stride, gram;
    if (shape.channels == 0) return 0;
    gram = strands * (size_t)2 * BLOCK + round_chunks(shape.channels, chunk_count(nst_shape_positions(shape))) * stride * stride;
    return 64 + nst_most(gram, matrix) * sizeof(float);
}
