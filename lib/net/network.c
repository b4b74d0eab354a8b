#include "net/network.h"

#include <string.h>

#include "base/size.h"

static void run_on_context(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    nst_run(user, job, data, count);
}

nst_exec nst_network_exec(nst_ctx *ctx)
{
    return (nst_exec){run_on_context, ctx, nst_strands(ctx)};
}

/* Affine maps y = A x + b from RGB 0..1. */
static const struct {
    double scale[3], mean[3]; /* y = (x scale - mean) in output channel order */
    int from[3];              /* output channel i reads colour from[i] */
} preprocessings[] = {
    [NST_PREPROCESSING_TORCH] = {{1 / 0.229, 1 / 0.224, 1 / 0.225}, {0.485 / 0.229, 0.456 / 0.224, 0.406 / 0.225}, {0, 1, 2}},
    [NST_PREPROCESSING_CAFFE] = {{255, 255, 255}, {103.939, 116.779, 123.68}, {2, 1, 0}},
    [NST_PREPROCESSING_UNIT] = {{1, 1, 1}, {0, 0, 0}, {0, 1, 2}},
};

/* matrix (3, 3) and bias (3) of the preprocessing, followed by the file's own 1x1 convolution if it has one. */
static void fold_input(const nst_weights *weights, nst_preprocessing preprocessing, nst_real matrix[9], nst_real bias[3])
{
    const float *weight = weights->has_input_conv ? weights->input_conv.weight : NULL;
    for (int out = 0; out < 3; out++) {
        double row[3] = {0, 0, 0}, sum = weight ? (double)weights->input_conv.bias[out] : 0;
        for (int mid = 0; mid < 3; mid++) {
            double w = weight ? (double)weight[3 * out + mid] : (out == mid);
            row[preprocessings[preprocessing].from[mid]] += w * preprocessings[preprocessing].scale[mid];
            sum -= w * preprocessings[preprocessing].mean[mid];
        }
        for (int in = 0; in < 3; in++) matrix[3 * out + in] = (nst_real)row[in];
        bias[out] = (nst_real)sum;
    }
}

#ifdef NST_REAL_DOUBLE
static size_t conv_values(const nst_conv_weights *conv)
{
    return conv->out_channels * (conv->in_channels * conv->size * conv->size + 1);
}

static const nst_real *convert(const float *from, size_t count, nst_real **to)
{
    nst_real *begin = *to;
    for (size_t i = 0; i < count; i++) begin[i] = (nst_real)from[i];
    *to += count;
    return begin;
}

static size_t converted_values(const nst_weights *weights, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += conv_values(&weights->convs[i]);
    return total;
}

static int32_t take_convs(nst_network *network, const nst_weights *weights, size_t count, nst_error *error)
{
    size_t total = converted_values(weights, count);
    nst_real *to;
    to = network->storage = nst_alloc_array(&network->ctx->memory, total, sizeof *to);
    if (!to) return nst_fail_nomem(error, "the weights");
    for (size_t i = 0; i < count; i++) {
        const nst_conv_weights *from = &weights->convs[i];
        network->convs[i].weight = convert(from->weight, conv_values(from) - from->out_channels, &to);
        network->convs[i].bias = convert(from->bias, from->out_channels, &to);
    }
    return NST_OK;
}
#else
static size_t converted_values(const nst_weights *weights, size_t count)
{
    (void)weights;
    (void)count;
    return 0;
}

/* The model's own arrays serve as they are. */
static int32_t take_convs(nst_network *network, const nst_weights *weights, size_t count, nst_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++) {
        network->convs[i].weight = weights->convs[i].weight;
        network->convs[i].bias = weights->convs[i].bias;
    }
    return NST_OK;
}
#endif

static int32_t fill(nst_network *network, const nst_weights *weights, size_t deepest, nst_error *error)
{
    size_t convs = 0;
    for (size_t i = 0; i <= deepest; i++, network->layer_count++) {
        if (!nst_topology_layer(weights, i, &network->layers[i]))
            return nst_fail(error, NST_ERR_INTERNAL, "layer %zu is beyond the model", i);
        convs = network->layers[i].conv + 1;
    }
    for (size_t i = 0; i < convs; i++) {
        const nst_conv_weights *from = &weights->convs[i];
        network->convs[i] = (nst_conv){from->in_channels, from->out_channels, from->size, network->config.padding, NULL, NULL,
                                       {NULL, NULL}};
    }
    network->conv_count = convs;
    fold_input(weights, network->config.preprocessing, network->input_weight, network->input_bias);
    network->input = (nst_conv){3, 3, 1, NST_PAD_ZERO, network->input_weight, network->input_bias, {NULL, NULL}};
    return NST_OK;
}

/* ---- packed filters ---- */

static size_t padded(size_t bytes)
{
    return (bytes + NST_ALIGNMENT - 1) / NST_ALIGNMENT * NST_ALIGNMENT;
}

/* The weights exist, and packed they are a few times as large: these sums do not overflow. */
size_t nst_network_packed_bytes(const nst_network *network, const nst_kernels *kernels)
{
    size_t bytes = 0;
    for (int way = NST_FORWARD; way <= NST_BACKWARD; way++) {
        bytes += padded(kernels->conv_packed_bytes(&network->input, (nst_direction)way));
        for (size_t i = 0; i < network->conv_count; i++)
            bytes += padded(kernels->conv_packed_bytes(&network->convs[i], (nst_direction)way));
    }
    return bytes;
}

static char *pack_conv(const nst_kernels *kernels, const nst_exec *exec, nst_conv *conv, char *to)
{
    for (int way = NST_FORWARD; way <= NST_BACKWARD; way++) {
        size_t bytes = kernels->conv_packed_bytes(conv, (nst_direction)way);
        if (bytes == 0) continue;
        kernels->conv_pack(exec, conv, (nst_direction)way, to);
        conv->packed[way] = to;
        to += padded(bytes);
    }
    return to;
}

static int32_t pack(nst_network *network, const nst_kernels *kernels, const nst_exec *exec, nst_error *error)
{
    size_t bytes = nst_network_packed_bytes(network, kernels);
    char *to;
    if (bytes == 0) return NST_OK;
    network->packed = nst_alloc(&network->ctx->memory, bytes);
    if (!network->packed) return nst_fail_nomem(error, "the weights");
    to = pack_conv(kernels, exec, &network->input, network->packed);
    for (size_t i = 0; i < network->conv_count; i++) to = pack_conv(kernels, exec, &network->convs[i], to);
    return NST_OK;
}

/* ---- making ---- */

int32_t nst_network_new(nst_ctx *ctx, nst_model *model, const nst_network_config *config, size_t deepest, const nst_kernels *kernels,
                        const nst_exec *exec, nst_network **out, nst_error *error)
{
    nst_network *network = nst_alloc_zero(&ctx->memory, sizeof *network);
    int32_t status;
    *out = NULL;
    if (!network) return nst_fail_nomem(error, "the network");
    network->ctx = ctx;
    network->model = nst_model_ref(model);
    network->config = *config;
    atomic_init(&network->references, 1);
    status = fill(network, &model->weights, deepest, error);
    if (status >= 0) status = take_convs(network, &model->weights, network->conv_count, error);
    if (status >= 0 && kernels && config->pack) status = pack(network, kernels, exec, error);
    if (status < 0) nst_network_free(network);
    else *out = network;
    return status;
}

nst_network *nst_network_ref(nst_network *network)
{
    if (network) atomic_fetch_add(&network->references, 1);
    return network;
}

void nst_network_free(nst_network *network)
{
    if (!network || atomic_fetch_sub(&network->references, 1) != 1) return;
    nst_model_unref(network->model);
    nst_free(&network->ctx->memory, network->packed);
    nst_free(&network->ctx->memory, network->storage);
    nst_free(&network->ctx->memory, network);
}

/* That filters will be packed is told by pointers that point nowhere in particular. */
static void mark_packed(nst_conv *conv, const nst_kernels *kernels)
{
    for (int way = NST_FORWARD; way <= NST_BACKWARD; way++)
        if (kernels->conv_packed_bytes(conv, (nst_direction)way) > 0) conv->packed[way] = conv;
}

int32_t nst_network_describe(const nst_model *model, const nst_network_config *config, size_t deepest, const nst_kernels *kernels,
                             nst_network *out, nst_error *error)
{
    int32_t status;
    memset(out, 0, sizeof *out);
    out->config = *config;
    status = fill(out, &model->weights, deepest, error);
    if (status < 0 || !config->pack) return status;
    mark_packed(&out->input, kernels);
    for (size_t i = 0; i < out->conv_count; i++) mark_packed(&out->convs[i], kernels);
    return NST_OK;
}

size_t nst_network_bytes(const nst_network *described, const nst_model *model, const nst_kernels *kernels)
{
    size_t packed = described->config.pack ? nst_network_packed_bytes(described, kernels) : 0;
    return sizeof *described + converted_values(&model->weights, described->conv_count) * sizeof(nst_real) + packed;
}

nst_real nst_network_pool_scale(const nst_network_config *config)
{
    if (!config->pooling_rescale || config->pooling == NST_POOL_MAX) return 1;
    return config->pooling == NST_POOL_AVERAGE ? (nst_real)2 : (nst_real)0.78;
}

bool nst_network_config_equal(const nst_network_config *a, const nst_network_config *b)
{
    return a->pooling == b->pooling && a->pooling_rescale == b->pooling_rescale && a->padding == b->padding &&
           a->preprocessing == b->preprocessing;
}

bool nst_network_before(const nst_network *network, size_t layer, size_t *before)
{
    size_t conv = network->layers[layer].kind == NST_LAYER_RELU ? layer - 1 : layer;
    if (conv == 0 || network->layers[layer].kind == NST_LAYER_POOL) return false;
    *before = conv - 1;
    return true;
}

nst_shape nst_network_shape(const nst_network *network, size_t layer, size_t width, size_t height)
{
    int pools = nst_network_pools(network, layer);
    return (nst_shape){network->layers[layer].channels, height >> pools, width >> pools};
}
