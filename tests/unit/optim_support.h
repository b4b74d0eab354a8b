/* What the tests of the optimisers share: a context, problems with known answers, snapshots of the state. */
#ifndef OPTIM_SUPPORT_H
#define OPTIM_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nst/nst.h"
#include "optim/optim.h"

#ifdef NST_REAL_DOUBLE
#define EXACT 1e-10 /* what equal formulas in another order may differ by */
#else
#define EXACT 2e-4
#endif

static inline void run_in_order(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

/* A problem: f in double over double x, wrapped for the optimiser; counts its evaluations and can fail at one of them. */
typedef double (*objective_fn)(void *user, size_t n, const nst_real *x, nst_real *gradient);

typedef struct objective {
    objective_fn function;
    void *user;
    size_t n;
    int calls, cancel_at; /* cancel_at: the call (from 1) that answers NST_ERR_CANCELLED; 0: none */
} objective;

static inline int32_t evaluate_objective(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    objective *o = user;
    nst_real *found = malloc(o->n * sizeof *found);
    bool cancelled = ++o->calls == o->cancel_at;
    assert_non_null(found);
    *f = o->function(o->user, o->n, x, found);
    for (size_t i = 0; i < o->n && isfinite(*f); i++) gradient[i] = cancelled ? 12345 : found[i]; /* an aborted evaluation leaves rubbish */
    free(found);
    if (cancelled) *f = -1e30;
    return cancelled ? NST_ERR_CANCELLED : NST_OK;
}

static inline nst_optim_config default_config(nst_optimizer_kind kind)
{
    return (nst_optim_config){kind, 10, NST_LINE_SEARCH_ARMIJO, 0.02, 0, 1, NST_PRECISION_FP32, 0};
}

static inline nst_ctx *test_ctx(void)
{
    nst_ctx *ctx = NULL;
    nst_ctx_config config = {.size = sizeof config, .threads = 1};
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_OK);
    return ctx;
}

/* A start that the optimiser may take over; NULL: refused. */
static inline nst_real *copy_start(nst_ctx *ctx, const nst_real *start, size_t n)
{
    nst_real *x = nst_alloc_array(&ctx->memory, n, sizeof *x);
    if (x) memcpy(x, start, n * sizeof *x);
    return x;
}

static inline nst_optimizer *make(nst_ctx *ctx, const nst_optim_config *config, objective *o, const nst_real *start)
{
    static const nst_exec exec = {run_in_order, NULL, 1};
    nst_optimizer *optimizer = NULL;
    nst_problem problem = {.n = o->n, .evaluate = evaluate_objective, .user = o};
    nst_error error = {""};
    const nst_kernels *kernels = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    nst_real *x = copy_start(ctx, start, o->n);
    assert_int_equal(nst_optimizer_new(ctx, kernels, &exec, config, &problem, &x, &optimizer, &error), NST_OK);
    assert_null(x);
    return optimizer;
}

/* Steps until the optimiser says it has converged, `f` is reached, or `limit` evaluations are spent. Checks that f never rises by
 * more than rounding. */
static inline int32_t descend(nst_optimizer *optimizer, double f, uint32_t limit)
{
    int32_t status = nst_optimizer_begin(optimizer);
    double lowest = nst_optimizer_f(optimizer);
    while (status == NST_STEP_OK && nst_optimizer_f(optimizer) > f && nst_optimizer_evaluations(optimizer) < limit) {
        status = nst_optimizer_step(optimizer);
        assert_true(nst_optimizer_f(optimizer) <= lowest + 2e-6 * fabs(lowest));
        if (nst_optimizer_f(optimizer) < lowest) lowest = nst_optimizer_f(optimizer);
    }
    return status;
}

/* A flat copy of the state, written and read through the visitor. */
typedef struct snapshot {
    unsigned char *bytes;
    size_t length, position, capacity;
    bool reading;
} snapshot;

static inline void snapshot_move(snapshot *s, void *values, size_t size)
{
    if (s->reading) {
        assert_true(s->position + size <= s->length);
        memcpy(values, s->bytes + s->position, size);
        s->position += size;
        return;
    }
    if (s->length + size > s->capacity) {
        s->capacity = 2 * (s->length + size);
        s->bytes = realloc(s->bytes, s->capacity);
        assert_non_null(s->bytes);
    }
    memcpy(s->bytes + s->length, values, size);
    s->length += size;
}

static inline int32_t snapshot_array(void *user, const char *name, nst_real *values, size_t count)
{
    assert_true(strlen(name) > 0);
    snapshot_move(user, values, count * sizeof *values);
    return NST_OK;
}

static inline int32_t snapshot_bfloats(void *user, const char *name, uint16_t *values, size_t count)
{
    assert_true(strlen(name) > 0);
    snapshot_move(user, values, count * sizeof *values);
    return NST_OK;
}

static inline int32_t snapshot_scalar(void *user, const char *name, double *value)
{
    assert_true(strlen(name) > 0);
    snapshot_move(user, value, sizeof *value);
    return NST_OK;
}

static inline int32_t visit_with(nst_optimizer *optimizer, snapshot *s, bool reading)
{
    nst_state_visitor visitor = {snapshot_array, snapshot_bfloats, snapshot_scalar, s};
    s->reading = reading;
    s->position = 0;
    if (!reading) s->length = 0;
    return nst_optimizer_visit_state(optimizer, &visitor);
}

static inline void assert_same_state(nst_optimizer *optimizer, const snapshot *expected)
{
    snapshot now = {0};
    assert_int_equal(visit_with(optimizer, &now, false), NST_OK);
    assert_int_equal(now.length, expected->length);
    assert_memory_equal(now.bytes, expected->bytes, now.length);
    free(now.bytes);
}

static inline double rosenbrock(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0;
    (void)user;
    for (size_t i = 0; i < n; i += 2) {
        double a = 1 - (double)x[i], b = (double)x[i + 1] - (double)x[i] * (double)x[i];
        f += a * a + 100 * b * b;
        gradient[i] = (nst_real)(-2 * a - 400 * (double)x[i] * b);
        gradient[i + 1] = (nst_real)(200 * b);
    }
    return f;
}

#endif
