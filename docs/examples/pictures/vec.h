/* Small vectors, seeded noise: what both pictures are made of. */
#ifndef PICTURES_VEC_H
#define PICTURES_VEC_H

#include <math.h>
#include <stdint.h>

typedef struct vec {
    float x, y, z;
} vec;

static inline vec v3(float x, float y, float z) { return (vec){x, y, z}; }
static inline vec add(vec a, vec b) { return v3(a.x + b.x, a.y + b.y, a.z + b.z); }
static inline vec sub(vec a, vec b) { return v3(a.x - b.x, a.y - b.y, a.z - b.z); }
static inline vec mul(vec a, vec b) { return v3(a.x * b.x, a.y * b.y, a.z * b.z); }
static inline vec scale(vec a, float s) { return v3(a.x * s, a.y * s, a.z * s); }
static inline float dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline vec cross(vec a, vec b) { return v3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x); }
static inline vec normalize(vec a) { return scale(a, 1.0f / sqrtf(dot(a, a))); }
static inline vec mix(vec a, vec b, float t) { return add(scale(a, 1 - t), scale(b, t)); }
static inline vec along(vec origin, vec direction, float t) { return add(origin, scale(direction, t)); }

static inline float clampf(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
static inline float mixf(float a, float b, float t) { return a + (b - a) * t; }
/* 0 up to `from`, 1 beyond `to`, smooth between. */
static inline float smooth(float from, float to, float x)
{
    float t = clampf((x - from) / (to - from), 0, 1);
    return t * t * (3 - 2 * t);
}

/* A linear colour from sRGB as painters and style sheets write it: 0xRRGGBB. */
static inline vec colour(uint32_t hex)
{
    vec c = v3((float)(hex >> 16 & 255) / 255, (float)(hex >> 8 & 255) / 255, (float)(hex & 255) / 255);
    return v3(powf(c.x, 2.2f), powf(c.y, 2.2f), powf(c.z, 2.2f));
}

/* Seeded random numbers (SplitMix64), uniform in [0, 1). */
static inline float random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (float)((z ^ (z >> 31)) >> 40) * 0x1p-24f;
}

static inline float random_between(uint64_t *state, float low, float high) { return low + (high - low) * random_next(state); }

/* A repeatable value in [0, 1) for a lattice point. */
static inline float hash(int32_t x, int32_t y, int32_t z)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ (uint32_t)z * 0xcb1ab31fu;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return (float)((h ^ (h >> 15)) >> 8) * 0x1p-24f;
}

/* Value noise in [0, 1] with quintic interpolation, and its sum over octaves. */
float noise(vec p);
float fractal(vec p, int octaves);

#endif
