/* Histograms of regions of planes (C, H, W), and what follows from the bin that a value lies in. */
#include "kernels/level_reference.h"
#include "kernels/runs.h"

typedef struct histogram_task {
    size_t plane; /* values from one channel to the next */
    nst_runs runs;
    const nst_real *features;
    nst_real *grad;
    nst_bin *bins;
    const nst_bin_map *maps;
} histogram_task;

static histogram_task task_of(nst_shape shape, nst_region region, const void *features)
{
    return (histogram_task){.plane = nst_shape_positions(shape), .runs = nst_runs_of(shape, region), .features = features};
}

static size_t at(const histogram_task *task, size_t channel, size_t run)
{
    return channel * task->plane + task->runs.begin + run * task->runs.step;
}

static void histogram_channel(void *data, uint32_t c)
{
    const histogram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++) {
        const nst_real *values = task->features + at(task, c, run);
        for (size_t i = 0; i < task->runs.length; i++) nst_bin_add(task->bins + (size_t)c * NST_BINS, values[i]);
    }
}

void nst_reference_histogram(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins)
{
    histogram_task task = task_of(shape, region, features);
    task.bins = bins;
    exec->run(exec->user, histogram_channel, &task, (uint32_t)shape.channels);
}

static void histogram_channel_backward(void *data, uint32_t c)
{
    const histogram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++) {
        const nst_real *restrict values = task->features + at(task, c, run);
        nst_real *restrict grad = task->grad + at(task, c, run);
        for (size_t i = 0; i < task->runs.length; i++) grad[i] += nst_bin_mapped(task->maps + (size_t)c * NST_BINS, values[i]);
    }
}

void nst_reference_histogram_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps,
                                      const void *features, void *grad)
{
    histogram_task task = task_of(shape, region, features);
    task.maps = maps;
    task.grad = grad;
    exec->run(exec->user, histogram_channel_backward, &task, (uint32_t)shape.channels);
}
