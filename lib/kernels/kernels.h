/* The contract between the engine and its kernels: one table of functions per level and precision.
 *
 * The table owns the layout of features, masks, pooling codes and packed filters: nothing above it indexes them. Kernels allocate
 * nothing (workspaces are passed in, their size is asked before), hold no state, report no errors, and start no threads: they spread
 * work through nst_exec with task borders that depend on shapes alone, so that results are the same bytes for any thread count
 * (spread.h). Edges and tails are the kernel's job. Sums that become losses are taken in double and in a fixed order.
 *
 * Shapes are (channels C, height H, width W); M = H*W positions. Adding a level: a header that lists the slots it is better
 * at, a line in table.c, a place in base/cpu.h. The whole contract: docs/kernels.md. */
#ifndef NST_KERNELS_H
#define NST_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/real.h"
#include "kernels/bins.h"
#include "tensor/shape.h"

/* How a kernel spreads work: run(user, job, data, count) calls job(data, i) for every i in [0, count) and returns when all are
 * done. `strands` (1 or more): about how many jobs are at work at the same time; workspaces are made for so many (spread.h). */
typedef struct nst_exec {
    void (*run)(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);
    void *user;
    uint32_t strands;
} nst_exec;

typedef enum nst_precision { NST_PRECISION_FP32, NST_PRECISION_BF16 } nst_precision;
typedef enum nst_pad_mode { NST_PAD_ZERO, NST_PAD_REFLECT, NST_PAD_REPLICATE } nst_pad_mode;
typedef enum nst_pool_mode { NST_POOL_MAX, NST_POOL_AVERAGE, NST_POOL_L2 } nst_pool_mode;
typedef enum nst_direction { NST_FORWARD, NST_BACKWARD } nst_direction;

/* Convolution, stride 1, odd square kernel (1 or 3), padded so that H and W stay. */
typedef struct nst_conv {
    size_t in_channels, out_channels, size;
    nst_pad_mode pad;
    const nst_real *weight; /* (out, in, size, size) */
    const nst_real *bias;   /* (out) */
    /* By direction: what conv_pack() made. NULL: the kernel prepares its filters in the workspace, in every call. */
    const void *packed[2];
} nst_conv;

/* Where a region of features lies in a target of another size: the target's shape, and the row and column of it that the region's
 * first position falls on. `narrow`: the target is in 16 bits, the upper halves of floats. */
typedef struct nst_place {
    nst_shape shape;
    size_t row, column;
    bool narrow;
} nst_place;

/* A vector to read: of nst_real (NST_PRECISION_FP32), or of the upper halves of floats (NST_PRECISION_BF16, uint16_t). */
typedef struct nst_vector {
    const void *values;
    nst_precision precision;
} nst_vector;

/* A step of Adam: decays of the moments; rate / (1 - decay_first^t) and 1 / (1 - decay_second^t) at step t; the box. */
typedef struct nst_adam {
    double decay_first, decay_second, rate, second_scale, epsilon;
    nst_real lower, upper;
} nst_adam;

typedef struct nst_kernels {
    const char *name;
    /* Rows of an output that a convolution computes together: the last bits of each depend on all of them and on all that these read. */
    size_t rows_together;

    /* Bytes that features, the mask of a ReLU (one bit a value) and the codes of a maximum pooling (of the pooled shape) take. */
    size_t (*feature_bytes)(nst_shape shape);
    size_t (*mask_bytes)(nst_shape shape);
    /* Of a narrow target. The slot may be NULL: the level has none, its features are narrow as they are. */
    size_t (*narrow_bytes)(nst_shape shape);
    size_t (*code_bytes)(nst_shape pooled);
    /* Between planar reals (C, H, W) and features. */
    void (*import_planar)(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
    void (*export_planar)(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);

    /* Filters in the form that the kernels of a direction want, made once; 0 bytes: as they are. */
    size_t (*conv_packed_bytes)(const nst_conv *conv, nst_direction direction);
    void (*conv_pack)(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed);

    /* Enough for either direction. */
    size_t (*conv_workspace)(const nst_conv *conv, size_t height, size_t width, uint32_t strands);
    /* y (out, H, W) = conv(x (in, H, W)) + bias; with `relu` y = max(y, 0), and where `mask` is given it notes y > 0. */
    void (*conv_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                         void *mask, void *y, void *workspace);
    /* conv_forward with relu, then maximum pooling with pool_forward's rule, to y (out, H/2, W/2), nothing in between kept. `codes`
     * (NULL: not wanted) serve pool_backward, which then does the ReLU's part as well: where the maximum is 0 no gradient goes. The
     * slot may be NULL: the level has no such kernel. */
    void (*conv_pool_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x,
                              nst_real scale, void *y, void *codes, void *workspace);
    /* dx (in, H, W) = transposed convolution of dy (out, H, W); dx is overwritten. Where `mask` (of a ReLU of dy's shape) is given, dy
     * counts as 0 where it is not set. */
    void (*conv_backward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                          const void *mask, void *dx, void *workspace);

    /* y = max(x, 0), y may be x; `mask` (NULL: not wanted) notes y > 0. backward: dy = mask ? dy : 0. */
    void (*relu_forward)(const nst_exec *exec, nst_shape shape, const void *x, void *y, void *mask);
    void (*relu_backward)(const nst_exec *exec, nst_shape shape, const void *mask, void *dy);

    /* 2x2, stride 2, an odd last row or column is dropped: y (C, H/2, W/2). `scale` multiplies the result (1 = plain pooling).
     * The first of equal maxima gets the gradient. L2: sqrt(sum of squares). backward overwrites dx. What it needs of the forward
     * pass: maximum `codes` (NULL in forward: not wanted), average nothing, L2 x and y; the rest may be NULL. */
    void (*pool_forward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y, void *codes);
    void (*pool_backward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                          const void *codes, const void *dy, void *dx);

    /* A region of features: gram (C, C), symmetric, full += F F^T over its positions. The workspace of a shape is enough for every
     * smaller one of as many channels. */
    size_t (*gram_workspace)(nst_shape shape, uint32_t strands);
    void (*gram_accumulate)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                            void *workspace);
    /* grad += matrix (C, C) F over the region; the matrix need not be symmetric. The same workspace as gram_accumulate's. */
    void (*matrix_times_features)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                  const void *features, void *grad, void *workspace);
    /* Sum over the region of (f - t)^2, in double. backward: grad += scale (f - t). */
    double (*squared_difference)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features,
                                 const nst_place *place, const void *target);
    void (*difference_backward)(const nst_exec *exec, nst_shape shape, nst_region region, nst_real scale, const void *features,
                                const nst_place *place, const void *target, void *grad);
    /* Copies a region of features into its place in a target. */
    void (*copy_region)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, const nst_place *place,
                        void *target);
    /* copy_region, each position times its weight, to a target that is not narrow: `weights` begins with the region's first position, its
     * rows are `pitch` apart (0: all rows have the same). backward, its adjoint: grad += weight t over the region. */
    void (*weigh)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch, const void *features,
                  const nst_place *place, void *target);
    void (*weigh_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *weights, size_t pitch,
                           const nst_place *place, const void *target, void *grad);
    /* Sum and sum of squares of every channel over the region, added to sums (C) and squares (C). */
    void (*moments)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *sums, double *squares);
    /* The derivative of a function of these: grad += of_sums[c] + 2 of_squares[c] f over the region. */
    void (*moments_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *of_sums,
                             const nst_real *of_squares, const void *features, void *grad);
    /* bins (C, NST_BINS) += what the values of every channel are over the region, each in its bin. */
    void (*histogram)(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, nst_bin *bins);
    /* grad += constant + slope f over the region, both of the bin that f lies in: maps (C, NST_BINS). */
    void (*histogram_backward)(const nst_exec *exec, nst_shape shape, nst_region region, const nst_bin_map *maps, const void *features,
                               void *grad);
    /* Non-zero: no value is infinite or NaN. */
    int (*all_finite)(const nst_exec *exec, nst_shape shape, const void *features);

    /* Vectors of n reals, for the optimisers. dot in double over fixed chunks. */
    double (*dot)(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b);
    void (*axpy)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y); /* y += alpha x */
    /* y = alpha x + beta y; with beta = 0, y is not read. */
    void (*axpby)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y);

    /* What an optimiser does with long vectors, each in one pass over memory; sums as dot's. */
    /* axpby, returns z'y of the new y. x and z may be the same. */
    double (*axpby_dot)(const nst_exec *exec, size_t n, nst_real alpha, nst_vector x, nst_real beta, nst_real *y, nst_vector z);
    /* s = x - x_before, y = g - g_before, stored in `precision`; sums = s'y and y'y of what was stored. In fp32, s may be x_before and
     * y g_before. */
    void (*curvature_pair)(const nst_exec *exec, size_t n, const nst_real *x, const nst_real *x_before, const nst_real *g,
                           const nst_real *g_before, nst_precision precision, void *s, void *y, double sums[2]);
    /* to = x + t d, clipped to [lower, upper]; a NaN stays. Non-zero: that is not x. */
    int (*move)(const nst_exec *exec, size_t n, const nst_real *x, nst_real t, const nst_real *d, nst_real lower, nst_real upper,
                nst_real *to);
    /* `next` becomes Adam's next point after x, clipped. With `learn`, the moments first learn of the gradient, which is what `next` held;
     * without, they know of it already, and `next` is not read. */
    void (*adam_step)(const nst_exec *exec, size_t n, const nst_adam *step, bool learn, const nst_real *x, nst_real *first,
                      nst_real *second, nst_real *next);
} nst_kernels;

/* The table of a level (nst_cpu_level) and precision, or of the highest below it that this build has; where the level has no kernels
 * of that precision, its fp32 ones. Every slot but conv_pool_forward and narrow_bytes is filled. */
const nst_kernels *nst_kernels_for(int level, nst_precision precision);

#endif
