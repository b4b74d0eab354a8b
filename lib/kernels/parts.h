/* Sizes, fixed shares of work and sums in double, for every level. Borders and orders follow from sizes alone, never from the number of
 * threads. */
#ifndef NST_KERNELS_PARTS_H
#define NST_KERNELS_PARTS_H

#include "kernels/kernels.h"

static inline size_t nst_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t nst_most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* How many pieces of `size` cover `count`. */
static inline size_t nst_ceil_div(size_t count, size_t size)
{
    return (count + size - 1) / size;
}

enum {
    NST_PARTS = 64,          /* at most so many tasks share a reduction: their results lie on the caller's stack */
    NST_PART_ELEMENTS = 4096 /* less than this is not worth a task */
};

/* How many tasks share `count` elements. */
static inline uint32_t nst_part_count(size_t count)
{
    size_t parts = count / NST_PART_ELEMENTS + (count % NST_PART_ELEMENTS != 0);
    return parts < NST_PARTS ? (uint32_t)parts : NST_PARTS;
}

/* Where task `index` of `parts` begins among `total` items; index == parts gives the end. */
static inline size_t nst_part_begin(size_t total, uint32_t parts, uint32_t index)
{
    return total / parts * index + total % parts * index / parts;
}

/* What the tasks found, in their order. */
static inline double nst_sum_parts(const double *sums, uint32_t parts)
{
    double total = 0;
    for (uint32_t part = 0; part < parts; part++) total += sums[part];
    return total;
}

/* Eight lanes, added pairwise at the end: fast without reassociation by the compiler, and always the same order. */
enum { NST_LANES = 8 };

static inline double nst_sum_lanes(const double lane[NST_LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static inline double nst_sum_products(size_t n, const nst_real *a, const nst_real *b)
{
    double lane[NST_LANES] = {0}, tail = 0;
    size_t i = 0;
    for (; i + NST_LANES <= n; i += NST_LANES)
        for (size_t k = 0; k < NST_LANES; k++) lane[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < n; i++) tail += (double)a[i] * (double)b[i];
    return nst_sum_lanes(lane) + tail;
}

static inline double nst_sum_squared_differences(size_t n, const nst_real *a, const nst_real *b)
{
    double lane[NST_LANES] = {0}, tail = 0;
    size_t i = 0;
    for (; i + NST_LANES <= n; i += NST_LANES)
        for (size_t k = 0; k < NST_LANES; k++) {
            double difference = (double)a[i + k] - (double)b[i + k];
            lane[k] += difference * difference;
        }
    for (; i < n; i++) tail += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return nst_sum_lanes(lane) + tail;
}

static inline double nst_sum(size_t n, const nst_real *a)
{
    double lane[NST_LANES] = {0}, tail = 0;
    size_t i = 0;
    for (; i + NST_LANES <= n; i += NST_LANES)
        for (size_t k = 0; k < NST_LANES; k++) lane[k] += (double)a[i + k];
    for (; i < n; i++) tail += (double)a[i];
    return nst_sum_lanes(lane) + tail;
}

#endif
