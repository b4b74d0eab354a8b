/* Restraint: what keeps a photograph a photograph, the same for every pair of images. The option photo names the share of the picture that
 * may be painted: of the variation in its windows, what no affine function of the content's colours explains (the matting loss's plain
 * value, docs/photo.md). The loss's weight is corrected on the way until it is that. One weight for all pairs leaves five times as much
 * in one picture as in another.
 *
 * Like strength.h it sees numbers only; deterministic and bounded. */
#ifndef NST_SESSION_RESTRAINT_H
#define NST_SESSION_RESTRAINT_H

#include <stdbool.h>
#include <stdint.h>

enum { NST_RESTRAINT_MARKS = 4 }; /* corrections of a scale */

typedef struct nst_restraint {
    double target; /* share; 0: the weight is as it is */
    double weight; /* of the matting loss */
    uint32_t from, length, mark; /* the scale's iteration at which it began, of how many, marks behind it */
    uint32_t latest;             /* iteration of the latest correction, or from */
} nst_restraint;

/* The share that an option `photo` in (0, 1] asks for: 0.1 · 10^(-2.2 photo). */
double nst_restraint_target(double photo);
/* Begins with `weight`; `photo` 0: it only keeps that. */
void nst_restraint_begin(nst_restraint *r, double photo, double weight);
/* A scale of `length` iterations begins, or what is left of one at its iteration `from`. */
void nst_restraint_follow(nst_restraint *r, uint32_t from, uint32_t length);
/* After a checkpoint gave all but the target: for an option `photo`, with a weight that it could have come to. */
void nst_restraint_restore(nst_restraint *r, double photo);
/* After iteration `iteration` of the scale, whose picture has `share` (NaN: not measured). Whether the weight is another. */
bool nst_restraint_note(nst_restraint *r, uint32_t iteration, double share);

#endif
