/* Joint upsampling after He, Sun, Tang 2013: in every box of a few pixels the picture is an affine function of the content, as far as the
 * content explains it. Enlarged, both have lost the same detail; the content's, which is known, is put back through that function. So
 * edges come in the picture's own colours and contrast, and the brush strokes beside them stay as they were painted. The function is fitted
 * to the content without the detail: fitted to the sharp one it comes out too weak. Measured: docs/quality.md. */
#include "session/enlarge.h"

#include "image/rows.h"
#include "session/picture.h"

/* Boxes reach so far to all sides, in pixels of the small picture. */
enum { RADIUS = 4 };
static const double epsilon = 1e-3;

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* picture (3, from_height, from_width), resampled; `alpha_of` as nst_picture_to_image()'s. */
static int32_t resize(const nst_enlarging *e, const nst_real *picture, const nst_image *alpha_of, nst_image **out, nst_error *error)
{
    nst_ctx *ctx = e->content->ctx;
    nst_real *larger = nst_alloc(&ctx->memory, nst_picture_bytes(e->width, e->height));
    int32_t status = larger ? NST_OK : nst_fail_nomem(error, "the enlarged picture");
    *out = NULL;
    if (status >= 0)
        status = nst_picture_resample(ctx, picture, e->from_width, e->from_height, larger, e->width, e->height, false, error);
    if (status >= 0) status = nst_picture_to_image(ctx, larger, e->width, e->height, alpha_of, out, error);
    nst_free(&ctx->memory, larger);
    return status;
}

static size_t resize_bytes(const nst_enlarging *e, const nst_image *alpha_of)
{
    size_t resampling = nst_picture_resample_bytes(e->from_width, e->from_height, e->width, e->height, false);
    size_t making = nst_picture_to_image_bytes(e->width, e->height, alpha_of);
    return nst_picture_bytes(e->width, e->height) + most(resampling, making);
}

/* The content with no more detail than an enlarged picture has. */
static int32_t make_soft(const nst_enlarging *e, nst_image **out, nst_error *error)
{
    nst_ctx *ctx = e->content->ctx;
    nst_real *small = nst_alloc(&ctx->memory, nst_picture_bytes(e->from_width, e->from_height));
    int32_t status = small ? NST_OK : nst_fail_nomem(error, "the enlarged picture");
    *out = NULL;
    if (status >= 0) status = nst_picture_from_image(e->content, e->from_width, e->from_height, small, error);
    if (status >= 0) status = resize(e, small, NULL, out, error);
    nst_free(&ctx->memory, small);
    return status;
}

static size_t soft_bytes(const nst_enlarging *e)
{
    size_t reading = nst_picture_from_image_bytes(e->content, e->from_width, e->from_height), growing = resize_bytes(e, NULL);
    return nst_picture_bytes(e->from_width, e->from_height) + most(reading, growing);
}

static int32_t sharpen(const nst_enlarging *e, const nst_image *soft, const nst_image *sharp, nst_image *image, nst_error *error)
{
    size_t radius = RADIUS * e->width / e->from_width;
    float *values = nst_image_plane(image, 0);
    int32_t status = nst_planes_add_detail(image->ctx, values, nst_image_plane_const(soft, 0), nst_image_plane_const(sharp, 0), e->width,
                                           e->height, radius, epsilon, error);
    for (size_t i = 0; i < 3 * e->width * e->height; i++) values[i] = (float)nst_clip_unit((nst_real)values[i]);
    return status;
}

int32_t nst_enlarge(const nst_enlarging *e, const nst_real *picture, nst_image **out, nst_error *error)
{
    nst_image *image, *soft = NULL, *sharp = NULL;
    int32_t status = resize(e, picture, e->content, &image, error);
    *out = NULL;
    if (status >= 0) status = make_soft(e, &soft, error);
    if (status >= 0) status = nst_picture_see_image(e->content, e->width, e->height, &sharp, error);
    if (status >= 0) status = sharpen(e, soft, sharp, image, error);
    nst_image_unref(soft);
    nst_image_unref(sharp);
    if (status < 0) nst_image_unref(image);
    else *out = image;
    return status;
}

size_t nst_enlarge_bytes(const nst_enlarging *e)
{
    size_t image = nst_image_bytes(e->width, e->height, e->content->has_alpha), guide = nst_image_bytes(e->width, e->height, false);
    size_t then = most(soft_bytes(e), guide + nst_picture_see_image_bytes(e->content, e->width, e->height));
    then = most(then, 2 * guide + nst_planes_guided_bytes(e->width, e->height));
    return most(resize_bytes(e, e->content), image + then);
}
