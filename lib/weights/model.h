/* The inside of a model, for the rooms that compute with it. */
#ifndef NST_WEIGHTS_MODEL_H
#define NST_WEIGHTS_MODEL_H

#include "weights/topology.h"
#include "weights/weights.h"

struct nst_model {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    nst_weights weights;
    nst_layer layers[NST_MAX_LAYERS];
    size_t layer_count;
};

#endif
