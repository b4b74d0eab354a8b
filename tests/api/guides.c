/* Maps: regions of the picture that take regions of the styles, and weights of the content. */
#include <unistd.h>

#include "support.h"

/* 0xrrggbb of a place in 0..1. */
typedef uint32_t paint_fn(double x, double y);

static nst_image *new_map(nst_ctx *ctx, uint32_t width, uint32_t height, paint_fn *paint)
{
    uint8_t *values = malloc((size_t)width * height * 3);
    nst_image *image;
    for (uint32_t i = 0; i < width * height; i++) {
        uint32_t colour = paint((i % width + 0.5) / width, (i / width + 0.5) / height);
        for (int c = 0; c < 3; c++) values[3 * i + (uint32_t)c] = (uint8_t)(colour >> (16 - 8 * c));
    }
    image = image_from(ctx, NST_FORMAT_U8, width, height, 3, values);
    free(values);
    return image;
}

static uint32_t white(double x, double y)
{
    (void)x;
    (void)y;
    return 0xffffff;
}

static uint32_t black(double x, double y)
{
    (void)x;
    (void)y;
    return 0;
}

static uint32_t red_and_blue(double x, double y)
{
    (void)y;
    return x < 0.5 ? 0xff0000 : 0x0000ff;
}

static uint32_t blue_and_red(double x, double y)
{
    return red_and_blue(1 - x, y);
}

static uint32_t red_and_green(double x, double y)
{
    (void)y;
    return x < 0.5 ? 0xff0000 : 0x00ff00;
}

static uint32_t red(double x, double y)
{
    (void)x;
    (void)y;
    return 0xff0000;
}

static uint32_t left_half(double x, double y)
{
    (void)y;
    return x < 0.5 ? 0xffffff : 0;
}

static uint32_t right_half(double x, double y)
{
    return left_half(1 - x, y);
}

static uint32_t ramp(double x, double y)
{
    (void)y;
    return (uint32_t)(255 * x) * 0x010101;
}

/* Red and blue as a JPEG has them, and a smoothed edge between. */
static uint32_t noisy_red_and_blue(double x, double y)
{
    uint32_t grain = (uint32_t)(1e4 * (x + 3.7 * y)) % 13;
    if (x > 0.49 && x < 0.51) return 0x800080;
    return x < 0.5 ? (0xff - grain) << 16 | grain << 8 | grain : grain << 16 | grain << 8 | (0xff - grain);
}

static uint32_t rainbow(double x, double y)
{
    return (uint32_t)(255 * x) << 16 | (uint32_t)(255 * y) << 8 | (uint32_t)(127 + 127 * sin(9 * x + 7 * y));
}

static uint32_t twenty_colours(double x, double y)
{
    uint32_t i = (uint32_t)(20 * x);
    (void)y;
    return (i % 3 * 120) << 16 | (i / 3 % 3 * 120) << 8 | i / 9 * 120;
}

/* In place of the style, which is the same everywhere. */
static void vary_style(world *w)
{
    nst_image_unref(w->style);
    w->style = new_map(w->ctx, 96, 64, rainbow);
}

static nst_targets *targets_of(world *w)
{
    nst_targets *targets = NULL;
    assert_ok(nst_targets_new(w->model, w->content, &w->style, 1, &targets));
    return targets;
}

static int32_t guide_with(world *w, nst_targets *targets, uint32_t width, uint32_t height, paint_fn *content, paint_fn *style)
{
    nst_image *map = new_map(w->ctx, width, height, content), *style_map = new_map(w->ctx, width, height, style);
    int32_t status = nst_targets_set_guides(targets, map, &style_map, 1);
    nst_image_unref(map);
    nst_image_unref(style_map);
    return status;
}

static nst_targets *guided(world *w, uint32_t width, uint32_t height, paint_fn *content, paint_fn *style)
{
    nst_targets *targets = targets_of(w);
    if (guide_with(w, targets, width, height, content, style) < 0) fail_msg("%s", nst_ctx_error(w->ctx));
    return targets;
}

static nst_targets *weighted(world *w, uint32_t width, uint32_t height, paint_fn *paint)
{
    nst_targets *targets = targets_of(w);
    nst_image *map = new_map(w->ctx, width, height, paint);
    assert_ok(nst_targets_set_content_weights(targets, map));
    nst_image_unref(map);
    return targets;
}

/* Of the first evaluation, of a noisy start; gives the targets back. */
static nst_progress look(world *w, nst_targets *targets, const char *mode)
{
    nst_session *session = new_session(w->ctx, targets, "size", "64", "octaves", "2", "init-noise", "0.5", "guide-mode", mode, NULL);
    nst_progress p;
    assert_int_equal(step(session), NST_CONTINUE);
    p = progress_of(session);
    nst_session_free(session);
    nst_targets_unref(targets);
    return p;
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-5 * fabs(b))) fail_msg("%.9g is not %.9g", a, b);
}

/* ---- what maps are ---- */

/* Of any size: they are stretched over their image. */
static void one_region_is_no_map(void **state)
{
    world *w = *state;
    nst_progress plain = look(w, targets_of(w), "simple"), p;
    paint_fn *const paints[] = {white, black, red};
    for (int i = 0; i < 3; i++) {
        p = look(w, guided(w, 64, 48, paints[i], paints[i]), "simple");
        assert_near(p.style, plain.style);
        assert_near(p.content, plain.content);
        assert_near(p.gradient_norm, plain.gradient_norm);
        assert_near(look(w, guided(w, 1, 1, paints[i], paints[i]), "simple").style, plain.style);
        assert_near(look(w, guided(w, 301, 7, paints[i], paints[i]), "inside").style, plain.style);
    }
    p = look(w, weighted(w, 5, 200, white), "simple");
    assert_near(p.content, plain.content);
    assert_near(p.gradient_norm, plain.gradient_norm);
}

static void size_and_noise_of_a_map_change_little(void **state)
{
    world *w = *state;
    double exact, plain, larger, noisy, swapped;
    vary_style(w);
    exact = look(w, guided(w, 64, 64, red_and_blue, red_and_blue), "simple").style;
    plain = look(w, targets_of(w), "simple").style;
    larger = look(w, guided(w, 512, 100, red_and_blue, red_and_blue), "simple").style;
    noisy = look(w, guided(w, 512, 512, noisy_red_and_blue, noisy_red_and_blue), "simple").style;
    swapped = look(w, guided(w, 64, 64, red_and_blue, blue_and_red), "simple").style;
    assert_near(larger, exact);
    assert_true(fabs(noisy - exact) < 0.02 * exact);
    assert_true(fabs(plain - exact) > 0.02 * exact && fabs(swapped - exact) > 0.02 * exact);
    assert_true(look(w, guided(w, 64, 64, red_and_blue, red_and_blue), "inside").style != exact);
    assert_near(look(w, guided(w, 64, 64, left_half, left_half), "simple").style, exact); /* white and black are regions as well */
    assert_true(isfinite(look(w, guided(w, 64, 64, ramp, ramp), "simple").style));
}

static void maps_that_do_not_fit_are_refused(void **state)
{
    world *w = *state;
    nst_targets *targets = targets_of(w);
    nst_image *map = new_map(w->ctx, 8, 8, red_and_blue), *two[2] = {map, map};
    assert_int_equal(guide_with(w, targets, 8, 8, red_and_green, red), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "the content's map has the colour #00ff00, which the map of style 1 lacks");
    assert_int_equal(guide_with(w, targets, 8, 8, left_half, white), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "the content's map has black, which");
    assert_int_equal(guide_with(w, targets, 100, 100, rainbow, red), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "the content's map is no map of regions");
    assert_int_equal(guide_with(w, targets, 100, 100, twenty_colours, twenty_colours), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "16 colours");
    assert_int_equal(nst_targets_set_guides(targets, map, two, 2), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "2 style maps for 1 style images");
    nst_image_unref(map);
    assert_near(look(w, targets, "simple").style, look(w, targets_of(w), "simple").style); /* none was taken */
}

static void maps_come_before_sessions(void **state)
{
    world *w = *state;
    nst_targets *targets = targets_of(w);
    nst_image *map = new_map(w->ctx, 8, 8, left_half);
    nst_session *session;
    assert_ok(guide_with(w, targets, 8, 8, red, red));
    assert_ok(guide_with(w, targets, 8, 8, red_and_blue, red_and_blue)); /* in place of the first */
    session = new_session(w->ctx, targets, NULL);
    assert_int_equal(guide_with(w, targets, 8, 8, red, red), NST_ERR_STATE);
    assert_contains(nst_ctx_error(w->ctx), "before a session");
    assert_int_equal(nst_targets_set_content_weights(targets, map), NST_ERR_STATE);
    nst_image_unref(map);
    nst_session_free(session);
    nst_targets_unref(targets);
}

static void maps_need_what_they_are_for(void **state)
{
    world *w = *state;
    nst_targets *texture = NULL, *content = NULL;
    nst_image *map = new_map(w->ctx, 8, 8, left_half);
    nst_session *session = NULL;
    nst_options *options = new_options(w->ctx, "style-statistics", "covariance", NULL);
    assert_ok(nst_targets_new(w->model, NULL, &w->style, 1, &texture));
    assert_ok(nst_targets_new(w->model, w->content, NULL, 0, &content));
    assert_int_equal(nst_targets_set_content_weights(texture, map), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_targets_set_guides(content, map, &map, 0), NST_ERR_INVALID_ARG);
    assert_ok(nst_targets_set_guides(texture, map, &map, 1)); /* a texture of regions */
    nst_options_set_str(options, "init", "noise");
    assert_int_equal(nst_session_new(texture, options, NULL, &session), NST_ERR_UNSUPPORTED);
    assert_contains(nst_ctx_error(w->ctx), "gram");
    nst_options_set_str(options, "style-statistics", "gram");
    nst_options_set_str(options, "histogram", "1");
    assert_int_equal(nst_session_new(texture, options, NULL, &session), NST_ERR_UNSUPPORTED);
    assert_contains(nst_ctx_error(w->ctx), "histogram");
    nst_options_free(options);
    session = new_session(w->ctx, texture, "init", "noise", NULL);
    finish(session);
    nst_session_free(session);
    nst_image_unref(map);
    nst_targets_unref(texture);
    nst_targets_unref(content);
}

/* ---- what maps do ---- */

/* A picture made with one pairing of regions fits that pairing better than a picture made with the other, and the other way round. */
static void each_region_takes_its_own(void **state)
{
    world *w = *state;
    paint_fn *const styles[] = {red_and_blue, blue_and_red};
    nst_image *pictures[2];
    nst_targets *targets[2];
    double loss[2][2];
    vary_style(w);
    for (int i = 0; i < 2; i++) {
        nst_session *session;
        targets[i] = guided(w, 16, 16, red_and_blue, styles[i]);
        session = new_session(w->ctx, targets[i], "size", "64", "iterations", "25", "alpha", "0", "init", "noise", NULL);
        finish(session);
        pictures[i] = image_of(session);
        nst_session_free(session);
    }
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            loss[i][k] = loss_of_picture(w->ctx, targets[i], pictures[k], "size", "64", "alpha", "0", NULL);
    assert_true(loss[0][0] < 0.2 * loss[0][1] && loss[1][1] < 0.2 * loss[1][0]);
    for (int i = 0; i < 2; i++) {
        nst_image_unref(pictures[i]);
        nst_targets_unref(targets[i]);
    }
}

/* Without a content the map is the output's: made with one map the texture fits that better than its mirror image. */
static void a_texture_has_regions(void **state)
{
    world *w = *state;
    nst_targets *targets[2] = {NULL, NULL};
    double loss[2];
    nst_session *session;
    nst_image *picture;
    vary_style(w);
    for (int i = 0; i < 2; i++) {
        assert_ok(nst_targets_new(w->model, NULL, &w->style, 1, &targets[i]));
        assert_ok(guide_with(w, targets[i], 17, 5, i ? blue_and_red : red_and_blue, red_and_blue));
    }
    session = new_session(w->ctx, targets[0], "width", "64", "height", "48", "iterations", "25", "init", "noise", NULL);
    finish(session);
    picture = image_of(session);
    for (int i = 0; i < 2; i++) loss[i] = loss_of_picture(w->ctx, targets[i], picture, "width", "64", "height", "48", NULL);
    assert_true(loss[0] < 0.2 * loss[1]);
    nst_session_free(session);
    nst_image_unref(picture);
    for (int i = 0; i < 2; i++) nst_targets_unref(targets[i]);
}

/* A picture made from noise with the content's left half has that half, and not the other. */
static void content_counts_where_its_map_is_white(void **state)
{
    world *w = *state;
    nst_targets *left = weighted(w, 32, 24, left_half), *right = weighted(w, 32, 24, right_half);
    nst_session *session = new_session(w->ctx, left, "content-layers", "relu1_1", "beta", "0", "iterations", "30", "init", "noise", NULL);
    nst_image *picture;
    finish(session);
    picture = image_of(session);
    assert_true(loss_of_picture(w->ctx, left, picture, "content-layers", "relu1_1", "beta", "0", NULL) <
                0.25 * loss_of_picture(w->ctx, right, picture, "content-layers", "relu1_1", "beta", "0", NULL));
    nst_image_unref(picture);
    nst_session_free(session);
    nst_targets_unref(left);
    nst_targets_unref(right);
    assert_true(look(w, weighted(w, 3, 3, black), "simple").content == 0);
}

/* With a strength: what is kept is measured over the whole content, and the search ends. */
static void maps_and_strength(void **state)
{
    world *w = *state;
    paint_fn *const paints[] = {left_half, black};
    for (int i = 0; i < 2; i++) {
        nst_targets *targets = weighted(w, 32, 24, paints[i]);
        nst_session *session = NULL;
        nst_options *options = NULL;
        assert_ok(nst_options_new(w->ctx, &options));
        assert_ok(nst_options_set_str(options, "size", "32"));
        assert_ok(nst_options_set_str(options, "preset", "draft"));
        assert_ok(nst_session_new(targets, options, NULL, &session));
        finish(session);
        nst_session_free(session);
        nst_options_free(options);
        nst_targets_unref(targets);
    }
}

static void checkpoints_know_their_maps(void **state)
{
    world *w = *state;
    char path[] = "/tmp/nst_guides_XXXXXX";
    int file = mkstemp(path);
    nst_targets *targets = guided(w, 16, 16, red_and_blue, red_and_blue), *same = guided(w, 16, 16, red_and_blue, red_and_blue);
    nst_targets *other = guided(w, 16, 16, red_and_blue, blue_and_red), *none = targets_of(w);
    nst_session *session = new_session(w->ctx, targets, NULL), *resumed = NULL;
    trace whole, rest;
    assert_true(file >= 0);
    close(file);
    steps(session, 3);
    assert_ok(nst_session_save(session, path));
    whole = trace_of(session);
    assert_int_equal(nst_session_resume(other, path, &resumed), NST_ERR_CHECKPOINT_FORMAT);
    assert_contains(nst_ctx_error(w->ctx), "maps");
    assert_int_equal(nst_session_resume(none, path, &resumed), NST_ERR_CHECKPOINT_FORMAT);
    assert_ok(nst_session_resume(same, path, &resumed));
    rest = trace_of(resumed);
    assert_same_trace(&whole, &rest);
    nst_session_free(resumed);
    nst_session_free(session);
    nst_targets_unref(targets);
    nst_targets_unref(same);
    nst_targets_unref(other);
    nst_targets_unref(none);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(one_region_is_no_map),
        test_in_world(size_and_noise_of_a_map_change_little),
        test_in_world(maps_that_do_not_fit_are_refused),
        test_in_world(maps_come_before_sessions),
        test_in_world(maps_need_what_they_are_for),
        test_in_world(each_region_takes_its_own),
        test_in_world(a_texture_has_regions),
        test_in_world(content_counts_where_its_map_is_white),
        test_in_world(maps_and_strength),
        test_in_world(checkpoints_know_their_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
