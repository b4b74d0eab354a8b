/* The objective: loss and gradient of a picture. The only place that sees network, losses and (through its signature) optimiser
 * together. All memory is taken when it is made, and how much can be told before. */
#ifndef NST_SESSION_OBJECTIVE_H
#define NST_SESSION_OBJECTIVE_H

#include "session/settings.h"
#include "session/targets.h"

#define NST_LOSSES 7 /* kinds; objective.c lists them */
#define NST_MAX_TERMS ((NST_LOSSES + NST_MAX_OCTAVES - 1) * NST_MAX_LAYERS)

typedef struct nst_objective nst_objective;

typedef struct nst_objective_term {
    const char *kind;  /* as nst_loss_class */
    char layer[16];    /* "relu4_2", "pixels"; "relu4_1/2" of the picture at half its size. A copy: terms outlive their network */
    double weight;     /* of the layer, times the formula's factor */
    double value;      /* weighted */
} nst_objective_term;

/* What an objective for pictures of width x height is made from. */
typedef struct nst_objective_config {
    nst_targets *targets;
    const nst_image *previous; /* frame (previous.h); NULL where settings->temporal is 0 */
    const nst_settings *settings;
    nst_network *network; /* shared */
    const nst_kernels *kernels;
    const nst_exec *exec;
    size_t width, height;
    size_t octaves; /* sizes at which style is compared: the picture's own, half of it, ... (nst_schedule_octaves) */
    size_t room; /* that a way through the network may take: it goes in tiles where it would take more (nst_walk_new) */
    const _Atomic int *cancel; /* polled in every evaluation */
    bool look_only; /* nst_objective_look() alone will be called: nothing is kept for a way back */
} nst_objective_config;

/* What it holds as long as it lives. */
typedef struct nst_objective_size {
    size_t losses; /* with its own struct */
    nst_walk_plan walk;
    size_t held[NST_MAX_TERMS], held_count; /* statistics of targets, in the order in which they are let go */
} nst_objective_size;

/* Prepares the targets and takes all memory. */
int32_t nst_objective_new(const nst_objective_config *config, nst_objective **out, nst_error *error);
void nst_objective_free(nst_objective *objective);
/* Enters what new() takes when no target has been prepared yet; what stays is entered still when it returns, and told in `size`. */
int32_t nst_objective_foretell(const nst_objective_config *config, nst_ledger *ledger, nst_target_idle *idle,
                               nst_objective_size *size, nst_error *error);
/* Enters what nst_objective_free() gives back of one that rests. */
void nst_objective_foretell_free(const nst_objective_config *config, const nst_objective_size *size, nst_target_idle *idle,
                                 nst_ledger *ledger);

/* Gives back the memory of the features, for another objective that will take its place; an evaluation, should one be wanted after
 * all, takes it again. */
void nst_objective_rest(nst_objective *objective);

/* nst_evaluate_fn: x and gradient are pictures (3, height, width). *f is NaN when a feature or the loss is not finite. */
int32_t nst_objective_evaluate(void *objective, const nst_real *x, double *f, nst_real *gradient);

/* The losses of x (3, height, width) without a gradient. *f as above. */
int32_t nst_objective_look(nst_objective *objective, const nst_real *x, double *f);

/* Takes over dialect, alpha, beta, tv and layer weights; layers must be the same. */
void nst_objective_reweight(nst_objective *objective, const nst_settings *settings);

size_t nst_objective_term_count(const nst_objective *objective);
/* Of the latest evaluation. */
nst_objective_term nst_objective_get_term(const nst_objective *objective, size_t index);
/* The loss behind a term, lent; *layer is its index in the network, or NST_PIXELS. */
const nst_loss *nst_objective_loss(const nst_objective *objective, size_t index, size_t *layer);
/* How much of the content the picture of the latest evaluation keeps (nst_content_retention()): at relu4_2, else the mean over the content
 * layers; NaN where there is none. */
double nst_objective_retention(const nst_objective *objective);
/* What became non-finite in the latest evaluation: a layer's name, "the loss" or "the gradient"; NULL if all was well. */
const char *nst_objective_trouble(const nst_objective *objective);

#endif
