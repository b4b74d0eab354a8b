/* The objective: loss and gradient of a picture. The only place that sees network, losses and (through its signature) optimiser
 * together. All memory is taken when it is made. */
#ifndef NST_SESSION_OBJECTIVE_H
#define NST_SESSION_OBJECTIVE_H

#include "session/settings.h"
#include "session/targets.h"

#define NST_LOSSES 3 /* kinds; objective.c lists them */
#define NST_MAX_TERMS (NST_LOSSES * NST_MAX_LAYERS)

typedef struct nst_objective nst_objective;

typedef struct nst_objective_term {
    const char *kind;  /* "content", "style", "tv" */
    char layer[16];    /* "relu4_2", "pixels": a copy, terms outlive their network */
    double weight;     /* of the layer, times the formula's factor */
    double value;      /* weighted */
} nst_objective_term;

/* Prepares network and targets for pictures of width x height. `cancel` is polled in every evaluation. */
int32_t nst_objective_new(nst_targets *targets, const nst_settings *settings, const nst_kernels *kernels, const nst_exec *exec,
                          size_t width, size_t height, const _Atomic int *cancel, nst_objective **out, nst_error *error);
void nst_objective_free(nst_objective *objective);

/* nst_evaluate_fn: x and gradient are pictures (3, height, width). *f is NaN when anything is not finite. */
int32_t nst_objective_evaluate(void *objective, const nst_real *x, double *f, nst_real *gradient);

/* Takes over dialect, alpha, beta, tv and layer weights; layers must be the same. */
void nst_objective_reweight(nst_objective *objective, const nst_settings *settings);

size_t nst_objective_term_count(const nst_objective *objective);
/* Of the latest evaluation. */
nst_objective_term nst_objective_get_term(const nst_objective *objective, size_t index);
/* What became non-finite in the latest evaluation: a layer's name, "the loss" or "the gradient"; NULL if all was well. */
const char *nst_objective_trouble(const nst_objective *objective);

#endif
