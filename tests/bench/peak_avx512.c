#include <immintrin.h>

#include "peak.h"

enum { LANES = 16, CHAINS = 24 };

double peak_avx512(uint64_t rounds, volatile float *sink)
{
    __m512 sums[CHAINS], factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
    for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_set1_ps(1 + 0.01f * (float)i);
    for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
    }
    for (int i = 1; i < CHAINS; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
    *sink = _mm512_cvtss_f32(sums[0]);
    return 2.0 * LANES * CHAINS * (double)rounds;
}
