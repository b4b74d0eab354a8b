/* Distances are the same whether layers are taken together or in groups, and the picture whole or in tiles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "measure/distances.h"
#include "nst/nst.h"
#include "session/picture.h"

enum { WIDTH = 612, HEIGHT = 388, VALUES = 3 * WIDTH * HEIGHT };

typedef struct world {
    nst_ctx *ctx;
    nst_model *model;
    nst_image *content, *style;
    nst_targets *targets;
    nst_settings settings;
    nst_network *network;
    nst_exec exec;
    nst_objective_config config;
    nst_real picture[VALUES];
} world;

static nst_image *new_image(nst_ctx *ctx, uint32_t width, uint32_t height, uint64_t seed)
{
    nst_random random = {seed};
    float *pixels = malloc((size_t)width * height * 3 * sizeof *pixels);
    nst_image *image = NULL;
    nst_image_desc desc;
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = width;
    desc.height = height;
    desc.channels = 3;
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        pixels[i] = (float)(0.5 + 0.3 * sin((double)i * 0.01 * (double)seed) + 0.2 * (nst_random_uniform(&random) - 0.5));
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    free(pixels);
    return image;
}

static void resolve(world *w, nst_error *error)
{
    nst_options *options = NULL;
    const char *layers = "relu1_1,relu1_2,relu2_1,relu2_2,relu3_1";
    assert_int_equal(nst_options_new(w->ctx, &options), NST_OK);
    assert_int_equal(nst_options_set_str(options, "content-layers", layers), NST_OK);
    assert_int_equal(nst_options_set_str(options, "style-layers", layers), NST_OK);
    assert_int_equal(nst_options_set_str(options, "precision", "fp32"), NST_OK);
    assert_int_equal(nst_settings_resolve(options, w->model, true, 1, &w->settings, error), NST_OK);
    nst_options_free(options);
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    nst_error error = {""};
    nst_ctx_config config;
    const nst_kernels *kernels;
    NST_INIT(config);
    config.threads = 1;
    assert_int_equal(nst_ctx_new(&config, &w->ctx), NST_OK);
    assert_int_equal(nst_model_new_untrained(w->ctx, 4, 1, &w->model), NST_OK);
    w->content = new_image(w->ctx, WIDTH, HEIGHT, 1);
    w->style = new_image(w->ctx, 300, 500, 2);
    assert_int_equal(nst_targets_new(w->model, w->content, &w->style, 1, &w->targets), NST_OK);
    resolve(w, &error);
    kernels = nst_kernels_for((int)w->ctx->level, NST_PRECISION_FP32);
    w->exec = nst_network_exec(w->ctx);
    assert_int_equal(nst_network_new(w->ctx, w->model, &w->settings.network, w->settings.deepest, kernels, &w->exec, &w->network, &error),
                     NST_OK);
    w->config = (nst_objective_config){.targets = w->targets, .settings = &w->settings, .network = w->network, .kernels = kernels,
                                       .exec = &w->exec, .width = WIDTH, .height = HEIGHT, .room = SIZE_MAX};
    assert_int_equal(nst_picture_from_image(w->style, WIDTH, HEIGHT, w->picture, &error), NST_OK);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    nst_network_free(w->network);
    nst_targets_unref(w->targets);
    nst_image_unref(w->style);
    nst_image_unref(w->content);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
    free(w);
    return 0;
}

static void assert_close(double a, double b)
{
    if (!(fabs(a - b) <= 1e-6 * fabs(b)) && !(isnan(a) && isnan(b))) fail_msg("%.12g is not %.12g", a, b);
}

static void the_room_does_not_matter(void **state)
{
    world *w = *state;
    nst_distance whole[NST_MAX_LAYERS], parts[NST_MAX_LAYERS];
    nst_error error = {""};
    size_t measured = 0;
    int32_t status;
    assert_int_equal(nst_distances_measure(&w->config, w->picture, whole, &error), NST_OK);
    /* All of the content's features take 12 MB, the widest layer alone 4. */
    for (w->config.room = (size_t)16 << 20;; w->config.room /= 2) {
        status = nst_distances_measure(&w->config, w->picture, parts, &error);
        if (status < 0) break;
        measured++;
        for (size_t i = 0; i < w->network->layer_count; i++) {
            assert_close(parts[i].content, whole[i].content);
            assert_close(parts[i].style, whole[i].style);
            assert_close(parts[i].retention, whole[i].retention);
        }
    }
    assert_int_equal(status, NST_ERR_LIMIT); /* not even the smallest tile */
    assert_true(measured >= 3);
}

static void layers_that_are_not_asked_for_are_no_numbers(void **state)
{
    world *w = *state;
    nst_distance distances[NST_MAX_LAYERS];
    nst_error error = {""};
    size_t found = 0;
    w->settings.style.count = 2;
    assert_int_equal(nst_distances_measure(&w->config, w->picture, distances, &error), NST_OK);
    for (size_t i = 0; i < w->network->layer_count; i++) {
        found += !isnan(distances[i].style);
        assert_true(isnan(distances[i].content) == (w->network->layers[i].kind != NST_LAYER_RELU));
    }
    assert_int_equal(found, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_room_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(layers_that_are_not_asked_for_are_no_numbers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
