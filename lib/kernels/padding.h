/* Where a convolution reads beyond the edge. */
#ifndef NST_KERNELS_PADDING_H
#define NST_KERNELS_PADDING_H

#include "kernels/kernels.h"

#define NST_PAD_NOTHING SIZE_MAX /* a zero, not a value */

/* The index that `position + shift` reads in a line of `length` > 0 values, |shift| <= 1. Reflection does not repeat the edge
 * value; a line of one value has nothing to reflect and repeats it. */
static inline size_t nst_pad_source(size_t position, ptrdiff_t shift, size_t length, nst_pad_mode mode)
{
    ptrdiff_t index = (ptrdiff_t)position + shift;
    if (index >= 0 && (size_t)index < length) return (size_t)index;
    if (mode == NST_PAD_ZERO) return NST_PAD_NOTHING;
    if (mode == NST_PAD_REFLECT && length > 1) return index < 0 ? 1 : length - 2;
    return index < 0 ? 0 : length - 1;
}

/* The same for a line (length > 0) that the padding has made longer by one position at either end: what position `at` of that shows.
 * Behind its length + 2 positions there is nothing. */
static inline size_t nst_pad_around(size_t at, size_t length, nst_pad_mode mode)
{
    if (at == 0) return nst_pad_source(0, -1, length, mode);
    if (at <= length) return at - 1;
    return at == length + 1 ? nst_pad_source(length - 1, 1, length, mode) : NST_PAD_NOTHING;
}

#endif
