/* A group of 16 floats in one AVX-512 register: the words of v16_avx2.h. */
#ifndef NST_KERNELS_X86_V16_H
#define NST_KERNELS_X86_V16_H

#include <immintrin.h>
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

#endif
