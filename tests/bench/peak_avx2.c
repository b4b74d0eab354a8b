#include <immintrin.h>

#include "peak.h"

enum { LANES = 8, CHAINS = 12 };

double peak_avx2(uint64_t rounds, volatile float *sink)
{
    __m256 sums[CHAINS], factor = _mm256_set1_ps(0.999f), term = _mm256_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_set1_ps(1 + 0.01f * (float)i);
    for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
    }
    for (int i = 1; i < CHAINS; i++) sums[0] = _mm256_add_ps(sums[0], sums[i]);
    *sink = _mm256_cvtss_f32(sums[0]);
    return 2.0 * LANES * CHAINS * (double)rounds;
}
