/* A limit on memory is kept or refused, and nothing is taken inside a step. */
#include "../support/failing_allocator.h"
#include "memory_support.h"

/* ---- limits ---- */

/* Savings come in their order, each only when those before do not suffice. */
static void check_order(const nst_estimate *e, const nst_estimate *asked)
{
    bool tiled = e->tiles > 1, pairs = e->history > 0;
    if (tiled || e->recomputed > asked->recomputed) assert_int_equal(e->packed, 0);
    if (pairs && !e->packed) assert_true(e->history == 2 && e->history_bits == 16);
    if (pairs && e->history < asked->history) assert_int_equal(e->history_bits, 16);
}

static outcome check_limit(const situation *s, const outcome *free, unsigned percent)
{
    uint64_t limit = free->before + free->estimate.bytes * percent / 100;
    outcome held = run(s, false, limit);
    const nst_estimate *e = &held.estimate;
    double ratio = (double)e->bytes / (double)(held.peak - held.before);
    if (getenv("NST_TEST_VERBOSE"))
        print_message("%u%%: peak %.3f, told %.3f, history %u of %u, packed %u, again %u, %u tiles of %ux%u, target of %u, "
                      "loss %.9g (%.9g)\n", percent, (double)held.peak / (double)limit,
                      (double)(e->bytes + e->beside) / (double)limit, e->history, e->history_bits, e->packed, e->recomputed, e->tiles,
                      e->tile_width, e->tile_height, (unsigned)e->target_bits, held.loss, free->loss);
    assert_true(held.peak <= limit);
    assert_true(e->limit == limit && e->beside + e->bytes <= limit);
    if (!(ratio > 0.98 && ratio < 1.02)) fail_msg("told %llu: %g of what was taken", (unsigned long long)e->bytes, ratio);
    check_order(e, &free->estimate);
    return held;
}

static void limits_are_kept(void **state)
{
    static const situation limited[] = {
        {120, 90, 3, 1, "{\"size\": 257, \"iterations\": 2, \"finish\": \"poisson\"}"},
        {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 4, \"scales\": 3, \"history\": 5}"},
        {120, 90, 3, 2, "{\"size\": 400, \"iterations\": 2, \"content-layers\": \"relu2_1\", \"style-layers\": \"relu1_1,relu2_1\"}"},
    };
    static const situation deep[] = {
        {120, 90, 3, 1, "{\"size\": 700, \"scales\": 2, \"iterations\": 2, \"optimizer\": \"adam\", \"style-scale\": 1.5, "
                        "\"content-layers\": \"relu2_1\", \"style-layers\": \"relu1_1,relu2_2\"}"},
        {120, 90, 3, 2, "{\"size\": 700, \"iterations\": 2, \"optimizer\": \"adam\", \"histogram\": 1, \"histogram-layers\": "
                        "\"relu1_1,relu2_2\", \"content-layers\": \"relu2_1\", \"style-layers\": \"relu1_1\"}"},
        {120, 90, 3, 1, "{\"size\": 700, \"iterations\": 2, \"optimizer\": \"adam\", \"style-statistics\": \"chained\", "
                        "\"content-layers\": \"relu2_1\", \"style-layers\": \"relu1_2,relu2_1\"}"},
    };
    static const unsigned least[] = {75, 85, 75}; /* percent of what it takes without a limit */
    outcome free, banded;
    (void)state;
    for (int i = 0; i < 3; i++) {
        free = run(&limited[i], false, 0);
        for (unsigned percent = 95; percent >= least[i]; percent -= 10) check_limit(&limited[i], &free, percent);
    }
    for (int i = 0; i < 3; i++) {
        free = run(&deep[i], false, 0);
        banded = check_limit(&deep[i], &free, 90);
        assert_true(banded.estimate.tiles == 1 && banded.estimate.recomputed > 0); /* bands are enough */
        assert_true(fabs(banded.loss - free.loss) <= 1e-4 * free.loss);
        for (unsigned percent = 57; percent >= 54; percent -= 3) {
            outcome held = check_limit(&deep[i], &free, percent);
            assert_true(held.estimate.tiles > 1);
            assert_true(fabs(held.loss - free.loss) <= 1e-4 * free.loss);
        }
    }
}

/* The last step, where the content's features weigh more than anything else: they are kept in 16 bits, and loss and gradient are those of
 * 32 but for their rounding. */
static void content_features_are_narrowed_last(void **state)
{
    static const situation s = {400, 300, 3, 1, "{\"size\": 512, \"iterations\": 2, \"optimizer\": \"adam\", \"init\": \"noise\", "
                                                "\"content-layers\": \"relu1_2\", \"style-layers\": \"relu1_1\"}"};
    outcome free = run(&s, false, 0), held;
    (void)state;
    assert_int_equal(free.estimate.target_bits, 32);
    held = check_limit(&s, &free, 80);
    assert_true(held.estimate.tiles > 1 && held.estimate.target_bits == 32);
    for (unsigned percent = 46; held.estimate.target_bits == 32; percent -= 6) held = check_limit(&s, &free, percent);
    assert_true(held.estimate.tiles > 1 && held.loss != free.loss);
    assert_true(fabs(held.loss - free.loss) <= 1e-4 * free.loss);
}

static void what_cannot_fit_is_refused_with_numbers(void **state)
{
    world *w = *state;
    nst_options *options = situation_options(w->ctx, "{\"size\": 400, \"memory-limit\": 3000000}");
    nst_session *session = NULL;
    uint64_t used = nst_ctx_memory_used(w->ctx), peak = nst_ctx_memory_peak(w->ctx);
    char size[16];
    assert_int_equal(nst_session_new(w->targets, options, NULL, &session), NST_ERR_LIMIT);
    assert_null(session);
    assert_contains(nst_ctx_error(w->ctx), "400x300 needs at least ");
    assert_contains(nst_ctx_error(w->ctx), "the limit is 3 MB");
    assert_contains(nst_ctx_error(w->ctx), "try size ");
    assert_true(nst_ctx_memory_used(w->ctx) == used && nst_ctx_memory_peak(w->ctx) < peak + 1000000);
    /* the advice holds */
    snprintf(size, sizeof size, "%d", atoi(strstr(nst_ctx_error(w->ctx), "try size ") + 9));
    assert_ok(nst_options_set_str(options, "size", size));
    assert_ok(nst_session_new(w->targets, options, NULL, &session));
    nst_session_free(session);
    nst_options_free(options);
}

static void advice_keeps_a_shape_that_was_given(void **state)
{
    world *w = *state;
    nst_targets *texture = NULL;
    nst_options *options = situation_options(w->ctx, "{\"width\": 400, \"height\": 200, \"init\": \"noise\", \"memory-limit\": 3000000}");
    nst_session *session = NULL;
    char *said, width[16], height[16];
    assert_ok(nst_targets_new(w->model, NULL, &w->style, 1, &texture));
    assert_int_equal(nst_session_new(texture, options, NULL, &session), NST_ERR_LIMIT);
    said = strstr(nst_ctx_error(w->ctx), "try width ");
    assert_non_null(said);
    snprintf(width, sizeof width, "%d", atoi(said + 10));
    snprintf(height, sizeof height, "%d", atoi(strstr(said, "height ") + 7));
    assert_int_equal(2 * atoi(height), atoi(width));
    assert_ok(nst_options_set_str(options, "width", width));
    assert_ok(nst_options_set_str(options, "height", height));
    assert_ok(nst_session_new(texture, options, NULL, &session));
    nst_session_free(session);
    nst_options_free(options);
    nst_targets_unref(texture);
}

/* "1.5M" of any option in bytes. */
static void limits_are_written_with_units(void **state)
{
    static const struct { const char *text, *value; } good[] = {
        {"0", "0"}, {"1.5G", "1500000000"}, {"800M", "800000000"}, {"800 MB", "800000000"}, {"1Gi", "1073741824"},
        {"2kiB", "2048"}, {"1e6", "1000000"}, {"12B", "12"}, {"0.5k", "500"}};
    static const char *const bad[] = {"", "G", "1.5X", "-1M", "1.5GG", "1 5", "nan", "1e30G", "1iB"};
    world *w = *state;
    nst_options *options = situation_options(w->ctx, "{}");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(nst_options_set_str(options, "memory-limit", good[i].text));
        assert_string_equal(nst_options_get_str(options, "memory-limit"), good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (nst_options_set_str(options, "memory-limit", bad[i]) != NST_ERR_INVALID_ARG) fail_msg("'%s' was taken", bad[i]);
    nst_options_free(options);
}

/* A number of bytes that leaves a session so much of what it would take. */
static const char *limit_of(nst_session *free, unsigned percent)
{
    static char text[32];
    nst_estimate e = estimate_of(free);
    snprintf(text, sizeof text, "%llu", (unsigned long long)(e.beside + e.bytes * percent / 100));
    nst_session_free(free);
    return text;
}

/* In tiles: nothing else is left to save. */
#define SHALLOW "size", "640", "iterations", "40", "optimizer", "adam", "content-layers", "relu2_1", "style-layers", "relu1_1,relu2_1"
static nst_session *tiled_session(world *w)
{
    const char *limit = limit_of(new_session(w->ctx, w->targets, SHALLOW, NULL), 52);
    nst_session *session = new_session(w->ctx, w->targets, SHALLOW, "memory-limit", limit, NULL);
    assert_true(estimate_of(session).tiles > 1);
    return session;
}

/* Cancelled between tiles: nothing is lost, and the next step goes on. */
static int32_t cancel_at_once(void *user, nst_session *session, const nst_progress *progress)
{
    (void)progress;
    nst_session_cancel(session);
    return ++*(int *)user > 5;
}

static void cancelling_reaches_into_tiles(void **state)
{
    world *w = *state;
    nst_session *session = tiled_session(w);
    int calls = 0;
    assert_ok(nst_session_set_option(session, "iterations", "2"));
    nst_session_cancel(session);
    assert_int_equal(nst_session_step(session), NST_ERR_CANCELLED);
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_int_equal(nst_session_run(session, cancel_at_once, &calls), NST_ERR_CANCELLED);
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    nst_session_free(session);
}

/* A limit that comes while the session runs. */
static void a_limit_may_change_during_the_run(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "size", "400", "iterations", "3", NULL);
    nst_estimate before, after;
    uint64_t limit;
    char text[32];
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    before = estimate_of(session);
    limit = before.beside + before.bytes * 8 / 10;
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit);
    assert_ok(nst_session_set_option(session, "memory-limit", text));
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    after = estimate_of(session);
    assert_true(after.beside + after.bytes <= limit && after.bytes < before.bytes);
    assert_int_equal(nst_session_set_option(session, "memory-limit", "1k"), NST_ERR_LIMIT);
    nst_session_free(session);
}

/* Where more lies beside the session the plan would choose fewer pairs: the checkpoint's are taken all the same. */
static void a_checkpoint_brings_its_pairs(void **state)
{
    world *w = *state;
    const char *limit = limit_of(new_session(w->ctx, w->targets, "size", "300", "iterations", "6", NULL), 80);
    nst_session *session = new_session(w->ctx, w->targets, "size", "300", "iterations", "6", "memory-limit", limit, NULL), *resumed = NULL;
    char path[256];
    nst_image *ballast;
    nst_estimate saved;
    uint64_t hash;
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/nst-memory-%p.checkpoint", folder ? folder : "/tmp", (void *)session);
    saved = estimate_of(session);
    assert_int_equal(saved.history_bits, 16);
    for (int i = 0; i < 4; i++) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_ok(nst_session_save(session, path));
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    hash = hash_of(session);
    nst_session_free(session);
    ballast = new_picture(w->ctx, 200, 200, 3, 9);
    assert_ok(nst_session_resume(w->targets, path, &resumed));
    assert_true(estimate_of(resumed).history == saved.history && estimate_of(resumed).history_bits == 16);
    assert_int_equal(nst_session_run(resumed, NULL, NULL), NST_DONE);
    assert_true(hash_of(resumed) == hash);
    nst_session_free(resumed);
    nst_image_unref(ballast);
    remove(path);
}

/* ---- steps take nothing ---- */

static void setup_counting(world *w, failing_allocator *memory)
{
    nst_allocator hooks = failing_allocator_hooks(memory);
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 2;
    config.allocator = &hooks;
    fill_world(w, &config);
}

static void check_no_allocation(failing_allocator *memory, nst_session *session)
{
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    failing_allocator_arm(memory, 0, false);
    for (int i = 0; i < 12; i++) assert_int_equal(nst_session_step(session), NST_CONTINUE);
    assert_int_equal(memory->count, 0);
    nst_session_free(session);
}

static void steps_take_no_memory(void **state)
{
    failing_allocator memory = {0};
    world w;
    (void)state;
    setup_counting(&w, &memory);
    check_no_allocation(&memory, new_session(w.ctx, w.targets, "size", "64", "iterations", "40", NULL));
    check_no_allocation(&memory, new_session(w.ctx, w.targets, "size", "64", "iterations", "40", "optimizer", "adam", NULL));
    check_no_allocation(&memory, tiled_session(&w));
    empty_world(&w);
    assert_int_equal(memory.live, 0);
}

/* ---- the probe ---- */

static void the_probe_measures_and_leaves_nothing(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, "size", "300", "iterations", "3", NULL);
    nst_estimate e;
    uint64_t used = nst_ctx_memory_used(w->ctx), network;
    NST_INIT(e);
    assert_ok(nst_session_estimate(session, 0, &e));
    assert_true(e.seconds_per_iteration < 0);
    assert_true(nst_ctx_memory_used(w->ctx) == used);
    network = e.network;
    assert_ok(nst_session_estimate(session, 1, &e));
    assert_true(e.seconds_per_iteration > 0);
    assert_true(nst_ctx_memory_used(w->ctx) <= used + network); /* it stays ready */
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    assert_ok(nst_session_estimate(session, 0, &e)); /* also at the end */
    nst_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(content_features_are_narrowed_last),
        test_in_world(what_cannot_fit_is_refused_with_numbers),
        test_in_world(advice_keeps_a_shape_that_was_given),
        test_in_world(limits_are_written_with_units),
        test_in_world(cancelling_reaches_into_tiles),
        test_in_world(a_limit_may_change_during_the_run),
        test_in_world(a_checkpoint_brings_its_pairs),
        cmocka_unit_test(steps_take_no_memory),
        test_in_world(the_probe_measures_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
