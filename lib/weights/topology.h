/* The VGG topology as data: conv1_1, relu1_1, conv1_2, relu1_2, pool1, conv2_1, ... as far as the weights go. The one place that
 * knows where blocks end (Simonyan and Zisserman, arXiv:1409.1556, configurations D and E). */
#ifndef NST_WEIGHTS_TOPOLOGY_H
#define NST_WEIGHTS_TOPOLOGY_H

#include "weights/weights.h"

#define NST_MAX_LAYERS 37 /* 16 convolutions, 16 ReLUs, 5 poolings */

typedef enum nst_layer_kind { NST_LAYER_CONV, NST_LAYER_RELU, NST_LAYER_POOL } nst_layer_kind;

typedef struct nst_layer {
    char name[16];
    nst_layer_kind kind;
    size_t conv;     /* index of the convolution it is, or follows */
    size_t channels; /* of its output */
    int pools;       /* poolings before it: its output is 2^pools smaller than the image */
} nst_layer;

/* Convolutions in block 0..4. */
int nst_topology_block_size(bool vgg16, int block);
/* Layer `index` of those that `weights` can compute; a pooling counts when its whole block is there. False past the end. */
bool nst_topology_layer(const nst_weights *weights, size_t index, nst_layer *out);

#endif
