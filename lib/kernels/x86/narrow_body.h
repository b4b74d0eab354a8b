/* 3x3 convolutions to very few channels, as the way back to the pixels is: with the channels alone a panel of 16 would be mostly empty,
 * so a product makes the contributions of every position to all nine neighbours, P (positions, 9 out), and these are added up. Zero
 * padding. Included by bodies, after a vocabulary. */
#ifndef NST_KERNELS_X86_NARROW_BODY_H
#define NST_KERNELS_X86_NARROW_BODY_H

#include "kernels/parts.h"
#include "kernels/spread.h"
#include "kernels/x86/direct_body.h"

enum { NARROW_MOST = 5, NARROW_ROWS = 16 }; /* output channels; rows of a task, which makes two more rows of P than it has */

static size_t narrow_panels(const conv_job *job)
{
    return nst_groups(9 * job->out);
}

/* (panel, in, 16), column tap * out + channel. */
static size_t narrow_packed_floats(const conv_job *job)
{
    return narrow_panels(job) * job->in * NST_GROUP;
}

static void narrow_pack(const conv_job *job, float *packed)
{
    for (size_t panel = 0; panel < narrow_panels(job); panel++)
        for (size_t in = 0; in < job->in; in++)
            for (size_t lane = 0; lane < NST_GROUP; lane++) {
                size_t column = panel * NST_GROUP + lane;
                *packed++ = column < 9 * job->out ? conv_tap(job, column % job->out, in, column / job->out) : 0;
            }
}

typedef struct narrow_task {
    const conv_job *job;
    const float *filters;
    float *scratch; /* per strand: a row of x, three rows of P, a row of sums */
} narrow_task;

static size_t narrow_products_floats(const conv_job *job)
{
    return job->width * narrow_panels(job) * NST_GROUP;
}

static size_t narrow_strand_floats(const conv_job *job)
{
    return job->width * (job->in_stride + NST_GROUP) + 3 * narrow_products_floats(job);
}

/* P of a row of x: products (width, 9 out, rounded up to panels); x (width, in) is memory for the row as its mask leaves it. */
static void narrow_products(const narrow_task *task, size_t row, float *x, float *products)
{
    const conv_job *job = task->job;
    size_t panels = narrow_panels(job);
    product shape = {job->in, job->in_stride, job->in * NST_GROUP, panels * NST_GROUP, NST_GROUP};
    const float *from = job->x + row * job->width * job->in_stride;
    if (job->x_mask) {
        for (size_t column = 0; column < job->width; column++) copy_position(job, row * job->width + column, x + column * job->in_stride);
        from = x;
    }
    for (size_t panel = 0; panel < panels; panel += PRODUCT_PANELS)
        product_run(&shape, job->width, panels - panel < PRODUCT_PANELS ? panels - panel : PRODUCT_PANELS, from,
                    task->filters + panel * job->in * NST_GROUP, products + panel * NST_GROUP);
}

/* sums (width, 16) += what tap (r, c) of the products of row + r - 1 gives to the positions of a row. */
static void narrow_add_tap(const conv_job *job, size_t tap, const float *products, float *sums)
{
    size_t shift = tap % 3, stride = narrow_panels(job) * NST_GROUP;
    size_t first = shift == 0, end = shift == 2 ? job->width - 1 : job->width; /* positions that have this neighbour */
    for (size_t column = first; column < end; column++) {
        const float *p = products + (column + shift - 1) * stride + tap * job->out;
        for (size_t channel = 0; channel < job->out; channel++) sums[column * NST_GROUP + channel] += p[channel];
    }
}

/* A row of outputs from the three rows of P around it, (3, width, 9 out) in a ring; sums (width, 16) is memory for it. */
static void narrow_sum_row(const conv_job *job, size_t row, const float *ring, float *sums)
{
    memset(sums, 0, job->width * NST_GROUP * sizeof *sums);
    for (size_t r = 0; r < 3; r++) {
        if (row + r < 1 || row + r > job->height) continue;
        for (size_t c = 0; c < 3; c++) narrow_add_tap(job, 3 * r + c, ring + (row + r) % 3 * narrow_products_floats(job), sums);
    }
    for (size_t column = 0; column < job->width; column++)
        conv_store(job, row * job->width + column, 0, v16_load(sums + column * NST_GROUP));
}

/* Products of row r lie at (r + 1) % 3 of a ring. */
static void narrow_rows(void *data, uint32_t index, uint32_t strand)
{
    const narrow_task *task = data;
    const conv_job *job = task->job;
    size_t first = (size_t)index * NARROW_ROWS, end = first + NARROW_ROWS < job->height ? first + NARROW_ROWS : job->height;
    size_t floats = narrow_products_floats(job), made = first > 0 ? first - 1 : 0;
    float *x = task->scratch + strand * narrow_strand_floats(job), *sums = x + job->width * job->in_stride,
          *ring = sums + job->width * NST_GROUP;
    for (size_t row = first; row < end; row++) {
        for (; made < job->height && made <= row + 1; made++) narrow_products(task, made, x, ring + (made + 1) % 3 * floats);
        narrow_sum_row(job, row, ring, sums);
    }
}

static void narrow_run(const nst_exec *exec, const conv_job *job, const float *filters, float *scratch)
{
    narrow_task task = {job, filters, scratch};
    if (job->width > 0) nst_spread(exec, narrow_rows, &task, (uint32_t)nst_ceil_div(job->height, NARROW_ROWS));
}

#endif
