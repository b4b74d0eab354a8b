/* Filters times positions: what convolutions of both directions and matrices times features are at the bf16 level. */
#ifndef NST_KERNELS_X86_PRODUCT_AMX_H
#define NST_KERNELS_X86_PRODUCT_AMX_H

#include "kernels/spread.h"
#include "kernels/x86/blocks.h"

/* y (outputs, rows, columns) = filters x, y at a position from side x side positions around it. */
typedef struct nst_product {
    const nst_bf16 *x;
    const uint32_t *x_mask; /* NULL: all of x counts */
    nst_rows x_rows;
    size_t height, width; /* of x: beyond them lies the border */
    size_t side;
    nst_pad_mode pad;
    bool transposed; /* x is 0 beyond its edges, and what y has beyond its own is added where the padding came from */
    size_t x_blocks, in_blocks; /* filters have in_blocks; they read the blocks of x in turn */
    const nst_bf16 *filters;

    nst_bf16 *y;
    uint32_t *y_mask, *codes; /* NULL: not wanted */
    nst_rows y_rows;
    size_t rows, columns, outputs;
    const nst_real *bias; /* NULL: none */
    bool relu, add;       /* add: to what y holds */
    bool pool;            /* y (outputs, rows / 2, columns / 2) = scale times the maxima */
    nst_real scale;
} nst_product;

/* Where filters come from: of output o and input i at tap t, weight[o * out_stride + i * in_stride + t]. */
typedef struct nst_filters {
    const nst_real *weight;
    size_t outputs, inputs, out_stride, in_stride, taps;
    bool turned; /* the last tap first */
    bool split;  /* twice as many blocks: the nearest bf16 numbers, then the rests */
} nst_filters;

size_t nst_filter_bytes(const nst_filters *filters);
void nst_filter_pack(const nst_exec *exec, const nst_filters *filters, nst_bf16 *packed);

size_t nst_product_workspace(const nst_product *product, uint32_t strands);
/* Enough for any rows and columns, without pooling, with side 1. */
size_t nst_product_most_workspace(size_t outputs, uint32_t strands);
void nst_product_run(const nst_exec *exec, const nst_product *product, void *workspace);

#endif
