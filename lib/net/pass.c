#include "net/pass.h"

#include <string.h>

#include "net/plan.h"

struct nst_pass {
    nst_pass_config config;
    nst_plan plan;
    void *slots[NST_MAX_LAYERS + 1];
    void *imported; /* the image in the kernels' layout, before preprocessing */
    void *gradients[2];
    void *workspace;
    bool tapped[NST_MAX_LAYERS];
};

static bool cancelled(const nst_pass *pass)
{
    return pass->config.cancel && atomic_load(pass->config.cancel);
}

static nst_shape shape_of(const nst_pass *pass, size_t layer)
{
    return nst_network_shape(pass->config.network, layer, pass->config.width, pass->config.height);
}

static void *output_of(const nst_pass *pass, size_t layer)
{
    return pass->slots[pass->plan.slot[layer]];
}

/* What the layer reads: the layer before, or the preprocessed image. */
static void *input_of(const nst_pass *pass, size_t layer)
{
    return layer ? output_of(pass, layer - 1) : pass->slots[0];
}

/* ---- making ---- */

static bool take_memory(nst_pass *pass)
{
    nst_memory *memory = &pass->config.ctx->memory;
    for (size_t i = 0; i < pass->plan.slot_count; i++)
        if (!(pass->slots[i] = nst_alloc(memory, pass->plan.slot_bytes[i]))) return false;
    if (pass->config.backward)
        for (int i = 0; i < 2; i++)
            if (!(pass->gradients[i] = nst_alloc(memory, pass->plan.widest))) return false;
    pass->imported = nst_alloc(memory, pass->plan.slot_bytes[0]);
    pass->workspace = nst_alloc(memory, pass->plan.workspace);
    return pass->imported && pass->workspace;
}

int32_t nst_pass_new(const nst_pass_config *config, nst_pass **out, nst_error *error)
{
    nst_pass *pass;
    nst_plan plan;
    int32_t status = nst_plan_make(config, &plan, error);
    *out = NULL;
    if (status < 0) return status;
    pass = nst_alloc_zero(&config->ctx->memory, sizeof *pass);
    if (!pass) return nst_fail_nomem(error, "the network's features");
    pass->config = *config;
    pass->plan = plan;
    memcpy(pass->tapped, config->tapped, config->network->layer_count * sizeof *config->tapped);
    pass->config.tapped = pass->tapped;
    if (!take_memory(pass)) {
        nst_pass_free(pass);
        return nst_fail_nomem(error, "the network's features");
    }
    *out = pass;
    return NST_OK;
}

void nst_pass_free(nst_pass *pass)
{
    nst_memory *memory;
    if (!pass) return;
    memory = &pass->config.ctx->memory;
    for (size_t i = 0; i < NST_MAX_LAYERS + 1; i++) nst_free(memory, pass->slots[i]);
    for (int i = 0; i < 2; i++) nst_free(memory, pass->gradients[i]);
    nst_free(memory, pass->imported);
    nst_free(memory, pass->workspace);
    nst_free(memory, pass);
}

/* ---- forward ---- */

static void forward_layer(nst_pass *pass, size_t i)
{
    const nst_kernels *kernels = pass->config.kernels;
    const nst_network *network = pass->config.network;
    const nst_layer *layer = &network->layers[i];
    nst_shape shape = shape_of(pass, i);
    const void *x = input_of(pass, i);
    void *y = output_of(pass, i);
    switch (layer->kind) {
    case NST_LAYER_CONV:
        kernels->conv_forward(pass->config.exec, &network->convs[layer->conv], shape.height, shape.width, x, y, pass->workspace);
        break;
    case NST_LAYER_RELU:
        if (x != y) memcpy(y, x, kernels->feature_bytes(shape));
        kernels->relu_forward(pass->config.exec, shape, y);
        break;
    case NST_LAYER_POOL:
        kernels->pool_forward(pass->config.exec, network->config.pooling, nst_network_pool_scale(&network->config),
                              shape_of(pass, i - 1), x, y);
        break;
    }
}

int32_t nst_pass_forward(nst_pass *pass, const nst_real *image, nst_observe_fn observe, void *user)
{
    const nst_pass_config *config = &pass->config;
    nst_shape shape = {3, config->height, config->width};
    config->kernels->import_planar(config->exec, shape, image, pass->imported);
    config->kernels->conv_forward(config->exec, &config->network->input, shape.height, shape.width, pass->imported, pass->slots[0],
                                  pass->workspace);
    for (size_t i = 0; i < pass->plan.depth; i++) {
        int32_t status;
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        forward_layer(pass, i);
        if (!pass->tapped[i]) continue;
        status = observe(user, i, shape_of(pass, i), output_of(pass, i));
        if (status < 0) return status;
    }
    return NST_OK;
}

/* ---- backward ---- */

/* `dy` is the gradient at the layer's output; returns where the gradient at its input lies: in place for a ReLU, else in `dx`. */
static void *backward_layer(nst_pass *pass, size_t i, void *dy, void *dx)
{
    const nst_kernels *kernels = pass->config.kernels;
    const nst_network *network = pass->config.network;
    const nst_layer *layer = &network->layers[i];
    nst_shape shape = shape_of(pass, i);
    switch (layer->kind) {
    case NST_LAYER_RELU: kernels->relu_backward(pass->config.exec, shape, output_of(pass, i), dy); return dy;
    case NST_LAYER_CONV:
        kernels->conv_backward(pass->config.exec, &network->convs[layer->conv], shape.height, shape.width, dy, dx, pass->workspace);
        return dx;
    case NST_LAYER_POOL:
        kernels->pool_backward(pass->config.exec, network->config.pooling, nst_network_pool_scale(&network->config),
                               shape_of(pass, i - 1), input_of(pass, i), output_of(pass, i), dy, dx);
        return dx;
    }
    return dx;
}

int32_t nst_pass_backward(nst_pass *pass, nst_inject_fn inject, void *user, nst_real *gradient)
{
    const nst_pass_config *config = &pass->config;
    nst_shape image = {3, config->height, config->width};
    void *current = pass->gradients[0], *other = pass->gradients[1];
    size_t last = pass->plan.depth - 1;
    memset(current, 0, config->kernels->feature_bytes(shape_of(pass, last)));
    for (size_t i = last + 1; i-- > 0;) {
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        if (pass->tapped[i]) {
            int32_t status = inject(user, i, shape_of(pass, i), output_of(pass, i), current);
            if (status < 0) return status;
        }
        if (backward_layer(pass, i, current, other) == other) {
            void *swap = current;
            current = other;
            other = swap;
        }
    }
    config->kernels->conv_backward(config->exec, &config->network->input, image.height, image.width, current, other,
                                   pass->workspace);
    config->kernels->export_planar(config->exec, image, other, gradient);
    return NST_OK;
}

const char *nst_pass_non_finite_layer(const nst_pass *pass)
{
    const nst_pass_config *config = &pass->config;
    for (size_t i = 0; i < pass->plan.depth; i++)
        if (!config->kernels->all_finite(config->exec, shape_of(pass, i), output_of(pass, i))) return config->network->layers[i].name;
    return NULL;
}
