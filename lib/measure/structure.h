/* What can be seen of a picture without a network: structural similarity, edges, and how fine its detail is, all on luma.
 *
 * Planes are (H, W) reals, luma 0..1. Windows of NST_WINDOW positions are looked at only where they lie wholly inside the plane; a plane
 * smaller than that has no measure (NaN). Formulas and sources: docs/measure.md. */
#ifndef NST_MEASURE_STRUCTURE_H
#define NST_MEASURE_STRUCTURE_H

#include "base/alloc.h"
#include "base/real.h"

#define NST_WINDOW 11 /* positions a side */

typedef struct nst_plane {
    size_t width, height;
    nst_real *values; /* (height, width) */
} nst_plane;

static inline size_t nst_plane_count(const nst_plane *plane)
{
    return plane->width * plane->height; /* of a picture that exists: no overflow */
}

/* Doubles of scratch memory that the measures of planes of this width want. */
static inline size_t nst_structure_scratch(size_t width)
{
    return 6 * width;
}

/* picture (3, H, W), RGB, to luma (H, W). */
void nst_plane_luma(const nst_real *picture, nst_plane *luma);
/* Gradient magnitudes of luma (H, W) by Sobel's operator, edges (H-2, W-2): 0..1. Both sides of luma are at least 3. */
void nst_plane_edges(const nst_plane *luma, nst_plane *edges);

/* Mean structural similarity of two planes (H, W) of one size (Wang, Bovik, Sheikh, Simoncelli 2004). */
double nst_structure_ssim(const nst_plane *a, const nst_plane *b, double *scratch);
/* Pearson's correlation of two planes (H, W) of one size; NaN where one of them is flat. */
double nst_structure_correlation(const nst_plane *a, const nst_plane *b);
/* Of the energy of a plane (H, W) around its mean, the share at or above 1/4 cycle a position, in either direction; 0 for a flat one. */
double nst_structure_high_frequency(const nst_plane *plane, double *scratch);

#endif
