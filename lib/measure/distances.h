/* Distances of a picture's features from those of its targets, at the layers that settings list. */
#ifndef NST_MEASURE_DISTANCES_H
#define NST_MEASURE_DISTANCES_H

#include "session/objective.h"

/* As in nst_measure_layer; NaN: not measured. */
typedef struct nst_distance {
    double content, style, retention;
} nst_distance;

/* picture (3, height, width): RGB 0..1. `distances` has an element for every layer of the network. Dialect and weights of
 * config->settings do not matter, nor do its room and look_only. NST_ERR_NUMERIC where features are not finite. */
int32_t nst_distances_measure(const nst_objective_config *config, const nst_real *picture, nst_distance *distances, nst_error *error);

#endif
