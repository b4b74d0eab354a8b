#include "net/pass.h"

#include <string.h>

#include "base/size.h"
#include "net/front.h"
#include "net/plan.h"

struct nst_pass {
    nst_pass_config config;
    nst_plan plan;
    size_t taken[NST_MAX_BUFFERS]; /* bytes of the buffers, of the largest size */
    void *buffers[NST_MAX_BUFFERS];
    bool tapped[NST_MAX_LAYERS];
    nst_front *fronts[NST_MOST_FRONTS];
    void *band; /* that they work in */
    const void *left; /* the gradient at what the pass begins with, where that is no image */
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
    memcpy(pass->taken, pass->plan.bytes, sizeof pass->taken);
    for (size_t i = NST_BUFFER_NONE + 1; i < pass->plan.buffer_count && !pass->config.lent; i++)
        if (!(pass->buffers[i] = nst_alloc(&pass->config.ctx->memory, pass->plan.bytes[i]))) return false;
    return true;
}

int32_t nst_pass_bytes(const nst_pass_config *config, size_t *bytes, size_t *recomputed, nst_error *error)
{
    nst_plan plan;
    size_t own = sizeof(nst_pass), work = 0;
    int32_t status = nst_plan_make(config, &plan, error);
    if (status < 0) return status;
    *recomputed = plan.steps[0].again;
    for (size_t i = 0; i < plan.front_count; i++) {
        nst_front_size front;
        status = nst_front_measure(config, plan.fronts[i].begin, &front, error);
        if (status < 0) return status;
        own += front.own;
        if (front.work > work) work = front.work;
        *recomputed += front.recomputed;
    }
    *bytes = config->lent ? 0 : nst_plan_bytes(&plan);
    if (!nst_size_add(*bytes, own, bytes) || !nst_size_add(*bytes, work, bytes)) *bytes = SIZE_MAX; /* fits nowhere */
    return NST_OK;
}

/* They work one after the other, in the same memory. */
static int32_t make_fronts(nst_pass *pass, const nst_pass_config *config, nst_error *error)
{
    size_t work = 0;
    for (size_t i = 0; i < pass->plan.front_count; i++) {
        int32_t status = nst_front_new(config, pass->plan.fronts[i].begin, &pass->fronts[i], error);
        if (status < 0) return status;
        if (nst_front_work(pass->fronts[i]) > work) work = nst_front_work(pass->fronts[i]);
    }
    if (work == 0) return NST_OK;
    pass->band = nst_alloc(&config->ctx->memory, work);
    if (!pass->band) return nst_fail_nomem(error, "the network's features");
    for (size_t i = 0; i < pass->plan.front_count; i++) nst_front_lend(pass->fronts[i], pass->band);
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
    status = take_memory(pass) ? make_fronts(pass, config, error) : nst_fail_nomem(error, "the network's features");
    if (status < 0) nst_pass_free(pass);
    else *out = pass;
    return status;
}

void nst_pass_free(nst_pass *pass)
{
    if (!pass) return;
    for (size_t i = 0; i < pass->plan.front_count; i++) nst_front_free(pass->fronts[i]);
    nst_free(&pass->config.ctx->memory, pass->band);
    for (size_t i = 0; i < pass->plan.buffer_count && !pass->config.lent; i++)
        nst_free(&pass->config.ctx->memory, pass->buffers[i]);
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
    for (size_t i = 0; i < plan.front_count && status >= 0; i++) status = nst_front_resize(pass->fronts[i], width, height);
    if (status < 0) return status;
    pass->config = config;
    pass->plan = plan;
    return NST_OK;
}

/* ---- lent memory ---- */

void nst_pass_lend(nst_pass *pass, void *work, void *notes)
{
    unsigned char *next[2] = {work, notes};
    for (size_t i = NST_BUFFER_NONE + 1; i < pass->plan.buffer_count; i++) {
        bool note = nst_plan_is_note(&pass->plan, i);
        pass->buffers[i] = next[note];
        next[note] += nst_place_bytes(pass->plan.bytes[i]);
    }
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
static void enter(nst_pass *pass, const nst_real *image)
{
    const nst_pass_config *config = &pass->config;
    nst_shape shape = {3, config->height, config->width};
    void *imported = pass->buffers[NST_BUFFER_TURN0], *entered = pass->buffers[pass->plan.entered];
    config->kernels->import_planar(config->exec, shape, image, imported);
    run_conv(pass, &config->network->input, shape, imported, false, NULL, entered);
}

void *nst_pass_entry(nst_pass *pass)
{
    return pass->buffers[pass->plan.entered];
}

const void *nst_pass_gradient(const nst_pass *pass)
{
    return pass->left;
}

/* What a front reads: the image, or the output of the one before. */
static const void *input_of(const nst_pass *pass, size_t front, const nst_real *image)
{
    return front == 0 ? (const void *)image : pass->buffers[pass->plan.fronts[front - 1].to];
}

/* A layer's features, the whole of them, to whoever looks. */
static int32_t show(nst_pass *pass, size_t layer, size_t buffer, nst_observe_fn observe, void *user)
{
    nst_tile tile = nst_tile_whole(shape_of(pass, layer));
    return pass->tapped[layer] && observe ? observe(user, layer, &tile, pass->buffers[buffer]) : NST_OK;
}

/* Into the buffer that the first step reads. */
static int32_t begin(nst_pass *pass, const nst_real *image, nst_observe_fn observe, void *user)
{
    const nst_plan *plan = &pass->plan;
    int32_t status = NST_OK;
    for (size_t i = 0; i < plan->front_count && status >= 0; i++) {
        const nst_plan_front *front = &plan->fronts[i];
        status = nst_front_forward(pass->fronts[i], input_of(pass, i, image), observe, user, pass->buffers[front->to]);
        if (status >= 0) status = show(pass, front->end - 1, front->to, observe, user);
    }
    if (plan->front_count == 0 && pass->config.begin == 0) enter(pass, image);
    return status;
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
    for (size_t i = 0; i < pass->plan.front_count; i++) {
        if (layer + 1 == pass->plan.fronts[i].end) return pass->buffers[pass->plan.fronts[i].to];
        if (layer < pass->plan.fronts[i].end) return nst_front_features(pass->fronts[i], layer);
    }
    while (step->last != layer) step++;
    return output_of(pass, step);
}

int32_t nst_pass_forward(nst_pass *pass, const nst_real *image, nst_observe_fn observe, void *user)
{
    int32_t status;
    pass->spare = NULL;
    status = begin(pass, image, observe, user);
    for (size_t i = 0; i < pass->plan.step_count && status >= 0; i++) {
        const nst_step *step = &pass->plan.steps[i];
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        forward_step(pass, step, pass->buffers[step->to], pass->buffers[step->notes]);
        status = show(pass, step->last, step->to, observe, user);
    }
    return status;
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

/* Gradients that enter at a layer, to what has come down to its output. */
static int32_t take_in(nst_pass *pass, size_t layer, nst_inject_fn inject, void *user, const turns *g)
{
    nst_tile tile = nst_tile_whole(shape_of(pass, layer));
    if (!pass->tapped[layer]) return NST_OK;
    pass->spare = g->other;
    return inject(user, layer, &tile, nst_pass_features(pass, layer), g->at);
}

static int32_t leave_by_fronts(nst_pass *pass, const nst_real *image, nst_inject_fn inject, void *user, turns *g, nst_real *gradient)
{
    int32_t status = NST_OK;
    for (size_t i = pass->plan.front_count; i-- > 0 && status >= 0;) {
        status = take_in(pass, pass->plan.fronts[i].end - 1, inject, user, g);
        if (status >= 0)
            status = nst_front_backward(pass->fronts[i], input_of(pass, i, image), g->at, inject, user, i ? g->other : gradient);
        turn(g);
    }
    return status;
}

/* From the gradient at what the first step reads to that at the pixels, or at what the pass begins with. */
static int32_t leave(nst_pass *pass, const nst_real *image, nst_inject_fn inject, void *user, turns *g, nst_real *gradient)
{
    const nst_pass_config *config = &pass->config;
    nst_shape shape = {3, config->height, config->width};
    pass->left = g->at;
    if (pass->plan.front_count > 0) return leave_by_fronts(pass, image, inject, user, g, gradient);
    if (config->begin > 0) return NST_OK;
    backward_conv(pass, &config->network->input, shape, NULL, g);
    config->kernels->export_planar(config->exec, shape, g->at, gradient);
    return NST_OK;
}

int32_t nst_pass_backward(nst_pass *pass, const nst_real *image, nst_inject_fn inject, void *user, nst_real *gradient)
{
    turns g = {pass->buffers[NST_BUFFER_TURN0], pass->buffers[NST_BUFFER_TURN1]};
    memset(g.at, 0, pass->config.kernels->feature_bytes(shape_of(pass, pass->plan.depth - 1)));
    for (size_t i = pass->plan.step_count; i-- > 0;) {
        const nst_step *step = &pass->plan.steps[i];
        int32_t status;
        if (cancelled(pass)) return NST_ERR_CANCELLED;
        status = take_in(pass, step->last, inject, user, &g);
        if (status < 0) return status;
        backward_step(pass, step, &g);
    }
    return leave(pass, image, inject, user, &g, gradient);
}

void nst_pass_return_to(nst_pass *pass, const nst_real *image)
{
    if (pass->plan.steps[0].again && pass->config.begin == 0) enter(pass, image);
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
    const void *entered = pass->buffers[pass->plan.entered];
    if (begin(pass, image, NULL, NULL) < 0) return NULL;
    for (size_t i = 0; i < pass->plan.front_count; i++) {
        const char *name = nst_front_non_finite_layer(pass->fronts[i], input_of(pass, i, image));
        if (name) return name;
    }
    for (size_t i = pass->plan.begin; i < pass->plan.depth; i++) {
        forward_layer(pass, i, i > pass->plan.begin ? features.at : entered, features.other);
        turn(&features);
        if (!config->kernels->all_finite(config->exec, shape_of(pass, i), features.at)) return config->network->layers[i].name;
    }
    return NULL;
}
