/* Pictures as the optimiser sees them: planar reals (3, height, width), RGB 0..1. */
#ifndef NST_SESSION_PICTURE_H
#define NST_SESSION_PICTURE_H

#include <stdbool.h>

#include "base/context.h"
#include "base/real.h"
#include "nst/image.h"

static inline size_t nst_picture_values(size_t width, size_t height)
{
    return 3 * width * height; /* sizes are at most 65535 a side: no overflow in 64 bits; checked at session creation */
}

static inline size_t nst_picture_bytes(size_t width, size_t height)
{
    return nst_picture_values(width, height) * sizeof(nst_real);
}

/* What those below take while they work, beside what they make (to_image: the image that stays as well). */
size_t nst_picture_from_image_bytes(const nst_image *image, size_t width, size_t height);
size_t nst_picture_to_image_bytes(size_t width, size_t height, const nst_image *alpha_of);
size_t nst_picture_see_image_bytes(const nst_image *image, size_t width, size_t height); /* what it makes included */
size_t nst_picture_resample_bytes(size_t from_width, size_t from_height, size_t width, size_t height, bool bilinear);

/* The image resized to width x height and seen over white where it is transparent. */
int32_t nst_picture_from_image(const nst_image *image, size_t width, size_t height, nst_real *picture, nst_error *error);
/* Clipped to 0..1. `alpha_of` (may be NULL): an image whose alpha, resized, the result gets. */
int32_t nst_picture_to_image(nst_ctx *ctx, const nst_real *picture, size_t width, size_t height, const nst_image *alpha_of,
                             nst_image **out, nst_error *error);
/* The image as the optimiser sees it, from_image() and to_image(): resized, opaque. */
int32_t nst_picture_see_image(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error);
/* To another size: Lanczos, or bilinear for values that must keep their sign. */
int32_t nst_picture_resample(nst_ctx *ctx, const nst_real *from, size_t from_width, size_t from_height, nst_real *to, size_t width,
                             size_t height, bool bilinear, nst_error *error);
/* Half the size (3, height / 2, width / 2): means of 2x2 pixels; an odd last row or column is left out. `to` may be the picture. */
void nst_picture_halve(const nst_real *picture, size_t width, size_t height, nst_real *to);
/* Its adjoint: gradient (3, height, width) += what `half` (3, height / 2, width / 2) comes to through the halving. */
void nst_picture_halve_backward(const nst_real *half, size_t width, size_t height, nst_real *gradient);
/* picture = (1 - amount) picture + amount noise; the noise is normal around mid gray with a deviation of a twentieth of the range:
 * enough to break symmetry, little enough that no grain survives where the gradient is weak. */
void nst_picture_blend_noise(nst_real *picture, size_t values, double amount, uint64_t seed);
void nst_picture_fill(nst_real *picture, size_t values, nst_real value);

#endif
