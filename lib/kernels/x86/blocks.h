/* The layout of the bf16 level: blocks of 32 channels. A block holds all positions row by row, a position its 32 values side by side
 * in bf16 (64 bytes, one row of a tile); surplus channels are 0.
 *
 * Few channels (up to 8: pictures and their gradients) are kept finer, as the sum of two bf16 numbers: places 0..7 the nearest bf16
 * number, 8..15 the same once more, 16..23 what is left of the value, 24..31 zeros. The filter of a convolution that reads such a
 * position holds its own nearest numbers, the rest, and the nearest again, so that one product over 32 places is that of both sums.
 *
 * Masks: 32 bits for every position of a block, bit c for channel c of the block. Codes of a maximum pooling: three 32-bit words for
 * every pooled position of a block: the low bits of the place of the maximum (0..3, row by row), the high bits, and whether a
 * gradient goes there at all. */
#ifndef NST_KERNELS_X86_BLOCKS_H
#define NST_KERNELS_X86_BLOCKS_H

#include <string.h>

#include "kernels/kernels.h"

enum { NST_BLOCK = 32, NST_FINE = 8, NST_BLOCK_CODE_WORDS = 3 };

typedef uint16_t nst_bf16;

static inline size_t nst_blocks(size_t channels)
{
    return (channels + NST_BLOCK - 1) / NST_BLOCK;
}

static inline bool nst_is_fine(size_t channels)
{
    return channels <= NST_FINE;
}

static inline float bf16_value(nst_bf16 bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* To the nearest, ties to even; a NaN stays one, denormal numbers become 0: as VCVTNEPS2BF16 does it. */
static inline nst_bf16 bf16_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000) return (nst_bf16)(bits >> 16 | 0x40);
    if ((bits & 0x7f800000) == 0) return (nst_bf16)(bits >> 16 & 0x8000);
    return (nst_bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* A rectangle of positions of one block and the way from row to row and block to block, counted in positions. */
typedef struct nst_rows {
    size_t first, pitch, block;
} nst_rows;

static inline nst_rows nst_rows_of(nst_shape shape, size_t row, size_t column)
{
    return (nst_rows){row * shape.width + column, shape.width, nst_shape_positions(shape)};
}

static inline size_t nst_rows_at(const nst_rows *rows, size_t block, size_t row, size_t column)
{
    return block * rows->block + rows->first + row * rows->pitch + column;
}

#endif
