/* Sums over regions of planes (C, H, W): Gram matrices, their gradient, moments, squared differences. */
#include <string.h>

#include "kernels/bfloat.h"
#include "kernels/level_reference.h"
#include "kernels/parts.h"
#include "kernels/runs.h"

typedef struct gram_task {
    size_t channels, plane, target_plane; /* values from one channel to the next */
    nst_runs runs, target_runs;
    const nst_real *features, *other; /* other: the matrix, the target, or what a sum has for each channel */
    const nst_real *of_squares;
    const uint16_t *narrow; /* the target, where it is in 16 bits */
    uint16_t *narrowed;
    nst_real *grad;
    nst_real scale;
    double *gram, *sums, *squares;
} gram_task;

static gram_task task_of(nst_shape shape, nst_region region, const void *features)
{
    return (gram_task){.channels = shape.channels, .plane = nst_shape_positions(shape), .runs = nst_runs_of(shape, region),
                       .features = features};
}

static gram_task task_with_target(nst_shape shape, nst_region region, const void *features, const nst_place *place,
                                  const void *target)
{
    gram_task task = {.channels = shape.channels, .plane = nst_shape_positions(shape),
                      .target_plane = nst_shape_positions(place->shape), .features = features};
    if (place->narrow) task.narrow = target;
    else task.other = target;
    task.runs = nst_runs_placed(shape, region, place, &task.target_runs);
    return task;
}

/* Where run `run` of a channel begins, as an offset. */
static size_t at(const gram_task *task, size_t channel, size_t run)
{
    return channel * task->plane + task->runs.begin + run * task->runs.step;
}

static size_t target_at(const gram_task *task, size_t channel, size_t run)
{
    return channel * task->target_plane + task->target_runs.begin + run * task->target_runs.step;
}

/* Row i of the lower triangle, and its mirror image: no two tasks write the same element. */
static void gram_row(void *data, uint32_t i)
{
    const gram_task *task = data;
    for (size_t j = 0; j <= i; j++) {
        double sum = 0;
        for (size_t run = 0; run < task->runs.count; run++)
            sum += nst_sum_products(task->runs.length, task->features + at(task, i, run), task->features + at(task, j, run));
        task->gram[i * task->channels + j] += sum;
        if (j != i) task->gram[j * task->channels + i] += sum;
    }
}

size_t nst_reference_gram_workspace(nst_shape shape, uint32_t strands)
{
    (void)shape, (void)strands;
    return 0;
}

void nst_reference_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                                   void *workspace)
{
    gram_task task = task_of(shape, region, features);
    task.gram = gram;
    (void)workspace;
    exec->run(exec->user, gram_row, &task, (uint32_t)shape.channels);
}

static void add_scaled(size_t count, nst_real weight, const nst_real *restrict from, nst_real *restrict to)
{
    for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* In pieces, so that the piece of `grad` stays in the cache while all channels are added to it. */
static void matrix_row(void *data, uint32_t i)
{
    const gram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++)
        for (size_t begin = 0; begin < task->runs.length; begin += NST_PART_ELEMENTS) {
            size_t left = task->runs.length - begin, count = left < NST_PART_ELEMENTS ? left : NST_PART_ELEMENTS;
            for (size_t j = 0; j < task->channels; j++)
                add_scaled(count, task->other[i * task->channels + j], task->features + at(task, j, run) + begin,
                           task->grad + at(task, i, run) + begin);
        }
}

void nst_reference_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                         const void *features, void *grad, void *workspace)
{
    gram_task task = task_of(shape, region, features);
    task.other = matrix;
    task.grad = grad;
    (void)workspace;
    exec->run(exec->user, matrix_row, &task, (uint32_t)shape.channels);
}

static uint32_t difference_parts(const gram_task *task)
{
    return nst_part_count(task->channels * nst_runs_positions(&task->runs));
}

enum { BLOCK = 512 };

/* How much of a run is looked at at once: all of it, or what is widened into a block. */
static size_t piece_of(const gram_task *task, size_t left)
{
    return task->narrow && left > BLOCK ? BLOCK : left;
}

static const nst_real *target_piece(const gram_task *task, size_t offset, size_t count, nst_real block[BLOCK])
{
    if (!task->narrow) return task->other + offset;
    for (size_t i = 0; i < count; i++) block[i] = nst_bfloat_value(task->narrow[offset + i]);
    return block;
}

static double run_difference(const gram_task *task, size_t c, size_t run)
{
    double sum = 0;
    nst_real block[BLOCK];
    for (size_t i = 0, count; i < task->runs.length; i += count) {
        count = piece_of(task, task->runs.length - i);
        sum += nst_sum_squared_differences(count, task->features + at(task, c, run) + i,
                                           target_piece(task, target_at(task, c, run) + i, count, block));
    }
    return sum;
}

static void difference_part(void *data, uint32_t part)
{
    const gram_task *task = data;
    uint32_t parts = difference_parts(task);
    size_t end = nst_part_begin(task->channels, parts, part + 1);
    double sum = 0;
    for (size_t c = nst_part_begin(task->channels, parts, part); c < end; c++)
        for (size_t run = 0; run < task->runs.count; run++) sum += run_difference(task, c, run);
    task->sums[part] = sum;
}

double nst_reference_squared_difference(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                        const nst_place *place, const void *target)
{
    double sums[NST_PARTS];
    gram_task task = task_with_target(shape, region, features, place, target);
    uint32_t parts = difference_parts(&task);
    task.sums = sums;
    exec->run(exec->user, difference_part, &task, parts);
    return nst_sum_parts(sums, parts);
}

static void add_scaled_difference(size_t count, nst_real scale, const nst_real *restrict f, const nst_real *restrict t,
                                  nst_real *restrict grad)
{
    for (size_t i = 0; i < count; i++) grad[i] += scale * (f[i] - t[i]);
}

static void difference_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    nst_real block[BLOCK];
    for (size_t run = 0; run < task->runs.count; run++)
        for (size_t i = 0, count; i < task->runs.length; i += count) {
            count = piece_of(task, task->runs.length - i);
            add_scaled_difference(count, task->scale, task->features + at(task, c, run) + i,
                                  target_piece(task, target_at(task, c, run) + i, count, block), task->grad + at(task, c, run) + i);
        }
}

void nst_reference_difference_backward(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale,
                                       const void *features, const nst_place *place, const void *target, void *grad)
{
    gram_task task = task_with_target(shape, region, features, place, target);
    task.grad = grad;
    task.scale = scale;
    exec->run(exec->user, difference_channel, &task, (uint32_t)shape.channels);
}

static void copy_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++)
        memcpy(task->grad + target_at(task, c, run), task->features + at(task, c, run), task->runs.length * sizeof(nst_real));
}

static void narrow_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++) {
        const nst_real *from = task->features + at(task, c, run);
        uint16_t *to = task->narrowed + target_at(task, c, run);
        for (size_t i = 0; i < task->runs.length; i++) to[i] = nst_bfloat_round(from[i]);
    }
}

size_t nst_reference_narrow_bytes(nst_shape shape)
{
    return nst_shape_count(shape) * sizeof(uint16_t);
}

void nst_reference_copy_region(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                               const nst_place *place, void *target)
{
    gram_task task = task_with_target(shape, region, features, place, NULL);
    if (place->narrow) task.narrowed = target;
    else task.grad = target;
    exec->run(exec->user, place->narrow ? narrow_channel : copy_channel, &task, (uint32_t)shape.channels);
}

/* Here runs are rows, so that those of the weights may be further apart. */
typedef struct weigh_task {
    nst_runs own, other;
    size_t plane, other_plane, pitch;
    const nst_real *weights, *from;
    nst_real *to;
} weigh_task;

static weigh_task weigh_task_of(nst_shape shape, nst_region region, const nst_real *weights, size_t pitch, const nst_place *place)
{
    size_t rows = region.row1 - region.row0, columns = region.column1 - region.column0;
    weigh_task task = {.plane = nst_shape_positions(shape), .other_plane = nst_shape_positions(place->shape), .pitch = pitch};
    task.own = (nst_runs){rows, columns, region.row0 * shape.width + region.column0, shape.width};
    task.other = (nst_runs){rows, columns, place->row * place->shape.width + place->column, place->shape.width};
    task.weights = weights;
    return task;
}

static void weigh_channel(void *data, uint32_t c)
{
    const weigh_task *task = data;
    for (size_t row = 0; row < task->own.count; row++) {
        const nst_real *restrict weights = task->weights + row * task->pitch;
        const nst_real *restrict from = task->from + c * task->plane + task->own.begin + row * task->own.step;
        nst_real *restrict to = task->to + c * task->other_plane + task->other.begin + row * task->other.step;
        for (size_t i = 0; i < task->own.length; i++) to[i] = weights[i] * from[i];
    }
}

void nst_reference_weigh(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                         const void *features, const nst_place *place, void *target)
{
    weigh_task task = weigh_task_of(shape, region, weights, pitch, place);
    task.from = features;
    task.to = target;
    exec->run(exec->user, weigh_channel, &task, (uint32_t)shape.channels);
}

static void weigh_channel_backward(void *data, uint32_t c)
{
    const weigh_task *task = data;
    for (size_t row = 0; row < task->own.count; row++) {
        const nst_real *restrict weights = task->weights + row * task->pitch;
        const nst_real *restrict from = task->from + c * task->other_plane + task->other.begin + row * task->other.step;
        nst_real *restrict to = task->to + c * task->plane + task->own.begin + row * task->own.step;
        for (size_t i = 0; i < task->own.length; i++) to[i] += weights[i] * from[i];
    }
}

void nst_reference_weigh_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                                  const nst_place *place, const void *target, void *grad)
{
    weigh_task task = weigh_task_of(shape, region, weights, pitch, place);
    task.from = target;
    task.to = grad;
    exec->run(exec->user, weigh_channel_backward, &task, (uint32_t)shape.channels);
}

static void moments_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    for (size_t run = 0; run < task->runs.count; run++) {
        const nst_real *values = task->features + at(task, c, run);
        task->sums[c] += nst_sum(task->runs.length, values);
        task->squares[c] += nst_sum_products(task->runs.length, values, values);
    }
}

void nst_reference_moments(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums,
                           double *squares)
{
    gram_task task = task_of(shape, region, features);
    task.sums = sums;
    task.squares = squares;
    exec->run(exec->user, moments_channel, &task, (uint32_t)shape.channels);
}

static void moments_channel_backward(void *data, uint32_t c)
{
    const gram_task *task = data;
    nst_real constant = task->other[c], slope = 2 * task->of_squares[c];
    for (size_t run = 0; run < task->runs.count; run++) {
        const nst_real *restrict values = task->features + at(task, c, run);
        nst_real *restrict grad = task->grad + at(task, c, run);
        for (size_t i = 0; i < task->runs.length; i++) grad[i] += constant + slope * values[i];
    }
}

void nst_reference_moments_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                                    const nst_real *of_squares, const void *features, void *grad)
{
    gram_task task = task_of(shape, region, features);
    task.other = of_sums;
    task.of_squares = of_squares;
    task.grad = grad;
    exec->run(exec->user, moments_channel_backward, &task, (uint32_t)shape.channels);
}
