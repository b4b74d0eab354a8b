/* A ledger: what an allocator would count, told beforehand. The plan of a run enters every block that the run will take and give
 * back, in the run's order; what is held at most is then known, and what it consists of. */
#ifndef NST_BASE_LEDGER_H
#define NST_BASE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum nst_purpose {
    NST_FOR_NETWORK, /* with the session's own structs */
    NST_FOR_FEATURES,
    NST_FOR_LOSSES,
    NST_FOR_TARGETS,
    NST_FOR_OPTIMIZER,
    NST_FOR_IMAGES,
    NST_PURPOSES
} nst_purpose;

typedef struct nst_ledger {
    size_t held[NST_PURPOSES], at_peak[NST_PURPOSES];
    size_t used, peak;           /* SIZE_MAX: more than can be counted */
    bool skipped[NST_PURPOSES];  /* left out */
} nst_ledger;

void nst_ledger_take(nst_ledger *ledger, nst_purpose purpose, size_t bytes);
void nst_ledger_give(nst_ledger *ledger, nst_purpose purpose, size_t bytes);

#endif
