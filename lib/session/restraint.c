#include "session/restraint.h"

#include <math.h>

/* Shares of a scale after which the weight is corrected; not so soon after a correction, nor so late, that nothing of it would be seen,
 * and the optimiser would lose the curvature that it has just learnt. */
static const double marks[NST_RESTRAINT_MARKS] = {0.3, 0.5, 0.7, 0.9};
enum { LEAST_GAP = 5 };
/* -d ln(share) / d ln(weight): 0.6 between weights of 1 and 11, measured on four pairs. */
static const double slope = 0.6;
static const double close_enough = 0.1;   /* of ln(share) */
static const double largest_step = 1.5;   /* of ln(weight) */
/* A heavier loss is so stiff that the optimiser gets nowhere. */
static const double least_weight = 0.01, largest_weight = 300;

double nst_restraint_target(double photo)
{
    return 0.1 * pow(10, -2.2 * photo);
}

void nst_restraint_begin(nst_restraint *r, double photo, double weight)
{
    *r = (nst_restraint){.target = photo > 0 ? nst_restraint_target(photo) : 0, .weight = weight};
}

void nst_restraint_follow(nst_restraint *r, uint32_t from, uint32_t length)
{
    r->from = r->latest = from;
    r->length = length;
    r->mark = 0;
}

static double bounded(double weight)
{
    return fmin(fmax(weight, least_weight), largest_weight);
}

void nst_restraint_restore(nst_restraint *r, double photo)
{
    if (photo > 0 && r->weight > 0) {
        r->target = nst_restraint_target(photo);
        r->weight = bounded(r->weight);
    } else *r = (nst_restraint){.target = 0};
}

static bool correct(nst_restraint *r, double share)
{
    double step = log(share / r->target) / slope, before = r->weight;
    if (fabs(step) * slope < close_enough) return false;
    r->weight = bounded(r->weight * exp(fmin(fmax(step, -largest_step), largest_step)));
    return r->weight != before;
}

static bool has_passed(const nst_restraint *r, uint32_t iteration)
{
    return r->mark < NST_RESTRAINT_MARKS && iteration - r->from >= (uint32_t)ceil(marks[r->mark] * r->length);
}

static bool is_in_time(const nst_restraint *r, uint32_t iteration)
{
    return iteration - r->latest >= LEAST_GAP && r->from + (uint64_t)r->length >= (uint64_t)iteration + LEAST_GAP;
}

bool nst_restraint_note(nst_restraint *r, uint32_t iteration, double share)
{
    if (!(r->target > 0) || !(share > 0) || !has_passed(r, iteration) || !is_in_time(r, iteration)) return false;
    while (has_passed(r, iteration)) r->mark++;
    if (!correct(r, share)) return false;
    r->latest = iteration;
    return true;
}
