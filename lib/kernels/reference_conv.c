/* Convolution by definition, on planes: every tap adds a shifted, scaled row. The backward pass runs the same taps the other way
 * round, so that it is the exact adjoint for every padding. */
#include <string.h>

#include "kernels/level_reference.h"
#include "kernels/masks.h"
#include "kernels/padding.h"
#include "kernels/spread.h"

typedef struct conv_task {
    const nst_conv *conv;
    size_t height, width;
    const nst_real *from;
    nst_real *to;
    bool relu;
    unsigned char *mask;          /* written on the way forward */
    const unsigned char *dy_mask; /* read on the way back; NULL: all of dy counts */
    nst_real *rows;               /* (strands, W): a masked row of dy each */
} conv_task;

static void add_scaled(size_t count, nst_real weight, const nst_real *restrict from, nst_real *restrict to)
{
    for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* to[x] += weight * from[x + shift] wherever both exist. */
static void add_shifted(size_t width, ptrdiff_t shift, nst_real weight, const nst_real *from, nst_real *to)
{
    if (shift < 0) add_scaled(width - 1, weight, from, to + 1);
    else if (shift > 0) add_scaled(width - 1, weight, from + 1, to);
    else add_scaled(width, weight, from, to);
}

/* One tap of one row; what the edge position reads comes from the padding. */
static void tap_forward(size_t width, ptrdiff_t shift, nst_pad_mode pad, nst_real weight, const nst_real *x, nst_real *y)
{
    size_t edge = shift < 0 ? 0 : width - 1, source = nst_pad_source(edge, shift, width, pad);
    add_shifted(width, shift, weight, x, y);
    if (shift != 0 && source != NST_PAD_NOTHING) y[edge] += weight * x[source];
}

static void tap_backward(size_t width, ptrdiff_t shift, nst_pad_mode pad, nst_real weight, const nst_real *dy, nst_real *dx)
{
    size_t edge = shift < 0 ? 0 : width - 1, source = nst_pad_source(edge, shift, width, pad);
    add_shifted(width, -shift, weight, dy, dx);
    if (shift != 0 && source != NST_PAD_NOTHING) dx[source] += weight * dy[edge];
}

/* A row (W) of output from the plane (H, W) of one input channel; weight (size, size). */
static void row_forward(const conv_task *task, const nst_real *weight, size_t row, const nst_real *x, nst_real *y_row)
{
    size_t size = task->conv->size;
    ptrdiff_t radius = (ptrdiff_t)size / 2;
    for (size_t v = 0; v < size; v++) {
        size_t source = nst_pad_source(row, (ptrdiff_t)v - radius, task->height, task->conv->pad);
        if (source == NST_PAD_NOTHING) continue;
        for (size_t u = 0; u < size; u++)
            tap_forward(task->width, (ptrdiff_t)u - radius, task->conv->pad, weight[v * size + u], x + source * task->width,
                        y_row);
    }
}

static void row_backward(const conv_task *task, const nst_real *weight, size_t row, const nst_real *dy_row, nst_real *dx)
{
    size_t size = task->conv->size;
    ptrdiff_t radius = (ptrdiff_t)size / 2;
    for (size_t v = 0; v < size; v++) {
        size_t source = nst_pad_source(row, (ptrdiff_t)v - radius, task->height, task->conv->pad);
        if (source == NST_PAD_NOTHING) continue;
        for (size_t u = 0; u < size; u++)
            tap_backward(task->width, (ptrdiff_t)u - radius, task->conv->pad, weight[v * size + u], dy_row,
                         dx + source * task->width);
    }
}

static void forward_channel(void *data, uint32_t out)
{
    const conv_task *task = data;
    const nst_conv *conv = task->conv;
    size_t plane = task->height * task->width, taps = conv->size * conv->size;
    for (size_t row = 0; row < task->height; row++) {
        nst_real *y = task->to + out * plane + row * task->width;
        for (size_t i = 0; i < task->width; i++) y[i] = conv->bias[out];
        for (size_t in = 0; in < conv->in_channels; in++)
            row_forward(task, conv->weight + (out * conv->in_channels + in) * taps, row, task->from + in * plane, y);
    }
    if (task->relu) nst_mask_rectify(plane, task->to + out * plane, task->to + out * plane, nst_mask_plane(task->mask, plane, out));
}

/* A row (W) of dy, masked into the strand's own memory where there is a mask. */
static const nst_real *dy_row(const conv_task *task, size_t out, size_t row, uint32_t strand)
{
    size_t plane = task->height * task->width, begin = row * task->width;
    const nst_real *dy = task->from + out * plane + begin;
    nst_real *masked = task->rows + strand * task->width;
    if (!task->dy_mask) return dy;
    nst_mask_keep(begin, task->width, task->dy_mask + out * nst_mask_stride(plane), dy, masked);
    return masked;
}

static void backward_channel(void *data, uint32_t in, uint32_t strand)
{
    const conv_task *task = data;
    const nst_conv *conv = task->conv;
    size_t plane = task->height * task->width, taps = conv->size * conv->size;
    nst_real *dx = task->to + in * plane;
    memset(dx, 0, plane * sizeof *dx);
    for (size_t row = 0; row < task->height; row++)
        for (size_t out = 0; out < conv->out_channels; out++)
            row_backward(task, conv->weight + (out * conv->in_channels + in) * taps, row, dy_row(task, out, row, strand), dx);
}

size_t nst_reference_conv_packed_bytes(const nst_conv *conv, nst_direction direction)
{
    (void)conv, (void)direction;
    return 0;
}

void nst_reference_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed)
{
    (void)exec, (void)conv, (void)direction, (void)packed;
}

size_t nst_reference_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands)
{
    (void)conv, (void)height;
    return strands * width * sizeof(nst_real);
}

void nst_reference_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                                void *mask, void *y, void *workspace)
{
    conv_task task = {.conv = conv, .height = height, .width = width, .from = x, .to = y, .relu = relu, .mask = mask};
    (void)workspace;
    if (height > 0 && width > 0) exec->run(exec->user, forward_channel, &task, (uint32_t)conv->out_channels);
}

void nst_reference_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                                 const void *mask, void *dx, void *workspace)
{
    conv_task task = {.conv = conv, .height = height, .width = width, .from = dy, .to = dx, .dy_mask = mask, .rows = workspace};
    if (height > 0 && width > 0) nst_spread(exec, backward_channel, &task, (uint32_t)conv->in_channels);
}
