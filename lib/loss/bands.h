/* Parts of a picture: the positions of a layer have weights, a plane (H, W), and a loss sees features times these. Features are opaque, so
 * that the products are made by a kernel, a band of rows at a time; two bands lie in the loss's workspace. */
#ifndef NST_LOSS_BANDS_H
#define NST_LOSS_BANDS_H

#include "loss/loss.h"

/* Some rows of a tile, without the columns at both sides whose weights are all 0. */
typedef struct nst_band {
    nst_region region;       /* in the tile's features */
    size_t row, column;      /* where it begins in the layer */
    nst_shape shape;         /* (C, rows, columns): of the band as features of its own */
    const nst_real *weights; /* its first */
    size_t pitch;            /* of these: the layer's width */
} nst_band;

/* How many bytes a band of a layer takes at most, and where the second of two begins. */
size_t nst_band_bytes(const nst_loss_tools *tools, nst_shape shape);

/* The first band of a tile that has a weight other than 0, from row `*row` of its region on, which moves behind it; false: there is none
 * any more. */
bool nst_band_next(nst_shape shape, const nst_tile *tile, const nst_real *weights, size_t *row, nst_band *band);

/* to = weights o features of the band; gradient of the tile += weights o from. */
void nst_band_take(const nst_loss_tools *tools, const nst_tile *tile, const nst_band *band, const void *features, void *to);
void nst_band_give(const nst_loss_tools *tools, const nst_tile *tile, const nst_band *band, const void *from, void *gradient);

/* Zeros in the band's shape. */
void nst_band_clear(const nst_loss_tools *tools, const nst_band *band, void *features);

#endif
