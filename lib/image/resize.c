/* Separable resampling with a filter that widens when shrinking (antialiasing): each output is a weighted mean of the inputs
 * under the filter, as in Pillow and in "Filtering for image resizing" (Turkowski, 1990). First along the rows, then along the
 * columns. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "image/image.h"

static const double pi = 3.14159265358979323846;

enum { BAND = 16 }; /* rows per task */

typedef double (*filter_fn)(double x);

static double sinc(double x)
{
    return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

static double lanczos3(double x)
{
    return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static double triangle(double x)
{
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

/* For each output along one axis: the first input under the filter and its weights. */
typedef struct taps {
    size_t outputs, most;
    size_t *first, *count;
    float *weights; /* (outputs, most) */
} taps;

static void free_taps(nst_memory *memory, taps *t)
{
    nst_free(memory, t->first);
    nst_free(memory, t->count);
    nst_free(memory, t->weights);
}

/* The weights of output `i`, with sum 1. */
static void fill_taps(taps *t, size_t i, size_t from, filter_fn filter, double support)
{
    double scale = (double)from / (double)t->outputs, widened = scale > 1 ? scale : 1;
    double centre = ((double)i + 0.5) * scale, sum = 0;
    double low = floor(centre - support * widened + 0.5), high = floor(centre + support * widened + 0.5);
    size_t first = low > 0 ? (size_t)low : 0, end = high < (double)from ? (size_t)high : from;
    float *weights = t->weights + i * t->most;
    for (size_t j = first; j < end; j++) sum += filter(((double)j - centre + 0.5) / widened);
    for (size_t j = first; j < end; j++) weights[j - first] = (float)(filter(((double)j - centre + 0.5) / widened) / sum);
    t->first[i] = first;
    t->count[i] = end - first;
}

/* Inputs under the filter of one output, at most. */
static size_t most_taps(size_t from, size_t to, double support)
{
    double widest = ceil(support * (from > to ? (double)from / (double)to : 1)) * 2 + 1;
    return widest < (double)from ? (size_t)widest : from;
}

static double support_of(bool bilinear)
{
    return bilinear ? 1 : 3;
}

static size_t taps_bytes(size_t from, size_t to, bool bilinear)
{
    return to * (2 * sizeof(size_t) + most_taps(from, to, support_of(bilinear)) * sizeof(float));
}

static bool make_taps(nst_memory *memory, taps *t, size_t from, size_t to, bool bilinear)
{
    double support = support_of(bilinear);
    size_t size = 0;
    *t = (taps){.outputs = to, .most = most_taps(from, to, support)};
    t->first = nst_alloc_array(memory, to, sizeof *t->first);
    t->count = nst_alloc_array(memory, to, sizeof *t->count);
    if (nst_size_mul(to, t->most, &size)) t->weights = nst_alloc_array(memory, size, sizeof *t->weights);
    if (!t->first || !t->count || !t->weights) return false;
    for (size_t i = 0; i < to; i++) fill_taps(t, i, from, bilinear ? triangle : lanczos3, support);
    return true;
}

/* One pass over a plane, in bands of output rows. */
typedef struct pass {
    const taps *t;
    const float *from;
    float *to;
    size_t from_width, to_width, to_height;
} pass;

static void along_row(const taps *t, const float *from, float *to)
{
    for (size_t x = 0; x < t->outputs; x++) {
        const float *weights = t->weights + x * t->most, *in = from + t->first[x];
        float even = 0, odd = 0;
        size_t j = 0;
        for (; j + 1 < t->count[x]; j += 2) {
            even += weights[j] * in[j];
            odd += weights[j + 1] * in[j + 1];
        }
        if (j < t->count[x]) even += weights[j] * in[j];
        to[x] = even + odd;
    }
}

static void horizontal_band(void *data, uint32_t band)
{
    const pass *p = data;
    for (size_t y = (size_t)band * BAND; y < p->to_height && y < ((size_t)band + 1) * BAND; y++)
        along_row(p->t, p->from + y * p->from_width, p->to + y * p->to_width);
}

static void vertical_band(void *data, uint32_t band)
{
    const pass *p = data;
    for (size_t y = (size_t)band * BAND; y < p->to_height && y < ((size_t)band + 1) * BAND; y++) {
        float *to = p->to + y * p->to_width;
        memset(to, 0, p->to_width * sizeof *to);
        for (size_t j = 0; j < p->t->count[y]; j++) {
            float weight = p->t->weights[y * p->t->most + j];
            const float *from = p->from + (p->t->first[y] + j) * p->to_width;
            for (size_t x = 0; x < p->to_width; x++) to[x] += weight * from[x];
        }
    }
}

static uint32_t bands(size_t rows)
{
    return (uint32_t)((rows + BAND - 1) / BAND);
}

/* What the planes of one image share: weights of both axes, and the plane between the passes, (from_h, to_w). */
typedef struct resampler {
    nst_ctx *ctx;
    size_t from_width, from_height, to_width, to_height;
    taps across, down;
    float *between;
} resampler;

static void close_resampler(resampler *r)
{
    free_taps(&r->ctx->memory, &r->across);
    free_taps(&r->ctx->memory, &r->down);
    nst_free(&r->ctx->memory, r->between);
}

static int32_t open_resampler(resampler *r, bool bilinear, nst_error *error)
{
    nst_memory *memory = &r->ctx->memory;
    size_t count;
    bool made = make_taps(memory, &r->across, r->from_width, r->to_width, bilinear) &&
                make_taps(memory, &r->down, r->from_height, r->to_height, bilinear);
    if (made && nst_size_mul(r->to_width, r->from_height, &count))
        r->between = nst_alloc_array(memory, count, sizeof *r->between);
    if (r->between) return NST_OK;
    close_resampler(r);
    return nst_fail_nomem(error, "resizing");
}

static void resample(const resampler *r, const float *from, float *to)
{
    pass across = {&r->across, from, r->between, r->from_width, r->to_width, r->from_height};
    pass down = {&r->down, r->between, to, r->to_width, r->to_width, r->to_height};
    nst_run(r->ctx, horizontal_band, &across, bands(r->from_height));
    nst_run(r->ctx, vertical_band, &down, bands(r->to_height));
}

size_t nst_plane_resample_bytes(size_t from_width, size_t from_height, size_t to_width, size_t to_height, bool bilinear)
{
    if (from_width == to_width && from_height == to_height) return 0;
    return taps_bytes(from_width, to_width, bilinear) + taps_bytes(from_height, to_height, bilinear) +
           to_width * from_height * sizeof(float);
}

int32_t nst_plane_resample(nst_ctx *ctx, const float *from, size_t from_width, size_t from_height, float *to, size_t to_width,
                           size_t to_height, bool bilinear, nst_error *error)
{
    resampler r = {.ctx = ctx, .from_width = from_width, .from_height = from_height, .to_width = to_width,
                   .to_height = to_height};
    int32_t status;
    if (from_width == to_width && from_height == to_height) {
        memcpy(to, from, to_width * to_height * sizeof *to);
        return NST_OK;
    }
    status = open_resampler(&r, bilinear, error);
    if (status < 0) return status;
    resample(&r, from, to);
    close_resampler(&r);
    return NST_OK;
}

/* ---- images ---- */

static float clip(float value)
{
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* Colours under alpha count as much as they are seen: they are multiplied by it before and divided after. */
static void resample_with_alpha(const resampler *r, const nst_image *from, nst_image *to, float *weighted)
{
    size_t from_count = r->from_width * r->from_height, to_count = r->to_width * r->to_height;
    const float *alpha = nst_image_plane_const(from, 3);
    float *to_alpha = nst_image_plane(to, 3);
    resample(r, alpha, to_alpha);
    for (int plane = 0; plane < 3; plane++) {
        const float *colour = nst_image_plane_const(from, plane);
        float *out = nst_image_plane(to, plane);
        for (size_t i = 0; i < from_count; i++) weighted[i] = colour[i] * alpha[i];
        resample(r, weighted, out);
        for (size_t i = 0; i < to_count; i++) out[i] = to_alpha[i] > 1e-4f ? clip(out[i] / to_alpha[i]) : 0;
    }
    for (size_t i = 0; i < to_count; i++) to_alpha[i] = clip(to_alpha[i]);
}

static void resample_opaque(const resampler *r, const nst_image *from, nst_image *to)
{
    size_t count = r->to_width * r->to_height;
    for (int plane = 0; plane < 3; plane++) {
        float *out = nst_image_plane(to, plane);
        resample(r, nst_image_plane_const(from, plane), out);
        for (size_t i = 0; i < count; i++) out[i] = clip(out[i]);
    }
}

static int32_t fill_resampled(nst_image *to, const nst_image *from, nst_error *error)
{
    nst_ctx *ctx = from->ctx;
    resampler r = {.ctx = ctx, .from_width = from->width, .from_height = from->height, .to_width = to->width,
                   .to_height = to->height};
    float *weighted = NULL;
    int32_t status = open_resampler(&r, false, error);
    if (status < 0) return status;
    if (from->has_alpha) weighted = nst_alloc_array(&ctx->memory, (size_t)from->width * from->height, sizeof *weighted);
    if (weighted) resample_with_alpha(&r, from, to, weighted);
    else if (from->has_alpha) status = nst_fail_nomem(error, "resizing");
    else resample_opaque(&r, from, to);
    nst_free(&ctx->memory, weighted);
    close_resampler(&r);
    return status;
}

size_t nst_image_resample_bytes(const nst_image *image, size_t width, size_t height)
{
    size_t weighted = image->has_alpha ? (size_t)image->width * image->height * sizeof(float) : 0;
    if (image->width == width && image->height == height) return 0;
    return weighted + nst_plane_resample_bytes(image->width, image->height, width, height, false);
}

int32_t nst_image_resample(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error)
{
    nst_image *made;
    size_t count = (size_t)image->width * image->height * (image->has_alpha ? 4 : 3);
    int32_t status = nst_image_create(image->ctx, width, height, image->has_alpha, &made, error);
    if (status < 0) return status;
    made->source_bits = image->source_bits;
    status = nst_image_copy_texts(made, image, error);
    if (status >= 0 && width == image->width && height == image->height)
        memcpy(nst_image_plane(made, 0), nst_image_plane_const(image, 0), count * sizeof(float));
    else if (status >= 0) status = fill_resampled(made, image, error);
    if (status >= 0) *out = made;
    else nst_image_unref(made);
    return status;
}

int32_t nst_image_at_size(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error)
{
    if (image->width != width || image->height != height) return nst_image_resample(image, width, height, out, error);
    *out = nst_image_ref((nst_image *)(uintptr_t)image);
    return NST_OK;
}
