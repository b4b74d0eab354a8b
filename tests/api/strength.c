/* The strength: one number keeps as much of the content with every pair, size, set of layers, pooling and network; and where it cannot it
 * says so. With the network in the library and the pictures of the examples. */
#include <unistd.h>

#include "support.h"

#define PICTURES NST_SOURCE_ROOT "/docs/examples/pictures/"

typedef struct gallery {
    nst_ctx *ctx;
    nst_model *model;
    nst_image *scene, *pattern;
} gallery;

static int setup(void **state)
{
    gallery *g = calloc(1, sizeof *g);
    assert_ok(nst_ctx_new(NULL, &g->ctx));
    assert_ok(nst_model_open(g->ctx, "builtin", &g->model));
    assert_ok(nst_image_load(g->ctx, PICTURES "scene.jpg", &g->scene));
    assert_ok(nst_image_load(g->ctx, PICTURES "pattern.jpg", &g->pattern));
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    gallery *g = *state;
    nst_image_unref(g->scene);
    nst_image_unref(g->pattern);
    nst_model_unref(g->model);
    nst_ctx_unref(g->ctx);
    free(g);
    return 0;
}

/* Key, value, ..., NULL on top of a picture of 64 pixels. */
static nst_session *open_run(gallery *g, nst_image *content, nst_image *style, const char *first, ...)
{
    nst_options *options = NULL;
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    va_list pairs;
    assert_ok(nst_options_new(g->ctx, &options));
    assert_ok(nst_options_set_str(options, "size", "64"));
    va_start(pairs, first);
    for (const char *key = first; key; key = va_arg(pairs, const char *))
        if (nst_options_set_str(options, key, va_arg(pairs, const char *)) < 0) fail_msg("%s", nst_options_error(options));
    va_end(pairs);
    assert_ok(nst_targets_new(g->model, content, &style, 1, &targets));
    if (nst_session_new(targets, options, NULL, &session) < 0) fail_msg("%s", nst_ctx_error(g->ctx));
    nst_targets_unref(targets);
    nst_options_free(options);
    return session;
}

static nst_strength_info info_of(const nst_session *session)
{
    nst_strength_info info;
    NST_INIT(info);
    assert_ok(nst_session_get_strength(session, &info));
    return info;
}

/* To the end; frees it. */
static nst_strength_info run(nst_session *session)
{
    nst_strength_info info;
    int32_t status = nst_session_run(session, NULL, NULL);
    if (status != NST_DONE) fail_msg("%s: %s", nst_status_name(status), nst_session_error(session));
    info = info_of(session);
    assert_int_equal(progress_of(session).iteration, progress_of(session).iterations);
    nst_session_free(session);
    return info;
}

static void expect_kept(const nst_strength_info *info, double retention, double allowed, const char *what)
{
    if (info->clamped || !(fabs(info->retention - retention) <= allowed))
        fail_msg("%s: retention %g, wanted %g; clamped %u", what, info->retention, retention, info->clamped);
}

static void each_step_keeps_less_of_the_content(void **state)
{
    gallery *g = *state;
    static const char *const strengths[] = {"0.1", "0.5"};
    static const double targets[] = {0.9472, 0.8};
    double before = 1;
    for (int i = 0; i < 2; i++) {
        nst_strength_info info = run(open_run(g, g->scene, g->pattern, "strength", strengths[i], NULL));
        assert_true(info.in_use && info.settled && fabs(info.target - targets[i]) < 1e-12 && info.content_weight > 0);
        assert_true(info.strength == atof(strengths[i]) && info.floor > 0 && info.floor < info.target);
        expect_kept(&info, targets[i], 0.03, strengths[i]);
        assert_true(info.retention < before);
        before = info.retention;
    }
}

static void nothing_but_the_strength_decides(void **state)
{
    gallery *g = *state;
    static const char *const changes[][2] = {
        {"size", "80"}, {"style-layers", "relu1_1,relu2_1,relu3_1,relu4_1"},
        {"style-layers", "relu1_1,relu1_2,relu2_1,relu2_2,relu3_1,relu3_2,relu3_3,relu3_4,relu4_1,relu4_2,relu4_3,relu4_4,relu5_1"},
        {"pooling", "average"}, {"style-statistics", "covariance"}, {"init", "noise"}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        nst_strength_info info = run(open_run(g, g->scene, g->pattern, "strength", "0.4", changes[i][0], changes[i][1], NULL));
        expect_kept(&info, 0.8452, 0.03, changes[i][1]);
    }
}

static void raw_weights_go_round_it(void **state)
{
    gallery *g = *state;
    nst_session *raw = open_run(g, g->scene, g->pattern, "alpha", "0.1", "iterations", "3", NULL);
    nst_session *theirs = open_run(g, g->scene, g->pattern, "dialect", "gatys-paper", "iterations", "3", NULL);
    nst_strength_info info = info_of(raw);
    assert_true(!info.in_use && isnan(info.strength) && isnan(info.target) && info.content_weight == 0.1);
    assert_string_equal(nst_session_get_option(raw, "strength"), "auto");
    info = run(raw);
    assert_true(info.retention > 0 && info.retention < 1 && info.content_weight == 0.1); /* measured all the same */
    assert_true(!info_of(theirs).in_use);
    nst_session_free(theirs);
}

/* A usual run leaves little of the content's style loss; one that holds the content by a raw weight or as a photograph leaves much, and
 * says so; where little style was asked for it says nothing. */
static void a_style_that_cannot_be_reached_is_told(void **state)
{
    static const struct { const char *key, *value; bool left, told; } cases[] = {
        {"seed", "1", false, false}, {"alpha", "0.02", false, false}, {"alpha", "100", true, true}, {"photo", "1", true, true},
        {"strength", "0", true, false}, {"iterations", "8", true, false}};
    gallery *g = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_strength_info info = run(open_run(g, g->scene, g->pattern, "preset", "draft", cases[i].key, cases[i].value, NULL));
        if ((info.style_left > 0.2) != cases[i].left || info.style_incomplete != cases[i].told)
            fail_msg("%s %s: %g left, %u", cases[i].key, cases[i].value, info.style_left, info.style_incomplete);
    }
}

static double look_at(gallery *g, nst_image *picture, const char *beta)
{
    nst_session *session = open_run(g, picture, g->pattern, "init", "content", "alpha", "100", "beta", beta, "size", "96", "scales", "1",
                                    NULL);
    double style;
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    style = progress_of(session).style;
    assert_true(fabs(info_of(session).style_left - 1) < 1e-12); /* the start is the content */
    nst_session_free(session);
    return style;
}

/* It is the loss at the last scale, divided by that of the content there, whatever the weight; a resumed run knows it again. */
static void what_is_left_is_a_share_of_the_contents_own(void **state)
{
    gallery *g = *state;
    char path[] = "/tmp/nst-strength-XXXXXX";
    nst_session *again, *session = open_run(g, g->scene, g->pattern, "alpha", "100", "size", "96", "scales", "2", "iterations", "60",
                                            NULL);
    nst_targets *targets = NULL;
    nst_strength_info info;
    double left;
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    for (uint32_t scale = 1; scale == 1; scale = progress_of(session).scale) {
        assert_true(isnan(info_of(session).style_left));
        assert_int_equal(nst_session_step(session), NST_CONTINUE);
    }
    assert_int_equal(info_of(session).style_incomplete, 0); /* it is not over */
    left = info_of(session).style_left;
    assert_true(fabs(left - progress_of(session).style / look_at(g, g->scene, "1")) < 1e-12);
    assert_true(fabs(look_at(g, g->scene, "3") / look_at(g, g->scene, "1") - 3) < 1e-9);
    set(session, "beta", "2");
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    left = info_of(session).style_left;
    assert_true(fabs(left - progress_of(session).style / look_at(g, g->scene, "2")) < 1e-12);
    assert_ok(nst_session_save(session, path));
    assert_ok(nst_targets_new(g->model, g->scene, &g->pattern, 1, &targets));
    assert_ok(nst_session_resume(targets, path, &again));
    assert_true(info_of(again).style_left == left);
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    info = run(again);
    assert_true(info.style_left == info_of(session).style_left && info.style_incomplete && info_of(session).style_incomplete);
    set(session, "iterations", "70");
    assert_int_equal(info_of(session).style_incomplete, 0); /* nor is it any more */
    nst_session_free(session);
    nst_targets_unref(targets);
    unlink(path);
}

/* A share of next to nothing is not much. */
static void a_style_that_was_there_is_reached(void **state)
{
    gallery *g = *state;
    nst_image *smaller = NULL;
    nst_strength_info info;
    assert_ok(nst_image_resize(g->scene, 200, 133, &smaller));
    info = run(open_run(g, g->scene, smaller, "alpha", "100", NULL));
    assert_true(info.style_left > 0.2 && !info.style_incomplete);
    nst_image_unref(smaller);
}

static void without_content_or_style_nothing_is_left(void **state)
{
    gallery *g = *state;
    nst_options *options = NULL;
    assert_ok(nst_options_new(g->ctx, &options));
    assert_ok(nst_options_set_str(options, "size", "64"));
    assert_ok(nst_options_set_str(options, "iterations", "60"));
    for (int kind = NST_RECONSTRUCT_CONTENT; kind <= NST_RECONSTRUCT_STYLE; kind++) {
        nst_session *session = NULL;
        nst_strength_info info;
        assert_ok(nst_session_new_reconstruction(g->model, g->scene, kind, "relu2_1", options, &session));
        info = run(session);
        assert_true(isnan(info.style_left) && !info.style_incomplete);
    }
    nst_options_free(options);
}

/* Where nothing is to be done nothing is done, and the knob says that it could not act. */
static void content_that_is_the_style_stays(void **state)
{
    gallery *g = *state;
    nst_session *session = open_run(g, g->scene, g->scene, NULL);
    nst_image *result, *same = NULL;
    pixels a, b;
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    assert_int_equal(info_of(session).clamped, NST_CLAMPED_STYLE);
    result = image_of(session);
    assert_ok(nst_image_resize(g->scene, progress_of(session).width, progress_of(session).height, &same));
    a = read_pixels(result);
    b = read_pixels(same);
    for (size_t i = 0; i < a.count; i++) assert_true(fabsf(a.values[i] - b.values[i]) <= 2 / 255.0f);
    free(a.values);
    free(b.values);
    nst_image_unref(same);
    nst_image_unref(result);
    nst_session_free(session);
}

static nst_image *painted(gallery *g, uint32_t width, uint32_t height, float (*paint)(uint32_t x, uint32_t y))
{
    float *values = malloc(sizeof *values * 3 * width * height);
    nst_image *image;
    for (uint32_t i = 0; i < width * height; i++)
        for (int c = 0; c < 3; c++) values[3 * i + (uint32_t)c] = paint(i % width, i / width);
    image = image_from(g->ctx, NST_FORMAT_F32, width, height, 3, values);
    free(values);
    return image;
}

static float black(uint32_t x, uint32_t y)
{
    (void)x;
    (void)y;
    return 0;
}

static float gray(uint32_t x, uint32_t y)
{
    (void)x;
    (void)y;
    return 0.5f;
}

static float stripes(uint32_t x, uint32_t y)
{
    (void)y;
    return (float)(x % 2);
}

static void odd_images_are_survived(void **state)
{
    gallery *g = *state;
    static float (*const paints[])(uint32_t, uint32_t) = {black, gray, stripes};
    static const uint32_t sizes[][2] = {{64, 64}, {130, 34}};
    for (int p = 0; p < 3; p++)
        for (int s = 0; s < 2; s++) {
            nst_image *image = painted(g, sizes[s][0], sizes[s][1], paints[p]);
            nst_strength_info as_content = run(open_run(g, image, g->pattern, "iterations", "15", "size", "0", "scales", "1", NULL));
            nst_strength_info as_style = run(open_run(g, g->scene, image, "iterations", "15", "style-scale", "4", NULL));
            if (!(isfinite(as_content.content_weight) && isfinite(as_style.retention))) fail_msg("picture %d of size %d", p, s);
            nst_image_unref(image);
        }
}

/* A user's slider. */
static void it_can_be_moved_on_the_way(void **state)
{
    gallery *g = *state;
    nst_session *session = open_run(g, g->scene, g->pattern, "strength", "0.2", "size", "96", "scales", "2", NULL);
    nst_strength_info info;
    for (int k = 0; k < 60; k++) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    set(session, "strength", "0.5");
    assert_true(info_of(session).target == 0.8 || info_of(session).clamped);
    info = run(session);
    expect_kept(&info, 0.8, 0.04, "moved");
}

/* The state of the search is part of the session's: the same bytes, wherever it was broken off. */
static void a_resumed_search_goes_on(void **state)
{
    gallery *g = *state;
    static const int stages[] = {30, 90};
    char path[64];
    uint64_t wanted;
    nst_session *whole = open_run(g, g->scene, g->pattern, "size", "96", "scales", "2", "iterations", "120", NULL);
    assert_int_equal(nst_session_run(whole, NULL, NULL), NST_DONE);
    wanted = hash_of(whole);
    snprintf(path, sizeof path, "/tmp/nst-strength-%ld.ckpt", (long)rand());
    for (int i = 0; i < 2; i++) {
        nst_session *first = open_run(g, g->scene, g->pattern, "size", "96", "scales", "2", "iterations", "120", NULL), *second = NULL;
        nst_targets *targets = NULL;
        for (int k = 0; k < stages[i]; k++) assert_int_equal(nst_session_step(first), NST_CONTINUE);
        remove(path);
        assert_ok(nst_session_save(first, path));
        nst_session_free(first);
        assert_ok(nst_targets_new(g->model, g->scene, &g->pattern, 1, &targets));
        if (nst_session_resume(targets, path, &second) < 0) fail_msg("%s", nst_ctx_error(g->ctx));
        assert_int_equal(nst_session_run(second, NULL, NULL), NST_DONE);
        if (hash_of(second) != wanted) fail_msg("broken off after %d steps", stages[i]);
        nst_session_free(second);
        nst_targets_unref(targets);
    }
    remove(path);
    nst_session_free(whole);
}

/* Another dialect is another plan: other scales, octaves, iterations. */
static void the_dialect_can_change_on_the_way(void **state)
{
    gallery *g = *state;
    nst_session *session = open_run(g, g->scene, g->pattern, "size", "184", NULL);
    pixels p;
    nst_image *image;
    for (int k = 0; k < 3; k++) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_int_equal(progress_of(session).scales, 2);
    set(session, "dialect", "neural-style");
    set(session, "iterations", "8");
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_int_equal(progress_of(session).scales, 1);
    image = image_of(session);
    p = read_pixels(image);
    assert_true(p.width == 184 && p.width == progress_of(session).width && p.height == progress_of(session).height);
    free(p.values);
    nst_image_unref(image);
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    assert_int_equal(progress_of(session).iteration, 8);
    nst_session_free(session);
}

/* What a search did not need is no debt of other plans. */
static void iterations_can_be_added_after_a_search(void **state)
{
    gallery *g = *state;
    nst_session *session = open_run(g, g->scene, g->pattern, "size", "96", "scales", "2", "preset", "draft", NULL);
    uint32_t done;
    while (progress_of(session).scale < 2) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    done = progress_of(session).iteration;
    assert_ok(nst_session_set_option(session, "iterations", "200"));
    assert_int_equal(progress_of(session).iterations, 200);
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    assert_true(done < 200);
    assert_int_equal(progress_of(session).iteration, 200);
    nst_session_free(session);
}

/* Another plan during the search: it begins anew, and ends where it should. */
static void a_plan_can_change_during_the_search(void **state)
{
    gallery *g = *state;
    nst_session *session = open_run(g, g->scene, g->pattern, "size", "96", "scales", "2", "strength", "0.4", NULL);
    nst_strength_info info;
    for (int k = 0; k < 10; k++) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    set(session, "octaves", "1");
    info = run(session);
    expect_kept(&info, 0.8452, 0.04, "octaves in the probe");
}

/* The share that is painted is what the option photo names, for two pairs that take different weights; with a strength beside it, which
 * leaves it the last iterations alone, at least nearly. */
static void as_little_is_painted_whatever_the_pair(void **state)
{
    gallery *g = *state;
    static const char *const extra[][2] = {{"alpha", "0.02"}, {"strength", "0.3"}};
    static const double allowed[] = {0.3, 0.7}; /* of the logarithm */
    nst_strength_info info[2];
    for (int i = 0; i < 2; i++)
        for (int pair = 0; pair < 2; pair++) {
            nst_image *content = pair ? g->pattern : g->scene, *style = pair ? g->scene : g->pattern;
            info[pair] = run(open_run(g, content, style, "photo", "0.7", extra[i][0], extra[i][1], NULL));
            assert_true(fabs(info[pair].photo_target - 0.1 * pow(10, -2.2 * 0.7)) < 1e-12);
            if (!(fabs(log(info[pair].photo_share / info[pair].photo_target)) < allowed[i]))
                fail_msg("%s, pair %d: %g is painted, wanted %g", extra[i][0], pair, info[pair].photo_share, info[pair].photo_target);
            assert_true(info[pair].photo_weight > 0);
        }
    assert_true(info[0].photo_weight != info[1].photo_weight);
    info[0] = run(open_run(g, g->scene, g->pattern, "photo", "0", "alpha", "0.1", "iterations", "1", NULL));
    assert_true(isnan(info[0].photo_target) && isnan(info[0].photo_share) && isnan(info[0].photo_weight));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_step_keeps_less_of_the_content), cmocka_unit_test(nothing_but_the_strength_decides),
        cmocka_unit_test(raw_weights_go_round_it), cmocka_unit_test(a_style_that_cannot_be_reached_is_told),
        cmocka_unit_test(what_is_left_is_a_share_of_the_contents_own), cmocka_unit_test(a_style_that_was_there_is_reached),
        cmocka_unit_test(without_content_or_style_nothing_is_left), cmocka_unit_test(content_that_is_the_style_stays),
        cmocka_unit_test(odd_images_are_survived), cmocka_unit_test(it_can_be_moved_on_the_way),
        cmocka_unit_test(a_resumed_search_goes_on), cmocka_unit_test(the_dialect_can_change_on_the_way),
        cmocka_unit_test(iterations_can_be_added_after_a_search), cmocka_unit_test(a_plan_can_change_during_the_search),
        cmocka_unit_test(as_little_is_painted_whatever_the_pair),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
