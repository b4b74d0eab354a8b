/* What options come to for a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nst/nst.h"
#include "session/settings.h"
#include "session/strength.h"

typedef struct world {
    nst_ctx *ctx;
    nst_model *model;
    nst_options *options;
} world;

static int setup(void **state)
{
    static world w;
    if (nst_ctx_new(NULL, &w.ctx) < 0 || nst_model_new_untrained(w.ctx, 1, 1, &w.model) < 0 || nst_options_new(w.ctx, &w.options) < 0)
        return -1;
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    nst_options_free(w->options);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
    return 0;
}

static nst_settings resolve(world *w, bool has_content, size_t styles)
{
    nst_settings settings;
    nst_error error = {""};
    if (nst_settings_resolve(w->options, w->model, has_content, styles, &settings, &error) < 0) fail_msg("%s", error.text);
    return settings;
}

static void set(world *w, const char *key, const char *value)
{
    assert_int_equal(nst_options_set_str(w->options, key, value), NST_OK);
}

static const char *layer_name(const world *w, const nst_layer_choice *choice)
{
    return nst_model_layer_name(w->model, (uint32_t)choice->layer);
}

static void dialects_bring_their_defaults(void **state)
{
    world *w = *state;
    static const struct { const char *name; double alpha, beta, tv, layer; } dialects[] = {
        {"neural-style", 5, 100, 1e-3, 1},
        {"gatys-paper", 1, 1000, 0, 0.2},
        {"gatys-code", 1, 1000, 0, 1},
        {"normalised", 0.005, 1, 0, 0.2}};
    for (int i = 0; i < 4; i++) {
        nst_settings s;
        set(w, "dialect", dialects[i].name);
        set(w, "preprocessing", "torch"); /* whose features the smoothing would drown */
        assert_true(resolve(w, true, 1).tv == 0);
        set(w, "preprocessing", "caffe");
        s = resolve(w, true, 1);
        assert_true(isnan(s.strength) == (i < 3)); /* where it is, it has a say in alpha */
        set(w, "beta", i < 3 ? "auto" : "1");
        s = resolve(w, true, 1);
        assert_true(isnan(s.strength) && s.alpha == dialects[i].alpha && s.beta == dialects[i].beta && s.tv == dialects[i].tv);
        assert_int_equal(s.style.count, 5);
        for (size_t k = 0; k < 5; k++) assert_true(s.style.items[k].weight == dialects[i].layer);
        assert_true(s.content.items[0].weight == 1);
    }
    set(w, "alpha", "0.25");
    set(w, "tv", "0");
    assert_true(resolve(w, true, 1).alpha == 0.25);
}

static void refuse(world *w, const char *word)
{
    nst_settings settings;
    nst_error error = {""};
    assert_int_equal(nst_settings_resolve(w->options, w->model, true, 1, &settings, &error), NST_ERR_INVALID_ARG);
    if (!strstr(error.text, word)) fail_msg("'%s' does not tell of '%s'", error.text, word);
}

static void strength_chooses_alpha(void **state)
{
    world *w = *state;
    assert_true(resolve(w, true, 1).strength == 0.5);
    assert_true(isnan(resolve(w, true, 0).strength) && isnan(resolve(w, false, 1).strength)); /* nothing to balance */
    set(w, "strength", "0.25");
    assert_true(resolve(w, true, 1).alpha == nst_strength_first_weight(0.25));
    set(w, "alpha", "1");
    refuse(w, "alpha");
    set(w, "alpha", "auto");
    set(w, "dialect", "gatys-code");
    refuse(w, "gatys-code");
}

static void layers_keep_their_order_and_weights(void **state)
{
    world *w = *state;
    nst_settings s;
    set(w, "dialect", "gatys-paper");
    set(w, "style-layers", " relu5_1 , conv1_1:0.5,pool3:0, relu2_1: 3 ");
    set(w, "content-layers", "relu3_1");
    s = resolve(w, true, 1);
    assert_int_equal(s.style.count, 4);
    assert_string_equal(layer_name(w, &s.style.items[0]), "relu5_1");
    assert_string_equal(layer_name(w, &s.style.items[1]), "conv1_1");
    assert_string_equal(layer_name(w, &s.style.items[2]), "pool3");
    assert_string_equal(layer_name(w, &s.style.items[3]), "relu2_1");
    assert_true(s.style.items[0].weight == 0.25 && !s.style.items[0].weight_given);
    assert_true(s.style.items[1].weight == 0.5 && s.style.items[1].weight_given);
    assert_true(s.style.items[2].weight == 0 && s.style.items[3].weight == 3);
    assert_string_equal(nst_model_layer_name(w->model, (uint32_t)s.deepest), "relu5_1");
    s = resolve(w, true, 0);
    assert_int_equal(s.style.count, 0);
    assert_string_equal(nst_model_layer_name(w->model, (uint32_t)s.deepest), "relu3_1");
    assert_int_equal(resolve(w, false, 1).content.count, 0);
}

/* Every layer the model has can be asked for, all at once. */
static void all_layers_at_once(void **state)
{
    world *w = *state;
    char list[400] = "";
    uint32_t count = nst_model_layer_count(w->model);
    nst_settings s;
    for (uint32_t i = 0; i < count; i++) {
        if (i) strcat(list, ",");
        strcat(list, nst_model_layer_name(w->model, count - 1 - i));
    }
    set(w, "content-layers", list);
    set(w, "style-layers", list);
    s = resolve(w, true, 1);
    assert_int_equal(s.content.count, count);
    assert_int_equal(s.style.count, count);
    assert_int_equal(s.deepest, count - 1);
}

static double weight(const world *w, const nst_settings *s, const char *layer, size_t octave, int style)
{
    size_t index;
    nst_error error;
    assert_int_equal(nst_settings_find_layer(&w->model->weights, "", layer, &index, &error), NST_OK);
    return nst_blend_at(&s->blend, index, octave)[style];
}

static void style_weights_sum_to_one(void **state)
{
    world *w = *state;
    nst_settings s = resolve(w, true, 3);
    for (int i = 0; i < 3; i++) assert_true(weight(w, &s, "relu1_1", 0, i) == 1.0 / 3);
    assert_string_equal(nst_settings_automatic(&s, NST_OPT_STYLE_WEIGHTS), "1,1,1");
    set(w, "style-weights", "1, 0,3e0");
    s = resolve(w, true, 3);
    assert_true(weight(w, &s, "relu1_1", 0, 0) == 0.25 && weight(w, &s, "relu1_1", 2, 1) == 0 && weight(w, &s, "relu5_1", 0, 2) == 0.75);
}

/* weights[i] is that of the first of two styles. */
static void check_places(world *w, const char *value, const double weights[5])
{
    static const struct { const char *layer; size_t octave; } places[] = {
        {"relu4_1", 1}, {"relu4_1", 0}, {"relu1_1", 1}, {"relu1_1", 0}, {"relu1_1", 3}};
    nst_settings s;
    set(w, "style-weights", value);
    assert_string_equal(nst_options_get_str(w->options, "style-weights"), value);
    s = resolve(w, true, 2);
    for (int i = 0; i < 5; i++) {
        double found = weight(w, &s, places[i].layer, places[i].octave, 0);
        if (found != weights[i]) fail_msg("%s: %s at octave %zu has %g", value, places[i].layer, places[i].octave, found);
        assert_true(weight(w, &s, places[i].layer, places[i].octave, 1) == 1 - found);
    }
}

static void the_most_particular_style_weights_count(void **state)
{
    world *w = *state;
    check_places(w, "1,0;/8:0,1", (double[]){1, 1, 1, 1, 0});
    check_places(w, "/1:1,3", (double[]){0.5, 0.25, 0.5, 0.25, 0.5});
    check_places(w, "relu4_1:0,5;/2:1,0;3,1", (double[]){0, 0, 1, 0.75, 0.75});
    check_places(w, "relu4_1/2:1,0;/2:1,3;relu4_1:0,1;1,1", (double[]){1, 0, 0.25, 0.5, 0.5});
    check_places(w, " relu1_1 : 1, 0 ; /2 : 0 , 1 ", (double[]){0, 0.5, 1, 1, 1});
}

static void start_colours_are_those_of_all_places(void **state)
{
    world *w = *state;
    double mean[NST_MAX_STYLES];
    nst_settings s;
    set(w, "octaves", "2");
    set(w, "style-layers", "relu1_1,relu2_1");
    set(w, "style-weights", "1,2");
    s = resolve(w, true, 2);
    nst_settings_mean_blend(&s, 2, mean);
    assert_true(mean[0] == 1.0 / 3 && mean[1] == 2.0 / 3);
    set(w, "style-weights", "1,0;relu2_1/2:0,1");
    s = resolve(w, true, 2);
    nst_settings_mean_blend(&s, 2, mean);
    assert_true(mean[0] == 0.75 && mean[1] == 0.25);
    nst_settings_mean_blend(&s, 1, mean); /* a small picture has no half to compare */
    assert_true(mean[0] == 1 && mean[1] == 0);
}

static void a_halved_picture_has_the_weights_of_the_half(void **state)
{
    world *w = *state;
    nst_settings s;
    set(w, "style-weights", "1,1;/1:1,0;/2:0,1;/4:3,1;relu1_1:0,1");
    s = resolve(w, true, 2);
    nst_blend_halve(&s.blend);
    assert_true(weight(w, &s, "relu2_1", 0, 0) == 0 && weight(w, &s, "relu2_1", 1, 0) == 0.75 && weight(w, &s, "relu2_1", 2, 0) == 0.5);
    assert_true(weight(w, &s, "relu1_1", 0, 0) == 0);
}

static void misspelt_layers_are_suggested(void **state)
{
    world *w = *state;
    static const struct { const char *value, *says; } bad[] = {
        {"relu4_l", "style-layers: this model has no layer 'relu4_l'; did you mean relu4_1? It has: conv1_1 relu1_1 conv1_2 "},
        {"relu1_1,rely3_1", "did you mean relu3_1? It has:"}, {"Relu5_1:2", "'Relu5_1'; did you mean relu5_1?"},
        {"pool6", "did you mean pool1?"}, {"fc6", "no layer 'fc6'; it has: conv1_1 "}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nst_settings settings;
        nst_error error = {""};
        set(w, "style-layers", bad[i].value);
        assert_int_equal(nst_settings_resolve(w->options, w->model, true, 1, &settings, &error), NST_ERR_NOT_FOUND);
        if (!strstr(error.text, bad[i].says) || !strstr(error.text, "relu5_4 pool5")) fail_msg("%s: %s", bad[i].value, error.text);
    }
}

static void bad_style_weights_are_named(void **state)
{
    world *w = *state;
    static const struct { const char *value, *word; int32_t status; } bad[] = {
        {"1,0;1,0", "everything else are given twice", NST_ERR_INVALID_ARG},
        {"/2:1,0;/2:1,0", "of /2 are given twice", NST_ERR_INVALID_ARG},
        {"relu1_1/2:1,0;1,1;relu1_1/2:0,1", "of relu1_1/2 are given twice", NST_ERR_INVALID_ARG},
        {"relu9_1:1,0", "no layer 'relu9_1'", NST_ERR_NOT_FOUND}, {"1,0;/4:0,0", "of /4 are all zero", NST_ERR_INVALID_ARG},
        {"1,0;relu1_1:1", "of relu1_1 has 1 numbers for 2 style", NST_ERR_INVALID_ARG},
        {"1,0;relu1_1:1,2,3", "3 numbers", NST_ERR_INVALID_ARG},
        {"relu1_1:1,0,1;1,0", "of relu1_1 has 3 numbers", NST_ERR_INVALID_ARG}, {"1;1", "1 numbers", NST_ERR_INVALID_ARG}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        nst_settings settings;
        nst_error error = {""};
        set(w, "style-weights", bad[i].value);
        assert_int_equal(nst_settings_resolve(w->options, w->model, true, 2, &settings, &error), bad[i].status);
        if (!strstr(error.text, bad[i].word) || !strstr(error.text, "style-weights")) fail_msg("%s: %s", bad[i].value, error.text);
    }
}

/* Every style layer at every size has a group of its own, and the plain one. */
static void as_many_groups_as_there_is_room_for(void **state)
{
    world *w = *state;
    char text[8192] = "";
    nst_settings s;
    nst_error error = {""};
    for (int i = 0; i < NST_MAX_BLENDS; i++) {
        char group[64];
        snprintf(group, sizeof group, "%s%s/%d:1,%d", i ? ";" : "", nst_model_layer_name(w->model, (uint32_t)i / 4), 1 << i % 4, i);
        strcat(text, group);
        if (i + 2 == NST_MAX_BLENDS) set(w, "style-weights", text);
    }
    s = resolve(w, true, 2);
    assert_int_equal(s.blend.count, NST_MAX_BLENDS);
    assert_true(weight(w, &s, "conv1_2", 2, 0) == 1.0 / 11 && weight(w, &s, "relu5_1", 0, 0) == 0.5);
    set(w, "style-weights", text);
    assert_int_equal(nst_settings_resolve(w->options, w->model, true, 2, &s, &error), NST_ERR_LIMIT);
    assert_non_null(strstr(error.text, "style-weights"));
    for (int i = 0; i < 17; i++) {
        char group[16 + 2 * NST_MAX_STYLES];
        snprintf(group, sizeof group, "%s%s:1", i ? ";" : "", nst_model_layer_name(w->model, (uint32_t)i));
        for (int k = 1; k < NST_MAX_STYLES; k++) strcat(group, ",1");
        if (i == 0) text[0] = '\0';
        strcat(text, group);
    }
    set(w, "style-weights", text);
    assert_int_equal(nst_settings_resolve(w->options, w->model, true, NST_MAX_STYLES, &s, &error), NST_ERR_LIMIT);
}

static void the_file_decides_where_options_do_not(void **state)
{
    world *w = *state;
    w->model->weights.padding = NST_PADDING_REFLECT;
    w->model->weights.preprocessing = NST_PREPROCESSING_CAFFE;
    assert_int_equal(resolve(w, true, 1).network.padding, NST_PAD_REFLECT);
    assert_int_equal(resolve(w, true, 1).network.preprocessing, NST_PREPROCESSING_CAFFE);
    w->model->weights.padding = NST_PADDING_AUTO;
    assert_int_equal(resolve(w, true, 1).network.padding, NST_PAD_ZERO);
    set(w, "padding", "replicate");
    set(w, "preprocessing", "unit");
    set(w, "pooling", "l2");
    set(w, "pooling-rescale", "true");
    assert_int_equal(resolve(w, true, 1).network.padding, NST_PAD_REPLICATE);
    assert_int_equal(resolve(w, true, 1).network.preprocessing, NST_PREPROCESSING_UNIT);
    assert_int_equal(resolve(w, true, 1).network.pooling, NST_POOL_L2);
    assert_true(resolve(w, true, 1).network.pooling_rescale);
}

static void numbers_arrive(void **state)
{
    world *w = *state;
    nst_settings s;
    set(w, "seed", "9007199254740992");
    set(w, "size", "65535");
    set(w, "scales", "12");
    set(w, "iterations", "1000000");
    set(w, "tolerance", "0.5");
    set(w, "history", "1000");
    set(w, "learning-rate", "1e-6");
    set(w, "line-search", "strong-wolfe");
    set(w, "optimizer", "adam");
    set(w, "init", "image");
    set(w, "init-noise", "1");
    set(w, "style-scale", "16");
    s = resolve(w, true, 1);
    assert_true(s.seed == UINT64_C(9007199254740992) && s.size == 65535 && s.scales == 12 && s.iterations == 1000000);
    assert_true(s.tolerance == 0.5 && s.optim.history == 1000 && s.optim.learning_rate == 1e-6 && s.init_noise == 1);
    assert_true(s.optim.line_search == NST_LINE_SEARCH_STRONG_WOLFE && s.optim.kind == NST_OPTIMIZER_ADAM);
    assert_true(s.init == NST_INIT_IMAGE && s.style_scale == 16 && s.optim.lower == 0 && s.optim.upper == 1);
}

#define in_world(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(dialects_bring_their_defaults),
        in_world(strength_chooses_alpha),
        in_world(layers_keep_their_order_and_weights),
        in_world(all_layers_at_once),
        in_world(misspelt_layers_are_suggested),
        in_world(style_weights_sum_to_one),
        in_world(the_most_particular_style_weights_count),
        in_world(start_colours_are_those_of_all_places),
        in_world(a_halved_picture_has_the_weights_of_the_half),
        in_world(bad_style_weights_are_named),
        in_world(as_many_groups_as_there_is_room_for),
        in_world(the_file_decides_where_options_do_not),
        in_world(numbers_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
