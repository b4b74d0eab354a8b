/* Self-similarity: which places of a picture are alike, whatever they look like (Kolkin, Salavon, Shakhnarovich, Style Transfer by
 * Relaxed Optimal Transport and Self-Similarity, CVPR 2019, equation 7). Formula: docs/measure.md. */
#ifndef NST_MEASURE_SIMILARITY_H
#define NST_MEASURE_SIMILARITY_H

#include "session/objective.h"

#define NST_SIMILARITY_SAMPLES 1024

/* A grid of positions in the middle of a layer (H, W), evenly apart: the finest with no more than NST_SIMILARITY_SAMPLES. */
typedef struct nst_similarity_grid {
    size_t row, column, step, across, down; /* rows row, row + step, ..., columns likewise */
} nst_similarity_grid;

nst_similarity_grid nst_similarity_sample(size_t width, size_t height);

/* Features (channels, count) of two pictures at the same places: how far their self-similarities are apart. They are scaled to length 1
 * on the way. `scratch`: 2 count doubles. NaN where all places of one of them are alike. */
double nst_similarity_difference(double *a, double *b, size_t channels, size_t count, double *scratch);

/* Of pictures (3, config->height, config->width) at one layer of the network. */
int32_t nst_similarity_measure(const nst_objective_config *config, size_t layer, const nst_real *picture, const nst_real *content,
                               double *difference, nst_error *error);

#endif
