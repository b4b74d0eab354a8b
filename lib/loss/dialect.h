/* Dialects: whose formulas and default weights apply, so that the numbers a user knows from another tool mean the same here. The
 * constants of a formula stand in the file of its loss (nst_loss_class.factor); here are the defaults. */
#ifndef NST_LOSS_DIALECT_H
#define NST_LOSS_DIALECT_H

#include <stddef.h>

/* In the order of the option `dialect`, after its "auto". */
typedef enum nst_dialect {
    NST_DIALECT_NEURAL_STYLE, /* jcjohnson/neural-style, neural_style.lua */
    NST_DIALECT_GATYS_PAPER,  /* Gatys, Ecker, Bethge, CVPR 2016, equations 1 to 7 */
    NST_DIALECT_GATYS_CODE,   /* leongatys/PytorchNeuralStyleTransfer */
    NST_DIALECT_NORMALISED    /* degree 0 in features, size and channels (docs/objective.md) */
} nst_dialect;

typedef struct nst_dialect_defaults {
    double alpha, beta, tv, temporal;
} nst_dialect_defaults;

const char *nst_dialect_name(nst_dialect dialect);
nst_dialect_defaults nst_dialect_get_defaults(nst_dialect dialect);
/* Weight of each of `count` layers that the user gave none for. */
double nst_dialect_layer_weight(nst_dialect dialect, size_t count);

#endif
