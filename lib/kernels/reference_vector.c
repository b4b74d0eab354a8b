/* Everything that goes value by value: the planar layout is one long vector. */
#include <math.h>
#include <string.h>

#include "kernels/level_reference.h"
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

/* Written so that a NaN stays one and is noticed later. */
static void relu_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    nst_real *y = task->y;
    size_t end = begin_of(task, part + 1);
    for (size_t i = begin_of(task, part); i < end; i++) y[i] = y[i] < 0 ? 0 : y[i];
}

void nst_reference_relu_forward(const nst_exec *exec, nst_shape shape, void *y)
{
    spread(exec, relu_part, &(vector_task){.count = nst_shape_count(shape), .y = y});
}

static void relu_backward_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    const nst_real *restrict y = task->x;
    nst_real *restrict dy = task->y;
    size_t end = begin_of(task, part + 1);
    for (size_t i = begin_of(task, part); i < end; i++) dy[i] = y[i] > 0 ? dy[i] : 0;
}

void nst_reference_relu_backward(const nst_exec *exec, nst_shape shape, const void *y, void *dy)
{
    spread(exec, relu_backward_part, &(vector_task){.count = nst_shape_count(shape), .x = y, .y = dy});
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
    double total = 0;
    spread(exec, dot_part, &task);
    for (uint32_t part = 0; part < task.parts; part++) total += task.sums[part];
    return total;
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
