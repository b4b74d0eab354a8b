/* Vectors of doubles, eight values at a time: compilers turn loops of so many into vector instructions without being told to do more. */
#ifndef NST_LOSS_VALUES_H
#define NST_LOSS_VALUES_H

#include <stddef.h>

enum { NST_VALUES = 8 };

/* to += weight * from */
static inline void nst_values_add(size_t count, double weight, const double *restrict from, double *restrict to)
{
    size_t i = 0;
    for (; i + NST_VALUES <= count; i += NST_VALUES)
        for (size_t k = 0; k < NST_VALUES; k++) to[i + k] += weight * from[i + k];
    for (; i < count; i++) to[i] += weight * from[i];
}

/* a, b = c a + s b, c b - s a */
static inline void nst_values_turn(size_t count, double c, double s, double *restrict a, double *restrict b)
{
    size_t i = 0;
    for (; i + NST_VALUES <= count; i += NST_VALUES)
        for (size_t k = 0; k < NST_VALUES; k++) {
            double first = a[i + k], second = b[i + k];
            a[i + k] = c * first + s * second;
            b[i + k] = c * second - s * first;
        }
    for (; i < count; i++) {
        double first = a[i], second = b[i];
        a[i] = c * first + s * second;
        b[i] = c * second - s * first;
    }
}

static inline void nst_values_divide(size_t count, double by, double *values)
{
    for (size_t i = 0; i < count; i++) values[i] /= by;
}

/* Sum of squares. */
static inline double nst_values_power(size_t count, const double *values)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i] * values[i];
    return sum;
}

#endif
