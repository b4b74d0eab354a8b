/* Features as memory: their size, the way from and to planes, copies, ReLU, a look for NaN. Included after a vocabulary. */
#include <string.h>

#include "kernels/parts.h"
#include "kernels/x86/window.h"

size_t LEVEL(feature_bytes)(nst_shape shape)
{
    return nst_shape_positions(shape) * nst_position_stride(shape.channels) * sizeof(float);
}

size_t LEVEL(narrow_bytes)(nst_shape shape)
{
    return LEVEL(feature_bytes)(shape) / sizeof(float) * sizeof(uint16_t);
}

size_t LEVEL(mask_bytes)(nst_shape shape)
{
    return nst_shape_positions(shape) * nst_groups(shape.channels) * sizeof(uint16_t);
}

size_t LEVEL(code_bytes)(nst_shape pooled)
{
    return LEVEL(mask_bytes)(pooled) * NST_CODE_WORDS;
}

/* ---- planes: blocks of 16 positions by 16 channels are turned ---- */

typedef struct planar_task {
    nst_shape shape;
    uint32_t parts;
    const float *from;
    float *to;
} planar_task;

/* `count` positions (at most 16) from `position` on, of all channels. */
static void import_block(const planar_task *task, size_t position, size_t count)
{
    size_t plane = nst_shape_positions(task->shape), stride = nst_position_stride(task->shape.channels);
    for (size_t c = 0; c < task->shape.channels; c += NST_GROUP) {
        size_t channels = nst_least(task->shape.channels - c, NST_GROUP);
        const float *from = task->from + c * plane + position;
        float *to = task->to + position * stride + c, rows[NST_GROUP][NST_GROUP] = {{0}}, turned[NST_GROUP][NST_GROUP];
        if (count == NST_GROUP && channels == NST_GROUP) {
            v16_transpose(from, plane, to, stride);
            continue;
        }
        for (size_t i = 0; i < channels; i++) memcpy(rows[i], from + i * plane, count * sizeof(float));
        v16_transpose(rows[0], NST_GROUP, turned[0], NST_GROUP);
        for (size_t i = 0; i < count; i++) v16_store(to + i * stride, v16_load(turned[i]));
    }
}

static void export_block(const planar_task *task, size_t position, size_t count)
{
    size_t plane = nst_shape_positions(task->shape), stride = nst_position_stride(task->shape.channels);
    for (size_t c = 0; c < task->shape.channels; c += NST_GROUP) {
        size_t channels = nst_least(task->shape.channels - c, NST_GROUP);
        const float *from = task->from + position * stride + c;
        float *to = task->to + c * plane + position, rows[NST_GROUP][NST_GROUP] = {{0}}, turned[NST_GROUP][NST_GROUP];
        if (count == NST_GROUP && channels == NST_GROUP) {
            v16_transpose(from, stride, to, plane);
            continue;
        }
        for (size_t i = 0; i < count; i++) v16_store(rows[i], v16_load(from + i * stride));
        v16_transpose(rows[0], NST_GROUP, turned[0], NST_GROUP);
        for (size_t i = 0; i < channels; i++) memcpy(to + i * plane, turned[i], count * sizeof(float));
    }
}

static void planar_part(const planar_task *task, uint32_t part, void (*block)(const planar_task *, size_t, size_t))
{
    size_t positions = nst_shape_positions(task->shape), blocks = nst_ceil_div(positions, NST_GROUP);
    size_t end = nst_part_begin(blocks, task->parts, part + 1);
    for (size_t i = nst_part_begin(blocks, task->parts, part); i < end; i++)
        block(task, i * NST_GROUP, nst_least(positions - i * NST_GROUP, NST_GROUP));
}

static void import_part(void *data, uint32_t part)
{
    planar_part(data, part, import_block);
}

static void export_part(void *data, uint32_t part)
{
    planar_part(data, part, export_block);
}

static uint32_t feature_parts(nst_shape shape)
{
    return nst_part_count(nst_shape_positions(shape) * nst_position_stride(shape.channels));
}

void LEVEL(import_planar)(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features)
{
    planar_task task = {shape, feature_parts(shape), planar, features};
    exec->run(exec->user, import_part, &task, task.parts);
}

void LEVEL(export_planar)(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar)
{
    planar_task task = {shape, feature_parts(shape), features, planar};
    exec->run(exec->user, export_part, &task, task.parts);
}

/* ---- group by group ---- */

typedef struct groups_task {
    size_t groups;
    uint32_t parts;
    const float *x;
    const uint16_t *mask;
    float *y;
    uint16_t *noted;
    int bad[NST_PARTS];
} groups_task;

static void spread_groups(const nst_exec *exec, nst_shape shape, void (*job)(void *data, uint32_t part), groups_task *task)
{
    task->groups = nst_shape_positions(shape) * nst_groups(shape.channels);
    task->parts = feature_parts(shape);
    exec->run(exec->user, job, task, task->parts);
}

/* The larger of 0 and x, in the order that lets a NaN through. */
static void relu_part(void *data, uint32_t part)
{
    const groups_task *task = data;
    const v16 zero = v16_zero();
    size_t end = nst_part_begin(task->groups, task->parts, part + 1);
    for (size_t i = nst_part_begin(task->groups, task->parts, part); i < end; i++) {
        v16 x = v16_load(task->x + i * NST_GROUP);
        if (task->noted) task->noted[i] = v16_greater(x, zero);
        v16_store(task->y + i * NST_GROUP, v16_max(zero, x));
    }
}

void LEVEL(relu_forward)(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask)
{
    spread_groups(exec, shape, relu_part, &(groups_task){.x = x, .y = y, .noted = mask});
}

static void relu_backward_part(void *data, uint32_t part)
{
    const groups_task *task = data;
    size_t end = nst_part_begin(task->groups, task->parts, part + 1);
    for (size_t i = nst_part_begin(task->groups, task->parts, part); i < end; i++)
        v16_store(task->y + i * NST_GROUP, v16_keep(task->mask[i], v16_load(task->y + i * NST_GROUP)));
}

void LEVEL(relu_backward)(const nst_exec *exec, nst_shape shape, const void *mask, void *dy)
{
    spread_groups(exec, shape, relu_backward_part, &(groups_task){.mask = mask, .y = dy});
}

/* 0 times a value is 0 or, where the value is not finite, NaN. */
static void finite_part(void *data, uint32_t part)
{
    groups_task *task = data;
    size_t i = nst_part_begin(task->groups, task->parts, part), end = nst_part_begin(task->groups, task->parts, part + 1);
    const v16 zero = v16_zero();
    v16 first = zero, second = zero;
    for (; i + 2 <= end; i += 2) {
        first = v16_fma(v16_load(task->x + i * NST_GROUP), zero, first);
        second = v16_fma(v16_load(task->x + (i + 1) * NST_GROUP), zero, second);
    }
    for (; i < end; i++) first = v16_fma(v16_load(task->x + i * NST_GROUP), zero, first);
    task->bad[part] = v16_is_nan(v16_add(first, second)) != 0;
}

int LEVEL(all_finite)(const nst_exec *exec, nst_shape shape, const void *features)
{
    groups_task task = {.x = features};
    int bad = 0;
    spread_groups(exec, shape, finite_part, &task);
    for (uint32_t part = 0; part < task.parts; part++) bad |= task.bad[part];
    return !bad;
}

/* ---- copies of regions ---- */

typedef struct copy_task {
    nst_window from, to;
    uint32_t parts;
    const float *features;
    float *target;
    uint16_t *narrow;
} copy_task;

static void copy_part(void *data, uint32_t part)
{
    const copy_task *task = data;
    size_t end = nst_part_begin(task->from.positions, task->parts, part + 1), run;
    for (size_t i = nst_part_begin(task->from.positions, task->parts, part); i < end; i += run) {
        run = nst_window_run(&task->from, i, end);
        memcpy(task->target + nst_window_offset(&task->to, i), task->features + nst_window_offset(&task->from, i),
               run * task->from.stride * sizeof(float));
    }
}

static void narrow_part(void *data, uint32_t part)
{
    const copy_task *task = data;
    size_t end = nst_part_begin(task->from.positions, task->parts, part + 1), run;
    for (size_t i = nst_part_begin(task->from.positions, task->parts, part); i < end; i += run) {
        const float *from = task->features + nst_window_offset(&task->from, i);
        uint16_t *to = task->narrow + nst_window_offset(&task->to, i);
        run = nst_window_run(&task->from, i, end);
        for (size_t k = 0; k < run * task->from.stride; k += NST_GROUP) v16_store_bfloats(to + k, v16_load(from + k));
    }
}

void LEVEL(copy_region)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                        void *target)
{
    copy_task task = {.from = nst_window_of(shape, region), .to = nst_window_in(place, region), .features = features};
    if (place->narrow) task.narrow = target;
    else task.target = target;
    task.parts = nst_part_count(task.from.positions * task.from.stride);
    exec->run(exec->user, place->narrow ? narrow_part : copy_part, &task, task.parts);
}

/* ---- copies times a weight a position ---- */

typedef struct weigh_task {
    nst_window own, other;
    size_t pitch;
    uint32_t parts;
    const float *weights, *from;
    float *to;
} weigh_task;

static weigh_task weigh_task_of(nst_shape shape, nst_region region, const nst_real *weights, size_t pitch, const nst_place *place)
{
    weigh_task task = {.own = nst_window_of(shape, region), .other = nst_window_in(place, region), .pitch = pitch};
    task.weights = weights;
    task.parts = nst_part_count(task.own.positions * task.own.stride);
    return task;
}

static v16 weight_of(const weigh_task *task, size_t position)
{
    return v16_all(task->weights[position / task->own.columns * task->pitch + position % task->own.columns]);
}

static void weigh_part(void *data, uint32_t part)
{
    const weigh_task *task = data;
    size_t end = nst_part_begin(task->own.positions, task->parts, part + 1);
    for (size_t i = nst_part_begin(task->own.positions, task->parts, part); i < end; i++) {
        const v16 weight = weight_of(task, i);
        const float *from = task->from + nst_window_offset(&task->own, i);
        float *to = task->to + nst_window_offset(&task->other, i);
        for (size_t k = 0; k < task->own.stride; k += NST_GROUP)
            v16_store(to + k, v16_fma(weight, v16_load(from + k), v16_zero())); /* one rounding: the product's */
    }
}

void LEVEL(weigh)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch, const void *features,
                  const nst_place *place, void *target)
{
    weigh_task task = weigh_task_of(shape, region, weights, pitch, place);
    task.from = features;
    task.to = target;
    exec->run(exec->user, weigh_part, &task, task.parts);
}

static void weigh_backward_part(void *data, uint32_t part)
{
    const weigh_task *task = data;
    size_t end = nst_part_begin(task->own.positions, task->parts, part + 1);
    for (size_t i = nst_part_begin(task->own.positions, task->parts, part); i < end; i++) {
        const v16 weight = weight_of(task, i);
        const float *from = task->from + nst_window_offset(&task->other, i);
        float *to = task->to + nst_window_offset(&task->own, i);
        for (size_t k = 0; k < task->own.stride; k += NST_GROUP)
            v16_store(to + k, v16_fma(weight, v16_load(from + k), v16_load(to + k)));
    }
}

void LEVEL(weigh_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                           const nst_place *place, const void *target, void *grad)
{
    weigh_task task = weigh_task_of(shape, region, weights, pitch, place);
    task.from = target;
    task.to = grad;
    exec->run(exec->user, weigh_backward_part, &task, task.parts);
}
