/* 2x2 pooling with stride 2: maximum, mean, root of the sum of squares. One task per channel. A code is a byte: the place of the
 * maximum in its window, row by row. */
#include <string.h>
#include <tgmath.h>

#include "kernels/level_reference.h"

typedef struct pool_task {
    nst_pool_mode mode;
    nst_real scale;
    nst_shape in;
    const nst_real *x, *y, *dy;
    nst_real *out; /* y or dx */
    unsigned char *codes;
    const unsigned char *dy_codes;
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

/* The first of equal maxima. */
static void max_row_codes(size_t count, const nst_real *restrict a, const nst_real *restrict b, unsigned char *restrict codes)
{
    for (size_t i = 0; i < count; i++) {
        nst_real most = larger(larger(a[2 * i], a[2 * i + 1]), larger(b[2 * i], b[2 * i + 1]));
        int first = a[2 * i] == most, second = a[2 * i + 1] == most, third = b[2 * i] == most;
        codes[i] = (unsigned char)(first ? 0 : second ? 1 : third ? 2 : 3);
    }
}

static void max_row_backward(size_t count, nst_real scale, const unsigned char *restrict codes, const nst_real *restrict dy,
                             nst_real *restrict da, nst_real *restrict db)
{
    for (size_t i = 0; i < count; i++) {
        nst_real gradient = scale * dy[i];
        da[2 * i] = codes[i] == 0 ? gradient : 0;
        da[2 * i + 1] = codes[i] == 1 ? gradient : 0;
        db[2 * i] = codes[i] == 2 ? gradient : 0;
        db[2 * i + 1] = codes[i] == 3 ? gradient : 0;
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
    for (size_t row = 0; row < rows; row++) {
        size_t at = (channel * rows + row) * count;
        const nst_real *a = x + 2 * row * width, *b = a + width;
        if (task->mode == NST_POOL_MAX) max_row(count, task->scale, a, b, task->out + at);
        else if (task->mode == NST_POOL_AVERAGE) average_row(count, task->scale, a, b, task->out + at);
        else l2_row(count, task->scale, a, b, task->out + at);
        if (task->mode == NST_POOL_MAX && task->codes) max_row_codes(count, a, b, task->codes + at);
    }
}

static void backward_row(const pool_task *task, size_t channel, size_t row)
{
    size_t width = task->in.width, count = width / 2, at = (channel * (task->in.height / 2) + row) * count;
    size_t upper = channel * nst_shape_positions(task->in) + 2 * row * width, lower = upper + width;
    nst_real *da = task->out + upper, *db = task->out + lower;
    const nst_real *dy = task->dy + at;
    if (task->mode == NST_POOL_MAX) max_row_backward(count, task->scale, task->dy_codes + at, dy, da, db);
    else if (task->mode == NST_POOL_AVERAGE) average_row_backward(count, task->scale, dy, da, db);
    else l2_row_backward(count, task->scale, task->x + upper, task->x + lower, task->y + at, dy, da, db);
    if (width % 2 != 0) da[width - 1] = db[width - 1] = 0;
}

static void backward_channel(void *data, uint32_t channel)
{
    const pool_task *task = data;
    size_t width = task->in.width, rows = task->in.height / 2;
    for (size_t row = 0; row < rows; row++) backward_row(task, channel, row);
    if (task->in.height % 2 != 0)
        memset(task->out + channel * nst_shape_positions(task->in) + 2 * rows * width, 0, width * sizeof *task->out);
}

size_t nst_reference_code_bytes(nst_shape pooled)
{
    return nst_shape_count(pooled);
}

void nst_reference_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                                void *codes)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .x = x, .out = y, .codes = codes};
    exec->run(exec->user, forward_channel, &task, (uint32_t)in.channels);
}

void nst_reference_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x,
                                 const void *y, const void *codes, const void *dy, void *dx)
{
    pool_task task = {.mode = mode, .scale = scale, .in = in, .x = x, .y = y, .dy_codes = codes, .dy = dy, .out = dx};
    exec->run(exec->user, backward_channel, &task, (uint32_t)in.channels);
}
