/* Glue of nst/image.h. */
#include <string.h>

#include "api/structs.h"
#include "base/abi.h"
#include "base/file.h"
#include "image/colour.h"
#include "image/rows.h"

/* ---- arguments ---- */

static int32_t choose_type(nst_save_params *params, const char *path, nst_error *error)
{
    if (params->type == NST_FILE_AUTO) params->type = path ? (int32_t)nst_image_type_of_name(path) : NST_FILE_PNG;
    if (params->type == NST_FILE_AUTO)
        return nst_fail(error, NST_ERR_INVALID_ARG, "'%s' ends in none of .png, .jpg, .jpeg; name the file so or give the type",
                        path);
    if (params->type == NST_FILE_JPEG && params->bits == 16)
        return nst_fail(error, NST_ERR_INVALID_ARG, "JPEG has 8 bits per channel; 16 bits need a PNG file");
    return NST_OK;
}

/* ---- in ---- */

static int32_t copy_in(nst_ctx *ctx, const nst_image_desc *desc, size_t row, const void *pixels, nst_image **out,
                       nst_error *error)
{
    nst_image *image;
    nst_rows rows;
    int32_t status = nst_image_create(ctx, desc->width, desc->height, desc->channels % 2 == 0, &image, error);
    if (status < 0) return status;
    nst_rows_init(&rows, image, 1);
    for (size_t y = 0; y < desc->height; y++) {
        const unsigned char *from = (const unsigned char *)pixels + y * (size_t)desc->stride;
        if (desc->format == NST_FORMAT_F32 && nst_row_has_nan(from, row / sizeof(float))) {
            nst_image_unref(image);
            return nst_fail(error, NST_ERR_INVALID_ARG, "row %zu of the pixels contains a NaN", y);
        }
        nst_rows_put(&rows, y, desc->format, desc->channels, from);
    }
    *out = image;
    return NST_OK;
}

static int32_t check_new(nst_ctx *ctx, const void *required, const char *name, nst_image **out, nst_error *error)
{
    error->text[0] = '\0';
    if (out) *out = NULL;
    if (!ctx || !out || !required)
        return nst_fail(error, NST_ERR_INVALID_ARG, "%s must not be NULL", !ctx ? "ctx" : !out ? "out" : name);
    return NST_OK;
}

int32_t nst_image_new(nst_ctx *ctx, const nst_image_desc *given, const void *pixels, nst_image **out)
{
    nst_error error;
    nst_image_desc desc;
    size_t row, total;
    int32_t status = check_new(ctx, pixels, "pixels", out, &error);
    if (status >= 0) status = nst_read_image_desc(given, &desc, &row, &total, &error);
    if (status >= 0) status = copy_in(ctx, &desc, row, pixels, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

static int32_t decode_file(void *user, const nst_reader *reader, nst_error *error)
{
    nst_image **out = ((void **)user)[1];
    return nst_image_decode_reader(((void **)user)[0], reader, out, error);
}

static int32_t keep_path(const char *path, nst_image **image, nst_error *error)
{
    (*image)->file = nst_strdup(&(*image)->ctx->memory, path);
    if ((*image)->file) return NST_OK;
    nst_image_unref(*image);
    *image = NULL;
    return nst_fail_nomem(error, "an image's name");
}

int32_t nst_image_load(nst_ctx *ctx, const char *path, nst_image **out)
{
    nst_error error;
    void *arguments[2] = {ctx, out};
    int32_t status = check_new(ctx, path, "path", out, &error);
    if (status >= 0) status = nst_file_use(path, decode_file, arguments, &error);
    if (status >= 0) status = keep_path(path, out, &error);
    if (status < 0 && path && !strstr(error.text, path)) { /* the codecs know bytes, not names */
        nst_error about = error;
        nst_fail(&error, status, "'%s': %s", path, about.text);
    }
    return nst_ctx_keep_error(ctx, status, &error);
}

int32_t nst_image_load_memory(nst_ctx *ctx, const void *data, uint64_t length, nst_image **out)
{
    nst_error error;
    int32_t status = check_new(ctx, data, "data", out, &error);
    if (status >= 0 && length > SIZE_MAX) status = nst_fail(&error, NST_ERR_INVALID_ARG, "length is beyond this machine");
    if (status >= 0) status = nst_image_decode(ctx, data, (size_t)length, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

int32_t nst_image_load_reader(nst_ctx *ctx, const nst_reader *given, nst_image **out)
{
    nst_error error;
    nst_reader reader;
    int32_t status = check_new(ctx, given, "reader", out, &error);
    if (status >= 0) status = nst_read_reader(given, &reader, &error);
    if (status >= 0) status = nst_image_decode_reader(ctx, &reader, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

/* ---- looking ---- */

int32_t nst_image_get_desc(const nst_image *image, nst_image_desc *out)
{
    nst_image_desc desc = {.size = sizeof desc, .format = NST_FORMAT_F32};
    nst_error error;
    int32_t status;
    if (!image) return NST_ERR_INVALID_ARG;
    desc.width = image->width;
    desc.height = image->height;
    desc.channels = image->has_alpha ? 4 : 3;
    desc.source_bits = image->source_bits;
    status = nst_abi_write(out, &desc, sizeof desc, NST_IMAGE_DESC_FIRST_SIZE);
    if (status < 0) nst_fail_struct(&error, status, "the image description");
    return nst_ctx_keep_error(image->ctx, status, &error);
}

static int32_t copy_out(const nst_image *image, const nst_image_desc *given, void *pixels, uint64_t capacity, nst_error *error)
{
    nst_image_desc desc;
    size_t row, total;
    int32_t status = nst_read_image_desc(given, &desc, &row, &total, error);
    if (status < 0) return status;
    if (desc.width != image->width || desc.height != image->height)
        return nst_fail(error, NST_ERR_INVALID_ARG, "the image has %u x %u pixels, %u x %u were asked for", image->width,
                        image->height, desc.width, desc.height);
    if (capacity < total)
        return nst_fail(error, NST_ERR_INVALID_ARG, "the buffer has %ju bytes, %zu are needed", (uintmax_t)capacity, total);
    if (!pixels) return nst_fail(error, NST_ERR_INVALID_ARG, "pixels must not be NULL");
    for (size_t y = 0; y < desc.height; y++)
        nst_rows_get(image, y, desc.format, desc.channels, (unsigned char *)pixels + y * (size_t)desc.stride);
    return NST_OK;
}

int32_t nst_image_read(const nst_image *image, const nst_image_desc *desc, void *pixels, uint64_t capacity)
{
    nst_error error;
    if (!image) return NST_ERR_INVALID_ARG;
    return nst_ctx_keep_error(image->ctx, copy_out(image, desc, pixels, capacity, &error), &error);
}

const char *nst_image_get_text(const nst_image *image, const char *key)
{
    return image && key ? nst_image_find_text(image, key) : NULL;
}

/* ---- copies ---- */

int32_t nst_image_resize(const nst_image *image, uint32_t width, uint32_t height, nst_image **out)
{
    nst_ctx *ctx = image ? image->ctx : NULL;
    nst_error error;
    int32_t status = check_new(ctx, image, "image", out, &error);
    if (status >= 0) status = nst_image_resample(image, width, height, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

int32_t nst_image_match_colour(const nst_image *image, const nst_image *reference, int32_t method, nst_image **out)
{
    nst_ctx *ctx = image ? image->ctx : NULL;
    nst_error error;
    int32_t status = check_new(ctx, reference, image ? "reference" : "image", out, &error);
    if (status >= 0 && method != NST_COLOUR_SYMMETRIC && method != NST_COLOUR_CHOLESKY)
        status = nst_fail(&error, NST_ERR_INVALID_ARG, "method %d is none of NST_COLOUR_SYMMETRIC, _CHOLESKY", method);
    if (status >= 0) status = nst_image_recolour(image, reference, (nst_colour_method)method, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

static int32_t filter_copy(const nst_image *image, const nst_image *towards, const nst_filter *filter, nst_image **out)
{
    nst_ctx *ctx = image ? image->ctx : NULL;
    nst_error error;
    int32_t status = check_new(ctx, towards, filter->kind == NST_FILTER_GUIDED ? "guide" : "content", out, &error);
    if (status >= 0) status = nst_image_filtered(image, towards, filter, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

int32_t nst_image_guided_filter(const nst_image *image, const nst_image *guide, uint32_t radius, double epsilon, nst_image **out)
{
    nst_filter filter = {.kind = NST_FILTER_GUIDED, .radius = radius, .epsilon = epsilon};
    return filter_copy(image, guide, &filter, out);
}

int32_t nst_image_screened_poisson(const nst_image *image, const nst_image *content, double luma, double chroma, nst_image **out)
{
    nst_filter filter = {.kind = NST_FILTER_POISSON, .luma = luma, .chroma = chroma};
    return filter_copy(image, content, &filter, out);
}

static int32_t warp_image(const nst_image *image, const float *flow, uint32_t width, uint32_t height, nst_image **out, nst_image **inside,
                          nst_error *error)
{
    if (width == image->width && height == image->height) return nst_image_warped(image, flow, out, inside, error);
    return nst_fail(error, NST_ERR_INVALID_ARG, "the flow has %u x %u vectors, the image has %u x %u pixels", width, height, image->width,
                    image->height);
}

int32_t nst_image_warp(const nst_image *image, const float *flow, uint32_t width, uint32_t height, nst_image **out, nst_image **inside)
{
    nst_ctx *ctx = image ? image->ctx : NULL;
    nst_error error;
    int32_t status = check_new(ctx, flow, image ? "flow" : "image", out, &error);
    if (inside) *inside = NULL;
    if (status >= 0) status = warp_image(image, flow, width, height, out, inside, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

static int32_t share_with_text(const nst_image *image, const char *key, const char *value, nst_image **out, nst_error *error)
{
    nst_image *copy;
    int32_t status = nst_image_share(image, &copy, error);
    if (status < 0) return status;
    status = nst_image_set_text(copy, key, value, error);
    if (status < 0) nst_image_unref(copy);
    else *out = copy;
    return status;
}

int32_t nst_image_with_text(nst_image *image, const char *key, const char *value, nst_image **out)
{
    nst_ctx *ctx = image ? image->ctx : NULL;
    nst_error error;
    int32_t status = check_new(ctx, key, "key", out, &error);
    if (status >= 0) status = check_new(ctx, value, "value", out, &error);
    if (status >= 0) status = share_with_text(image, key, value, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

/* ---- out ---- */

typedef struct save_job {
    const nst_image *image;
    const nst_save_params *params;
} save_job;

static int32_t produce(void *user, const nst_writer *writer, nst_error *error)
{
    const save_job *job = user;
    return nst_image_encode(job->image, job->params, writer, error);
}

int32_t nst_image_save(const nst_image *image, const char *path, const nst_save_params *given)
{
    nst_error error;
    nst_save_params params;
    save_job job = {image, &params};
    int32_t status;
    if (!image) return NST_ERR_INVALID_ARG;
    if (!path) status = nst_fail(&error, NST_ERR_INVALID_ARG, "path must not be NULL");
    else status = nst_read_save_params(given, &params, &error);
    if (status >= 0) status = choose_type(&params, path, &error);
    if (status >= 0) status = nst_file_replace(image->ctx, path, params.overwrite != 0, produce, &job, &error);
    return nst_ctx_keep_error(image->ctx, status, &error);
}

int32_t nst_image_save_writer(const nst_image *image, const nst_writer *given, const nst_save_params *given_params)
{
    nst_error error;
    nst_save_params params;
    nst_writer writer;
    int32_t status;
    if (!image) return NST_ERR_INVALID_ARG;
    status = nst_read_writer(given, &writer, &error);
    if (status >= 0) status = nst_read_save_params(given_params, &params, &error);
    if (status >= 0) status = choose_type(&params, NULL, &error);
    if (status >= 0) status = nst_image_encode(image, &params, &writer, &error);
    return nst_ctx_keep_error(image->ctx, status, &error);
}
