/* Checked arithmetic on sizes. Every size that comes from a file, a caller or a product of dimensions goes through these. */
#ifndef NST_BASE_SIZE_H
#define NST_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a * b; false (and *out untouched) if that does not fit. */
static inline bool nst_size_mul(size_t a, size_t b, size_t *out)
{
    if (a != 0 && b > SIZE_MAX / a) return false;
    *out = a * b;
    return true;
}

static inline bool nst_size_add(size_t a, size_t b, size_t *out)
{
    if (b > SIZE_MAX - a) return false;
    *out = a + b;
    return true;
}

/* *out = a * b * c. */
static inline bool nst_size_mul3(size_t a, size_t b, size_t c, size_t *out)
{
    size_t ab;
    return nst_size_mul(a, b, &ab) && nst_size_mul(ab, c, out);
}

/* *out = size rounded up to a multiple of `unit`, a power of two. */
static inline bool nst_size_round_up(size_t size, size_t unit, size_t *out)
{
    size_t padded;
    if (!nst_size_add(size, unit - 1, &padded)) return false;
    *out = padded & ~(unit - 1);
    return true;
}

#endif
