/* Bins for the values of a channel whose range nobody knows beforehand: those of floating-point numbers. Every octave of magnitudes from
 * 2^-16 to 2^16 is cut into eight by the upper three bits of the mantissa, on either side of zero. What is smaller lies in one bin around
 * zero; what is larger, infinite or no number in the outermost. */
#ifndef NST_KERNELS_BINS_H
#define NST_KERNELS_BINS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/real.h"

enum {
    NST_BIN_BITS = 3,
    NST_BIN_LOWEST = -16,
    NST_BIN_OCTAVES = 32,
    NST_BIN_STEPS = NST_BIN_OCTAVES << NST_BIN_BITS, /* bins of a sign */
    NST_BINS = 2 * NST_BIN_STEPS + 1
};

/* What is known of the values in a bin. A zero everywhere: there are none. */
typedef struct nst_bin {
    double count, sum, squares;
} nst_bin;

/* A function of the values in a bin: constant + slope f. */
typedef struct nst_bin_map {
    nst_real constant, slope;
} nst_bin_map;

enum { NST_BIN_SHIFT = 23 - NST_BIN_BITS, NST_BIN_FIRST = (127 + NST_BIN_LOWEST) << NST_BIN_BITS }; /* of a float's bits */

static inline uint32_t nst_bin_of(nst_real value)
{
    float single = (float)value;
    int32_t bits, step;
    memcpy(&bits, &single, sizeof bits);
    step = ((bits & 0x7fffffff) >> NST_BIN_SHIFT) - (NST_BIN_FIRST - 1);
    step = step < 0 ? 0 : step > NST_BIN_STEPS ? NST_BIN_STEPS : step;
    return (uint32_t)(bits < 0 ? NST_BIN_STEPS - step : NST_BIN_STEPS + step);
}

/* The least magnitude in the bins that are `step` away from the one around zero; 1: the first. */
static inline double nst_bin_magnitude(size_t step)
{
    uint32_t bits = (uint32_t)(NST_BIN_FIRST - 1 + step) << NST_BIN_SHIFT;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

/* Where a bin begins and the one before it ends; NST_BINS: where the outermost would end. */
static inline double nst_bin_edge(size_t bin)
{
    return bin > NST_BIN_STEPS ? nst_bin_magnitude(bin - NST_BIN_STEPS) : -nst_bin_magnitude(NST_BIN_STEPS + 1 - bin);
}

/* `bins` and `maps`: a channel's. */
static inline void nst_bin_add(nst_bin *bins, nst_real value)
{
    nst_bin *bin = bins + nst_bin_of(value);
    double wide = (double)value;
    bin->count += 1;
    bin->sum += wide;
    bin->squares += wide * wide;
}

static inline nst_real nst_bin_mapped(const nst_bin_map *maps, nst_real value)
{
    const nst_bin_map *map = maps + nst_bin_of(value);
    return map->constant + map->slope * value;
}

#endif
