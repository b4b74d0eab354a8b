/* Backward warping by optical flow: pixel (x, y) of the copy is the image at (x + dx, y + dy), bilinear between pixel centres. Where that
 * lies outside, the nearest pixel inside is taken and the mask is 0. Flow files mark what they do not know by huge numbers, which are
 * outside; what is not a number is taken so as well. */
#include "base/context.h"
#include "image/image.h"

enum { BAND = 16 };

typedef struct warp {
    const nst_image *from;
    const float *flow; /* (2, height, width) */
    nst_image *to, *inside; /* `inside` may be NULL */
} warp;

/* Four neighbours, as places in a plane, and how much each counts. */
typedef struct taps {
    size_t places[4];
    float weights[4];
} taps;

static double clamp(double value, double most)
{
    if (!(value > 0)) return 0;
    return value < most ? value : most;
}

/* False: it is outside. */
static bool find_taps(const nst_image *from, double x, double y, taps *t)
{
    double right = (double)from->width - 1, bottom = (double)from->height - 1, at_x = clamp(x, right), at_y = clamp(y, bottom);
    size_t column = (size_t)at_x, row = (size_t)at_y, next = column + 1 < from->width, below = row + 1 < from->height ? from->width : 0;
    float across = (float)(at_x - (double)column), down = (float)(at_y - (double)row);
    size_t place = row * from->width + column;
    *t = (taps){{place, place + next, place + below, place + below + next},
                {(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down}};
    return x >= 0 && x <= right && y >= 0 && y <= bottom;
}

static float sample(const float *plane, const taps *t)
{
    float sum = 0;
    for (int k = 0; k < 4; k++) sum += t->weights[k] * plane[t->places[k]];
    return sum < 1 ? sum : 1; /* weights may add up to a rounding more */
}

/* Colours under alpha count as much as they are seen, as where images are resized. */
static void weigh_by_alpha(const float *alpha, float seen, taps *t)
{
    for (int k = 0; k < 4 && seen > 0; k++) t->weights[k] *= alpha[t->places[k]] / seen;
}

static void put_pixel(const warp *w, size_t x, size_t y)
{
    size_t i = y * w->to->width + x, count = (size_t)w->to->width * w->to->height;
    const float *alpha = nst_image_plane_const(w->from, 3);
    taps t;
    bool inside = find_taps(w->from, (double)x + (double)w->flow[i], (double)y + (double)w->flow[count + i], &t);
    if (alpha) {
        float seen = sample(alpha, &t);
        nst_image_plane(w->to, 3)[i] = seen;
        weigh_by_alpha(alpha, seen, &t);
    }
    for (int c = 0; c < 3; c++) {
        nst_image_plane(w->to, c)[i] = sample(nst_image_plane_const(w->from, c), &t);
        if (w->inside) nst_image_plane(w->inside, c)[i] = inside;
    }
}

static void warp_band(void *data, uint32_t band)
{
    const warp *w = data;
    for (size_t y = (size_t)band * BAND; y < w->to->height && y < ((size_t)band + 1) * BAND; y++)
        for (size_t x = 0; x < w->to->width; x++) put_pixel(w, x, y);
}

int32_t nst_image_warped(const nst_image *image, const float *flow, nst_image **out, nst_image **inside, nst_error *error)
{
    warp w = {image, flow, NULL, NULL};
    int32_t status = nst_image_create(image->ctx, image->width, image->height, image->has_alpha, &w.to, error);
    if (status >= 0) status = nst_image_copy_texts(w.to, image, error);
    if (status >= 0 && inside) status = nst_image_create(image->ctx, image->width, image->height, false, &w.inside, error);
    if (status < 0) {
        nst_image_unref(w.to);
        return status;
    }
    nst_run(image->ctx, warp_band, &w, (image->height + BAND - 1) / BAND);
    *out = w.to;
    if (inside) *inside = w.inside;
    return NST_OK;
}
