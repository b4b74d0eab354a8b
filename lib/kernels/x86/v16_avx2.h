/* A group of 16 floats in two AVX2 registers. The vocabulary that the bodies (*_body.h) are written in; v16_avx512.h has the same
 * words. */
#ifndef NST_KERNELS_X86_V16_H
#define NST_KERNELS_X86_V16_H

#include <immintrin.h>
#include <stdint.h>

#define LEVEL(name) nst_avx2_##name

typedef struct v16 {
    __m256 low, high;
} v16;

static inline v16 v16_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline v16 v16_all(float value)
{
    __m256 v = _mm256_set1_ps(value);
    return (v16){v, v};
}

static inline v16 v16_load(const float *from)
{
    return (v16){_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

static inline void v16_store(float *to, v16 v)
{
    _mm256_storeu_ps(to, v.low);
    _mm256_storeu_ps(to + 8, v.high);
}

static inline v16 v16_add(v16 a, v16 b)
{
    return (v16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline v16 v16_sub(v16 a, v16 b)
{
    return (v16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline v16 v16_mul(v16 a, v16 b)
{
    return (v16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

/* a b + c, rounded once. */
static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

/* c - a b, rounded once. */
static inline v16 v16_fnma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}

/* a > b ? a : b; b where either is NaN. */
static inline v16 v16_max(v16 a, v16 b)
{
    return (v16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline v16 v16_sqrt(v16 a)
{
    return (v16){_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}

static inline v16 v16_div(v16 a, v16 b)
{
    return (v16){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

/* Bit i: a[i] > b[i]; 0 where either is NaN. */
static inline uint16_t v16_greater(v16 a, v16 b)
{
    unsigned low = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ));
    unsigned high = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ));
    return (uint16_t)(low | high << 8);
}

/* Bit i: a[i] is NaN. */
static inline uint16_t v16_is_nan(v16 a)
{
    unsigned low = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q));
    unsigned high = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q));
    return (uint16_t)(low | high << 8);
}

static inline __m256 v16_expand_byte(unsigned bits)
{
    const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), each), each));
}

/* a where the bit is set, else 0. */
static inline v16 v16_keep(uint16_t bits, v16 a)
{
    return (v16){_mm256_and_ps(v16_expand_byte(bits), a.low), _mm256_and_ps(v16_expand_byte((unsigned)bits >> 8), a.high)};
}

/* The bit is set ? a : b. */
static inline v16 v16_select(uint16_t bits, v16 a, v16 b)
{
    return (v16){_mm256_blendv_ps(b.low, a.low, v16_expand_byte(bits)),
                 _mm256_blendv_ps(b.high, a.high, v16_expand_byte((unsigned)bits >> 8))};
}

#endif
