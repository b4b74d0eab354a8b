#include "kernels/columns.h"

#include <string.h>

#include "kernels/padding.h"

typedef struct columns_task {
    const nst_columns *shape;
    const nst_real *from;
    nst_real *to;
} columns_task;

/* to[x] = from[x + shift], the edge as the padding says. */
static void gather_row(const nst_columns *shape, ptrdiff_t shift, const nst_real *from, nst_real *to)
{
    size_t width = shape->width, edge = shift < 0 ? 0 : width - 1;
    size_t count = shift == 0 ? width : width - 1, source = nst_pad_source(edge, shift, width, shape->pad);
    memcpy(to + (shift < 0), from + (shift > 0), count * sizeof *to);
    if (shift != 0) to[edge] = source == NST_PAD_NOTHING ? 0 : from[source];
}

static void add(size_t count, const nst_real *restrict from, nst_real *restrict to)
{
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* to[x + shift] += from[x], likewise. */
static void scatter_row(const nst_columns *shape, ptrdiff_t shift, const nst_real *from, nst_real *to)
{
    size_t width = shape->width, edge = shift < 0 ? 0 : width - 1;
    size_t count = shift == 0 ? width : width - 1, source = nst_pad_source(edge, shift, width, shape->pad);
    add(count, from + (shift < 0), to + (shift > 0));
    if (shift != 0 && source != NST_PAD_NOTHING) to[source] += from[edge];
}

static void gather_channel(void *data, uint32_t channel)
{
    const columns_task *task = data;
    const nst_columns *shape = task->shape;
    size_t taps = shape->size * shape->size, count = (shape->row1 - shape->row0) * shape->width;
    ptrdiff_t radius = (ptrdiff_t)shape->size / 2;
    const nst_real *plane = task->from + channel * shape->height * shape->width;
    nst_real *to = task->to + channel * taps * count;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t row = shape->row0; row < shape->row1; row++, to += shape->width) {
            size_t source = nst_pad_source(row, (ptrdiff_t)(tap / shape->size) - radius, shape->height, shape->pad);
            if (source == NST_PAD_NOTHING) memset(to, 0, shape->width * sizeof *to);
            else gather_row(shape, (ptrdiff_t)(tap % shape->size) - radius, plane + source * shape->width, to);
        }
}

static void scatter_channel(void *data, uint32_t channel)
{
    const columns_task *task = data;
    const nst_columns *shape = task->shape;
    size_t taps = shape->size * shape->size, count = (shape->row1 - shape->row0) * shape->width;
    ptrdiff_t radius = (ptrdiff_t)shape->size / 2;
    const nst_real *from = task->from + channel * taps * count;
    nst_real *plane = task->to + channel * shape->height * shape->width;
    for (size_t tap = 0; tap < taps; tap++)
        for (size_t row = shape->row0; row < shape->row1; row++, from += shape->width) {
            size_t source = nst_pad_source(row, (ptrdiff_t)(tap / shape->size) - radius, shape->height, shape->pad);
            if (source == NST_PAD_NOTHING) continue;
            scatter_row(shape, (ptrdiff_t)(tap % shape->size) - radius, from, plane + source * shape->width);
        }
}

void nst_columns_gather(const nst_exec *exec, const nst_columns *shape, size_t channels, const nst_real *planes,
                        nst_real *columns)
{
    columns_task task = {.shape = shape, .from = planes, .to = columns};
    exec->run(exec->user, gather_channel, &task, (uint32_t)channels);
}

void nst_columns_scatter(const nst_exec *exec, const nst_columns *shape, size_t channels, const nst_real *columns,
                         nst_real *planes)
{
    columns_task task = {.shape = shape, .from = columns, .to = planes};
    exec->run(exec->user, scatter_channel, &task, (uint32_t)channels);
}
