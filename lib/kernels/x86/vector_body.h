/* Vectors of n floats, for the optimisers. Borders of parts are multiples of 16; the last values of a vector go through a group that
 * zeros fill, so that every value is rounded in the same way. Included after a vocabulary. */
#include <stdbool.h>
#include <string.h>

#include "kernels/parts.h"
#include "kernels/x86/inline.h"
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
    size_t begin = nst_part_begin(nst_ceil_div(task->count, NST_GROUP), task->parts, part) * NST_GROUP;
    return nst_least(begin, task->count);
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
    spread(exec, dot_part, &task);
    return nst_sum_parts(task.sums, task.parts);
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

/* ---- passes of an optimiser ---- */

/* A group of a vector, of which `count` values are there; whether it is of halves is known where this is inlined. */
NST_ALWAYS_INLINE v16 load_group(const void *values, bool halves, size_t i, size_t count)
{
    uint16_t some[NST_GROUP] = {0};
    if (!halves) return count == NST_GROUP ? v16_load((const float *)values + i) : load_some(count, (const float *)values + i);
    if (count == NST_GROUP) return v16_load_bfloats((const uint16_t *)values + i);
    memcpy(some, (const uint16_t *)values + i, count * sizeof some[0]);
    return v16_load_bfloats(some);
}

/* Returns the group as it can be read back. */
NST_ALWAYS_INLINE v16 store_group(void *values, bool halves, size_t i, size_t count, v16 v)
{
    uint16_t some[NST_GROUP];
    if (!halves) {
        if (count == NST_GROUP) v16_store((float *)values + i, v);
        else store_some(count, (float *)values + i, v);
        return v;
    }
    v16_store_bfloats(some, v);
    memcpy((uint16_t *)values + i, some, count * sizeof some[0]);
    return v16_load_bfloats(some);
}

typedef struct pass_task {
    vector_task v;
    bool x_halves, z_halves;
} pass_task;

NST_ALWAYS_INLINE v16d axpby_dot_group(const vector_task *task, bool x_halves, bool z_halves, size_t i, size_t count, v16d sum)
{
    v16 y = v16_mul(v16_all(task->alpha), load_group(task->x, x_halves, i, count)), z;
    if (task->beta != 0) {
        v16 before = load_group(task->y, false, i, count);
        y = v16_fma(v16_all(task->alpha), load_group(task->x, x_halves, i, count), v16_mul(v16_all(task->beta), before));
    }
    store_group(task->y, false, i, count, y);
    z = load_group(task->z, z_halves, i, count);
    return v16d_fma(v16d_from(z), v16d_from(y), sum);
}

NST_ALWAYS_INLINE void axpby_dot_pass(vector_task *task, bool x_halves, bool z_halves, uint32_t part)
{
    size_t i = begin_of(task, part), end = begin_of(task, part + 1);
    v16d sum = v16d_zero();
    for (; i + NST_GROUP <= end; i += NST_GROUP) sum = axpby_dot_group(task, x_halves, z_halves, i, NST_GROUP, sum);
    if (i < end) sum = axpby_dot_group(task, x_halves, z_halves, i, end - i, sum);
    task->sums[part] = v16d_sum(sum);
}

static void axpby_dot_part(void *data, uint32_t part)
{
    pass_task *task = data;
    if (task->x_halves && task->z_halves) axpby_dot_pass(&task->v, true, true, part);
    else if (task->x_halves) axpby_dot_pass(&task->v, true, false, part);
    else if (task->z_halves) axpby_dot_pass(&task->v, false, true, part);
    else axpby_dot_pass(&task->v, false, false, part);
}

double LEVEL(axpby_dot)(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z)
{
    pass_task task = {.v = {.count = n, .parts = nst_part_count(n), .alpha = alpha, .beta = beta, .x = x.values, .z = z.values, .y = y},
                      .x_halves = x.precision == NST_PRECISION_BF16, .z_halves = z.precision == NST_PRECISION_BF16};
    exec->run(exec->user, axpby_dot_part, &task, task.v.parts);
    return nst_sum_parts(task.v.sums, task.v.parts);
}

typedef struct pair_task {
    vector_task v; /* sums: y'y */
    const float *x, *x_before, *g, *g_before;
    bool halves;
    void *s, *y;
    double sy[NST_PARTS];
} pair_task;

NST_ALWAYS_INLINE void pair_group(const pair_task *task, bool halves, size_t i, size_t count, v16d *sy, v16d *yy)
{
    v16 s = v16_sub(load_group(task->x, false, i, count), load_group(task->x_before, false, i, count));
    v16 y = v16_sub(load_group(task->g, false, i, count), load_group(task->g_before, false, i, count));
    v16d wide = v16d_from(y = store_group(task->y, halves, i, count, y));
    *sy = v16d_fma(v16d_from(store_group(task->s, halves, i, count, s)), wide, *sy);
    *yy = v16d_fma(wide, wide, *yy);
}

NST_ALWAYS_INLINE void pair_pass(pair_task *task, bool halves, uint32_t part)
{
    size_t i = begin_of(&task->v, part), end = begin_of(&task->v, part + 1);
    v16d sy = v16d_zero(), yy = v16d_zero();
    for (; i + NST_GROUP <= end; i += NST_GROUP) pair_group(task, halves, i, NST_GROUP, &sy, &yy);
    if (i < end) pair_group(task, halves, i, end - i, &sy, &yy);
    task->sy[part] = v16d_sum(sy);
    task->v.sums[part] = v16d_sum(yy);
}

static void pair_part(void *data, uint32_t part)
{
    pair_task *task = data;
    if (task->halves) pair_pass(task, true, part);
    else pair_pass(task, false, part);
}

void LEVEL(curvature_pair)(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                           const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2])
{
    pair_task task = {.v = {.count = n, .parts = nst_part_count(n)}, .x = x, .x_before = x_before, .g = g, .g_before = g_before,
                      .halves = precision == NST_PRECISION_BF16, .s = s, .y = y};
    exec->run(exec->user, pair_part, &task, task.v.parts);
    sums[0] = nst_sum_parts(task.sy, task.v.parts);
    sums[1] = nst_sum_parts(task.v.sums, task.v.parts);
}

/* A NaN stays. */
NST_ALWAYS_INLINE v16 clip(v16 v, v16 lower, v16 upper)
{
    v16 raised = v16_max(lower, v);
    return v16_select(v16_greater(raised, upper), upper, raised);
}

typedef struct move_task {
    vector_task v; /* alpha, x, z = d, y = to */
    float lower, upper;
    uint16_t moved[NST_PARTS];
} move_task;

NST_ALWAYS_INLINE uint16_t move_group(const move_task *task, size_t i, size_t count)
{
    v16 x = load_group(task->v.x, false, i, count), d = load_group(task->v.z, false, i, count);
    v16 to = clip(v16_fma(v16_all(task->v.alpha), d, x), v16_all(task->lower), v16_all(task->upper));
    uint16_t there = (uint16_t)(0xffffu >> (NST_GROUP - count));
    store_group(task->v.y, false, i, count, to);
    return (uint16_t)((v16_greater(to, x) | v16_greater(x, to) | v16_is_nan(to)) & there);
}

static void move_part(void *data, uint32_t part)
{
    move_task *task = data;
    size_t i = begin_of(&task->v, part), end = begin_of(&task->v, part + 1);
    uint16_t moved = 0;
    for (; i + NST_GROUP <= end; i += NST_GROUP) moved |= move_group(task, i, NST_GROUP);
    if (i < end) moved |= move_group(task, i, end - i);
    task->moved[part] = moved;
}

int LEVEL(move)(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower, nst_real upper,
                nst_real *to)
{
    move_task task = {.v = {.count = n, .parts = nst_part_count(n), .alpha = t, .x = x, .z = d, .y = to}, .lower = lower, .upper = upper};
    int moved = 0;
    exec->run(exec->user, move_part, &task, task.v.parts);
    for (uint32_t part = 0; part < task.v.parts; part++) moved |= task.moved[part] != 0;
    return moved;
}

/* All of it in float: what double would add is lost when the point is rounded. */
typedef struct adam_task {
    vector_task v; /* x, y = the next point, and before that, where the moments learn, the gradient */
    const nst_adam *step;
    float *first, *second;
} adam_task;

NST_ALWAYS_INLINE v16 next_first(const nst_adam *step, v16 first, v16 g)
{
    return v16_fma(v16_all((float)step->decay_first), first, v16_mul(v16_all((float)(1 - step->decay_first)), g));
}

NST_ALWAYS_INLINE v16 next_second(const nst_adam *step, v16 second, v16 g)
{
    return v16_fma(v16_all((float)step->decay_second), second, v16_mul(v16_mul(v16_all((float)(1 - step->decay_second)), g), g));
}

NST_ALWAYS_INLINE void adam_group(const adam_task *task, bool learn, size_t i, size_t count)
{
    const nst_adam *step = task->step;
    v16 first = load_group(task->first, false, i, count), second = load_group(task->second, false, i, count), deviation, move;
    if (learn) {
        v16 g = load_group(task->v.y, false, i, count);
        first = next_first(step, first, g);
        second = next_second(step, second, g);
        store_group(task->first, false, i, count, first);
        store_group(task->second, false, i, count, second);
    }
    deviation = v16_add(v16_sqrt(v16_mul(v16_all((float)step->second_scale), second)), v16_all((float)step->epsilon));
    move = v16_div(v16_mul(v16_all((float)step->rate), first), deviation);
    store_group(task->v.y, false, i, count,
                clip(v16_sub(load_group(task->v.x, false, i, count), move), v16_all(step->lower), v16_all(step->upper)));
}

NST_ALWAYS_INLINE void adam_part(const adam_task *task, bool learn, uint32_t part)
{
    size_t i = begin_of(&task->v, part), end = begin_of(&task->v, part + 1);
    for (; i + NST_GROUP <= end; i += NST_GROUP) adam_group(task, learn, i, NST_GROUP);
    if (i < end) adam_group(task, learn, i, end - i);
}

static void learning_part(void *data, uint32_t part)
{
    adam_part(data, true, part);
}

static void moving_part(void *data, uint32_t part)
{
    adam_part(data, false, part);
}

void LEVEL(adam_step)(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                      nst_real *second, nst_real *next)
{
    adam_task task = {.v = {.count = n, .parts = nst_part_count(n), .x = x, .y = next}, .step = step, .first = first, .second = second};
    exec->run(exec->user, learn ? learning_part : moving_part, &task, task.v.parts);
}
