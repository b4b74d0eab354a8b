/* The inside of an optimiser: what all of them share, and the functions each one fills. A new optimiser is one file that begins
 * its struct with nst_optimizer and defines an nst_optimizer_ops, and one line in optim.c. */
#ifndef NST_OPTIM_OPTIMIZER_H
#define NST_OPTIM_OPTIMIZER_H

#include "optim/optim.h"

typedef struct nst_optimizer_ops {
    size_t struct_size;
    bool always_boxed;                                      /* iterates stay in [lower, upper] without set_bounded() */
    bool in_place;                                          /* needs no trial_x and trial_gradient: they are NULL */
    bool (*acquire)(nst_optimizer *optimizer);              /* takes its memory; false: refused, release() follows */
    size_t (*bytes)(const nst_optim_config *config, size_t n, bool preconditioned); /* what acquire() takes */
    void (*release)(nst_optimizer *optimizer);
    int32_t (*step)(nst_optimizer *optimizer);              /* f and gradient belong to x when it is called */
    void (*objective_changed)(nst_optimizer *optimizer);
    bool (*has_gradient)(const nst_optimizer *optimizer);   /* NULL: always */
    const nst_real *(*result)(const nst_optimizer *optimizer);
    int32_t (*carry_over)(nst_optimizer *to, const nst_optimizer *from, nst_resample_fn resample, void *user);
    int32_t (*visit_state)(nst_optimizer *optimizer, const nst_state_visitor *visitor);
} nst_optimizer_ops;

extern const nst_optimizer_ops nst_lbfgs_ops, nst_adam_ops;

struct nst_optimizer {
    const nst_optimizer_ops *ops;
    nst_memory *memory;
    const nst_kernels *kernels;
    nst_exec exec;
    nst_optim_config config;
    nst_problem problem;
    nst_real *x, *gradient;             /* (n) the latest accepted iterate */
    nst_real *trial_x, *trial_gradient; /* (n) where a step tries its luck: an aborted step leaves x untouched */
    double f;
    bool fresh;   /* f and gradient belong to x under the present objective */
    bool bounded; /* asked for by set_bounded() */
    uint32_t evaluations;
};

/* Evaluates at `x`. NST_STEP_OK; NST_STEP_NUMERIC: f is not finite, and `gradient` as it was, or f is, but not the gradient; or the
 * callback's negative status. */
int32_t nst_optimizer_evaluate(nst_optimizer *optimizer, const nst_real *x, double *f, nst_real *gradient);
/* At trial_x into trial_gradient. */
int32_t nst_optimizer_evaluate_trial(nst_optimizer *optimizer, double *f);
/* The trial becomes the iterate; the old one is then found in trial_x and trial_gradient. */
void nst_optimizer_accept_trial(nst_optimizer *optimizer, double f);

/* x and gradient take each other's place. */
void nst_optimizer_trade(nst_optimizer *optimizer);

double nst_optimizer_dot(const nst_optimizer *optimizer, const nst_real *a, const nst_real *b);
/* y += alpha x */
void nst_optimizer_axpy(const nst_optimizer *optimizer, double alpha, const nst_real *x, nst_real *y);
/* y = alpha x + beta y; with beta = 0, y is not read. */
void nst_optimizer_axpby(const nst_optimizer *optimizer, double alpha, const nst_real *x, double beta, nst_real *y);
/* y = alpha x + beta y; returns z'y. */
double nst_optimizer_axpby_dot(const nst_optimizer *optimizer, double alpha, nst_vector x, double beta, nst_real *y, nst_vector z);
void nst_optimizer_scale(const nst_optimizer *optimizer, double alpha, nst_real *x);
void nst_optimizer_copy(const nst_optimizer *optimizer, const nst_real *from, nst_real *to);
void nst_optimizer_clip(const nst_optimizer *optimizer, nst_real *x);

/* What n numbers of a precision take. */
static inline size_t nst_optimizer_value_bytes(nst_precision precision)
{
    return precision == NST_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(nst_real);
}
static inline size_t nst_optimizer_values_bytes(size_t n, nst_precision precision)
{
    return n * nst_optimizer_value_bytes(precision);
}
static inline size_t nst_optimizer_vector_bytes(size_t n)
{
    return nst_optimizer_values_bytes(n, NST_PRECISION_FP32);
}
/* (n), zeroed; NULL when refused */
nst_real *nst_optimizer_alloc_vector(const nst_optimizer *optimizer);
void *nst_optimizer_alloc_values(const nst_optimizer *optimizer, nst_precision precision);

int32_t nst_visit_flag(const nst_state_visitor *visitor, const char *name, bool *value);

#endif
