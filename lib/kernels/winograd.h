/* 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, arXiv:1509.09308): a quarter of the
 * multiplications, as 36 matrix products that a BLAS does well. Planes (C, H, W).
 *
 * Rounding is about ten times that of the direct sum; on VGG-19 loss and gradient still agree with float64 to 1e-6
 * (tests/golden/parity.py). */
#ifndef NST_KERNELS_WINOGRAD_H
#define NST_KERNELS_WINOGRAD_H

#include "kernels/kernels.h"

/* c (m, n) = a (m, k) b (k, n), all by rows without gaps. */
typedef void (*nst_product_fn)(size_t m, size_t n, size_t k, const nst_real *a, const nst_real *b, nst_real *c);

typedef struct nst_winograd {
    const nst_conv *conv; /* its packed filters, where there are some, serve as they are */
    size_t height, width;
    int backward; /* 0: y = conv(x) + bias; 1: dx = transposed convolution of dy, zero padding only */
    const unsigned char *mask; /* of the planes read (masks.h): what is not set counts as 0; NULL: everything counts */
    nst_product_fn product;
} nst_winograd;

/* Whether it can do a convolution at all, with enough channels to pay: what filters are packed for. */
int nst_winograd_serves(const nst_conv *conv, int backward);
/* ... and whether it pays for an image of that size, with enough tiles. */
int nst_winograd_fits(const nst_conv *conv, size_t height, size_t width, int backward);

/* Transformed filters (36, to channels, from channels): four times the weights. */
size_t nst_winograd_packed_bytes(const nst_conv *conv);
void nst_winograd_pack(const nst_exec *exec, const nst_conv *conv, int backward, nst_real *packed);

/* For either direction. */
size_t nst_winograd_workspace(const nst_conv *conv, size_t height, size_t width);
void nst_winograd_run(const nst_exec *exec, const nst_winograd *job, const nst_real *from, nst_real *to, nst_real *workspace);

#endif
