/* Sums over a region, in double from the first product on, and the gradient of the squared difference. Included after a vocabulary. */
#include "kernels/parts.h"
#include "kernels/x86/inline.h"
#include "kernels/x86/window.h"

typedef struct difference_task {
    nst_window own, other; /* of the features, and of the region's place in the target */
    uint32_t parts;
    float scale;
    const float *features;
    const void *target;
    bool narrow;
    float *grad;
    double sums[NST_PARTS];
} difference_task;

NST_ALWAYS_INLINE v16 target_group(const void *target, bool narrow, size_t at)
{
    return narrow ? v16_load_bfloats((const uint16_t *)target + at) : v16_load((const float *)target + at);
}

static difference_task task_of(nst_shape shape, nst_region region, const void *features, const nst_place *place, const void *target)
{
    difference_task task = {.own = nst_window_of(shape, region), .other = nst_window_in(place, region)};
    task.features = features;
    task.target = target;
    task.narrow = place->narrow;
    task.parts = nst_part_count(task.own.positions * task.own.stride);
    return task;
}

NST_ALWAYS_INLINE void squared_pass(difference_task *task, bool narrow, uint32_t part)
{
    size_t end = nst_part_begin(task->own.positions, task->parts, part + 1), run;
    v16d sum = v16d_zero();
    for (size_t i = nst_part_begin(task->own.positions, task->parts, part); i < end; i += run) {
        const float *f = task->features + nst_window_offset(&task->own, i);
        size_t other = nst_window_offset(&task->other, i);
        run = nst_window_run(&task->own, i, end);
        for (size_t k = 0; k < run * task->own.stride; k += NST_GROUP) {
            v16d difference = v16d_sub(v16d_from(v16_load(f + k)), v16d_from(target_group(task->target, narrow, other + k)));
            sum = v16d_fma(difference, difference, sum);
        }
    }
    task->sums[part] = v16d_sum(sum);
}

static void squared_part(void *data, uint32_t part)
{
    squared_pass(data, false, part);
}

static void squared_narrow_part(void *data, uint32_t part)
{
    squared_pass(data, true, part);
}

double LEVEL(squared_difference)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                 const nst_place *place, const void *target)
{
    difference_task task = task_of(shape, region, features, place, target);
    exec->run(exec->user, task.narrow ? squared_narrow_part : squared_part, &task, task.parts);
    return nst_sum_parts(task.sums, task.parts);
}

NST_ALWAYS_INLINE void backward_pass(const difference_task *task, bool narrow, uint32_t part)
{
    const v16 scale = v16_all(task->scale);
    size_t end = nst_part_begin(task->own.positions, task->parts, part + 1), run;
    for (size_t i = nst_part_begin(task->own.positions, task->parts, part); i < end; i += run) {
        size_t own = nst_window_offset(&task->own, i), other = nst_window_offset(&task->other, i);
        const float *f = task->features + own;
        float *grad = task->grad + own;
        run = nst_window_run(&task->own, i, end);
        for (size_t k = 0; k < run * task->own.stride; k += NST_GROUP)
            v16_store(grad + k, v16_fma(scale, v16_sub(v16_load(f + k), target_group(task->target, narrow, other + k)),
                                        v16_load(grad + k)));
    }
}

static void backward_part(void *data, uint32_t part)
{
    backward_pass(data, false, part);
}

static void backward_narrow_part(void *data, uint32_t part)
{
    backward_pass(data, true, part);
}

void LEVEL(difference_backward)(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                const nst_place *place, const void *target, void *grad)
{
    difference_task task = task_of(shape, region, features, place, target);
    task.scale = scale;
    task.grad = grad;
    exec->run(exec->user, task.narrow ? backward_narrow_part : backward_part, &task, task.parts);
}

/* ---- moments: a task takes one group of channels over one part of the positions ---- */

typedef struct moments_task {
    nst_window window;
    size_t first_group, groups;
    uint32_t parts; /* of the positions */
    const float *features;
    double sums[NST_PARTS][2][NST_GROUP];
} moments_task;

static void moments_part(void *data, uint32_t index)
{
    moments_task *task = data;
    uint32_t part = index % task->parts;
    const float *features = task->features + (task->first_group + index / task->parts) * NST_GROUP;
    size_t end = nst_part_begin(task->window.positions, task->parts, part + 1), run;
    v16d sum = v16d_zero(), squares = v16d_zero();
    for (size_t i = nst_part_begin(task->window.positions, task->parts, part); i < end; i += run) {
        const float *f = features + nst_window_offset(&task->window, i);
        run = nst_window_run(&task->window, i, end);
        for (size_t k = 0; k < run; k++) {
            v16d value = v16d_from(v16_load(f + k * task->window.stride));
            sum = v16d_add(sum, value);
            squares = v16d_fma(value, value, squares);
        }
    }
    v16d_store(task->sums[index][0], sum);
    v16d_store(task->sums[index][1], squares);
}

/* The results of a batch of groups, parts in order. */
static void add_moments(const moments_task *task, size_t channels, double *sums, double *squares)
{
    for (size_t c = task->first_group * NST_GROUP; c < channels && c < (task->first_group + task->groups) * NST_GROUP; c++) {
        size_t group = c / NST_GROUP - task->first_group, lane = c % NST_GROUP;
        double sum = 0, square = 0;
        for (uint32_t part = 0; part < task->parts; part++) {
            sum += task->sums[group * task->parts + part][0][lane];
            square += task->sums[group * task->parts + part][1][lane];
        }
        sums[c] += sum;
        squares[c] += square;
    }
}

void LEVEL(moments)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums, double *squares)
{
    moments_task task = {.window = nst_window_alone(shape, region), .features = features};
    size_t groups = nst_groups(shape.channels);
    for (; task.first_group < groups; task.first_group += task.groups) {
        uint32_t most;
        task.groups = groups - task.first_group < NST_PARTS ? groups - task.first_group : NST_PARTS;
        most = NST_PARTS / (uint32_t)task.groups;
        task.parts = nst_part_count(task.window.positions * NST_GROUP);
        task.parts = task.parts < most ? task.parts : most;
        exec->run(exec->user, moments_part, &task, (uint32_t)task.groups * task.parts);
        add_moments(&task, shape.channels, sums, squares);
    }
}

typedef struct moments_back {
    nst_window window;
    size_t channels;
    uint32_t parts; /* of the positions */
    const float *of_sums, *of_squares, *features;
    float *grad;
} moments_back;

/* A group's share of `values` (C), times `times`; surplus channels get 0. */
static v16 group_of(const float *values, size_t group, size_t channels, float times)
{
    float lanes[NST_GROUP] = {0};
    for (size_t k = 0; k < NST_GROUP && group * NST_GROUP + k < channels; k++) lanes[k] = times * values[group * NST_GROUP + k];
    return v16_load(lanes);
}

static void moments_part_backward(void *data, uint32_t index)
{
    const moments_back *task = data;
    size_t group = index / task->parts, end, run;
    uint32_t part = index % task->parts;
    v16 constant = group_of(task->of_sums, group, task->channels, 1), slope = group_of(task->of_squares, group, task->channels, 2);
    end = nst_part_begin(task->window.positions, task->parts, part + 1);
    for (size_t i = nst_part_begin(task->window.positions, task->parts, part); i < end; i += run) {
        size_t at = nst_window_offset(&task->window, i) + group * NST_GROUP;
        run = nst_window_run(&task->window, i, end);
        for (size_t k = 0; k < run; k++, at += task->window.stride)
            v16_store(task->grad + at, v16_add(v16_load(task->grad + at), v16_fma(slope, v16_load(task->features + at), constant)));
    }
}

void LEVEL(moments_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                             const nst_real *of_squares, const void *features, void *grad)
{
    moments_back task = {.window = nst_window_alone(shape, region), .channels = shape.channels, .of_sums = of_sums,
                         .of_squares = of_squares, .features = features, .grad = grad};
    task.parts = nst_part_count(task.window.positions * NST_GROUP);
    exec->run(exec->user, moments_part_backward, &task, (uint32_t)nst_groups(shape.channels) * task.parts);
}
