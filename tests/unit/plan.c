/* Where features live while an image goes through the network, and that what is seen at a layer does not depend on what else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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
    nst_exec exec;
    nst_real image[3 * WIDTH * HEIGHT];
} world;

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    nst_network_config config = {NST_POOL_MAX, false, NST_PAD_ZERO, NST_PREPROCESSING_TORCH};
    nst_random random = {7};
    nst_error error;
    if (nst_ctx_new(NULL, &w->ctx) < 0 || nst_model_new_untrained(w->ctx, 2, 1, &w->model) < 0) return -1;
    if (nst_network_new(w->ctx, w->model, &config, w->model->layer_count - 1, &w->network, &error) < 0) return -1;
    w->exec = (nst_exec){run_here, NULL};
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
    return (nst_pass_config){w->ctx, nst_kernels_for(NST_CPU_REFERENCE), &w->exec, w->network, WIDTH, HEIGHT, tapped, backward, NULL};
}

static void random_taps(nst_random *random, size_t count, bool *tapped)
{
    memset(tapped, 0, NST_MAX_LAYERS * sizeof *tapped);
    for (size_t i = 0; i < count; i++) tapped[i] = nst_random_u64(random) % 4 == 0;
    tapped[nst_random_u64(random) % count] = true;
}

/* ---- the plan ---- */

/* A slot may be written again only when nobody needs what was in it. */
static void check_slots(const world *w, const nst_pass_config *config, const nst_plan *plan)
{
    for (size_t i = 0; i < plan->depth; i++) {
        nst_shape shape = nst_network_shape(w->network, i, WIDTH, HEIGHT);
        bool in_place = i > 0 && plan->slot[i] == plan->slot[i - 1];
        assert_true(plan->slot[i] > 0 && plan->slot[i] < plan->slot_count);
        assert_true(plan->slot_bytes[plan->slot[i]] >= config->kernels->feature_bytes(shape));
        assert_true(plan->widest >= config->kernels->feature_bytes(shape));
        if (in_place) assert_true(w->network->layers[i].kind == NST_LAYER_RELU && !config->tapped[i - 1]);
        if (!config->backward) continue;
        for (size_t k = 0; k + 1 < i; k++) /* all that is kept for the way back stays */
            assert_true(plan->slot[k] != plan->slot[i]);
    }
}

static void slots_hold_what_is_needed(void **state)
{
    world *w = *state;
    nst_random random = {42};
    for (int round = 0; round < 300; round++) {
        bool tapped[NST_MAX_LAYERS];
        nst_pass_config config = config_of(w, tapped, round % 2);
        nst_plan plan;
        nst_error error;
        size_t deepest = 0;
        random_taps(&random, w->network->layer_count, tapped);
        for (size_t i = 0; i < NST_MAX_LAYERS; i++)
            if (tapped[i]) deepest = i + 1;
        assert_int_equal(nst_plan_make(&config, &plan, &error), NST_OK);
        assert_int_equal(plan.depth, deepest);
        check_slots(w, &config, &plan);
    }
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
    uint64_t hash[NST_MAX_LAYERS];
    size_t order[NST_MAX_LAYERS], count;
    const nst_kernels *kernels;
} seen;

static uint64_t hash_features(const seen *s, nst_shape shape, const void *features)
{
    const unsigned char *bytes = features;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s->kernels->feature_bytes(shape); i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static int32_t look(void *user, size_t layer, nst_shape shape, const void *features)
{
    seen *s = user;
    s->hash[layer] = hash_features(s, shape, features);
    s->order[s->count++] = layer;
    return NST_OK;
}

static int32_t look_again(void *user, size_t layer, nst_shape shape, const void *features, void *gradient)
{
    seen *s = user;
    (void)gradient;
    assert_true(s->hash[layer] == hash_features(s, shape, features)); /* still what they were on the way forward */
    s->order[s->count++] = layer;
    return NST_OK;
}

static seen see(const world *w, const bool *tapped, bool backward)
{
    nst_pass_config config = config_of(w, tapped, backward);
    seen s = {.kernels = config.kernels};
    nst_pass *pass = NULL;
    nst_error error;
    nst_real gradient[3 * WIDTH * HEIGHT];
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_OK);
    for (size_t i = 1; i < s.count; i++) assert_true(s.order[i] > s.order[i - 1]);
    if (backward) {
        size_t count = s.count;
        s.count = 0;
        assert_int_equal(nst_pass_backward(pass, look_again, &s, gradient), NST_OK);
        assert_int_equal(s.count, count);
        for (size_t i = 1; i < s.count; i++) assert_true(s.order[i] < s.order[i - 1]);
        for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) assert_true(gradient[i] == 0); /* nothing was injected */
        assert_null(nst_pass_non_finite_layer(pass));
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
        for (size_t i = 0; i < NST_MAX_LAYERS; i++) assert_true(some.hash[i] == (tapped[i] ? whole.hash[i] : 0));
    }
}

static int32_t refuse(void *user, size_t layer, nst_shape shape, const void *features)
{
    (void)user;
    (void)shape;
    (void)features;
    return layer > 4 ? NST_ERR_NOMEM : NST_OK;
}

static void observers_and_cancelling_stop_a_pass(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[3] = true, [9] = true, [20] = true};
    nst_pass_config config = config_of(w, tapped, true);
    _Atomic int cancel = 0;
    seen s = {.kernels = config.kernels};
    nst_pass *pass = NULL;
    nst_error error;
    nst_real gradient[3 * WIDTH * HEIGHT];
    config.cancel = &cancel;
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    assert_int_equal(nst_pass_forward(pass, w->image, refuse, NULL), NST_ERR_NOMEM);
    cancel = 1;
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_ERR_CANCELLED);
    assert_int_equal(s.count, 0);
    cancel = 0;
    assert_int_equal(nst_pass_forward(pass, w->image, look, &s), NST_OK);
    cancel = 1;
    assert_int_equal(nst_pass_backward(pass, look_again, &s, gradient), NST_ERR_CANCELLED);
    assert_int_equal(s.count, 3);
    nst_pass_free(pass);
}

#define in_world(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(slots_hold_what_is_needed),
        in_world(the_smallest_image_is_named),
        in_world(features_do_not_depend_on_who_else_looks),
        in_world(observers_and_cancelling_stop_a_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
