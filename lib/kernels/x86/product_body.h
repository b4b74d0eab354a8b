/* The register-blocked product that convolutions are made of: a few rows of A, which are broadcast value by value, times panels of 16
 * columns of B. Included by bodies, after a vocabulary. */
#ifndef NST_KERNELS_X86_PRODUCT_BODY_H
#define NST_KERNELS_X86_PRODUCT_BODY_H

#include <stddef.h>

#include "kernels/x86/inline.h"
#include "kernels/x86/layout.h"

#ifdef __AVX512F__
enum { PRODUCT_ROWS = 12, PRODUCT_PANELS = 2 }; /* 24 sums, 2 of B and 1 broadcast of 32 registers */
#else
enum { PRODUCT_ROWS = 6, PRODUCT_PANELS = 1 }; /* 12 sums, 2 of B and 1 broadcast of 16 registers */
#endif

/* sums[panel * rows + r] += A (rows, depth) B (depth, 16), rows of A `a_stride` and panels of B `b_stride` floats apart. `rows` and
 * `panels` are constants at every call, so that the sums live in registers. */
NST_ALWAYS_INLINE void product_add(size_t rows, size_t panels, size_t depth, const float *a, size_t a_stride, const float *b,
                                   size_t b_stride, v16 *sums)
{
    for (size_t k = 0; k < depth; k++) {
        v16 column[PRODUCT_PANELS];
#pragma GCC unroll 2
        for (size_t p = 0; p < panels; p++) column[p] = v16_load(b + p * b_stride + NST_GROUP * k);
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) {
            v16 value = v16_all(a[r * a_stride + k]);
#pragma GCC unroll 2
            for (size_t p = 0; p < panels; p++) sums[p * rows + r] = v16_fma(value, column[p], sums[p * rows + r]);
        }
    }
}

/* Where a product finds things: C (rows, 16) = A (rows, depth) B (depth, 16) for every panel. */
typedef struct product {
    size_t depth, a_stride, b_stride; /* floats from row to row of A, from panel to panel of B */
    size_t c_stride, c_panel;         /* floats from row to row and from panel to panel of C */
} product;

NST_ALWAYS_INLINE void product_block(const product *shape, size_t rows, size_t panels, const float *a, const float *b, float *c)
{
    v16 sums[PRODUCT_ROWS * PRODUCT_PANELS];
#pragma GCC unroll 24
    for (size_t i = 0; i < rows * panels; i++) sums[i] = v16_zero();
    product_add(rows, panels, shape->depth, a, shape->a_stride, b, shape->b_stride, sums);
#pragma GCC unroll 2
    for (size_t p = 0; p < panels; p++)
#pragma GCC unroll 12
        for (size_t r = 0; r < rows; r++) v16_store(c + r * shape->c_stride + p * shape->c_panel, sums[p * rows + r]);
}

/* All rows: in whole blocks as far as they go, then by threes, then one by one. */
NST_ALWAYS_INLINE void product_panels(const product *shape, size_t rows, size_t panels, const float *a, const float *b, float *c)
{
    size_t r = 0;
    for (; r + PRODUCT_ROWS <= rows; r += PRODUCT_ROWS)
        product_block(shape, PRODUCT_ROWS, panels, a + r * shape->a_stride, b, c + r * shape->c_stride);
    for (; r + 3 <= rows; r += 3) product_block(shape, 3, panels, a + r * shape->a_stride, b, c + r * shape->c_stride);
    for (; r < rows; r++) product_block(shape, 1, panels, a + r * shape->a_stride, b, c + r * shape->c_stride);
}

/* `panels` (1 .. PRODUCT_PANELS) of B times all rows of A, to as many panels of C. */
static void product_run(const product *shape, size_t rows, size_t panels, const float *a, const float *b, float *c)
{
#if defined(__AVX512F__)
    if (panels == 2) {
        product_panels(shape, rows, 2, a, b, c);
        return;
    }
#endif
    (void)panels;
    product_panels(shape, rows, 1, a, b, c);
}

#endif
