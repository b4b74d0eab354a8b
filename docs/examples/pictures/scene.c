/* A harbour in the evening sun, ray traced: soft shadows, ambient occlusion, a sea that reflects, air that fades the hills. */
#include "land.h"
#include "pictures.h"
#include "shapes.h"
#include "village.h"

struct scene {
    struct world world;
    struct land land;
    vec to_sun;
    uint64_t random;
};

static const float far_away = 4000;
static vec sun_light(void) { return v3(3.3f, 2.55f, 1.75f); }
static vec haze(vec d) { return mix(v3(0.56f, 0.66f, 0.80f), v3(0.92f, 0.80f, 0.66f), smooth(-0.5f, 1.0f, d.x)); }

static float cloud_density(vec p)
{
    float warp = noise(v3(p.x * 0.9f, p.z * 0.9f, 0)) * 1.3f;
    float cover = fractal(v3(p.x * 1.1f + warp + 4.3f, p.z * 1.5f + warp + 7.1f, 0), 6);
    return smooth(0.47f, 0.66f, cover);
}

static vec sky_colour(const struct scene *scene, vec d)
{
    float up = fmaxf(d.y, 0), density, lit;
    vec sky = mix(haze(d), v3(0.30f, 0.47f, 0.74f), smooth(0, 0.20f, up)), p;
    sky = mix(sky, v3(0.10f, 0.24f, 0.55f), smooth(0.10f, 0.7f, up));
    if (d.y <= 0.004f) return sky;
    p = scale(d, 1.0f / (d.y + 0.12f));
    density = cloud_density(p);
    lit = 0.55f + 0.9f * (density - cloud_density(along(p, scene->to_sun, 0.18f))) + 0.45f * (1 - density);
    return mix(sky, mix(v3(0.50f, 0.52f, 0.62f), v3(1.45f, 1.26f, 1.02f), clampf(lit, 0, 1)), density * smooth(0.02f, 0.14f, up));
}

/* A direction near `axis`; `spread` 1 covers the half sphere with the cosine's density. */
static vec scatter(struct scene *scene, vec axis, float spread)
{
    float angle = 6.2831853f * random_next(&scene->random), r = sqrtf(random_next(&scene->random)) * spread;
    vec side = normalize(cross(axis, fabsf(axis.y) < 0.9f ? v3(0, 1, 0) : v3(1, 0, 0))), other = cross(axis, side);
    vec flat = add(scale(side, r * cosf(angle)), scale(other, r * sinf(angle)));
    return normalize(add(flat, scale(axis, sqrtf(fmaxf(0, 1 - r * r)))));
}

static float sunlight(struct scene *scene, vec p, vec normal)
{
    vec d = scatter(scene, scene->to_sun, 0.022f);
    float facing = dot(normal, d);
    if (facing <= 0) return 0;
    p = along(p, normal, 0.03f);
    if (world_blocked(&scene->world, p, d, 200)) return 0;
    return p.y < 90 && land_hit(&scene->land, p, d, 150) < 150 ? 0 : facing;
}

static float openness(struct scene *scene, vec p, vec normal)
{
    vec d = scatter(scene, normal, 1);
    p = along(p, normal, 0.03f);
    return world_blocked(&scene->world, p, d, 14) ? 0.25f : 1;
}

static vec light(struct scene *scene, vec p, vec normal, vec albedo)
{
    vec sky = mix(v3(0.40f, 0.34f, 0.26f), v3(0.42f, 0.55f, 0.80f), 0.5f + 0.5f * normal.y);
    vec sun = scale(sun_light(), sunlight(scene, p, normal));
    return mul(albedo, add(sun, scale(sky, openness(scene, p, normal))));
}

/* Windows with shutters and doors on a wall, from its own coordinates. */
static vec wall_colour(const struct hit *hit)
{
    static const uint32_t shutters[] = {0x2f6f8f, 0x3b7a57, 0x8c3b2e, 0x4a5f8a, 0x2a6a6a, 0x7a5a32};
    const struct shape *wall = hit->shape;
    bool front = fabsf(hit->local_normal.z) > 0.5f;
    float across = front ? hit->local.x : hit->local.z, width = front ? wall->half.x : wall->half.z;
    float height = hit->local.y + wall->half.y, floors = 2.7f, gap = 2.1f;
    int storey = (int)floorf(height / floors), column = (int)floorf(across / gap + 0.5f);
    int seed = (int)(wall->centre.x * 37 + wall->centre.z * 11);
    float x = fabsf(across - gap * (float)column), y = height - floors * (float)storey;
    vec plaster = scale(wall->colour, 0.90f + 0.2f * fractal(scale(hit->local, 0.8f), 4));
    vec shutter = colour(shutters[(unsigned)seed % 6]);
    if (fabsf(gap * (float)column) > width - 0.75f || hash(column, storey, seed) < 0.15f) return plaster;
    if (storey == 0 && hash(column, 9, seed) < 0.35f && y < 2.1f && x < 0.5f) return scale(shutter, 0.6f);
    if (y < 0.8f || y > 2.1f || storey > (int)(2 * wall->half.y / floors) - 1) return plaster;
    if (x < 0.42f) return x > 0.35f || fabsf(y - 1.5f) < 0.05f ? colour(0xe8e0d0) : colour(0x1c2733);
    return x < 0.85f ? scale(shutter, fmodf(y, 0.22f) < 0.11f ? 1 : 0.8f) : plaster;
}

static vec shape_colour(const struct hit *hit, vec p)
{
    const struct shape *shape = hit->shape;
    float speckle = fractal(scale(p, 1.7f), 4);
    switch (shape->material) {
    case MATERIAL_WALL: return wall_colour(hit);
    case MATERIAL_ROOF:
        return scale(shape->colour, (0.7f + 0.6f * speckle) * (fmodf(fabsf(hit->local.z), 0.5f) < 0.14f ? 0.7f : 1));
    case MATERIAL_STONE: {
        float seam = fminf(fmodf(p.y + 90, 0.7f), fmodf(p.x + p.z + 300 + floorf(p.y / 0.7f) * 0.6f, 1.5f));
        return scale(shape->colour, (0.6f + 0.7f * speckle) * (seam < 0.07f ? 0.6f : 1));
    }
    case MATERIAL_LEAF: return scale(shape->colour, 0.45f + 1.1f * fractal(scale(p, 4.5f), 3));
    case MATERIAL_BANDED: {
        float band = (hit->local.y + shape->half.y) / (2 * shape->half.y) * 5;
        return (int)band % 2 ? colour(0xb5281e) : colour(0xf3ede0);
    }
    default: return shape->colour;
    }
}

static vec shape_normal(const struct hit *hit, vec p)
{
    float f = 5;
    vec wobble;
    if (hit->shape->material != MATERIAL_LEAF) return hit->normal;
    wobble = v3(noise(scale(p, f)), noise(add(scale(p, f), v3(31, 0, 0))), noise(add(scale(p, f), v3(0, 47, 0))));
    return normalize(add(hit->normal, scale(sub(wobble, v3(0.5f, 0.5f, 0.5f)), 1.7f)));
}

static vec trace(struct scene *scene, vec o, vec d, int bounces);

static vec wave_normal(vec p, float distance)
{
    float step = 0.05f + distance * 0.0006f, calm = 0.036f / (1 + distance * 0.004f);
    vec q = v3(p.x * 0.9f + 0.25f * p.z, p.z * 0.55f, 0);
    float h = fractal(q, 5), hx = fractal(add(q, v3(step, 0, 0)), 5), hz = fractal(add(q, v3(0, step, 0)), 5);
    return normalize(v3((h - hx) * calm / step * 2.4f, 1, (h - hz) * calm / step * 2.4f));
}

static vec water(struct scene *scene, vec p, vec d, float distance, int bounces)
{
    float depth = -land_height(&scene->land, p.x, p.z), facing, fresnel;
    vec normal = wave_normal(p, distance), deep = v3(0.012f, 0.105f, 0.175f), shallow = v3(0.06f, 0.27f, 0.27f);
    vec body = scale(mix(shallow, deep, smooth(0, 5, depth)), 0.9f), mirrored;
    vec bounced = along(d, normal, -2 * dot(d, normal));
    bounced.y = fmaxf(bounced.y, 0.01f);
    facing = clampf(-dot(d, normal), 0, 1);
    fresnel = 0.03f + 0.97f * powf(1 - facing, 5);
    mirrored = bounces > 0 ? trace(scene, v3(p.x, 0.01f, p.z), normalize(bounced), bounces - 1) : haze(d);
    body = mix(v3(0.85f, 0.87f, 0.86f), body, smooth(0.02f, 0.25f, depth + 0.5f * noise(v3(p.x, p.z, 0)) - 0.25f));
    return mix(body, mirrored, fminf(fresnel * 1.15f, 0.9f));
}

static vec trace(struct scene *scene, vec o, vec d, int bounces)
{
    float sea = d.y < 0 ? -o.y / d.y : far_away, t;
    struct hit hit = {.t = fminf(sea, far_away)};
    vec p, lit;
    world_hit(&scene->world, o, d, &hit);
    t = land_hit(&scene->land, o, d, hit.t);
    p = along(o, d, t);
    if (t < hit.t) {
        vec normal = land_normal(&scene->land, p.x, p.z);
        lit = light(scene, p, normal, land_colour(p, normal));
    } else if (hit.shape) {
        lit = hit.shape->material == MATERIAL_LAMP ? v3(2.2f, 1.7f, 0.9f)
                                                    : light(scene, p, shape_normal(&hit, p), shape_colour(&hit, p));
    } else if (t < far_away) {
        lit = water(scene, p, d, t, bounces);
    } else {
        return sky_colour(scene, d);
    }
    return mix(lit, haze(d), 1 - expf(-t * t / (t + 300) / 1700));
}

/* Filmic curve (Narkowicz's fit of ACES), then sRGB. */
static float film(float x)
{
    x *= 0.62f;
    x = clampf(x * (2.51f * x + 0.03f) / (x * (2.43f * x + 0.59f) + 0.14f), 0, 1);
    return x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
}

static vec camera_ray(float x, float y, int width, int height)
{
    float aspect = (float)height / (float)width, u = (2 * x / (float)width - 1) * 0.52f, v = (1 - 2 * y / (float)height) * 0.52f;
    vec forward = normalize(v3(-0.075f, -0.045f, 1)), right = normalize(cross(v3(0, 1, 0), forward)), up = cross(forward, right);
    return normalize(add(forward, add(scale(right, u), scale(up, v * aspect))));
}

static void render(struct scene *scene, int width, int height, float *rgb)
{
    enum { SIDE = 3 };
    const vec eye = v3(0, 19, -22);
    for (int i = 0; i < width * height; i++) {
        vec sum = v3(0, 0, 0);
        scene->random = (uint64_t)i * 77 + 5;
        for (int s = 0; s < SIDE * SIDE; s++) {
            float x = (float)(i % width) + ((float)(s % SIDE) + random_next(&scene->random)) / SIDE;
            float y = (float)(i / width) + ((float)(s / SIDE) + random_next(&scene->random)) / SIDE;
            vec c = trace(scene, eye, camera_ray(x, y, width, height), 1);
            sum = add(sum, v3(film(c.x), film(c.y), film(c.z))); /* after the curve: bright edges stay smooth */
        }
        sum = scale(sum, 1.0f / (SIDE * SIDE));
        rgb[3 * i] = sum.x, rgb[3 * i + 1] = sum.y, rgb[3 * i + 2] = sum.z;
    }
}

bool picture_scene(int width, int height, float *rgb)
{
    struct scene scene = {.to_sun = normalize(v3(0.78f, 0.46f, -0.42f))};
    bool world = world_new(&scene.world), land = land_new(&scene.land);
    bool ready = world && land && village_build(&scene.world, &scene.land);
    if (ready) render(&scene, width, height, rgb);
    world_free(&scene.world);
    land_free(&scene.land);
    return ready;
}
