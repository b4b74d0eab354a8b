/* ReLU masks of the planar levels: one bit a value, low bits first. Every channel begins a byte, so that no two tasks, which take whole
 * channels, write to the same one. */
#ifndef NST_KERNELS_MASKS_H
#define NST_KERNELS_MASKS_H

#include "kernels/kernels.h"

/* Bytes from one channel's mask to the next, for planes of `positions` values. */
static inline size_t nst_mask_stride(size_t positions)
{
    return positions / 8 + (positions % 8 != 0);
}

/* A channel's part of `mask`, which may be NULL. */
static inline unsigned char *nst_mask_plane(unsigned char *mask, size_t positions, size_t channel)
{
    return mask ? mask + channel * nst_mask_stride(positions) : NULL;
}

/* y = max(x, 0), written so that a NaN stays one and is noticed later; y may be x. `mask` (NULL: not wanted) notes y > 0. */
static inline void nst_mask_rectify(size_t count, const nst_real *x, nst_real *y, unsigned char *mask)
{
    for (size_t i = 0; i < count; i++) y[i] = x[i] < 0 ? 0 : x[i];
    for (size_t i = 0; mask && i < count; i += 8) {
        size_t length = count - i < 8 ? count - i : 8;
        unsigned bits = 0;
        for (size_t k = 0; k < length; k++) bits |= (unsigned)(y[i + k] > 0) << k;
        mask[i / 8] = (unsigned char)bits;
    }
}

static inline nst_real nst_mask_keep_one(size_t at, const unsigned char *mask, nst_real value)
{
    return mask[at / 8] >> (at % 8) & 1 ? value : 0;
}

/* to = mask ? from : 0 for positions [begin, begin + count) of a channel: `from` and `to` begin there, `mask` with the channel. */
static inline void nst_mask_keep(size_t begin, size_t count, const unsigned char *mask, const nst_real *from, nst_real *to)
{
    size_t i = 0;
    for (; i < count && (begin + i) % 8 != 0; i++) to[i] = nst_mask_keep_one(begin + i, mask, from[i]);
    for (; i + 8 <= count; i += 8) {
        unsigned bits = mask[(begin + i) / 8];
        for (size_t k = 0; k < 8; k++) to[i + k] = bits >> k & 1 ? from[i + k] : 0;
    }
    for (; i < count; i++) to[i] = nst_mask_keep_one(begin + i, mask, from[i]);
}

#endif
