/* Backtracking by Armijo's rule, and the strong Wolfe conditions by bracketing and zoom with cubic interpolation. Both forgive a
 * rise of f within the noise of its evaluation; else late steps are refused for rounding alone. */
#include "optim/line_search.h"

#include <math.h>

#define SUFFICIENT_DECREASE 1e-4
#define CURVATURE 0.9
#define MAX_TRIALS 25
#define ENOUGH_TRIALS 8 /* for a point that falls enough but is still steep: across a kink none is flat */
#define MAX_GROWTH 10

#ifdef NST_REAL_DOUBLE
#define NOISE 1e-12
#else
#define NOISE 1e-6 /* of sums in float; a problem may have more (nst_optim_config) */
#endif

/* A point on the line: f and slope are +infinity where the objective is not finite, the slope also where it was not asked for. */
typedef struct point {
    double t, f, slope;
} point;

typedef struct search {
    nst_optimizer *o;
    const nst_line *line;
    point start, tried; /* `tried` is what trial_x and trial_gradient hold */
    int trials;
    bool wolfe; /* slopes are asked for */
    bool any_finite;
} search;

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static bool may_project(const search *s)
{
    return s->o->bounded;
}

/* Fills trial_x; false if that is x itself. */
static bool move(search *s, double t)
{
    const nst_optimizer *o = s->o;
    double lower = may_project(s) ? o->config.lower : (double)-INFINITY, upper = may_project(s) ? o->config.upper : (double)INFINITY;
    return o->kernels->move(&o->exec, o->problem.n, o->x, (nst_real)t, s->line->direction, (nst_real)lower, (nst_real)upper,
                            o->trial_x) != 0;
}

/* Evaluates at t into s->tried. NST_STEP_CONVERGED: t is too small to move x, or the trials are used up. */
static int32_t try_step(search *s, double t)
{
    int32_t status;
    double f;
    if (s->trials++ >= MAX_TRIALS) return NST_STEP_CONVERGED;
    if (!move(s, t)) {
        s->tried.t = 0; /* trial_x is x again: what was tried before has to be evaluated anew to be taken */
        return NST_STEP_CONVERGED;
    }
    status = nst_optimizer_evaluate_trial(s->o, &f);
    if (status < 0) return status;
    s->tried = (point){t, (double)INFINITY, (double)INFINITY};
    if (status == NST_STEP_OK) {
        s->any_finite = true;
        s->tried.f = f;
        if (s->wolfe) s->tried.slope = nst_optimizer_dot(s->o, s->o->trial_gradient, s->line->direction);
    }
    return NST_STEP_OK;
}

/* What the linear model promises for the trial; on a path bent by the box that is not t times the slope. */
static double promised_change(const search *s)
{
    const nst_optimizer *o = s->o;
    if (!may_project(s)) return s->tried.t * s->line->slope;
    return nst_optimizer_dot(o, o->gradient, o->trial_x) - nst_optimizer_dot(o, o->gradient, o->x);
}

static bool decreases_enough(const search *s)
{
    double change = promised_change(s);
    double noise = larger(s->o->config.noise, NOISE) * fabs(s->line->lowest);
    return change < 0 && s->tried.f <= s->line->lowest + noise + SUFFICIENT_DECREASE * change;
}

static int32_t armijo(search *s)
{
    double t = 1;
    for (;;) {
        double excess, ratio = 0.1;
        int32_t status = try_step(s, t);
        if (status != NST_STEP_OK || decreases_enough(s)) return status;
        excess = s->tried.f - s->start.f - t * s->start.slope;
        if (excess > 0) ratio = -t * s->start.slope / (2 * excess);
        t *= smaller(larger(ratio, 0.1), 0.5);
    }
}

/* The minimum of the cubic through two points with their slopes; NaN if it has none. */
static double cubic_minimum(const point *a, const point *b)
{
    double d1 = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t);
    double square = d1 * d1 - a->slope * b->slope;
    double d2 = square >= 0 ? copysign(sqrt(square), b->t - a->t) : (double)NAN;
    return b->t - (b->t - a->t) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
}

/* `t` if it is a number, at least a tenth of the interval away from both ends; its middle otherwise. */
static double keep_inside(double t, double a, double b)
{
    double left = smaller(a, b), margin = 0.1 * fabs(b - a), right = larger(a, b);
    return isfinite(t) ? smaller(larger(t, left + margin), right - margin) : 0.5 * (a + b);
}

/* The best point of a search that ran out: taken if it is one at all, evaluated again if another has been tried since. */
static int32_t settle_for(search *s, const point *best)
{
    int32_t status;
    if (best->t == 0) return NST_STEP_CONVERGED;
    if (s->tried.t == best->t) return NST_STEP_OK;
    s->trials = 0;
    status = try_step(s, best->t);
    return status == NST_STEP_OK && !isfinite(s->tried.f) ? NST_STEP_CONVERGED : status;
}

/* `low` satisfies the sufficient decrease with the lowest f so far; a point with both Wolfe conditions lies between. */
static int32_t zoom(search *s, point low, point high)
{
    for (;;) {
        int32_t status = NST_STEP_CONVERGED;
        if (low.t == 0 || s->trials < ENOUGH_TRIALS)
            status = try_step(s, keep_inside(cubic_minimum(&low, &high), low.t, high.t));
        if (status == NST_STEP_CONVERGED) return settle_for(s, &low);
        if (status != NST_STEP_OK) return status;
        if (!decreases_enough(s) || (low.t > 0 && s->tried.f >= low.f)) {
            high = s->tried;
            continue;
        }
        if (fabs(s->tried.slope) <= -CURVATURE * s->start.slope) return NST_STEP_OK;
        if (s->tried.slope * (high.t - low.t) >= 0) high = low;
        low = s->tried;
    }
}

static double extrapolate(const point *previous, const point *latest)
{
    double t = cubic_minimum(previous, latest);
    double least = latest->t + 0.01 * (latest->t - previous->t);
    return isfinite(t) && t > least ? smaller(t, MAX_GROWTH * latest->t) : 2 * latest->t;
}

static int32_t strong_wolfe(search *s)
{
    point previous = s->start;
    double t = 1;
    for (;;) {
        int32_t status = try_step(s, t);
        if (status == NST_STEP_CONVERGED) return settle_for(s, &previous);
        if (status != NST_STEP_OK) return status;
        if (!decreases_enough(s) || (previous.t > 0 && s->tried.f >= previous.f)) return zoom(s, previous, s->tried);
        if (fabs(s->tried.slope) <= -CURVATURE * s->start.slope) return NST_STEP_OK;
        if (s->tried.slope >= 0) return zoom(s, s->tried, previous);
        t = extrapolate(&previous, &s->tried);
        previous = s->tried;
    }
}

int32_t nst_search_line(nst_optimizer *o, const nst_line *line, double *f)
{
    /* On a path bent by the box the curvature condition has no meaning. */
    bool wolfe = o->config.line_search == NST_LINE_SEARCH_STRONG_WOLFE && !o->bounded;
    search s = {.o = o, .line = line, .start = {0, o->f, line->slope}, .wolfe = wolfe};
    int32_t status = wolfe ? strong_wolfe(&s) : armijo(&s);
    if (status == NST_STEP_CONVERGED && !s.any_finite) return NST_STEP_NUMERIC;
    *f = s.tried.f;
    return status;
}
