#include "net/pass.h"

#include <string.h>

#include "net/plan.h"

struct nst_pass {
    nst_pass_config config;
    nst_plan plan;
    size_t taken[NST_MAX_BUFFERS]; /* bytes of the buffers, of the largest size */
    void *buffers[NST_MAX_BUFFERS];
    bool tapped[NST_MAX_LAYERS];
    void *spare; /* on the way back: a buffer that is free; else NULL */
};

static bool cancelled(const nst_pass *pass)
{
    return pass->config.cancel && atomic_load(pass->config.cancel);
}

static nst_shape shape_of(const nst_pass *pass, size_t layer)
{
    return nst_network_shape(pass->config.network, layer, pass->config.width, pass->config.height);
}

static const nst_conv *conv_of(const nst_pass *pass, size_t layer)
{
    return &pass->config.network->convs[pass->config.network->layers[layer].conv];
}

static nst_real pool_scale(const nst_pass *pass)
{
    return nst_network_pool_scale(&pass->config.network->config);
}

/* ---- making ---- */

static bool take_memory(nst_pass *pass)
{
    for (size_t i = NST_BUFFER_NONE + 1; i < pass->plan.buffer_count; i++)
        if (!(pass->buffers[i] = nst_alloc(&pass->config.ctx->memory, pass->plan.bytes[i]))) return false;
    memcpy(pass->taken, pass->plan.bytes, sizeof pass->taken);
    return true;
}

int32_t nst_pass_bytes(const nst_pass_config *config, size_t *bytes, size_t *recomputed, nst_error *error)
{
    nst_plan plan;
    int32_t status = nst_plan_make(config, &plan, error);
    if (status < 0) return status;
    *bytes = sizeof(nst_pass) + nst_plan_bytes(&plan);
    *recomputed = plan.steps[0].again;
    return NST_OK;
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
    pass->config.other_count = 0;
    if (!take_memory(pass)) {
        nst_pass_free(pass);
        return nst_fail_nomem(error, "the network's features");
    }
    *out = pass;
    return NST_OK;
}

void nst_pass_free(nst_pass *pass)
{
    if (!pass) return;
    for (size_t i = 0; i < NST_MAX_BUFFERS; i++) nst_free(&pass->config.ctx->memory, pass->buffers[i]);
    nst_free(&pass->config.ctx->memory, pass);
}

/* Which steps there are and in which buffers they work does not depend on the size. */
int32_t nst_pass_resize(nst_pass *pass, size_t width, size_t height)
{
    nst_pass_config config = pass->config;
    nst_plan plan;
    nst_error unused;
    int32_t status = NST_OK;
    if (width == config.width && height == config.height) return NST_OK;
    config.width = width;
    config.height = height;
    config.other_count = 0;
    status = nst_plan_make(&config, &plan, &unused);
    for (size_t i = 0; i < plan.buffer_count && status >= 0; i++)
        if (plan.bytes[i] > pass->taken[i]) status = NST_ERR_INTERNAL;
    if (status < 0) return status;
    pass->config = config;
    pass->plan = plan;
    return NST_OK;
}

/* ---- forward ---- */

static void run_conv(nst_pass *pass, const nst_conv *conv, nst_shape shape, const void *x, bool relu, void *mask, void *y)
{
    pass->config.kernels->conv_forward(pass->config.exec, conv, shape.height, shape.width, x, relu, mask, y,
                                       pass->buffers[NST_BUFFER_WORKSPACE]);
}

static void run_pool(nst_pass *pass, size_t layer, const void *x, void *y, void *codes)
{
    pass->config.kernels->pool_forward(pass->config.exec, pass->config.network->config.pooling, pool_scale(pass),
                                       shape_of(pass, layer - 1), x, y, codes);
}

/* The image, preprocessed, to where the first step reads it. */
static void *enter(nst_pass *pass, const nst_real *image)
{
    const nst_pass_config *config = &pass->config;
    nst_shape shape = {3, config->height, config->width};
    void *imported = pass->buffers[NST_BUFFER_TURN0], *entered = pass->buffers[pass->plan.entered];
    config->kernels->import_planar(config->exec, shape, image, imported);
    run_conv(pass, &config->network->input, shape, imported, false, NULL, entered);
    return entered;
}

static void forward_step(nst_pass *pass, const nst_step *step, void *y, void *notes)
{
    const nst_kernels *kernels = pass->config.kernels;
    nst_shape shape = shape_of(pass, step->first);
    const void *x = pass->buffers[step->from];
    switch (step->kind) {
    case NST_STEP_CONV: run_conv(pass, conv_of(pass, step->first), shape, x, false, NULL, y); break;
    case NST_STEP_CONV_RELU: run_conv(pass, conv_of(pass, step->first), shape, x, true, notes, y); break;
    case NST_STEP_CONV_RELU_POOL:
        kernels->conv_pool_forward(pass->config.exec, conv_of(pass, step->first), shape.height, shape.width, x, pool_scale(pass), y,
                                   notes, pass->buffers[NST_BUFFER_WORKSPACE]);
        break;
    case NST_STEP_RELU: kernels->relu_forward(pass->config.exec, shape, x, y, notes); break;
    case NST_STEP_POOL: run_pool(pass, step->first, x, y, notes); break;
    }
}

/* What the step had computed: kept, or computed again in the free buffer. */
static const void *output_of(nst_pass *pass, const nst_step *step)
{
    if (!step->again || !pass->spare) return pass->buffers[step->to];
    forward_step(pass, step, pass->spare, NULL);
    return pass->spare;
}

/* In a pass without a way back it is there still: no step has yet written to what the layer's convolution has read, a ReLU of its own
 * working in place. */
const void *nst_pass_features(nst_pass *pass, size_t layer)
{
    const nst_step *step = pass->plan.steps;
    while (step->last != layer) step++;
    return output_of(pass, step);
}

int32_t nst_pass_forward(nst_pass *pass, const nst_real *image, nst_observe_fn observe, void *user)
{
    pass->spare = NULL;
    enter(pass, image);
    for (size_t i = 0; i < pass->plan.step_count; i++) {
        const nst_step *step = &pass->plan.steps[i];
        int32_t status;
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        forward_step(pass, step, pass->buffers[step->to], pass->buffers[step->notes]);
        if (!pass->tapped[step->last]) continue;
        status = observe(user, step->last, shape_of(pass, step->last), pass->buffers[step->to]);
        if (status < 0) return status;
    }
    return NST_OK;
}

/* ---- backward ---- */

/* The buffers that take turns: in `at` is what has been computed, `other` is free. */
typedef struct turns {
    void *at, *other;
} turns;

static void turn(turns *g)
{
    void *swap = g->at;
    g->at = g->other;
    g->other = swap;
}

static void backward_conv(nst_pass *pass, const nst_conv *conv, nst_shape shape, const void *mask, turns *g)
{
    pass->config.kernels->conv_backward(pass->config.exec, conv, shape.height, shape.width, g->at, mask, g->other,
                                        pass->buffers[NST_BUFFER_WORKSPACE]);
    turn(g);
}

/* `layer` is the pooling; x and y are there for those that need them. */
static void backward_pool(nst_pass *pass, size_t layer, const nst_step *step, turns *g)
{
    bool alone = step->kind == NST_STEP_POOL;
    pass->config.kernels->pool_backward(pass->config.exec, pass->config.network->config.pooling, pool_scale(pass),
                                        shape_of(pass, layer - 1), alone ? pass->buffers[step->from] : NULL,
                                        alone ? pass->buffers[step->to] : NULL, pass->buffers[step->notes], g->at, g->other);
    turn(g);
}

/* From the gradient at the step's output to that at its input. */
static void backward_step(nst_pass *pass, const nst_step *step, turns *g)
{
    nst_shape shape = shape_of(pass, step->first);
    switch (step->kind) {
    case NST_STEP_CONV: backward_conv(pass, conv_of(pass, step->first), shape, NULL, g); break;
    case NST_STEP_CONV_RELU: backward_conv(pass, conv_of(pass, step->first), shape, pass->buffers[step->notes], g); break;
    case NST_STEP_CONV_RELU_POOL:
        backward_pool(pass, step->last, step, g); /* does the ReLU's part as well */
        backward_conv(pass, conv_of(pass, step->first), shape, NULL, g);
        break;
    case NST_STEP_RELU: pass->config.kernels->relu_backward(pass->config.exec, shape, pass->buffers[step->notes], g->at); break;
    case NST_STEP_POOL: backward_pool(pass, step->first, step, g); break;
    }
}

int32_t nst_pass_backward(nst_pass *pass, nst_inject_fn inject, void *user, nst_real *gradient)
{
    const nst_pass_config *config = &pass->config;
    nst_shape image = {3, config->height, config->width};
    turns g = {pass->buffers[NST_BUFFER_TURN0], pass->buffers[NST_BUFFER_TURN1]};
    memset(g.at, 0, config->kernels->feature_bytes(shape_of(pass, pass->plan.depth - 1)));
    for (size_t i = pass->plan.step_count; i-- > 0;) {
        const nst_step *step = &pass->plan.steps[i];
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        if (pass->tapped[step->last]) {
            int32_t status;
            pass->spare = g.other;
            status = inject(user, step->last, shape_of(pass, step->last), output_of(pass, step), g.at);
            if (status < 0) return status;
        }
        backward_step(pass, step, &g);
    }
    backward_conv(pass, &config->network->input, image, NULL, &g);
    config->kernels->export_planar(config->exec, image, g.at, gradient);
    return NST_OK;
}

/* ---- trouble ---- */

static void forward_layer(nst_pass *pass, size_t i, const void *x, void *y)
{
    nst_shape shape = shape_of(pass, i);
    switch (pass->config.network->layers[i].kind) {
    case NST_LAYER_CONV: run_conv(pass, conv_of(pass, i), shape, x, false, NULL, y); break;
    case NST_LAYER_RELU: pass->config.kernels->relu_forward(pass->config.exec, shape, x, y, NULL); break;
    case NST_LAYER_POOL: run_pool(pass, i, x, y, NULL); break;
    }
}

const char *nst_pass_non_finite_layer(nst_pass *pass, const nst_real *image)
{
    const nst_pass_config *config = &pass->config;
    turns features = {pass->buffers[NST_BUFFER_TURN1], pass->buffers[NST_BUFFER_TURN0]};
    const void *entered = enter(pass, image);
    for (size_t i = 0; i < pass->plan.depth; i++) {
        forward_layer(pass, i, i ? features.at : entered, features.other);
        turn(&features);
        if (!config->kernels->all_finite(config->exec, shape_of(pass, i), features.at)) return config->network->layers[i].name;
    }
    return NULL;
}
