/* ReLU and pooling on blocks of bf16. A task takes some rows of a block. */
#include "kernels/x86/level_amx.h"
#include "kernels/x86/share_amx.h"
#include "kernels/x86/words_amx.h"

typedef struct relu_task {
    nst_share share;
    nst_shape shape;
    const nst_bf16 *x;
    nst_bf16 *y;
    const uint32_t *wanted;
    uint32_t *mask;
} relu_task;

static void relu_rows(void *data, uint32_t index)
{
    const relu_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end), positions = nst_shape_positions(t->shape);
    bool fine = nst_is_fine(t->shape.channels);
    for (size_t at = block * positions + begin * t->shape.width; at < block * positions + end * t->shape.width; at++) {
        uint32_t bits = 0;
        for (unsigned half = 0; half < values_halves(fine); half++) {
            v16 v = v16_max(v16_zero(), values_load(t->x + at * NST_BLOCK, half, fine)); /* a NaN stays */
            bits |= (uint32_t)v16_greater(v, v16_zero()) << 16 * half;
            values_store(t->y + at * NST_BLOCK, half, fine, v);
        }
        if (t->mask) t->mask[at] = bits;
    }
}

void nst_amx_relu_forward(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask)
{
    relu_task task = {.share = nst_share_of(shape.channels, shape.height, shape.width), .shape = shape, .x = x, .y = y, .mask = mask};
    exec->run(exec->user, relu_rows, &task, task.share.tasks);
}

/* All places of a fine position that belong to the same channel. */
static uint32_t places(uint32_t mask, bool fine)
{
    return fine ? (mask & 0xff) * 0x010101u : mask;
}

static void relu_rows_backward(void *data, uint32_t index)
{
    const relu_task *t = data;
    size_t begin, end, block = nst_share_rows(&t->share, index, &begin, &end), positions = nst_shape_positions(t->shape);
    bool fine = nst_is_fine(t->shape.channels);
    for (size_t at = block * positions + begin * t->shape.width; at < block * positions + end * t->shape.width; at++)
        position_copy_masked(t->y + at * NST_BLOCK, t->y + at * NST_BLOCK, places(t->wanted[at], fine));
}

void nst_amx_relu_backward(const nst_exec *exec, nst_shape shape, const void *mask, void *dy)
{
    relu_task task = {.share = nst_share_of(shape.channels, shape.height, shape.width), .shape = shape, .y = dy, .wanted = mask};
    exec->run(exec->user, relu_rows_backward, &task, task.share.tasks);
}

typedef struct pool_task {
    nst_share share; /* of the pooled rows */
    nst_pool_mode mode;
    nst_shape in, out;
    nst_real scale;
    bool fine;
    const nst_bf16 *x, *y, *dy;
    nst_bf16 *to; /* y or dx */
    const uint32_t *read_codes;
    uint32_t *codes;
} pool_task;

static pool_task pool_task_of(nst_pool_mode mode, nst_real scale, nst_shape in)
{
    nst_shape out = {in.channels, in.height / 2, in.width / 2};
    return (pool_task){.share = nst_share_of(out.channels, out.height, out.width), .mode = mode, .in = in, .out = out, .scale = scale,
                       .fine = nst_is_fine(in.channels)};
}

/* The positions of x and dx that pooled position (row, column) comes from, row by row. */
static void window(const pool_task *t, size_t block, size_t row, size_t column, size_t at[4])
{
    at[0] = block * nst_shape_positions(t->in) + 2 * row * t->in.width + 2 * column;
    at[1] = at[0] + 1;
    at[2] = at[0] + t->in.width;
    at[3] = at[2] + 1;
}

static v16 pooled(const pool_task *t, const v16 v[4], uint16_t place[2])
{
    v16 scale = v16_all(t->scale);
    if (t->mode == NST_POOL_MAX) return v16_mul(v16_first_maximum(v, place), scale);
    if (t->mode == NST_POOL_AVERAGE)
        return v16_mul(v16_add(v16_add(v[0], v[1]), v16_add(v[2], v[3])), v16_all(t->scale / 4));
    v16 squares = v16_fma(v[0], v[0], v16_mul(v[1], v[1]));
    return v16_mul(v16_sqrt(v16_add(squares, v16_fma(v[2], v[2], v16_mul(v[3], v[3])))), scale);
}

static void pool_position(const pool_task *t, size_t to, const size_t at[4])
{
    uint32_t words[NST_BLOCK_CODE_WORDS] = {0, 0, t->fine ? 0xff : UINT32_MAX};
    for (unsigned half = 0; half < values_halves(t->fine); half++) {
        v16 v[4];
        uint16_t place[2] = {0};
        for (int i = 0; i < 4; i++) v[i] = values_load(t->x + at[i] * NST_BLOCK, half, t->fine);
        values_store(t->to + to * NST_BLOCK, half, t->fine, pooled(t, v, place));
        words[0] |= (uint32_t)place[0] << 16 * half;
        words[1] |= (uint32_t)place[1] << 16 * half;
    }
    if (t->codes && t->mode == NST_POOL_MAX) memcpy(t->codes + to * NST_BLOCK_CODE_WORDS, words, sizeof words);
}

static void pool_rows(void *data, uint32_t index)
{
    const pool_task *t = data;
    size_t begin, end, at[4], block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++)
        for (size_t column = 0; column < t->out.width; column++) {
            window(t, block, row, column, at);
            pool_position(t, block * nst_shape_positions(t->out) + row * t->out.width + column, at);
        }
}

void nst_amx_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                          void *codes)
{
    pool_task task = pool_task_of(mode, scale, in);
    task.x = x, task.to = y, task.codes = codes;
    exec->run(exec->user, pool_rows, &task, task.share.tasks);
}

static void maximum_backward(const pool_task *t, size_t from, const size_t at[4], unsigned half)
{
    const uint32_t *words = t->read_codes + from * NST_BLOCK_CODE_WORDS;
    uint16_t low = (uint16_t)(words[0] >> 16 * half), high = (uint16_t)(words[1] >> 16 * half);
    uint16_t live = (uint16_t)(words[2] >> 16 * half);
    v16 gradient = v16_mul(values_load(t->dy + from * NST_BLOCK, half, t->fine), v16_all(t->scale));
    const uint16_t here[4] = {(uint16_t)(~low & ~high), (uint16_t)(low & ~high), (uint16_t)(~low & high), (uint16_t)(low & high)};
    for (int i = 0; i < 4; i++)
        values_store(t->to + at[i] * NST_BLOCK, half, t->fine, v16_keep((uint16_t)(here[i] & live), gradient));
}

static void average_backward(const pool_task *t, size_t from, const size_t at[4], unsigned half)
{
    v16 gradient = v16_mul(values_load(t->dy + from * NST_BLOCK, half, t->fine), v16_all(t->scale / 4));
    for (int i = 0; i < 4; i++) values_store(t->to + at[i] * NST_BLOCK, half, t->fine, gradient);
}

/* d(scale root) / dx = scale^2 x / y; at y = 0 the subgradient 0. */
static void l2_backward(const pool_task *t, size_t from, const size_t at[4], unsigned half)
{
    v16 y = values_load(t->y + from * NST_BLOCK, half, t->fine), dy = values_load(t->dy + from * NST_BLOCK, half, t->fine);
    uint16_t nothing = (uint16_t) ~(v16_greater(y, v16_zero()) | v16_greater(v16_zero(), y) | v16_is_nan(y));
    v16 factor = v16_div(v16_mul(dy, v16_all(t->scale * t->scale)), v16_select(nothing, v16_all(1), y));
    factor = v16_keep((uint16_t)~nothing, factor);
    for (int i = 0; i < 4; i++)
        values_store(t->to + at[i] * NST_BLOCK, half, t->fine,
                     v16_mul(factor, values_load(t->x + at[i] * NST_BLOCK, half, t->fine)));
}

static void pool_row_backward(const pool_task *t, size_t block, size_t row)
{
    size_t at[4], from = block * nst_shape_positions(t->out) + row * t->out.width;
    for (size_t column = 0; column < t->out.width; column++, from++) {
        window(t, block, row, column, at);
        for (unsigned half = 0; half < values_halves(t->fine); half++) {
            if (t->mode == NST_POOL_MAX) maximum_backward(t, from, at, half);
            else if (t->mode == NST_POOL_AVERAGE) average_backward(t, from, at, half);
            else l2_backward(t, from, at, half);
        }
    }
    if (t->in.width % 2 == 0) return;
    window(t, block, row, t->out.width, at); /* the dropped column */
    position_zero(t->to + at[0] * NST_BLOCK);
    position_zero(t->to + at[2] * NST_BLOCK);
}

/* One task more than pooling has clears the dropped row of all blocks. */
static void pool_rows_backward(void *data, uint32_t index)
{
    const pool_task *t = data;
    size_t begin, end, positions = nst_shape_positions(t->in);
    if (index == t->share.tasks) {
        for (size_t block = 0; block < nst_blocks(t->in.channels); block++)
            memset(t->to + (block * positions + 2 * t->out.height * t->in.width) * NST_BLOCK, 0,
                   (positions - 2 * t->out.height * t->in.width) * NST_BLOCK * sizeof *t->to);
        return;
    }
    size_t block = nst_share_rows(&t->share, index, &begin, &end);
    for (size_t row = begin; row < end; row++) pool_row_backward(t, block, row);
}

void nst_amx_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                           const void *codes, const void *dy, void *dx)
{
    pool_task task = pool_task_of(mode, scale, in);
    task.x = x, task.y = y, task.read_codes = codes, task.dy = dy, task.to = dx;
    exec->run(exec->user, pool_rows_backward, &task, task.share.tasks + 1);
}
