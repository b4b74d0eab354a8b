/* What optimisers do with long vectors, in one pass each: tasks go through their part in blocks that stay in the first cache, where
 * vectors of halves are widened and sums taken. */
#include "kernels/bfloat.h"
#include "kernels/level_reference.h"
#include "kernels/parts.h"

enum { BLOCK = 512 };

/* Sums in double as nst_sum_products() takes them, over several blocks: all but the last have full lanes. */
typedef struct products {
    double lane[NST_LANES], tail;
} products;

static void add_products(products *sum, size_t n, const nst_real *a, const nst_real *b)
{
    double lane[NST_LANES];
    size_t i = 0;
    memcpy(lane, sum->lane, sizeof lane);
    for (; i + NST_LANES <= n; i += NST_LANES)
        for (size_t k = 0; k < NST_LANES; k++) lane[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < n; i++) sum->tail += (double)a[i] * (double)b[i];
    memcpy(sum->lane, lane, sizeof lane);
}

static double total_of(const products *sum)
{
    return nst_sum_lanes(sum->lane) + sum->tail;
}

/* Values [at, at + n) of a vector: where they lie, or widened into `block`. */
static const nst_real *read_block(nst_vector vector, size_t at, size_t n, nst_real *restrict block)
{
    const uint16_t *restrict halves;
    if (vector.precision == NST_PRECISION_FP32) return (const nst_real *)vector.values + at;
    halves = (const uint16_t *)vector.values + at;
    for (size_t i = 0; i < n; i++) block[i] = nst_bfloat_value(halves[i]);
    return block;
}

/* Stores a block, which is left as it can be read back. */
static void write_block(nst_precision precision, void *vector, size_t at, size_t n, nst_real *restrict block)
{
    uint16_t *restrict halves;
    if (precision == NST_PRECISION_FP32) {
        memcpy((nst_real *)vector + at, block, n * sizeof *block);
        return;
    }
    halves = (uint16_t *)vector + at;
    for (size_t i = 0; i < n; i++) {
        halves[i] = nst_bfloat_round(block[i]);
        block[i] = nst_bfloat_value(halves[i]);
    }
}

/* ---- axpby_dot ---- */

typedef struct axpby_dot_task {
    size_t count;
    uint32_t parts;
    nst_real alpha, beta;
    nst_vector x, z;
    nst_real *y;
    double sums[NST_PARTS];
} axpby_dot_task;

static void update_block(size_t n, nst_real alpha, const nst_real *restrict x, nst_real beta, nst_real *restrict y)
{
    if (beta == 0)
        for (size_t i = 0; i < n; i++) y[i] = alpha * x[i];
    else if (beta == 1)
        for (size_t i = 0; i < n; i++) y[i] += alpha * x[i];
    else
        for (size_t i = 0; i < n; i++) y[i] = alpha * x[i] + beta * y[i];
}

static void axpby_dot_part(void *data, uint32_t part)
{
    axpby_dot_task *task = data;
    size_t end = nst_part_begin(task->count, task->parts, part + 1), n;
    products sum = {{0}, 0};
    for (size_t at = nst_part_begin(task->count, task->parts, part); at < end; at += n) {
        nst_real block[BLOCK];
        n = nst_least(BLOCK, end - at);
        update_block(n, task->alpha, read_block(task->x, at, n, block), task->beta, task->y + at);
        add_products(&sum, n, read_block(task->z, at, n, block), task->y + at);
    }
    task->sums[part] = total_of(&sum);
}

double nst_reference_axpby_dot(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z)
{
    axpby_dot_task task = {.count = n, .parts = nst_part_count(n), .alpha = alpha, .beta = beta, .x = x, .z = z, .y = y};
    exec->run(exec->user, axpby_dot_part, &task, task.parts);
    return nst_sum_parts(task.sums, task.parts);
}

/* ---- curvature_pair ---- */

typedef struct pair_task {
    size_t count;
    uint32_t parts;
    const nst_real *x, *x_before, *g, *g_before;
    nst_precision precision;
    void *s, *y;
    double sy[NST_PARTS], yy[NST_PARTS];
} pair_task;

static void subtract(size_t n, const nst_real *restrict a, const nst_real *restrict b, nst_real *restrict difference)
{
    for (size_t i = 0; i < n; i++) difference[i] = a[i] - b[i];
}

static void pair_part(void *data, uint32_t part)
{
    pair_task *task = data;
    size_t end = nst_part_begin(task->count, task->parts, part + 1), n;
    products sy = {{0}, 0}, yy = {{0}, 0};
    for (size_t at = nst_part_begin(task->count, task->parts, part); at < end; at += n) {
        nst_real s[BLOCK], y[BLOCK];
        n = nst_least(BLOCK, end - at);
        subtract(n, task->x + at, task->x_before + at, s);
        subtract(n, task->g + at, task->g_before + at, y);
        write_block(task->precision, task->s, at, n, s);
        write_block(task->precision, task->y, at, n, y);
        add_products(&sy, n, s, y);
        add_products(&yy, n, y, y);
    }
    task->sy[part] = total_of(&sy);
    task->yy[part] = total_of(&yy);
}

void nst_reference_curvature_pair(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                                  const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2])
{
    pair_task task = {.count = n, .parts = nst_part_count(n), .x = x, .x_before = x_before, .g = g, .g_before = g_before,
                      .precision = precision, .s = s, .y = y};
    exec->run(exec->user, pair_part, &task, task.parts);
    sums[0] = nst_sum_parts(task.sy, task.parts);
    sums[1] = nst_sum_parts(task.yy, task.parts);
}

/* ---- move ---- */

typedef struct move_task {
    size_t count;
    uint32_t parts;
    nst_real t, lower, upper;
    const nst_real *x, *d;
    nst_real *to;
    int moved[NST_PARTS];
} move_task;

static nst_real clip(nst_real value, nst_real lower, nst_real upper)
{
    return value < lower ? lower : value > upper ? upper : value;
}

static void move_part(void *data, uint32_t part)
{
    move_task *task = data;
    const nst_real *restrict x = task->x, *restrict d = task->d;
    nst_real *restrict to = task->to;
    const nst_real t = task->t, lower = task->lower, upper = task->upper;
    size_t end = nst_part_begin(task->count, task->parts, part + 1);
    int moved = 0;
    for (size_t i = nst_part_begin(task->count, task->parts, part); i < end; i++) {
        to[i] = clip(x[i] + t * d[i], lower, upper);
        moved |= to[i] != x[i];
    }
    task->moved[part] = moved;
}

int nst_reference_move(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower,
                       nst_real upper, nst_real *to)
{
    move_task task = {.count = n, .parts = nst_part_count(n), .t = t, .lower = lower, .upper = upper, .x = x, .d = d, .to = to};
    int moved = 0;
    exec->run(exec->user, move_part, &task, task.parts);
    for (uint32_t part = 0; part < task.parts; part++) moved |= task.moved[part];
    return moved;
}

/* ---- Adam ---- */

typedef struct adam_task {
    size_t count;
    uint32_t parts;
    const nst_adam *step;
    const nst_real *x;
    nst_real *first, *second, *next;
} adam_task;

static void learn_block(const nst_adam *step, size_t n, const nst_real *restrict g, nst_real *restrict first, nst_real *restrict second)
{
    const nst_real decay_first = (nst_real)step->decay_first, new_first = (nst_real)(1 - step->decay_first);
    const nst_real decay_second = (nst_real)step->decay_second, new_second = (nst_real)(1 - step->decay_second);
    for (size_t i = 0; i < n; i++) {
        first[i] = decay_first * first[i] + new_first * g[i];
        second[i] = decay_second * second[i] + new_second * g[i] * g[i];
    }
}

static void move_block(const nst_adam *step, size_t n, const nst_real *restrict x, const nst_real *restrict first,
                       const nst_real *restrict second, nst_real *restrict next)
{
    for (size_t i = 0; i < n; i++) {
        double spread = __builtin_sqrt(step->second_scale * (double)second[i]) + step->epsilon;
        double value = (double)x[i] - step->rate * (double)first[i] / spread;
        next[i] = clip((nst_real)value, step->lower, step->upper);
    }
}

static void adam_part(void *data, uint32_t part, bool learn)
{
    const adam_task *task = data;
    const nst_adam step = *task->step;
    size_t end = nst_part_begin(task->count, task->parts, part + 1), n;
    for (size_t at = nst_part_begin(task->count, task->parts, part); at < end; at += n) {
        n = nst_least(BLOCK, end - at);
        if (learn) learn_block(&step, n, task->next + at, task->first + at, task->second + at);
        move_block(&step, n, task->x + at, task->first + at, task->second + at, task->next + at);
    }
}

static void learning_part(void *data, uint32_t part)
{
    adam_part(data, part, true);
}

static void moving_part(void *data, uint32_t part)
{
    adam_part(data, part, false);
}

void nst_reference_adam_step(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                             nst_real *second, nst_real *next)
{
    adam_task task = {.count = n, .parts = nst_part_count(n), .step = step, .x = x, .first = first, .second = second, .next = next};
    exec->run(exec->user, learn ? learning_part : moving_part, &task, task.parts);
}
