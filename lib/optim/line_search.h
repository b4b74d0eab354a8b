/* Line searches along a direction of descent. Nocedal and Wright, Numerical Optimization (2006), chapter 3. */
#ifndef NST_OPTIM_LINE_SEARCH_H
#define NST_OPTIM_LINE_SEARCH_H

#include "optim/optimizer.h"

typedef struct nst_line {
    const nst_real *direction; /* (n) */
    double slope;              /* gradient' direction, below 0 */
    double lowest;             /* lowest f so far: what noise is measured against, so that it cannot add up */
} nst_line;

/* Tries x + t direction from t = 1 on; while bounded, clipped to the box. NST_STEP_OK: trial_x and trial_gradient hold the point
 * taken, *f its value. NST_STEP_CONVERGED: no step lowers f. NST_STEP_NUMERIC: no trial was finite. Or the callback's status. */
int32_t nst_search_line(nst_optimizer *optimizer, const nst_line *line, double *f);

#endif
