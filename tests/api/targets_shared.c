/* Targets that many sessions share: what they keep is bounded, and no session waits for another. */
#include "support.h"

/* Content features of 20 MB a session, at ever other sizes. */
static void memory_does_not_grow_with_the_sizes(void **state)
{
    world *w = *state;
    uint64_t before, limit = UINT64_C(64) << 20;
    nst_image *picture = new_picture(w->ctx, 360, 300, 3, 3);
    nst_targets *targets = NULL;
    nst_model *model = NULL;
    assert_ok(nst_model_new_untrained(w->ctx, 64, 1, &model));
    assert_ok(nst_targets_new(model, picture, NULL, 0, &targets));
    before = nst_ctx_memory_used(w->ctx);
    for (int size = 300; size < 312; size += 2) {
        char text[16];
        nst_session *session;
        snprintf(text, sizeof text, "%d", size);
        session = new_session(w->ctx, targets, "size", text, "content-layers", "relu1_1", NULL);
        steps(session, 1);
        nst_session_free(session);
        assert_true(nst_ctx_memory_used(w->ctx) <= before + limit + (1 << 20));
    }
    assert_true(nst_ctx_memory_used(w->ctx) > before + limit / 2); /* and yet it is a cache */
    nst_targets_unref(targets);
    nst_image_unref(picture);
    nst_model_unref(model);
}

/* A session's statistics are its own for as long as it lives, whatever becomes of others. */
static void a_session_outlives_the_rush(void **state)
{
    world *w = *state;
    nst_session *alone = new_session(w->ctx, w->targets, NULL), *slow = new_session(w->ctx, w->targets, NULL);
    trace undisturbed = trace_of(alone), disturbed;
    nst_session_free(alone);
    steps(slow, 1);
    for (int size = 33; size < 90; size += 4) {
        char text[16];
        nst_session *session;
        snprintf(text, sizeof text, "%d", size);
        session = new_session(w->ctx, w->targets, "size", text, NULL);
        steps(session, 1);
        nst_session_free(session);
    }
    disturbed = trace_of(slow);
    assert_tail(&undisturbed, &disturbed);
    nst_session_free(slow);
}

/* ---- a host whose threads take up other sessions while they are inside a job ---- */

typedef struct host {
    nst_session *other; /* to step in the midst of the first run */
    uint64_t hash;
} host;

static void run_and_step(void *user, nst_job_fn job, void *data, uint32_t count)
{
    host *h = user;
    nst_session *other = h->other;
    h->other = NULL;
    if (other) {
        steps(other, 3);
        h->hash = hash_of(other);
    }
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static void sessions_inside_each_other(void **state)
{
    static const char *const sizes[] = {"32", "40"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        host h = {NULL, 0};
        world w;
        nst_ctx_config config;
        nst_session *outer, *inner;
        NST_INIT(config);
        config.run = run_and_step;
        config.run_user = &h;
        fill_world(&w, &config);
        outer = new_session(w.ctx, w.targets, NULL);
        inner = new_session(w.ctx, w.targets, "size", sizes[i], NULL);
        h.other = inner;
        steps(outer, 3);
        assert_true(h.hash != 0 && (h.hash == hash_of(outer)) == (i == 0));
        nst_session_free(inner);
        nst_session_free(outer);
        empty_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(memory_does_not_grow_with_the_sizes),
        test_in_world(a_session_outlives_the_rush),
        cmocka_unit_test(sessions_inside_each_other),
    };
    return cmocka_run_group_tests_name("targets_shared", tests, NULL, NULL);
}
