/* Optimisers: minimise f over a flat vector. They know nothing of images, networks or losses. One file per optimiser.
 *
 * A step is one iteration; it may call evaluate() several times (line search). All memory is taken when the optimiser is made.
 * The state is data: nst_optimizer_visit_state() names every array and scalar, for checkpoints. Pointers to the state hold until
 * the next call that may move x: begin, step, visit_state.
 */
#ifndef NST_OPTIM_H
#define NST_OPTIM_H

#include <stdbool.h>

#include "base/context.h"
#include "base/real.h"
#include "kernels/kernels.h"

/* f and its gradient at x (n), which f decides on alone. Non-finite results are allowed; where f is one, `gradient` is not written. A
 * negative status (cancelled, out of memory) aborts the step: the next one goes on as if there had been none. */
typedef int32_t (*nst_evaluate_fn)(void *user, const nst_real *x, double *f, nst_real *gradient);

/* v (n) = P v, P symmetric and positive definite: about the inverse Hessian but for its scale. */
typedef void (*nst_precondition_fn)(void *user, nst_real *v);

typedef struct nst_problem {
    size_t n;
    nst_evaluate_fn evaluate;
    void *user;
    nst_precondition_fn precondition; /* L-BFGS; NULL: the identity */
    void *preconditioner;
} nst_problem;

typedef enum nst_optimizer_kind { NST_OPTIMIZER_LBFGS, NST_OPTIMIZER_ADAM } nst_optimizer_kind;
typedef enum nst_line_search { NST_LINE_SEARCH_ARMIJO, NST_LINE_SEARCH_STRONG_WOLFE } nst_line_search;

typedef struct nst_optim_config {
    nst_optimizer_kind kind;
    int history;                     /* L-BFGS: curvature pairs kept */
    nst_line_search line_search;     /* L-BFGS */
    double learning_rate;            /* Adam: step in units of x; L-BFGS: the first step after a restart has RMS 1/20 of it */
    double lower, upper;             /* box of the variable: Adam always, L-BFGS while bounded (set_bounded) */
    nst_precision history_precision; /* L-BFGS: of the curvature pairs */
    double noise;                    /* of f, relative, where it is more than that of the numbers themselves */
} nst_optim_config;

typedef enum nst_step_result {
    NST_STEP_OK = 0,        /* x moved (or an Adam step was taken) */
    NST_STEP_CONVERGED = 1, /* the gradient is zero or no step lowers f, even along the gradient */
    NST_STEP_NUMERIC = 2    /* f or the gradient is not finite wherever the optimiser turned; x is the last finite iterate */
} nst_step_result;

typedef struct nst_optimizer nst_optimizer;

/* `*x` (n) is the start, taken with the context's memory. Success makes it the optimiser's, and *x NULL. */
int32_t nst_optimizer_new(nst_ctx *ctx, const nst_kernels *kernels, const nst_exec *exec, const nst_optim_config *config,
                          const nst_problem *problem, nst_real **x, nst_optimizer **out, nst_error *error);
void nst_optimizer_free(nst_optimizer *optimizer);
/* What an optimiser of n variables takes, all its life. */
size_t nst_optimizer_bytes(const nst_optim_config *config, size_t n, bool preconditioned);

/* Evaluates f and gradient at the present x if that has not been done since new() or restart(). */
int32_t nst_optimizer_begin(nst_optimizer *optimizer);
/* One iteration; begins if need be. Returns an nst_step_result or a negative status. */
int32_t nst_optimizer_step(nst_optimizer *optimizer);

/* The objective has changed: forget curvature (L-BFGS) and re-evaluate at the next begin() or step(). Adam keeps its moments. */
void nst_optimizer_restart(nst_optimizer *optimizer);
/* x (n) becomes the iterate, as if it had been the start; not for Adam, whose moments are of where it came from. */
void nst_optimizer_jump(nst_optimizer *optimizer, const nst_real *x);
/* Live change of learning rate, line search, noise or history length (at most the one at creation); bounds as given. Kind and precision
 * stay those of the creation. */
void nst_optimizer_configure(nst_optimizer *optimizer, const nst_optim_config *config);
/* L-BFGS: from now on iterates stay inside the box (projected, with Armijo's rule); the next begin() or step() clips x, forgets
 * curvature and re-evaluates. Setting what is set already does nothing. */
void nst_optimizer_set_bounded(nst_optimizer *optimizer, bool bounded);

/* x of the latest accepted iteration (Adam: after an aborted step, the point that it was at), its f, gradient, and what has been spent.
 * `result` is the vector to show to people: for Adam the bias-corrected average of the iterates (decay 0.99), else x. */
const nst_real *nst_optimizer_x(const nst_optimizer *optimizer);
const nst_real *nst_optimizer_result(const nst_optimizer *optimizer);
/* NULL where there is none: Adam's after a step that was aborted or found nothing finite. */
const nst_real *nst_optimizer_gradient(const nst_optimizer *optimizer);
double nst_optimizer_f(const nst_optimizer *optimizer);
uint32_t nst_optimizer_evaluations(const nst_optimizer *optimizer);

/* Adam: carries first and second moments and their step count over to another size through `resample`, which maps n values of
 * `from` to the new optimiser's n; the average begins anew. L-BFGS: nothing. */
typedef int32_t (*nst_resample_fn)(void *user, const nst_real *from, nst_real *to);
int32_t nst_optimizer_carry_over(nst_optimizer *to, const nst_optimizer *from, nst_resample_fn resample, void *user);

/* Every array and scalar of the state, by name; the visitor reads or writes through the pointers. The set of names depends on the
 * config at creation alone. Scalars are doubles (exact for counts below 2^53); `lowest` and `f` may be anything, a count out of
 * range is NST_ERR_CHECKPOINT_FORMAT. After a failed load the optimiser can only be freed. */
typedef struct nst_state_visitor {
    int32_t (*array)(void *user, const char *name, nst_real *values, size_t count);
    int32_t (*bfloats)(void *user, const char *name, uint16_t *values, size_t count); /* an array of NST_PRECISION_BF16 */
    int32_t (*scalar)(void *user, const char *name, double *value);
    void *user;
} nst_state_visitor;
int32_t nst_optimizer_visit_state(nst_optimizer *optimizer, const nst_state_visitor *visitor);
/* Visits a count as a scalar; NST_ERR_CHECKPOINT_FORMAT if what comes back is not an integer in [0, limit]. */
int32_t nst_visit_count(const nst_state_visitor *visitor, const char *name, uint32_t limit, uint32_t *value);

#endif
