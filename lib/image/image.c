/* The image object: reference counted planes of float under a reference counted description. */
#include "image/image.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"

struct nst_pixels {
    _Atomic uint32_t references;
    _Alignas(NST_ALIGNMENT) float values[]; /* (3 or 4, H, W) */
};

int32_t nst_image_check_size(const nst_ctx *ctx, size_t width, size_t height, nst_error *error)
{
    size_t count;
    if (width == 0 || height == 0)
        return nst_fail(error, NST_ERR_INVALID_ARG, "an image of %zu x %zu pixels: both sides must be at least 1", width, height);
    if (width > NST_MAX_SIDE || height > NST_MAX_SIDE)
        return nst_fail(error, NST_ERR_LIMIT, "an image of %zu x %zu pixels: no side may be longer than %d", width, height,
                        NST_MAX_SIDE);
    if (!nst_size_mul(width, height, &count) || count > ctx->max_pixels)
        return nst_fail(error, NST_ERR_LIMIT, "an image of %zu x %zu pixels is over the limit of %zu pixels (max_pixels)", width,
                        height, ctx->max_pixels);
    return NST_OK;
}

static nst_pixels *new_pixels(nst_memory *memory, size_t width, size_t height, size_t planes)
{
    size_t count, size;
    nst_pixels *pixels;
    if (!nst_size_mul3(width, height, planes, &count) || !nst_size_mul(count, sizeof(float), &size)) return NULL;
    if (!nst_size_add(size, sizeof *pixels, &size)) return NULL;
    pixels = nst_alloc(memory, size);
    if (pixels) atomic_init(&pixels->references, 1);
    return pixels;
}

/* Sides are at most NST_MAX_SIDE: no overflow in 64 bits. */
size_t nst_image_bytes(size_t width, size_t height, bool alpha)
{
    return sizeof(nst_image) + sizeof(nst_pixels) + width * height * (alpha ? 4 : 3) * sizeof(float);
}

int32_t nst_image_create(nst_ctx *ctx, size_t width, size_t height, bool alpha, nst_image **out, nst_error *error)
{
    nst_image *image;
    int32_t status = nst_image_check_size(ctx, width, height, error);
    if (status < 0) return status;
    image = nst_alloc_zero(&ctx->memory, sizeof *image);
    if (!image) return nst_fail_nomem(error, "an image");
    image->pixels = new_pixels(&ctx->memory, width, height, alpha ? 4 : 3);
    if (!image->pixels) {
        nst_free(&ctx->memory, image);
        return nst_fail(error, NST_ERR_NOMEM, "out of memory for an image of %zu x %zu pixels", width, height);
    }
    atomic_init(&image->references, 1);
    image->ctx = nst_ctx_ref(ctx);
    image->width = (uint32_t)width;
    image->height = (uint32_t)height;
    image->has_alpha = alpha;
    *out = image;
    return NST_OK;
}

int32_t nst_image_share(const nst_image *image, nst_image **out, nst_error *error)
{
    nst_memory *memory = &image->ctx->memory;
    nst_image *copy = nst_alloc_zero(memory, sizeof *copy);
    int32_t status;
    if (!copy) return nst_fail_nomem(error, "an image");
    atomic_init(&copy->references, 1);
    copy->ctx = nst_ctx_ref(image->ctx);
    copy->width = image->width;
    copy->height = image->height;
    copy->has_alpha = image->has_alpha;
    copy->source_bits = image->source_bits;
    copy->pixels = image->pixels;
    atomic_fetch_add(&copy->pixels->references, 1);
    status = nst_image_copy_texts(copy, image, error);
    if (status < 0) nst_image_unref(copy);
    else *out = copy;
    return status;
}

nst_image *nst_image_ref(nst_image *image)
{
    if (image) atomic_fetch_add(&image->references, 1);
    return image;
}

void nst_image_unref(nst_image *image)
{
    nst_ctx *ctx;
    if (!image || atomic_fetch_sub(&image->references, 1) != 1) return;
    ctx = image->ctx;
    for (int i = 0; i < image->text_count; i++) {
        nst_free(&ctx->memory, image->texts[i][0]);
        nst_free(&ctx->memory, image->texts[i][1]);
    }
    if (atomic_fetch_sub(&image->pixels->references, 1) == 1) nst_free(&ctx->memory, image->pixels);
    nst_free(&ctx->memory, image->file);
    nst_free(&ctx->memory, image);
    nst_ctx_unref(ctx);
}

const char *nst_image_name(const nst_image *image, const char *otherwise, char buffer[NST_IMAGE_NAME])
{
    const char *quote = image->file ? "'" : "";
    snprintf(buffer, NST_IMAGE_NAME, "%s%.*s%s", quote, NST_IMAGE_NAME - 3, image->file ? image->file : otherwise, quote);
    return buffer;
}

static size_t plane_offset(const nst_image *image, int plane)
{
    return (size_t)plane * image->width * image->height;
}

float *nst_image_plane(nst_image *image, int plane)
{
    if (plane == 3 && !image->has_alpha) return NULL;
    return image->pixels->values + plane_offset(image, plane);
}

const float *nst_image_plane_const(const nst_image *image, int plane)
{
    if (plane == 3 && !image->has_alpha) return NULL;
    return image->pixels->values + plane_offset(image, plane);
}
