/* Convolutions without Winograd, on channels-last features: 1x1, and 3x3 where a side has few channels. Included by bodies, after a
 * vocabulary. */
#ifndef NST_KERNELS_X86_DIRECT_BODY_H
#define NST_KERNELS_X86_DIRECT_BODY_H

#include "kernels/padding.h"
#include "kernels/spread.h"
#include "kernels/x86/conv_job.h"
#include "kernels/x86/product_body.h"

/* ---- filters: (panel, tap, in, 16) ---- */

typedef struct direct_filters {
    const conv_job *job;
    float *packed;
} direct_filters;

static void direct_pack_panel(void *data, uint32_t panel)
{
    const direct_filters *filters = data;
    const conv_job *job = filters->job;
    size_t taps = job->conv->size * job->conv->size;
    float *to = filters->packed + panel * taps * job->in * NST_GROUP;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t in = 0; in < job->in; in++)
            for (size_t lane = 0; lane < NST_GROUP; lane++) {
                size_t out = panel * NST_GROUP + lane;
                *to++ = out < job->out ? conv_tap(job, out, in, tap) : 0;
            }
}

static size_t direct_packed_floats(const conv_job *job)
{
    return nst_groups(job->out) * job->conv->size * job->conv->size * job->in * NST_GROUP;
}

static void direct_pack(const nst_exec *exec, const conv_job *job, float *packed)
{
    direct_filters filters = {job, packed};
    exec->run(exec->user, direct_pack_panel, &filters, (uint32_t)nst_groups(job->out));
}

/* ---- rows with their padding, so that the products need no edges ---- */

/* to (in, rounded up to groups); NST_PAD_NOTHING: zeros. */
static void copy_position(const conv_job *job, size_t position, float *to)
{
    for (size_t group = 0; group < job->in_stride / NST_GROUP; group++)
        v16_store(to + group * NST_GROUP, position == NST_PAD_NOTHING ? v16_zero() : conv_load(job, position, group));
}

/* Positions -radius .. width - 1 + radius of row `row` + `shift` of x, as the padding has them: to (width + 2 radius, in). */
static void copy_row(const conv_job *job, size_t row, ptrdiff_t shift, float *to)
{
    size_t radius = job->conv->size / 2, from = nst_pad_source(row, shift, job->height, job->pad);
    if (from == NST_PAD_NOTHING) {
        memset(to, 0, (job->width + 2 * radius) * job->in_stride * sizeof *to);
        return;
    }
    if (radius > 0) {
        size_t left = nst_pad_around(0, job->width, job->pad), right = nst_pad_around(job->width + 1, job->width, job->pad);
        copy_position(job, left == NST_PAD_NOTHING ? left : from * job->width + left, to);
        copy_position(job, right == NST_PAD_NOTHING ? right : from * job->width + right, to + (job->width + 1) * job->in_stride);
    }
    if (!job->x_mask) {
        memcpy(to + radius * job->in_stride, job->x + from * job->width * job->in_stride, job->width * job->in_stride * sizeof *to);
        return;
    }
    for (size_t column = 0; column < job->width; column++)
        copy_position(job, from * job->width + column, to + (column + radius) * job->in_stride);
}

/* ---- one row of outputs a task, or two where they are pooled ---- */

typedef struct direct_task {
    const conv_job *job;
    const float *filters;
    float *scratch; /* per strand: `size` rows of x; where outputs are pooled two rows of them */
} direct_task;

/* Whole blocks of positions are computed; what the last one has too many reads what lies behind the row. */
static size_t direct_row_floats(const conv_job *job)
{
    return (job->width + 2 * (job->conv->size / 2) + PRODUCT_ROWS) * job->in_stride;
}

/* Enough for pooled outputs as well. */
static size_t direct_strand_floats(const conv_job *job)
{
    return job->conv->size * direct_row_floats(job) + 2 * job->width * job->out_stride;
}

/* PRODUCT_ROWS positions from `column` on, one panel; the row's outputs begin at `position` of job->y. */
static void direct_block(const conv_job *job, const float *filters, const float *rows, size_t position, size_t column, size_t panel)
{
    size_t size = job->conv->size, left = job->width - column;
    v16 sums[PRODUCT_ROWS], bias = conv_bias(job, panel);
    filters += panel * size * size * job->in * NST_GROUP;
#pragma GCC unroll 12
    for (size_t i = 0; i < PRODUCT_ROWS; i++) sums[i] = bias;
    for (size_t tap = 0; tap < size * size; tap++)
        product_add(PRODUCT_ROWS, 1, job->in, rows + tap / size * direct_row_floats(job) + (column + tap % size) * job->in_stride,
                    job->in_stride, filters + tap * job->in * NST_GROUP, 0, sums);
#pragma GCC unroll 12
    for (size_t i = 0; i < PRODUCT_ROWS; i++)
        if (i < left) conv_store(job, position + column + i, panel, sums[i]);
}

/* Row `row` of the outputs, to `position` and on of job->y; rows (size, width + 2 radius, in) is memory for it. */
static void direct_outputs(const conv_job *job, const float *filters, size_t row, size_t position, float *rows)
{
    ptrdiff_t radius = (ptrdiff_t)job->conv->size / 2;
    for (size_t i = 0; i < job->conv->size; i++) copy_row(job, row, (ptrdiff_t)i - radius, rows + i * direct_row_floats(job));
    for (size_t column = 0; column < job->width; column += PRODUCT_ROWS)
        for (size_t panel = 0; panel < nst_groups(job->out); panel++) direct_block(job, filters, rows, position, column, panel);
}

static void direct_row(void *data, uint32_t row, uint32_t strand)
{
    const direct_task *task = data;
    direct_outputs(task->job, task->filters, row, row * task->job->width, task->scratch + strand * direct_strand_floats(task->job));
}

/* y (2, width, out), without ReLU, to pooled row `row` of job->y (H/2, W/2, out). */
static void direct_pool(const conv_job *job, size_t row, const float *y)
{
    size_t width = job->width / 2;
    for (size_t column = 0; column < width; column++)
        for (size_t panel = 0; panel < nst_groups(job->out); panel++) {
            v16 window[4];
            for (size_t i = 0; i < 4; i++)
                window[i] = v16_load(y + (i / 2 * job->width + 2 * column + i % 2) * job->out_stride + panel * NST_GROUP);
            conv_store_pooled(job, row * width + column, panel, window);
        }
}

static void direct_pooled_row(void *data, uint32_t row, uint32_t strand)
{
    const direct_task *task = data;
    conv_job plain = *task->job;
    float *rows = task->scratch + strand * direct_strand_floats(task->job), *y = rows + plain.conv->size * direct_row_floats(&plain);
    plain.relu = plain.pooled = false;
    plain.y = y;
    for (size_t i = 0; i < 2; i++) direct_outputs(&plain, task->filters, 2 * (size_t)row + i, i * plain.width, rows);
    direct_pool(task->job, row, y);
}

static void direct_run(const nst_exec *exec, const conv_job *job, const float *filters, float *scratch)
{
    direct_task task = {job, filters, scratch};
    if (job->width == 0) return;
    if (job->pooled) nst_spread(exec, direct_pooled_row, &task, (uint32_t)(job->height / 2));
    else nst_spread(exec, direct_row, &task, (uint32_t)job->height);
}

#endif
