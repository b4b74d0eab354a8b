/* Linear colour transfer: a map of three dimensions that gives one picture's colours the mean and the covariance of another's.
 *
 * x' = T (x - mean) + mean', where T C Tᵀ = C' and both covariances have 1e-5 added on the diagonal, so that a picture of one colour has
 * an inverse too (Gatys et al., Controlling Perceptual Factors in Neural Style Transfer, CVPR 2017, and its supplement):
 *
 *     symmetric   T = C^-1/2 (C^1/2 C' C^1/2)^1/2 C^-1/2, Monge's map, which moves colours least
 *     cholesky    T = L' L^-1, where C = L Lᵀ and C' = L' L'ᵀ
 *
 * Nothing here takes memory. */
#ifndef NST_IMAGE_COLOUR_H
#define NST_IMAGE_COLOUR_H

#include "base/real.h"
#include "image/image.h"

/* Of red, green and blue, 0..1, sRGB-encoded. */
typedef struct nst_colour_moments {
    double mean[3], covariance[3][3];
} nst_colour_moments;

typedef struct nst_colour_map {
    double from[3], matrix[3][3], to[3]; /* colour -> matrix (colour - from) + to */
} nst_colour_map;

/* Of picture (3, count), planar. */
void nst_colour_of_picture(const nst_real *picture, size_t count, nst_colour_moments *moments);
/* Of an image seen over white where it is transparent, as sessions see it. */
void nst_colour_of_image(const nst_image *image, nst_colour_moments *moments);
/* Of several pictures, each taken `weights` times (sum 1), as of one. */
void nst_colour_blend(const nst_colour_moments *moments, const double *weights, size_t count, nst_colour_moments *blend);

void nst_colour_solve(nst_colour_method method, const nst_colour_moments *from, const nst_colour_moments *to, nst_colour_map *map);
/* To gray: luma, Rec.601, with the mean and the deviation of the other's (Gatys et al., luminance-only transfer); to its own moments,
 * nothing but luma. */
void nst_colour_solve_luma(const nst_colour_moments *from, const nst_colour_moments *to, nst_colour_map *map);
/* Of picture (3, count); the result is clipped to 0..1. */
void nst_colour_apply(const nst_colour_map *map, nst_real *picture, size_t count);

/* As nst_image_match_colour(). */
int32_t nst_image_recolour(const nst_image *image, const nst_image *reference, nst_colour_method method, nst_image **out,
                           nst_error *error);

#endif
