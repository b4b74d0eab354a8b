#include "land.h"

#include <stdlib.h>

float land_shore(float z) { return -20 - 0.10f * (z - 50); }

static float village_hill(float x, float z)
{
    float inland = land_shore(z) - x, ends = smooth(8, 45, z) * (1 - smooth(195, 245, z));
    float bumps = fractal(v3(x / 34, z / 34, 0), 5) - 0.5f, rise;
    if (inland < 0) return inland * 0.45f;
    rise = inland < 9 ? 0 : (inland - 9) * 0.40f / (1 + (inland - 9) * 0.004f);
    rise *= 1 + 0.9f * bumps;
    return (1.7f + rise + bumps * smooth(9, 40, inland) * 7) * ends - (1 - ends) * 6;
}

static float lighthouse_rock(float x, float z)
{
    float dx = (x - 51) / 30, dz = (z - 150) / 20, edge = 0.5f * (fractal(v3(x / 9, z / 9, 3), 5) - 0.5f);
    float r = sqrtf(dx * dx + dz * dz) + edge;
    return 11 * smooth(1.05f, 0.45f, r) + 5.5f * smooth(1.2f, 1.0f, r) - 7 + 2.5f * (fractal(v3(x / 4, z / 4, 0), 4) - 0.5f);
}

static float far_hills(float x, float z)
{
    float inland = z - 330 - 70 * fractal(v3(x / 160, 0.5f, 0), 3) + 0.22f * fabsf(x + 60);
    float ridge = 1 - fabsf(2 * fractal(v3(x / 420 + 3.1f, z / 420, 0), 5) - 1);
    float hills = 105 * fractal(v3(x / 230, z / 230 + 9, 0), 6) - 22;
    if (inland < 0) return inland * 0.08f;
    return smooth(0, 160, inland) * hills + 1.2f * smooth(0, 8, inland) + smooth(420, 1350, inland) * ridge * 235;
}

static float raw_height(float x, float z)
{
    return fmaxf(fmaxf(village_hill(x, z), lighthouse_rock(x, z)), far_hills(x, z));
}

static bool grid_new(struct grid *grid, float x0, float z0, float cell, int columns, int rows)
{
    grid->x0 = x0, grid->z0 = z0, grid->cell = cell;
    grid->columns = columns, grid->rows = rows;
    grid->highest = 0;
    grid->heights = malloc(sizeof(float) * (size_t)columns * (size_t)rows);
    for (int i = 0; grid->heights && i < columns * rows; i++) {
        float height = raw_height(x0 + cell * (float)(i % columns), z0 + cell * (float)(i / columns));
        grid->heights[i] = height;
        grid->highest = fmaxf(grid->highest, height);
    }
    return grid->heights != NULL;
}

bool land_new(struct land *land)
{
    bool fine = grid_new(&land->fine, -170, 0, 0.5f, 540, 560);
    bool coarse = grid_new(&land->coarse, -1800, 260, 4, 900, 560);
    return fine && coarse;
}

void land_free(struct land *land)
{
    free(land->fine.heights);
    free(land->coarse.heights);
}

static bool grid_height(const struct grid *grid, float x, float z, float *height)
{
    float u = (x - grid->x0) / grid->cell, v = (z - grid->z0) / grid->cell;
    int i = (int)u, j = (int)v;
    const float *h;
    if (u < 0 || v < 0 || i >= grid->columns - 1 || j >= grid->rows - 1) return false;
    h = grid->heights + j * grid->columns + i;
    u -= (float)i;
    v -= (float)j;
    *height = mixf(mixf(h[0], h[1], u), mixf(h[grid->columns], h[grid->columns + 1], u), v);
    return true;
}

float land_height(const struct land *land, float x, float z)
{
    float height = -10;
    if (!grid_height(&land->fine, x, z, &height)) grid_height(&land->coarse, x, z, &height);
    return height;
}

vec land_normal(const struct land *land, float x, float z)
{
    float step = z < 270 ? 0.4f : 3;
    float slope_x = land_height(land, x + step, z) - land_height(land, x - step, z);
    float slope_z = land_height(land, x, z + step) - land_height(land, x, z - step);
    return normalize(v3(-slope_x, 2 * step, -slope_z));
}

/* A field of the patchwork: its colour, with furrows. */
static vec field_colour(vec p)
{
    static const uint32_t crops[] = {0x8fa04a, 0xc9b25a, 0x6f8f3e, 0xd8bf6a, 0x7d6aa0, 0x98703f, 0xa9b85c, 0x5d7a36};
    float x = p.x * 0.88f + p.z * 0.3f + 20 * noise(v3(p.x / 90, p.z / 90, 0)), z = p.z * 0.8f - p.x * 0.25f;
    int column = (int)floorf(x / 46), row = (int)floorf(z / 74);
    float pick = hash(column, row, 7), furrow = sinf((pick < 0.5f ? x : z) * 1.1f) * 0.09f;
    float border = fminf(fabsf(x / 46 - roundf(x / 46)) * 46, fabsf(z / 74 - roundf(z / 74)) * 74);
    vec field = scale(colour(crops[(int)(pick * 8)]), 1 + furrow);
    return mix(colour(0x35521f), field, smooth(1.5f, 4, border));
}

vec land_colour(vec p, vec normal)
{
    float speckle = fractal(v3(p.x / 1.3f, p.z / 1.3f, p.y / 1.3f), 4), broad = fractal(v3(p.x / 23, p.z / 23, 0), 4);
    vec grass = mix(colour(0x6f8a38), colour(0xb9a95a), smooth(0.35f, 0.65f, broad));
    vec rock = mix(colour(0x8d7f6e), colour(0xcbbba0), smooth(0.3f, 0.7f, speckle));
    vec ground;
    if (p.z > 300) {
        vec forest = mix(colour(0x1f3a1c), colour(0x47652c), smooth(0.35f, 0.6f, fractal(v3(p.x / 6, p.z / 6, 0), 3)));
        ground = mix(field_colour(p), forest, smooth(0.40f, 0.5f, broad * 0.5f + p.y * 0.0028f + (1 - normal.y) * 0.7f));
        rock = mix(colour(0x85868c), colour(0xb5b3b0), speckle);
        ground = mix(ground, rock, smooth(170, 260, p.y + 90 * broad));
    } else {
        ground = mix(grass, rock, smooth(0.80f, 0.62f, normal.y + 0.25f * (speckle - 0.5f)));
    }
    ground = scale(ground, 0.75f + 0.5f * speckle);
    return mix(colour(0xd9c79b), ground, smooth(0.6f, 2.2f, p.y + speckle));
}

static float hit_grid(const struct grid *grid, vec o, vec d, float from, float to)
{
    float t = from, before = from, finest = grid->cell * 0.6f;
    while (t < to) {
        vec p = along(o, d, t);
        float height, above;
        if (!grid_height(grid, p.x, p.z, &height)) height = -10;
        above = p.y - height;
        if (p.y > grid->highest && d.y >= 0) return to;
        if (above < 0) break;
        before = t;
        t += fmaxf(above * 0.45f, finest + t * 0.0006f);
    }
    for (int i = 0; t < to && i < 8; i++) { /* bisect to the surface */
        float middle = (before + t) / 2, height;
        vec p = along(o, d, middle);
        if (!grid_height(grid, p.x, p.z, &height)) height = -10;
        if (p.y < height) t = middle;
        else before = middle;
    }
    return fminf(t, to);
}

float land_hit(const struct land *land, vec o, vec d, float limit)
{
    float fine_end = fminf(d.z > 1e-4f ? clampf((279 - o.z) / d.z, 0, 600) : 300, limit);
    float coarse_end = d.z > 1e-4f ? fminf(limit, 2400 / d.z) : 0;
    float t = hit_grid(&land->fine, o, d, 0.02f, fine_end);
    if (t < fine_end) return t;
    t = hit_grid(&land->coarse, o, d, fine_end, coarse_end);
    return t < coarse_end ? t : limit;
}
