/* The layout of the x86 levels: channels last. A position holds its C channels side by side, rounded up to whole groups of 16 whose
 * surplus channels are always 0; positions run row by row. A row, a band or a column range is thus one stretch of memory or a few.
 *
 * Masks: 16 bits for every group of 16 values, in the order of the values, bit c for channel c of the group.
 * Codes of a maximum pooling: three 16-bit words for every group of pooled values: the low bits of the place of the maximum (0..3, row
 * by row), the high bits, and whether a gradient goes there at all. */
#ifndef NST_KERNELS_X86_LAYOUT_H
#define NST_KERNELS_X86_LAYOUT_H

#include "kernels/kernels.h"

enum { NST_GROUP = 16, NST_CODE_WORDS = 3 };

static inline size_t nst_groups(size_t channels)
{
    return (channels + NST_GROUP - 1) / NST_GROUP;
}

/* Floats from one position to the next. */
static inline size_t nst_position_stride(size_t channels)
{
    return nst_groups(channels) * NST_GROUP;
}

#endif
