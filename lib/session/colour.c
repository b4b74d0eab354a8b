#include "session/colour.h"

#include "image/colour.h"
#include "image/rows.h"
#include "session/picture.h"
#include "session/targets.h"

nst_colours nst_colour_of_target(nst_colours colours, int image)
{
    if (colours == NST_COLOURS_KEEP || (colours == NST_COLOURS_MATCH && image == NST_CONTENT_IMAGE)) return NST_COLOURS_NONE;
    return colours;
}

/* The map is that of the images as they are, so that it is the same at every size. */
void nst_colour_target(const nst_targets *targets, nst_colours colours, int image, nst_real *picture, size_t count)
{
    nst_colour_moments own, content;
    nst_colour_map map;
    colours = nst_colour_of_target(colours, image);
    if (colours == NST_COLOURS_NONE || !targets->content) return;
    nst_colour_of_image(nst_targets_image(targets, image), &own);
    nst_colour_of_image(targets->content, &content);
    if (colours == NST_COLOURS_MATCH) nst_colour_solve(NST_COLOUR_SYMMETRIC, &own, &content, &map);
    else nst_colour_solve_luma(&own, &content, &map);
    nst_colour_apply(&map, picture, count);
}

void nst_colour_start(nst_colours colours, nst_real *picture, size_t count)
{
    if (colours != NST_COLOURS_LUMINANCE) return;
    for (size_t i = 0; i < count; i++)
        picture[i] = picture[count + i] = picture[2 * count + i] = nst_luma(picture[i], picture[count + i], picture[2 * count + i]);
}

/* ---- the result ---- */

static bool gives_back(const nst_targets *targets, nst_colours colours)
{
    return targets->content && (colours == NST_COLOURS_LUMINANCE || colours == NST_COLOURS_KEEP);
}

/* Colour differences, U and V or I and Q, stay as luma changes when red, green and blue change by the same. */
static void take_colours(nst_image *image, const nst_image *content)
{
    const float *alpha = nst_image_plane_const(content, 3);
    for (size_t i = 0; i < (size_t)image->width * image->height; i++) {
        float rgb[3], of_content[3];
        nst_real change;
        for (int c = 0; c < 3; c++) {
            rgb[c] = nst_image_plane(image, c)[i];
            of_content[c] = (float)nst_over_white(nst_image_plane_const(content, c)[i], alpha ? alpha[i] : 1);
        }
        change = nst_luma(rgb[0], rgb[1], rgb[2]) - nst_luma(of_content[0], of_content[1], of_content[2]);
        for (int c = 0; c < 3; c++) nst_image_plane(image, c)[i] = (float)nst_clip_unit(of_content[c] + (float)change);
    }
}

int32_t nst_colour_result(const nst_targets *targets, nst_colours colours, nst_image **image, nst_error *error)
{
    nst_image *resized = NULL;
    int32_t status;
    if (!gives_back(targets, colours)) return NST_OK;
    status = nst_image_at_size(targets->content, (*image)->width, (*image)->height, &resized, error);
    if (status >= 0) take_colours(*image, resized);
    else {
        nst_image_unref(*image);
        *image = NULL;
    }
    nst_image_unref(resized);
    return status;
}

size_t nst_colour_result_bytes(const nst_targets *targets, nst_colours colours, size_t width, size_t height)
{
    return gives_back(targets, colours) ? nst_picture_from_image_bytes(targets->content, width, height) : 0;
}
