/* Films: an image warped by a flow, and sessions that know the previous frame. */
#include <unistd.h>

#include "support.h"

enum { W = 32, H = 24, COUNT = W * H };

static float flow[2 * COUNT];

/* The same vector everywhere. */
static void set_flow(float dx, float dy)
{
    for (int i = 0; i < COUNT; i++) flow[i] = dx, flow[COUNT + i] = dy;
}

/* Columns from `from` on are white. */
static nst_image *weights_from(nst_ctx *ctx, uint32_t from)
{
    float values[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) values[i] = i % W >= from;
    return image_from(ctx, NST_FORMAT_F32, W, H, 1, values);
}

/* ---- warping ---- */

static void whole_pixels_are_moved(void **state)
{
    world *w = *state;
    nst_image *moved = NULL, *inside = NULL;
    pixels from = read_pixels(w->content), to, mask;
    set_flow(5, -3);
    assert_ok(nst_image_warp(w->content, flow, W, H, &moved, &inside));
    to = read_pixels(moved);
    mask = read_pixels(inside);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++) {
                int column = x + 5 < W ? x + 5 : W - 1, row = y > 3 ? y - 3 : 0; /* the nearest inside */
                assert_true(to.values[(y * W + x) * 3 + c] == from.values[(row * W + column) * 3 + c]);
                assert_true(mask.values[(y * W + x) * 3 + c] == (x + 5 < W && y >= 3 ? 1.0f : 0.0f));
            }
    free(from.values);
    free(to.values);
    free(mask.values);
    nst_image_unref(moved);
    nst_image_unref(inside);
}

static void between_pixels_it_is_bilinear_and_alpha_counts(void **state)
{
    static const float two[8] = {1, 0, 0, 1, 0, 1, 0, 0.5f}, quarter[4] = {0.25f, 0, 0, 0};
    world *w = *state;
    nst_image *image = image_from(w->ctx, NST_FORMAT_F32, 2, 1, 4, two), *moved = NULL;
    pixels p;
    assert_ok(nst_image_warp(image, quarter, 2, 1, &moved, NULL));
    p = read_pixels(moved);
    assert_float_equal(p.values[3], 0.875, 1e-6);        /* 3/4 of 1 and 1/4 of 1/2 */
    assert_float_equal(p.values[0], 0.75 / 0.875, 1e-6); /* of what is seen */
    assert_float_equal(p.values[1], 0.125 / 0.875, 1e-6);
    assert_true(p.values[4] == 0 && p.values[5] == 1 && p.values[7] == 0.5f);
    free(p.values);
    nst_image_unref(moved);
    nst_image_unref(image);
}

static void strange_flow_is_outside(void **state)
{
    static const float strange[] = {NAN, INFINITY, -INFINITY, 1e10f, -1e30f, -0.01f};
    world *w = *state;
    nst_image *moved = NULL, *inside = NULL;
    pixels p, mask;
    set_flow(0, 0);
    memcpy(flow, strange, sizeof strange);
    assert_ok(nst_image_warp(w->content, flow, W, H, &moved, &inside));
    p = read_pixels(moved);
    mask = read_pixels(inside);
    for (size_t i = 0; i < mask.count; i++) {
        bool known = i / 3 >= 1 && i / 3 <= 4 ? false : i / 3 != 0;
        if (i / 3 == 5) known = true; /* (5 - 0.01) is inside */
        assert_true(mask.values[i] == (known ? 1.0f : 0.0f));
        assert_true(p.values[i] >= 0 && p.values[i] <= 1);
    }
    free(p.values);
    free(mask.values);
    nst_image_unref(moved);
    nst_image_unref(inside);
}

static void misuse_of_a_warp(void **state)
{
    world *w = *state;
    nst_image *moved = w->style, *inside = w->style;
    assert_int_equal(nst_image_warp(w->content, flow, W - 1, H, &moved, &inside), NST_ERR_INVALID_ARG);
    assert_true(!moved && !inside);
    assert_contains(nst_ctx_error(w->ctx), "31 x 24");
    assert_int_equal(nst_image_warp(w->content, NULL, W, H, &moved, NULL), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "flow");
    assert_int_equal(nst_image_warp(w->content, flow, W, H, NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_warp(NULL, flow, W, H, &moved, NULL), NST_ERR_INVALID_ARG);
}

/* ---- the previous frame ---- */

static nst_session *session_after(world *w, nst_image *previous, nst_image *weights, const char *init, const char *temporal)
{
    nst_session *session = new_session(w->ctx, w->targets, "init", init, "temporal", temporal, "dialect", "normalised", NULL);
    if (nst_session_set_previous(session, previous, weights) < 0) fail_msg("%s", nst_session_error(session));
    return session;
}

/* NaN: there is no such term. */
static double temporal_of(const nst_session *session)
{
    nst_loss_term term;
    NST_INIT(term);
    for (uint32_t i = 0; nst_session_get_term(session, i, &term) == NST_OK; i++)
        if (strcmp(term.kind, "temporal") == 0) return term.value;
    return (double)NAN;
}

/* The formula of docs/objective.md for pictures of the frame's size. */
static double by_formula(const nst_image *picture, const nst_image *previous, const nst_image *weights)
{
    pixels x = read_pixels(picture), p = read_pixels(previous), w = read_pixels(weights);
    double sum = 0, seen = 0, energy = 0;
    for (size_t i = 0; i < COUNT; i++) seen += (double)w.values[3 * i];
    for (size_t c = 0; c < 3; c++) {
        double mean = 0;
        for (size_t i = c; i < x.count; i += 3) mean += (double)w.values[i] * (double)p.values[i] / seen;
        for (size_t i = c; i < x.count; i += 3) {
            sum += (double)w.values[i] * pow((double)x.values[i] - (double)p.values[i], 2);
            energy += (double)w.values[i] * pow((double)p.values[i] - mean, 2) / seen;
        }
    }
    free(x.values);
    free(p.values);
    free(w.values);
    return sum / COUNT / energy;
}

static void the_term_is_the_formula_s(void **state)
{
    world *w = *state;
    nst_image *previous = new_picture(w->ctx, W, H, 3, 7), *weights = weights_from(w->ctx, 9);
    nst_session *session = session_after(w, previous, weights, "content", "70");
    double wanted = 70 * by_formula(w->content, previous, weights);
    assert_int_equal(step(session), NST_CONTINUE);
    if (fabs(temporal_of(session) - wanted) > 1e-5 * wanted) fail_msg("%g is not %g", temporal_of(session), wanted);
    finish(session);
    assert_true(temporal_of(session) < 0.5 * wanted); /* the picture goes there */
    nst_session_free(session);
    nst_image_unref(previous);
    nst_image_unref(weights);
}

static void without_weight_or_frame_all_is_as_before(void **state)
{
    world *w = *state;
    nst_image *previous = new_picture(w->ctx, W, H, 3, 7);
    nst_session *plain = session_after(w, NULL, NULL, "content", "3"), *weightless = session_after(w, previous, NULL, "content", "0");
    nst_session *taken_back = session_after(w, previous, NULL, "auto", "3"), *automatic = session_after(w, NULL, NULL, "auto", "3");
    trace a, b;
    assert_ok(nst_session_set_previous(taken_back, NULL, NULL));
    a = trace_of(plain);
    b = trace_of(weightless);
    assert_same_trace(&a, &b);
    assert_true(isnan(temporal_of(weightless)));
    a = trace_of(automatic);
    b = trace_of(taken_back);
    assert_same_trace(&a, &b);
    nst_session_free(plain);
    nst_session_free(weightless);
    nst_session_free(taken_back);
    nst_session_free(automatic);
    nst_image_unref(previous);
}

/* Where the weight is 1 the previous frame, elsewhere the usual start; an init that was asked for stays. */
static void the_start_is_the_previous_frame(void **state)
{
    world *w = *state;
    nst_image *previous = new_picture(w->ctx, W, H, 3, 7), *weights = weights_from(w->ctx, 9), *start, *usual;
    nst_session *session = session_after(w, previous, weights, "auto", "auto"), *without = session_after(w, NULL, NULL, "auto", "auto");
    nst_session *asked = session_after(w, previous, weights, "content", "auto");
    pixels p, q, r;
    assert_string_equal(nst_session_get_option(session, "temporal"), "1");
    assert_true(hash_of(asked) == hash_image(w->content));
    start = image_of(session);
    usual = image_of(without);
    p = read_pixels(start);
    q = read_pixels(previous);
    r = read_pixels(usual);
    for (size_t i = 0; i < p.count; i++) assert_true(p.values[i] == (i / 3 % W >= 9 ? q.values[i] : r.values[i]));
    free(p.values);
    free(q.values);
    free(r.values);
    nst_session_free(session);
    nst_session_free(without);
    nst_session_free(asked);
    nst_image_unref(start);
    nst_image_unref(usual);
    nst_image_unref(previous);
    nst_image_unref(weights);
}

/* In a frame of another size, at every scale; colours where the weight is 0 leave no trace. */
static void at_every_scale(void **state)
{
    world *w = *state;
    float values[2][3 * 90 * 70], seen[90 * 70];
    nst_image *weights, *frames[2];
    double losses[2];
    for (int i = 0; i < 3 * 90 * 70; i++) {
        bool hidden = i / 3 % 90 < 40;
        values[0][i] = hidden ? 0 : (float)(i % 7) / 7;
        values[1][i] = hidden ? 1 : values[0][i];
        seen[i / 3] = !hidden;
    }
    weights = image_from(w->ctx, NST_FORMAT_F32, 90, 70, 1, seen);
    for (int k = 0; k < 2; k++) {
        nst_session *session = new_session(w->ctx, w->targets, "size", "64", "scales", "2", "init", "auto", "dialect", "normalised", NULL);
        frames[k] = image_from(w->ctx, NST_FORMAT_F32, 90, 70, 3, values[k]);
        assert_ok(nst_session_set_previous(session, frames[k], weights));
        assert_int_equal(step(session), NST_CONTINUE);
        assert_true(progress_of(session).scales == 2 && temporal_of(session) >= 0);
        finish(session);
        assert_true(progress_of(session).width == 64 && temporal_of(session) > 0);
        losses[k] = progress_of(session).loss;
        nst_session_free(session);
        nst_image_unref(frames[k]);
    }
    assert_true(losses[0] == losses[1]);
    nst_image_unref(weights);
}

/* From scale to scale nothing of it is lost: a run that does nothing ends with the frame itself. */
static void a_growing_picture_has_the_frame_s_detail(void **state)
{
    world *w = *state;
    nst_image *previous = new_picture(w->ctx, 128, 96, 3, 7), *weights = NULL, *result;
    float seen[128 * 96];
    pixels p, q;
    for (int i = 0; i < 128 * 96; i++) seen[i] = i % 128 < 64;
    weights = image_from(w->ctx, NST_FORMAT_F32, 128, 96, 1, seen);
    for (int k = 0; k < 2; k++) {
        nst_session *session = new_session(w->ctx, w->targets, "size", "128", "scales", "3", "init", "auto", "iterations", "0",
                                           "temporal", "0", NULL);
        double worst[2] = {0, 0};
        assert_ok(nst_session_set_previous(session, previous, k ? weights : NULL));
        finish(session);
        result = image_of(session);
        p = read_pixels(result);
        q = read_pixels(previous);
        assert_int_equal(p.count, q.count);
        for (size_t i = 0; i < p.count; i++) {
            double *to = &worst[i / 3 % 128 >= 48];
            *to = fmax(*to, fabs((double)(p.values[i] - q.values[i])));
        }
        if (!(worst[0] < (k ? 1e-2 : 1e-5))) fail_msg("%d: a pixel differs by %g", k, worst[0]);
        assert_true(k ? worst[1] > 0.1 : worst[1] < 1e-5);
        free(p.values);
        free(q.values);
        nst_image_unref(result);
        nst_session_free(session);
    }
    nst_image_unref(weights);
    nst_image_unref(previous);
}

static void misuse_of_a_previous_frame(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    uint64_t used = nst_ctx_memory_used(w->ctx);
    assert_int_equal(nst_session_set_previous(NULL, w->content, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_session_set_previous(session, w->content, w->style), NST_ERR_INVALID_ARG);
    assert_contains(nst_session_error(session), "28 x 32");
    assert_int_equal(nst_session_set_previous(session, NULL, w->style), NST_ERR_INVALID_ARG);
    assert_contains(nst_session_error(session), "no previous frame");
    assert_true(nst_ctx_memory_used(w->ctx) == used);
    assert_int_equal(step(session), NST_CONTINUE);
    assert_int_equal(nst_session_set_previous(session, w->content, NULL), NST_ERR_STATE);
    assert_contains(nst_session_error(session), "before the first step");
    assert_int_equal(nst_session_set_previous(session, NULL, NULL), NST_ERR_STATE);
    nst_session_free(session);
}

/* The weight changes while it runs, to nothing and back. */
static void the_weight_may_change(void **state)
{
    world *w = *state;
    nst_session *session = session_after(w, w->style, NULL, "content", "1");
    steps(session, 2);
    assert_true(temporal_of(session) > 0);
    set(session, "temporal", "0");
    steps(session, 1);
    assert_true(isnan(temporal_of(session)));
    set(session, "temporal", "2");
    steps(session, 1);
    assert_true(temporal_of(session) > 0);
    nst_session_free(session);
}

/* A checkpoint holds the frame: nothing but the targets is wanted to go on. */
static void a_checkpoint_holds_the_frame(void **state)
{
    world *w = *state;
    nst_image *weights = weights_from(w->ctx, 9);
    char path[64];
    snprintf(path, sizeof path, "%s/nst-video-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    for (int k = 0; k < 2; k++) {
        nst_session *session = session_after(w, w->content, k ? weights : NULL, "auto", "auto"), *resumed = NULL;
        trace whole, rest;
        steps(session, 3);
        assert_ok(nst_session_save(session, path));
        assert_ok(nst_session_resume(w->targets, path, &resumed));
        assert_true(temporal_of(resumed) == temporal_of(session));
        whole = trace_of(session);
        rest = trace_of(resumed);
        assert_same_trace(&whole, &rest);
        assert_int_equal(nst_session_set_previous(resumed, w->content, NULL), NST_ERR_STATE);
        nst_session_free(session);
        nst_session_free(resumed);
    }
    remove(path);
    nst_image_unref(weights);
}

/* Overwrites the first value of the frame in a checkpoint. */
static void spoil_frame(const char *path, float value)
{
    FILE *file = fopen(path, "r+b");
    uint64_t length = 0, begin = 0;
    char *header;
    assert_non_null(file);
    assert_int_equal(fread(&length, sizeof length, 1, file), 1);
    header = calloc(1, (size_t)length + 1);
    assert_int_equal(fread(header, 1, (size_t)length, file), length);
    begin = strtoull(strstr(strstr(strstr(header, "\"session/previous\""), "data_offsets"), "[") + 1, NULL, 10);
    fseek(file, (long)(8 + length + begin), SEEK_SET);
    assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    fclose(file);
    free(header);
}

static void a_frame_that_is_none(void **state)
{
    static const float bad[] = {NAN, INFINITY, -0.1f, 1.1f};
    world *w = *state;
    nst_session *session = session_after(w, w->content, NULL, "auto", "auto"), *resumed = NULL;
    char path[64];
    snprintf(path, sizeof path, "%s/nst-video-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    steps(session, 2);
    assert_ok(nst_session_save(session, path));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        spoil_frame(path, bad[i]);
        assert_int_equal(nst_session_resume(w->targets, path, &resumed), NST_ERR_CHECKPOINT_FORMAT);
        assert_null(resumed);
        assert_contains(nst_ctx_error(w->ctx), "session/previous");
    }
    spoil_frame(path, 0.5f);
    assert_ok(nst_session_resume(w->targets, path, &resumed));
    nst_session_free(resumed);
    nst_session_free(session);
    remove(path);
}

/* In contexts of their own, whose peaks are those of the runs: shallow and with Adam, so that the frame weighs. */
static void what_it_takes_is_told(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 4; k++) {
        world w;
        nst_session *session;
        nst_image *frame, *weights;
        nst_ctx_config config;
        nst_estimate e;
        uint64_t before, taken;
        NST_INIT(config);
        NST_INIT(e);
        config.threads = 1;
        fill_world(&w, &config);
        frame = new_picture(w.ctx, k % 2 ? 200 : 300, k % 2 ? 150 : 225, 3, 3);
        weights = new_picture(w.ctx, k % 2 ? 200 : 300, k % 2 ? 150 : 225, 3, 4);
        before = nst_ctx_memory_used(w.ctx);
        session = new_session(w.ctx, w.targets, "size", "300", "optimizer", "adam", "content-layers", "relu1_1", "style-layers", "relu1_1",
                              "iterations", "2", "init", "auto", "scales", k < 2 ? "1" : "2", NULL);
        assert_ok(nst_session_set_previous(session, frame, k == 3 ? NULL : weights));
        assert_ok(nst_session_estimate(session, 0, &e));
        finish(session);
        nst_image_unref(image_of(session));
        taken = nst_ctx_memory_peak(w.ctx) - before;
        assert_int_equal(e.network + e.features + e.losses + e.targets + e.optimizer + e.images, e.bytes);
        if (fabs((double)e.bytes / (double)taken - 1) > 0.02)
            fail_msg("%u: told %llu, taken %llu", k, (unsigned long long)e.bytes, (unsigned long long)taken);
        nst_session_free(session);
        nst_image_unref(frame);
        nst_image_unref(weights);
        empty_world(&w);
    }
}

/* The same loss whether the network goes through the picture in tiles or not. */
static void in_tiles(void **state)
{
    world *w = *state;
    double losses[2], terms[2];
    char limit[32] = "0";
    nst_image *frame = new_picture(w->ctx, 60, 40, 3, 3);
    for (int k = 0; k < 2; k++) {
        nst_session *session = new_session(w->ctx, w->targets, "size", "640", "optimizer", "adam", "content-layers", "relu2_1",
                                           "style-layers", "relu1_1,relu2_1", "memory-limit", limit, NULL);
        nst_estimate e;
        NST_INIT(e);
        assert_ok(nst_session_set_previous(session, frame, NULL));
        assert_ok(nst_session_estimate(session, 0, &e));
        assert_int_equal(k, e.tiles > 1);
        assert_int_equal(step(session), NST_CONTINUE);
        losses[k] = progress_of(session).loss;
        terms[k] = temporal_of(session);
        snprintf(limit, sizeof limit, "%llu", (unsigned long long)(e.beside + e.bytes * 52 / 100));
        nst_session_free(session);
    }
    assert_true(terms[0] == terms[1] && terms[0] > 0);
    assert_true(fabs(losses[1] - losses[0]) <= 1e-4 * losses[0]);
    nst_image_unref(frame);
}

static void a_frame_that_a_limit_has_no_room_for(void **state)
{
    world *w = *state;
    nst_session *free = new_session(w->ctx, w->targets, "size", "64", NULL), *session;
    nst_estimate e;
    nst_image *frame = NULL;
    char limit[32];
    uint64_t used;
    NST_INIT(e);
    assert_ok(nst_session_estimate(free, 0, &e));
    nst_session_free(free);
    frame = new_picture(w->ctx, 1500, 1000, 3, 3);
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)(nst_ctx_memory_used(w->ctx) + 2 * e.bytes));
    session = new_session(w->ctx, w->targets, "size", "64", "memory-limit", limit, NULL);
    used = nst_ctx_memory_used(w->ctx);
    assert_int_equal(nst_session_set_previous(session, frame, NULL), NST_ERR_LIMIT);
    assert_contains(nst_session_error(session), "memory-limit");
    assert_true(nst_ctx_memory_used(w->ctx) == used);
    finish(session); /* without it */
    nst_session_free(session);
    nst_image_unref(frame);
}

/* ---- a film ---- */

/* A window of W x H pixels goes over the picture. */
static nst_image *window_at(nst_ctx *ctx, const pixels *whole, uint32_t x, uint32_t y)
{
    float values[3 * COUNT];
    for (uint32_t row = 0; row < H; row++)
        memcpy(values + 3 * W * row, whole->values + 3 * ((y + row) * whole->width + x), 3 * W * sizeof *values);
    return image_from(ctx, NST_FORMAT_F32, W, H, 3, values);
}

static nst_image *paint(world *w, nst_image *content, nst_image *previous, nst_image *weights)
{
    nst_targets *targets = NULL;
    nst_session *session;
    nst_image *result;
    assert_ok(nst_targets_new(w->model, content, &w->style, 1, &targets));
    session = new_session(w->ctx, targets, "iterations", "40", "init", "auto", "alpha", "0.001", NULL);
    assert_ok(nst_session_set_previous(session, previous, weights));
    finish(session);
    result = image_of(session);
    nst_session_free(session);
    nst_targets_unref(targets);
    return result;
}

/* Mean square difference to the frame before, where that can be seen. */
static double flicker(const nst_image *result, const nst_image *before, const nst_image *inside)
{
    pixels x = read_pixels(result), p = read_pixels(before), mask = read_pixels(inside);
    double sum = 0, seen = 0;
    for (size_t i = 0; i < x.count; i++) {
        sum += (double)mask.values[i] * pow((double)x.values[i] - (double)p.values[i], 2);
        seen += (double)mask.values[i];
    }
    free(x.values);
    free(p.values);
    free(mask.values);
    return sum / seen;
}

static void frames_hold_together(void **state)
{
    world *w = *state;
    nst_image *scene = new_picture(w->ctx, W + 12, H + 6, 3, 1), *last = NULL, *lone_last = NULL;
    pixels whole = read_pixels(scene);
    double held = 0, free_running = 0;
    set_flow(5, 2);
    for (uint32_t k = 0; k < 3; k++) {
        nst_image *content = window_at(w->ctx, &whole, 5 * k, 2 * k), *before = NULL, *inside = NULL, *lone_before = NULL, *next, *lone;
        if (last) assert_ok(nst_image_warp(last, flow, W, H, &before, &inside));
        if (lone_last) assert_ok(nst_image_warp(lone_last, flow, W, H, &lone_before, NULL));
        next = paint(w, content, before, inside);
        lone = paint(w, content, NULL, NULL);
        if (before) held += flicker(next, before, inside);
        if (before) free_running += flicker(lone, lone_before, inside);
        nst_image_unref(last);
        nst_image_unref(lone_last);
        nst_image_unref(before);
        nst_image_unref(inside);
        nst_image_unref(lone_before);
        nst_image_unref(content);
        last = next;
        lone_last = lone;
    }
    print_message("flicker %g held, %g free\n", held, free_running);
    assert_true(held < 0.5 * free_running);
    nst_image_unref(last);
    nst_image_unref(lone_last);
    nst_image_unref(scene);
    free(whole.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(whole_pixels_are_moved),
        test_in_world(between_pixels_it_is_bilinear_and_alpha_counts),
        test_in_world(strange_flow_is_outside),
        test_in_world(misuse_of_a_warp),
        test_in_world(the_term_is_the_formula_s),
        test_in_world(without_weight_or_frame_all_is_as_before),
        test_in_world(the_start_is_the_previous_frame),
        test_in_world(at_every_scale),
        test_in_world(a_growing_picture_has_the_frame_s_detail),
        test_in_world(misuse_of_a_previous_frame),
        test_in_world(the_weight_may_change),
        test_in_world(a_checkpoint_holds_the_frame),
        test_in_world(a_frame_that_is_none),
        cmocka_unit_test(what_it_takes_is_told),
        test_in_world(in_tiles),
        test_in_world(a_frame_that_a_limit_has_no_room_for),
        test_in_world(frames_hold_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
