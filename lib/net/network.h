/* The network as data: a list of layers down to the deepest one asked for, with the weights in the engine's arithmetic. Immutable. */
#ifndef NST_NET_NETWORK_H
#define NST_NET_NETWORK_H

#include "kernels/kernels.h"
#include "weights/model.h"
#include "weights/topology.h"

typedef struct nst_network_config {
    nst_pool_mode pooling;
    bool pooling_rescale; /* average x 2, L2 x 0.78: about the magnitude of max pooling (crowsonkb, style-transfer-pytorch) */
    nst_pad_mode padding;
    nst_preprocessing preprocessing;
    bool pack; /* filters are made ready for the kernels once; false: in every call, which saves their memory. Not part of what it is */
} nst_network_config;

typedef struct nst_network {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    nst_model *model;
    nst_network_config config;
    nst_layer layers[NST_MAX_LAYERS];
    size_t layer_count;
    /* RGB 0..1 to what conv1_1 expects, an affine map of three channels: a 1x1 convolution. Where the file has one of its own,
     * both are folded into one. */
    nst_conv input;
    nst_real input_weight[9], input_bias[3];
    nst_conv convs[NST_MAX_CONVS];
    size_t conv_count;
    nst_real *storage; /* the convolutions' numbers, where they had to be converted */
    void *packed;      /* what their `packed` lies in */
} nst_network;

/* Kernels' work on the context's threads. */
nst_exec nst_network_exec(nst_ctx *ctx);

/* Layers 0 .. `deepest` of the model. Where `kernels` is given and config->pack says so, filters are packed for it, both ways. */
int32_t nst_network_new(nst_ctx *ctx, nst_model *model, const nst_network_config *config, size_t deepest, const nst_kernels *kernels,
                        const nst_exec *exec, nst_network **out, nst_error *error);
nst_network *nst_network_ref(nst_network *network);
/* Gives one reference back; NULL is allowed. */
void nst_network_free(nst_network *network);
/* The same without memory, for asking about shapes and sizes: it can compute nothing, and nothing is to be freed. */
int32_t nst_network_describe(const nst_model *model, const nst_network_config *config, size_t deepest, const nst_kernels *kernels,
                             nst_network *out, nst_error *error);
/* What nst_network_new() takes. */
size_t nst_network_bytes(const nst_network *described, const nst_model *model, const nst_kernels *kernels);

/* Bytes that the packed filters of all layers take, or would take. */
size_t nst_network_packed_bytes(const nst_network *network, const nst_kernels *kernels);

/* Factor on the pooling's result. */
nst_real nst_network_pool_scale(const nst_network_config *config);
/* Whether the layers compute the same. */
bool nst_network_config_equal(const nst_network_config *a, const nst_network_config *b);

/* Poolings on the way to a layer's output: it has height >> that rows. */
static inline int nst_network_pools(const nst_network *network, size_t layer)
{
    return network->layers[layer].pools + (network->layers[layer].kind == NST_LAYER_POOL);
}

/* The layer that a layer's convolution reads; false: that is the image, or the layer is a pooling. */
bool nst_network_before(const nst_network *network, size_t layer, size_t *before);

/* Shape of a layer's output for an image of the given size; a dimension of 0 means the image is too small. */
nst_shape nst_network_shape(const nst_network *network, size_t layer, size_t width, size_t height);

#endif
