/* Rows of interleaved samples, as files and callers have them, into the planes of an image and back. Samples may be unaligned. */
#ifndef NST_IMAGE_ROWS_H
#define NST_IMAGE_ROWS_H

#include "base/real.h"
#include "image/image.h"

/* Where the rows of a file go in an image that stands as its EXIF orientation (1..8) says. */
typedef struct nst_rows {
    nst_image *image;
    size_t width, height;           /* as stored in the file */
    ptrdiff_t origin, step, pitch;  /* in a plane: of the first sample, from sample to sample, from row to row */
} nst_rows;

/* The image has the sides of the file, exchanged for orientations 5 to 8. */
void nst_rows_init(nst_rows *rows, nst_image *image, int orientation);
/* One row of `rows->width` pixels. Values outside 0..1 are clipped. `channels` 1 to 4 as in nst_image_desc. */
void nst_rows_put(const nst_rows *rows, size_t y, uint32_t format, uint32_t channels, const void *row);
/* One row of the image, rounded to the nearest value of the format. */
void nst_rows_get(const nst_image *image, size_t y, uint32_t format, uint32_t channels, void *row);

/* Rec.601 luma, as a step away from green: of gray it is exactly that gray. */
static inline nst_real nst_luma(nst_real red, nst_real green, nst_real blue)
{
    return green + (nst_real)0.299 * (red - green) + (nst_real)0.114 * (blue - green);
}

/* A colour under alpha as it is seen over white. */
static inline nst_real nst_over_white(nst_real colour, nst_real alpha)
{
    return 1 - alpha * (1 - colour);
}

/* NaN becomes 0. */
static inline nst_real nst_clip_unit(nst_real value)
{
    return value > 0 ? value < 1 ? value : 1 : 0;
}

/* Bytes of one sample of an nst_format; 0 for an unknown one. */
size_t nst_sample_size(uint32_t format);
bool nst_row_has_nan(const void *row, size_t samples);

#endif
