#include "session/strength.h"

#include <math.h>

enum { MOST_ROUNDS = 4 };

/* Of a coarsest scale of 80 iterations: the lengths with which the numbers below were found. */
static const uint32_t usual_share = 80, probe_share = 25, first_share = 50, round_share = 30;

static const double close_enough = 0.015; /* retention */
static const double least_above_floor = 0.03;
/* d logit(retention) / d ln(weight) of most pairs, and what is believed of two rounds. */
static const double usual_slope = 0.6, cautious_slope = 0.8, least_slope = 0.4, largest_slope = 1.6;
static const double largest_step = 2;  /* of ln(weight) */
/* A content weight of 0.2 keeps 0.8 of an average pair. */
static const double known_weight = 0.2, known_retention = 0.8;
/* Retention dips where a scale or a weight begins and then rises to its end, by 7 % of what is missing in every iteration. */
static const double persistence = 0.93, smoothing = 0.5;
/* Shares of a scale after which the weight is corrected. */
static const double marks[NST_STRENGTH_MARKS] = {0.4, 0.6, 0.8};

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static double logit(double retention)
{
    double r = clamp(retention, 1e-3, 1 - 1e-3);
    return log(r / (1 - r));
}

double nst_strength_target(double strength)
{
    return 0.97 - 0.20 * strength - 0.28 * strength * strength;
}

static double weight_for(double target)
{
    return known_weight * exp((logit(target) - logit(known_retention)) / usual_slope);
}

double nst_strength_first_weight(double strength)
{
    return weight_for(nst_strength_target(strength));
}

/* ---- lengths ---- */

static uint32_t part_of(uint32_t share, uint32_t part)
{
    return (uint32_t)(((uint64_t)share * part + usual_share - 1) / usual_share);
}

uint32_t nst_strength_afterwards(uint32_t share)
{
    return part_of(share, round_share);
}

uint32_t nst_strength_budget(uint32_t share, bool alone)
{
    uint64_t rounds = part_of(share, first_share) + (MOST_ROUNDS - 1) * (uint64_t)part_of(share, round_share);
    uint64_t budget = part_of(share, probe_share) + rounds + (alone ? nst_strength_afterwards(share) : 0);
    return budget < UINT32_MAX ? (uint32_t)budget : UINT32_MAX;
}

uint32_t nst_strength_share(uint32_t budget, bool alone)
{
    uint32_t share = (uint32_t)((uint64_t)budget * usual_share / nst_strength_budget(usual_share, alone));
    while (share > 0 && nst_strength_budget(share, alone) > budget) share--;
    return share;
}

static uint32_t round_length(const nst_strength *s)
{
    if (s->phase == NST_STRENGTH_PROBE) return part_of(s->share, probe_share);
    return part_of(s->share, s->round == 1 ? first_share : round_share);
}

/* ---- the search ---- */

void nst_strength_begin(nst_strength *s, double strength, uint32_t share, uint32_t iterations)
{
    *s = (nst_strength){.share = share, .target = nst_strength_target(strength)};
    s->phase = s->share > 0 ? NST_STRENGTH_PROBE : NST_STRENGTH_FOLLOW;
    s->weight = s->phase == NST_STRENGTH_PROBE ? 0 : weight_for(s->target);
    s->length = iterations;
}

/* What the style alone left is a floor: no weight keeps less. */
static nst_strength_move end_probe(nst_strength *s, double retention)
{
    s->floor = retention;
    if (s->target < s->floor + least_above_floor) {
        s->clamped = NST_CLAMPED_STYLE;
        s->target = clamp(s->floor + least_above_floor, 0, nst_strength_target(0));
    }
    s->phase = NST_STRENGTH_SEARCH;
    s->round = 1;
    s->done = 0;
    s->weight = weight_for(s->target);
    return NST_STRENGTH_START_OVER;
}

static void set_log_weight(nst_strength *s, double log_weight)
{
    s->weight = exp(log_weight);
    s->trend = 0;
}

static void correct(nst_strength *s, double retention, double slope)
{
    double step = (logit(s->target) - logit(retention)) / slope;
    set_log_weight(s, log(s->weight) + clamp(step, -largest_step, largest_step));
}

/* What the retention comes to if the present weight is kept for that many iterations more. */
static double foresee(const nst_strength *s, double retention, uint32_t iterations)
{
    double weight = persistence * (1 - pow(persistence, iterations)) / (1 - persistence);
    return clamp(retention + weight * s->trend, 0, 1);
}

static void remember(nst_strength *s, double retention)
{
    bool below = retention < s->target;
    *(below ? &s->below_weight : &s->above_weight) = log(s->weight);
    *(below ? &s->below_logit : &s->above_logit) = logit(retention);
    *(below ? &s->below_round : &s->above_round) = s->round;
}

/* By the latest two rounds; the first step is a cautious one: what has gone too far down comes up but slowly. */
static double slope_of(const nst_strength *s, double retention)
{
    double change = log(s->weight) - s->last_weight;
    if (s->round == 1 || fabs(change) < 1e-6) return cautious_slope;
    return clamp((logit(retention) - s->last_logit) / change, least_slope, largest_slope);
}

/* Between two rounds on either side of the target by interpolation, not too near to either; else by the slope. */
static void choose_weight(nst_strength *s, double retention)
{
    double believed = slope_of(s, retention), width, share;
    remember(s, retention);
    s->last_weight = log(s->weight);
    s->last_logit = logit(retention);
    width = s->above_weight - s->below_weight;
    if (s->below_round == 0 || s->above_round == 0 || !(width > 0)) {
        correct(s, retention, believed);
        return;
    }
    share = (logit(s->target) - s->below_logit) / (s->above_logit - s->below_logit);
    set_log_weight(s, s->below_weight + clamp(share, 0.1, 0.9) * width);
}

/* A larger weight begins with the start picture again: content that is gone returns late and not as it was. */
static nst_strength_move end_round(nst_strength *s, double retention)
{
    double settled = foresee(s, retention, round_length(s));
    bool gone = settled < s->target;
    s->done = 0;
    if (fabs(settled - s->target) < close_enough || s->round == MOST_ROUNDS) {
        s->phase = NST_STRENGTH_FROZEN;
        return NST_STRENGTH_SETTLED;
    }
    choose_weight(s, settled);
    s->round++;
    return gone ? NST_STRENGTH_START_OVER : NST_STRENGTH_REWEIGHT;
}

/* ---- the way after it ---- */

void nst_strength_follow(nst_strength *s, uint32_t from, uint32_t length)
{
    if (s->phase == NST_STRENGTH_OFF || s->clamped == NST_CLAMPED_FLAT) return;
    if (s->phase == NST_STRENGTH_PROBE) s->weight = weight_for(s->target);
    s->phase = NST_STRENGTH_FOLLOW;
    s->from = from;
    s->length = length;
    s->mark = 0;
    s->latest = s->trend = 0;
}

static nst_strength_move follow(nst_strength *s, uint32_t iteration, double retention)
{
    uint32_t done = iteration - s->from;
    double end;
    if (s->mark >= NST_STRENGTH_MARKS || done < (uint32_t)ceil(marks[s->mark] * s->length)) return NST_STRENGTH_GO_ON;
    s->mark++;
    end = foresee(s, retention, s->length > done ? s->length - done : 0);
    if (fabs(end - s->target) < close_enough) return NST_STRENGTH_GO_ON;
    correct(s, end, usual_slope);
    return NST_STRENGTH_REWEIGHT;
}

void nst_strength_change(nst_strength *s, double strength)
{
    double target = nst_strength_target(strength), before = s->target;
    s->clamped = s->clamped == NST_CLAMPED_FLAT ? NST_CLAMPED_FLAT : NST_CLAMPED_NOT;
    if (s->floor > 0 && target < s->floor + least_above_floor) {
        s->clamped = NST_CLAMPED_STYLE;
        target = s->floor + least_above_floor;
    }
    s->target = target;
    if (s->phase != NST_STRENGTH_PROBE) correct(s, before, usual_slope);
    if (s->phase != NST_STRENGTH_SEARCH) return;
    s->done = s->below_round = s->above_round = 0; /* what was found belongs to another target; the round begins anew */
    s->latest = 0;
}

/* Where nothing can be measured the content is flat, and an average weight must do. */
static nst_strength_move give_up(nst_strength *s)
{
    bool probing = s->phase == NST_STRENGTH_PROBE;
    s->phase = NST_STRENGTH_FROZEN;
    s->clamped = NST_CLAMPED_FLAT;
    s->weight = weight_for(s->target);
    return probing ? NST_STRENGTH_START_OVER : NST_STRENGTH_REWEIGHT;
}

nst_strength_move nst_strength_note(nst_strength *s, uint32_t iteration, double retention, bool over)
{
    if (s->phase == NST_STRENGTH_OFF || s->phase == NST_STRENGTH_FROZEN) return NST_STRENGTH_GO_ON;
    if (isnan(retention)) return give_up(s);
    s->done++;
    if (s->latest > 0 && s->done > 1) s->trend += smoothing * (retention - s->latest - s->trend);
    s->latest = retention;
    if (s->phase == NST_STRENGTH_FOLLOW) return follow(s, iteration, retention);
    if (s->done < round_length(s) && !over) return NST_STRENGTH_GO_ON;
    return s->phase == NST_STRENGTH_PROBE ? end_probe(s, retention) : end_round(s, retention);
}
