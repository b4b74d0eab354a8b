/* L-BFGS: two-loop recursion (Nocedal 1980; Liu and Nocedal 1989) over the newest pairs s = change of x, y = change of the
 * gradient, around H0, a multiple of the identity or of the problem's preconditioner P. While bounded: the same on the free variables, with
 * steps projected on the box (after Bertsekas 1982). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "optim/line_search.h"
#include "optim/optimizer.h"

#define LEAST_CURVATURE 1e-10
#define FIRST_STEP 0.05 /* of the learning rate: steps that first feel their way find better minima (docs/optimisers.md) */

typedef struct pair {
    void *s, *y;   /* (n) of the history's precision */
    double sy, yy; /* s'y; y'y or, preconditioned, y'Py: of the values as they are kept */
} pair;

typedef struct lbfgs {
    nst_optimizer base;
    nst_real *direction; /* (n) */
    nst_real *moved;     /* (n) P y of the newest pair; NULL: no preconditioner */
    pair *pairs;         /* ring of `capacity` */
    pair spare;          /* where the next pair is made; in full precision that is trial_x and trial_gradient */
    double *alpha;       /* (capacity) of the recursion */
    uint32_t capacity, count, newest;
    double lowest; /* lowest f of the present objective */
} lbfgs;

static lbfgs *self(nst_optimizer *o)
{
    return (lbfgs *)(void *)o;
}

static bool is_full(const lbfgs *l)
{
    return l->base.config.history_precision == NST_PRECISION_FP32;
}

static void free_pair(nst_optimizer *o, pair *p)
{
    nst_free(o->memory, p->s);
    nst_free(o->memory, p->y);
}

static bool alloc_pair(nst_optimizer *o, pair *p)
{
    *p = (pair){nst_optimizer_alloc_values(o, o->config.history_precision), nst_optimizer_alloc_values(o, o->config.history_precision),
                0, 0};
    if (p->s && p->y) return true;
    free_pair(o, p);
    return false;
}

static bool acquire(nst_optimizer *o)
{
    lbfgs *l = self(o);
    uint32_t wanted = (uint32_t)o->config.history;
    l->direction = nst_optimizer_alloc_vector(o);
    l->alpha = nst_alloc_array(o->memory, wanted, sizeof *l->alpha);
    l->pairs = nst_alloc_array(o->memory, wanted, sizeof *l->pairs);
    if (o->problem.precondition && !(l->moved = nst_optimizer_alloc_vector(o))) return false;
    if (!l->direction || !l->alpha || !l->pairs) return false;
    for (; l->capacity < wanted; l->capacity++)
        if (!alloc_pair(o, &l->pairs[l->capacity])) return false;
    if (is_full(l) || alloc_pair(o, &l->spare)) return true;
    l->spare = (pair){NULL, NULL, 0, 0};
    return false;
}

static size_t bytes(const nst_optim_config *config, size_t n, bool preconditioned)
{
    size_t wanted = (size_t)config->history, spare = config->history_precision != NST_PRECISION_FP32;
    size_t numbers = 2 * nst_optimizer_values_bytes(n, config->history_precision);
    return (preconditioned ? 2 : 1) * nst_optimizer_vector_bytes(n) + wanted * (sizeof(double) + sizeof(pair)) + (wanted + spare) * numbers;
}

static void release(nst_optimizer *o)
{
    lbfgs *l = self(o);
    for (uint32_t i = 0; i < l->capacity; i++) free_pair(o, &l->pairs[i]);
    free_pair(o, &l->spare);
    nst_free(o->memory, l->pairs);
    nst_free(o->memory, l->alpha);
    nst_free(o->memory, l->direction);
    nst_free(o->memory, l->moved);
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

static void precondition(const nst_optimizer *o, nst_real *v)
{
    if (o->problem.precondition) o->problem.precondition(o->problem.preconditioner, v);
}

/* What the inverse Hessian is taken for, of P, where no pair has looked: the largest s'y / y'Py of the pairs. The newest pair's alone
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

static nst_vector kept(const lbfgs *l, const void *values)
{
    return (nst_vector){values, l->base.config.history_precision};
}

static nst_vector full(const nst_real *values)
{
    return (nst_vector){values, NST_PRECISION_FP32};
}

/* direction = -gradient; returns its product with `s`. */
static double start_recursion(lbfgs *l, nst_vector s)
{
    const nst_optimizer *o = &l->base;
    if (!o->bounded) return nst_optimizer_axpby_dot(o, -1, full(o->gradient), 0, l->direction, s);
    negate_free_gradient(l);
    return nst_optimizer_axpby_dot(o, 0, full(o->gradient), 1, l->direction, s);
}

/* direction = H0 direction, after the oldest pair was taken in; returns its product with that pair's y. */
static double apply_start(lbfgs *l, uint32_t count, double alpha)
{
    const nst_optimizer *o = &l->base;
    const pair *oldest = pair_of_age(l, count - 1);
    double scale = initial_scale(l, count);
    if (!o->problem.precondition)
        return nst_optimizer_axpby_dot(o, -scale * alpha, kept(l, oldest->y), scale, l->direction, kept(l, oldest->y));
    nst_optimizer_axpby_dot(o, -alpha, kept(l, oldest->y), 1, l->direction, kept(l, oldest->y));
    precondition(o, l->direction);
    return nst_optimizer_axpby_dot(o, 0, kept(l, oldest->y), scale, l->direction, kept(l, oldest->y));
}

/* direction = -H gradient; returns the slope along it. Each pass over memory takes a pair in and yields the product that the next one
 * needs: the older pair's on the way down, the newer one's on the way up. The oldest pair's brings H0. */
static double find_direction(lbfgs *l)
{
    const nst_optimizer *o = &l->base;
    uint32_t count = pairs_in_use(l);
    double product = start_recursion(l, kept(l, pair_of_age(l, 0)->s));
    for (uint32_t age = 0; age < count; age++) {
        const pair *p = pair_of_age(l, age);
        l->alpha[age] = product / p->sy;
        if (age + 1 == count) product = apply_start(l, count, l->alpha[age]);
        else product = nst_optimizer_axpby_dot(o, -l->alpha[age], kept(l, p->y), 1, l->direction, kept(l, pair_of_age(l, age + 1)->s));
    }
    for (uint32_t age = count; age-- > 0;) {
        const pair *p = pair_of_age(l, age);
        nst_vector next = age > 0 ? kept(l, pair_of_age(l, age - 1)->y) : full(o->gradient);
        double beta = product / p->sy;
        product = nst_optimizer_axpby_dot(o, l->alpha[age] - beta, kept(l, p->s), 1, l->direction, next);
    }
    return product;
}

static int32_t search_along_direction(lbfgs *l, double slope, double *f)
{
    nst_line line = {l->direction, slope, l->lowest};
    if (!(line.slope < 0) || !isfinite(line.slope)) return NST_STEP_CONVERGED;
    return nst_search_line(&l->base, &line, f);
}

static int32_t try_quasi_newton(lbfgs *l, double *f)
{
    const nst_optimizer *o = &l->base;
    double slope = find_direction(l);
    if (o->bounded) {
        drop_what_leaves_box(l);
        slope = nst_optimizer_dot(o, o->gradient, l->direction);
    }
    return search_along_direction(l, slope, f);
}

static int32_t try_steepest_descent(lbfgs *l, double *f)
{
    nst_optimizer *o = &l->base;
    double length;
    negate_free_gradient(l);
    precondition(o, l->direction);
    if (o->bounded) drop_what_leaves_box(l);
    length = sqrt(nst_optimizer_dot(o, l->direction, l->direction) / (double)o->problem.n);
    if (length == 0) return NST_STEP_CONVERGED;
    nst_optimizer_scale(o, FIRST_STEP * o->config.learning_rate / length, l->direction);
    return search_along_direction(l, nst_optimizer_dot(o, o->gradient, l->direction), f);
}

/* Right after a step: trial_x and trial_gradient hold the old iterate. The pair is made in place of it, or in the spare one, and traded for
 * the oldest if it is any good: what is traded in serves for the next. */
static void remember_pair(lbfgs *l)
{
    nst_optimizer *o = &l->base;
    uint32_t place = (l->newest + 1) % l->capacity;
    pair *slot = &l->pairs[place], made = is_full(l) ? (pair){o->trial_x, o->trial_gradient, 0, 0} : l->spare;
    double sums[2];
    if (l->moved) {
        nst_optimizer_axpby(o, 1, o->gradient, 0, l->moved);
        nst_optimizer_axpy(o, -1, o->trial_gradient, l->moved);
        precondition(o, l->moved);
    }
    o->kernels->curvature_pair(&o->exec, o->problem.n, o->x, o->trial_x, o->gradient, o->trial_gradient,
                               o->config.history_precision, made.s, made.y, sums);
    made.sy = sums[0];
    made.yy = l->moved ? nst_optimizer_axpby_dot(o, 0, kept(l, made.y), 1, l->moved, kept(l, made.y)) : sums[1];
    if (!(made.sy > LEAST_CURVATURE * made.yy) || made.yy == 0 || !isfinite(made.sy)) return;
    if (is_full(l)) {
        o->trial_x = slot->s;
        o->trial_gradient = slot->y;
    } else l->spare = *slot;
    *slot = made;
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

static int32_t visit_kept(const lbfgs *l, const char *name, void *values, const nst_state_visitor *visitor)
{
    if (is_full(l)) return visitor->array(visitor->user, name, values, l->base.problem.n);
    return visitor->bfloats(visitor->user, name, values, l->base.problem.n);
}

static int32_t visit_pair(const lbfgs *l, pair *p, uint32_t index, const nst_state_visitor *visitor)
{
    char name[4][24];
    int32_t status;
    snprintf(name[0], sizeof name[0], "s%" PRIu32, index);
    snprintf(name[1], sizeof name[1], "y%" PRIu32, index);
    snprintf(name[2], sizeof name[2], "sy%" PRIu32, index);
    snprintf(name[3], sizeof name[3], "yy%" PRIu32, index);
    status = visit_kept(l, name[0], p->s, visitor);
    if (status >= 0) status = visit_kept(l, name[1], p->y, visitor);
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
    for (uint32_t i = 0; i < l->capacity && status >= 0; i++) status = visit_pair(l, &l->pairs[i], i, visitor);
    return status;
}

const nst_optimizer_ops nst_lbfgs_ops = {
    .struct_size = sizeof(lbfgs),
    .acquire = acquire,
    .bytes = bytes,
    .release = release,
    .step = step,
    .objective_changed = objective_changed,
    .result = result,
    .carry_over = carry_over,
    .visit_state = visit_state,
};
