/* Everything that goes value by value: the planar layout is one long vector. */
#include <math.h>
#include <string.h>

#include "kernels/level_reference.h"
#include "kernels/masks.h"
#include "kernels/parts.h"

typedef struct vector_task {
    size_t count;
    uint32_t parts;
    nst_real alpha, beta;
    const nst_real *x, *z;
    nst_real *y;
    double sums[NST_PARTS];
} vector_task;

static size_t begin_of(const vector_task *task, uint32_t part)
{
    return nst_part_begin(task->count, task->parts, part);
}

static void spread(const nst_exec *exec, void (*job)(void *data, uint32_t index), vector_task *task)
{
    task->parts = nst_part_count(task->count);
    exec->run(exec->user, job, task, task->parts);
}

size_t nst_reference_feature_bytes(nst_shape shape)
{
    return nst_shape_count(shape) * sizeof(nst_real);
}

size_t nst_reference_mask_bytes(nst_shape shape)
{
    return shape.channels * nst_mask_stride(nst_shape_positions(shape));
}

static void copy_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    size_t begin = begin_of(task, part), end = begin_of(task, part + 1);
    memcpy(task->y + begin, task->x + begin, (end - begin) * sizeof *task->y);
}

void nst_reference_import_planar(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features)
{
    spread(exec, copy_part, &(vector_task){.count = nst_shape_count(shape), .x = planar, .y = features});
}

void nst_reference_export_planar(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar)
{
    spread(exec, copy_part, &(vector_task){.count = nst_shape_count(shape), .x = features, .y = planar});
}

typedef struct relu_task {
    size_t positions;
    const nst_real *x;
    nst_real *y;
    unsigned char *mask;
    const unsigned char *dy_mask;
} relu_task;

static void relu_channel(void *data, uint32_t c)
{
    const relu_task *task = data;
    nst_mask_rectify(task->positions, task->x + c * task->positions, task->y + c * task->positions,
                     nst_mask_plane(task->mask, task->positions, c));
}

void nst_reference_relu_forward(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask)
{
    relu_task task = {.positions = nst_shape_positions(shape), .x = x, .y = y, .mask = mask};
    exec->run(exec->user, relu_channel, &task, (uint32_t)shape.channels);
}

static void relu_backward_channel(void *data, uint32_t c)
{
    const relu_task *task = data;
    nst_real *dy = task->y + c * task->positions;
    nst_mask_keep(0, task->positions, task->dy_mask + c * nst_mask_stride(task->positions), dy, dy);
}

void nst_reference_relu_backward(const nst_exec *exec, nst_shape shape, const void *mask, void *dy)
{
    relu_task task = {.positions = nst_shape_positions(shape), .y = dy, .dy_mask = mask};
    exec->run(exec->user, relu_backward_channel, &task, (uint32_t)shape.channels);
}

static void finite_part(void *data, uint32_t part)
{
    vector_task *task = data;
    size_t end = begin_of(task, part + 1);
    int bad = 0;
    for (size_t i = begin_of(task, part); i < end; i++) bad |= !isfinite(task->x[i]);
    task->sums[part] = bad;
}

int nst_reference_all_finite(const nst_exec *exec, nst_shape shape, const void *features)
{
    vector_task task = {.count = nst_shape_count(shape), .x = features};
    int bad = 0;
    spread(exec, finite_part, &task);
    for (uint32_t part = 0; part < task.parts; part++) bad |= task.sums[part] != 0;
    return !bad;
}

static void dot_part(void *data, uint32_t part)
{
    vector_task *task = data;
    size_t begin = begin_of(task, part);
    task->sums[part] = nst_sum_products(begin_of(task, part + 1) - begin, task->x + begin, task->z + begin);
}

double nst_reference_dot(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b)
{
    vector_task task = {.count = n, .x = a, .z = b};
    spread(exec, dot_part, &task);
    return nst_sum_parts(task.sums, task.parts);
}

static void axpy_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    const nst_real *restrict x = task->x;
    nst_real *restrict y = task->y;
    size_t end = begin_of(task, part + 1);
    for (size_t i = begin_of(task, part); i < end; i++) y[i] += task->alpha * x[i];
}

void nst_reference_axpy(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y)
{
    spread(exec, axpy_part, &(vector_task){.count = n, .alpha = alpha, .x = x, .y = y});
}

static void scale_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    const nst_real *restrict x = task->x;
    nst_real *restrict y = task->y;
    size_t end = begin_of(task, part + 1);
    for (size_t i = begin_of(task, part); i < end; i++) y[i] = task->alpha * x[i];
}

static void axpby_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    const nst_real *restrict x = task->x;
    nst_real *restrict y = task->y;
    size_t end = begin_of(task, part + 1);
    for (size_t i = begin_of(task, part); i < end; i++) y[i] = task->alpha * x[i] + task->beta * y[i];
}

/* As in BLAS, beta = 0 means that y is not read: it may hold anything. */
void nst_reference_axpby(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y)
{
    spread(exec, beta == 0 ? scale_part : axpby_part, &(vector_task){.count = n, .alpha = alpha, .beta = beta, .x = x, .y = y});
}
