/* Options that change while a session runs, of every class: live, restart, plan, fixed. */
#include "support.h"

typedef struct change {
    const char *key, *value;
} change;

/* With few iterations L-BFGS stays inside 0..1 from the start, so that pictures read are the iterates. */
static nst_session *few_steps(const world *w, const char *optimizer)
{
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "5", "optimizer", optimizer, NULL);
    steps(session, 4);
    return session;
}

/* ---- refused changes ---- */

static void refused_changes_change_nothing(void **state)
{
    world *w = *state;
    static const struct { const char *key, *value; int32_t code; const char *part; } bad[] = {
        {"alpha", "-1", NST_ERR_INVALID_ARG, "alpha"}, {"alpha", "nan", NST_ERR_INVALID_ARG, "alpha"},
        {"dialect", "esperanto", NST_ERR_INVALID_ARG, "dialect"}, {"iterations", "1.5", NST_ERR_INVALID_ARG, "iterations"},
        {"tolerance", "2", NST_ERR_INVALID_ARG, "tolerance"}, {"learning-rate", "0", NST_ERR_INVALID_ARG, "learning-rate"},
        {"line-search", "", NST_ERR_INVALID_ARG, "line-search"}, {"content-layers", "relu9_9", NST_ERR_NOT_FOUND, "relu1_1"},
        {"style-layers", "relu1_1,relu1_1", NST_ERR_INVALID_ARG, "relu1_1"}, {"style-layers", "", NST_ERR_INVALID_ARG, "style-layers"},
        {"style-weights", "1,2", NST_ERR_INVALID_ARG, "style-weights"}, {"style-weights", "0", NST_ERR_INVALID_ARG, "zero"},
        {"style-scale", "0.2", NST_ERR_INVALID_ARG, "relu5_1"}, {"size", "15", NST_ERR_INVALID_ARG, "16x16"},
        {"size", "-3", NST_ERR_INVALID_ARG, "size"}, {"scales", "4", NST_ERR_INVALID_ARG, "coarsest"},
        {"optimizer", "sgd", NST_ERR_INVALID_ARG, "optimizer"}, {"history", "0", NST_ERR_INVALID_ARG, "history"},
        {"pooling", "min", NST_ERR_INVALID_ARG, "pooling"}, {"padding", "wrap", NST_ERR_INVALID_ARG, "padding"},
        {"preprocessing", "rgb", NST_ERR_INVALID_ARG, "preprocessing"}, {"precision", "fp8", NST_ERR_INVALID_ARG, "precision"},
        {"alfa", "1", NST_ERR_NOT_FOUND, "alfa"}, {"init", "noise", NST_ERR_STATE, "init"},
        {"init-noise", "0.5", NST_ERR_STATE, "init-noise"}, {"seed", "7", NST_ERR_STATE, "seed"}};
    nst_session *calm = new_session(w->ctx, w->targets, NULL), *pestered = new_session(w->ctx, w->targets, NULL);
    trace expected, got;
    steps(calm, 3);
    steps(pestered, 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *text = nst_session_get_option(pestered, bad[i].key);
        char before[200];
        snprintf(before, sizeof before, "%s", text ? text : "");
        assert_int_equal(nst_session_set_option(pestered, bad[i].key, bad[i].value), bad[i].code);
        assert_contains(nst_session_error(pestered), bad[i].part);
        text = nst_session_get_option(pestered, bad[i].key);
        assert_string_equal(before, text ? text : "");
    }
    expected = trace_of(calm);
    got = trace_of(pestered);
    assert_same_trace(&expected, &got);
    nst_session_free(calm);
    nst_session_free(pestered);
}

/* ---- live ---- */

/* A draft is painted smaller; how many iterations it gets, which may change under way, must not change that. */
static void a_draft_keeps_its_size(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "dialect", "normalised", "preset", "draft", "size", "512", "scales", "1",
                                       "alpha", "1", "content-layers", "relu1_1", "style-layers", "relu1_1", NULL);
    nst_image *image;
    pixels p;
    for (int i = 0; i < 4; i++) {
        set(session, "iterations", i % 2 ? "auto" : "3");
        steps(session, 1);
        assert_int_equal(progress_of(session).width, 256);
        assert_int_equal(progress_of(session).scales, 1);
    }
    image = image_of(session);
    p = read_pixels(image);
    assert_int_equal(p.width, 512);
    free(p.values);
    nst_image_unref(image);
    nst_session_free(session);
}

static void iterations_can_be_added_and_taken_away(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    finish(session);
    assert_int_equal(progress_of(session).iteration, 6);
    set(session, "iterations", "20");
    assert_int_equal(progress_of(session).iterations, 20);
    assert_int_equal(finish(session), 14);
    assert_int_equal(progress_of(session).iteration, 20);
    set(session, "iterations", "500");
    steps(session, 3);
    set(session, "iterations", "4");
    assert_int_equal(step(session), NST_DONE);
    assert_int_equal(progress_of(session).iteration, 23);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_ITERATIONS);
    nst_session_free(session);
}

/* The total is kept however the plan changes on the way. */
static void the_total_of_iterations_is_kept_over_scales(void **state)
{
    world *w = *state;
    static const change changes[] = {{"iterations", "40"}, {"iterations", "9"}, {"scales", "1"}, {"scales", "3"}};
    static const uint32_t totals[] = {40, 9, 18, 18};
    for (int at = 1; at < 20; at += 3) {
        for (size_t i = 0; i < 4; i++) {
            nst_session *session = new_session(w->ctx, w->targets, "size", "86", "scales", "2", "iterations", "18", NULL);
            uint32_t done;
            steps(session, at);
            done = progress_of(session).iteration;
            set(session, changes[i].key, changes[i].value);
            finish(session);
            assert_int_equal(progress_of(session).iteration, done > totals[i] ? done : totals[i]);
            assert_int_equal(progress_of(session).width, 86);
            nst_session_free(session);
        }
    }
}

/* The same result as if the option had been so from the start, when it has not mattered yet. In fp32: in bf16 the slopes of so small a
 * network drown in the rounding, and a run may end before the change tells. */
static void live_options_matter_from_the_next_step_on(void **state)
{
    world *w = *state;
    static const change changes[] = {{"learning-rate", "0.1"}, {"line-search", "strong-wolfe"}, {"iterations", "40"}};
    for (size_t i = 0; i < 3; i++) {
        nst_session *before = new_session(w->ctx, w->targets, "iterations", "30", "precision", "fp32", changes[i].key,
                                            changes[i].value, NULL);
        nst_session *after = new_session(w->ctx, w->targets, "iterations", "30", "precision", "fp32", NULL);
        nst_session *never = new_session(w->ctx, w->targets, "iterations", "30", "precision", "fp32", NULL);
        trace a, b, c;
        steps(before, 1);
        steps(after, 1);
        steps(never, 1);
        set(after, changes[i].key, changes[i].value);
        a = trace_of(before);
        b = trace_of(after);
        c = trace_of(never);
        assert_same_trace(&a, &b);
        assert_true(a.count != c.count || a.records[a.count - 1].loss != c.records[c.count - 1].loss);
        nst_session_free(before);
        nst_session_free(after);
        nst_session_free(never);
    }
}

static void tolerance_can_come_and_go(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "100", "precision", "fp32", NULL);
    uint32_t stopped;
    steps(session, 40);
    set(session, "tolerance", "1");
    finish(session);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_TOLERANCE);
    stopped = progress_of(session).iteration;
    assert_true(stopped <= 50);
    set(session, "tolerance", "0");
    steps(session, 1);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_NONE);
    finish(session);
    assert_int_equal(progress_of(session).iteration, 100);
    nst_session_free(session);
}

/* ---- restart ---- */

/* After a change the loss is that of a session made with it, at the same picture. */
static void restarts_tell_the_new_loss(void **state)
{
    world *w = *state;
    static const change changes[] = {{"alpha", "77"}, {"beta", "0.5"}, {"tv", "3"}, {"dialect", "gatys-paper"},
                                     {"dialect", "normalised"}, {"alpha", "0"}};
    static const char *const optimizers[] = {"lbfgs", "adam"};
    for (size_t i = 0; i < 12; i++) {
        const change *c = &changes[i / 2];
        nst_session *session = few_steps(w, optimizers[i % 2]);
        nst_image *image = image_of(session);
        set(session, c->key, c->value);
        set(session, "iterations", "3"); /* the run is over: the step only takes the change over */
        assert_int_equal(step(session), NST_DONE);
        if (i % 2 == 0) assert_true(progress_of(session).loss == loss_of_picture(w->ctx, w->targets, image, c->key, c->value, NULL));
        set(session, "iterations", "9");
        finish(session);
        assert_int_equal(progress_of(session).iteration, 9);
        nst_image_unref(image);
        nst_session_free(session);
    }
}

/* Before the first step a change is as good as an option. */
static void before_the_first_step_everything_can_change(void **state)
{
    world *w = *state;
    static const change changes[] = {{"alpha", "3"}, {"init", "noise"}, {"seed", "4"}, {"init-noise", "0.25"}, {"size", "40"},
                                     {"content-layers", "conv3_2"}, {"optimizer", "adam"}, {"scales", "2"}, {"style-layers", "relu2_1"}};
    nst_session *made = new_session(w->ctx, w->targets, "alpha", "3", "init", "noise", "seed", "4", "init-noise", "0.25", "size", "40",
                                    "content-layers", "conv3_2", "optimizer", "adam", "scales", "2", "style-layers", "relu2_1", NULL);
    nst_session *changed = new_session(w->ctx, w->targets, "style-layers", "relu4_1", NULL);
    trace a, b;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) set(changed, changes[i].key, changes[i].value);
    assert_true(hash_of(made) == hash_of(changed));
    assert_int_equal(progress_of(changed).width, 20);
    a = trace_of(made);
    b = trace_of(changed);
    assert_same_trace(&a, &b);
    nst_session_free(made);
    nst_session_free(changed);
}

/* The loss rises with its weight: that is no reason to stop. */
static void tolerance_does_not_compare_different_losses(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "60", "tolerance", "1e-5", NULL);
    steps(session, 30);
    set(session, "beta", "10000");
    steps(session, 20);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_NONE);
    finish(session);
    nst_session_free(session);
}

static void a_change_after_the_end_goes_on(void **state)
{
    world *w = *state;
    static const change changes[] = {{"alpha", "20"}, {"pooling", "average"}};
    for (size_t i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "iterations", "100", "tolerance", "0.5", NULL);
        uint32_t stopped;
        double loss;
        finish(session);
        stopped = progress_of(session).iteration;
        assert_int_equal(progress_of(session).stop_reason, NST_STOP_TOLERANCE);
        set(session, changes[i].key, changes[i].value);
        steps(session, 1);
        loss = progress_of(session).loss;
        finish(session);
        assert_true(progress_of(session).iteration > stopped + 5);
        assert_true(progress_of(session).loss < loss);
        nst_session_free(session);
    }
}

/* ---- plan ---- */

static void plans_keep_the_picture_and_tell_the_new_loss(void **state)
{
    world *w = *state;
    static const change changes[] = {
        {"content-layers", "relu2_1:3,conv1_2"}, {"style-layers", "relu3_1"}, {"style-weights", "4;relu3_1:1"}, {"style-scale", "1.5"},
        {"colour", "match"}, {"photo", "0.5"},
        {"optimizer", "adam"}, {"optimizer", "lbfgs"}, {"history", "3"}, {"history-precision", "bf16"}, {"pooling", "l2"},
        {"pooling-rescale", "true"}, {"padding", "reflect"}, {"preprocessing", "caffe"}, {"precision", "fp32"}};
    static const char *const optimizers[] = {"lbfgs", "adam"};
    for (size_t i = 0; i < 2 * sizeof changes / sizeof changes[0]; i++) {
        const change *c = &changes[i / 2];
        nst_session *session = few_steps(w, optimizers[i % 2]);
        nst_image *image = image_of(session);
        uint32_t iteration = progress_of(session).iteration, evaluations = progress_of(session).evaluations;
        set(session, c->key, c->value);
        set(session, "iterations", "3");
        assert_true(hash_of(session) == hash_image(image));
        assert_int_equal(step(session), NST_DONE);
        assert_true(hash_of(session) == hash_image(image));
        assert_string_equal(nst_session_get_option(session, c->key), c->value);
        assert_true(progress_of(session).loss == loss_of_picture(w->ctx, w->targets, image, c->key, c->value, NULL));
        assert_int_equal(progress_of(session).iteration, iteration);
        assert_int_equal(progress_of(session).evaluations, evaluations + 1);
        set(session, "iterations", "9");
        finish(session);
        assert_int_equal(progress_of(session).iteration, 9);
        nst_image_unref(image);
        nst_session_free(session);
    }
}

static void the_size_can_change(void **state)
{
    world *w = *state;
    static const char *const sizes[] = {"48", "24", "0", "33"};
    static const uint32_t widths[] = {48, 24, 32, 33}, heights[] = {36, 18, 24, 25};
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "30", NULL);
    steps(session, 4);
    for (int i = 0; i < 4; i++) {
        uint64_t before = hash_of(session);
        nst_image *image;
        nst_image_desc desc;
        set(session, "size", sizes[i]);
        assert_true(hash_of(session) == before); /* not yet */
        steps(session, 2);
        assert_int_equal(progress_of(session).width, widths[i]);
        assert_int_equal(progress_of(session).height, heights[i]);
        image = image_of(session);
        NST_INIT(desc);
        assert_ok(nst_image_get_desc(image, &desc));
        assert_int_equal(desc.width, widths[i]);
        assert_int_equal(desc.height, heights[i]);
        nst_image_unref(image);
    }
    finish(session);
    nst_session_free(session);
}

/* Between a change of plan and the step that takes it over nothing may mix the two. */
static void several_changes_at_once(void **state)
{
    world *w = *state;
    static const change changes[] = {{"size", "64"}, {"alpha", "9"}, {"iterations", "12"}, {"learning-rate", "0.05"}, {"history", "20"},
                                     {"content-layers", "relu2_2"}, {"dialect", "gatys-code"}, {"tolerance", "0.001"}, {"tv", "1"}};
    float gradient[3 * 32 * 24];
    for (int at = 1; at < 8; at += 3) {
        nst_session *session = new_session(w->ctx, w->targets, NULL);
        record before, now;
        nst_image *image;
        steps(session, at);
        before = record_of(session);
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            set(session, changes[i].key, changes[i].value);
            now = record_of(session);
            assert_same_record(&now, &before);
            assert_ok(nst_session_get_gradient(session, gradient, sizeof gradient));
            assert_string_equal(nst_session_get_option(session, changes[i].key), changes[i].value);
        }
        steps(session, 1);
        assert_int_equal(progress_of(session).width, 64);
        assert_int_equal(progress_of(session).iterations, 12);
        finish(session);
        image = image_of(session);
        if (at == 1) assert_true(progress_of(session).loss == loss_of_picture(w->ctx, w->targets, image, "size", "64", "alpha", "9",
                                     "content-layers", "relu2_2", "dialect", "gatys-code", "tv", "1", NULL));
        assert_int_equal(progress_of(session).iteration, 12);
        nst_image_unref(image);
        nst_session_free(session);
    }
}

/* A plan that cannot be made by the time it is looked at is refused when it is asked for, and can be taken back. */
static void a_change_can_be_taken_back(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    steps(session, 2);
    set(session, "size", "24");
    set(session, "style-layers", "relu4_1");
    assert_int_equal(nst_session_set_option(session, "style-scale", "0.3"), NST_ERR_INVALID_ARG); /* too small at 24 */
    set(session, "size", "32");
    set(session, "style-scale", "0.3");
    finish(session);
    assert_int_equal(progress_of(session).width, 32);
    nst_session_free(session);
}

static int32_t slide(void *user, nst_session *session, const nst_progress *progress)
{
    (void)user;
    if (progress->iteration == 2) set(session, "alpha", "50");
    if (progress->iteration == 4) set(session, "size", "40");
    return 0;
}

static void callbacks_may_change_options(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    assert_int_equal(nst_session_run(session, slide, NULL), NST_DONE);
    assert_int_equal(progress_of(session).width, 40);
    assert_string_equal(nst_session_get_option(session, "alpha"), "50");
    nst_session_free(session);
}

static void a_sentence_stays_until_the_next_failure(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    assert_string_equal(nst_session_error(session), "");
    assert_int_equal(nst_session_set_option(session, "alpha", "many"), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_contains(nst_session_error(session), "alpha");
    nst_session_cancel(session);
    assert_int_equal(nst_session_step(session), NST_ERR_CANCELLED);
    assert_contains(nst_session_error(session), "cancelled");
    nst_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(refused_changes_change_nothing),
        test_in_world(iterations_can_be_added_and_taken_away),
        test_in_world(a_draft_keeps_its_size),
        test_in_world(the_total_of_iterations_is_kept_over_scales),
        test_in_world(live_options_matter_from_the_next_step_on),
        test_in_world(tolerance_can_come_and_go),
        test_in_world(restarts_tell_the_new_loss),
        test_in_world(before_the_first_step_everything_can_change),
        test_in_world(tolerance_does_not_compare_different_losses),
        test_in_world(a_change_after_the_end_goes_on),
        test_in_world(plans_keep_the_picture_and_tell_the_new_loss),
        test_in_world(the_size_can_change),
        test_in_world(several_changes_at_once),
        test_in_world(a_change_can_be_taken_back),
        test_in_world(callbacks_may_change_options),
        test_in_world(a_sentence_stays_until_the_next_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
