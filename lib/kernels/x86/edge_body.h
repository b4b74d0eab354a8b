/* The way back through reflected or repeated edges. The adjoint of such a convolution is that of the zero-padded one, plus what would
 * have come out on the ring of positions just outside, each added to the position whose value was put there. The ring is four lines;
 * along a line a 3x3 convolution has only three taps. Included by bodies, after a vocabulary. */
#ifndef NST_KERNELS_X86_EDGE_BODY_H
#define NST_KERNELS_X86_EDGE_BODY_H

#include "kernels/padding.h"
#include "kernels/x86/direct_body.h"

typedef struct edge_task {
    const conv_job *job;
    nst_pad_mode pad;
    const float *filters; /* of direct_pack() */
    size_t corners;       /* ring positions of the line before its first and after its last inside one: 1 or 0 */
    size_t length, start, step; /* of the outermost line inside, in positions */
    size_t tap, tap_step; /* the first of its three taps */
    size_t outside;       /* where the line's own coordinate reads: added to `base` */
    float *line;          /* dy along it, two zeros at either end */
    bool horizontal;
} edge_task;

/* dy along the outermost line inside, masked: line (2 + length + 2, in), zeros at either end. */
static void edge_copy(const edge_task *edge)
{
    const conv_job *job = edge->job;
    size_t end = edge->length + 2;
    for (size_t i = 0; i < 2; i++) {
        copy_position(job, NST_PAD_NOTHING, edge->line + i * job->in_stride);
        copy_position(job, NST_PAD_NOTHING, edge->line + (end + i) * job->in_stride);
    }
    for (size_t i = 0; i < edge->length; i++)
        copy_position(job, edge->start + i * edge->step, edge->line + (i + 2) * job->in_stride);
}

/* The position that gets the gradient of ring position `at` - 1 of the line. */
static size_t edge_target(const edge_task *edge, size_t at)
{
    size_t along = nst_pad_around(at, edge->length, edge->pad);
    return edge->horizontal ? edge->outside * edge->job->width + along : along * edge->job->width + edge->outside;
}

/* All ring positions of a line, in order, for one panel of channels: no two tasks write the same values. */
static void edge_panel(void *data, uint32_t panel)
{
    const edge_task *edge = data;
    const conv_job *job = edge->job;
    const float *filters = edge->filters + (size_t)panel * 9 * job->in * NST_GROUP;
    for (size_t at = 1 - edge->corners; at < edge->length + 1 + edge->corners; at++) {
        float *y = job->y + edge_target(edge, at) * job->out_stride + panel * NST_GROUP;
        v16 sum = v16_load(y);
        for (size_t t = 0; t < 3; t++)
            product_add(1, 1, job->in, edge->line + (at + t) * job->in_stride, 0,
                        filters + (edge->tap + t * edge->tap_step) * job->in * NST_GROUP, 0, &sum);
        v16_store(y, sum);
    }
}

static void edge_run(const nst_exec *exec, const edge_task *edge)
{
    edge_task copy = *edge;
    edge_copy(&copy);
    exec->run(exec->user, edge_panel, &copy, (uint32_t)nst_groups(edge->job->out));
}

static size_t edge_line_floats(const conv_job *job)
{
    return ((job->height > job->width ? job->height : job->width) + 4) * job->in_stride;
}

/* A tap reads y[p] from x[p + tap - 1]: ring position -1 reads x[0] through the last row of taps. */
static void edges_run(const nst_exec *exec, const conv_job *job, nst_pad_mode pad, const float *filters, float *line)
{
    size_t h = job->height, w = job->width;
    edge_task edge = {.job = job, .pad = pad, .filters = filters, .line = line};
    if (h == 0 || w == 0) return;
    edge.horizontal = true;
    edge.corners = 1;
    edge.length = w;
    edge.step = edge.tap_step = 1;
    for (int last = 0; last < 2; last++) {
        edge.start = last ? (h - 1) * w : 0;
        edge.tap = last ? 0 : 6;
        edge.outside = nst_pad_around(last ? h + 1 : 0, h, pad);
        edge_run(exec, &edge);
    }
    edge.horizontal = false;
    edge.corners = 0;
    edge.length = h;
    edge.step = w;
    edge.tap_step = 3;
    for (int last = 0; last < 2; last++) {
        edge.start = last ? w - 1 : 0;
        edge.tap = last ? 0 : 2;
        edge.outside = nst_pad_around(last ? w + 1 : 0, w, pad);
        edge_run(exec, &edge);
    }
}

#endif
