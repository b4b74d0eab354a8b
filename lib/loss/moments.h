/* What losses on the moments of features share.
 *
 * The moments of a layer, over its M positions: the means mu = F 1 / M (C), the mean squares (C), and the second moments
 * Ghat = F F^T / M (C, C). Of several styles it is these that are blended: deviations and covariances are not linear, and are made of the
 * blend when pictures are compared. A loss made of NST_MOMENTS_SLOTS has only to say, in finish(), what its sum is and, in place of the
 * picture's moments, what the derivatives by them are. */
#ifndef NST_LOSS_MOMENTS_H
#define NST_LOSS_MOMENTS_H

#include "loss/loss.h"
#include "loss/values.h"

/* As they lie in a target and at the beginning of a state, one behind the other. Mean squares are there because the kernel has them
 * beside the sums. */
typedef struct nst_moments {
    double *means;   /* (C) */
    double *squares; /* (C) */
    double *second;  /* (C, C) */
} nst_moments;

nst_moments nst_moments_in(nst_shape shape, const void *memory);

size_t nst_moments_target_bytes(const nst_loss_tools *tools, nst_shape shape);
size_t nst_moments_workspace_bytes(const nst_loss_tools *tools, nst_shape shape);
void nst_moments_target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                                   void *workspace);
void nst_moments_target_finish(nst_shape shape, void *target);
void nst_moments_target_blend(nst_shape shape, double weight, const void *from, void *to);
size_t nst_moments_state_bytes(const nst_loss_tools *tools, nst_shape shape);
void nst_moments_begin(nst_loss *loss);
void nst_moments_accumulate(nst_loss *loss, const nst_tile *tile, const void *features);
/* To be called first in finish(): the picture's moments. */
nst_moments nst_moments_of_picture(nst_loss *loss);
/* By the derivatives that finish() left: of the means, and of Ghat, a symmetric matrix. */
void nst_moments_seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient);

#define NST_MOMENTS_SLOTS                                                                                                      \
    .kind = "style", .target_bytes = nst_moments_target_bytes, .workspace_bytes = nst_moments_workspace_bytes,                 \
    .target_accumulate = nst_moments_target_accumulate, .target_finish = nst_moments_target_finish,                            \
    .target_blend = nst_moments_target_blend, .state_bytes = nst_moments_state_bytes, .begin = nst_moments_begin,              \
    .accumulate = nst_moments_accumulate, .seed = nst_moments_seed

/* Sum of Ghat's diagonal: the mean square of all channels together. */
double nst_moments_power(nst_shape shape, const void *target);
/* Ghat becomes the covariance Ghat - mu mu^T. */
void nst_moments_centre(nst_shape shape, double *second, const double *means);

/* For losses with a part weight * |mu - mu'|^2 and another that knows of mu through the covariance alone: with the derivatives by that in
 * place of Ghat already, leaves those by the means. Returns the part. */
double nst_moments_compare_means(nst_shape shape, double weight, nst_moments *own, const nst_moments *wanted);

/* What a dialect multiplies a squared difference of matrices of second moments with, of so many entries; `power`: of the target's. */
double nst_matrix_factor(nst_dialect dialect, size_t entries, double power);
/* The same of (C, C) matrices. */
double nst_second_factor(nst_dialect dialect, nst_shape shape, double power);
/* What it multiplies squared differences of first moments or deviations, one a channel, with. */
double nst_first_factor(nst_dialect dialect, nst_shape shape, double power);

#endif
