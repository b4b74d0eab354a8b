#include "session/previous.h"

#include "image/rows.h"
#include "session/picture.h"

/* ---- making ---- */

static void copy_over_white(const nst_image *from, nst_image *to)
{
    const float *alpha = nst_image_plane_const(from, 3);
    for (int c = 0; c < 3; c++) {
        const float *plane = nst_image_plane_const(from, c);
        float *out = nst_image_plane(to, c);
        for (size_t i = 0; i < (size_t)to->width * to->height; i++)
            out[i] = alpha ? (float)nst_over_white(plane[i], alpha[i]) : plane[i];
    }
}

static void copy_weights(const nst_image *weights, nst_image *to)
{
    const float *red = nst_image_plane_const(weights, 0), *green = nst_image_plane_const(weights, 1);
    const float *blue = nst_image_plane_const(weights, 2);
    float *out = nst_image_plane(to, 3);
    for (size_t i = 0; i < (size_t)to->width * to->height; i++) out[i] = (float)nst_luma(red[i], green[i], blue[i]);
}

int32_t nst_previous_new(const nst_image *image, const nst_image *weights, nst_image **out, nst_error *error)
{
    int32_t status;
    if (weights && (weights->width != image->width || weights->height != image->height))
        return nst_fail(error, NST_ERR_INVALID_ARG, "the weights have %u x %u pixels, the previous frame has %u x %u", weights->width,
                        weights->height, image->width, image->height);
    status = nst_image_create(image->ctx, image->width, image->height, weights != NULL, out, error);
    if (status < 0) return status;
    copy_over_white(image, *out);
    if (weights) copy_weights(weights, *out);
    return NST_OK;
}

/* ---- at a scale ---- */

size_t nst_previous_bytes(const nst_image *previous, size_t width, size_t height)
{
    return nst_picture_from_image_bytes(previous, width, height) + 4 * width * sizeof(nst_real);
}

int32_t nst_previous_start(const nst_image *previous, size_t width, size_t height, nst_real *picture, nst_error *error)
{
    nst_image *resized;
    const float *weight;
    int32_t status = nst_image_at_size(previous, width, height, &resized, error);
    if (status < 0) return status;
    weight = nst_image_plane_const(resized, 3);
    for (int c = 0; c < 3; c++) {
        const float *plane = nst_image_plane_const(resized, c);
        nst_real *to = picture + (size_t)c * width * height;
        for (size_t i = 0; i < width * height; i++) {
            float w = weight ? weight[i] : 1;
            to[i] = (nst_real)(1 - w) * to[i] + (nst_real)(w * plane[i]);
        }
    }
    nst_image_unref(resized);
    return NST_OK;
}

/* row (4, width) */
static void read_row(const nst_image *resized, size_t y, nst_real *row)
{
    size_t width = resized->width;
    for (int c = 0; c < 4; c++) {
        const float *plane = nst_image_plane_const(resized, c);
        for (size_t x = 0; x < width; x++) row[(size_t)c * width + x] = plane ? (nst_real)plane[y * width + x] : 1;
    }
}

int32_t nst_previous_target(const nst_image *previous, nst_colours colours, const nst_loss_tools *tools, nst_shape shape, void *target,
                            nst_error *error)
{
    nst_memory *memory = &previous->ctx->memory;
    nst_image *resized = NULL;
    int32_t status = nst_image_at_size(previous, shape.width, shape.height, &resized, error);
    nst_real *row = nst_alloc_array(memory, 4 * shape.width, sizeof *row);
    if (!row && status >= 0) status = nst_fail_nomem(error, "the previous frame");
    for (size_t y = 0; y < shape.height && status >= 0; y++) {
        nst_tile tile = {{4, 1, shape.width}, {0, 1, 0, shape.width}, y, 0};
        read_row(resized, y, row);
        nst_colour_start(colours, row, shape.width);
        nst_loss_temporal.target_accumulate(tools, shape, &tile, row, target, NULL);
    }
    nst_free(memory, row);
    nst_image_unref(resized);
    return status;
}
