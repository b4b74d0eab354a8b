/* The CBLAS level: what is a matrix product goes to the BLAS of the build; the rest stays with the reference. */
#ifndef NST_KERNELS_LEVEL_CBLAS_H
#define NST_KERNELS_LEVEL_CBLAS_H

#include "kernels/kernels.h"

size_t nst_cblas_conv_packed_bytes(const nst_conv *conv, nst_direction direction);
void nst_cblas_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);
size_t nst_cblas_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
void nst_cblas_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                            void *mask, void *y, void *workspace);
void nst_cblas_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                             const void *mask, void *dx, void *workspace);
size_t nst_cblas_gram_workspace(nst_shape shape, uint32_t strands);
void nst_cblas_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                               void *workspace);
void nst_cblas_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                     const void *features, void *grad, void *workspace);

#define NST_CBLAS_SLOTS                                                                                                    \
    .name = "cblas", .rows_together = 4,                                                                                   \
    .conv_packed_bytes = nst_cblas_conv_packed_bytes, .conv_pack = nst_cblas_conv_pack,                                    \
    .conv_workspace = nst_cblas_conv_workspace, .conv_forward = nst_cblas_conv_forward,                                    \
    .conv_backward = nst_cblas_conv_backward, .gram_workspace = nst_cblas_gram_workspace,                                  \
    .gram_accumulate = nst_cblas_gram_accumulate, .matrix_times_features = nst_cblas_matrix_times_features

#endif
