/* In tiles and in one piece: the same loss, the same terms, the same gradient but for rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../support/test_data.h"
#include "base/random.h"
#include "nst/nst.h"
#include "session/objective.h"
#include "session/session.h"

#ifdef NST_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 1e-6;
#endif

static nst_ctx *ctx;
static nst_model *model;

static nst_image *waves(uint32_t width, uint32_t height, uint64_t seed)
{
    nst_random random = {seed};
    nst_image_desc desc;
    nst_image *image = NULL;
    float *pixels = malloc(sizeof *pixels * 3 * width * height);
    for (size_t i = 0; i < (size_t)width * height; i++)
        for (size_t c = 0; c < 3; c++) {
            double wave = sin(0.05 * (double)(i % width) * (double)(c + seed)) * cos(0.03 * (double)(i / width));
            pixels[3 * i + c] = (float)(0.5 + 0.3 * wave + 0.1 * nst_random_uniform(&random));
        }
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = width;
    desc.height = height;
    desc.channels = 3;
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    free(pixels);
    return image;
}

static int setup(void **state)
{
    (void)state;
    if (nst_ctx_new(NULL, &ctx) < 0) return -1;
    return nst_model_new_untrained(ctx, 2, 11, &model);
}

static int teardown(void **state)
{
    (void)state;
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    return 0;
}

/* In colours: white and black are regions, and something between them. In gray: both everywhere. */
static void guide(nst_targets *targets, bool coloured)
{
    enum { SIDE = 40 };
    uint8_t pixels[SIDE * SIDE * 3];
    nst_image_desc desc;
    nst_image *map = NULL, *weights = NULL;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        for (size_t c = 0; c < 3; c++)
            pixels[3 * i + c] = (uint8_t)(coloured ? (i % SIDE + i / SIDE > 30 + 9 * (c == 1)) * 255 : (i * 31) % 256);
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = desc.height = SIDE;
    desc.channels = 3;
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &map), NST_OK);
    assert_int_equal(nst_targets_set_guides(targets, map, &map, 1), NST_OK);
    desc.channels = 1; /* where the content counts is gray: the bytes, read as one channel */
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &weights), NST_OK);
    assert_int_equal(nst_targets_set_content_weights(targets, weights), NST_OK);
    nst_image_unref(weights);
    nst_image_unref(map);
}

static nst_session *new_session(nst_model *of, uint32_t width, uint32_t height, const char *json)
{
    nst_image *content = waves(width, height, 1), *style = waves(width - 30, height + 17, 2);
    nst_options *options;
    nst_targets *targets;
    nst_session *session = NULL;
    assert_int_equal(nst_options_new(ctx, &options), NST_OK);
    if (nst_options_from_json(options, json, strlen(json)) < 0) fail_msg("%s", nst_options_error(options));
    nst_options_set_i64(options, "size", width > height ? width : height);
    nst_options_set_str(options, "scales", "1");
    assert_int_equal(nst_targets_new(of, content, &style, 1, &targets), NST_OK);
    if (strstr(json, "guide-mode")) guide(targets, strstr(json, "inside") != NULL);
    if (nst_session_new(targets, options, NULL, &session) < 0) fail_msg("%s", nst_ctx_error(ctx));
    nst_targets_unref(targets);
    nst_options_free(options);
    nst_image_unref(content);
    nst_image_unref(style);
    return session;
}

/* Loss, terms and gradient at a picture. */
typedef struct result {
    double f, terms[NST_MAX_TERMS];
    size_t term_count, tiles, recomputed;
    nst_real *gradient;
} result;

static size_t values_of(const nst_session *session)
{
    return 3 * nst_session_width(session) * nst_session_height(session);
}

/* `nudged`: at a picture that differs by roundings. */
/* With two octaves: the smaller copy is cut into tiles of its own. */
static nst_objective_config config_of(const nst_session *session, size_t room)
{
    return (nst_objective_config){.targets = session->targets, .settings = &session->settings, .kernels = session->kernels,
                                  .exec = &session->exec, .width = nst_session_width(session), .height = nst_session_height(session),
                                  .octaves = 2, .room = room};
}

static nst_real *picture_for(const nst_session *session)
{
    size_t values = values_of(session);
    nst_real *x = malloc(values * sizeof *x);
    nst_random random = {5};
    for (size_t i = 0; i < values; i++) x[i] = (nst_real)(0.3 + 0.4 * nst_random_uniform(&random));
    return x;
}

static result evaluate(nst_session *session, size_t room, bool nudged)
{
    size_t values = values_of(session);
    nst_real *x = picture_for(session);
    nst_objective *objective;
    nst_objective_size size;
    nst_ledger ledger = {.used = 0};
    nst_target_idle idle = {.count = 0};
    nst_error error = {""};
    nst_objective_config config = config_of(session, room);
    result r = {.gradient = malloc(values * sizeof(nst_real))};
    for (size_t i = 0; nudged && i < values; i += 3) x[i] *= 1 + (nst_real)(tolerance / 10);
    assert_int_equal(nst_session_prepare_network(session, &error), NST_OK);
    config.network = session->network;
    if (nst_objective_foretell(&config, &ledger, &idle, &size, &error) < 0) fail_msg("room %zu: %s", room, error.text);
    r.tiles = nst_tiling_count(&size.walk.ways[0].gradient);
    r.recomputed = size.walk.recomputed;
    if (nst_objective_new(&config, &objective, &error) < 0) fail_msg("%s", error.text);
    assert_int_equal(nst_objective_evaluate(objective, x, &r.f, r.gradient), NST_OK);
    r.term_count = nst_objective_term_count(objective);
    for (size_t i = 0; i < r.term_count; i++) r.terms[i] = nst_objective_get_term(objective, i).value;
    nst_objective_free(objective);
    free(x);
    return r;
}

/* What one way through takes whole and in the smallest tiles. */
static void room_of(nst_session *session, size_t *most, size_t *least)
{
    nst_error error = {""};
    nst_objective_config config = config_of(session, SIZE_MAX);
    nst_objective_size size;
    nst_ledger ledger = {.used = 0};
    nst_target_idle idle = {.count = 0};
    assert_int_equal(nst_session_prepare_network(session, &error), NST_OK);
    config.network = session->network;
    assert_int_equal(nst_objective_foretell(&config, &ledger, &idle, &size, &error), NST_OK);
    *most = size.walk.bytes;
    config.room = 0;
    assert_int_equal(nst_objective_foretell(&config, &ledger, &idle, &size, &error), NST_ERR_LIMIT);
    for (config.room = *most / 64; nst_objective_foretell(&config, &ledger, &idle, &size, &error) == NST_ERR_LIMIT;)
        config.room += *most / 64;
    *least = config.room;
}

static double relative(double a, double b)
{
    return a == b ? 0 : fabs(a - b) / fmax(fabs(a), fabs(b));
}

static double gradient_error(const result *a, const result *b, size_t values)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < values; i++) {
        double d = (double)a->gradient[i] - (double)b->gradient[i];
        difference += d * d;
        norm += (double)a->gradient[i] * (double)a->gradient[i];
    }
    assert_true(norm > 0);
    return sqrt(difference / norm);
}

static void check_equal(const result *whole, const result *parts, size_t values, const char *json, double allowed)
{
    double error = gradient_error(whole, parts, values), loss = relative(whole->f, parts->f);
    if (getenv("NST_TEST_VERBOSE"))
        print_message("%s: %zu tiles, %zu layers again, loss %.3g, gradient %.3g\n", json, parts->tiles, parts->recomputed, loss, error);
    if (!(loss <= tolerance && error <= allowed)) fail_msg("%s: %zu tiles: loss %.3g, gradient %.3g", json, parts->tiles, loss, error);
    for (size_t i = 0; i < whole->term_count; i++)
        if (!(relative(whole->terms[i], parts->terms[i]) <= 100 * tolerance)) fail_msg("%s: term %zu", json, i);
}

/* Targets are cached by size and image: each way of computing them needs targets of its own, that is a session. */
static void compare(nst_model *of, uint32_t width, uint32_t height, const char *json, double share, size_t fronts, double allowed)
{
    nst_session *session = new_session(of, width, height, json), *tiled_session = new_session(of, width, height, json);
    size_t most, least;
    result whole, tiled;
    tiled_session->settings.fronts = fronts;
    room_of(tiled_session, &most, &least);
    whole = evaluate(session, SIZE_MAX, false);
    tiled = evaluate(tiled_session, least + (size_t)(share * (double)(most - 1 - least)), false);
    assert_true(whole.tiles == 1 && tiled.tiles > 1);
    check_equal(&whole, &tiled, values_of(session), json, allowed);
    free(whole.gradient);
    free(tiled.gradient);
    nst_session_free(session);
    nst_session_free(tiled_session);
}

/* In one tile, its first stages in bands. */
static void compare_bands(nst_model *of, uint32_t width, uint32_t height, const char *json, double allowed)
{
    nst_session *session = new_session(of, width, height, json);
    result r[NST_MOST_FRONTS + 1];
    for (size_t fronts = 0; fronts <= NST_MOST_FRONTS; fronts++) {
        session->settings.fronts = fronts;
        r[fronts] = evaluate(session, SIZE_MAX, false);
        if (fronts > 0) check_equal(&r[0], &r[fronts], values_of(session), json, allowed);
    }
    for (size_t fronts = 0; fronts <= NST_MOST_FRONTS; fronts++) free(r[fronts].gradient);
    nst_session_free(session);
}

static const char *const settings[] = {
    "{\"dialect\": \"neural-style\"}",
    "{\"pooling\": \"average\", \"padding\": \"reflect\", \"dialect\": \"normalised\"}",
    "{\"pooling\": \"l2\", \"padding\": \"replicate\", \"dialect\": \"neural-style\"}",
    "{\"content-layers\": \"conv1_1,pool2,relu3_1\", \"style-layers\": \"relu1_1,conv2_2,pool1\", \"dialect\": \"normalised\"}",
    "{\"content-layers\": \"relu1_1\", \"style-layers\": \"relu1_1\", \"dialect\": \"neural-style\"}",
    "{\"style-statistics\": \"mean-std\", \"laplacian\": 2, \"dialect\": \"normalised\"}",
    "{\"style-statistics\": \"covariance\", \"dialect\": \"normalised\"}",
    "{\"style-statistics\": \"shifted-gram\", \"dialect\": \"normalised\"}",
    "{\"style-statistics\": \"wasserstein\", \"dialect\": \"normalised\"}",
    "{\"style-statistics\": \"chained\", \"dialect\": \"normalised\"}",
    "{\"style-statistics\": \"chained\", \"style-layers\": \"relu1_2,conv2_1,relu2_1,relu3_2\", \"dialect\": \"normalised\"}",
    "{\"histogram\": 0.5, \"histogram-layers\": \"relu1_1,conv2_2,relu4_1\", \"dialect\": \"normalised\"}",
    "{\"guide-mode\": \"simple\", \"dialect\": \"normalised\"}",
    "{\"guide-mode\": \"inside\", \"dialect\": \"neural-style\"}",
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static void tiles_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        if (i >= 5) { /* what is special about these has nothing to do with the tiles' shape */
            compare(model, 653, 541, settings[i], 0, 0, 10 * tolerance);
            continue;
        }
        compare(model, 653, 541, settings[i], 0, 0, tolerance);
        compare(model, 801, 99, settings[i], 0.2, 0, tolerance);
        compare(model, 98, 901, settings[i], 0.6, 0, tolerance);
    }
}

static void bands_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) compare_bands(model, 213, 401, settings[i], 10 * tolerance);
}

/* Wide enough for tiles to save something beside bands. */
static void tiles_in_bands_change_nothing(void **state)
{
    static const char shallow[] = "{\"content-layers\": \"relu3_1\", \"style-layers\": \"relu1_1,relu2_1,relu3_1\"}";
    nst_model *wide;
    (void)state;
    assert_int_equal(nst_model_new_untrained(ctx, 8, 11, &wide), NST_OK);
    for (size_t fronts = 1; fronts <= NST_MOST_FRONTS; fronts++) {
        compare(wide, 333, 401, shallow, 0.1, fronts, 10 * tolerance);
        compare(wide, 60, 701, shallow, 0.3, fronts, 10 * tolerance);
    }
    nst_model_unref(wide);
}

/* A layer in front of another that is computed again on the way back, being wider than the image in every layout of features. */
static void what_is_computed_again_is_the_same(void **state)
{
    static const char chain[] = "{\"style-statistics\": \"chained\", \"style-layers\": \"relu1_1,relu1_2,relu2_1\", "
                                "\"content-layers\": \"relu2_1\"}";
    nst_model *wide;
    nst_session *sessions[2];
    result r[2];
    (void)state;
    assert_int_equal(nst_model_new_untrained(ctx, 40, 11, &wide), NST_OK);
    for (int i = 0; i < 2; i++) {
        sessions[i] = new_session(wide, 90, 70, chain);
        sessions[i]->settings.fronts = i == 1 ? 1 : 0;
        r[i] = evaluate(sessions[i], SIZE_MAX, false);
    }
    assert_true(r[0].recomputed == 0 && r[1].recomputed == 5);
    check_equal(&r[0], &r[1], values_of(sessions[0]), chain, 10 * tolerance);
    for (int i = 0; i < 2; i++) {
        free(r[i].gradient);
        nst_session_free(sessions[i]);
    }
    nst_model_unref(wide);
}

static double loss_seen(nst_session *session, const nst_real *x)
{
    nst_error error = {""};
    nst_objective_config config = config_of(session, SIZE_MAX);
    nst_objective *objective;
    double f;
    config.network = session->network;
    config.look_only = true;
    if (nst_objective_new(&config, &objective, &error) < 0) fail_msg("%s", error.text);
    assert_int_equal(nst_objective_look(objective, x, &f), NST_OK);
    nst_objective_free(objective);
    return f;
}

/* Where nothing is kept for a way back, what a convolution has read is there still when its layer is looked at. */
static void looking_is_enough_for_the_loss(void **state)
{
    (void)state;
    for (int i = 0; i < SETTINGS; i++) {
        nst_session *session = new_session(model, 130, 110, settings[i]);
        nst_real *x = picture_for(session);
        result r = evaluate(session, SIZE_MAX, false);
        assert_true(loss_seen(session, x) == r.f);
        free(r.gradient);
        free(x);
        nst_session_free(session);
    }
}

/* The first evaluation that a resting objective makes finds its memory again. */
static void a_rested_objective_goes_on(void **state)
{
    nst_session *session = new_session(model, 64, 48, "{\"iterations\": 3}");
    double f[2];
    nst_real *x = malloc(values_of(session) * sizeof *x), *gradient = malloc(values_of(session) * sizeof *gradient);
    (void)state;
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    for (size_t i = 0; i < values_of(session); i++) x[i] = (nst_real)0.25;
    assert_int_equal(nst_objective_evaluate(session->objective, x, &f[0], gradient), NST_OK);
    nst_objective_rest(session->objective);
    assert_int_equal(nst_objective_evaluate(session->objective, x, &f[1], gradient), NST_OK);
    assert_true(f[0] == f[1]);
    free(x);
    free(gradient);
    nst_session_free(session);
}

/* What a rounding in the picture does to the gradient: now and then a sign or a maximum turns out another way. */
static double noise_of(nst_model *of, uint32_t width, uint32_t height)
{
    nst_session *session = new_session(of, width, height, "{}");
    result one = evaluate(session, SIZE_MAX, false), other = evaluate(session, SIZE_MAX, true);
    double error = gradient_error(&one, &other, values_of(session));
    free(one.gradient);
    free(other.gradient);
    nst_session_free(session);
    return error;
}

/* A BLAS may round a product of other sizes in another way, so that tiles do what a rounding in the picture does. */
static void with_vgg19(void **state)
{
    char path[512];
    nst_model *real = NULL;
    double noise;
    (void)state;
    if (sizeof(nst_real) == sizeof(double) || !test_data_path(path, sizeof path, "weights/vgg19-caffe-bgr.safetensors")) skip();
    assert_int_equal(nst_model_open(ctx, path, &real), NST_OK);
    noise = noise_of(real, 448, 400);
    if (getenv("NST_TEST_VERBOSE")) print_message("a rounding moves the gradient by %.3g\n", noise);
    compare(real, 448, 400, "{}", 0, 1, fmax(tolerance, 3 * noise));
    compare_bands(real, 448, 400, "{}", fmax(tolerance, 3 * noise));
    nst_model_unref(real);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_change_nothing),
        cmocka_unit_test(bands_change_nothing),
        cmocka_unit_test(tiles_in_bands_change_nothing),
        cmocka_unit_test(what_is_computed_again_is_the_same),
        cmocka_unit_test(looking_is_enough_for_the_loss),
        cmocka_unit_test(a_rested_objective_goes_on),
        cmocka_unit_test(with_vgg19),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
