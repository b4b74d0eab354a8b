/* A painted pattern: thousands of bristle strokes along a flow with whirls, layer over layer from broad to fine, lit from the
 * upper left as thick paint is. Lengths are in heights of the picture. */
#include "pictures.h"

#include <stdlib.h>

#include "vec.h"

struct whirl {
    float x, y, radius, turn; /* turn < 0: clockwise */
    int hues;                 /* row of whirl_hues */
};

static const struct whirl whirls[] = {
    {0.30f, 0.27f, 0.225f, 1.0f, 0}, {0.83f, 0.43f, 0.285f, -1.0f, 1}, {1.10f, 0.13f, 0.120f, 1.0f, 0},
    {0.19f, 0.72f, 0.165f, -1.0f, 2}, {0.56f, 0.10f, 0.075f, -1.0f, 0}, {0.53f, 0.70f, 0.120f, 1.0f, 1},
    {1.13f, 0.76f, 0.155f, 1.0f, 2}, {0.06f, 0.46f, 0.065f, 1.0f, 0}, {0.81f, 0.90f, 0.080f, -1.0f, 0},
};
enum { WHIRLS = sizeof whirls / sizeof whirls[0] };

/* From the heart of a whirl outwards. */
static const uint32_t whirl_hues[3][6] = {
    {0xfff6cf, 0xf9d648, 0xf2a71b, 0xf7e08a, 0x8fc1b5, 0x3f86b8},
    {0xfdf0c0, 0xf4b62a, 0xe2661f, 0xf3cf5a, 0x4aa59a, 0x2a62a8},
    {0xf6d98a, 0xe8772e, 0xc73a2a, 0xee9a3c, 0x7a9a5a, 0x1f5a8c},
};
static const uint32_t ribbon_hues[] = {0x10204f, 0x17307a, 0x1f4aa0, 0x2c6fc0, 0x4b9bd0, 0x8cc6d8, 0x1d7a86, 0x123a66};
enum { RIBBONS = sizeof ribbon_hues / sizeof ribbon_hues[0] };

struct canvas {
    int width, height; /* twice the picture's: painted sharp, shrunk to smooth */
    vec *paint;
    float *relief;
    uint64_t random;
};

struct stroke {
    float x, y, length, width;
    vec colour;
    int seed;
};

static vec flow(float x, float y)
{
    float angle = 0.55f * sinf(4.1f * x + 2.3f * sinf(2.7f * y)) + 0.35f * sinf(6.3f * y - 1.7f * x);
    vec sum = v3(cosf(angle), sinf(angle), 0);
    for (int i = 0; i < WHIRLS; i++) {
        float dx = x - whirls[i].x, dy = y - whirls[i].y, r = hypotf(dx, dy) + 1e-5f, reach = r / whirls[i].radius;
        float pull = 6 * whirls[i].turn * expf(-reach * reach * 1.3f);
        sum = add(sum, scale(v3(-dy - 0.18f * dx * whirls[i].turn, dx - 0.18f * dy * whirls[i].turn, 0), pull / r));
    }
    return normalize(sum);
}

/* Ribbons: noise that was carried along the flow. */
static vec ribbon_colour(float x, float y)
{
    float start_y = y, value, place, warm;
    vec blue;
    int first;
    for (int i = 0; i < 24; i++) {
        vec v = flow(x, y);
        x -= 0.014f * v.x;
        y -= 0.014f * v.y;
    }
    value = fractal(v3(x * 5.5f, y * 5.5f + 20, 0), 3) * 1.5f - 0.22f;
    place = clampf(value, 0, 0.999f) * RIBBONS;
    first = (int)place;
    blue = mix(colour(ribbon_hues[first]), colour(ribbon_hues[(first + 1) % RIBBONS]), place - (float)first);
    warm = smooth(0.60f, 0.72f, noise(v3(x * 3.1f + 40, y * 4.0f, 0))) * smooth(0.45f, 0.95f, start_y);
    return mix(blue, mix(colour(0xd9772b), colour(0xf2c14e), noise(v3(x * 9, y * 9, 5))), warm * 0.9f);
}

static vec painted_colour(float x, float y)
{
    vec result = ribbon_colour(x, y);
    for (int i = 0; i < WHIRLS; i++) {
        float r = hypotf(x - whirls[i].x, y - whirls[i].y) / whirls[i].radius;
        float wander = 0.22f * (fractal(v3(x * 14, y * 14, (float)i + 1), 2) - 0.4f), place;
        const uint32_t *hues = whirl_hues[whirls[i].hues];
        vec hue;
        int ring;
        place = clampf((r + wander) * 4.6f, 0, 4.999f);
        ring = (int)place;
        hue = mix(colour(hues[ring]), colour(hues[ring + 1]), place - (float)ring);
        result = mix(hue, result, smooth(0.72f, 1.12f, r + wander));
    }
    return result;
}

/* Paint at one place of a stroke: `across` -1..1, `down` 0..1 of its length. Bristles leave
 * grooves, and gaps where they run dry. */
static void touch(struct canvas *canvas, const struct stroke *stroke, vec at, float across, float down)
{
    int x = (int)at.x, y = (int)at.y, index;
    float bristle, load, edge = 1 - across * across;
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height) return;
    bristle = noise(v3(across * 5.5f + (float)(stroke->seed % 1000), down * 3, 0));
    load = 0.55f * bristle + 0.55f * edge - 0.75f * smooth(0.55f, 1, down) - 0.35f * smooth(0.08f, 0, down);
    if (load < 0.1f) return;
    index = y * canvas->width + x;
    canvas->paint[index] = scale(stroke->colour, 0.80f + 0.42f * bristle);
    canvas->relief[index] = 0.35f * bristle + 0.4f * sqrtf(fmaxf(edge, 0)) + 0.25f * smooth(0.85f, 1.0f, fabsf(across));
}

static void paint_stroke(struct canvas *canvas, const struct stroke *stroke)
{
    float unit = (float)canvas->height, step = 0.7f / unit, x = stroke->x, y = stroke->y;
    for (float done = 0; done < stroke->length; done += step) {
        vec v = flow(x, y), centre = v3(x * unit, y * unit, 0);
        float down = done / stroke->length, half = stroke->width * unit * (1 - 0.45f * down * down);
        for (float across = -1; across <= 1; across += 0.6f / half)
            touch(canvas, stroke, add(centre, scale(v3(-v.y, v.x, 0), across * half)), across, down);
        x += v.x * step;
        y += v.y * step;
    }
}

/* A touch lighter, darker, warmer or colder than the plan: pure colours side by side mix in the eye. */
static vec broken_colour(struct canvas *canvas, vec hue)
{
    float warmth = random_between(&canvas->random, -0.16f, 0.16f), value = random_between(&canvas->random, 0.72f, 1.32f);
    return scale(mul(hue, v3(1 + warmth, 1, 1 - warmth)), value);
}

static void paint_layer(struct canvas *canvas, int count, float length, float width)
{
    float aspect = (float)canvas->width / (float)canvas->height;
    for (int i = 0; i < count; i++) {
        struct stroke stroke = {.x = random_between(&canvas->random, -0.03f, aspect),
                                .y = random_between(&canvas->random, -0.02f, 1.02f),
                                .length = length * random_between(&canvas->random, 0.6f, 1.4f),
                                .width = width * random_between(&canvas->random, 0.7f, 1.3f),
                                .seed = i * 13 + (int)(1e5f * width)};
        stroke.colour = broken_colour(canvas, painted_colour(stroke.x, stroke.y));
        paint_stroke(canvas, &stroke);
    }
}

static float lit(const struct canvas *canvas, int x, int y)
{
    int left = x > 0 ? x - 1 : x, up = y > 0 ? y - 1 : y;
    const float *relief = canvas->relief;
    float slope = 2 * relief[y * canvas->width + x] - relief[y * canvas->width + left] - relief[up * canvas->width + x];
    return 1 + clampf(slope * 0.55f, -0.45f, 0.6f);
}

static float encode(float x)
{
    x = clampf(x, 0, 1);
    return x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
}

static void shrink(const struct canvas *canvas, int width, int height, float *rgb)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            vec sum = v3(0, 0, 0);
            for (int i = 0; i < 4; i++) {
                int px = 2 * x + i % 2, py = 2 * y + i / 2;
                sum = add(sum, scale(canvas->paint[py * canvas->width + px], 0.25f * lit(canvas, px, py)));
            }
            rgb[3 * (y * width + x)] = encode(sum.x);
            rgb[3 * (y * width + x) + 1] = encode(sum.y);
            rgb[3 * (y * width + x) + 2] = encode(sum.z);
        }
    }
}

bool picture_pattern(int width, int height, float *rgb)
{
    struct canvas canvas = {.width = 2 * width, .height = 2 * height, .random = 4};
    size_t count = (size_t)canvas.width * (size_t)canvas.height;
    bool ready;
    canvas.paint = calloc(count, sizeof *canvas.paint);
    canvas.relief = calloc(count, sizeof *canvas.relief);
    ready = canvas.paint && canvas.relief;
    if (ready) {
        for (size_t i = 0; i < count; i++) canvas.paint[i] = colour(0x1a2a55);
        paint_layer(&canvas, 1500, 0.20f, 0.022f);
        paint_layer(&canvas, 5000, 0.11f, 0.0095f);
        paint_layer(&canvas, 7000, 0.065f, 0.0055f);
        shrink(&canvas, width, height, rgb);
    }
    free(canvas.paint);
    free(canvas.relief);
    return ready;
}
