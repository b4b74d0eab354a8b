/* The option colour: each choice by what it does to the images, done here by hand. */
#include "support.h"

static const double luma_weights[3] = {0.299, 0.587, 0.114};

static double luma_of(const float *pixel)
{
    return luma_weights[0] * (double)pixel[0] + luma_weights[1] * (double)pixel[1] + luma_weights[2] * (double)pixel[2];
}

static nst_image *image_of_pixels(nst_ctx *ctx, const pixels *p)
{
    return image_from(ctx, NST_FORMAT_F32, p->width, p->height, p->channels, p->values);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.9g is not %.9g", value, expected);
}

/* Where nothing is clipped, `image` has the colours of `content` and the luma of `painted` (NULL: any). */
static void assert_colours_of(const nst_image *image, const nst_image *content, const nst_image *painted)
{
    pixels p = read_pixels(image), c = read_pixels(content), q = painted ? read_pixels(painted) : read_pixels(image);
    size_t looked_at = 0;
    assert_int_equal(p.count, c.count);
    for (size_t i = 0; i < p.count; i += 3) {
        const float *pixel = p.values + i, *of_content = c.values + i;
        if (fminf(fminf(pixel[0], pixel[1]), pixel[2]) <= 0 || fmaxf(fmaxf(pixel[0], pixel[1]), pixel[2]) >= 1) continue;
        assert_near((double)(pixel[2] - pixel[0]), (double)(of_content[2] - of_content[0]), 1e-6);
        assert_near((double)(pixel[1] - pixel[0]), (double)(of_content[1] - of_content[0]), 1e-6);
        assert_near(luma_of(pixel), luma_of(q.values + i), 1e-6);
        looked_at++;
    }
    assert_true(looked_at > p.count / 3 / 2);
    free(p.values);
    free(c.values);
    free(q.values);
}

static nst_image *finished(nst_session *session)
{
    nst_image *image;
    finish(session);
    image = image_of(session);
    nst_session_free(session);
    return image;
}

static void keep_paints_in_colour_and_puts_the_content_s_back(void **state)
{
    world *w = *state;
    nst_image *painted = finished(new_session(w->ctx, w->targets, NULL));
    nst_image *kept = finished(new_session(w->ctx, w->targets, "colour", "keep", NULL));
    assert_colours_of(kept, w->content, painted);
    assert_true(hash_image(kept) != hash_image(painted));
    nst_image_unref(kept);
    nst_image_unref(painted);
}

/* At another size than the content's, which is resized for it. */
static void at_another_size(void **state)
{
    world *w = *state;
    nst_image *content = NULL, *painted = finished(new_session(w->ctx, w->targets, "size", "40", NULL));
    nst_image *kept = finished(new_session(w->ctx, w->targets, "size", "40", "colour", "keep", NULL));
    assert_ok(nst_image_resize(w->content, 40, 30, &content));
    assert_colours_of(kept, content, painted);
    nst_image_unref(kept);
    nst_image_unref(painted);
    nst_image_unref(content);
}

static nst_targets *targets_of(world *w, nst_image *content, nst_image *style)
{
    nst_targets *targets = NULL;
    assert_ok(nst_targets_new(w->model, content, &style, 1, &targets));
    return targets;
}

static double first_loss(nst_session *session)
{
    double loss;
    assert_int_equal(step(session), NST_CONTINUE);
    loss = progress_of(session).loss;
    nst_session_free(session);
    return loss;
}

static void match_paints_with_a_style_in_the_content_s_colours(void **state)
{
    world *w = *state;
    nst_image *style = NULL;
    nst_targets *targets;
    double loss = first_loss(new_session(w->ctx, w->targets, "colour", "match", "tv", "0", NULL)), wanted;
    assert_ok(nst_image_match_colour(w->style, w->content, NST_COLOUR_SYMMETRIC, &style));
    targets = targets_of(w, w->content, style);
    wanted = first_loss(new_session(w->ctx, targets, "tv", "0", NULL));
    assert_near(loss, wanted, 1e-5 * wanted);
    assert_true(fabs(loss - first_loss(new_session(w->ctx, w->targets, "tv", "0", NULL))) > 1e-3 * wanted);
    nst_targets_unref(targets);
    nst_image_unref(style);
}

/* The same pixels in gray, with luma's mean and deviation moved to those of `like`. */
static nst_image *in_gray(nst_ctx *ctx, const nst_image *image, const nst_image *like)
{
    const double ridge = 1e-5;
    pixels p = read_pixels(image), q = read_pixels(like);
    double mean[2] = {0, 0}, variance[2] = {0, 0};
    nst_image *gray;
    for (int k = 0; k < 2; k++) {
        const pixels *of = k ? &q : &p;
        double count = (double)of->count / 3;
        for (size_t i = 0; i < of->count; i += 3) mean[k] += luma_of(of->values + i) / count;
        for (size_t i = 0; i < of->count; i += 3) variance[k] += pow(luma_of(of->values + i) - mean[k], 2) / count;
    }
    for (size_t i = 0; i < p.count; i += 3) {
        double moved = (luma_of(p.values + i) - mean[0]) * sqrt((variance[1] + ridge) / (variance[0] + ridge)) + mean[1];
        for (size_t c = 0; c < 3; c++) p.values[i + c] = (float)fmin(fmax(moved, 0), 1);
    }
    gray = image_of_pixels(ctx, &p);
    free(p.values);
    free(q.values);
    return gray;
}

static void luminance_paints_in_gray(void **state)
{
    world *w = *state;
    nst_image *content = in_gray(w->ctx, w->content, w->content), *style = in_gray(w->ctx, w->style, w->content), *image;
    nst_targets *targets = targets_of(w, content, style);
    double loss = first_loss(new_session(w->ctx, w->targets, "colour", "luminance", NULL));
    double wanted = first_loss(new_session(w->ctx, targets, NULL));
    assert_near(loss, wanted, 1e-5 * wanted);
    assert_true(fabs(loss - first_loss(new_session(w->ctx, w->targets, NULL))) > 1e-3 * wanted);
    image = finished(new_session(w->ctx, w->targets, "colour", "luminance", NULL));
    assert_colours_of(image, w->content, NULL);
    nst_image_unref(image);
    nst_targets_unref(targets);
    nst_image_unref(content);
    nst_image_unref(style);
}

/* One session after another from the same targets: what was computed for one choice is not taken for another. */
static void choices_do_not_share_what_differs(void **state)
{
    world *w = *state;
    static const char *const choices[] = {"none", "match", "luminance", "keep", "match", "none"};
    double losses[6];
    for (int i = 0; i < 6; i++) losses[i] = first_loss(new_session(w->ctx, w->targets, "colour", choices[i], "init", "gray", NULL));
    assert_true(losses[0] == losses[3] && losses[0] == losses[5] && losses[1] == losses[4]);
    assert_true(losses[0] != losses[1] && losses[1] != losses[2] && losses[0] != losses[2]);
}

static void transparent_contents_are_seen_over_white(void **state)
{
    world *w = *state;
    nst_image *content = new_picture(w->ctx, 32, 24, 4, 3), *kept;
    nst_targets *targets = targets_of(w, content, w->style);
    pixels p, c;
    kept = finished(new_session(w->ctx, targets, "colour", "keep", "iterations", "0", NULL));
    p = read_pixels(kept);
    c = read_pixels(content);
    assert_int_equal(p.channels, 4);
    for (size_t i = 0; i < p.count; i += 4) {
        assert_true(p.values[i + 3] == c.values[i + 3]);
        for (size_t k = i; k < i + 3; k++)
            assert_near((double)p.values[k], 1 - (double)c.values[i + 3] * (1 - (double)c.values[k]), 1e-6);
    }
    free(p.values);
    free(c.values);
    nst_image_unref(kept);
    nst_targets_unref(targets);
    nst_image_unref(content);
}

static void without_a_content_there_are_no_colours(void **state)
{
    world *w = *state;
    static const char *const choices[] = {"match", "luminance", "keep"};
    nst_targets *targets = targets_of(w, NULL, w->style);
    for (int i = 0; i < 3; i++) {
        nst_options *options = new_options(w->ctx, "init", "noise", "colour", choices[i], NULL);
        nst_session *session = NULL;
        assert_int_equal(nst_session_new(targets, options, NULL, &session), NST_ERR_INVALID_ARG);
        assert_contains(nst_ctx_error(w->ctx), choices[i]);
        assert_contains(nst_ctx_error(w->ctx), "no content image");
        nst_options_free(options);
    }
    nst_targets_unref(targets);
}

/* They are of the images as they are. */
static void measures_do_not_care(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, "colour", "match", NULL);
    nst_measure *with = NULL, *without = NULL;
    nst_measure_summary a, b;
    NST_INIT(a);
    NST_INIT(b);
    assert_ok(nst_measure_new(w->targets, w->content, options, &with));
    assert_ok(nst_measure_new(w->targets, w->content, NULL, &without));
    assert_ok(nst_measure_get_summary(with, &a));
    assert_ok(nst_measure_get_summary(without, &b));
    assert_true(a.held_out_style == b.held_out_style);
    nst_measure_free(with);
    nst_measure_free(without);
    nst_options_free(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(keep_paints_in_colour_and_puts_the_content_s_back),
        test_in_world(at_another_size),
        test_in_world(match_paints_with_a_style_in_the_content_s_colours),
        test_in_world(luminance_paints_in_gray),
        test_in_world(choices_do_not_share_what_differs),
        test_in_world(transparent_contents_are_seen_over_white),
        test_in_world(without_a_content_there_are_no_colours),
        test_in_world(measures_do_not_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
