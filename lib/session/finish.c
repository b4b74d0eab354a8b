#include "session/finish.h"

#include "session/picture.h"

/* Boxes of the guided filter are a part of the longer side, 13 to all sides of 512 pixels. FastPhotoStyle's 35 and 10^-3 keep more of the
 * edges and lose more of the style than the screened Poisson equation does (docs/photo.md). */
enum { RADIUS_SHARE = 40 };
static const double guided_epsilon = 1e-4;
static const double poisson_luma = 5, poisson_chroma = 1; /* of Mechrez et al. */

static nst_filter filter_of(nst_filter_kind kind, size_t width, size_t height)
{
    size_t longer = width > height ? width : height;
    return (nst_filter){.kind = kind, .radius = longer < RADIUS_SHARE ? 1 : longer / RADIUS_SHARE, .epsilon = guided_epsilon,
                        .luma = poisson_luma, .chroma = poisson_chroma};
}

int32_t nst_finish_image(nst_filter_kind kind, const nst_image *content, nst_image *image, nst_error *error)
{
    nst_filter filter = filter_of(kind, image->width, image->height);
    nst_image *guide = NULL;
    int32_t status;
    if (kind == NST_FILTER_NONE || !content) return NST_OK;
    status = nst_picture_see_image(content, image->width, image->height, &guide, error);
    if (status >= 0) status = nst_image_apply_filter(image, guide, &filter, error);
    nst_image_unref(guide);
    return status;
}

size_t nst_finish_bytes(nst_filter_kind kind, const nst_image *content, size_t width, size_t height)
{
    nst_filter filter = filter_of(kind, width, height);
    size_t first, then;
    if (kind == NST_FILTER_NONE || !content) return 0;
    first = nst_picture_see_image_bytes(content, width, height);
    then = nst_image_bytes(width, height, false) + nst_image_filter_bytes(width, height, &filter);
    return first > then ? first : then;
}
