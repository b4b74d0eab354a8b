#include "session/picture.h"

#include "base/random.h"
#include "base/size.h"
#include "image/image.h"
#include "image/rows.h"

static const double noise_mean = 0.5, noise_deviation = 0.05;

static void over_white(const nst_image *image, nst_real *picture)
{
    size_t count = (size_t)image->width * image->height;
    const float *alpha = nst_image_plane_const(image, 3);
    for (int c = 0; c < 3; c++) {
        const float *plane = nst_image_plane_const(image, c);
        nst_real *to = picture + (size_t)c * count;
        for (size_t i = 0; i < count; i++) to[i] = alpha ? nst_over_white((nst_real)plane[i], (nst_real)alpha[i]) : (nst_real)plane[i];
    }
}

int32_t nst_picture_from_image(const nst_image *image, size_t width, size_t height, nst_real *picture, nst_error *error)
{
    nst_image *resized = NULL;
    int32_t status = nst_image_at_size(image, width, height, &resized, error);
    if (status >= 0) over_white(resized, picture);
    nst_image_unref(resized);
    return status;
}

size_t nst_picture_from_image_bytes(const nst_image *image, size_t width, size_t height)
{
    if (image->width == width && image->height == height) return 0;
    return nst_image_bytes(width, height, image->has_alpha) + nst_image_resample_bytes(image, width, height);
}

static int32_t copy_alpha(const nst_image *from, nst_image *to, nst_error *error)
{
    nst_image *resized = NULL;
    int32_t status = nst_image_resample(from, to->width, to->height, &resized, error);
    if (status < 0) return status;
    for (size_t i = 0; i < (size_t)to->width * to->height; i++)
        nst_image_plane(to, 3)[i] = nst_image_plane_const(resized, 3)[i];
    nst_image_unref(resized);
    return NST_OK;
}

int32_t nst_picture_to_image(nst_ctx *ctx, const nst_real *picture, size_t width, size_t height, const nst_image *alpha_of,
                             nst_image **out, nst_error *error)
{
    bool alpha = alpha_of && alpha_of->has_alpha;
    nst_image *image;
    int32_t status = nst_image_create(ctx, width, height, alpha, &image, error);
    *out = NULL;
    if (status < 0) return status;
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < width * height; i++)
            nst_image_plane(image, c)[i] = (float)nst_clip_unit(picture[(size_t)c * width * height + i]);
    if (alpha) status = copy_alpha(alpha_of, image, error);
    if (status < 0) nst_image_unref(image);
    else *out = image;
    return status;
}

size_t nst_picture_to_image_bytes(size_t width, size_t height, const nst_image *alpha_of)
{
    bool alpha = alpha_of && alpha_of->has_alpha;
    size_t resized = alpha ? nst_image_bytes(width, height, true) + nst_image_resample_bytes(alpha_of, width, height) : 0;
    return nst_image_bytes(width, height, alpha) + resized;
}

int32_t nst_picture_see_image(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error)
{
    nst_ctx *ctx = image->ctx;
    nst_real *picture = nst_alloc(&ctx->memory, nst_picture_bytes(width, height));
    int32_t status = picture ? nst_picture_from_image(image, width, height, picture, error) : nst_fail_nomem(error, "an image");
    if (status >= 0) status = nst_picture_to_image(ctx, picture, width, height, NULL, out, error);
    nst_free(&ctx->memory, picture);
    return status;
}

size_t nst_picture_see_image_bytes(const nst_image *image, size_t width, size_t height)
{
    size_t reading = nst_picture_from_image_bytes(image, width, height), making = nst_picture_to_image_bytes(width, height, NULL);
    return nst_picture_bytes(width, height) + (reading > making ? reading : making);
}

static int32_t resample_plane(nst_ctx *ctx, const nst_real *from, size_t from_width, size_t from_height, nst_real *to, size_t width,
                              size_t height, bool bilinear, float *scratch, nst_error *error)
{
    float *result = scratch + from_width * from_height;
    int32_t status;
    for (size_t i = 0; i < from_width * from_height; i++) scratch[i] = (float)from[i];
    status = nst_plane_resample(ctx, scratch, from_width, from_height, result, width, height, bilinear, error);
    for (size_t i = 0; status >= 0 && i < width * height; i++) to[i] = (nst_real)result[i];
    return status;
}

size_t nst_picture_resample_bytes(size_t from_width, size_t from_height, size_t width, size_t height, bool bilinear)
{
    return (from_width * from_height + width * height) * sizeof(float) +
           nst_plane_resample_bytes(from_width, from_height, width, height, bilinear);
}

int32_t nst_picture_resample(nst_ctx *ctx, const nst_real *from, size_t from_width, size_t from_height, nst_real *to, size_t width,
                             size_t height, bool bilinear, nst_error *error)
{
    size_t old_values = from_width * from_height, new_values = width * height;
    float *scratch = nst_alloc_array(&ctx->memory, old_values + new_values, sizeof *scratch);
    int32_t status = NST_OK;
    if (!scratch) return nst_fail_nomem(error, "resampling the picture");
    for (size_t c = 0; c < 3 && status >= 0; c++)
        status = resample_plane(ctx, from + c * old_values, from_width, from_height, to + c * new_values, width, height, bilinear,
                                scratch, error);
    nst_free(&ctx->memory, scratch);
    return status;
}

/* In place a value is written when it and all before it have been read. */
void nst_picture_halve(const nst_real *picture, size_t width, size_t height, nst_real *to)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < height / 2; y++) {
            const nst_real *upper = picture + (c * height + 2 * y) * width, *lower = upper + width;
            for (size_t x = 0; x < width / 2; x++)
                *to++ = (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) / 4;
        }
}

void nst_picture_halve_backward(const nst_real *half, size_t width, size_t height, nst_real *gradient)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < height / 2; y++) {
            nst_real *upper = gradient + (c * height + 2 * y) * width, *lower = upper + width;
            for (size_t x = 0; x < width / 2; x++, half++) {
                nst_real each = *half / 4;
                upper[2 * x] += each;
                upper[2 * x + 1] += each;
                lower[2 * x] += each;
                lower[2 * x + 1] += each;
            }
        }
}

void nst_picture_blend_noise(nst_real *picture, size_t values, double amount, uint64_t seed)
{
    nst_random random = {seed};
    if (amount == 0) return;
    for (size_t i = 0; i < values; i++) {
        double noise = noise_mean + noise_deviation * nst_random_normal(&random);
        picture[i] = (nst_real)((1 - amount) * (double)picture[i] + amount * noise);
    }
}

void nst_picture_fill(nst_real *picture, size_t values, nst_real value)
{
    for (size_t i = 0; i < values; i++) picture[i] = value;
}
