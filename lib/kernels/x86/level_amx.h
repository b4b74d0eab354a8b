/* The bf16 level: features in blocks of 32 channels (blocks.h), products on AMX tiles. In float alone. */
#ifndef NST_KERNELS_X86_LEVEL_AMX_H
#define NST_KERNELS_X86_LEVEL_AMX_H

#include "kernels/kernels.h"

size_t nst_amx_feature_bytes(nst_shape shape);
size_t nst_amx_mask_bytes(nst_shape shape);
size_t nst_amx_code_bytes(nst_shape pooled);
void nst_amx_import_planar(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
void nst_amx_export_planar(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);

size_t nst_amx_conv_packed_bytes(const nst_conv *conv, nst_direction direction);
void nst_amx_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);
size_t nst_amx_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
void nst_amx_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                          void *mask, void *y, void *workspace);
void nst_amx_conv_pool_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x,
                               nst_real scale, void *y, void *codes, void *workspace);
void nst_amx_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                           const void *mask, void *dx, void *workspace);

void nst_amx_relu_forward(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask);
void nst_amx_relu_backward(const nst_exec *exec, nst_shape shape, const void *mask, void *dy);
void nst_amx_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                          void *codes);
void nst_amx_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                           const void *codes, const void *dy, void *dx);

size_t nst_amx_gram_workspace(nst_shape shape, uint32_t strands);
void nst_amx_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                             void *workspace);
void nst_amx_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                   const void *features, void *grad, void *workspace);
double nst_amx_squared_difference(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                  const nst_place *place, const void *target);
void nst_amx_difference_backward(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                 const nst_place *place, const void *target, void *grad);
void nst_amx_copy_region(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                         void *target);
void nst_amx_weigh(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                   const void *features, const nst_place *place, void *target);
void nst_amx_weigh_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                            const nst_place *place, const void *target, void *grad);
void nst_amx_moments(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums, double *squares);
void nst_amx_moments_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                              const nst_real *of_squares, const void *features, void *grad);
void nst_amx_histogram(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins);
void nst_amx_histogram_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps, const void *features,
                                void *grad);
int nst_amx_all_finite(const nst_exec *exec, nst_shape shape, const void *features);

/* All but the vectors of the optimisers. */
#define NST_AMX_SLOTS                                                                                                         \
    .name = "amx", .rows_together = 1,                                                                                        \
    .feature_bytes = nst_amx_feature_bytes, .mask_bytes = nst_amx_mask_bytes,                                                 \
    .code_bytes = nst_amx_code_bytes, .import_planar = nst_amx_import_planar, .export_planar = nst_amx_export_planar,         \
    .conv_packed_bytes = nst_amx_conv_packed_bytes, .conv_pack = nst_amx_conv_pack,                                           \
    .conv_workspace = nst_amx_conv_workspace, .conv_forward = nst_amx_conv_forward,                                           \
    .conv_pool_forward = nst_amx_conv_pool_forward, .conv_backward = nst_amx_conv_backward,                                   \
    .relu_forward = nst_amx_relu_forward, .relu_backward = nst_amx_relu_backward, .pool_forward = nst_amx_pool_forward,       \
    .pool_backward = nst_amx_pool_backward, .gram_workspace = nst_amx_gram_workspace,                                         \
    .gram_accumulate = nst_amx_gram_accumulate, .matrix_times_features = nst_amx_matrix_times_features,                       \
    .squared_difference = nst_amx_squared_difference, .difference_backward = nst_amx_difference_backward,                     \
    .weigh = nst_amx_weigh, .weigh_backward = nst_amx_weigh_backward,                                                         \
    .narrow_bytes = NULL, .copy_region = nst_amx_copy_region, .moments = nst_amx_moments,                                     \
    .histogram = nst_amx_histogram, .histogram_backward = nst_amx_histogram_backward,                                         \
    .moments_backward = nst_amx_moments_backward, .all_finite = nst_amx_all_finite

#endif
