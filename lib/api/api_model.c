/* Glue of nst/model.h. */
#include <string.h>

#include "api/structs.h"
#include "base/abi.h"
#include "weights/model.h"

/* Takes the weights over, whatever happens. */
static int32_t make_model(nst_ctx *ctx, nst_weights *weights, nst_model **out, nst_error *error)
{
    nst_model *model = nst_alloc_zero(&ctx->memory, sizeof *model);
    if (!model) {
        nst_weights_clear(weights);
        return nst_fail_nomem(error, "a model");
    }
    atomic_init(&model->references, 1);
    model->ctx = nst_ctx_ref(ctx);
    model->weights = *weights;
    while (nst_topology_layer(&model->weights, model->layer_count, &model->layers[model->layer_count])) model->layer_count++;
    *out = model;
    return NST_OK;
}

int32_t nst_model_open(nst_ctx *ctx, const char *name, nst_model **out)
{
    nst_weights weights;
    nst_error error;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!ctx) return NST_ERR_INVALID_ARG;
    status = nst_weights_open(ctx, name, &weights, &error);
    if (status >= 0) status = make_model(ctx, &weights, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

static int32_t load_bytes(nst_ctx *ctx, const void *data, size_t length, nst_model **out, nst_error *error)
{
    nst_weights weights;
    nst_bytes bytes;
    int32_t status;
    if (length > ctx->max_weights_size)
        return nst_fail(error, NST_ERR_LIMIT, "weights of %zu bytes, the limit is %zu", length, ctx->max_weights_size);
    nst_bytes_from_memory(&bytes, data, length);
    status = nst_weights_read(ctx, &bytes, "weights in memory", &weights, error);
    return status < 0 ? status : make_model(ctx, &weights, out, error);
}

int32_t nst_model_load_memory(nst_ctx *ctx, const void *data, uint64_t length, nst_model **out)
{
    nst_error error;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!ctx) return NST_ERR_INVALID_ARG;
    if (!data || length > SIZE_MAX)
        return nst_ctx_keep_error(ctx, nst_fail(&error, NST_ERR_INVALID_ARG, "nst_model_load_memory: no data"), &error);
    return nst_ctx_keep_error(ctx, load_bytes(ctx, data, (size_t)length, out, &error), &error);
}

int32_t nst_model_load_reader(nst_ctx *ctx, const nst_reader *reader, nst_model **out)
{
    nst_reader own;
    nst_error error;
    void *data = NULL;
    size_t length = 0;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!ctx) return NST_ERR_INVALID_ARG;
    status = nst_read_reader(reader, &own, &error);
    if (status >= 0) status = nst_reader_read_all(ctx, &own, ctx->max_weights_size, &data, &length, &error);
    if (status >= 0) status = load_bytes(ctx, data, length, out, &error);
    nst_free(&ctx->memory, data);
    return nst_ctx_keep_error(ctx, status, &error);
}

int32_t nst_model_new_untrained(nst_ctx *ctx, uint32_t width, uint64_t seed, nst_model **out)
{
    nst_weights weights;
    nst_error error;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!ctx) return NST_ERR_INVALID_ARG;
    if (width < 1 || width > 64)
        return nst_ctx_keep_error(ctx, nst_fail(&error, NST_ERR_INVALID_ARG, "width must be 1 to 64, not %u", (unsigned)width),
                                  &error);
    status = nst_weights_untrained(ctx, width, seed, &weights, &error);
    if (status >= 0) status = make_model(ctx, &weights, out, &error);
    return nst_ctx_keep_error(ctx, status, &error);
}

nst_model *nst_model_ref(nst_model *model)
{
    if (model) atomic_fetch_add(&model->references, 1);
    return model;
}

void nst_model_unref(nst_model *model)
{
    nst_ctx *ctx;
    if (!model || atomic_fetch_sub(&model->references, 1) != 1) return;
    ctx = model->ctx;
    nst_weights_clear(&model->weights);
    nst_free(&ctx->memory, model);
    nst_ctx_unref(ctx);
}

static uint64_t count_parameters(const nst_weights *weights)
{
    uint64_t count = weights->has_input_conv ? 12 : 0;
    for (size_t i = 0; i < weights->conv_count; i++)
        count += (uint64_t)weights->convs[i].out_channels * (weights->convs[i].in_channels * 9 + 1);
    return count;
}

int32_t nst_model_get_info(const nst_model *model, nst_model_info *info)
{
    nst_model_info own = {.size = sizeof own};
    const nst_weights *weights;
    if (!model) return NST_ERR_INVALID_ARG;
    weights = &model->weights;
    own.preprocessing = weights->preprocessing;
    own.padding = weights->padding;
    own.convolutions = (uint32_t)weights->conv_count;
    own.parameters = count_parameters(weights);
    own.has_input_convolution = weights->has_input_conv;
    memcpy(own.architecture, weights->vgg16 ? "vgg16" : "vgg19", sizeof "vgg19");
    memcpy(own.name, weights->name, sizeof own.name);
    memcpy(own.fingerprint, weights->fingerprint, sizeof own.fingerprint);
    memcpy(own.source, weights->source, sizeof own.source);
    return nst_abi_write(info, &own, sizeof own, NST_MODEL_INFO_FIRST_SIZE);
}

const char *nst_model_get_metadata(const nst_model *model, const char *key)
{
    return model && key ? nst_metadata_find(&model->weights.metadata, key) : NULL;
}

uint32_t nst_model_layer_count(const nst_model *model)
{
    return model ? (uint32_t)model->layer_count : 0;
}

const char *nst_model_layer_name(const nst_model *model, uint32_t index)
{
    return model && index < model->layer_count ? model->layers[index].name : NULL;
}

uint32_t nst_model_layer_channels(const nst_model *model, uint32_t index)
{
    return model && index < model->layer_count ? (uint32_t)model->layers[index].channels : 0;
}

int32_t nst_model_save(const nst_model *model, const char *path, int32_t preprocessing, const char *license, int32_t overwrite)
{
    nst_error error;
    int32_t status;
    if (!model) return NST_ERR_INVALID_ARG;
    if (!path || preprocessing < NST_PREPROCESSING_UNKNOWN || preprocessing > NST_PREPROCESSING_UNIT)
        status = nst_fail(&error, NST_ERR_INVALID_ARG, "nst_model_save: a path and a preprocessing of 0 to 3 are needed");
    else status = nst_weights_write(&model->weights, path, (nst_preprocessing)preprocessing, license, overwrite != 0, &error);
    return nst_ctx_keep_error(model->ctx, status, &error);
}

int32_t nst_weights_search(nst_ctx *ctx, const char *name, nst_weights_fn callback, void *user)
{
    nst_error error;
    if (!ctx || !callback) return NST_ERR_INVALID_ARG;
    return nst_ctx_keep_error(ctx, nst_weights_candidates(ctx, name, callback, user, &error), &error);
}

int32_t nst_weights_identify(nst_ctx *ctx, const char *path, nst_weights_identity *identity)
{
    nst_weights_identity own = {.size = sizeof own};
    nst_error error;
    int32_t status;
    if (!ctx) return NST_ERR_INVALID_ARG;
    if (!path) return nst_ctx_keep_error(ctx, nst_fail(&error, NST_ERR_INVALID_ARG, "nst_weights_identify: no path"), &error);
    status = nst_weights_identify_file(ctx, path, &own, &error);
    if (status < 0) return nst_ctx_keep_error(ctx, status, &error);
    status = nst_abi_write(identity, &own, sizeof own, NST_WEIGHTS_IDENTITY_FIRST_SIZE);
    if (status < 0) nst_fail(&error, status, "nst_weights_identify: not a valid nst_weights_identity");
    return nst_ctx_keep_error(ctx, status, &error);
}
