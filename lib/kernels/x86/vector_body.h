/* Vectors of n floats, for the optimisers. Borders of parts are multiples of 16; the last values of a vector go through a group that
 * zeros fill, so that every value is rounded in the same way. Included after a vocabulary. */
#include <string.h>

#include "kernels/parts.h"
#include "kernels/x86/layout.h"

typedef struct vector_task {
    size_t count;
    uint32_t parts;
    float alpha, beta;
    const float *x, *z;
    float *y;
    double sums[NST_PARTS];
} vector_task;

static size_t begin_of(const vector_task *task, uint32_t part)
{
    size_t begin = nst_part_begin((task->count + NST_GROUP - 1) / NST_GROUP, task->parts, part) * NST_GROUP;
    return begin < task->count ? begin : task->count;
}

static void spread(const nst_exec *exec, void (*job)(void *data, uint32_t part), vector_task *task)
{
    task->parts = nst_part_count(task->count);
    exec->run(exec->user, job, task, task->parts);
}

/* The first `count` (fewer than 16) floats, then zeros. */
static v16 load_some(size_t count, const float *from)
{
    float values[NST_GROUP] = {0};
    memcpy(values, from, count * sizeof(float));
    return v16_load(values);
}

static void store_some(size_t count, float *to, v16 v)
{
    float values[NST_GROUP];
    v16_store(values, v);
    memcpy(to, values, count * sizeof(float));
}

static void dot_part(void *data, uint32_t part)
{
    vector_task *task = data;
    size_t i = begin_of(task, part), end = begin_of(task, part + 1);
    v16d sum = v16d_zero();
    for (; i + NST_GROUP <= end; i += NST_GROUP) sum = v16d_fma(v16d_from(v16_load(task->x + i)), v16d_from(v16_load(task->z + i)), sum);
    if (i < end)
        sum = v16d_fma(v16d_from(load_some(end - i, task->x + i)), v16d_from(load_some(end - i, task->z + i)), sum);
    task->sums[part] = v16d_sum(sum);
}

double LEVEL(dot)(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b)
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
    size_t i = begin_of(task, part), end = begin_of(task, part + 1);
    const v16 alpha = v16_all(task->alpha);
    for (; i + NST_GROUP <= end; i += NST_GROUP) v16_store(task->y + i, v16_fma(alpha, v16_load(task->x + i), v16_load(task->y + i)));
    if (i < end)
        store_some(end - i, task->y + i, v16_fma(alpha, load_some(end - i, task->x + i), load_some(end - i, task->y + i)));
}

void LEVEL(axpy)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y)
{
    spread(exec, axpy_part, &(vector_task){.count = n, .alpha = alpha, .x = x, .y = y});
}

static void scale_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    size_t i = begin_of(task, part), end = begin_of(task, part + 1);
    const v16 alpha = v16_all(task->alpha);
    for (; i + NST_GROUP <= end; i += NST_GROUP) v16_store(task->y + i, v16_mul(alpha, v16_load(task->x + i)));
    if (i < end) store_some(end - i, task->y + i, v16_mul(alpha, load_some(end - i, task->x + i)));
}

static void axpby_part(void *data, uint32_t part)
{
    const vector_task *task = data;
    size_t i = begin_of(task, part), end = begin_of(task, part + 1);
    const v16 alpha = v16_all(task->alpha), beta = v16_all(task->beta);
    for (; i + NST_GROUP <= end; i += NST_GROUP)
        v16_store(task->y + i, v16_fma(alpha, v16_load(task->x + i), v16_mul(beta, v16_load(task->y + i))));
    if (i < end)
        store_some(end - i, task->y + i,
                   v16_fma(alpha, load_some(end - i, task->x + i), v16_mul(beta, load_some(end - i, task->y + i))));
}

/* As in BLAS, beta = 0 means that y is not read: it may hold anything. */
void LEVEL(axpby)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y)
{
    spread(exec, beta == 0 ? scale_part : axpby_part, &(vector_task){.count = n, .alpha = alpha, .beta = beta, .x = x, .y = y});
}
