/* 2x2 pooling with stride 2: maximum, mean, root of the sum of squares. One task per channel. */
#include <string.h>
#include <tgmath.h>

#include "kernels/level_reference.h"

typedef struct pool_task {
    nst_pool_mode mode;
    nst_real scale;
    nst_shape in;
    const nst_real *x, *y, *dy;
    nst_real *out; /* y or dx */
} pool_task;

/* Not fmax(): a NaN has to come through. */
static inline nst_real larger(nst_real a, nst_real b)
{
    nst_real most = a < b ? b : a;
    return b != b ? b : most;
}

/* Rows `a` and `b` of the input, 2 * count values each, give one row of the output. */
static void max_row(size_t count, nst_real scale, const nst_real *restrict a, const nst_real *restrict b, nst_real *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = scale * larger(larger(a[2 * i], a[2 * i + 1]), larger(b[2 * i], b[2 * i + 1]));
}

static void average_row(size_t count, nst_real scale, const nst_real *restrict a, const nst_real *restrict b,
                        nst_real *restrict y)
{
    nst_real quarter = scale / 4;
    for (size_t i = 0; i < count; i++) y[i] = quarter * ((a[2 * i] + a[2 * i + 1]) + (b[2 * i] + b[2 * i + 1]));
}

static void l2_row(size_t count, nst_real scale, const nst_real *restrict a, const nst_real *restrict b, nst_real *restrict y)
{
    for (size_t i = 0; i < count; i++) {
        nst_real upper = a[2 * i] * a[2 * i] + a[2 * i + 1] * a[2 * i + 1];
        nst_real lower = b[2 * i] * b[2 * i] + b[2 * i + 1] * b[2 * i + 1];
        y[i] = scale * sqrt(upper + lower);
    }
}

static void max_row_backward(size_t count, nst_real scale, const nst_real *restrict a, const nst_real *restrict b,
                             const nst_real *restrict dy, nst_real *restrict da, nst_real *restrict db)
{
    for (size_t i = 0; i < count; i++) {
        nst_real most = larger(larger(a[2 * i], a[2 * i + 1]), larger(b[2 * i], b[2 * i + 1])), gradient = scale * dy[i];
        int first = a[2 * i] == most, second = !first & (a[2 * i + 1] == most);
        int third = !first & !second & (b[2 * i] == most), fourth = !first & !second & !third;
        da[2 * i] = first ? gradient : 0;
        da[2 * i + 1] = second ? gradient : 0;
        db[2 * i] = third ? gradient : 0;
        db[2 * i + 1] = fourth ? gradient : 0;
    }
}

static void average_row_backward(size_t count, nst_real scale, const nst_real *restrict dy, nst_real *restrict da,
                                 nst_real *restrict db)
{
    nst_real quarter = scale / 4;
    for (size_t i = 0; i < count; i++) {
        nst_real gradient = quarter * dy[i];
        da[2 * i] = da[2 * i + 1] = gradient;
        db[2 * i] = db[2 * i + 1] = gradient;
    }
}

/* d(scale * root) / dx = scale * x / root = scale^2 * x / y; at y = 0 the subgradient 0. */
static void l2_row_backward(size_t count, nst_real scale, const nst_real *restrict a, const nst_real *restrict b,
                            const nst_real *restrict y, const nst_real *restrict dy, nst_real *restrict da, nst_real *restrict db)
{
    for (size_t i = 0; i < count; i++) {
        nst_real factor = y[i] == 0 ? 0 : scale * scale * dy[i] / y[i];
        da[2 * i] = factor * a[2 * i];
        da[2 * i + 1] = factor * a[2 * i + 1];
        db[2 * i] = factor * b[2 * i];
        db[2 * i + 1] = factor * b[2 * i + 1];
    }
}

static void forward_channel(void *data, uint32_t channel)
{
    const pool_task *task = data;
    size_t width = task->in.width, rows = task->in.height / 2, count = width / 2;
    const nst_real *x = task->x + channel * nst_shape_positions(task->in);
    nst_real *y = task->out + channel * rows * count;
    for (size_t row = 0; row < rows; row++) {
        const nst_real *a = x + 2 * row * width, *b = a + width;
        if (task->mode == NST_POOL_MAX) max_row(count, task->scale, a, b, y + row * count);
        else if (task->mode == NST_POOL_AVERAGE) average_row(count, task->scale, a, b, y + row * count);
        else l2_row(count, task->scale, a, b, y + row * count);
    }
}

static void backward_channel(void *data, uint32_t channel)
{
    const pool_task *task = data;
    size_t width = task->in.width, rows = task->in.height / 2, count = width / 2;
    const nst_real *x = task->x + channel * nst_shape_positions(task->in);
    const nst_real *y = task->y + channel * rows * count, *dy = task->dy + channel * rows * count;
    nst_real *dx = task->out + channel * nst_shape_positions(task->in);
    for (size_t row = 0; row < rows; row++) {
        const nst_real *a = x + 2 * row * width, *b = a + width, *dy_row = dy + row * count;
        nst_real *da = dx + 2 * row * width, *db = da + width;
        if (task->mode == NST_POOL_MAX) max_row_backward(count, task->scale, a, b, dy_row, da, db);
        else if (task->mode == NST_POOL_AVERAGE) average_row_backward(count, task->scale, dy_row, da, db);
        else l2_row_backward(count, task->scale, a, b, y + row * count, dy_row, da, db);
        if (width % 2 != 0) da[width - 1] = db[width - 1] = 0;
    }
    if (task->in.height % 2 != 0) memset(dx + 2 * rows * width, 0, width * sizeof *dx);
}

void nst_reference_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .x = x, .out = y};
    exec->run(exec->user, forward_channel, &task, (uint32_t)in.channels);
}

void nst_reference_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x,
                                 const void *y, const void *dy, void *dx)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .x = x, .y = y, .dy = dy, .out = dx};
    exec->run(exec->user, backward_channel, &task, (uint32_t)in.channels);
}
