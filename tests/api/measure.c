/* Measures: nothing is far from itself, what is missing is NaN, and the numbers are those of a session's losses. */
#include "support.h"

static nst_measure_summary summary_of(const nst_measure *measure)
{
    nst_measure_summary summary;
    NST_INIT(summary);
    assert_ok(nst_measure_get_summary(measure, &summary));
    return summary;
}

static nst_measure_layer layer_of(const nst_measure *measure, const char *name)
{
    nst_measure_layer layer;
    NST_INIT(layer);
    for (uint32_t i = 0; nst_measure_get_layer(measure, i, &layer) == NST_OK; i++)
        if (strcmp(layer.layer, name) == 0) return layer;
    fail_msg("there is no layer %s", name);
    return layer;
}

static nst_measure *measure_against(world *w, nst_targets *targets, nst_image *picture, const nst_options *options)
{
    nst_measure *measure = NULL;
    if (nst_measure_new(targets, picture, options, &measure) < 0) fail_msg("%s", nst_ctx_error(w->ctx));
    return measure;
}

static nst_targets *targets_of(world *w, nst_image *content, nst_image *style)
{
    nst_targets *targets = NULL;
    assert_ok(nst_targets_new(w->model, content, &style, style != NULL, &targets));
    return targets;
}

/* Against content and style, either NULL. */
static nst_measure *measure_pair(world *w, nst_image *picture, nst_image *content, nst_image *style)
{
    nst_targets *targets = targets_of(w, content, style);
    nst_measure *measure = measure_against(w, targets, picture, NULL);
    nst_targets_unref(targets);
    return measure;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g", value, expected);
}

static void a_picture_is_near_itself(void **state)
{
    world *w = *state;
    nst_measure *measure = measure_pair(w, w->content, w->content, w->content);
    nst_measure_summary s = summary_of(measure);
    nst_measure_layer layer;
    NST_INIT(layer);
    for (uint32_t i = 0; i < s.layers; i++) {
        assert_ok(nst_measure_get_layer(measure, i, &layer));
        assert_true(layer.content == 0);
        assert_near(layer.style, 0, 1e-12);
    }
    assert_int_equal(s.width, 32);
    assert_int_equal(s.height, 24);
    assert_int_equal(s.held_out, 4);
    assert_near(s.held_out_style, 0, 1e-12);
    assert_near(s.retention, 1, 1e-9);
    assert_near(s.ssim, 1, 1e-12);
    assert_near(s.edge_ssim, 1, 1e-12);
    assert_near(s.edge_correlation, 1, 1e-12);
    assert_near(s.erosion, 0, 1e-9);
    assert_near(s.self_similarity, 0, 1e-9);
    assert_near(s.held_out_style_half, 0, 1e-12);
    assert_true(isnan(s.held_out_style_quarter)); /* relu4_3 needs 8 rows, and of 24 there are 6 left */
    assert_true(s.high_frequency > 0 && s.high_frequency == s.high_frequency_content && s.high_frequency == s.high_frequency_style);
    assert_string_equal(s.precision, "fp32");
    nst_measure_free(measure);
}

static void another_picture_is_further_away(void **state)
{
    world *w = *state;
    nst_image *other = new_picture(w->ctx, 32, 24, 3, 9);
    nst_measure *measure = measure_pair(w, other, w->content, w->style);
    nst_measure_summary s = summary_of(measure);
    nst_measure_layer layer = layer_of(measure, "relu2_1");
    assert_true(layer.content > 0 && layer.style > 0 && layer.retention < 1);
    assert_true(s.held_out_style > 0 && s.retention < 1 && s.ssim < 0.9 && s.edge_ssim < 0.9 && s.edge_correlation < 0.9);
    assert_true(s.held_out_style_half > 0 && s.self_similarity > 0 && s.self_similarity < 2);
    assert_near(s.erosion, 1 - fmax(s.edge_correlation, 0) * fmax(s.retention, 0), 1e-12);
    nst_measure_free(measure);
    nst_image_unref(other);
}

static void what_is_missing_is_no_number(void **state)
{
    world *w = *state;
    nst_measure *texture = measure_pair(w, w->content, NULL, w->style), *copy = measure_pair(w, w->content, w->content, NULL);
    nst_measure_summary s = summary_of(texture);
    nst_measure_layer layer = layer_of(texture, "relu3_1");
    assert_true(isnan(layer.content) && isnan(layer.retention) && layer.style > 0);
    assert_true(isnan(s.retention) && isnan(s.ssim) && isnan(s.edge_ssim) && isnan(s.edge_correlation));
    assert_true(isnan(s.high_frequency_content) && s.high_frequency_style > 0 && s.held_out_style > 0);
    assert_true(isnan(s.erosion) && isnan(s.self_similarity) && s.held_out_style_half > 0);
    s = summary_of(copy);
    layer = layer_of(copy, "relu3_1");
    assert_true(layer.content == 0 && isnan(layer.style));
    assert_true(isnan(s.held_out_style) && s.held_out == 0 && isnan(s.high_frequency_style) && s.high_frequency_content > 0);
    assert_true(isnan(s.held_out_style_half) && isnan(s.held_out_style_quarter) && s.erosion < 1e-9 && s.self_similarity < 1e-9);
    nst_measure_free(texture);
    nst_measure_free(copy);
}

/* The first evaluation of a session looks at the same picture with the same targets. */
static void distances_are_those_of_a_session(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "dialect", "normalised", "init", "noise", "precision", "fp32", "beta", "1",
                                       "style-layers", "relu1_1,relu3_1", "style-scale", "0.75", "pooling", "average", NULL);
    nst_options *options = new_options(w->ctx, "style-scale", "0.75", "pooling", "average", "style-layers", "relu1_1,relu3_1", NULL);
    nst_image *picture;
    nst_measure *measure;
    nst_loss_term term;
    int seen = 0;
    NST_INIT(term);
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    picture = image_of(session);
    measure = measure_against(w, w->targets, picture, options);
    for (uint32_t i = 0; nst_session_get_term(session, i, &term) == NST_OK; i++) {
        if (strcmp(term.kind, "style") != 0) continue;
        assert_near(layer_of(measure, term.layer).style, 2 * term.value, 2e-6 * term.value); /* each layer weighs a half */
        seen++;
    }
    assert_int_equal(seen, 2);
    nst_measure_free(measure);
    nst_image_unref(picture);
    nst_options_free(options);
    nst_session_free(session);
}

static void layers_of_the_objective_are_not_held_out(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, "style-layers", "relu1_2:2, relu4_1", "content-layers", "relu3_2", NULL);
    nst_measure *usual = measure_against(w, w->targets, w->content, NULL), *other = measure_against(w, w->targets, w->content, options);
    assert_int_equal(layer_of(usual, "relu1_1").style_in_objective, 1);
    assert_int_equal(layer_of(usual, "relu1_2").style_in_objective, 0);
    assert_int_equal(layer_of(usual, "relu4_2").content_in_objective, 1);
    assert_int_equal(layer_of(usual, "relu3_2").content_in_objective, 0);
    assert_int_equal(layer_of(other, "relu1_1").style_in_objective, 0);
    assert_int_equal(layer_of(other, "relu1_2").style_in_objective, 1);
    assert_int_equal(layer_of(other, "relu3_2").content_in_objective, 1);
    assert_int_equal(summary_of(usual).held_out, 4);
    assert_int_equal(summary_of(other).held_out, 3);
    assert_near(summary_of(usual).held_out_style,
                (layer_of(usual, "relu1_2").style + layer_of(usual, "relu2_2").style + layer_of(usual, "relu3_4").style +
                 layer_of(usual, "relu4_3").style) / 4, 1e-12);
    assert_near(summary_of(other).held_out_style, (layer_of(usual, "relu2_2").style + layer_of(usual, "relu3_4").style +
                                                   layer_of(usual, "relu4_3").style) / 3, 1e-12);
    assert_true(summary_of(usual).retention == layer_of(usual, "relu4_2").retention);
    nst_measure_free(usual);
    nst_measure_free(other);
    nst_options_free(options);
}

/* Upside down all features of a symmetric network would be as they were, but elsewhere. */
static void a_picture_upside_down_is_like_itself_elsewhere(void **state)
{
    world *w = *state;
    enum { SIDE = 64 };
    nst_image_desc desc;
    float upright[SIDE * SIDE], turned[SIDE * SIDE];
    nst_image *image = NULL, *upside_down = NULL;
    nst_measure *measure;
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = desc.height = SIDE;
    desc.channels = 1;
    for (int i = 0; i < SIDE * SIDE; i++) upright[i] = turned[SIDE * SIDE - 1 - i] = (float)((i * i / 64 + i % SIDE * 3) % 101) / 100;
    assert_ok(nst_image_new(w->ctx, &desc, upright, &image));
    assert_ok(nst_image_new(w->ctx, &desc, turned, &upside_down));
    measure = measure_pair(w, upside_down, image, image);
    assert_true(summary_of(measure).self_similarity > 0.01);
    assert_true(summary_of(measure).held_out_style_quarter > 0);
    nst_measure_free(measure);
    nst_image_unref(image);
    nst_image_unref(upside_down);
}

/* A pattern of two pixels is gray from further away. */
static void octaves_see_what_is_large(void **state)
{
    world *w = *state;
    enum { SIDE = 64 };
    nst_image_desc desc;
    float fine[SIDE * SIDE], gray[SIDE * SIDE];
    nst_image *checks = NULL, *flat = NULL;
    nst_measure *measure;
    nst_measure_summary s;
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = desc.height = SIDE;
    desc.channels = 1;
    for (int i = 0; i < SIDE * SIDE; i++) {
        fine[i] = (float)((i + i / SIDE) % 2);
        gray[i] = 0.5f;
    }
    assert_ok(nst_image_new(w->ctx, &desc, fine, &checks));
    assert_ok(nst_image_new(w->ctx, &desc, gray, &flat));
    measure = measure_pair(w, checks, NULL, flat);
    s = summary_of(measure);
    assert_true(s.held_out_style > 1e-3);
    assert_near(s.held_out_style_half, 0, 1e-12);
    assert_near(s.held_out_style_quarter, 0, 1e-12);
    nst_measure_free(measure);
    nst_image_unref(checks);
    nst_image_unref(flat);
}

/* Layers without a position are left out, of the style too. */
static void small_pictures_have_few_layers(void **state)
{
    world *w = *state;
    nst_image *dot = new_picture(w->ctx, 1, 1, 3, 4), *little = new_picture(w->ctx, 16, 17, 4, 5);
    nst_image *strip = new_picture(w->ctx, 64, 2, 3, 6);
    nst_measure *measure = measure_pair(w, dot, w->content, w->style);
    nst_measure_summary s = summary_of(measure);
    assert_int_equal(s.layers, 2);
    assert_true(isnan(s.ssim) && isnan(s.edge_ssim) && isnan(s.edge_correlation) && isnan(s.high_frequency) && isnan(s.retention));
    assert_int_equal(s.held_out, 1);
    nst_measure_free(measure);
    measure = measure_pair(w, little, w->content, strip);
    s = summary_of(measure);
    assert_int_equal(s.layers, 16);
    assert_true(s.ssim < 1 && s.edge_ssim < 1);
    assert_true(layer_of(measure, "relu1_2").style > 0 && isnan(layer_of(measure, "relu2_1").style));
    assert_true(isfinite(layer_of(measure, "relu5_4").content));
    nst_measure_free(measure);
    nst_image_unref(strip);
    nst_image_unref(little);
    nst_image_unref(dot);
}

static void styles_blend(void **state)
{
    world *w = *state;
    nst_image *twice[2] = {w->style, w->style}, *mixed[2] = {w->style, w->content};
    nst_options *options = new_options(w->ctx, "style-weights", "1,0", NULL);
    nst_targets *same = NULL, *other = NULL;
    nst_measure *one = measure_pair(w, w->content, NULL, w->style), *both, *first;
    assert_ok(nst_targets_new(w->model, NULL, twice, 2, &same));
    assert_ok(nst_targets_new(w->model, NULL, mixed, 2, &other));
    both = measure_against(w, same, w->content, NULL);
    first = measure_against(w, other, w->content, options);
    assert_near(summary_of(both).held_out_style, summary_of(one).held_out_style, 1e-9);
    assert_near(summary_of(first).held_out_style, summary_of(one).held_out_style, 1e-9);
    nst_measure_free(one);
    nst_measure_free(both);
    nst_measure_free(first);
    nst_targets_unref(same);
    nst_targets_unref(other);
    nst_options_free(options);
}

/* Layers that are measured alone may be spoken of as well; what is said of a half counts there. */
static void styles_blend_by_layer_and_octave(void **state)
{
    world *w = *state;
    nst_image *mixed[2] = {w->content, w->style};
    nst_options *options = new_options(w->ctx, "style-weights", "0,1;/2:1,0;pool1:1,1;relu1_2/4:1,0", NULL);
    nst_targets *both = NULL;
    nst_measure *first = measure_pair(w, w->content, NULL, w->content), *second = measure_pair(w, w->content, NULL, w->style), *blended;
    assert_ok(nst_targets_new(w->model, NULL, mixed, 2, &both));
    blended = measure_against(w, both, w->content, options);
    assert_near(summary_of(blended).held_out_style, summary_of(second).held_out_style, 1e-9);
    assert_near(summary_of(blended).held_out_style_half, summary_of(first).held_out_style_half, 1e-9);
    assert_true(summary_of(first).held_out_style_half < summary_of(second).held_out_style_half);
    nst_measure_free(first);
    nst_measure_free(second);
    nst_measure_free(blended);
    nst_targets_unref(both);
    nst_options_free(options);
}

static void threads_change_nothing(void **state)
{
    double found[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        nst_ctx_config config;
        world w;
        nst_measure *measure;
        NST_INIT(config);
        config.threads = 1 + 2 * i;
        fill_world(&w, &config);
        measure = measure_against(&w, w.targets, w.content, NULL);
        found[i] = summary_of(measure).held_out_style;
        nst_measure_free(measure);
        empty_world(&w);
    }
    assert_true(found[0] == found[1]);
}

static void a_measure_outlives_what_it_was_made_from(void **state)
{
    nst_ctx_config config;
    world w;
    nst_measure *measure;
    (void)state;
    NST_INIT(config);
    fill_world(&w, &config);
    measure = measure_against(&w, w.targets, w.content, NULL);
    empty_world(&w);
    assert_true(summary_of(measure).layers == 16);
    nst_measure_free(measure);
    nst_measure_free(NULL);
}

static void wrong_arguments_are_refused(void **state)
{
    world *w = *state;
    nst_options *two = new_options(w->ctx, "style-weights", "1,2", NULL);
    nst_measure *measure = measure_against(w, w->targets, w->content, NULL), *none = measure;
    nst_measure_layer layer;
    nst_measure_summary summary;
    NST_INIT(layer);
    NST_INIT(summary);
    assert_int_equal(nst_measure_get_layer(measure, 16, &layer), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_measure_get_layer(NULL, 0, &layer), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_get_layer(measure, 0, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_get_summary(NULL, &summary), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_get_summary(measure, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_new(w->targets, w->content, NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_new(NULL, w->content, NULL, &none), NST_ERR_INVALID_ARG);
    assert_null(none);
    assert_int_equal(nst_measure_new(w->targets, NULL, NULL, &none), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_measure_new(w->targets, w->content, two, &none), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "style-weights has 2 numbers");
    assert_null(none);
    nst_measure_free(measure);
    nst_options_free(two);
}

/* Options of a run say how its picture came about, which is nothing to the picture as it is. */
static void options_of_the_run_are_ignored(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, "enlarge", "2", "colour", "match", NULL);
    nst_targets *targets = targets_of(w, NULL, w->style);
    nst_measure_free(measure_against(w, targets, w->content, options));
    nst_targets_unref(targets);
    nst_options_free(options);
}

static void a_style_too_large_is_refused(void **state)
{
    nst_ctx_config config;
    world w;
    nst_options *options;
    nst_measure *none = NULL;
    (void)state;
    NST_INIT(config);
    config.max_pixels = 2000;
    fill_world(&w, &config);
    options = new_options(w.ctx, "style-scale", "16", NULL);
    assert_int_equal(nst_measure_new(w.targets, w.content, options, &none), NST_ERR_LIMIT);
    assert_null(none);
    nst_options_free(options);
    empty_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(a_picture_is_near_itself),
        test_in_world(another_picture_is_further_away),
        test_in_world(what_is_missing_is_no_number),
        test_in_world(distances_are_those_of_a_session),
        test_in_world(layers_of_the_objective_are_not_held_out),
        test_in_world(a_picture_upside_down_is_like_itself_elsewhere),
        test_in_world(octaves_see_what_is_large),
        test_in_world(small_pictures_have_few_layers),
        test_in_world(styles_blend),
        test_in_world(styles_blend_by_layer_and_octave),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_measure_outlives_what_it_was_made_from),
        test_in_world(wrong_arguments_are_refused),
        test_in_world(options_of_the_run_are_ignored), cmocka_unit_test(a_style_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
