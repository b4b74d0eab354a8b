#include "weights/topology.h"

#include <stdio.h>

int nst_topology_block_size(bool vgg16, int block)
{
    if (block < 2) return 2;
    return vgg16 ? 3 : 4;
}

static void name_layer(nst_layer *layer, const char *kind, uint8_t block, uint8_t number)
{
    if (number > 0) snprintf(layer->name, sizeof layer->name, "%s%d_%d", kind, block + 1, number);
    else snprintf(layer->name, sizeof layer->name, "%s%d", kind, block + 1);
}

bool nst_topology_layer(const nst_weights *weights, size_t index, nst_layer *out)
{
    size_t conv = 0, position = 0;
    for (int block = 0; block < 5; block++) {
        int size = nst_topology_block_size(weights->vgg16, block), number;
        for (number = 1; number <= size && conv < weights->conv_count; number++, conv++, position += 2) {
            if (index != position && index != position + 1) continue;
            *out = (nst_layer){.kind = index == position ? NST_LAYER_CONV : NST_LAYER_RELU, .conv = conv,
                               .channels = weights->convs[conv].out_channels, .pools = block};
            name_layer(out, index == position ? "conv" : "relu", block, number);
            return true;
        }
        if (number <= size) break;
        if (index == position++) {
            *out = (nst_layer){.kind = NST_LAYER_POOL, .conv = conv - 1, .channels = weights->convs[conv - 1].out_channels,
                               .pools = block};
            name_layer(out, "pool", block, 0);
            return true;
        }
    }
    return false;
}
