/* The contract between the engine and its kernels: one table of functions per level.
 *
 * The table owns the layout of features: nothing above it indexes them. Kernels allocate nothing (workspaces are passed in,
 * their size is asked before), hold no state, report no errors, and start no threads: they spread work through nst_exec with
 * task borders that depend on shapes alone, so that results are the same bytes for any thread count. Edges and tails are the
 * kernel's job. Sums that become losses are taken in double and in a fixed order.
 *
 * Shapes are (channels C, height H, width W); M = H*W positions. Adding a level: one header that lists the slots it is better
 * at, and one line in table.c. The whole contract: docs/kernels.md. */
#ifndef NST_KERNELS_H
#define NST_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/real.h"
#include "tensor/shape.h"

/* How a kernel spreads work: run(user, job, data, count) calls job(data, i) for every i in [0, count) and returns when all are
 * done. */
typedef struct nst_exec {
    void (*run)(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);
    void *user;
} nst_exec;

typedef enum nst_pad_mode { NST_PAD_ZERO, NST_PAD_REFLECT, NST_PAD_REPLICATE } nst_pad_mode;
typedef enum nst_pool_mode { NST_POOL_MAX, NST_POOL_AVERAGE, NST_POOL_L2 } nst_pool_mode;

/* Convolution, stride 1, odd square kernel (1 or 3), padded so that H and W stay. */
typedef struct nst_conv {
    size_t in_channels, out_channels, size;
    nst_pad_mode pad;
    const nst_real *weight; /* (out, in, size, size) */
    const nst_real *bias;   /* (out) */
} nst_conv;

typedef struct nst_kernels {
    const char *name;

    /* Bytes that features of a shape take in this table's layout. */
    size_t (*feature_bytes)(nst_shape shape);
    /* Between planar reals (C, H, W) and features. */
    void (*import_planar)(const nst_exec *exec, nst_shape shape, const nst_real *planar, void *features);
    void (*export_planar)(const nst_exec *exec, nst_shape shape, const void *features, nst_real *planar);

    /* y (out, H, W) = conv(x (in, H, W)) + bias. backward: dx = transposed convolution of dy; dx is overwritten. */
    size_t (*conv_workspace)(const nst_conv *conv, size_t height, size_t width);
    void (*conv_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, void *y,
                         void *workspace);
    void (*conv_backward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy, void *dx,
                          void *workspace);

    /* In place: y = max(y, 0). backward: dy = y > 0 ? dy : 0, with y the output of the forward pass. */
    void (*relu_forward)(const nst_exec *exec, nst_shape shape, void *y);
    void (*relu_backward)(const nst_exec *exec, nst_shape shape, const void *y, void *dy);

    /* 2x2, stride 2, an odd last row or column is dropped: y (C, H/2, W/2). `scale` multiplies the result (1 = plain pooling).
     * The first of equal maxima gets the gradient. L2: sqrt(sum of squares). backward overwrites dx; x and y are the forward
     * pass's. */
    void (*pool_forward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, void *y);
    void (*pool_backward)(const nst_exec *exec, nst_pool_mode mode, nst_real scale, nst_shape in, const void *x, const void *y,
                          const void *dy, void *dx);

    /* Rows [row0, row1) of features: gram (C, C), symmetric, full += F F^T over these rows. */
    size_t (*gram_workspace)(nst_shape shape);
    void (*gram_accumulate)(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const void *features, double *gram,
                            void *workspace);
    /* grad += matrix (C, C) F over rows [row0, row1). */
    void (*matrix_times_features)(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const nst_real *matrix,
                                  const void *features, void *grad);
    /* Sum over rows of (f - t)^2, in double. backward: grad += scale (f - t). */
    double (*squared_difference)(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const void *features,
                                 const void *target);
    void (*difference_backward)(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, nst_real scale,
                                const void *features, const void *target, void *grad);
    /* Sum and sum of squares of every channel, added to sums (C) and squares (C). */
    void (*moments)(const nst_exec *exec, nst_shape shape, const void *features, double *sums, double *squares);
    /* Non-zero: no value is infinite or NaN. */
    int (*all_finite)(const nst_exec *exec, nst_shape shape, const void *features);

    /* Vectors of n reals, for the optimisers. dot in double over fixed chunks. */
    double (*dot)(const nst_exec *exec, size_t n, const nst_real *a, const nst_real *b);
    void (*axpy)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real *y); /* y += alpha x */
    /* y = alpha x + beta y; with beta = 0, y is not read. */
    void (*axpby)(const nst_exec *exec, size_t n, nst_real alpha, const nst_real *x, nst_real beta, nst_real *y);
} nst_kernels;

/* The table of a level (nst_cpu_level), or of the highest below it that this build has. Every slot is filled. */
const nst_kernels *nst_kernels_for(int level);

#endif
