#include "vec.h"

static float quintic(float t) { return t * t * t * (t * (t * 6 - 15) + 10); }

static float noise_plane(int32_t x, int32_t y, int32_t z, float tx, float ty)
{
    float low = mixf(hash(x, y, z), hash(x + 1, y, z), tx);
    float high = mixf(hash(x, y + 1, z), hash(x + 1, y + 1, z), tx);
    return mixf(low, high, ty);
}

float noise(vec p)
{
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
    float tx = quintic(p.x - fx), ty = quintic(p.y - fy), tz = quintic(p.z - fz);
    int32_t x = (int32_t)fx, y = (int32_t)fy, z = (int32_t)fz;
    float near_plane = noise_plane(x, y, z, tx, ty);
    return tz == 0 ? near_plane : mixf(near_plane, noise_plane(x, y, z + 1, tx, ty), tz);
}

float fractal(vec p, int octaves)
{
    float sum = 0, weight = 0.5f;
    for (int i = 0; i < octaves; i++, weight *= 0.5f) {
        sum += weight * noise(p);
        p = v3(p.x * 2.03f + 17.1f, p.y * 2.03f - 5.3f, p.z == 0 ? 0 : p.z * 2.03f + 3.7f);
    }
    return sum;
}
