/* A region of features as a list of positions, counted row by row, and where each lies in memory. */
#ifndef NST_KERNELS_X86_WINDOW_H
#define NST_KERNELS_X86_WINDOW_H

#include "kernels/x86/layout.h"

typedef struct nst_window {
    size_t positions, columns;
    size_t stride, row_stride, origin; /* in floats: from position to position, from row to row, and before the first */
} nst_window;

static inline nst_window nst_window_at(nst_shape shape, size_t row, size_t column, nst_region size)
{
    nst_window window = {.columns = size.column1 - size.column0, .stride = nst_position_stride(shape.channels)};
    window.positions = (size.row1 - size.row0) * window.columns;
    window.row_stride = shape.width * window.stride;
    window.origin = row * window.row_stride + column * window.stride;
    return window;
}

static inline nst_window nst_window_of(nst_shape shape, nst_region region)
{
    return nst_window_at(shape, region.row0, region.column0, region);
}

/* The same, for who looks at these features alone: whole rows lie side by side. */
static inline nst_window nst_window_alone(nst_shape shape, nst_region region)
{
    nst_window window = nst_window_of(shape, region);
    if (window.columns == shape.width) window.columns = window.positions;
    return window;
}

/* The same region where it lies in a target. */
static inline nst_window nst_window_in(const nst_place *place, nst_region region)
{
    return nst_window_at(place->shape, place->row, place->column, region);
}

static inline size_t nst_window_offset(const nst_window *window, size_t position)
{
    return window->origin + position / window->columns * window->row_stride + position % window->columns * window->stride;
}

/* How many positions from `position` on, and before `end`, lie side by side. */
static inline size_t nst_window_run(const nst_window *window, size_t position, size_t end)
{
    size_t left = window->columns - position % window->columns;
    return left < end - position ? left : end - position;
}

#endif
