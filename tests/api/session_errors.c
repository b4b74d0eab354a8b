/* Sessions that cannot be: every refusal comes when the session is made, and its sentence names what was wrong. */
#include <unistd.h>

#include "support.h"

/* Tries to make a session from key, value, ..., NULL. */
static void assert_refused(world *w, nst_targets *targets, int32_t code, const char *part, ...)
{
    nst_session *session = (nst_session *)(void *)w;
    nst_options *options;
    va_list pairs;
    int32_t status;
    va_start(pairs, part);
    options = options_from(w->ctx, pairs);
    va_end(pairs);
    status = nst_session_new(targets, options, NULL, &session);
    if (status != code) fail_msg("%d (%s) instead of %d", status, nst_ctx_error(w->ctx), code);
    assert_null(session);
    assert_contains(nst_ctx_error(w->ctx), part);
    nst_options_free(options);
}

static nst_targets *targets_of(const world *w, nst_image *content, nst_image *style)
{
    nst_targets *targets = NULL;
    assert_ok(nst_targets_new(w->model, content, &style, style != NULL, &targets));
    return targets;
}

static void layers(void **state)
{
    world *w = *state;
    assert_refused(w, w->targets, NST_ERR_NOT_FOUND, "relu4_9", "content-layers", "relu4_9", NULL);
    for (uint32_t i = 0; i < nst_model_layer_count(w->model); i++) /* the sentence lists them all */
        assert_contains(nst_ctx_error(w->ctx), nst_model_layer_name(w->model, i));
    assert_contains(nst_ctx_error(w->ctx), "content-layers");
    assert_refused(w, w->targets, NST_ERR_NOT_FOUND, "style-layers", "style-layers", "relu1_1,fc6", NULL);
    assert_refused(w, w->targets, NST_ERR_NOT_FOUND, "RELU1_1", "style-layers", "RELU1_1", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "relu2_1", "style-layers", "relu2_1,relu1_1,relu2_1:3", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "twice", "content-layers", "conv1_1,conv1_1", NULL);
}

/* A pooling has no convolution whose input it could be chained with, wherever it stands in the list; the content may have it. */
static void chains_of_poolings(void **state)
{
    world *w = *state;
    assert_refused(w, w->targets, NST_ERR_UNSUPPORTED, "pool2", "style-statistics", "chained", "style-layers", "relu1_1,pool2", NULL);
    assert_contains(nst_ctx_error(w->ctx), "chained");
    nst_session_free(new_session(w->ctx, w->targets, "style-statistics", "chained", "content-layers", "pool2", NULL));
    nst_session_free(new_session(w->ctx, w->targets, "style-statistics", "covariance", "style-layers", "pool2", NULL));
}

static void pictures_that_are_too_small(void **state)
{
    world *w = *state;
    nst_image *thin = new_picture(w->ctx, 40, 15, 3, 1), *dot = new_picture(w->ctx, 1, 1, 3, 1);
    nst_targets *narrow = targets_of(w, thin, w->style), *tiny = targets_of(w, w->content, dot), *flat = targets_of(w, w->content, thin);
    nst_targets *nothing = targets_of(w, dot, NULL);
    assert_refused(w, narrow, NST_ERR_INVALID_ARG, "40x15", "size", "0", NULL);
    assert_contains(nst_ctx_error(w->ctx), "16x16");
    assert_contains(nst_ctx_error(w->ctx), "relu5_1");
    assert_refused(w, nothing, NST_ERR_INVALID_ARG, "1x1", "size", "0", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "8x6", "size", "64", "scales", "4", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "coarsest", "scales", "12", NULL);
    assert_refused(w, flat, NST_ERR_INVALID_ARG, "style", "size", "32", NULL); /* 32x12 */
    assert_contains(nst_ctx_error(w->ctx), "32x12");
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "style-scale", "style-scale", "0.4", NULL); /* 11x13 */
    nst_session_free(new_session(w->ctx, tiny, NULL)); /* blown up to 32x32, that is enough */
    nst_session_free(new_session(w->ctx, flat, "style-layers", "relu4_1", NULL));
    nst_targets_unref(narrow);
    nst_targets_unref(tiny);
    nst_targets_unref(flat);
    nst_targets_unref(nothing);
    nst_image_unref(thin);
    nst_image_unref(dot);
}

/* A run whose picture or style could not be made in the end must not begin. */
static void pictures_that_are_too_large(void **state)
{
    world w;
    nst_ctx_config config;
    nst_image *line;
    nst_targets *long_one;
    (void)state;
    NST_INIT(config);
    config.threads = 1;
    config.max_pixels = 2000;
    fill_world(&w, &config);
    nst_session_free(new_session(w.ctx, w.targets, "size", "44", NULL));
    assert_refused(&w, w.targets, NST_ERR_LIMIT, "56 x 42", "size", "56", NULL);
    assert_refused(&w, w.targets, NST_ERR_LIMIT, "style-scale", "style-scale", "2", NULL);
    line = new_picture(w.ctx, 2, 1000, 3, 1);
    long_one = targets_of(&w, line, NULL);
    assert_refused(&w, long_one, NST_ERR_LIMIT, "pixels", "size", "65535", "content-layers", "relu1_1", NULL);
    nst_targets_unref(long_one);
    nst_image_unref(line);
    empty_world(&w);
}

static void style_weights(void **state)
{
    world *w = *state;
    nst_image *styles[65];
    nst_targets *many = NULL;
    char numbers[2 * 65 + 1] = "";
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "2 numbers for 1 style", "style-weights", "1,2", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "zero", "style-weights", "0", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "zero", "style-weights", "1;/2:0", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "group for /4", "style-weights", "1;/4:1", "octaves", "2", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "relu3_2, which is not in style-layers", "style-weights", "1;relu3_2:1", NULL);
    assert_refused(w, w->targets, NST_ERR_NOT_FOUND, "relu9_1", "style-weights", "1;relu9_1:1", NULL);
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "of /2 has 2 numbers for 1 style", "style-weights", "1;/2:1,2", NULL);
    for (int i = 0; i < 65; i++) {
        styles[i] = w->style;
        strcat(numbers, i ? ",1" : "1");
    }
    assert_int_equal(nst_targets_new(w->model, NULL, styles, 65, &many), NST_ERR_LIMIT);
    assert_contains(nst_ctx_error(w->ctx), "64");
    assert_ok(nst_targets_new(w->model, w->content, styles, 64, &many));
    assert_refused(w, many, NST_ERR_INVALID_ARG, "65 numbers for 64 style", "style-weights", numbers, NULL);
    nst_targets_unref(many);
    assert_ok(nst_targets_new(w->model, w->content, NULL, 0, &many));
    assert_refused(w, many, NST_ERR_INVALID_ARG, "1 numbers for 0 style", "style-weights", "1", NULL);
    nst_targets_unref(many);
}

static void as_many_styles_as_there_can_be(void **state)
{
    world *w = *state;
    nst_image *styles[64];
    nst_targets *many = NULL;
    nst_session *session;
    const char *weights;
    for (int i = 0; i < 64; i++) styles[i] = w->style;
    assert_ok(nst_targets_new(w->model, w->content, styles, 64, &many));
    session = new_session(w->ctx, many, "iterations", "1", NULL);
    finish(session);
    weights = nst_session_get_option(session, "style-weights");
    assert_int_equal(strlen(weights), 127);
    assert_int_equal(strspn(weights, "1,"), 127);
    nst_session_free(session);
    nst_targets_unref(many);
}

static void starts_without_a_picture(void **state)
{
    world *w = *state;
    nst_targets *texture = targets_of(w, NULL, w->style), *copy = targets_of(w, w->content, NULL), *none = NULL;
    nst_session *session = NULL;
    assert_refused(w, w->targets, NST_ERR_INVALID_ARG, "start image", "init", "image", NULL);
    assert_refused(w, copy, NST_ERR_INVALID_ARG, "style", "init", "style", NULL);
    assert_refused(w, texture, NST_ERR_INVALID_ARG, "content", "init", "content", NULL);
    assert_refused(w, texture, NST_ERR_INVALID_ARG, "content", "init", "matched", NULL);
    assert_refused(w, copy, NST_ERR_INVALID_ARG, "style", "init", "matched", NULL);
    assert_ok(nst_session_new(texture, NULL, NULL, &session)); /* from noise */
    assert_string_equal(nst_session_get_option(session, "init"), "noise");
    nst_session_free(session);
    assert_int_equal(nst_targets_new(w->model, NULL, NULL, 0, &none), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "content");
    nst_targets_unref(texture);
    nst_targets_unref(copy);
}

/* The same before the first step, when everything can still be chosen. */
static void changes_before_the_first_step_are_checked_alike(void **state)
{
    world *w = *state;
    nst_targets *texture = targets_of(w, NULL, w->style), *copy = targets_of(w, w->content, NULL);
    nst_session *a = new_session(w->ctx, copy, NULL), *b = new_session(w->ctx, texture, "init", "noise", NULL);
    assert_int_equal(nst_session_set_option(a, "init", "style"), NST_ERR_INVALID_ARG);
    assert_contains(nst_session_error(a), "style");
    assert_int_equal(nst_session_set_option(a, "init", "image"), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_session_set_option(b, "init", "content"), NST_ERR_INVALID_ARG);
    assert_string_equal(nst_session_get_option(a, "init"), "content");
    assert_string_equal(nst_session_get_option(b, "init"), "noise");
    assert_int_equal(nst_session_set_option(a, "size", "8"), NST_ERR_INVALID_ARG);
    assert_string_equal(nst_session_get_option(a, "size"), "32");
    set(a, "init", "gray");
    finish(a);
    finish(b);
    nst_session_free(a);
    nst_session_free(b);
    nst_targets_unref(texture);
    nst_targets_unref(copy);
}

static void reconstructions(void **state)
{
    world *w = *state;
    nst_options *options = new_options(w->ctx, NULL);
    nst_session *session = NULL;
    assert_int_equal(nst_session_new_reconstruction(w->model, w->content, 1, "relu4_9", options, &session), NST_ERR_NOT_FOUND);
    assert_contains(nst_ctx_error(w->ctx), "relu4_9");
    assert_int_equal(nst_session_new_reconstruction(w->model, w->content, 2, "", options, &session), NST_ERR_INVALID_ARG);
    assert_contains(nst_ctx_error(w->ctx), "style-layers");
    assert_int_equal(nst_session_new_reconstruction(w->model, w->content, 0, "relu1_1", options, &session), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_session_new_reconstruction(w->model, w->content, 3, "relu1_1", options, &session), NST_ERR_INVALID_ARG);
    assert_null(session);
    nst_options_free(options);
}

/* ---- models made from an edited file ---- */

typedef struct file {
    unsigned char *bytes;
    size_t length, data; /* where the tensors begin */
} file;

static file weights_file(const world *w)
{
    char path[] = "/tmp/nst-test-XXXXXX";
    file f;
    uint64_t header;
    FILE *stream;
    close(mkstemp(path));
    assert_ok(nst_model_save(w->model, path, 0, NULL, 1));
    stream = fopen(path, "rb");
    fseek(stream, 0, SEEK_END);
    f.length = (size_t)ftell(stream);
    rewind(stream);
    f.bytes = malloc(f.length);
    assert_int_equal(fread(f.bytes, 1, f.length, stream), f.length);
    fclose(stream);
    remove(path);
    memcpy(&header, f.bytes, sizeof header);
    f.data = 8 + (size_t)header;
    return f;
}

/* One byte of every occurrence of `word` in the header, so that it is another word. */
static void spoil_word(file *f, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 8; i + length <= f->data; i++)
        if (memcmp(f->bytes + i, word, length) == 0) f->bytes[i + length - 1] = 'x';
}

static void unknown_preprocessing(void **state)
{
    world *w = *state;
    file f = weights_file(w);
    nst_model *model = NULL;
    nst_targets *targets = NULL;
    nst_session *session;
    spoil_word(&f, "preprocessing");
    assert_ok(nst_model_load_memory(w->ctx, f.bytes, f.length, &model));
    assert_ok(nst_targets_new(model, w->content, &w->style, 1, &targets));
    assert_refused(w, targets, NST_ERR_PREPROCESSING, "preprocessing", NULL);
    session = new_session(w->ctx, targets, "preprocessing", "torch", NULL);
    assert_int_equal(nst_session_set_option(session, "preprocessing", "auto"), NST_ERR_PREPROCESSING);
    assert_true(step(session) == NST_CONTINUE);
    assert_string_equal(nst_session_get_option(session, "preprocessing"), "torch");
    nst_session_free(session);
    nst_targets_unref(targets);
    nst_model_unref(model);
    free(f.bytes);
}

static void weights_that_are_no_numbers(void **state)
{
    world *w = *state;
    file f = weights_file(w);
    nst_model *model = (nst_model *)(void *)w;
    memset(f.bytes + f.data, 0xff, 4);
    assert_int_equal(nst_model_load_memory(w->ctx, f.bytes, f.length, &model), NST_ERR_NUMERIC);
    assert_null(model);
    free(f.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(layers),
        test_in_world(chains_of_poolings),
        test_in_world(pictures_that_are_too_small),
        cmocka_unit_test(pictures_that_are_too_large),
        test_in_world(style_weights),
        test_in_world(as_many_styles_as_there_can_be),
        test_in_world(starts_without_a_picture),
        test_in_world(changes_before_the_first_step_are_checked_alike),
        test_in_world(reconstructions),
        test_in_world(unknown_preprocessing),
        test_in_world(weights_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
