/* Adam (Kingma and Ba 2015) on a box: every step is clamped, and the result is the average of the iterates, which drops the
 * jitter that a constant step leaves. One evaluation a step. */
#include <math.h>

#include "optim/optimizer.h"

#define DECAY_FIRST 0.9
#define DECAY_SECOND 0.99
#define EPSILON 1e-8
#define DECAY_AVERAGE 0.99
#define MAX_SHRINKS 10

typedef struct adam {
    nst_optimizer base;
    nst_real *first, *second; /* (n) decaying means of gradient and squared gradient, not yet corrected for their start at zero */
    nst_real *average;        /* (n) corrected average of the iterates */
    uint32_t steps, averaged; /* what the moments and the average are made of */
} adam;

static adam *self(nst_optimizer *o)
{
    return (adam *)(void *)o;
}

static bool acquire(nst_optimizer *o)
{
    adam *a = self(o);
    a->first = nst_optimizer_alloc_vector(o);
    a->second = nst_optimizer_alloc_vector(o);
    a->average = nst_optimizer_alloc_vector(o);
    return a->first && a->second && a->average;
}

static size_t bytes(const nst_optim_config *config, size_t n)
{
    (void)config;
    return 3 * nst_optimizer_vector_bytes(n);
}

static void release(nst_optimizer *o)
{
    nst_free(o->memory, self(o)->first);
    nst_free(o->memory, self(o)->second);
    nst_free(o->memory, self(o)->average);
}

static nst_adam next_step(const adam *a, double rate)
{
    const nst_optim_config *config = &a->base.config;
    double count = a->steps + 1.0;
    return (nst_adam){.decay_first = DECAY_FIRST, .decay_second = DECAY_SECOND, .epsilon = EPSILON,
                      .rate = rate / (1 - pow(DECAY_FIRST, count)), .second_scale = 1 / (1 - pow(DECAY_SECOND, count)),
                      .lower = (nst_real)config->lower, .upper = (nst_real)config->upper};
}

/* Fills trial_x without touching the moments, so that the step can still be called off. Returns the gradient's square. */
static double propose(adam *a, double rate)
{
    const nst_optimizer *o = &a->base;
    nst_adam step = next_step(a, rate);
    return o->kernels->adam_propose(&o->exec, o->problem.n, &step, o->x, o->gradient, a->first, a->second, o->trial_x);
}

/* After the trial has become the iterate: its gradient of before is in trial_gradient. With this weight the average is at every moment
 * the one corrected for its start at zero. */
static void commit(adam *a)
{
    const nst_optimizer *o = &a->base;
    nst_adam step = next_step(a, 0);
    double weight;
    if (a->steps < UINT32_MAX) a->steps++;
    if (a->averaged < UINT32_MAX) a->averaged++;
    weight = (1 - DECAY_AVERAGE) / (1 - pow(DECAY_AVERAGE, a->averaged));
    o->kernels->adam_commit(&o->exec, o->problem.n, &step, o->trial_gradient, a->first, a->second, (nst_real)weight, o->x, a->average);
}

static int32_t step(nst_optimizer *o)
{
    adam *a = self(o);
    double f = 0, rate = o->config.learning_rate;
    int32_t status = NST_STEP_NUMERIC;
    for (int i = 0; i <= MAX_SHRINKS && status == NST_STEP_NUMERIC; i++, rate /= 2) {
        if (propose(a, rate) == 0) return NST_STEP_CONVERGED;
        status = nst_optimizer_evaluate_trial(o, &f);
    }
    if (status != NST_STEP_OK) return status;
    nst_optimizer_accept_trial(o, f);
    commit(a);
    return NST_STEP_OK;
}

static void objective_changed(nst_optimizer *o)
{
    (void)o;
}

static const nst_real *result(const nst_optimizer *o)
{
    const adam *a = (const adam *)(const void *)o;
    return a->averaged > 0 ? a->average : o->x;
}

/* The average stays behind: at the new size it would mix in the blur of the old one. */
static int32_t carry_over(nst_optimizer *to, const nst_optimizer *from, nst_resample_fn resample, void *user)
{
    adam *a = self(to);
    const adam *old = (const adam *)(const void *)from;
    int32_t status = resample(user, old->first, a->first);
    if (status >= 0) status = resample(user, old->second, a->second);
    if (status < 0) return status;
    for (size_t i = 0; i < to->problem.n; i++)
        if (!(a->second[i] >= 0)) a->second[i] = 0; /* resampling may overshoot */
    a->steps = old->steps;
    return NST_OK;
}

static int32_t visit_state(nst_optimizer *o, const nst_state_visitor *visitor)
{
    adam *a = self(o);
    int32_t status = visitor->array(visitor->user, "first_moment", a->first, o->problem.n);
    if (status >= 0) status = visitor->array(visitor->user, "second_moment", a->second, o->problem.n);
    if (status >= 0) status = visitor->array(visitor->user, "average", a->average, o->problem.n);
    if (status >= 0) status = nst_visit_count(visitor, "steps", UINT32_MAX, &a->steps);
    if (status >= 0) status = nst_visit_count(visitor, "averaged", UINT32_MAX, &a->averaged);
    return status;
}

const nst_optimizer_ops nst_adam_ops = {
    .struct_size = sizeof(adam),
    .always_boxed = true,
    .acquire = acquire,
    .bytes = bytes,
    .release = release,
    .step = step,
    .objective_changed = objective_changed,
    .result = result,
    .carry_over = carry_over,
    .visit_state = visit_state,
};
