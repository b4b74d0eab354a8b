/* The reference level: every slot in plain C on planes (C, H, W), for any processor. What all other levels are tested against. */
#ifndef NST_KERNELS_LEVEL_REFERENCE_H
#define NST_KERNELS_LEVEL_REFERENCE_H

#include "kernels/kernels.h"

size_t nst_reference_feature_bytes(nst_shape shape);
size_t nst_reference_mask_bytes(nst_shape shape);
size_t nst_reference_narrow_bytes(nst_shape shape);
size_t nst_reference_code_bytes(nst_shape pooled);
void nst_reference_import_planar(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
void nst_reference_export_planar(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);

size_t nst_reference_conv_packed_bytes(const nst_conv *conv, nst_direction direction);
void nst_reference_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);
size_t nst_reference_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
void nst_reference_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                                void *mask, void *y, void *workspace);
void nst_reference_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                                 const void *mask, void *dx, void *workspace);

void nst_reference_relu_forward(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask);
void nst_reference_relu_backward(const nst_exec *exec, nst_shape shape, const void *mask, void *dy);
void nst_reference_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                                void *codes);
void nst_reference_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x,
                                 const void *y, const void *codes, const void *dy, void *dx);

size_t nst_reference_gram_workspace(nst_shape shape, uint32_t strands);
void nst_reference_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                                   void *workspace);
void nst_reference_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                         const void *features, void *grad, void *workspace);
double nst_reference_squared_difference(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                        const nst_place *place, const void *target);
void nst_reference_difference_backward(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale,
                                       const void *features, const nst_place *place, const void *target, void *grad);
void nst_reference_copy_region(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                               const nst_place *place, void *target);
void nst_reference_weigh(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                         const void *features, const nst_place *place, void *target);
void nst_reference_weigh_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                                  const nst_place *place, const void *target, void *grad);
void nst_reference_moments(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums,
                           double *squares);
void nst_reference_moments_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                                    const nst_real *of_squares, const void *features, void *grad);
void nst_reference_histogram(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins);
void nst_reference_histogram_backward(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps,
                                      const void *features, void *grad);
int nst_reference_all_finite(const nst_exec *exec, nst_shape shape, const void *features);

double nst_reference_dot(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b);
void nst_reference_axpy(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y);
void nst_reference_axpby(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y);

double nst_reference_axpby_dot(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z);
void nst_reference_curvature_pair(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                                  const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2]);
int nst_reference_move(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower,
                       nst_real upper, nst_real *to);
void nst_reference_adam_step(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                             nst_real *second, nst_real *next);

#define NST_REFERENCE_OPTIM_SLOTS                                                                                              \
    .axpby_dot = nst_reference_axpby_dot, .curvature_pair = nst_reference_curvature_pair, .move = nst_reference_move,          \
    .adam_step = nst_reference_adam_step

#define NST_REFERENCE_SLOTS                                                                                                \
    .name = "reference", .rows_together = 1,                                                                                   \
    .feature_bytes = nst_reference_feature_bytes, .mask_bytes = nst_reference_mask_bytes,                                      \
    .code_bytes = nst_reference_code_bytes, .import_planar = nst_reference_import_planar,                                  \
    .export_planar = nst_reference_export_planar, .conv_packed_bytes = nst_reference_conv_packed_bytes,                    \
    .conv_pack = nst_reference_conv_pack, .conv_workspace = nst_reference_conv_workspace,                                  \
    .conv_forward = nst_reference_conv_forward, .conv_backward = nst_reference_conv_backward,                              \
    .relu_forward = nst_reference_relu_forward, .relu_backward = nst_reference_relu_backward,                              \
    .pool_forward = nst_reference_pool_forward, .pool_backward = nst_reference_pool_backward,                              \
    .gram_workspace = nst_reference_gram_workspace, .gram_accumulate = nst_reference_gram_accumulate,                      \
    .matrix_times_features = nst_reference_matrix_times_features, .squared_difference = nst_reference_squared_difference,  \
    .difference_backward = nst_reference_difference_backward, .copy_region = nst_reference_copy_region,                    \
    .weigh = nst_reference_weigh, .weigh_backward = nst_reference_weigh_backward,                                          \
    .moments = nst_reference_moments, .moments_backward = nst_reference_moments_backward,                                  \
    .histogram = nst_reference_histogram, .histogram_backward = nst_reference_histogram_backward,                          \
    .all_finite = nst_reference_all_finite, .dot = nst_reference_dot,                                                      \
    .axpy = nst_reference_axpy, .axpby = nst_reference_axpby, NST_REFERENCE_OPTIM_SLOTS,                       \
    .narrow_bytes = nst_reference_narrow_bytes

#endif
