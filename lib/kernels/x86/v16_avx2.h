/* A group of 16 floats in two AVX2 registers. The vocabulary that the bodies (*_body.h) are written in; v16_avx512.h has the same
 * words. */
#ifndef NST_KERNELS_X86_V16_H
#define NST_KERNELS_X86_V16_H

#include <immintrin.h>
#include <stddef.h>
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

static inline __m256 v16_widen(const uint16_t *from)
{
    __m128i halves;
    __builtin_memcpy(&halves, from, sizeof halves);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/* From the upper halves of floats. */
static inline v16 v16_load_bfloats(const uint16_t *from)
{
    return (v16){v16_widen(from), v16_widen(from + 8)};
}

static inline __m256i v16_upper_half(__m256 a)
{
    __m256i bits = _mm256_castps_si256(a), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i no_number = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, no_number), 16);
}

/* To the upper halves, to the nearest, ties to even; a NaN stays one. */
static inline void v16_store_bfloats(uint16_t *to, v16 v)
{
    __m256i halves = _mm256_packus_epi32(v16_upper_half(v.low), v16_upper_half(v.high));
    halves = _mm256_permute4x64_epi64(halves, _MM_SHUFFLE(3, 1, 2, 0));
    __builtin_memcpy(to, &halves, sizeof halves);
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

/* A group of 16 sums in double. */
typedef struct v16d {
    __m256d part[4];
} v16d;

static inline v16d v16d_zero(void)
{
    __m256d zero = _mm256_setzero_pd();
    return (v16d){{zero, zero, zero, zero}};
}

static inline v16d v16d_from(v16 a)
{
    return (v16d){{_mm256_cvtps_pd(_mm256_castps256_ps128(a.low)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.low, 1)),
                   _mm256_cvtps_pd(_mm256_castps256_ps128(a.high)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.high, 1))}};
}

static inline v16d v16d_load(const double *from)
{
    return (v16d){{_mm256_loadu_pd(from), _mm256_loadu_pd(from + 4), _mm256_loadu_pd(from + 8), _mm256_loadu_pd(from + 12)}};
}

static inline void v16d_store(double *to, v16d v)
{
    _mm256_storeu_pd(to, v.part[0]);
    _mm256_storeu_pd(to + 4, v.part[1]);
    _mm256_storeu_pd(to + 8, v.part[2]);
    _mm256_storeu_pd(to + 12, v.part[3]);
}

static inline v16d v16d_add(v16d a, v16d b)
{
    return (v16d){{_mm256_add_pd(a.part[0], b.part[0]), _mm256_add_pd(a.part[1], b.part[1]),
                   _mm256_add_pd(a.part[2], b.part[2]), _mm256_add_pd(a.part[3], b.part[3])}};
}

static inline v16d v16d_sub(v16d a, v16d b)
{
    return (v16d){{_mm256_sub_pd(a.part[0], b.part[0]), _mm256_sub_pd(a.part[1], b.part[1]),
                   _mm256_sub_pd(a.part[2], b.part[2]), _mm256_sub_pd(a.part[3], b.part[3])}};
}

/* a b + c, rounded once. */
static inline v16d v16d_fma(v16d a, v16d b, v16d c)
{
    return (v16d){{_mm256_fmadd_pd(a.part[0], b.part[0], c.part[0]), _mm256_fmadd_pd(a.part[1], b.part[1], c.part[1]),
                   _mm256_fmadd_pd(a.part[2], b.part[2], c.part[2]), _mm256_fmadd_pd(a.part[3], b.part[3], c.part[3])}};
}

static inline __m256 v16_larger_half(__m256 a, __m256 b)
{
    return _mm256_blendv_ps(_mm256_max_ps(b, a), b, _mm256_cmp_ps(b, b, _CMP_UNORD_Q));
}

/* The larger one, a where they are equal; NaN where either is. */
static inline v16 v16_larger(v16 a, v16 b)
{
    return (v16){v16_larger_half(a.low, b.low), v16_larger_half(a.high, b.high)};
}

static inline void v16_transpose_block(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    __m256 pair[8], quad[8];
    for (size_t i = 0; i < 8; i += 2) {
        __m256 a = _mm256_loadu_ps(from + i * from_stride), b = _mm256_loadu_ps(from + (i + 1) * from_stride);
        pair[i] = _mm256_unpacklo_ps(a, b);
        pair[i + 1] = _mm256_unpackhi_ps(a, b);
    }
    for (size_t i = 0; i < 8; i += 4)
        for (size_t k = 0; k < 2; k++) {
            quad[i + 2 * k] = _mm256_shuffle_ps(pair[i + k], pair[i + k + 2], _MM_SHUFFLE(1, 0, 1, 0));
            quad[i + 2 * k + 1] = _mm256_shuffle_ps(pair[i + k], pair[i + k + 2], _MM_SHUFFLE(3, 2, 3, 2));
        }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20));
        _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31));
    }
}

/* A block of 16 rows of 16 floats, turned: to[column][row] = from[row][column]. */
static inline void v16_transpose(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    v16_transpose_block(from, from_stride, to, to_stride);
    v16_transpose_block(from + 8, from_stride, to + 8 * to_stride, to_stride);
    v16_transpose_block(from + 8 * from_stride, from_stride, to + 8, to_stride);
    v16_transpose_block(from + 8 * from_stride + 8, from_stride, to + 8 * to_stride + 8, to_stride);
}

/* All 16, added pairwise. */
static inline double v16d_sum(v16d v)
{
    double lane[16];
    v16d_store(lane, v);
    for (int width = 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++) lane[i] += lane[i + width];
    return lane[0];
}

#endif
