/* The whole objective through a small random network: gradients that enter at conv, relu and pool layers, every pooling and padding,
 * against central differences along the gradient and along random directions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "nst/nst.h"
#include "session/objective.h"
#include "session/session.h"

enum { WIDTH = 37, HEIGHT = 33, VALUES = 3 * WIDTH * HEIGHT };

static nst_ctx *ctx;
static nst_model *model;
static nst_image *content, *style;
static bool guided; /* two overlapping regions, and weights of the content */

static nst_image *noise_image(uint32_t width, uint32_t height, uint64_t seed)
{
    nst_random random = {seed};
    nst_image_desc desc;
    nst_image *image = NULL;
    float *pixels = malloc(sizeof *pixels * 3 * width * height);
    for (size_t i = 0; i < 3 * (size_t)width * height; i++) pixels[i] = (float)nst_random_uniform(&random);
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = width;
    desc.height = height;
    desc.channels = 3;
    nst_image_new(ctx, &desc, pixels, &image);
    free(pixels);
    return image;
}

static int setup(void **state)
{
    (void)state;
    if (nst_ctx_new(NULL, &ctx) < 0 || nst_model_new_untrained(ctx, 3, 11, &model) < 0) return -1;
    content = noise_image(WIDTH, HEIGHT, 1);
    style = noise_image(29, 41, 2);
    return content && style ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    nst_image_unref(content);
    nst_image_unref(style);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    return 0;
}

/* Gray noise: every pixel is of both regions. */
static nst_image *soft_map(uint32_t width, uint32_t height, uint64_t seed)
{
    nst_random random = {seed};
    nst_image_desc desc;
    nst_image *image = NULL;
    uint8_t *pixels = malloc((size_t)width * height);
    for (size_t i = 0; i < (size_t)width * height; i++) pixels[i] = (uint8_t)(255 * nst_random_uniform(&random));
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = width;
    desc.height = height;
    desc.channels = 1;
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    free(pixels);
    return image;
}

static void guide(nst_targets *targets)
{
    nst_image *map = soft_map(11, 13, 3), *style_map = soft_map(50, 45, 4);
    assert_int_equal(nst_targets_set_guides(targets, map, &style_map, 1), NST_OK);
    assert_int_equal(nst_targets_set_content_weights(targets, style_map), NST_OK);
    nst_image_unref(map);
    nst_image_unref(style_map);
}

/* What a session may be opened with besides options. */
typedef struct opening {
    nst_model *model;
    size_t octaves;
    nst_image *previous, *weights;
} opening;

/* One size, and a content weight that is given: no search begins without one. */
static nst_session *open_with(const opening *o, const char *const (*settings)[2], size_t count)
{
    nst_options *options;
    nst_targets *targets;
    nst_session *session = NULL;
    assert_int_equal(nst_options_new(ctx, &options), NST_OK);
    nst_options_set_i64(options, "size", WIDTH);
    nst_options_set_i64(options, "scales", 1);
    for (size_t i = 0; i < count; i++) assert_int_equal(nst_options_set_str(options, settings[i][0], settings[i][1]), NST_OK);
    if (strcmp(nst_options_get_str(options, "dialect"), "normalised") == 0 && !nst_options_is_set(options, "alpha"))
        nst_options_set_str(options, "alpha", "0.05");
    assert_int_equal(nst_targets_new(o->model, content, &style, 1, &targets), NST_OK);
    if (guided) guide(targets);
    if (nst_session_new(targets, options, NULL, &session) < 0) print_error("%s\n", nst_ctx_error(ctx));
    assert_non_null(session);
    assert_int_equal(nst_session_set_previous(session, o->previous, o->weights), NST_OK);
    session->schedule.scales[0].octaves = o->octaves; /* it plans anew */
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    nst_targets_unref(targets);
    nst_options_free(options);
    return session;
}

static nst_session *open_octaves(nst_model *of, const char *const (*settings)[2], size_t count, size_t octaves)
{
    const opening o = {.model = of, .octaves = octaves};
    return open_with(&o, settings, count);
}

static nst_session *open_after(nst_image *previous, nst_image *weights, const char *const (*settings)[2], size_t count)
{
    const opening o = {.model = model, .octaves = 1, .previous = previous, .weights = weights};
    return open_with(&o, settings, count);
}

static nst_session *open_session(const char *const (*settings)[2], size_t count)
{
    return open_octaves(model, settings, count, 1);
}

static double value_at(nst_session *session, const double *x)
{
    static double unused[VALUES];
    double f;
    assert_int_equal(nst_objective_evaluate(session->objective, x, &f, unused), NST_OK);
    return f;
}

/* Relative error of the directional derivative; the smallest over a few steps, since a step too long crosses kinks of ReLU and max
 * pooling and one too short drowns in rounding. */
static double derivative_error(nst_session *session, const double *x, const double *gradient, const double *direction)
{
    static double moved[VALUES];
    double slope = 0, best = INFINITY;
    for (int i = 0; i < VALUES; i++) slope += gradient[i] * direction[i];
    for (double step = 1e-4; step > 1e-8; step /= 10) {
        double up, down;
        for (int i = 0; i < VALUES; i++) moved[i] = x[i] + step * direction[i];
        up = value_at(session, moved);
        for (int i = 0; i < VALUES; i++) moved[i] = x[i] - step * direction[i];
        down = value_at(session, moved);
        best = fmin(best, fabs((up - down) / (2 * step) - slope) / fabs(slope));
    }
    return best;
}

static void check_direction(nst_session *session, const char *name, const double *x, const double *gradient, double *direction,
                            double tolerance)
{
    double norm = 0, error;
    for (int i = 0; i < VALUES; i++) norm += direction[i] * direction[i];
    for (int i = 0; i < VALUES; i++) direction[i] /= sqrt(norm);
    error = derivative_error(session, x, gradient, direction);
    if (!(error <= tolerance)) print_error("%s: relative error of a directional derivative %g\n", name, error);
    assert_true(error <= tolerance);
}

/* Along the gradient, where a wrong length shows, and across, where a missing part does. */
static void check_session(nst_session *session, const char *name)
{
    static double x[VALUES], gradient[VALUES], direction[VALUES];
    nst_random random = {99};
    double f, norm = 0;
    for (int i = 0; i < VALUES; i++) x[i] = 0.2 + 0.6 * nst_random_uniform(&random);
    assert_int_equal(nst_objective_evaluate(session->objective, x, &f, gradient), NST_OK);
    for (int i = 0; i < VALUES; i++) norm += gradient[i] * gradient[i];
    assert_true(norm > 0 && f > 0);
    memcpy(direction, gradient, sizeof direction);
    check_direction(session, name, x, gradient, direction, 1e-6);
    for (int i = 0; i < VALUES; i++) direction[i] = nst_random_normal(&random);
    check_direction(session, name, x, gradient, direction, 1e-5);
    nst_session_free(session);
}

static void every_pooling_and_padding(void **state)
{
    static const char *const poolings[] = {"max", "average", "l2"}, *const paddings[] = {"zero", "reflect", "replicate"};
    (void)state;
    for (int p = 0; p < 3; p++) {
        for (int q = 0; q < 3; q++) {
            const char *const settings[][2] = {{"pooling", poolings[p]}, {"padding", paddings[q]}, {"dialect", "normalised"},
                                               {"pooling-rescale", q ? "true" : "false"}};
            check_session(open_session(settings, 4), poolings[p]);
        }
    }
}

static void every_dialect(void **state)
{
    static const char *const dialects[] = {"neural-style", "gatys-paper", "gatys-code", "normalised"};
    (void)state;
    for (int d = 0; d < 4; d++) {
        const char *const settings[][2] = {{"dialect", dialects[d]}, {"tv", "0.01"}, {"photo", "0.4"}};
        check_session(open_session(settings, 3), dialects[d]);
    }
}

static void gradients_enter_at_any_layer(void **state)
{
    static const char *const layers[] = {"conv1_1", "relu1_1", "relu1_2", "pool1", "conv2_2", "pool2", "conv3_3", "relu3_4",
                                         "pool3", "conv4_4", "pool4", "conv5_1", "relu5_4"};
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const char *const as_content[][2] = {{"content-layers", layers[i]}, {"beta", "0"}, {"tv", "0"}};
        const char *const as_style[][2] = {{"style-layers", layers[i]}, {"alpha", "0"}, {"tv", "0"}};
        check_session(open_session(as_content, 3), layers[i]);
        check_session(open_session(as_style, 3), layers[i]);
    }
}

static void several_layers_share_a_convolution_and_its_relu(void **state)
{
    const char *const settings[][2] = {{"content-layers", "conv2_1,relu2_1:0.5,pool2"}, {"style-layers", "relu2_1:2,conv2_1:0.1"},
                                       {"dialect", "normalised"}, {"alpha", "1"}};
    (void)state;
    check_session(open_session(settings, 4), "shared");
}

static void every_statistic(void **state)
{
    static const char *const statistics[] = {"gram", "mean-std", "covariance", "shifted-gram", "wasserstein", "chained"};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const char *const settings[][2] = {{"style-statistics", statistics[i]}, {"style-layers", "relu1_1,conv3_1,relu4_1"},
                                           {"dialect", "normalised"}};
        check_session(open_session(settings, 3), statistics[i]);
    }
}

/* Layers in front of which is the image, a ReLU and a pooling, which have other losses too or not; a convolution beside its own ReLU, and
 * chains of several links. */
static void chains_of_layers(void **state)
{
    static const char *const poolings[] = {"max", "average", "l2"};
    static const char *const chains[] = {"relu1_1", "conv1_2", "relu1_2,relu1_1", "relu2_1", "conv2_1,relu2_1", "relu1_2,relu2_1,relu2_2",
                                         "conv3_1,conv3_2,relu3_2,relu3_3,conv4_1"};
    (void)state;
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
            const char *const alone[][2] = {{"style-statistics", "chained"}, {"style-layers", chains[i]}, {"pooling", poolings[p]},
                                            {"alpha", "0"}, {"tv", "0"}};
            const char *const among[][2] = {{"style-statistics", "chained"}, {"style-layers", chains[i]}, {"pooling", poolings[p]},
                                            {"content-layers", "relu1_1,pool1,conv2_1,relu3_1"}, {"laplacian", "0.1"}};
            check_session(open_session(alone, 5), chains[i]);
            if (p == 1) check_session(open_octaves(model, among, 5, 2), chains[i]);
        }
}

static void regions_and_weights(void **state)
{
    static const char *const dialects[] = {"neural-style", "gatys-paper", "gatys-code", "normalised"};
    (void)state;
    guided = true;
    for (int d = 0; d < 4; d++) {
        const char *const settings[][2] = {{"dialect", dialects[d]}, {"style-layers", "relu1_1,conv2_1,pool2"}};
        check_session(open_session(settings, 2), dialects[d]);
    }
    guided = false;
}

static void the_laplacian_beside_the_rest(void **state)
{
    const char *const settings[][2] = {{"laplacian", "0.3"}, {"laplacian-pool", "3"}, {"dialect", "normalised"}};
    (void)state;
    check_session(open_session(settings, 3), "laplacian");
}

/* Also where halving leaves a row or a column out. */
static void octaves_reach_the_pixels(void **state)
{
    const char *const settings[][2] = {{"style-layers", "relu1_1,relu2_2,relu3_1"}, {"alpha", "0.02"}};
    const char *const style_alone[][2] = {{"style-layers", "relu1_1,conv3_1"}, {"alpha", "0"}};
    (void)state;
    check_session(open_octaves(model, settings, 2, 2), "two octaves");
    check_session(open_octaves(model, settings, 2, 3), "three octaves");
    check_session(open_octaves(model, style_alone, 2, 3), "the style alone");
}

/* Features of layer l times s_l by its filters, the next layer's divided by it: in the dialect normalised nothing changes. */
static void the_scale_of_the_weights_does_not_matter(void **state)
{
    const char *const settings[][2] = {{"alpha", "0.02"}, {"init", "matched"}, {"iterations", "40"},
                                       {"style-layers", "relu1_1,relu2_1,relu3_1"}};
    nst_model *scaled;
    nst_random random = {17};
    nst_session *a, *b;
    double before = 1, sum = 0;
    (void)state;
    assert_int_equal(nst_model_new_untrained(ctx, 3, 11, &scaled), NST_OK);
    for (size_t l = 0; l < scaled->weights.conv_count; l++) {
        nst_conv_weights *conv = &scaled->weights.convs[l];
        double s = exp((2 * nst_random_uniform(&random) - 1) * log(10));
        for (size_t i = 0; i < conv->out_channels * conv->in_channels * 9; i++) conv->weight[i] *= (float)(s / before);
        before = s;
    }
    a = open_octaves(model, settings, 4, 2);
    b = open_octaves(scaled, settings, 4, 2);
    for (int i = 0; i < 3; i++) {
        double fa = nst_optimizer_f(a->optimizer), fb = nst_optimizer_f(b->optimizer);
        if (!(fabs(fa - fb) <= 1e-5 * fabs(fa))) fail_msg("iteration %d: %.9g and %.9g", i, fa, fb);
        assert_int_equal(nst_session_step(a), NST_CONTINUE);
        assert_int_equal(nst_session_step(b), NST_CONTINUE);
    }
    for (size_t i = 0; i < VALUES; i++) {
        double d = (double)nst_optimizer_x(a->optimizer)[i] - (double)nst_optimizer_x(b->optimizer)[i];
        sum += d * d;
    }
    assert_true(sqrt(sum / VALUES) < 1e-4);
    nst_session_free(a);
    nst_session_free(b);
    nst_model_unref(scaled);
}

static void the_previous_frame_beside_the_rest(void **state)
{
    static const char *const dialects[] = {"neural-style", "normalised"};
    nst_image *previous = noise_image(WIDTH, HEIGHT, 5), *weights = noise_image(WIDTH, HEIGHT, 6), *larger = noise_image(50, 45, 7);
    (void)state;
    for (int d = 0; d < 2; d++) {
        const char *const settings[][2] = {{"dialect", dialects[d]}, {"temporal", d ? "0.5" : "2"}, {"colour", d ? "luminance" : "none"}};
        check_session(open_after(previous, weights, settings, 3), dialects[d]);
        check_session(open_after(larger, NULL, settings, 3), dialects[d]);
    }
    nst_image_unref(previous);
    nst_image_unref(weights);
    nst_image_unref(larger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pooling_and_padding),
        cmocka_unit_test(every_dialect),
        cmocka_unit_test(gradients_enter_at_any_layer),
        cmocka_unit_test(every_statistic),
        cmocka_unit_test(chains_of_layers),
        cmocka_unit_test(regions_and_weights),
        cmocka_unit_test(the_laplacian_beside_the_rest),
        cmocka_unit_test(the_previous_frame_beside_the_rest),
        cmocka_unit_test(several_layers_share_a_convolution_and_its_relu),
        cmocka_unit_test(octaves_reach_the_pixels),
        cmocka_unit_test(the_scale_of_the_weights_does_not_matter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
