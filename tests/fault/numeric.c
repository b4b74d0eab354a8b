/* Weights of 1e30 and the like: NST_ERR_NUMERIC that names where, and a picture that is finite. */
#include <unistd.h>

#include "../api/support.h"

/* ---- models with other numbers ---- */

typedef struct file {
    unsigned char *bytes;
    size_t length, data; /* where the numbers begin */
} file;

static file weights_file(const world *w)
{
    char path[] = "/tmp/nst-numeric-XXXXXX";
    file f = {NULL, 0, 0};
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

/* The file says what its numbers hash to: it must not say so any more. */
static void spoil_fingerprint(file *f)
{
    for (size_t i = 8; i + 11 <= f->data; i++)
        if (memcmp(f->bytes + i, "fingerprint", 11) == 0) f->bytes[i] = 'F';
}

/* Numbers from `first` on, times `factor`. conv1_1 of width 2 has 54 weights and 2 biases, conv1_2 36 and 2: conv2_1 begins at 94. */
static nst_model *scaled_model(const world *w, size_t first, size_t count, float factor)
{
    file f = weights_file(w);
    nst_model *model = NULL;
    spoil_fingerprint(&f);
    for (size_t i = first; i < first + count && f.data + 4 * i + 4 <= f.length; i++) {
        float value;
        memcpy(&value, f.bytes + f.data + 4 * i, sizeof value);
        value *= factor;
        memcpy(f.bytes + f.data + 4 * i, &value, sizeof value);
    }
    assert_ok(nst_model_load_memory(w->ctx, f.bytes, f.length, &model));
    free(f.bytes);
    return model;
}

static void assert_finite_picture(nst_session *session)
{
    nst_image *image = image_of(session);
    pixels p = read_pixels(image);
    for (size_t i = 0; i < p.count; i++) assert_true(p.values[i] >= 0 && p.values[i] <= 1);
    free(p.values);
    nst_image_unref(image);
}

/* Runs until it ends in one way or the other; the picture must be fine in both. */
static int32_t run_out(nst_session *session)
{
    int32_t status;
    while ((status = nst_session_step(session)) == NST_CONTINUE) assert_true(isfinite(progress_of(session).loss));
    assert_finite_picture(session);
    return status;
}

static void assert_numeric(world *w, nst_model *model, const char *part)
{
    static const char *const optimizers[] = {"lbfgs", "adam"};
    nst_targets *targets = NULL;
    nst_measure *measure = NULL;
    assert_ok(nst_targets_new(model, w->content, &w->style, 1, &targets));
    for (int i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, targets, "optimizer", optimizers[i], NULL);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(nst_session_step(session), NST_ERR_NUMERIC);
            assert_contains(nst_session_error(session), part);
            assert_int_equal(progress_of(session).stop_reason, NST_STOP_NUMERIC);
            assert_int_equal(progress_of(session).iteration, 0);
            assert_true(hash_of(session) == hash_image(w->content)); /* the start is kept */
        }
        nst_session_free(session);
    }
    assert_int_equal(nst_measure_new(targets, w->content, NULL, &measure), NST_ERR_NUMERIC);
    assert_null(measure);
    assert_contains(nst_ctx_error(w->ctx), part);
    nst_targets_unref(targets);
    nst_model_unref(model);
}

static void the_layer_is_named(void **state)
{
    world *w = *state;
    assert_numeric(w, scaled_model(w, 0, 54, 2.5e38f), "conv1_1");
    assert_numeric(w, scaled_model(w, 0, SIZE_MAX / 8, 1e30f), "conv1_2");
    assert_numeric(w, scaled_model(w, 94, SIZE_MAX / 8, 1e30f), "conv2_2");
}

/* Finite features whose Gram matrix is not, or whose gradient overflows. */
static void anything_between_ends_in_one_of_two_ways(void **state)
{
    world *w = *state;
    for (int exponent = -38; exponent < 38; exponent += 2) {
        nst_model *model = scaled_model(w, 0, 54, (float)pow(10, exponent));
        nst_targets *targets = NULL;
        nst_session *session;
        int32_t status;
        assert_ok(nst_targets_new(model, w->content, &w->style, 1, &targets));
        session = new_session(w->ctx, targets, "init", "noise", NULL);
        status = run_out(session);
        if (status != NST_DONE && status != NST_ERR_NUMERIC) fail_msg("1e%d: %d", exponent, status);
        if (exponent >= -6 && exponent <= 3) assert_int_equal(status, NST_DONE);
        if (exponent >= 30) assert_int_equal(status, NST_ERR_NUMERIC);
        if (status == NST_ERR_NUMERIC) assert_contains(nst_session_error(session), "non-finite numbers in ");
        nst_session_free(session);
        nst_targets_unref(targets);
        nst_model_unref(model);
    }
}

/* A weight that breaks a run half way: what was reached is kept, and with another weight the run goes on. */
static void a_change_may_break_a_run_and_another_mend_it(void **state)
{
    world *w = *state;
    static const char *const keys[] = {"alpha", "beta"};
    for (int i = 0; i < 4; i++) {
        const char *key = keys[i / 2];
        nst_session *session = new_session(w->ctx, w->targets, "init", "noise", "alpha", "1e-20", "beta", "1e-20", "content-layers",
                                           "relu4_2:1e20", "style-layers", "relu1_1:1e20", "optimizer", i % 2 ? "adam" : "lbfgs", NULL);
        uint64_t before;
        steps(session, 4);
        before = hash_of(session);
        set(session, key, "1e30"); /* the gradient is float: 1e50 is too much for it */
        for (int again = 0; again < 2; again++) {
            assert_int_equal(nst_session_step(session), NST_ERR_NUMERIC);
            assert_contains(nst_session_error(session), "the gradient after 3 iterations");
            assert_true(hash_of(session) == before);
        }
        assert_finite_picture(session);
        set(session, key, "1e-20");
        finish(session);
        assert_int_equal(progress_of(session).iteration, 6);
        assert_finite_picture(session);
        nst_session_free(session);
    }
}

static void flat_pictures_have_finite_losses(void **state)
{
    world *w = *state;
    static const char *const dialects[] = {"neural-style", "gatys-paper", "gatys-code", "normalised"};
    static const unsigned char levels[] = {0, 128, 255};
    for (int i = 0; i < 12; i++) {
        unsigned char gray[32 * 32];
        nst_image_desc desc;
        nst_image *flat = NULL;
        nst_targets *targets = NULL;
        nst_session *session;
        NST_INIT(desc);
        desc.format = NST_FORMAT_U8;
        desc.width = desc.height = 32;
        desc.channels = 1;
        memset(gray, levels[i % 3], sizeof gray);
        assert_ok(nst_image_new(w->ctx, &desc, gray, &flat));
        assert_ok(nst_targets_new(w->model, flat, &flat, 1, &targets));
        session = new_session(w->ctx, targets, "dialect", dialects[i / 3], "init", i % 2 ? "content" : "noise", NULL);
        finish(session);
        assert_true(isfinite(progress_of(session).loss));
        assert_finite_picture(session);
        nst_session_free(session);
        nst_targets_unref(targets);
        nst_image_unref(flat);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(the_layer_is_named),
        test_in_world(anything_between_ends_in_one_of_two_ways),
        test_in_world(a_change_may_break_a_run_and_another_mend_it),
        test_in_world(flat_pictures_have_finite_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
