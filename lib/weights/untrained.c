/* The VGG-19 topology with seeded random filters, N(0, 2 / fan-in) (He et al. 2015, arXiv:1502.01852), biases 0. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "weights/identity.h"
#include "weights/load.h"
#include "weights/topology.h"

static void fill(nst_conv_weights *conv, nst_random *random)
{
    size_t count = conv->out_channels * conv->in_channels * 9;
    double deviation = sqrt(2.0 / (double)(conv->in_channels * 9));
    for (size_t i = 0; i < count; i++) conv->weight[i] = (float)(deviation * nst_random_normal(random));
    memset(conv->bias, 0, conv->out_channels * sizeof *conv->bias);
}

int32_t nst_weights_untrained(nst_ctx *ctx, size_t width, uint64_t seed, nst_weights *out, nst_error *error)
{
    static const size_t factors[] = {1, 2, 4, 8, 8};
    nst_random random = {seed};
    size_t in_channels = 3;
    *out = (nst_weights){.ctx = ctx, .source = "untrained", .name = "untrained", .preprocessing = NST_PREPROCESSING_TORCH,
                         .padding = NST_PADDING_ZERO};
    for (int block = 0; block < 5; block++) {
        for (int i = 0; i < nst_topology_block_size(false, block); i++) {
            nst_conv_weights *conv = &out->convs[out->conv_count++];
            int32_t status = nst_conv_weights_alloc(ctx, width * factors[block], in_channels, 3, conv, error);
            if (status < 0) {
                nst_weights_clear(out);
                return status;
            }
            fill(conv, &random);
            in_channels = conv->out_channels;
        }
    }
    nst_weights_make_fingerprint(out);
    return NST_OK;
}
