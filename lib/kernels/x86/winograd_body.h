/* 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015, arXiv:1509.09308) on channels-last features: a
 * quarter of the multiplications. A tile of 4x4 outputs comes from 6x6 inputs as Y = A^T [ (G g G^T) . (B^T d B) ] A, the sum over input
 * channels taken at each of the 36 points. The way back is the same convolution with turned filters and channels exchanged.
 *
 * A task takes a block of tiles and a part of the output channels. It transforms all inputs of the block once, V (36, tiles, in), and
 * then works through the output channels panel by panel: 36 products M (tiles, 16), small enough for the first-level caches, are turned
 * into outputs at once, with bias, ReLU, mask and pooling on the way. Filters U lie as (panel, 36, in, 16). */
#ifndef NST_KERNELS_X86_WINOGRAD_BODY_H
#define NST_KERNELS_X86_WINOGRAD_BODY_H

#include <string.h>

#include "kernels/padding.h"
#include "kernels/parts.h"
#include "kernels/spread.h"
#include "kernels/x86/conv_job.h"
#include "kernels/x86/product_body.h"

enum {
    TILE = 4,
    PATCH = 6,
    POINTS = PATCH * PATCH,
    BLOCK_TILES = 36,     /* tiles whose transformed inputs are at hand together, where channels are many */
    BLOCK_BYTES = 256 << 10, /* of V: what a second-level cache holds; filters stream past it */
    PASS_PANELS = 4,      /* panels that are multiplied while a point's inputs are near */
    FEWEST_TASKS = 16     /* deep layers have few tiles: their tasks share out the output channels as well */
};

static size_t tiles_along(size_t length)
{
    return nst_ceil_div(length, TILE);
}

/* How a convolution is cut: `blocks` times `parts` tasks, by shapes alone. */
typedef struct winograd_cut {
    size_t tile_columns, tiles, block, blocks;
    size_t panels, part, parts; /* output panels in all and in a part */
} winograd_cut;

static winograd_cut cut_of(const conv_job *job)
{
    winograd_cut cut = {.tile_columns = tiles_along(job->width), .panels = nst_groups(job->out)};
    size_t most = BLOCK_BYTES / (POINTS * nst_position_stride(job->in) * sizeof(float)), blocks;
    most = most < BLOCK_TILES ? BLOCK_TILES : most;
    cut.tiles = cut.tile_columns * tiles_along(job->height);
    if (cut.tiles == 0) return cut;
    blocks = nst_ceil_div(cut.tiles, most);
    cut.block = nst_ceil_div(nst_ceil_div(cut.tiles, blocks), PRODUCT_ROWS) * PRODUCT_ROWS;
    cut.blocks = nst_ceil_div(cut.tiles, cut.block);
    cut.parts = cut.blocks < FEWEST_TASKS ? nst_ceil_div(FEWEST_TASKS, cut.blocks) : 1;
    cut.part = nst_ceil_div(nst_ceil_div(cut.panels, cut.parts), PASS_PANELS) * PASS_PANELS;
    cut.parts = nst_ceil_div(cut.panels, cut.part);
    return cut;
}

/* ---- filters: U = G g G^T ---- */

NST_ALWAYS_INLINE void filter_line(const v16 g[3], v16 u[PATCH])
{
    const v16 fourth = v16_all(1.0f / 4), sixth = v16_all(1.0f / 6), twelfth = v16_all(1.0f / 12), wide = v16_all(1.0f / 24);
    v16 even = v16_mul(sixth, v16_add(g[0], g[2])), odd = v16_mul(sixth, g[1]);
    v16 far = v16_fma(wide, g[0], v16_mul(sixth, g[2])), far_odd = v16_mul(twelfth, g[1]);
    u[0] = v16_mul(fourth, g[0]);
    u[1] = v16_sub(v16_zero(), v16_add(even, odd));
    u[2] = v16_sub(odd, even);
    u[3] = v16_add(far, far_odd);
    u[4] = v16_sub(far, far_odd);
    u[5] = g[2];
}

/* Sixteen filters, tap by tap in g, to u + point * stride for every point. */
static void transform_filters(float g[9][NST_GROUP], float *u, size_t stride)
{
    v16 rows[3][PATCH], result[PATCH];
    for (size_t r = 0; r < 3; r++) {
        v16 line[3];
        for (size_t c = 0; c < 3; c++) line[c] = v16_load(g[3 * r + c]);
        filter_line(line, rows[r]);
    }
    for (size_t c = 0; c < PATCH; c++) {
        v16 column[3] = {rows[0][c], rows[1][c], rows[2][c]};
        filter_line(column, result);
        for (size_t r = 0; r < PATCH; r++) v16_store(u + (PATCH * r + c) * stride, result[r]);
    }
}

typedef struct filters_task {
    const conv_job *job;
    float *u;
} filters_task;

/* One panel of U: (36, in, 16). */
static void pack_panel(void *data, uint32_t panel)
{
    const filters_task *task = data;
    const conv_job *job = task->job;
    float *u = task->u + panel * POINTS * job->in * NST_GROUP, g[9][NST_GROUP];
    memset(g, 0, sizeof g);
    for (size_t in = 0; in < job->in; in++) {
        for (size_t lane = 0; lane < NST_GROUP && panel * NST_GROUP + lane < job->out; lane++)
            for (size_t tap = 0; tap < 9; tap++) g[tap][lane] = conv_tap(job, panel * NST_GROUP + lane, in, tap);
        transform_filters(g, u + in * NST_GROUP, job->in * NST_GROUP);
    }
}

static size_t winograd_packed_floats(const conv_job *job)
{
    return nst_groups(job->out) * POINTS * job->in * NST_GROUP;
}

static void winograd_pack(const nst_exec *exec, const conv_job *job, float *packed)
{
    filters_task task = {job, packed};
    exec->run(exec->user, pack_panel, &task, (uint32_t)nst_groups(job->out));
}

/* ---- inputs: V = B^T d B ---- */

NST_ALWAYS_INLINE void input_line(const v16 d[PATCH], v16 v[PATCH])
{
    const v16 two = v16_all(2), four = v16_all(4), five = v16_all(5);
    v16 even = v16_fnma(four, d[2], d[4]), odd = v16_fnma(four, d[1], d[3]);
    v16 wide = v16_sub(d[4], d[2]), wide_odd = v16_mul(two, v16_sub(d[3], d[1]));
    v[0] = v16_fma(four, d[0], v16_fnma(five, d[2], d[4]));
    v[1] = v16_add(even, odd);
    v[2] = v16_sub(even, odd);
    v[3] = v16_add(wide, wide_odd);
    v[4] = v16_sub(wide, wide_odd);
    v[5] = v16_fma(four, d[1], v16_fnma(five, d[3], d[5]));
}

/* A tile's inputs as they lie: where each of its rows and columns is read, in positions; NST_PAD_NOTHING where there is a zero. */
typedef struct patch {
    size_t row[PATCH], column[PATCH];
    bool inside; /* no padding: columns are neighbours */
} patch;

static void find_patch(const conv_job *job, size_t tile_row, size_t tile_column, patch *p)
{
    size_t row = TILE * tile_row, column = TILE * tile_column;
    p->inside = row > 0 && column > 0 && row + PATCH - 1 <= job->height && column + PATCH - 1 <= job->width;
    for (size_t i = 0; i < PATCH; i++) {
        p->row[i] = nst_pad_around(row + i, job->height, job->pad);
        p->column[i] = nst_pad_around(column + i, job->width, job->pad);
    }
}

/* B^T d, column by column, for one group of channels. */
static void transform_down(const conv_job *job, const patch *p, size_t group, v16 down[PATCH][PATCH])
{
    for (size_t c = 0; c < PATCH; c++) {
        v16 d[PATCH], v[PATCH];
        for (size_t r = 0; r < PATCH; r++) {
            bool nothing = !p->inside && (p->row[r] == NST_PAD_NOTHING || p->column[c] == NST_PAD_NOTHING);
            d[r] = nothing ? v16_zero() : conv_load(job, p->row[r] * job->width + p->column[c], group);
        }
        input_line(d, v);
        for (size_t r = 0; r < PATCH; r++) down[r][c] = v[r];
    }
}

/* V (36, in) of one tile: to v + point * point_stride for every point. */
static void transform_input(const conv_job *job, const patch *p, float *v, size_t point_stride)
{
    v16 down[PATCH][PATCH], across[PATCH];
    for (size_t group = 0; group < job->in_stride / NST_GROUP; group++) {
        transform_down(job, p, group, down);
        for (size_t r = 0; r < PATCH; r++) {
            input_line(down[r], across);
            for (size_t c = 0; c < PATCH; c++) v16_store(v + (PATCH * r + c) * point_stride + group * NST_GROUP, across[c]);
        }
    }
}

/* ---- outputs: Y = A^T m A ---- */

NST_ALWAYS_INLINE void output_line(const v16 m[PATCH], v16 y[TILE])
{
    const v16 two = v16_all(2), four = v16_all(4), eight = v16_all(8);
    v16 near = v16_add(m[1], m[2]), odd = v16_sub(m[1], m[2]), far = v16_add(m[3], m[4]), far_odd = v16_sub(m[3], m[4]);
    y[0] = v16_add(v16_add(m[0], near), far);
    y[1] = v16_fma(two, far_odd, odd);
    y[2] = v16_fma(four, far, near);
    y[3] = v16_fma(eight, far_odd, v16_add(odd, m[5]));
}

/* One tile of one panel, m (36, ..., 16) with points `stride` floats apart. */
static void transform_output(const float *m, size_t stride, v16 y[TILE][TILE])
{
    v16 down[TILE][PATCH];
    for (size_t c = 0; c < PATCH; c++) {
        v16 column[PATCH], result[TILE];
        for (size_t r = 0; r < PATCH; r++) column[r] = v16_load(m + (PATCH * r + c) * stride);
        output_line(column, result);
        for (size_t r = 0; r < TILE; r++) down[r][c] = result[r];
    }
    for (size_t r = 0; r < TILE; r++) output_line(down[r], y[r]);
}

/* y (4, 4), 16 channels each, to where it lies in job->y; what the picture does not have of it is dropped. */
static void store_tile(const conv_job *job, size_t tile_row, size_t tile_column, size_t panel, v16 bias, v16 y[TILE][TILE])
{
    size_t rows = job->height - TILE * tile_row, columns = job->width - TILE * tile_column;
    for (size_t r = 0; r < TILE && r < rows; r++)
        for (size_t c = 0; c < TILE && c < columns; c++)
            conv_store(job, (TILE * tile_row + r) * job->width + TILE * tile_column + c, panel, v16_add(y[r][c], bias));
}

/* The same through ReLU and pooling: (2, 2) of job->y (H/2, W/2, out). */
static void store_pooled_tile(const conv_job *job, size_t tile_row, size_t tile_column, size_t panel, v16 bias, v16 y[TILE][TILE])
{
    size_t row = TILE / 2 * tile_row, column = TILE / 2 * tile_column, width = job->width / 2;
    for (size_t r = 0; r < TILE / 2 && row + r < job->height / 2; r++)
        for (size_t c = 0; c < TILE / 2 && column + c < width; c++) {
            v16 window[4];
            for (size_t i = 0; i < 4; i++) window[i] = v16_add(y[2 * r + i / 2][2 * c + i % 2], bias);
            conv_store_pooled(job, (row + r) * width + column + c, panel, window);
        }
}

/* ---- tasks ---- */

typedef struct winograd_task {
    const conv_job *job;
    winograd_cut cut;
    const float *u;
    float *scratch; /* per strand: V, then M */
} winograd_task;

static size_t winograd_v_floats(const conv_job *job, const winograd_cut *cut)
{
    return POINTS * cut->block * job->in_stride;
}

static size_t winograd_strand_floats(const conv_job *job)
{
    winograd_cut cut = cut_of(job);
    return winograd_v_floats(job, &cut) + (size_t)POINTS * cut.block * NST_GROUP * PASS_PANELS;
}

/* V (36, block, in) of tiles [first, first + count). */
static void block_inputs(const winograd_task *task, size_t first, size_t count, float *v)
{
    const conv_job *job = task->job;
    for (size_t i = 0; i < count; i++) {
        patch p;
        find_patch(job, (first + i) / task->cut.tile_columns, (first + i) % task->cut.tile_columns, &p);
        transform_input(job, &p, v + i * job->in_stride, task->cut.block * job->in_stride);
    }
}

/* M (36, block, 16) of one panel to its outputs. */
static void block_outputs(const winograd_task *task, size_t first, size_t count, size_t panel, const float *m)
{
    v16 bias = conv_bias(task->job, panel);
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / task->cut.tile_columns, column = (first + i) % task->cut.tile_columns;
        v16 y[TILE][TILE];
        transform_output(m + i * NST_GROUP, task->cut.block * NST_GROUP, y);
        if (task->job->pooled) store_pooled_tile(task->job, row, column, panel, bias, y);
        else store_tile(task->job, row, column, panel, bias, y);
    }
}

/* `panels` panels from `panel` on: M (panels, 36, block, 16) = V (36, block, in) U, all points, then the outputs. */
static void block_panels(const winograd_task *task, size_t first, size_t count, size_t panel, size_t panels, const float *v, float *m)
{
    const conv_job *job = task->job;
    size_t point_floats = task->cut.block * NST_GROUP, panel_floats = POINTS * point_floats;
    product shape = {job->in, job->in_stride, POINTS * job->in * NST_GROUP, NST_GROUP, panel_floats};
    for (size_t point = 0; point < POINTS; point++)
        for (size_t p = 0; p < panels; p += PRODUCT_PANELS)
            product_run(&shape, count, panels - p < PRODUCT_PANELS ? panels - p : PRODUCT_PANELS,
                        v + point * task->cut.block * job->in_stride,
                        task->u + ((panel + p) * POINTS + point) * job->in * NST_GROUP, m + p * panel_floats + point * point_floats);
    for (size_t p = 0; p < panels; p++) block_outputs(task, first, count, panel + p, m + p * panel_floats);
}

/* Blocks change fastest: threads that work side by side read the same filters. */
static void winograd_block(void *data, uint32_t index, uint32_t strand)
{
    const winograd_task *task = data;
    const winograd_cut *cut = &task->cut;
    size_t first = index % cut->blocks * cut->block, panel = index / cut->blocks * cut->part;
    size_t count = cut->tiles - first < cut->block ? cut->tiles - first : cut->block;
    size_t end = panel + cut->part < cut->panels ? panel + cut->part : cut->panels;
    float *v = task->scratch + strand * winograd_strand_floats(task->job), *m = v + winograd_v_floats(task->job, cut);
    block_inputs(task, first, count, v);
    for (; panel < end; panel += PASS_PANELS)
        block_panels(task, first, count, panel, end - panel < PASS_PANELS ? end - panel : PASS_PANELS, v, m);
}

static void winograd_run(const nst_exec *exec, const conv_job *job, const float *u, float *scratch)
{
    winograd_task task = {job, cut_of(job), u, scratch};
    nst_spread(exec, winograd_block, &task, (uint32_t)(task.cut.blocks * task.cut.parts));
}

#endif
