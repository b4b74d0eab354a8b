/* The previous frame of a film, as it is seen in the present one: where a session starts and what the temporal loss holds it to. It is an
 * image whose alpha is the weight of every pixel (none: 1), so that colours that count for nothing leave no trace when it is resized. */
#ifndef NST_SESSION_PREVIOUS_H
#define NST_SESSION_PREVIOUS_H

#include "base/real.h"
#include "image/image.h"
#include "loss/loss.h"
#include "session/colour.h"

/* A copy of the image, seen over white, with the brightness of `weights` (may be NULL) as weight. */
int32_t nst_previous_new(const nst_image *image, const nst_image *weights, nst_image **out, nst_error *error);

/* What those below take while they work. */
size_t nst_previous_bytes(const nst_image *previous, size_t width, size_t height);
/* Moves picture (3, height, width) towards it, all the way where the weight is 1. */
int32_t nst_previous_start(const nst_image *previous, size_t width, size_t height, nst_real *picture, nst_error *error);
/* The target of the temporal loss for pictures of a shape; it begins zeroed. */
int32_t nst_previous_target(const nst_image *previous, nst_colours colours, const nst_loss_tools *tools, nst_shape shape, void *target,
                            nst_error *error);

#endif
