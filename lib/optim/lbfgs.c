/* L-BFGS: two-loop recursion (Nocedal 1980; Liu and Nocedal 1989) over the newest pairs s = change of x, y = change of the
 * gradient. While bounded: the same on the free variables, with steps projected on the box (after Bertsekas 1982). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "optim/line_search.h"
#include "optim/optimizer.h"

#define LEAST_CURVATURE 1e-10
#define FIRST_STEP 0.05 /* of the learning rate: steps that first feel their way find better minima (docs/optimisers.md) */

typedef struct pair {
    nst_real *s, *y; /* (n) */
    double sy, yy;   /* s'y, y'y */
} pair;

typedef struct lbfgs {
    nst_optimizer base;
    nst_real *direction; /* (n) */
    pair *pairs;         /* ring of `capacity` */
    double *alpha;       /* (capacity) of the recursion */
    uint32_t capacity, count, newest;
    double lowest; /* lowest f of the present objective */
} lbfgs;

static lbfgs *self(nst_optimizer *o)
{
    return (lbfgs *)(void *)o;
}

static bool acquire(nst_optimizer *o)
{
    lbfgs *l = self(o);
    uint32_t wanted = (uint32_t)o->config.history;
    l->direction = nst_optimizer_alloc_vector(o);
    l->alpha = nst_alloc_array(o->memory, wanted, sizeof *l->alpha);
    l->pairs = nst_alloc_array(o->memory, wanted, sizeof *l->pairs);
    if (!l->direction || !l->alpha || !l->pairs) return false;
    for (; l->capacity < wanted; l->capacity++) {
        pair *p = &l->pairs[l->capacity];
        *p = (pair){nst_optimizer_alloc_vector(o), nst_optimizer_alloc_vector(o), 0, 0};
        if (p->s && p->y) continue;
        nst_free(o->memory, p->s);
        nst_free(o->memory, p->y);
        return false;
    }
    return true;
}

static void release(nst_optimizer *o)
{
    lbfgs *l = self(o);
    for (uint32_t i = 0; i < l->capacity; i++) {
        nst_free(o->memory, l->pairs[i].s);
        nst_free(o->memory, l->pairs[i].y);
    }
    nst_free(o->memory, l->pairs);
    nst_free(o->memory, l->alpha);
    nst_free(o->memory, l->direction);
}

static uint32_t pairs_in_use(const lbfgs *l)
{
    uint32_t limit = l->base.config.history > 1 ? (uint32_t)l->base.config.history : 1;
    return l->count < limit ? l->count : limit;
}

/* The pair that is `age` pairs older than the newest. */
static pair *pair_of_age(lbfgs *l, uint32_t age)
{
    return &l->pairs[(l->newest + l->capacity - age) % l->capacity];
}

/* At a bound, and `toward` (a direction) would leave the box. */
static bool leaves_box(const nst_optimizer *o, size_t i, nst_real toward)
{
    return (toward < 0 && o->x[i] <= (nst_real)o->config.lower) || (toward > 0 && o->x[i] >= (nst_real)o->config.upper);
}

/* direction = -gradient; while bounded without the variables it would push out of the box. */
static void negate_free_gradient(lbfgs *l)
{
    const nst_optimizer *o = &l->base;
    for (size_t i = 0; i < o->problem.n; i++) {
        nst_real down = -o->gradient[i];
        l->direction[i] = o->bounded && leaves_box(o, i, down) ? 0 : down;
    }
}

static void drop_what_leaves_box(lbfgs *l)
{
    const nst_optimizer *o = &l->base;
    for (size_t i = 0; i < o->problem.n; i++)
        if (leaves_box(o, i, -o->gradient[i]) || leaves_box(o, i, l->direction[i])) l->direction[i] = 0;
}

/* What the inverse Hessian is taken for where no pair has looked: the largest s'y / y'y of the pairs. The newest pair's alone
 * (the usual choice) is short of it on most iterations; docs/optimisers.md has the measurement. */
static double initial_scale(lbfgs *l, uint32_t count)
{
    double largest = 0;
    for (uint32_t age = 0; age < count; age++) {
        const pair *p = pair_of_age(l, age);
        if (p->sy / p->yy > largest) largest = p->sy / p->yy;
    }
    return largest;
}

/* direction = H direction. */
static void apply_inverse_hessian(lbfgs *l)
{
    const nst_optimizer *o = &l->base;
    uint32_t count = pairs_in_use(l);
    for (uint32_t age = 0; age < count; age++) {
        const pair *p = pair_of_age(l, age);
        l->alpha[age] = nst_optimizer_dot(o, p->s, l->direction) / p->sy;
        nst_optimizer_axpy(o, -l->alpha[age], p->y, l->direction);
    }
    nst_optimizer_scale(o, initial_scale(l, count), l->direction);
    for (uint32_t age = count; age-- > 0;) {
        const pair *p = pair_of_age(l, age);
        double beta = nst_optimizer_dot(o, p->y, l->direction) / p->sy;
        nst_optimizer_axpy(o, l->alpha[age] - beta, p->s, l->direction);
    }
}

static int32_t search_along_direction(lbfgs *l, double *f)
{
    nst_optimizer *o = &l->base;
    nst_line line = {l->direction, nst_optimizer_dot(o, o->gradient, l->direction), l->lowest};
    if (!(line.slope < 0) || !isfinite(line.slope)) return NST_STEP_CONVERGED;
    return nst_search_line(o, &line, f);
}

static int32_t try_quasi_newton(lbfgs *l, double *f)
{
    negate_free_gradient(l);
    apply_inverse_hessian(l);
    if (l->base.bounded) drop_what_leaves_box(l);
    return search_along_direction(l, f);
}

static int32_t try_steepest_descent(lbfgs *l, double *f)
{
    nst_optimizer *o = &l->base;
    double length;
    negate_free_gradient(l);
    length = sqrt(nst_optimizer_dot(o, l->direction, l->direction) / (double)o->problem.n);
    if (length == 0) return NST_STEP_CONVERGED;
    nst_optimizer_scale(o, FIRST_STEP * o->config.learning_rate / length, l->direction);
    return search_along_direction(l, f);
}

static void swap(nst_real **a, nst_real **b)
{
    nst_real *kept = *a;
    *a = *b;
    *b = kept;
}

/* Right after a step: trial_x and trial_gradient hold the old iterate; turned into a pair, they are traded for the oldest one. */
static void remember_pair(lbfgs *l)
{
    nst_optimizer *o = &l->base;
    uint32_t place = (l->newest + 1) % l->capacity;
    pair *slot = &l->pairs[place];
    double sy, yy;
    nst_optimizer_axpby(o, 1, o->x, -1, o->trial_x);
    nst_optimizer_axpby(o, 1, o->gradient, -1, o->trial_gradient);
    sy = nst_optimizer_dot(o, o->trial_x, o->trial_gradient);
    yy = nst_optimizer_dot(o, o->trial_gradient, o->trial_gradient);
    if (!(sy > LEAST_CURVATURE * yy) || yy == 0) return;
    swap(&slot->s, &o->trial_x);
    swap(&slot->y, &o->trial_gradient);
    slot->sy = sy;
    slot->yy = yy;
    l->newest = place;
    if (l->count < l->capacity) l->count++;
}

/* With a memory: the quasi-Newton direction first. If it leads nowhere the memory is worthless, and the gradient decides. */
static int32_t step(nst_optimizer *o)
{
    lbfgs *l = self(o);
    double f = 0;
    int32_t status = l->count > 0 ? try_quasi_newton(l, &f) : NST_STEP_CONVERGED;
    if (status < 0) return status;
    if (status != NST_STEP_OK) {
        status = try_steepest_descent(l, &f);
        if (status < 0) return status;
        l->count = 0;
    }
    if (status != NST_STEP_OK) return status;
    nst_optimizer_accept_trial(o, f);
    if (f < l->lowest) l->lowest = f;
    remember_pair(l);
    return NST_STEP_OK;
}

static void objective_changed(nst_optimizer *o)
{
    self(o)->count = 0;
    self(o)->lowest = o->f;
}

static const nst_real *result(const nst_optimizer *o)
{
    return o->x;
}

static int32_t carry_over(nst_optimizer *to, const nst_optimizer *from, nst_resample_fn resample, void *user)
{
    (void)to;
    (void)from;
    (void)resample;
    (void)user;
    return NST_OK;
}

static int32_t visit_pair(const nst_optimizer *o, pair *p, uint32_t index, const nst_state_visitor *visitor)
{
    char name[4][24];
    int32_t status;
    snprintf(name[0], sizeof name[0], "s%" PRIu32, index);
    snprintf(name[1], sizeof name[1], "y%" PRIu32, index);
    snprintf(name[2], sizeof name[2], "sy%" PRIu32, index);
    snprintf(name[3], sizeof name[3], "yy%" PRIu32, index);
    status = visitor->array(visitor->user, name[0], p->s, o->problem.n);
    if (status >= 0) status = visitor->array(visitor->user, name[1], p->y, o->problem.n);
    if (status >= 0) status = visitor->scalar(visitor->user, name[2], &p->sy);
    if (status >= 0) status = visitor->scalar(visitor->user, name[3], &p->yy);
    return status;
}

static int32_t visit_state(nst_optimizer *o, const nst_state_visitor *visitor)
{
    lbfgs *l = self(o);
    int32_t status = visitor->scalar(visitor->user, "lowest", &l->lowest);
    if (status >= 0) status = nst_visit_count(visitor, "pairs", l->capacity, &l->count);
    if (status >= 0) status = nst_visit_count(visitor, "newest", l->capacity - 1, &l->newest);
    for (uint32_t i = 0; i < l->capacity && status >= 0; i++) status = visit_pair(o, &l->pairs[i], i, visitor);
    return status;
}

const nst_optimizer_ops nst_lbfgs_ops = {
    .struct_size = sizeof(lbfgs),
    .acquire = acquire,
    .release = release,
    .step = step,
    .objective_changed = objective_changed,
    .result = result,
    .carry_over = carry_over,
    .visit_state = visit_state,
};
