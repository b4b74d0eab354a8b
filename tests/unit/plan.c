/* Where features live while an image goes through the network, and that what is seen at a layer does not depend on what else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "net/plan.h"
#include "nst/nst.h"

#define WIDTH 37
#define HEIGHT 33

typedef struct world {
    nst_ctx *ctx;
    nst_model *model;
    nst_network *network;
    nst_kernels kernels, fusing; /* the reference's, and these with a conv_pool_forward */
    nst_exec exec;
    nst_real image[3 * WIDTH * HEIGHT];
} world;

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

/* What the slot stands for. The reference's pool_backward takes a code of 4 for nowhere. */
static void conv_pool(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, nst_real scale, void *y,
                      void *codes, void *workspace)
{
    const nst_kernels *k = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    nst_shape shape = {conv->out_channels, height, width}, pooled = {conv->out_channels, height / 2, width / 2};
    void *z = malloc(k->feature_bytes(shape));
    k->conv_forward(exec, conv, height, width, x, true, NULL, z, workspace);
    k->pool_forward(exec, NST_POOL_MAX, scale, shape, z, y, codes);
    for (size_t i = 0; codes && i < nst_shape_count(pooled); i++)
        if (((nst_real *)y)[i] == 0) ((unsigned char *)codes)[i] = 4;
    free(z);
}

static nst_network *network_of(const world *w, nst_pool_mode pooling)
{
    nst_network_config config = {pooling, false, NST_PAD_ZERO, NST_PREPROCESSING_TORCH, true};
    nst_network *network = NULL;
    nst_error error;
    nst_network_new(w->ctx, w->model, &config, w->model->layer_count - 1, &w->kernels, &w->exec, &network, &error);
    return network;
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    nst_random random = {7};
    if (nst_ctx_new(NULL, &w->ctx) < 0 || nst_model_new_untrained(w->ctx, 2, 1, &w->model) < 0) return -1;
    w->exec = (nst_exec){run_here, NULL, 1};
    w->kernels = w->fusing = *nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    w->fusing.conv_pool_forward = conv_pool;
    w->network = network_of(w, NST_POOL_MAX);
    if (!w->network) return -1;
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) w->image[i] = (nst_real)nst_random_uniform(&random);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    nst_network_free(w->network);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
    free(w);
    return 0;
}

static nst_pass_config config_of(const world *w, const bool *tapped, bool backward)
{
    return (nst_pass_config){.ctx = w->ctx, .kernels = &w->kernels, .exec = &w->exec, .network = w->network, .width = WIDTH,
                             .height = HEIGHT, .tapped = tapped, .backward = backward};
}

static void random_taps(nst_random *random, size_t count, bool *tapped)
{
    memset(tapped, 0, NST_MAX_LAYERS * sizeof *tapped);
    for (size_t i = 0; i < count; i++) tapped[i] = nst_random_u64(random) % 4 == 0;
    tapped[nst_random_u64(random) % count] = true;
}

/* ---- the plan ---- */

static nst_shape shape_of(const nst_pass_config *config, size_t layer)
{
    return nst_network_shape(config->network, layer, config->width, config->height);
}

/* Steps cover the layers one after the other, end at every tapped one, and read what the step before wrote. */
static void check_steps(const nst_pass_config *config, const nst_plan *plan)
{
    size_t next = 0;
    assert_true(plan->front_count <= config->fronts);
    for (size_t i = 0; i < plan->front_count; i++) {
        assert_true(plan->fronts[i].begin == next && plan->fronts[i].end < plan->depth);
        next = plan->fronts[i].end;
    }
    assert_int_equal(plan->begin, next);
    for (size_t i = 0; i < plan->step_count; i++) {
        const nst_step *step = &plan->steps[i];
        assert_int_equal(step->first, next);
        assert_true(step->last >= step->first && step->last < plan->depth);
        for (size_t layer = step->first; layer < step->last; layer++) assert_false(config->tapped[layer]);
        assert_int_equal(step->from, i ? plan->steps[i - 1].to : plan->entered);
        assert_true(step->to != step->from || step->kind == NST_STEP_RELU);
        if (step->kind == NST_STEP_CONV_RELU_POOL) assert_true(config->kernels->conv_pool_forward != NULL);
        next = step->last + 1;
    }
    assert_int_equal(next, plan->depth);
}

/* What is kept has a buffer of its own, large enough; what is not takes turns. */
static void check_buffers(const nst_pass_config *config, const nst_plan *plan)
{
    size_t users[NST_MAX_BUFFERS] = {0}, sum = 0, notes = 0;
    for (size_t i = 0; i < plan->front_count; i++) users[plan->fronts[i].to]++;
    if (plan->front_count == 0) users[plan->entered]++;
    for (size_t i = 0; i < plan->step_count; i++) {
        const nst_step *step = &plan->steps[i];
        nst_shape shape = shape_of(config, step->last);
        bool l2 = config->network->config.pooling == NST_POOL_L2, pools = config->network->layers[step->last].kind == NST_LAYER_POOL;
        assert_true(plan->bytes[step->to] >= config->kernels->feature_bytes(shape));
        users[step->to]++;
        users[step->notes]++;
        if (step->notes != NST_BUFFER_NONE) notes += plan->bytes[step->notes];
        assert_true(nst_plan_is_note(plan, step->notes) == (step->notes != NST_BUFFER_NONE) && !nst_plan_is_note(plan, step->to));
        if (!config->backward) assert_true(step->to < NST_BUFFER_KEPT && step->notes == NST_BUFFER_NONE);
        else if ((config->tapped[step->last] || (l2 && pools)) && !step->again) assert_true(step->to >= NST_BUFFER_KEPT);
        if (config->backward && l2 && pools) assert_true(step->from >= NST_BUFFER_KEPT);
        if (config->backward && step->kind != NST_STEP_CONV && !(pools && config->network->config.pooling != NST_POOL_MAX))
            assert_int_equal(plan->bytes[step->notes], pools ? config->kernels->code_bytes(shape) : config->kernels->mask_bytes(shape));
    }
    for (size_t i = NST_BUFFER_KEPT; i < plan->buffer_count; i++) assert_int_equal(users[i], 1);
    for (size_t i = 0; i < plan->buffer_count; i++) sum += plan->bytes[i];
    assert_int_equal(nst_plan_bytes(plan), sum);
    assert_true(nst_plan_notes_bytes(plan) >= notes && nst_plan_work_bytes(plan) >= sum - notes);
}

static void plans_keep_what_is_needed(void **state)
{
    world *w = *state;
    nst_random random = {42};
    nst_network *networks[3];
    for (int i = 0; i < 3; i++) networks[i] = network_of(w, (nst_pool_mode)i);
    for (int round = 0; round < 600; round++) {
        bool tapped[NST_MAX_LAYERS];
        nst_pass_config config = config_of(w, tapped, round % 2);
        nst_plan plan;
        nst_error error;
        size_t deepest = 0;
        config.network = networks[round % 3];
        if (nst_random_u64(&random) % 2) config.kernels = &w->fusing;
        config.recompute = nst_random_u64(&random) % 2;
        config.fronts = nst_random_u64(&random) % (NST_MOST_FRONTS + 1);
        random_taps(&random, w->network->layer_count, tapped);
        for (size_t i = 0; i < NST_MAX_LAYERS; i++)
            if (tapped[i]) deepest = i + 1;
        assert_int_equal(nst_plan_make(&config, &plan, &error), NST_OK);
        assert_int_equal(plan.depth, deepest);
        check_steps(&config, &plan);
        check_buffers(&config, &plan);
    }
    for (int i = 0; i < 3; i++) nst_network_free(networks[i]);
}

/* With one layer tapped, the rest is bits and two buffers: less than the features of the convolutions and poolings. */
static void plans_are_small(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {false};
    nst_pass_config config = config_of(w, tapped, true);
    nst_plan plan;
    nst_error error;
    size_t features = 0;
    tapped[w->network->layer_count - 1] = true;
    assert_int_equal(nst_plan_make(&config, &plan, &error), NST_OK);
    for (size_t i = 0; i < plan.depth; i++)
        if (w->network->layers[i].kind != NST_LAYER_RELU) features += w->kernels.feature_bytes(shape_of(&config, i));
    assert_true(nst_plan_bytes(&plan) < features);
}

static void the_smallest_image_is_named(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < w->network->layer_count; i++) {
        bool tapped[NST_MAX_LAYERS] = {false};
        nst_pass_config config = config_of(w, tapped, true);
        nst_plan plan;
        nst_error error = {""};
        tapped[i] = true;
        config.width = (size_t)1 << (w->network->layers[i].pools + (w->network->layers[i].kind == NST_LAYER_POOL));
        config.height = config.width;
        assert_int_equal(nst_plan_make(&config, &plan, &error), NST_OK);
        config.height--;
        assert_int_equal(nst_plan_make(&config, &plan, &error), NST_ERR_INVALID_ARG);
        assert_non_null(strstr(error.text, w->network->layers[i].name));
    }
}

/* ---- the pass ---- */

typedef struct seen {
    uint64_t hash[NST_MAX_LAYERS], before[NST_MAX_LAYERS]; /* of a layer; of what its convolution has read */
    size_t order[NST_MAX_LAYERS], count;
    const nst_pass_config *config;
    nst_pass *pass;
} seen;

static uint64_t hash_features(const seen *s, nst_shape shape, const void *features)
{
    const unsigned char *bytes = features;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s->config->kernels->feature_bytes(shape); i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int32_t look(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    seen *s = user;
    size_t before;
    s->hash[layer] = hash_features(s, tile->shape, features);
    if (nst_network_before(s->config->network, layer, &before))
        s->before[layer] = hash_features(s, shape_of(s->config, before), nst_pass_features(s->pass, before));
    s->order[s->count++] = layer;
    return NST_OK;
}

static int32_t look_again(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient)
{
    seen *s = user;
    (void)gradient;
    assert_true(s->hash[layer] == hash_features(s, tile->shape, features)); /* still what they were on the way forward */
    for (size_t i = 0; i < NST_MAX_LAYERS; i++)
        if (s->hash[i]) assert_true(s->hash[i] == hash_features(s, shape_of(s->config, i), nst_pass_features(s->pass, i)));
    s->order[s->count++] = layer;
    return NST_OK;
}

static seen see(const world *w, const bool *tapped, bool backward)
{
    nst_pass_config config = config_of(w, tapped, backward);
    seen s = {.config = &config};
    nst_pass *pass = NULL;
    nst_error error;
    nst_real gradient[3 * WIDTH * HEIGHT];
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    s.pass = pass;
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_OK);
    for (size_t i = 1; i < s.count; i++) assert_true(s.order[i] > s.order[i - 1]);
    if (backward) {
        size_t count = s.count;
        s.count = 0;
        assert_int_equal(nst_pass_backward(pass, w->image, look_again, &s, gradient), NST_OK);
        assert_int_equal(s.count, count);
        for (size_t i = 1; i < s.count; i++) assert_true(s.order[i] < s.order[i - 1]);
        for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) assert_true(gradient[i] == 0); /* nothing was injected */
        assert_null(nst_pass_non_finite_layer(pass, w->image));
    }
    nst_pass_free(pass);
    return s;
}

static void features_do_not_depend_on_who_else_looks(void **state)
{
    world *w = *state;
    bool all[NST_MAX_LAYERS];
    nst_random random = {1};
    seen whole;
    memset(all, 1, sizeof all);
    whole = see(w, all, true);
    assert_int_equal(whole.count, w->network->layer_count);
    for (int round = 0; round < 40; round++) {
        bool tapped[NST_MAX_LAYERS];
        seen some;
        random_taps(&random, w->network->layer_count, tapped);
        some = see(w, tapped, round % 2);
        for (size_t i = 0; i < NST_MAX_LAYERS; i++) {
            size_t before;
            assert_true(some.hash[i] == (tapped[i] ? whole.hash[i] : 0));
            if (tapped[i] && nst_network_before(w->network, i, &before)) assert_true(some.before[i] == whole.hash[before]);
        }
    }
}

static void what_convolutions_read(void **state)
{
    static const char *const pairs[][2] = {{"relu1_1", NULL}, {"conv1_1", NULL}, {"pool1", NULL}, {"pool4", NULL}, {"conv1_2", "relu1_1"},
                                           {"relu1_2", "relu1_1"}, {"conv2_1", "pool1"}, {"relu3_4", "relu3_3"}, {"relu5_1", "pool4"}};
    world *w = *state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        size_t layer = 0, before;
        while (strcmp(w->network->layers[layer].name, pairs[i][0]) != 0) layer++;
        assert_true(nst_network_before(w->network, layer, &before) == (pairs[i][1] != NULL));
        if (pairs[i][1]) assert_string_equal(w->network->layers[before].name, pairs[i][1]);
    }
}

/* ---- the way back ---- */

/* Adds numbers that follow from the layer alone. */
static int32_t push(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient)
{
    const world *w = user;
    nst_random random = {layer};
    nst_shape shape = tile->shape;
    nst_real *planar = malloc(nst_shape_count(shape) * sizeof *planar);
    (void)features;
    w->kernels.export_planar(&w->exec, shape, gradient, planar);
    for (size_t i = 0; i < nst_shape_count(shape); i++) planar[i] += (nst_real)nst_random_normal(&random);
    w->kernels.import_planar(&w->exec, shape, planar, gradient);
    free(planar);
    return NST_OK;
}

static int32_t look_away(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    (void)user, (void)layer, (void)tile, (void)features;
    return NST_OK;
}

static void gradient_of(const world *w, const nst_pass_config *config, nst_real *gradient)
{
    nst_pass *pass = NULL;
    nst_error error;
    assert_int_equal(nst_pass_new(config, &pass, &error), NST_OK);
    assert_int_equal(nst_pass_forward(pass, w->image, look_away, NULL), NST_OK);
    assert_int_equal(nst_pass_backward(pass, w->image, push, (void *)(uintptr_t)w, gradient), NST_OK);
    nst_pass_free(pass);
}

static void gradients_do_not_depend_on_what_is_fused(void **state)
{
    world *w = *state;
    nst_random random = {5};
    nst_real plain[3 * WIDTH * HEIGHT], fused[3 * WIDTH * HEIGHT];
    for (int round = 0; round < 30; round++) {
        bool tapped[NST_MAX_LAYERS];
        nst_pass_config config = config_of(w, tapped, true);
        double norm = 0;
        random_taps(&random, w->network->layer_count, tapped);
        gradient_of(w, &config, plain);
        config.kernels = &w->fusing;
        gradient_of(w, &config, fused);
        assert_memory_equal(plain, fused, sizeof plain);
        for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) norm += (double)plain[i] * (double)plain[i];
        assert_true(norm > 0);
    }
}

static void the_first_non_finite_layer_is_named(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {false};
    nst_pass_config config = config_of(w, tapped, true);
    nst_pass *pass = NULL;
    nst_error error;
    nst_conv *conv = &w->network->convs[2];
    nst_real *bias = malloc(conv->out_channels * sizeof *bias);
    for (size_t i = 0; i < conv->out_channels; i++) bias[i] = -(nst_real)INFINITY; /* the ReLU hides it */
    conv->bias = bias;
    tapped[12] = true;
    config.kernels = &w->fusing;
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    assert_string_equal(nst_pass_non_finite_layer(pass, w->image), "conv2_1");
    nst_pass_free(pass);
    free(bias);
}

static int32_t refuse(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    (void)user;
    (void)tile;
    (void)features;
    return layer > 4 ? NST_ERR_NOMEM : NST_OK;
}

static void observers_and_cancelling_stop_a_pass(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[3] = true, [9] = true, [20] = true};
    nst_pass_config config = config_of(w, tapped, true);
    _Atomic int cancel = 0;
    seen s = {.config = &config};
    nst_pass *pass = NULL;
    nst_error error;
    nst_real gradient[3 * WIDTH * HEIGHT];
    config.cancel = &cancel;
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    s.pass = pass;
    assert_int_equal(nst_pass_forward(pass, w->image, refuse, NULL), NST_ERR_NOMEM);
    cancel = 1;
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_ERR_CANCELLED);
    assert_int_equal(s.count, 0);
    cancel = 0;
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_OK);
    cancel = 1;
    assert_int_equal(nst_pass_backward(pass, w->image, look_again, &s, gradient), NST_ERR_CANCELLED);
    assert_int_equal(s.count, 3);
    nst_pass_free(pass);
}

#define in_world(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(plans_keep_what_is_needed),
        in_world(plans_are_small),
        in_world(the_smallest_image_is_named),
        in_world(features_do_not_depend_on_who_else_looks),
        in_world(what_convolutions_read),
        in_world(gradients_do_not_depend_on_what_is_fused),
        in_world(the_first_non_finite_layer_is_named),
        in_world(observers_and_cancelling_stop_a_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
