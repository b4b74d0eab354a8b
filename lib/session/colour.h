/* The option `colour`: what becomes of a target's picture before it is looked at, of the start, and of the picture that is handed out.
 * Formulas: docs/objective.md. */
#ifndef NST_SESSION_COLOUR_H
#define NST_SESSION_COLOUR_H

#include "base/error.h"
#include "base/real.h"
#include "nst/types.h"

/* In the order of the option's choices. */
typedef enum nst_colours { NST_COLOURS_NONE, NST_COLOURS_MATCH, NST_COLOURS_LUMINANCE, NST_COLOURS_KEEP } nst_colours;

/* As much of it as shows in the statistics of an image (NST_CONTENT_IMAGE or a style): those with equal answers are the same. */
nst_colours nst_colour_of_target(nst_colours colours, int image);
/* Of picture (3, count), the image in the size in which it will be looked at. */
void nst_colour_target(const nst_targets *targets, nst_colours colours, int image, nst_real *picture, size_t count);
/* Of a start picture (3, count), whatever it is. */
void nst_colour_start(nst_colours colours, nst_real *picture, size_t count);
/* Of an image that is about to be handed out, NULL after a failure; and what that takes while it works. */
int32_t nst_colour_result(const nst_targets *targets, nst_colours colours, nst_image **image, nst_error *error);
size_t nst_colour_result_bytes(const nst_targets *targets, nst_colours colours, size_t width, size_t height);

#endif
