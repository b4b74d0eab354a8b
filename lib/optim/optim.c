/* The front of the optimisers: what does not depend on the method, and dispatch to the one chosen. */
#include "optim/optim.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "optim/optimizer.h"

static const nst_optimizer_ops *const optimizers[] = {
    [NST_OPTIMIZER_LBFGS] = &nst_lbfgs_ops,
    [NST_OPTIMIZER_ADAM] = &nst_adam_ops,
};

static const nst_optimizer_ops *find_ops(nst_optimizer_kind kind)
{
    size_t index = (size_t)kind;
    return index < sizeof optimizers / sizeof optimizers[0] ? optimizers[index] : NULL;
}

static int32_t check_config(const nst_optim_config *config, const nst_problem *problem, nst_error *error)
{
    if (!find_ops(config->kind)) return nst_fail(error, NST_ERR_INVALID_ARG, "no optimiser has the number %d", (int)config->kind);
    if (problem->n == 0) return nst_fail(error, NST_ERR_INVALID_ARG, "the optimiser needs at least one variable");
    if (config->history < 1)
        return nst_fail(error, NST_ERR_INVALID_ARG, "history is %d; it must be at least 1", config->history);
    if (!(config->learning_rate > 0) || !isfinite(config->learning_rate))
        return nst_fail(error, NST_ERR_INVALID_ARG, "the learning rate must be a finite number above 0");
    if (!(config->lower < config->upper))
        return nst_fail(error, NST_ERR_INVALID_ARG, "the lower bound of the variable must lie below the upper");
    return NST_OK;
}

static bool acquire(nst_optimizer *o)
{
    o->gradient = nst_optimizer_alloc_vector(o);
    if (!o->gradient || !o->ops->acquire(o)) return false;
    if (o->ops->in_place) return true;
    o->trial_x = nst_optimizer_alloc_vector(o);
    o->trial_gradient = nst_optimizer_alloc_vector(o);
    return o->trial_x && o->trial_gradient;
}

int32_t nst_optimizer_new(nst_ctx *ctx, const nst_kernels *kernels, const nst_exec *exec, const nst_optim_config *config,
                          const nst_problem *problem, nst_real **x, nst_optimizer **out, nst_error *error)
{
    nst_optimizer *o;
    int32_t status = check_config(config, problem, error);
    *out = NULL;
    if (status < 0) return status;
    o = nst_alloc_zero(&ctx->memory, find_ops(config->kind)->struct_size);
    if (!o) return nst_fail_nomem(error, "the optimiser");
    o->ops = find_ops(config->kind);
    o->memory = &ctx->memory;
    o->kernels = kernels;
    o->exec = *exec;
    o->config = *config;
    o->problem = *problem;
    if (!acquire(o)) {
        nst_optimizer_free(o);
        return nst_fail_nomem(error, "the optimiser; a shorter history needs less");
    }
    o->x = *x;
    *x = NULL;
    *out = o;
    return NST_OK;
}

void nst_optimizer_free(nst_optimizer *o)
{
    if (!o) return;
    o->ops->release(o);
    nst_free(o->memory, o->x);
    nst_free(o->memory, o->gradient);
    nst_free(o->memory, o->trial_x);
    nst_free(o->memory, o->trial_gradient);
    nst_free(o->memory, o);
}

size_t nst_optimizer_bytes(const nst_optim_config *config, size_t n, bool preconditioned)
{
    const nst_optimizer_ops *ops = find_ops(config->kind);
    return ops->struct_size + (ops->in_place ? 2 : 4) * nst_optimizer_vector_bytes(n) + ops->bytes(config, n, preconditioned);
}

/* Either way nothing is lost that is not out of date. */
static int32_t evaluate_x(nst_optimizer *o)
{
    bool boxed = o->bounded || o->ops->always_boxed;
    int32_t status;
    double f;
    if (o->ops->in_place) {
        if (boxed) nst_optimizer_clip(o, o->x);
        status = nst_optimizer_evaluate(o, o->x, &f, o->gradient);
        if (status == NST_STEP_OK) o->f = f;
        return status;
    }
    nst_optimizer_copy(o, o->x, o->trial_x);
    if (boxed) nst_optimizer_clip(o, o->trial_x);
    status = nst_optimizer_evaluate_trial(o, &f);
    if (status == NST_STEP_OK) nst_optimizer_accept_trial(o, f);
    return status;
}

int32_t nst_optimizer_begin(nst_optimizer *o)
{
    int32_t status;
    if (o->fresh) return NST_STEP_OK;
    status = evaluate_x(o);
    if (status != NST_STEP_OK) return status;
    o->ops->objective_changed(o);
    o->fresh = true;
    return NST_STEP_OK;
}

int32_t nst_optimizer_step(nst_optimizer *o)
{
    uint32_t before;
    int32_t status = nst_optimizer_begin(o);
    if (status != NST_STEP_OK) return status;
    before = o->evaluations;
    status = o->ops->step(o);
    if (status < 0 && !o->ops->in_place) o->evaluations = before; /* it begins again */
    return status;
}

void nst_optimizer_restart(nst_optimizer *o)
{
    o->fresh = false;
}

void nst_optimizer_jump(nst_optimizer *o, const nst_real *x)
{
    nst_optimizer_copy(o, x, o->x);
    nst_optimizer_restart(o);
}

void nst_optimizer_configure(nst_optimizer *o, const nst_optim_config *config)
{
    nst_optim_config made = o->config;
    o->config = *config;
    o->config.kind = made.kind;
    o->config.history_precision = made.history_precision;
}

void nst_optimizer_set_bounded(nst_optimizer *o, bool bounded)
{
    if (o->ops->always_boxed || o->bounded == bounded) return;
    o->bounded = bounded;
    if (bounded) nst_optimizer_restart(o);
}

const nst_real *nst_optimizer_x(const nst_optimizer *o)
{
    return o->x;
}

const nst_real *nst_optimizer_result(const nst_optimizer *o)
{
    return o->ops->result(o);
}

const nst_real *nst_optimizer_gradient(const nst_optimizer *o)
{
    return !o->ops->has_gradient || o->ops->has_gradient(o) ? o->gradient : NULL;
}

double nst_optimizer_f(const nst_optimizer *o)
{
    return o->f;
}

uint32_t nst_optimizer_evaluations(const nst_optimizer *o)
{
    return o->evaluations;
}

int32_t nst_optimizer_carry_over(nst_optimizer *to, const nst_optimizer *from, nst_resample_fn resample, void *user)
{
    return to->ops == from->ops ? to->ops->carry_over(to, from, resample, user) : NST_OK;
}

int32_t nst_optimizer_visit_state(nst_optimizer *o, const nst_state_visitor *visitor)
{
    int32_t status = visitor->array(visitor->user, "x", o->x, o->problem.n);
    if (status >= 0) status = visitor->array(visitor->user, "gradient", o->gradient, o->problem.n);
    if (status >= 0) status = visitor->scalar(visitor->user, "f", &o->f);
    if (status >= 0) status = nst_visit_flag(visitor, "fresh", &o->fresh);
    if (status >= 0) status = nst_visit_flag(visitor, "bounded", &o->bounded);
    if (status >= 0) status = nst_visit_count(visitor, "evaluations", UINT32_MAX, &o->evaluations);
    return status >= 0 ? o->ops->visit_state(o, visitor) : status;
}

int32_t nst_visit_count(const nst_state_visitor *visitor, const char *name, uint32_t limit, uint32_t *value)
{
    double number = *value;
    int32_t status = visitor->scalar(visitor->user, name, &number);
    if (status < 0) return status;
    if (!(number >= 0 && number <= limit) || number != floor(number)) return NST_ERR_CHECKPOINT_FORMAT;
    *value = (uint32_t)number;
    return NST_OK;
}

int32_t nst_visit_flag(const nst_state_visitor *visitor, const char *name, bool *value)
{
    uint32_t number = *value;
    int32_t status = nst_visit_count(visitor, name, 1, &number);
    if (status >= 0) *value = number != 0;
    return status;
}

int32_t nst_optimizer_evaluate(nst_optimizer *o, const nst_real *x, double *f, nst_real *gradient)
{
    int32_t status;
    *f = NAN;
    status = o->problem.evaluate(o->problem.user, x, f, gradient);
    if (status < 0) return status;
    o->evaluations++;
    /* The sum of squares is finite only if every component is. */
    if (!isfinite(*f) || !isfinite(nst_optimizer_dot(o, gradient, gradient))) return NST_STEP_NUMERIC;
    return NST_STEP_OK;
}

int32_t nst_optimizer_evaluate_trial(nst_optimizer *o, double *f)
{
    return nst_optimizer_evaluate(o, o->trial_x, f, o->trial_gradient);
}

static void swap(nst_real **a, nst_real **b)
{
    nst_real *kept = *a;
    *a = *b;
    *b = kept;
}

void nst_optimizer_trade(nst_optimizer *o)
{
    swap(&o->x, &o->gradient);
}

void nst_optimizer_accept_trial(nst_optimizer *o, double f)
{
    swap(&o->x, &o->trial_x);
    swap(&o->gradient, &o->trial_gradient);
    o->f = f;
}

double nst_optimizer_dot(const nst_optimizer *o, const nst_real *a, const nst_real *b)
{
    return o->kernels->dot(&o->exec, o->problem.n, a, b);
}

void nst_optimizer_axpy(const nst_optimizer *o, double alpha, const nst_real *x, nst_real *y)
{
    o->kernels->axpy(&o->exec, o->problem.n, (nst_real)alpha, x, y);
}

void nst_optimizer_axpby(const nst_optimizer *o, double alpha, const nst_real *x, double beta, nst_real *y)
{
    o->kernels->axpby(&o->exec, o->problem.n, (nst_real)alpha, x, (nst_real)beta, y);
}

double nst_optimizer_axpby_dot(const nst_optimizer *o, double alpha, nst_vector x, double beta, nst_real *y, nst_vector z)
{
    return o->kernels->axpby_dot(&o->exec, o->problem.n, (nst_real)alpha, x, (nst_real)beta, y, z);
}

void nst_optimizer_scale(const nst_optimizer *o, double alpha, nst_real *x)
{
    nst_optimizer_axpby(o, 0, o->x, alpha, x);
}

void nst_optimizer_copy(const nst_optimizer *o, const nst_real *from, nst_real *to)
{
    memcpy(to, from, o->problem.n * sizeof *to);
}

void nst_optimizer_clip(const nst_optimizer *o, nst_real *x)
{
    const nst_real lower = (nst_real)o->config.lower, upper = (nst_real)o->config.upper;
    for (size_t i = 0; i < o->problem.n; i++) x[i] = x[i] < lower ? lower : x[i] > upper ? upper : x[i];
}

void *nst_optimizer_alloc_values(const nst_optimizer *o, nst_precision precision)
{
    size_t size;
    return nst_size_mul(o->problem.n, nst_optimizer_value_bytes(precision), &size) ? nst_alloc_zero(o->memory, size) : NULL;
}

nst_real *nst_optimizer_alloc_vector(const nst_optimizer *o)
{
    return nst_optimizer_alloc_values(o, NST_PRECISION_FP32);
}
