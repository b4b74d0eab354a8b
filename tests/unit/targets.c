/* The cache of target statistics: computed once, shared, kept apart by all that they depend on, whole or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../support/failing_allocator.h"
#include "nst/nst.h"
#include "session/targets.h"

typedef struct world world;
struct world {
    failing_allocator memory;
    nst_ctx *ctx;
    nst_model *model;
    nst_image *content, *style;
    nst_targets *targets;
    nst_exec exec;
    nst_loss_tools tools;
    uint32_t runs; /* of jobs: did anything compute? */
    void (*meanwhile)(world *w); /* done once, inside the next run of jobs */
    int32_t other; /* what another session got there */
};

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    world *w = user;
    void (*meanwhile)(world *w) = w->meanwhile;
    w->runs++;
    w->meanwhile = NULL;
    if (meanwhile) meanwhile(w);
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static nst_image *picture(nst_ctx *ctx, uint32_t width, uint32_t height, unsigned seed)
{
    unsigned char samples[64 * 64 * 3];
    nst_image_desc desc;
    nst_image *image = NULL;
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = width;
    desc.height = height;
    desc.channels = 3;
    for (uint32_t i = 0; i < width * height * 3; i++) samples[i] = (unsigned char)((seed = seed * 1664525u + 1013904223u) >> 24);
    assert_int_equal(nst_image_new(ctx, &desc, samples, &image), NST_OK);
    return image;
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    nst_allocator hooks = failing_allocator_hooks(&w->memory);
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 1;
    config.allocator = &hooks;
    if (nst_ctx_new(&config, &w->ctx) < 0 || nst_model_new_untrained(w->ctx, 2, 1, &w->model) < 0) return -1;
    w->content = picture(w->ctx, 24, 20, 1);
    w->style = picture(w->ctx, 20, 24, 2);
    w->exec = (nst_exec){run_here, w, 1};
    w->tools = (nst_loss_tools){.kernels = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32), .exec = &w->exec, .laplacian_pool = 4};
    *state = w;
    return nst_targets_new(w->model, w->content, &w->style, 1, &w->targets);
}

static int teardown(void **state)
{
    world *w = *state;
    uint64_t live;
    nst_targets_unref(w->targets);
    nst_image_unref(w->content);
    nst_image_unref(w->style);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
    live = w->memory.live;
    free(w);
    return live != 0;
}

static nst_network *network_of(world *w, nst_network_config config)
{
    nst_network *network = NULL;
    nst_error error;
    assert_int_equal(nst_network_new(w->ctx, w->model, &config, w->model->layer_count - 1, w->tools.kernels, &w->exec, &network, &error),
                     NST_OK);
    return network;
}

static const nst_network_config plain = {NST_POOL_MAX, false, NST_PAD_ZERO, NST_PREPROCESSING_TORCH, true};
static const nst_target_request requests[] = {{&nst_loss_gram, 1}, {&nst_loss_gram, 6}, {&nst_loss_content, 6}, {&nst_loss_tv, NST_PIXELS}};

static nst_target_job job_of(world *w, const nst_network *network, int image, size_t width, size_t height)
{
    return (nst_target_job){.tools = &w->tools, .network = network, .image = image, .width = width, .height = height, .room = SIZE_MAX,
                            .requests = requests, .count = 4};
}

static int32_t prepare(world *w, const nst_network *network, int image, size_t width, size_t height, const _Atomic int *cancel)
{
    nst_error error;
    nst_target_job job = job_of(w, network, image, width, height);
    w->runs = 0;
    return nst_targets_prepare(w->targets, &job, cancel, &error);
}

static const void *find(world *w, const nst_network_config *config, int image, size_t width, size_t height, int request)
{
    nst_network network = {.config = *config};
    nst_target_job job = job_of(w, &network, image, width, height);
    return nst_targets_find(w->targets, &job, (size_t)request);
}

static void statistics_are_computed_once(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    nst_target_job job = job_of(w, network, NST_CONTENT_IMAGE, 24, 20);
    const void *first[4];
    nst_error error;
    for (int i = 0; i < 4; i++) assert_null(find(w, &plain, NST_CONTENT_IMAGE, 24, 20, i));
    job.count = 2;
    assert_int_equal(nst_targets_prepare(w->targets, &job, NULL, &error), NST_OK);
    for (int i = 0; i < 4; i++) first[i] = find(w, &plain, NST_CONTENT_IMAGE, 24, 20, i);
    assert_true(first[0] && first[1] && !first[2] && !first[3]);
    assert_int_equal(prepare(w, network, NST_CONTENT_IMAGE, 24, 20, NULL), NST_OK); /* the rest */
    assert_true(w->runs > 0);
    for (int i = 0; i < 2; i++) assert_ptr_equal(find(w, &plain, NST_CONTENT_IMAGE, 24, 20, i), first[i]);
    assert_int_equal(prepare(w, network, NST_CONTENT_IMAGE, 24, 20, NULL), NST_OK);
    assert_int_equal(w->runs, 0);
    nst_network_free(network);
}

static void what_they_depend_on_keeps_them_apart(void **state)
{
    world *w = *state;
    nst_network_config others[] = {plain, plain, plain, plain};
    nst_network *network = network_of(w, plain);
    const void *gram;
    assert_int_equal(prepare(w, network, 0, 24, 20, NULL), NST_OK);
    gram = find(w, &plain, 0, 24, 20, 0);
    assert_null(find(w, &plain, NST_CONTENT_IMAGE, 24, 20, 0));
    assert_null(find(w, &plain, 0, 20, 24, 0));
    nst_network_free(network);
    others[0].pooling = NST_POOL_AVERAGE;
    others[1].pooling_rescale = true;
    others[2].padding = NST_PAD_REFLECT;
    others[3].preprocessing = NST_PREPROCESSING_CAFFE;
    for (int i = 0; i < 4; i++) {
        assert_null(find(w, &others[i], 0, 24, 20, 0));
        network = network_of(w, others[i]);
        assert_int_equal(prepare(w, network, 0, 24, 20, NULL), NST_OK);
        assert_true(w->runs > 0);
        assert_true(find(w, &others[i], 0, 24, 20, 0) != gram);
        nst_network_free(network);
    }
    assert_ptr_equal(find(w, &plain, 0, 24, 20, 0), gram);
}

static void cancelled_means_nothing_is_kept(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    _Atomic int cancel = 1;
    assert_int_equal(prepare(w, network, 0, 24, 20, &cancel), NST_ERR_CANCELLED);
    for (int i = 0; i < 4; i++) assert_null(find(w, &plain, 0, 24, 20, i));
    cancel = 0;
    assert_int_equal(prepare(w, network, 0, 24, 20, &cancel), NST_OK);
    for (int i = 0; i < 4; i++) assert_non_null(find(w, &plain, 0, 24, 20, i));
    nst_network_free(network);
}

static void refused_memory_means_nothing_is_kept(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    for (uint64_t k = 1;; k++) {
        uint64_t live = w->memory.live;
        int32_t status;
        failing_allocator_arm(&w->memory, k, false);
        status = prepare(w, network, 0, 24, 20, NULL);
        failing_allocator_disarm(&w->memory);
        if (status == NST_OK) break;
        assert_int_equal(status, NST_ERR_NOMEM);
        assert_true(w->memory.live == live && k < 100);
        for (int i = 0; i < 4; i++) assert_null(find(w, &plain, 0, 24, 20, i));
    }
    assert_int_equal(w->memory.failed, 0);
    nst_network_free(network);
}

static size_t kept(world *w)
{
    size_t count = 0;
    for (int request = 0; request < 4; request++)
        for (size_t width = 20; width < 32; width++)
            if (find(w, &plain, 0, width, 20, request)) count++;
    return count;
}

static void release(world *w, int image, size_t width, size_t height)
{
    for (int i = 0; i < 4; i++) nst_targets_release(w->targets, find(w, &plain, image, width, height, i));
}

/* The statistics of one size of this test need no more. */
static size_t bytes_of_a_size(const world *w, const nst_network *network)
{
    size_t sum = 0;
    for (int i = 0; i < 4; i++) {
        nst_shape shape = {3, 20, 31};
        if (requests[i].layer != NST_PIXELS) shape = nst_network_shape(network, requests[i].layer, 31, 20);
        sum += requests[i].class->target_bytes(&w->tools, shape) + 256;
    }
    return sum;
}

static void what_nobody_holds_makes_room(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    size_t one = bytes_of_a_size(w, network);
    w->targets->idle_limit = one;
    assert_int_equal(prepare(w, network, 0, 20, 20, NULL), NST_OK); /* held throughout */
    for (size_t width = 21; width < 32; width++) {
        assert_int_equal(prepare(w, network, 0, width, 20, NULL), NST_OK);
        assert_true(w->runs > 0);
        release(w, 0, width, 20);
        for (int i = 0; i < 4; i++) assert_non_null(find(w, &plain, 0, 20, 20, i));
        for (int i = 0; i < 4; i++) assert_non_null(find(w, &plain, 0, width, 20, i)); /* the latest stay */
        assert_true(kept(w) <= 4 + 3 * 4);
    }
    assert_int_equal(prepare(w, network, 0, 31, 20, NULL), NST_OK);
    assert_int_equal(w->runs, 0);
    w->targets->idle_limit = 0;
    release(w, 0, 31, 20);
    assert_int_equal(kept(w), 4);
    release(w, 0, 20, 20);
    assert_int_equal(kept(w), 0);
    nst_network_free(network);
}

static void each_hold_is_given_back_once(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    w->targets->idle_limit = 0;
    for (int session = 0; session < 3; session++) assert_int_equal(prepare(w, network, 0, 20, 20, NULL), NST_OK);
    nst_targets_release(w->targets, NULL);
    for (int session = 0; session < 3; session++) {
        assert_int_equal(kept(w), 4);
        release(w, 0, 20, 20);
    }
    assert_int_equal(kept(w), 0);
    nst_network_free(network);
}

static void prepare_elsewhere(world *w)
{
    nst_network *network = network_of(w, plain);
    w->other = prepare(w, network, 0, 28, 20, NULL);
    nst_network_free(network);
}

static void prepare_the_same(world *w)
{
    nst_network *network = network_of(w, plain);
    w->other = prepare(w, network, 0, 20, 20, NULL);
    nst_network_free(network);
}

/* Both would wait for ever if a lock were held while jobs run. */
static void nobody_waits_for_another_s_computation(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    uint64_t live;
    w->targets->idle_limit = 0;
    w->meanwhile = prepare_elsewhere;
    assert_int_equal(prepare(w, network, 0, 20, 20, NULL), NST_OK);
    assert_int_equal(w->other, NST_OK);
    assert_int_equal(kept(w), 8);
    release(w, 0, 28, 20);
    release(w, 0, 20, 20);
    live = w->memory.live;
    w->other = -1;
    w->meanwhile = prepare_the_same;
    assert_int_equal(prepare(w, network, 0, 20, 20, NULL), NST_OK);
    assert_int_equal(w->other, NST_OK);
    release(w, 0, 20, 20);
    assert_int_equal(kept(w), 4); /* one copy, which the other still holds */
    release(w, 0, 20, 20);
    assert_int_equal(kept(w), 0);
    assert_true(w->memory.live == live);
    nst_network_free(network);
}

/* Half of what it wants is there, the other half comes from elsewhere meanwhile; then it is cancelled. */
static _Atomic int cancelled_meanwhile;
static void prepare_the_same_and_cancel(world *w)
{
    prepare_the_same(w);
    cancelled_meanwhile = 1;
}

static void a_cancelled_session_holds_nothing(void **state)
{
    world *w = *state;
    nst_network *network = network_of(w, plain);
    nst_target_job half = job_of(w, network, 0, 20, 20);
    nst_error error;
    half.count = 2;
    w->targets->idle_limit = 0;
    cancelled_meanwhile = 0;
    assert_int_equal(nst_targets_prepare(w->targets, &half, NULL, &error), NST_OK);
    w->meanwhile = prepare_the_same_and_cancel;
    assert_int_equal(prepare(w, network, 0, 20, 20, &cancelled_meanwhile), NST_ERR_CANCELLED);
    assert_int_equal(w->other, NST_OK);
    assert_int_equal(kept(w), 4);
    release(w, 0, 20, 20);
    assert_int_equal(kept(w), 2);
    release(w, 0, 20, 20);
    assert_int_equal(kept(w), 0);
    nst_network_free(network);
}

#define in_world(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(statistics_are_computed_once),
        in_world(what_they_depend_on_keeps_them_apart),
        in_world(cancelled_means_nothing_is_kept),
        in_world(refused_memory_means_nothing_is_kept),
        in_world(what_nobody_holds_makes_room),
        in_world(each_hold_is_given_back_once),
        in_world(nobody_waits_for_another_s_computation),
        in_world(a_cancelled_session_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
