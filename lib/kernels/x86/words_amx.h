/* The words that the bf16 level is written in: 16 floats (v16), bf16 in memory, and tiles. With NST_EMULATE_AMX, tests compile the same
 * kernels for any processor with AVX2, with the tiles of their own tests/kernels/emulated_tiles.h. */
#ifndef NST_KERNELS_X86_WORDS_AMX_H
#define NST_KERNELS_X86_WORDS_AMX_H

#include "kernels/x86/blocks.h"

#ifdef NST_EMULATE_AMX
#include "emulated_tiles.h"
#else
#include "kernels/x86/v16_avx512.h"

static inline v16 bf16_load(const nst_bf16 *from)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
    return (v16){_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

/* To the nearest, ties to even. */
static inline void bf16_store(nst_bf16 *to, v16 v)
{
    _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(v.all));
}

/* The eight lower floats. */
static inline void bf16_store_8(nst_bf16 *to, v16 v)
{
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128((__m256i)_mm512_cvtneps_pbh(v.all)));
}

static inline v16 bf16_round(v16 v)
{
    __m512i wide = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(v.all));
    return (v16){_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}

/* One position: the places whose bit is set, zeros elsewhere. */
static inline void position_copy_masked(nst_bf16 *to, const nst_bf16 *from, uint32_t bits)
{
    _mm512_storeu_si512(to, _mm512_maskz_loadu_epi16(bits, from));
}

static inline void position_copy(nst_bf16 *to, const nst_bf16 *from)
{
    _mm512_storeu_si512(to, _mm512_loadu_si512(from));
}

static inline void position_zero(nst_bf16 *to)
{
    _mm512_storeu_si512(to, _mm512_setzero_si512());
}

/* Two positions, value by value side by side: the first 16 places to `low`, the others to `high`. */
static inline void positions_interleave(const nst_bf16 *a, const nst_bf16 *b, nst_bf16 *low, nst_bf16 *high)
{
    for (unsigned half = 0; half < 2; half++) {
        __m512i first = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(a + 16 * half)));
        __m512i second = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(b + 16 * half)));
        _mm512_storeu_si512(half ? high : low, _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
    }
}

/* Pairs of values: to[j][i] = from[i][j] for 16 x 16 pairs. */
static inline void pairs_transpose(const nst_bf16 *from, nst_bf16 *to)
{
    __m512i rows[16], step[16];
    for (int i = 0; i < 16; i++) rows[i] = _mm512_loadu_si512(from + 32 * i);
    for (int i = 0; i < 16; i += 2) {
        step[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        step[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(step[i], step[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(step[i], step[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(step[i + 1], step[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(step[i + 1], step[i + 3]);
    }
    for (int j = 0; j < 4; j++) { /* quarter q of rows[4 g + j]: column 4 q + j of rows 4 g .. 4 g + 3 */
        __m512i a = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0x88), b = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0x88);
        __m512i c = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0xdd), d = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0xdd);
        _mm512_storeu_si512(to + 32 * j, _mm512_shuffle_i32x4(a, b, 0x88));
        _mm512_storeu_si512(to + 32 * (8 + j), _mm512_shuffle_i32x4(a, b, 0xdd));
        _mm512_storeu_si512(to + 32 * (4 + j), _mm512_shuffle_i32x4(c, d, 0x88));
        _mm512_storeu_si512(to + 32 * (12 + j), _mm512_shuffle_i32x4(c, d, 0xdd));
    }
}

/* Eight tiles of 16 rows of 64 bytes, in the calling thread until tiles_end(). */
static inline void tiles_begin(void)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } configuration __attribute__((aligned(64))) = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                                    .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&configuration);
}

static inline void tiles_end(void)
{
    _tile_release();
}

/* The compiler does not know that a tile is loaded from memory: it must have written all of it before. */
#define TILE_LOAD(tile, from, pitch) \
    do { \
        __asm__ volatile("" ::: "memory"); \
        _tile_loadd(tile, from, pitch); \
    } while (0)
#define TILE_STORE(tile, to, pitch) _tile_stored(tile, to, pitch)
#define TILE_ZERO(tile) _tile_zero(tile)
/* c (16 x 16 floats) += a (16 x 32) b (16 rows of 16 pairs). */
#define TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)
#endif

enum { TILE_BYTES = 1024, TILE_FLOATS = 256, TILE_VALUES = 512, TILE_PITCH = 64 };

/* 16 values of a position: the first half or the second. A fine position has but eight, in the first. */
static inline v16 values_load(const nst_bf16 *position, unsigned half, bool fine)
{
    if (!fine) return bf16_load(position + 16 * half);
    return v16_keep(0xff, v16_add(bf16_load(position), bf16_load(position + 16)));
}

/* What a bf16 number leaves of a value; nothing where it leaves infinity or NaN. */
static inline v16 values_rest(v16 v, v16 nearest)
{
    v16 rest = v16_sub(v, nearest);
    return v16_keep((uint16_t)~v16_is_nan(rest), rest);
}

static inline void values_store(nst_bf16 *position, unsigned half, bool fine, v16 v)
{
    if (!fine) {
        bf16_store(position + 16 * half, v);
        return;
    }
    v16 kept = v16_keep(0xff, v), nearest = bf16_round(kept);
    bf16_store_8(position, nearest);
    bf16_store_8(position + 8, nearest);
    bf16_store(position + 16, values_rest(kept, nearest));
}

/* What a store and a load would leave of it. */
static inline v16 values_round(bool fine, v16 v)
{
    v16 nearest = bf16_round(v);
    return fine ? v16_add(nearest, bf16_round(values_rest(v, nearest))) : nearest;
}

static inline unsigned values_halves(bool fine)
{
    return fine ? 1 : 2;
}

/* The maximum of four and, bit by bit, the place of the first; a NaN is greater than all. */
static inline v16 v16_first_maximum(const v16 v[4], uint16_t place[2])
{
    v16 most = v[0];
    place[0] = place[1] = 0;
    for (uint16_t i = 1; i < 4; i++) {
        uint16_t greater = (uint16_t)((v16_greater(v[i], most) | v16_is_nan(v[i])) & ~v16_is_nan(most));
        most = v16_select(greater, v[i], most);
        place[0] = (uint16_t)(i & 1 ? place[0] | greater : place[0] & ~greater);
        place[1] = (uint16_t)(i & 2 ? place[1] | greater : place[1] & ~greater);
    }
    return most;
}

#endif
