/* Sessions that go well: what a run does, and what can be read from it. */
#include "support.h"

/* ---- starts ---- */

/* Every start: the first record is the start picture itself, the loss falls, the result lies in 0..1. */
static void run_from(world *w, nst_image *init, const char *start, const char *noise, const char *optimizer)
{
    nst_session *session = NULL;
    nst_options *options = new_options(w->ctx, "init", start, "init-noise", noise, "optimizer", optimizer, NULL);
    uint64_t before;
    double first;
    nst_image *image;
    pixels p;
    assert_ok(nst_session_new(w->targets, options, init, &session));
    before = hash_of(session);
    assert_int_equal(step(session), NST_CONTINUE);
    assert_int_equal(progress_of(session).iteration, 0);
    assert_true(hash_of(session) == before);
    first = progress_of(session).loss;
    assert_int_equal(finish(session), 6);
    assert_true(progress_of(session).loss < first);
    assert_true(hash_of(session) != before);
    image = image_of(session);
    p = read_pixels(image);
    for (size_t i = 0; i < p.count; i++) assert_true(p.values[i] >= 0 && p.values[i] <= 1);
    free(p.values);
    nst_image_unref(image);
    nst_session_free(session);
    nst_options_free(options);
}

static void every_start_runs(void **state)
{
    world *w = *state;
    static const char *const starts[] = {"content", "noise", "gray", "style", "image"};
    nst_image *init = new_picture(w->ctx, 40, 17, 4, 5);
    for (size_t i = 0; i < 5; i++) {
        run_from(w, strcmp(starts[i], "image") ? NULL : init, starts[i], "0", "lbfgs");
        run_from(w, strcmp(starts[i], "image") ? NULL : init, starts[i], "0.5", "adam");
    }
    nst_image_unref(init);
}

static void start_pictures_are_what_they_say(void **state)
{
    world *w = *state;
    nst_session *content = new_session(w->ctx, w->targets, "init", "content", NULL);
    nst_session *gray = new_session(w->ctx, w->targets, "init", "gray", NULL);
    nst_session *noise = new_session(w->ctx, w->targets, "init", "noise", "seed", "3", NULL);
    nst_session *same = new_session(w->ctx, w->targets, "init", "content", "init-noise", "1", "seed", "3", NULL);
    nst_session *other = new_session(w->ctx, w->targets, "init", "noise", "seed", "4", NULL);
    nst_session *all[] = {content, gray, noise, same, other};
    nst_image *image = image_of(gray);
    pixels p = read_pixels(image);
    assert_true(hash_of(content) == hash_image(w->content));
    for (size_t i = 0; i < p.count; i++) assert_true(p.values[i] == 0.5f);
    assert_true(hash_of(noise) == hash_of(same));
    assert_true(hash_of(noise) != hash_of(other));
    free(p.values);
    nst_image_unref(image);
    for (size_t i = 0; i < 5; i++) nst_session_free(all[i]);
}

/* ---- the order of things ---- */

static void steps_count_through_the_scales(void **state)
{
    world *w = *state;
    for (uint32_t scales = 1; scales <= 3; scales++) {
        char text[2] = {(char)('0' + scales), 0};
        nst_session *session = new_session(w->ctx, w->targets, "size", "65", "scales", text, "iterations", "7",
                                           "style-layers", "relu2_1,relu4_1", "precision", "fp32", NULL);
        uint32_t iteration = 0, scale = 0, records = 0; /* in bf16 this network's slopes drown in the rounding: it would stop early */
        assert_int_equal(progress_of(session).scales, scales);
        for (; step(session) == NST_CONTINUE; records++) {
            nst_progress p = progress_of(session);
            assert_int_equal(p.stop_reason, NST_STOP_NONE);
            assert_int_equal(p.iterations, 7);
            assert_int_equal(p.width, (int)floor(65.0 / (1 << (scales - p.scale)) + 0.5));
            if (p.scale != scale) assert_int_equal(p.scale, ++scale); /* a scale's start picture: no iteration */
            else assert_int_equal(p.iteration, ++iteration);
            assert_int_equal(p.iteration, iteration);
            assert_true(p.evaluations >= records + 1);
        }
        assert_int_equal(records, 7 + scales);
        assert_int_equal(scale, scales);
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_ITERATIONS);
        nst_session_free(session);
    }
}

static void done_stays_done(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    record end, again;
    finish(session);
    end = record_of(session);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(session), NST_DONE);
        again = record_of(session);
        assert_same_record(&again, &end);
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_ITERATIONS);
    }
    nst_session_free(session);
}

static void no_iterations_still_tell_the_loss(void **state)
{
    world *w = *state;
    nst_session *one = new_session(w->ctx, w->targets, "iterations", "0", NULL);
    nst_session *three = new_session(w->ctx, w->targets, "iterations", "0", "size", "86", "scales", "3", NULL);
    assert_int_equal(finish(one), 1);
    assert_true(progress_of(one).loss > 0);
    assert_true(hash_of(one) == hash_image(w->content));
    assert_int_equal(finish(three), 3);
    assert_int_equal(progress_of(three).iteration, 0);
    assert_int_equal(progress_of(three).stop_reason, NST_STOP_ITERATIONS);
    nst_session_free(one);
    nst_session_free(three);
}

/* More scales than iterations: the coarse ones get them. */
static void few_iterations_go_to_the_coarse_scales(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "2", "size", "86", "scales", "3", NULL);
    static const uint32_t scale[] = {1, 1, 2, 2, 3}, iteration[] = {0, 1, 1, 2, 2};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(step(session), NST_CONTINUE);
        assert_int_equal(progress_of(session).scale, scale[i]);
        assert_int_equal(progress_of(session).iteration, iteration[i]);
    }
    assert_int_equal(step(session), NST_DONE);
    nst_session_free(session);
}

/* ---- stopping early ---- */

static void tolerance_ends_a_run(void **state)
{
    world *w = *state;
    static const char *const optimizers[] = {"lbfgs", "adam"};
    for (int i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "iterations", "500", "tolerance", "0.2", "optimizer", optimizers[i], NULL);
        uint32_t records = finish(session);
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_TOLERANCE);
        assert_true(records > 20 && records < 200);
        nst_session_free(session);
    }
}

/* In every scale, and the reason is that of the last one. */
static void tolerance_ends_every_scale(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "size", "64", "scales", "2", "iterations", "600", "tolerance", "0.2", NULL);
    finish(session);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_TOLERANCE);
    assert_int_equal(progress_of(session).scale, 2);
    assert_true(progress_of(session).iteration < 300);
    nst_session_free(session);
}

static void nothing_to_do_is_converged(void **state)
{
    world *w = *state;
    static const char *const optimizers[] = {"lbfgs", "adam"};
    for (int i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "alpha", "1", "beta", "0", "tv", "0", "iterations", "50", "optimizer",
                                           optimizers[i], NULL);
        finish(session); /* the start is the content: no loss at all */
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_CONVERGED);
        assert_true(progress_of(session).loss == 0);
        assert_true(hash_of(session) == hash_image(w->content));
        nst_session_free(session);
        session = new_session(w->ctx, w->targets, "alpha", "1", "beta", "0", "tv", "0", "iterations", "4", "optimizer", optimizers[i],
                              NULL);
        assert_int_equal(finish(session), 2); /* inside 0..1 from the start: nothing is tried twice */
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_CONVERGED);
        nst_session_free(session);
    }
}

/* L-BFGS may roam beyond 0..1 but delivers a feasible picture: what is read at the end is the iterate itself, to the bit, so a
 * session that begins there tells the same loss. */
static void the_picture_read_is_the_iterate(void **state)
{
    world *w = *state;
    static const char *const runs[][2] = {{"iterations", "40"}, {"tolerance", "0.1"}};
    for (size_t i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "iterations", "500", "init", "noise", "alpha", "0", "tv", "0",
                                           runs[i][0], runs[i][1], NULL);
        nst_image *image;
        finish(session);
        image = image_of(session);
        assert_true(loss_of_picture(w->ctx, w->targets, image, "alpha", "0", "tv", "0", NULL) == progress_of(session).loss);
        nst_image_unref(image);
        nst_session_free(session);
    }
}

/* ---- targets ---- */

static double first_loss(nst_session *session)
{
    double loss;
    assert_int_equal(step(session), NST_CONTINUE);
    loss = progress_of(session).loss;
    finish(session);
    nst_session_free(session);
    return loss;
}

static nst_targets *new_targets(const world *w, nst_image *content, nst_image *a, nst_image *b)
{
    nst_image *styles[2] = {a, b};
    nst_targets *targets = NULL;
    assert_ok(nst_targets_new(w->model, content, styles, b ? 2 : a ? 1 : 0, &targets));
    return targets;
}

static void styles_blend_by_their_weights(void **state)
{
    world *w = *state;
    nst_image *second = new_picture(w->ctx, 30, 30, 3, 9);
    nst_targets *one = new_targets(w, w->content, second, NULL), *both = new_targets(w, w->content, w->style, second);
    nst_targets *same = new_targets(w, w->content, w->style, w->style);
    double first = first_loss(new_session(w->ctx, w->targets, NULL)), last = first_loss(new_session(w->ctx, one, NULL));
    double blended = first_loss(new_session(w->ctx, both, "style-weights", "3,1", NULL));
    assert_true(first_loss(new_session(w->ctx, both, "style-weights", "1,0", NULL)) == first);
    assert_true(first_loss(new_session(w->ctx, both, "style-weights", "0,7", NULL)) == last);
    assert_true(first_loss(new_session(w->ctx, same, NULL)) == first);
    assert_true(first_loss(new_session(w->ctx, both, "style-weights", "0.75,0.25", NULL)) == blended);
    assert_true(blended != first && blended != last);
    nst_targets_unref(one);
    nst_targets_unref(both);
    nst_targets_unref(same);
    nst_image_unref(second);
}

/* `names`: with blanks around each. */
static bool is_among(const nst_loss_term *term, const char *names)
{
    char name[32];
    snprintf(name, sizeof name, " %s ", term->layer);
    return strcmp(term->kind, "style") == 0 && strstr(names, name);
}

static nst_session *begun(const world *w, nst_targets *targets, const char *statistics, const char *weights)
{
    nst_session *session = new_session(w->ctx, targets, "size", "256", "octaves", "3", "style-weights", weights, "style-statistics",
                                       statistics, NULL);
    assert_int_equal(step(session), NST_CONTINUE);
    return session;
}

/* Each term has its target from the style that its layer and octave name, as if that were the only one. */
static void check_blended_terms(const world *w, nst_targets *both, nst_targets *const alone[2], const char *statistics,
                                const char *weights, const char *of_second)
{
    nst_session *blended = begun(w, both, statistics, weights);
    nst_session *each[2] = {begun(w, alone[0], statistics, "auto"), begun(w, alone[1], statistics, "auto")};
    nst_loss_term term, own, other;
    uint32_t second = 0, index = 0;
    NST_INIT(term);
    NST_INIT(own);
    NST_INIT(other);
    for (; nst_session_get_term(blended, index, &term) == NST_OK; index++) {
        bool is_second = is_among(&term, of_second);
        assert_ok(nst_session_get_term(each[is_second], index, &own));
        assert_ok(nst_session_get_term(each[!is_second], index, &other));
        if (term.value != own.value) fail_msg("%s: %s %s", weights, term.kind, term.layer);
        if (strcmp(term.kind, "style") == 0) assert_true(term.value != other.value);
        second += is_second;
    }
    assert_true(index > 15 && second > 0);
    nst_session_free(blended);
    for (int i = 0; i < 2; i++) nst_session_free(each[i]);
}

static void styles_blend_by_layer_and_octave(void **state)
{
    static const char *const statistics[] = {"gram", "mean-std", "covariance", "shifted-gram", "wasserstein", "chained"};
    static const char *const cases[][2] = {
        {"1,0;relu1_1:0,1", " relu1_1 relu1_1/2 relu1_1/4 "},
        {"1,0;/4:0,1", " relu1_1/4 relu2_1/4 relu3_1/4 relu4_1/4 relu5_1/4 "},
        {"0,1;/1:1,0;/2:1,0;relu3_1/2:0,3", " relu1_1/4 relu2_1/4 relu3_1/4 relu4_1/4 relu5_1/4 relu3_1/2 "},
        {"1,0;relu5_1/1:0,1;relu5_1:1,0;/1:1,0", " relu5_1 "}};
    world *w = *state;
    nst_image *second = new_picture(w->ctx, 30, 30, 3, 9);
    nst_targets *one = new_targets(w, w->content, second, NULL), *both = new_targets(w, w->content, w->style, second);
    nst_targets *const alone[2] = {w->targets, one};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_blended_terms(w, both, alone, "gram", cases[i][0], cases[i][1]);
    for (size_t i = 1; i < sizeof statistics / sizeof statistics[0]; i++)
        check_blended_terms(w, both, alone, statistics[i], cases[1][0], cases[1][1]);
    nst_targets_unref(one);
    nst_targets_unref(both);
    nst_image_unref(second);
}

/* Left and right are regions. */
static nst_image *halves(const world *w)
{
    const float values[8 * 3] = {1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1};
    return image_from(w->ctx, NST_FORMAT_F32, 4, 2, 3, values);
}

static void styles_with_regions_blend_so_too(void **state)
{
    world *w = *state;
    nst_image *second = new_picture(w->ctx, 30, 30, 3, 9), *map = halves(w), *maps[2] = {map, map};
    nst_targets *both = new_targets(w, w->content, w->style, second);
    nst_targets *const alone[2] = {new_targets(w, w->content, w->style, NULL), new_targets(w, w->content, second, NULL)};
    assert_ok(nst_targets_set_guides(both, map, maps, 2));
    for (int i = 0; i < 2; i++) assert_ok(nst_targets_set_guides(alone[i], map, maps, 1));
    check_blended_terms(w, both, alone, "gram", "1,0;relu2_1:0,1;relu3_1/2:0,1", " relu2_1 relu2_1/2 relu2_1/4 relu3_1/2 ");
    for (int i = 0; i < 2; i++) nst_targets_unref(alone[i]);
    nst_targets_unref(both);
    nst_image_unref(map);
    nst_image_unref(second);
}

/* A style image of the output's size is not resized: started from it, the style loss is nothing; at another scale it is not. */
static void style_scale_sizes_the_style(void **state)
{
    world *w = *state;
    nst_targets *targets = new_targets(w, NULL, w->style, NULL);
    assert_true(first_loss(new_session(w->ctx, targets, "init", "style", "tv", "0", NULL)) == 0);
    assert_true(first_loss(new_session(w->ctx, targets, "init", "style", "tv", "0", "style-scale", "0.6", NULL)) > 0);
    assert_true(first_loss(new_session(w->ctx, targets, "init", "style", "tv", "0", "style-scale", "2", NULL)) > 0);
    nst_targets_unref(targets);
}

/* Whatever shape the style has. */
static void without_a_content_the_shape_may_be_given(void **state)
{
    world *w = *state;
    nst_targets *texture = new_targets(w, NULL, w->style, NULL);
    nst_session *session = new_session(w->ctx, texture, "init", "noise", "width", "50", "height", "20", NULL);
    nst_options *options;
    finish(session);
    assert_int_equal(progress_of(session).width, 50);
    assert_int_equal(progress_of(session).height, 20);
    set(session, "height", "60");
    assert_int_equal(step(session), NST_DONE);
    assert_int_equal(progress_of(session).width, 50);
    assert_int_equal(progress_of(session).height, 60);
    nst_session_free(session);
    options = new_options(w->ctx, "init", "noise", "width", "50", NULL);
    assert_int_equal(nst_session_new(texture, options, NULL, &session), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "height is not given");
    assert_ok(nst_options_set_str(options, "height", "50"));
    assert_int_equal(nst_session_new(w->targets, options, NULL, &session), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "without a content image");
    nst_options_free(options);
    nst_targets_unref(texture);
}

static void either_side_may_be_missing(void **state)
{
    world *w = *state;
    nst_targets *texture = new_targets(w, NULL, w->style, NULL), *copy = new_targets(w, w->content, NULL, NULL);
    nst_session *a = new_session(w->ctx, texture, "init", "noise", NULL), *b = new_session(w->ctx, copy, "init", "noise", NULL);
    assert_ok(nst_session_set_option(a, "finish", "guided"));
    assert_ok(nst_session_set_option(a, "photo", "1")); /* nothing to be a photograph of */
    finish(a);
    finish(b);
    assert_true(progress_of(a).content == 0 && progress_of(a).style > 0);
    assert_int_equal(progress_of(a).width, 28); /* the shape is the style's */
    assert_int_equal(progress_of(a).height, 32);
    assert_true(progress_of(b).content > 0 && progress_of(b).style == 0);
    nst_session_free(a);
    nst_session_free(b);
    nst_targets_unref(texture);
    nst_targets_unref(copy);
}

static void reconstructions_have_one_kind_of_loss(void **state)
{
    world *w = *state;
    static const struct { int32_t kind; const char *layers, *name; uint32_t terms; } kinds[] = {
        {NST_RECONSTRUCT_CONTENT, "conv2_1", "content", 2}, {NST_RECONSTRUCT_STYLE, "relu1_1, pool1:2,relu3_1", "style", 4}};
    for (int i = 0; i < 2; i++) {
        nst_options *options = new_options(w->ctx, "init", "auto", NULL);
        nst_session *session = NULL;
        nst_image *image = kinds[i].kind == NST_RECONSTRUCT_CONTENT ? w->content : w->style;
        nst_loss_term term;
        double first;
        NST_INIT(term);
        assert_ok(nst_session_new_reconstruction(w->model, image, kinds[i].kind, kinds[i].layers, options, &session));
        nst_options_free(options);
        assert_int_equal(step(session), NST_CONTINUE);
        first = progress_of(session).loss;
        assert_true(first > 0 && progress_of(session).tv == 0);
        assert_int_equal(progress_of(session).terms, kinds[i].terms);
        assert_ok(nst_session_get_term(session, 0, &term));
        assert_string_equal(term.kind, kinds[i].name);
        finish(session);
        assert_true(progress_of(session).loss < first);
        nst_session_free(session);
    }
}

/* ---- terms, sizes, alpha, gradient ---- */

static void terms_name_their_layers(void **state)
{
    world *w = *state;
    static const char *const expected[][2] = {{"content", "relu3_1"}, {"content", "conv2_2"}, {"style", "pool2"},
                                              {"style", "relu1_1"}, {"tv", "pixels"}};
    nst_session *session = new_session(w->ctx, w->targets, "content-layers", "relu3_1:2, conv2_2", "style_layers",
                                       "pool2:0.5,relu1_1", "dialect", "gatys-paper", NULL);
    nst_loss_term term;
    NST_INIT(term);
    assert_int_equal(nst_session_get_term(session, 0, &term), NST_ERR_NOT_FOUND); /* nothing has been evaluated */
    finish(session);
    assert_int_equal(progress_of(session).terms, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_ok(nst_session_get_term(session, i, &term));
        assert_string_equal(term.kind, expected[i][0]);
        assert_string_equal(term.layer, expected[i][1]);
    }
    assert_ok(nst_session_get_term(session, 0, &term));
    assert_true(term.weight == 1.0); /* given weight 2, times 1/2 of the formula */
    assert_ok(nst_session_get_term(session, 3, &term));
    assert_true(term.weight == 0.5 / 16); /* 1/n, times 1/(4 N^2) with N = 2 */
    assert_int_equal(nst_session_get_term(session, 5, &term), NST_ERR_NOT_FOUND);
    nst_session_free(session);
}

/* The Laplacian loss is there when it is asked for, and where there is a content image. */
static void laplacian_is_a_term(void **state)
{
    world *w = *state;
    nst_targets *texture = new_targets(w, NULL, w->style, NULL);
    nst_session *session = new_session(w->ctx, w->targets, "laplacian", "0.5", "init", "noise", NULL);
    nst_session *without = new_session(w->ctx, texture, "laplacian", "0.5", "init", "noise", NULL);
    nst_loss_term term;
    uint32_t terms;
    NST_INIT(term);
    finish(session);
    finish(without);
    terms = progress_of(session).terms;
    assert_ok(nst_session_get_term(session, terms - 1, &term));
    assert_string_equal(term.kind, "laplacian");
    assert_string_equal(term.layer, "pixels");
    assert_true(term.value > 0);
    set(session, "laplacian", "0");
    set(session, "iterations", "8");
    finish(session);
    assert_int_equal(progress_of(session).terms, terms - 1);
    assert_ok(nst_session_get_term(without, progress_of(without).terms - 1, &term));
    assert_string_equal(term.kind, "tv");
    nst_session_free(session);
    nst_session_free(without);
    nst_targets_unref(texture);
}

static uint32_t terms_of_kind(nst_session *session, const char *kind, double *value)
{
    nst_loss_term term;
    uint32_t count = 0;
    NST_INIT(term);
    *value = 0;
    for (uint32_t i = 0; i < progress_of(session).terms; i++) {
        assert_ok(nst_session_get_term(session, i, &term));
        if (strcmp(term.kind, kind) != 0) continue;
        assert_true(term.value > 0 && strchr(term.layer, '/') == NULL); /* of the picture itself alone */
        *value += term.value;
        count++;
    }
    return count;
}

/* The histogram loss is there when it is asked for, beside any statistics, octaves and scales, and where there are styles; with a weight it
 * falls. */
static void histogram_is_a_term(void **state)
{
    world *w = *state;
    nst_targets *content = NULL, *both = new_targets(w, w->content, w->style, w->style);
    nst_session *session = new_session(w->ctx, both, "histogram", "1", "octaves", "2", "scales", "2", "style-weights", "1,3",
                                       "style-statistics", "mean-std", "dialect", "normalised", "init", "noise", "iterations", "12",
                                       "alpha", "0.01", "style-layers", "relu1_1,relu3_1", "histogram-layers", "relu1_1,relu2_2", NULL);
    nst_session *without;
    double first, last;
    assert_ok(nst_targets_new(w->model, w->content, NULL, 0, &content));
    without = new_session(w->ctx, content, "histogram", "1", "init", "noise", NULL);
    assert_int_equal(step(session), NST_CONTINUE);
    assert_int_equal(terms_of_kind(session, "histogram", &first), 2);
    finish(session);
    assert_int_equal(terms_of_kind(session, "histogram", &last), 2);
    assert_true(last < first);
    set(session, "histogram-layers", "relu3_1:0.5");
    set(session, "iterations", "16");
    finish(session);
    assert_int_equal(terms_of_kind(session, "histogram", &last), 1);
    set(session, "histogram", "0");
    set(session, "iterations", "20");
    finish(session);
    assert_int_equal(terms_of_kind(session, "histogram", &last), 0);
    finish(without);
    assert_int_equal(terms_of_kind(without, "histogram", &last), 0);
    nst_session_free(session);
    nst_session_free(without);
    nst_targets_unref(content);
    nst_targets_unref(both);
}

/* A loss that is not wanted is not there, and one that needs a content image is not there without. */
static void photo_is_a_term(void **state)
{
    world *w = *state;
    static const char *const values[] = {"0", "0.5", "1"};
    nst_loss_term term;
    nst_strength_info info;
    double before = 1;
    NST_INIT(term);
    NST_INIT(info);
    for (int i = 0; i < 3; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "photo", values[i], "style-layers", "relu1_1", "iterations", "40",
                                           "dialect", "normalised", "alpha", "0.005", NULL);
        double sum = 0;
        finish(session);
        assert_int_equal(progress_of(session).terms, i == 0 ? 3 : 4);
        for (uint32_t t = 0; nst_session_get_term(session, t, &term) == NST_OK; t++) sum += term.value;
        assert_true(fabs(sum - progress_of(session).loss) <= 1e-12 * sum);
        assert_ok(nst_session_get_strength(session, &info));
        if (i > 0) {
            assert_string_equal(term.kind, "matting");
            assert_string_equal(term.layer, "pixels");
            assert_true(fabs(info.photo_weight / pow(10, 3 * atof(values[i]) - 1.5) - 1) > 0.1); /* it was corrected */
            assert_true(info.photo_share > 0 && info.photo_share < before); /* the more it is wanted, the less is painted */
            before = info.photo_share;
        } else assert_true(isnan(info.photo_share));
        nst_session_free(session);
    }
}

static double first_matting_term(nst_session *session)
{
    nst_loss_term term;
    NST_INIT(term);
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    for (uint32_t t = 0; nst_session_get_term(session, t, &term) == NST_OK; t++)
        if (strcmp(term.kind, "matting") == 0) return term.value;
    return 0;
}

/* 10^(3 photo - 1.5): what it begins with, and in other dialects keeps. */
static void photo_weights_are_as_documented(void **state)
{
    world *w = *state;
    static const char *const dialects[] = {"normalised", "neural-style"};
    for (int i = 0; i < 2; i++) {
        nst_session *half = new_session(w->ctx, w->targets, "photo", "0.5", "init", "noise", "dialect", dialects[i], "scales", "1", NULL);
        nst_session *full = new_session(w->ctx, w->targets, "photo", "1", "init", "noise", "dialect", dialects[i], "scales", "1", NULL);
        double ratio = first_matting_term(full) / first_matting_term(half);
        assert_true(fabs(ratio - pow(10, 1.5)) < 1e-9 * ratio);
        nst_session_free(half);
        nst_session_free(full);
    }
}

/* The weight that was found is kept by a plan that wants the same of it, and is begun anew by one that wants something else. */
static void found_photo_weights_outlive_a_plan(void **state)
{
    world *w = *state;
    nst_strength_info found, now;
    nst_session *session = new_session(w->ctx, w->targets, "photo", "0.9", "dialect", "normalised", "alpha", "0.005", "iterations", "40",
                                       NULL);
    NST_INIT(found);
    NST_INIT(now);
    steps(session, 32);
    assert_ok(nst_session_get_strength(session, &found));
    set(session, "octaves", "1");
    steps(session, 1);
    assert_ok(nst_session_get_strength(session, &now));
    assert_true(now.photo_weight == found.photo_weight && now.photo_weight != pow(10, 3 * 0.9 - 1.5));
    set(session, "photo", "0.5");
    steps(session, 1);
    assert_ok(nst_session_get_strength(session, &now));
    assert_true(now.photo_target > found.photo_target && fabs(now.photo_weight - 1) < 1e-12);
    nst_session_free(session);
}

/* The picture that is handed out is the filter's, made from the picture and the content image at its size. */
static void finished_pictures_are_filtered(void **state)
{
    world *w = *state;
    static const char *const kinds[] = {"none", "poisson", "guided"};
    nst_image *plain = NULL, *content = NULL, *wanted = NULL;
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "finish", kinds[i], "size", "24", "photo", "0.5", NULL);
        nst_image *image;
        finish(session);
        image = image_of(session);
        hashes[i] = hash_image(image);
        if (i == 0) plain = nst_image_ref(image);
        nst_image_unref(image);
        nst_session_free(session);
    }
    assert_true(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    assert_ok(nst_image_resize(w->content, 24, 18, &content));
    assert_ok(nst_image_screened_poisson(plain, content, 5, 1, &wanted));
    assert_true(hash_image(wanted) == hashes[1]);
    nst_image_unref(wanted);
    assert_ok(nst_image_guided_filter(plain, content, 1, 1e-4, &wanted));
    assert_true(hash_image(wanted) == hashes[2]);
    nst_image_unref(wanted);
    nst_image_unref(content);
    nst_image_unref(plain);
}

/* Mean square of the distance of two images of the same size. */
static double distance(const nst_image *a, const nst_image *b)
{
    pixels p = read_pixels(a), q = read_pixels(b);
    double sum = 0;
    assert_true(p.width == q.width && p.height == q.height && p.channels == q.channels);
    for (size_t i = 0; i < p.count; i++) sum += ((double)p.values[i] - (double)q.values[i]) * ((double)p.values[i] - (double)q.values[i]);
    free(p.values);
    free(q.values);
    return sum / (double)p.count;
}

static uint32_t painted_width(nst_session *session)
{
    nst_estimate e;
    NST_INIT(e);
    assert_ok(nst_session_estimate(session, 0, &e));
    assert_true(e.tiles == 1 && e.width == 512);
    nst_session_free(session);
    return e.tile_width;
}

/* A reconstruction shows what the network has kept, and must not get the image's own edges. */
static void drafts_of_stylised_contents_are_enlarged(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, "preset", "draft", "size", "512", "dialect", "normalised", "init", "auto", NULL);
    nst_session *session = NULL;
    assert_ok(nst_session_new(w->targets, options, NULL, &session));
    assert_int_equal(painted_width(session), 256);
    assert_ok(nst_session_new_reconstruction(w->model, w->content, NST_RECONSTRUCT_CONTENT, "relu1_1", options, &session));
    assert_int_equal(painted_width(session), 512);
    assert_ok(nst_options_set_str(options, "dialect", "neural-style"));
    assert_ok(nst_session_new(w->targets, options, NULL, &session));
    assert_int_equal(painted_width(session), 512);
    nst_options_free(options);
}

static void nothing_is_enlarged_without_a_content(void **state)
{
    world *w = *state;
    nst_targets *targets = new_targets(w, NULL, w->style, NULL);
    nst_options *options = new_options(w->ctx, "enlarge", "2", NULL);
    nst_session *session = NULL;
    assert_int_equal(nst_session_new(targets, options, NULL, &session), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "enlarge");
    assert_contains(nst_ctx_error(w->ctx), "no content image");
    nst_options_free(options);
    nst_targets_unref(targets);
}

/* Painted at half the size, and handed out at the whole. Of the content itself nearly all the detail comes back, to a gray picture none. */
static void pictures_are_enlarged_with_the_contents_edges(void **state)
{
    world *w = *state;
    nst_image *content = new_picture(w->ctx, 96, 72, 4, 1), *opaque = NULL, *small = NULL, *soft = NULL, *image;
    nst_targets *targets = new_targets(w, content, w->style, NULL);
    nst_session *session = new_session(w->ctx, targets, "size", "0", "enlarge", "2", "iterations", "0", "init", "content", NULL);
    pixels p;
    finish(session);
    assert_true(progress_of(session).width == 48 && progress_of(session).height == 36);
    image = image_of(session);
    nst_session_free(session);
    session = new_session(w->ctx, targets, "size", "0", "enlarge", "1", "iterations", "0", "init", "content", NULL);
    finish(session);
    opaque = image_of(session);
    nst_session_free(session);
    assert_ok(nst_image_resize(opaque, 48, 36, &small));
    assert_ok(nst_image_resize(small, 96, 72, &soft));
    assert_true(distance(image, opaque) < 0.3 * distance(soft, opaque));
    nst_image_unref(image);
    session = new_session(w->ctx, targets, "size", "0", "enlarge", "2", "iterations", "0", "init", "gray", NULL);
    finish(session);
    image = image_of(session);
    p = read_pixels(image);
    assert_true(p.width == 96 && p.height == 72);
    assert_int_equal(p.channels, 4);
    for (size_t i = 0; i < p.count; i++)
        if (i % 4 < 3) assert_true(fabsf(p.values[i] - 0.5f) < 1e-5f);
    free(p.values);
    nst_image_unref(image);
    nst_session_free(session);
    nst_image_unref(soft);
    nst_image_unref(small);
    nst_image_unref(opaque);
    nst_targets_unref(targets);
    nst_image_unref(content);
}

static void sizes(void **state)
{
    world *w = *state;
    static const struct { uint32_t width, height; const char *size; uint32_t out_width, out_height; } cases[] = {
        {33, 27, "0", 33, 27}, {27, 33, "0", 27, 33}, {16, 16, "0", 16, 16}, {100, 33, "70", 70, 23}, {17, 40, "39", 17, 39},
        {16, 61, "61", 16, 61}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_image *content = new_picture(w->ctx, cases[i].width, cases[i].height, 3, 1);
        nst_targets *targets = new_targets(w, content, w->style, NULL);
        nst_session *session = new_session(w->ctx, targets, "size", cases[i].size, "iterations", "2", "style-scale", "1.5", NULL);
        nst_image *image;
        pixels p;
        finish(session);
        image = image_of(session);
        p = read_pixels(image);
        assert_int_equal(p.width, cases[i].out_width);
        assert_int_equal(p.height, cases[i].out_height);
        assert_int_equal(progress_of(session).width, cases[i].out_width);
        free(p.values);
        nst_image_unref(image);
        nst_session_free(session);
        nst_targets_unref(targets);
        nst_image_unref(content);
    }
}

static void alpha_of_the_content_is_kept(void **state)
{
    world *w = *state;
    nst_image *content = new_picture(w->ctx, 32, 24, 4, 1), *image, *resized;
    nst_targets *targets = new_targets(w, content, w->style, NULL);
    pixels before, after;
    for (int size = 24; size <= 32; size += 8) {
        nst_session *session = new_session(w->ctx, targets, "size", size == 24 ? "24" : "32", NULL);
        finish(session);
        image = image_of(session);
        after = read_pixels(image);
        assert_ok(nst_image_resize(content, after.width, after.height, &resized));
        before = read_pixels(resized);
        assert_int_equal(after.channels, 4);
        for (size_t i = 3; i < after.count; i += 4) assert_true(after.values[i] == before.values[i]);
        free(before.values);
        free(after.values);
        nst_image_unref(image);
        nst_image_unref(resized);
        nst_session_free(session);
    }
    nst_targets_unref(targets);
    nst_image_unref(content);
}

/* Seen over white: the same losses as with the picture that has been put on white before. */
static void transparency_is_seen_over_white(void **state)
{
    world *w = *state;
    nst_image *content = new_picture(w->ctx, 32, 24, 4, 1), *white = NULL;
    pixels p = read_pixels(content);
    nst_image_desc desc;
    nst_targets *seen, *flat;
    for (size_t i = 0; i < p.count; i += 4)
        for (size_t c = 0; c < 3; c++) p.values[i + c] = 1 - p.values[i + 3] * (1 - p.values[i + c]);
    for (size_t i = 3; i < p.count; i += 4) p.values[i] = 1;
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = 32;
    desc.height = 24;
    desc.channels = 4;
    assert_ok(nst_image_new(w->ctx, &desc, p.values, &white));
    seen = new_targets(w, content, w->style, NULL);
    flat = new_targets(w, white, w->style, NULL);
    assert_true(first_loss(new_session(w->ctx, seen, NULL)) == first_loss(new_session(w->ctx, flat, NULL)));
    free(p.values);
    nst_targets_unref(seen);
    nst_targets_unref(flat);
    nst_image_unref(content);
    nst_image_unref(white);
}

static void the_gradient_can_be_read(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    float gradient[3 * 32 * 24 + 1];
    double sum = 0;
    assert_int_equal(nst_session_get_gradient(session, gradient, sizeof gradient), NST_ERR_STATE);
    steps(session, 3);
    gradient[3 * 32 * 24] = 77;
    assert_int_equal(nst_session_get_gradient(session, gradient, 3 * 32 * 24 * sizeof(float) - 1), NST_ERR_INVALID_ARG);
    assert_ok(nst_session_get_gradient(session, gradient, sizeof gradient));
    assert_true(gradient[3 * 32 * 24] == 77);
    for (int i = 0; i < 3 * 32 * 24; i++) sum += (double)gradient[i] * (double)gradient[i];
    assert_true(fabs(sqrt(sum) - progress_of(session).gradient_norm) <= 1e-9 * sqrt(sum));
    nst_session_free(session);
}

/* ---- options ---- */

static void options_are_copied(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, "iterations", "3", NULL);
    nst_session *session = NULL;
    assert_ok(nst_session_new(w->targets, options, NULL, &session));
    assert_ok(nst_options_set_str(options, "iterations", "9"));
    nst_options_free(options);
    assert_int_equal(finish(session), 4);
    assert_string_equal(nst_session_get_option(session, "iterations"), "3");
    nst_session_free(session);
}

static void automatic_options_appear_as_what_they_came_to(void **state)
{
    world *w = *state;
    nst_targets *two = new_targets(w, w->content, w->style, w->style);
    nst_session *session = new_session(w->ctx, two, NULL);
    const char *precision = strcmp(nst_ctx_cpu_level(w->ctx), "amx") == 0 ? "bf16" : "fp32";
    const char *const expected[][2] = {{"dialect", "normalised"}, {"alpha", "0.005"}, {"beta", "1"}, {"tv", "0"},
                                       {"style-weights", "1,1"}, {"padding", "zero"}, {"preprocessing", "torch"},
                                       {"precision", precision}, {"init", "content"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_string_equal(nst_session_get_option(session, expected[i][0]), expected[i][1]);
    set(session, "dialect", "neural-style");
    set(session, "alpha", "auto");
    set(session, "beta", "7");
    assert_string_equal(nst_session_get_option(session, "alpha"), "5");
    assert_string_equal(nst_session_get_option(session, "beta"), "7");
    set(session, "beta", "auto");
    assert_string_equal(nst_session_get_option(session, "beta"), "100");
    assert_null(nst_session_get_option(session, "alfa"));
    nst_session_free(session);
    nst_targets_unref(two);
}

/* Everything a session needs it keeps alive. */
static void handles_may_go_in_any_order(void **state)
{
    world w;
    nst_options *options;
    nst_session *session = NULL;
    nst_image *image;
    (void)state;
    fill_world(&w, NULL);
    options = new_options(w.ctx, NULL);
    assert_ok(nst_session_new(w.targets, options, NULL, &session));
    nst_options_free(options);
    empty_world(&w);
    finish(session);
    image = image_of(session);
    nst_session_free(session);
    assert_true(hash_image(image) != 0);
    nst_image_unref(image);
}

typedef struct watch {
    trace seen;
    int32_t stop_at, result;
} watch;

static int32_t watch_run(void *user, nst_session *session, const nst_progress *progress)
{
    watch *w = user;
    nst_progress own = progress_of(session);
    assert_memory_equal(&own, progress, sizeof own);
    w->seen.records[w->seen.count++] = record_of(session);
    return (int32_t)progress->iteration == w->stop_at ? w->result : 0;
}

static void a_run_with_callback_is_the_same_run(void **state)
{
    world *w = *state;
    nst_session *stepped = new_session(w->ctx, w->targets, NULL), *watched = new_session(w->ctx, w->targets, NULL);
    nst_session *silent = new_session(w->ctx, w->targets, NULL);
    trace expected = trace_of(stepped);
    watch seen = {.stop_at = -1};
    record end, last = expected.records[expected.count - 1];
    assert_int_equal(nst_session_run(watched, watch_run, &seen), NST_DONE);
    seen.seen.stop = progress_of(watched).stop_reason;
    assert_same_trace(&seen.seen, &expected);
    assert_int_equal(nst_session_callback_result(watched), 0);
    assert_int_equal(nst_session_run(silent, NULL, NULL), NST_DONE);
    end = record_of(silent);
    assert_same_record(&end, &last);
    nst_session_free(stepped);
    nst_session_free(watched);
    nst_session_free(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(every_start_runs),
        test_in_world(start_pictures_are_what_they_say),
        test_in_world(steps_count_through_the_scales),
        test_in_world(done_stays_done),
        test_in_world(no_iterations_still_tell_the_loss),
        test_in_world(few_iterations_go_to_the_coarse_scales),
        test_in_world(a_run_with_callback_is_the_same_run),
        test_in_world(tolerance_ends_a_run),
        test_in_world(tolerance_ends_every_scale),
        test_in_world(nothing_to_do_is_converged),
        test_in_world(the_picture_read_is_the_iterate),
        test_in_world(styles_blend_by_their_weights),
        test_in_world(styles_blend_by_layer_and_octave),
        test_in_world(styles_with_regions_blend_so_too),
        test_in_world(style_scale_sizes_the_style),
        test_in_world(without_a_content_the_shape_may_be_given),
        test_in_world(either_side_may_be_missing),
        test_in_world(reconstructions_have_one_kind_of_loss),
        test_in_world(terms_name_their_layers),
        test_in_world(laplacian_is_a_term),
        test_in_world(histogram_is_a_term),
        test_in_world(photo_is_a_term), test_in_world(photo_weights_are_as_documented),
        test_in_world(found_photo_weights_outlive_a_plan),
        test_in_world(finished_pictures_are_filtered),
        test_in_world(pictures_are_enlarged_with_the_contents_edges), test_in_world(nothing_is_enlarged_without_a_content),
        test_in_world(drafts_of_stylised_contents_are_enlarged),
        test_in_world(sizes),
        test_in_world(alpha_of_the_content_is_kept),
        test_in_world(transparency_is_seen_over_white),
        test_in_world(the_gradient_can_be_read),
        test_in_world(options_are_copied),
        test_in_world(automatic_options_appear_as_what_they_came_to),
        cmocka_unit_test(handles_may_go_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
