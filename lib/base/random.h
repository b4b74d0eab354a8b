/* Seeded random numbers, the same on every platform. */
#ifndef NST_BASE_RANDOM_H
#define NST_BASE_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014): full period, any seed is good. */
typedef struct nst_random {
    uint64_t state;
} nst_random;

static inline uint64_t nst_random_u64(nst_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double nst_random_uniform(nst_random *random)
{
    return (double)(nst_random_u64(random) >> 11) * 0x1p-53;
}

/* Normal with mean 0 and deviation 1, as the sum of twelve uniforms (tails end at 6): needs no libm, so the bytes are the same
 * everywhere. */
static inline double nst_random_normal(nst_random *random)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += nst_random_uniform(random);
    return sum - 6;
}

#endif
