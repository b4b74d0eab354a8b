/* The AVX-512 level: everything on channels-last features (layout.h), in registers of 16 floats. */
#ifndef NST_KERNELS_X86_LEVEL_AVX512_H
#define NST_KERNELS_X86_LEVEL_AVX512_H

#include "kernels/kernels.h"

size_t nst_avx512_feature_bytes(nst_shape shape);
size_t nst_avx512_mask_bytes(nst_shape shape);
size_t nst_avx512_narrow_bytes(nst_shape shape);
size_t nst_avx512_code_bytes(nst_shape pooled);
void nst_avx512_import_planar(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
void nst_avx512_export_planar(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);

size_t nst_avx512_conv_packed_bytes(const nst_conv *conv, nst_direction direction);
void nst_avx512_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);
size_t nst_avx512_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
void nst_avx512_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                             void *mask, void *y, void *workspace);
void nst_avx512_conv_pool_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x,
                                  nst_real scale, void *y, void *codes, void *workspace);
void nst_avx512_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                              const void *mask, void *dx, void *workspace);

void nst_avx512_relu_forward(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask);
void nst_avx512_relu_backward(const nst_exec *exec, nst_shape shape, const void *mask, void *dy);
void nst_avx512_pool_forward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                             void *codes);
void nst_avx512_pool_backward(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                              const void *codes, const void *dy, void *dx);

size_t nst_avx512_gram_workspace(nst_shape shape, uint32_t strands);
void nst_avx512_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                                void *workspace);
void nst_avx512_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                      const void *features, void *grad, void *workspace);
double nst_avx512_squared_difference(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                     const nst_place *place, const void *target);
void nst_avx512_difference_backward(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                    const nst_place *place, const void *target, void *grad);
void nst_avx512_copy_region(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                            void *target);
void nst_avx512_moments(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums,
                        double *squares);
int nst_avx512_all_finite(const nst_exec *exec, nst_shape shape, const void *features);

double nst_avx512_dot(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b);
void nst_avx512_axpy(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y);
void nst_avx512_axpby(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y);

double nst_avx512_axpby_dot(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z);
void nst_avx512_curvature_pair(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                             const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2]);
int nst_avx512_move(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower, nst_real upper,
                  nst_real *to);
void nst_avx512_adam_step(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                          nst_real *second, nst_real *next);

#define NST_AVX512_OPTIM_SLOTS                                                                                                   \
    .axpby_dot = nst_avx512_axpby_dot, .curvature_pair = nst_avx512_curvature_pair, .move = nst_avx512_move,                        \
    .adam_step = nst_avx512_adam_step

#define NST_AVX512_SLOTS                                                                                                        \
    .name = "avx512", .feature_bytes = nst_avx512_feature_bytes, .mask_bytes = nst_avx512_mask_bytes,                          \
    .narrow_bytes = nst_avx512_narrow_bytes,                                                                                   \
    .code_bytes = nst_avx512_code_bytes, .import_planar = nst_avx512_import_planar, .export_planar = nst_avx512_export_planar,  \
    .conv_packed_bytes = nst_avx512_conv_packed_bytes, .conv_pack = nst_avx512_conv_pack,                                       \
    .conv_workspace = nst_avx512_conv_workspace, .conv_forward = nst_avx512_conv_forward,                                       \
    .conv_pool_forward = nst_avx512_conv_pool_forward, .conv_backward = nst_avx512_conv_backward,                               \
    .relu_forward = nst_avx512_relu_forward, .relu_backward = nst_avx512_relu_backward,                                         \
    .pool_forward = nst_avx512_pool_forward, .pool_backward = nst_avx512_pool_backward,                                         \
    .gram_workspace = nst_avx512_gram_workspace, .gram_accumulate = nst_avx512_gram_accumulate,                                 \
    .matrix_times_features = nst_avx512_matrix_times_features, .squared_difference = nst_avx512_squared_difference,             \
    .difference_backward = nst_avx512_difference_backward, .copy_region = nst_avx512_copy_region,                               \
    .moments = nst_avx512_moments, .all_finite = nst_avx512_all_finite, .dot = nst_avx512_dot, .axpy = nst_avx512_axpy,         \
    .axpby = nst_avx512_axpby, NST_AVX512_OPTIM_SLOTS

#endif
