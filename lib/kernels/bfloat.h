/* bfloat16: the upper half of a float, so with its range and eight bits of its mantissa. */
#ifndef NST_KERNELS_BFLOAT_H
#define NST_KERNELS_BFLOAT_H

#include <stdint.h>
#include <string.h>

#include "base/real.h"

static inline nst_real nst_bfloat_value(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (nst_real)value;
}

/* To the nearest, ties to even; a NaN stays one. */
static inline uint16_t nst_bfloat_round(nst_real value)
{
    float single = (float)value;
    uint32_t bits, rounded;
    memcpy(&bits, &single, sizeof bits);
    rounded = bits + 0x7fffu + (bits >> 16 & 1);
    return (uint16_t)((single == single ? rounded : bits | 0x400000u) >> 16);
}

#endif
