/* The words of lib/kernels/x86/words_amx.h for any processor with AVX2: tiles in memory, products as Intel documents TDPBF16PS (even and
 * odd places summed apart, each step rounded once, denormals flushed), bf16 by integers. For tests alone. */
#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H

#include <math.h>
#include <string.h>

#include "kernels/x86/v16_avx2.h"

static inline v16 bf16_load(const nst_bf16 *from)
{
    float values[16];
    for (int i = 0; i < 16; i++) values[i] = bf16_value(from[i]);
    return v16_load(values);
}

static inline void bf16_store(nst_bf16 *to, v16 v)
{
    float values[16];
    v16_store(values, v);
    for (int i = 0; i < 16; i++) to[i] = bf16_bits(values[i]);
}

static inline void bf16_store_8(nst_bf16 *to, v16 v)
{
    float values[16];
    v16_store(values, v);
    for (int i = 0; i < 8; i++) to[i] = bf16_bits(values[i]);
}

static inline v16 bf16_round(v16 v)
{
    nst_bf16 bits[16];
    bf16_store(bits, v);
    return bf16_load(bits);
}

static inline void position_copy_masked(nst_bf16 *to, const nst_bf16 *from, uint32_t bits)
{
    for (int i = 0; i < 32; i++) to[i] = bits >> i & 1 ? from[i] : 0;
}

static inline void position_copy(nst_bf16 *to, const nst_bf16 *from)
{
    memcpy(to, from, 64);
}

static inline void position_zero(nst_bf16 *to)
{
    memset(to, 0, 64);
}

static inline void positions_interleave(const nst_bf16 *a, const nst_bf16 *b, nst_bf16 *low, nst_bf16 *high)
{
    for (int i = 0; i < 16; i++) {
        low[2 * i] = a[i], low[2 * i + 1] = b[i];
        high[2 * i] = a[16 + i], high[2 * i + 1] = b[16 + i];
    }
}

static inline void pairs_transpose(const nst_bf16 *from, nst_bf16 *to)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++) {
            to[32 * j + 2 * i] = from[32 * i + 2 * j];
            to[32 * j + 2 * i + 1] = from[32 * i + 2 * j + 1];
        }
}

typedef struct emulated_tile {
    unsigned char rows[16][64];
} emulated_tile;

static _Thread_local emulated_tile emulated_tiles[8];
static _Thread_local int emulated_tiles_ready;

static inline emulated_tile *emulated_tile_at(int tile)
{
    if (!emulated_tiles_ready) __builtin_trap(); /* as the processor does without a configuration */
    return &emulated_tiles[tile];
}

static inline void tiles_begin(void)
{
    memset(emulated_tiles, 0, sizeof emulated_tiles);
    emulated_tiles_ready = 1;
}

static inline void tiles_end(void)
{
    emulated_tiles_ready = 0;
}

static inline void emulated_load(int tile, const void *from, size_t pitch)
{
    emulated_tile *t = emulated_tile_at(tile);
    for (int row = 0; row < 16; row++) memcpy(t->rows[row], (const unsigned char *)from + (size_t)row * pitch, 64);
}

static inline void emulated_store(int tile, void *to, size_t pitch)
{
    emulated_tile *t = emulated_tile_at(tile);
    for (int row = 0; row < 16; row++) memcpy((unsigned char *)to + (size_t)row * pitch, t->rows[row], 64);
}

static inline float emulated_flush(float value)
{
    return fabsf(value) < 0x1p-126f ? 0 : value;
}

/* Row k of the right tile as floats, even and odd places apart. */
typedef struct emulated_halves {
    float even[16][16], odd[16][16];
} emulated_halves;

static inline void emulated_split(const emulated_tile *t, emulated_halves *halves)
{
    for (int k = 0; k < 16; k++)
        for (int n = 0; n < 16; n++) {
            nst_bf16 pair[2];
            memcpy(pair, t->rows[k] + 4 * n, sizeof pair);
            halves->even[k][n] = emulated_flush(bf16_value(pair[0]));
            halves->odd[k][n] = emulated_flush(bf16_value(pair[1]));
        }
}

static inline void emulated_multiply(int c, int a, int b)
{
    emulated_halves left, right;
    emulated_split(emulated_tile_at(a), &left);
    emulated_split(emulated_tile_at(b), &right);
    for (int m = 0; m < 16; m++) {
        float even[16] = {0}, odd[16] = {0}, row[16];
        for (int k = 0; k < 16; k++) {
            for (int n = 0; n < 16; n++) even[n] = emulated_flush(fmaf(left.even[m][k], right.even[k][n], even[n]));
            for (int n = 0; n < 16; n++) odd[n] = emulated_flush(fmaf(left.odd[m][k], right.odd[k][n], odd[n]));
        }
        memcpy(row, emulated_tile_at(c)->rows[m], sizeof row);
        for (int n = 0; n < 16; n++) row[n] = emulated_flush(row[n] + emulated_flush(even[n] + odd[n]));
        memcpy(emulated_tile_at(c)->rows[m], row, sizeof row);
    }
}

#define TILE_LOAD(tile, from, pitch) emulated_load(tile, from, pitch)
#define TILE_STORE(tile, to, pitch) emulated_store(tile, to, pitch)
#define TILE_ZERO(tile) memset(emulated_tile_at(tile), 0, sizeof(emulated_tile))
#define TILE_MULTIPLY(c, a, b) emulated_multiply(c, a, b)

#endif
