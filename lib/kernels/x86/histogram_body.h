/* Histograms: a task takes a few channels over all positions, so that their bins stay in a cache and no two tasks write the same; the way
 * back, which writes no bins, takes parts of the positions. Of the vocabulary it needs LEVEL alone: which bin a value is in is arithmetic
 * that compilers make vectors of, and the rest is one bin after the other. */
#include "kernels/parts.h"
#include "kernels/x86/window.h"

enum { SLICE = 8 };

typedef struct histogram_task {
    nst_window window;
    size_t channels;
    uint32_t parts; /* of the positions, on the way back */
    const float *features;
    float *grad;
    nst_bin *bins;
    const nst_bin_map *maps;
} histogram_task;

static void histogram_slice(void *data, uint32_t index)
{
    const histogram_task *task = data;
    size_t first = (size_t)index * SLICE, channels = nst_least(SLICE, task->channels - first), run;
    nst_bin *bins = task->bins + first * NST_BINS;
    for (size_t i = 0; i < task->window.positions; i += run) {
        const float *f = task->features + nst_window_offset(&task->window, i) + first;
        run = nst_window_run(&task->window, i, task->window.positions);
        for (size_t k = 0; k < run; k++, f += task->window.stride)
            for (size_t c = 0; c < channels; c++) nst_bin_add(bins + c * NST_BINS, f[c]);
    }
}

void LEVEL(histogram)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins)
{
    histogram_task task = {.window = nst_window_alone(shape, region), .channels = shape.channels, .features = features, .bins = bins};
    exec->run(exec->user, histogram_slice, &task, (uint32_t)nst_ceil_div(shape.channels, SLICE));
}

static void histogram_part_backward(void *data, uint32_t index)
{
    const histogram_task *task = data;
    uint32_t part = index % task->parts;
    size_t first = index / task->parts * SLICE, channels = nst_least(SLICE, task->channels - first), run;
    size_t end = nst_part_begin(task->window.positions, task->parts, part + 1);
    const nst_bin_map *maps = task->maps + first * NST_BINS;
    for (size_t i = nst_part_begin(task->window.positions, task->parts, part); i < end; i += run) {
        size_t at = nst_window_offset(&task->window, i) + first;
        run = nst_window_run(&task->window, i, end);
        for (size_t k = 0; k < run; k++, at += task->window.stride)
            for (size_t c = 0; c < channels; c++) task->grad[at + c] += nst_bin_mapped(maps + c * NST_BINS, task->features[at + c]);
    }
}

void LEVEL(histogram_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps, const void *features,
                               void *grad)
{
    histogram_task task = {.window = nst_window_alone(shape, region), .channels = shape.channels, .features = features, .grad = grad,
                           .maps = maps};
    task.parts = nst_part_count(task.window.positions * SLICE);
    exec->run(exec->user, histogram_part_backward, &task, (uint32_t)nst_ceil_div(shape.channels, SLICE) * task.parts);
}
