/* The pyramid preconditioner of L-BFGS: P = Σ_k w_k U_k U_kᵀ, U_k bilinear upsampling by 2^k and U_kᵀ its adjoint, w_k = 2^-k. A step
 * P(-gradient) is one of a picture written as a sum of pictures of falling size (as STROTSS and NNST optimise one): coarse structure
 * moves first. docs/optimisers.md has what it saves, and what other weights do. */
#ifndef NST_SESSION_PYRAMID_H
#define NST_SESSION_PYRAMID_H

#include "base/alloc.h"
#include "base/real.h"
#include "kernels/kernels.h"

typedef struct nst_pyramid nst_pyramid;

/* For pictures (3, height, width). NULL: refused. */
nst_pyramid *nst_pyramid_new(nst_memory *memory, const nst_exec *exec, size_t width, size_t height);
void nst_pyramid_free(nst_pyramid *pyramid);
size_t nst_pyramid_bytes(size_t width, size_t height);
/* v (3, height, width) = P v; `pyramid` is an nst_pyramid. */
void nst_pyramid_apply(void *pyramid, nst_real *v);

#endif
