/* 2x2 pooling with stride 2, group by group of channels. A task is one row of the pooled features; going back, an odd last row is one
 * more. Included after a vocabulary. */
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/inline.h"
#include "kernels/x86/layout.h"

enum { WINDOW = 4 };

typedef struct pool_task {
    nst_pool_mode mode;
    float scale;
    nst_shape in;
    size_t groups;
    const float *x, *y, *dy;
    const uint16_t *codes;
    float *out; /* y or dx */
    uint16_t *noted;
} pool_task;

/* The four places of a window, row by row, in floats from its first. */
static void window_offsets(const pool_task *task, size_t offset[WINDOW])
{
    size_t stride = task->groups * NST_GROUP;
    offset[0] = 0;
    offset[1] = stride;
    offset[2] = task->in.width * stride;
    offset[3] = offset[2] + stride;
}

/* Where the pooled row begins, in groups, and its window row in floats. */
static size_t pooled_row(const pool_task *task, size_t row)
{
    return row * (task->in.width / 2) * task->groups;
}

static const float *window_row(const pool_task *task, const float *features, size_t row)
{
    return features + 2 * row * task->in.width * task->groups * NST_GROUP;
}

/* b takes the place of what came before where it is larger, or NaN. */
static uint16_t overtakes(v16 before, v16 b)
{
    return (uint16_t)(v16_greater(b, before) | v16_is_nan(b));
}

static inline v16 largest(const v16 x[WINDOW])
{
    return v16_larger(v16_larger(v16_larger(x[0], x[1]), x[2]), x[3]);
}

/* The codes of a plain maximum: its gradient always goes somewhere. */
static void note_codes(const v16 x[WINDOW], uint16_t words[NST_CODE_WORDS])
{
    v16 most = v16_larger(x[0], x[1]);
    uint16_t second = overtakes(x[0], x[1]), third = overtakes(most, x[2]), fourth = overtakes(v16_larger(most, x[2]), x[3]);
    words[0] = (uint16_t)(fourth | (second & ~third));
    words[1] = (uint16_t)(fourth | third);
    words[2] = 0xffff;
}

static inline v16 root_of_squares(const v16 x[WINDOW])
{
    v16 upper = v16_fma(x[1], x[1], v16_mul(x[0], x[0])), lower = v16_fma(x[3], x[3], v16_mul(x[2], x[2]));
    return v16_sqrt(v16_add(upper, lower));
}

/* `mode` and `noted` are constants where this is called. */
NST_ALWAYS_INLINE void pool_row(const pool_task *task, size_t row, nst_pool_mode mode, bool noted)
{
    size_t first = pooled_row(task, row), columns = task->in.width / 2, offset[WINDOW];
    const float *x = window_row(task, task->x, row);
    const v16 scale = v16_all(mode == NST_POOL_AVERAGE ? task->scale / WINDOW : task->scale);
    window_offsets(task, offset);
    for (size_t column = 0; column < columns; column++, x += offset[1])
        for (size_t group = 0; group < task->groups; group++, x += NST_GROUP) {
            size_t at = first + column * task->groups + group;
            v16 value[WINDOW] = {v16_load(x), v16_load(x + offset[1]), v16_load(x + offset[2]), v16_load(x + offset[3])}, pooled;
            if (mode == NST_POOL_MAX) pooled = largest(value);
            else if (mode == NST_POOL_L2) pooled = root_of_squares(value);
            else pooled = v16_add(v16_add(value[0], value[1]), v16_add(value[2], value[3]));
            v16_store(task->out + at * NST_GROUP, v16_mul(scale, pooled));
            if (noted) note_codes(value, task->noted + at * NST_CODE_WORDS);
        }
}

static void forward_row(void *data, uint32_t row)
{
    const pool_task *task = data;
    if (task->mode == NST_POOL_AVERAGE) pool_row(task, row, NST_POOL_AVERAGE, false);
    else if (task->mode == NST_POOL_L2) pool_row(task, row, NST_POOL_L2, false);
    else if (task->noted) pool_row(task, row, NST_POOL_MAX, true);
    else pool_row(task, row, NST_POOL_MAX, false);
}

void LEVEL(pool_forward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y, void *codes)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .groups = nst_groups(in.channels), .x = x, .out = y, .noted = codes};
    exec->run(exec->user, forward_row, &task, in.width < 2 || in.channels == 0 ? 0 : (uint32_t)(in.height / 2));
}

/* ---- the way back ---- */

static inline void spread_maximum(const uint16_t words[NST_CODE_WORDS], v16 gradient, const size_t offset[WINDOW], float *dx)
{
    unsigned low = words[0], high = words[1], anywhere = words[2];
    v16_store(dx, v16_keep((uint16_t)(anywhere & ~low & ~high), gradient));
    v16_store(dx + offset[1], v16_keep((uint16_t)(anywhere & low & ~high), gradient));
    v16_store(dx + offset[2], v16_keep((uint16_t)(anywhere & ~low & high), gradient));
    v16_store(dx + offset[3], v16_keep((uint16_t)(anywhere & low & high), gradient));
}

/* d(scale * root) / dx = scale * x / root = scale^2 * x / y; at y = 0 the subgradient 0. */
static inline void spread_root(const float *x, v16 y, v16 gradient, const size_t offset[WINDOW], float *dx)
{
    uint16_t not_zero = (uint16_t)(v16_greater(y, v16_zero()) | v16_greater(v16_zero(), y) | v16_is_nan(y));
    v16 factor = v16_keep(not_zero, v16_div(gradient, y));
    for (size_t i = 0; i < WINDOW; i++) v16_store(dx + offset[i], v16_mul(factor, v16_load(x + offset[i])));
}

static inline void spread_mean(v16 gradient, const size_t offset[WINDOW], float *dx)
{
    for (size_t i = 0; i < WINDOW; i++) v16_store(dx + offset[i], gradient);
}

NST_ALWAYS_INLINE void spread_row(const pool_task *task, size_t row, float factor, nst_pool_mode mode)
{
    size_t first = pooled_row(task, row), columns = task->in.width / 2, offset[WINDOW];
    size_t start = 2 * row * task->in.width * task->groups * NST_GROUP;
    const v16 scale = v16_all(factor);
    window_offsets(task, offset);
    for (size_t column = 0; column < columns; column++, start += offset[1])
        for (size_t group = 0; group < task->groups; group++, start += NST_GROUP) {
            size_t at = first + column * task->groups + group;
            v16 gradient = v16_mul(scale, v16_load(task->dy + at * NST_GROUP));
            float *dx = task->out + start;
            if (mode == NST_POOL_MAX) spread_maximum(task->codes + at * NST_CODE_WORDS, gradient, offset, dx);
            else if (mode == NST_POOL_L2) spread_root(task->x + start, v16_load(task->y + at * NST_GROUP), gradient, offset, dx);
            else spread_mean(gradient, offset, dx);
        }
}

/* What pooling dropped gets no gradient: the last column of an odd width, the last row of an odd height. */
static void backward_row(void *data, uint32_t row)
{
    const pool_task *task = data;
    size_t stride = task->groups * NST_GROUP, line = task->in.width * stride, rows = task->in.height / 2;
    float *dx = task->out + 2 * (size_t)row * line;
    if (row == rows) {
        memset(dx, 0, line * sizeof(float));
        return;
    }
    if (task->mode == NST_POOL_MAX) spread_row(task, row, task->scale, NST_POOL_MAX);
    else if (task->mode == NST_POOL_L2) spread_row(task, row, task->scale * task->scale, NST_POOL_L2);
    else spread_row(task, row, task->scale / WINDOW, NST_POOL_AVERAGE);
    if (task->in.width % 2 != 0) {
        memset(dx + line - stride, 0, stride * sizeof(float));
        memset(dx + 2 * line - stride, 0, stride * sizeof(float));
    }
}

void LEVEL(pool_backward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                          const void *codes, const void *dy, void *dx)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .groups = nst_groups(in.channels), .x = x, .y = y, .dy = dy,
                      .codes = codes, .out = dx};
    exec->run(exec->user, backward_row, &task, in.width == 0 || in.channels == 0 ? 0 : (uint32_t)(in.height / 2 + in.height % 2));
}
