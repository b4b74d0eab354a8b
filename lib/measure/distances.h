/* Distances of a picture's features from those of its targets, at the layers that settings list. */
#ifndef NST_MEASURE_DISTANCES_H
#define NST_MEASURE_DISTANCES_H

#include "session/objective.h"

/* As in nst_measure_layer; NaN: not measured. */
typedef struct nst_distance {
    double content, style, retention;
} nst_distance;

/* For the content's features that are held at the same time, and for a way through the network: where they would take more, layers are
 * taken in groups and pictures in tiles. With VGG-19 neither has begun at 900x900 pixels. */
#define NST_DISTANCES_ROOM ((size_t)1 << 30)

/* picture (3, height, width): RGB 0..1. `distances` has an element for every layer of the network. Dialect and weights of
 * config->settings and its octaves do not matter. NST_ERR_NUMERIC where features are not finite. */
int32_t nst_distances_measure(const nst_objective_config *config, const nst_real *picture, nst_distance *distances, nst_error *error);

#endif
