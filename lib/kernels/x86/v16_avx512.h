/* A group of 16 floats in one AVX-512 register: the words of v16_avx2.h. */
#ifndef NST_KERNELS_X86_V16_H
#define NST_KERNELS_X86_V16_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LEVEL(name) nst_avx512_##name

typedef struct v16 {
    __m512 all;
} v16;

static inline v16 v16_zero(void)
{
    return (v16){_mm512_setzero_ps()};
}

static inline v16 v16_all(float value)
{
    return (v16){_mm512_set1_ps(value)};
}

static inline v16 v16_load(const float *from)
{
    return (v16){_mm512_loadu_ps(from)};
}

static inline void v16_store(float *to, v16 v)
{
    _mm512_storeu_ps(to, v.all);
}

/* From the upper halves of floats. */
static inline v16 v16_load_bfloats(const uint16_t *from)
{
    __m256i halves;
    __builtin_memcpy(&halves, from, sizeof halves);
    return (v16){_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
}

/* To the upper halves, to the nearest, ties to even; a NaN stays one. */
static inline void v16_store_bfloats(uint16_t *to, v16 v)
{
    __m512i bits = _mm512_castps_si512(v.all), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    __mmask16 no_number = _mm512_cmp_ps_mask(v.all, v.all, _CMP_UNORD_Q);
    __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_blend_epi32(no_number, rounded, quiet), 16));
    __builtin_memcpy(to, &halves, sizeof halves);
}

static inline v16 v16_add(v16 a, v16 b)
{
    return (v16){_mm512_add_ps(a.all, b.all)};
}

static inline v16 v16_sub(v16 a, v16 b)
{
    return (v16){_mm512_sub_ps(a.all, b.all)};
}

static inline v16 v16_mul(v16 a, v16 b)
{
    return (v16){_mm512_mul_ps(a.all, b.all)};
}

/* a b + c, rounded once. */
static inline v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm512_fmadd_ps(a.all, b.all, c.all)};
}

/* c - a b, rounded once. */
static inline v16 v16_fnma(v16 a, v16 b, v16 c)
{
    return (v16){_mm512_fnmadd_ps(a.all, b.all, c.all)};
}

/* a > b ? a : b; b where either is NaN. */
static inline v16 v16_max(v16 a, v16 b)
{
    return (v16){_mm512_max_ps(a.all, b.all)};
}

static inline v16 v16_sqrt(v16 a)
{
    return (v16){_mm512_sqrt_ps(a.all)};
}

static inline v16 v16_div(v16 a, v16 b)
{
    return (v16){_mm512_div_ps(a.all, b.all)};
}

/* Bit i: a[i] > b[i]; 0 where either is NaN. */
static inline uint16_t v16_greater(v16 a, v16 b)
{
    return (uint16_t)_mm512_cmp_ps_mask(a.all, b.all, _CMP_GT_OQ);
}

/* Bit i: a[i] is NaN. */
static inline uint16_t v16_is_nan(v16 a)
{
    return (uint16_t)_mm512_cmp_ps_mask(a.all, a.all, _CMP_UNORD_Q);
}

/* a where the bit is set, else 0. */
static inline v16 v16_keep(uint16_t bits, v16 a)
{
    return (v16){_mm512_maskz_mov_ps((__mmask16)bits, a.all)};
}

/* The bit is set ? a : b. */
static inline v16 v16_select(uint16_t bits, v16 a, v16 b)
{
    return (v16){_mm512_mask_blend_ps((__mmask16)bits, b.all, a.all)};
}

/* A group of 16 sums in double. */
typedef struct v16d {
    __m512d low, high;
} v16d;

static inline v16d v16d_zero(void)
{
    return (v16d){_mm512_setzero_pd(), _mm512_setzero_pd()};
}

static inline v16d v16d_from(v16 a)
{
    return (v16d){_mm512_cvtps_pd(_mm512_castps512_ps256(a.all)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.all, 1))};
}

static inline v16d v16d_load(const double *from)
{
    return (v16d){_mm512_loadu_pd(from), _mm512_loadu_pd(from + 8)};
}

static inline void v16d_store(double *to, v16d v)
{
    _mm512_storeu_pd(to, v.low);
    _mm512_storeu_pd(to + 8, v.high);
}

static inline v16d v16d_add(v16d a, v16d b)
{
    return (v16d){_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)};
}

static inline v16d v16d_sub(v16d a, v16d b)
{
    return (v16d){_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)};
}

/* a b + c, rounded once. */
static inline v16d v16d_fma(v16d a, v16d b, v16d c)
{
    return (v16d){_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}

/* The larger one, a where they are equal; NaN where either is. */
static inline v16 v16_larger(v16 a, v16 b)
{
    __mmask16 b_is_nan = _mm512_cmp_ps_mask(b.all, b.all, _CMP_UNORD_Q);
    return (v16){_mm512_mask_mov_ps(_mm512_max_ps(b.all, a.all), b_is_nan, b.all)};
}

/* A block of 16 rows of 16 floats, turned: to[column][row] = from[row][column]. */
static inline void v16_transpose(const float *from, size_t from_stride, float *to, size_t to_stride)
{
    const __m512i even_quarters = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    const __m512i odd_quarters = _mm512_setr_epi32(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    __m512 pair[16], quad[16], eight[16];
    for (size_t i = 0; i < 16; i += 2) {
        __m512 a = _mm512_loadu_ps(from + i * from_stride), b = _mm512_loadu_ps(from + (i + 1) * from_stride);
        pair[i] = _mm512_unpacklo_ps(a, b);
        pair[i + 1] = _mm512_unpackhi_ps(a, b);
    }
    for (size_t i = 0; i < 16; i += 4)
        for (size_t k = 0; k < 2; k++) { /* quarter q of quad[i + c]: column 4 q + c of rows i .. i + 3 */
            quad[i + 2 * k] = _mm512_shuffle_ps(pair[i + k], pair[i + k + 2], _MM_SHUFFLE(1, 0, 1, 0));
            quad[i + 2 * k + 1] = _mm512_shuffle_ps(pair[i + k], pair[i + k + 2], _MM_SHUFFLE(3, 2, 3, 2));
        }
    for (size_t i = 0; i < 16; i += 8)
        for (size_t c = 0; c < 4; c++) { /* columns c and 8 + c, then 4 + c and 12 + c, of rows i .. i + 7 */
            eight[i + c] = _mm512_permutex2var_ps(quad[i + c], even_quarters, quad[i + 4 + c]);
            eight[i + 4 + c] = _mm512_permutex2var_ps(quad[i + c], odd_quarters, quad[i + 4 + c]);
        }
    for (size_t c = 0; c < 8; c++) {
        _mm512_storeu_ps(to + c * to_stride, _mm512_shuffle_f32x4(eight[c], eight[8 + c], 0x44));
        _mm512_storeu_ps(to + (8 + c) * to_stride, _mm512_shuffle_f32x4(eight[c], eight[8 + c], 0xee));
    }
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
