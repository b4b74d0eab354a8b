/* Filters that bring an image near another of the same size. */
#include <math.h>

#include "image/image.h"

static const double largest_weight = 1000, least_epsilon = 1e-9;

static int32_t check(const nst_image *image, const nst_image *towards, const nst_filter *filter, nst_error *error)
{
    if (image->width != towards->width || image->height != towards->height)
        return nst_fail(error, NST_ERR_INVALID_ARG, "an image of %u x %u pixels cannot be filtered towards one of %u x %u", image->width,
                        image->height, towards->width, towards->height);
    if (filter->kind == NST_FILTER_GUIDED && !(filter->epsilon >= least_epsilon && isfinite(filter->epsilon)))
        return nst_fail(error, NST_ERR_INVALID_ARG, "epsilon must be at least a thousand-millionth");
    if (filter->kind == NST_FILTER_POISSON && !(filter->luma >= 0 && filter->luma <= largest_weight && filter->chroma >= 0 &&
                                                filter->chroma <= largest_weight))
        return nst_fail(error, NST_ERR_INVALID_ARG, "weights of gradients lie between 0 and 1000");
    return NST_OK;
}

static void clip(nst_image *image)
{
    float *values = nst_image_plane(image, 0);
    for (size_t i = 0; i < 3 * (size_t)image->width * image->height; i++)
        values[i] = values[i] > 0 ? (values[i] < 1 ? values[i] : 1) : 0;
}

int32_t nst_image_apply_filter(nst_image *image, const nst_image *towards, const nst_filter *filter, nst_error *error)
{
    float *planes = nst_image_plane(image, 0);
    const float *guide = nst_image_plane_const(towards, 0);
    int32_t status = check(image, towards, filter, error);
    if (status >= 0 && filter->kind == NST_FILTER_GUIDED)
        status = nst_planes_guided(image->ctx, planes, guide, image->width, image->height, filter->radius, filter->epsilon, error);
    if (status >= 0 && filter->kind == NST_FILTER_POISSON)
        status = nst_planes_screen(image->ctx, planes, guide, image->width, image->height, filter->luma, filter->chroma, error);
    clip(image);
    return status;
}

size_t nst_image_filter_bytes(size_t width, size_t height, const nst_filter *filter)
{
    switch (filter->kind) {
    case NST_FILTER_GUIDED: return nst_planes_guided_bytes(width, height);
    case NST_FILTER_POISSON: return nst_planes_screen_bytes(width, height);
    default: return 0;
    }
}

int32_t nst_image_filtered(const nst_image *image, const nst_image *towards, const nst_filter *filter, nst_image **out,
                           nst_error *error)
{
    nst_image *copy;
    int32_t status = nst_image_resample(image, image->width, image->height, &copy, error);
    if (status < 0) return status;
    status = nst_image_apply_filter(copy, towards, filter, error);
    if (status < 0) nst_image_unref(copy);
    else *out = copy;
    return status;
}
