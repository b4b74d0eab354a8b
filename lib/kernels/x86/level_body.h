/* What a level on channels-last features (layout.h) has. Included by level_<name>.h, once for every level, with LEVEL(name) saying what
 * its functions are called: hence no guard around the prototypes. */
#include "kernels/kernels.h"

size_t LEVEL(feature_bytes)(nst_shape shape);
size_t LEVEL(mask_bytes)(nst_shape shape);
size_t LEVEL(narrow_bytes)(nst_shape shape);
size_t LEVEL(code_bytes)(nst_shape pooled);
void LEVEL(import_planar)(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
void LEVEL(export_planar)(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);
size_t LEVEL(conv_packed_bytes)(const nst_conv *conv, nst_direction direction);
void LEVEL(conv_pack)(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);
size_t LEVEL(conv_workspace)(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
void LEVEL(conv_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                         void *mask, void *y, void *workspace);
void LEVEL(conv_pool_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x,
                              nst_real scale, void *y, void *codes, void *workspace);
void LEVEL(conv_backward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy, const void *mask,
                          void *dx, void *workspace);
void LEVEL(relu_forward)(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask);
void LEVEL(relu_backward)(const nst_exec *exec, nst_shape shape, const void *mask, void *dy);
void LEVEL(pool_forward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y,
                         void *codes);
void LEVEL(pool_backward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                          const void *codes, const void *dy, void *dx);
size_t LEVEL(gram_workspace)(nst_shape shape, uint32_t strands);
void LEVEL(gram_accumulate)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                            void *workspace);
void LEVEL(matrix_times_features)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                  const void *features, void *grad, void *workspace);
double LEVEL(squared_difference)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                 const nst_place *place, const void *target);
void LEVEL(difference_backward)(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                const nst_place *place, const void *target, void *grad);
void LEVEL(copy_region)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                        void *target);
void LEVEL(weigh)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                  const void *features, const nst_place *place, void *target);
void LEVEL(weigh_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                           const nst_place *place, const void *target, void *grad);
void LEVEL(moments)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums, double *squares);
void LEVEL(moments_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                             const nst_real *of_squares, const void *features, void *grad);
void LEVEL(histogram)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins);
void LEVEL(histogram_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps, const void *features,
                               void *grad);
int LEVEL(all_finite)(const nst_exec *exec, nst_shape shape, const void *features);
double LEVEL(dot)(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b);
void LEVEL(axpy)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y);
void LEVEL(axpby)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y);
double LEVEL(axpby_dot)(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z);
void LEVEL(curvature_pair)(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                           const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2]);
int LEVEL(move)(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower, nst_real upper,
                nst_real *to);
void LEVEL(adam_step)(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                      nst_real *second, nst_real *next);

#ifndef NST_X86_SLOTS
#define NST_X86_SLOTS(level)                                                                                                  \
    .name = #level, .rows_together = 4,                                                                                       \
    .axpby_dot = nst_##level##_axpby_dot, .curvature_pair = nst_##level##_curvature_pair,                                     \
    .move = nst_##level##_move, .adam_step = nst_##level##_adam_step, .feature_bytes = nst_##level##_feature_bytes,           \
    .mask_bytes = nst_##level##_mask_bytes, .narrow_bytes = nst_##level##_narrow_bytes,                                       \
    .code_bytes = nst_##level##_code_bytes, .import_planar = nst_##level##_import_planar,                                     \
    .export_planar = nst_##level##_export_planar, .conv_packed_bytes = nst_##level##_conv_packed_bytes,                       \
    .conv_pack = nst_##level##_conv_pack, .conv_workspace = nst_##level##_conv_workspace,                                     \
    .conv_forward = nst_##level##_conv_forward, .conv_pool_forward = nst_##level##_conv_pool_forward,                         \
    .conv_backward = nst_##level##_conv_backward, .relu_forward = nst_##level##_relu_forward,                                 \
    .relu_backward = nst_##level##_relu_backward, .pool_forward = nst_##level##_pool_forward,                                 \
    .pool_backward = nst_##level##_pool_backward, .gram_workspace = nst_##level##_gram_workspace,                             \
    .gram_accumulate = nst_##level##_gram_accumulate, .matrix_times_features = nst_##level##_matrix_times_features,           \
    .squared_difference = nst_##level##_squared_difference, .difference_backward = nst_##level##_difference_backward,         \
    .weigh = nst_##level##_weigh, .weigh_backward = nst_##level##_weigh_backward,                                             \
    .copy_region = nst_##level##_copy_region, .moments = nst_##level##_moments,                                               \
    .moments_backward = nst_##level##_moments_backward, .all_finite = nst_##level##_all_finite,                               \
    .histogram = nst_##level##_histogram, .histogram_backward = nst_##level##_histogram_backward,                             \
    .dot = nst_##level##_dot, .axpy = nst_##level##_axpy, .axpby = nst_##level##_axpby
#endif
