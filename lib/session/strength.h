/* Strength: one knob that means the same for every pair of images. It names how much of the content is to stay, and the content weight
 * that keeps as much is found by measuring: searched for at the coarsest scale, where an iteration costs little, and corrected at
 * the finer ones. What is measured is the retention, nst_content_retention(). docs/objective.md tells why weights alone cannot do it.
 *
 * It sees numbers, no pictures: after every iteration the session tells the retention and is told what to do. Deterministic and
 * bounded. */
#ifndef NST_SESSION_STRENGTH_H
#define NST_SESSION_STRENGTH_H

#include <stdbool.h>
#include <stdint.h>

#include "nst/session.h"

typedef enum nst_strength_phase {
    NST_STRENGTH_OFF,
    NST_STRENGTH_PROBE,  /* style alone: what is the least that can stay? */
    NST_STRENGTH_SEARCH, /* rounds, each with a weight of its own */
    NST_STRENGTH_FOLLOW, /* corrections on the way */
    NST_STRENGTH_FROZEN
} nst_strength_phase;

/* What the session does next. */
typedef enum nst_strength_move {
    NST_STRENGTH_GO_ON,
    NST_STRENGTH_START_OVER, /* from the start picture, with the weight */
    NST_STRENGTH_REWEIGHT,   /* on from here with the weight */
    NST_STRENGTH_SETTLED     /* the search is over */
} nst_strength_move;

enum { NST_STRENGTH_MARKS = 3 }; /* corrections at a scale */

typedef struct nst_strength {
    uint32_t phase;              /* nst_strength_phase */
    uint32_t share;              /* iterations of the coarsest scale without a search: its lengths follow from that */
    uint32_t round, done;        /* rounds begun; iterations done in this one */
    uint32_t from, length, mark; /* FOLLOW: the scale's iteration at which it began, of how many, corrections behind it */
    uint32_t clamped;            /* nst_clamped */
    double target;               /* retention wanted */
    double floor;                /* that style alone left; 0: it was not looked for */
    double weight;               /* of the content: alpha */
    double latest, trend;        /* retention of the latest iteration, 0: none; its change per iteration, smoothed */
    /* ln(weight) and logit(retention) of the latest round, and of those nearest to the target from below and above; round 0: none. */
    double last_weight, last_logit;
    double below_weight, below_logit, above_weight, above_logit;
    uint32_t below_round, above_round;
} nst_strength;

/* Retention that a strength asks for: 0.97 barely touches the content, 0.49 leaves little. */
double nst_strength_target(double strength);
/* Content weight that keeps about as much of an average pair. */
double nst_strength_first_weight(double strength);
/* Iterations that a search may take at a scale that has `share` without, and the other way round. `alone`: no finer scale corrects what it
 * found, so that some are left for that. */
uint32_t nst_strength_budget(uint32_t share, bool alone);
uint32_t nst_strength_share(uint32_t budget, bool alone);
/* Those that are left. */
uint32_t nst_strength_afterwards(uint32_t share);

/* The coarsest scale begins; `share` 0: without a search. */
void nst_strength_begin(nst_strength *s, double strength, uint32_t share, uint32_t iterations);
/* A finer scale of `length` iterations begins, or what is left of the coarsest. */
void nst_strength_follow(nst_strength *s, uint32_t from, uint32_t length);
/* Another strength, wherever it stands. */
void nst_strength_change(nst_strength *s, double strength);
/* After iteration `iteration` of the scale, whose picture keeps `retention` (NaN: it cannot be measured). `over`: no further one would
 * change anything. */
nst_strength_move nst_strength_note(nst_strength *s, uint32_t iteration, double retention, bool over);

static inline bool nst_strength_searching(const nst_strength *s)
{
    return s->phase == NST_STRENGTH_PROBE || s->phase == NST_STRENGTH_SEARCH;
}

/* Whether the coarsest scale has what it was to find. */
static inline bool nst_strength_found(const nst_strength *s)
{
    return s->phase == NST_STRENGTH_FROZEN && s->clamped != NST_CLAMPED_FLAT;
}

#endif
