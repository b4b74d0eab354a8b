/* Adam (Kingma and Ba 2015) on a box: every step is clamped, and the result is the average of the iterates, which drops the
 * jitter that a constant step leaves. One evaluation a step.
 *
 * Five vectors are all it keeps: x, the gradient, two moments, the average. A step first lets the moments learn of the gradient, which
 * nobody needs then: the next point takes its place, and the evaluation, which writes its gradient only when f is finite, gets the place
 * of the point before. So where f is not finite, the point before is still there to try a shorter step from; and a step that is cancelled
 * leaves the next point pending, to be evaluated by the next step. */
#include <math.h>

#include "optim/optimizer.h"

#define DECAY_FIRST 0.9
#define DECAY_SECOND 0.99
#define EPSILON 1e-8
#define DECAY_AVERAGE 0.99
#define MAX_HALVINGS 10

typedef struct adam {
    nst_optimizer base;
    nst_real *first, *second; /* (n) decaying means of gradient and squared gradient, not yet corrected for their start at zero */
    nst_real *average;        /* (n) corrected average of the iterates; the start while the first step is pending */
    uint32_t steps, averaged; /* what the moments and the average are made of */
    uint32_t halvings;        /* of the pending step */
    bool pending;             /* x has still to be evaluated; f, and until the evaluation knows its own f the point in `gradient`, are
                               * those of before */
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

static size_t bytes(const nst_optim_config *config, size_t n, bool preconditioned)
{
    (void)preconditioned;
    (void)config;
    return 3 * nst_optimizer_vector_bytes(n);
}

static void release(nst_optimizer *o)
{
    nst_free(o->memory, self(o)->first);
    nst_free(o->memory, self(o)->second);
    nst_free(o->memory, self(o)->average);
}

/* To `o->gradient`, from x. Moments that learn of the gradient count one step more. */
static void propose(adam *a, bool learn)
{
    const nst_optimizer *o = &a->base;
    const nst_optim_config *config = &o->config;
    nst_adam step = {.decay_first = DECAY_FIRST, .decay_second = DECAY_SECOND, .epsilon = EPSILON,
                     .lower = (nst_real)config->lower, .upper = (nst_real)config->upper};
    if (learn && a->steps < UINT32_MAX) a->steps++;
    step.rate = ldexp(config->learning_rate, -(int)a->halvings) / (1 - pow(DECAY_FIRST, a->steps));
    step.second_scale = 1 / (1 - pow(DECAY_SECOND, a->steps));
    o->kernels->adam_step(&o->exec, o->problem.n, &step, learn, o->x, a->first, a->second, o->gradient);
}

static void begin_step(adam *a)
{
    nst_optimizer *o = &a->base;
    if (a->averaged == 0) nst_optimizer_copy(o, o->x, a->average);
    a->halvings = 0;
    propose(a, true);
    nst_optimizer_trade(o);
    a->pending = true;
}

/* With this weight the average is at every moment the one corrected for its start at zero. */
static void end_step(adam *a)
{
    double weight;
    if (a->averaged < UINT32_MAX) a->averaged++;
    weight = (1 - DECAY_AVERAGE) / (1 - pow(DECAY_AVERAGE, a->averaged));
    nst_optimizer_axpby(&a->base, weight, a->base.x, 1 - weight, a->average);
    a->pending = false;
}

/* Half as far, from the point before. */
static void shorten(adam *a)
{
    nst_optimizer_trade(&a->base);
    a->halvings++;
    propose(a, false);
    nst_optimizer_trade(&a->base);
}

/* What is finite is the point before; or, where f was and its gradient has overwritten that point but is not finite, the average. */
static int32_t give_up(adam *a, double f)
{
    nst_optimizer *o = &a->base;
    if (isfinite(f)) nst_optimizer_copy(o, a->average, o->x);
    else nst_optimizer_trade(o);
    a->pending = false;
    nst_optimizer_restart(o);
    return NST_STEP_NUMERIC;
}

static int32_t step(nst_optimizer *o)
{
    adam *a = self(o);
    double f = 0;
    int32_t status;
    if (!a->pending) {
        if (nst_optimizer_dot(o, o->gradient, o->gradient) == 0) return NST_STEP_CONVERGED;
        begin_step(a);
    }
    while ((status = nst_optimizer_evaluate(o, o->x, &f, o->gradient)) == NST_STEP_NUMERIC) {
        if (isfinite(f) || a->halvings == MAX_HALVINGS) return give_up(a, f);
        shorten(a);
    }
    if (status != NST_STEP_OK) return status;
    o->f = f;
    end_step(a);
    return NST_STEP_OK;
}

/* A pending point has been evaluated under the new objective. */
static void objective_changed(nst_optimizer *o)
{
    if (self(o)->pending) end_step(self(o));
}

static bool has_gradient(const nst_optimizer *o)
{
    return o->fresh && !((const adam *)(const void *)o)->pending;
}

static const nst_real *result(const nst_optimizer *o)
{
    const adam *a = (const adam *)(const void *)o;
    return a->averaged > 0 || a->pending ? a->average : o->x;
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
    if (status >= 0) status = nst_visit_count(visitor, "halvings", MAX_HALVINGS, &a->halvings);
    if (status >= 0) status = nst_visit_flag(visitor, "pending", &a->pending);
    return status;
}

const nst_optimizer_ops nst_adam_ops = {
    .struct_size = sizeof(adam),
    .always_boxed = true,
    .in_place = true,
    .acquire = acquire,
    .bytes = bytes,
    .release = release,
    .step = step,
    .objective_changed = objective_changed,
    .has_gradient = has_gradient,
    .result = result,
    .carry_over = carry_over,
    .visit_state = visit_state,
};
