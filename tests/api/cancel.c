/* Stopping and going on: cancel() from everywhere, callbacks that stop, calls into a session at work. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

/* ---- a world whose work passes through our hands ---- */

typedef struct host {
    uint32_t calls;    /* of the run hook so far */
    uint32_t act_at;   /* at this call... */
    uint32_t returned; /* calls when the step came back */
    void (*act)(struct host *host);
    nst_session *session;
    int32_t result;
} host;

static void run_jobs(void *user, nst_job_fn job, void *data, uint32_t count)
{
    host *h = user;
    if (++h->calls == h->act_at && h->act) h->act(h);
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static void fill_hosted_world(world *w, host *h)
{
    nst_ctx_config config;
    NST_INIT(config);
    config.run = run_jobs;
    config.run_user = h;
    fill_world(w, &config);
}

static void cancel(host *h)
{
    nst_session_cancel(h->session);
}

static host *of_signal;

static void on_signal(int number)
{
    (void)number;
    nst_session_cancel(of_signal->session);
}

static void cancel_by_signal(host *h)
{
    of_signal = h;
    raise(SIGUSR1);
}

/* ---- cancel at every moment ---- */

static nst_session *hosted_session(const world *w, host *h, const char *optimizer)
{
    h->session = new_session(w->ctx, w->targets, "size", "43", "scales", "2", "iterations", "9", "optimizer", optimizer, "style-layers",
                             "relu1_1,relu3_1", "content-layers", "relu2_2", NULL);
    h->calls = 0;
    return h->session;
}

/* Steps until the run is over, past the one cancellation. What can be seen after it is what could be seen before. */
static record run_past_cancel(host *h, uint32_t *calls_after)
{
    nst_session *session = h->session;
    record before = record_of(session), now;
    int32_t status, cancelled = 0;
    for (;;) {
        status = nst_session_step(session);
        now = record_of(session);
        if (status == NST_DONE) break;
        if (status == NST_ERR_CANCELLED) {
            cancelled++;
            *calls_after = h->calls - h->act_at;
            assert_int_equal(progress_of(session).stop_reason, NST_STOP_CANCELLED);
            assert_contains(nst_session_error(session), "cancelled");
            assert_true(now.hash == before.hash && now.iteration == before.iteration && now.width == before.width);
            assert_true(fabs(now.content + now.style + now.tv - now.loss) <= 1e-12 * now.loss);
        } else {
            assert_int_equal(status, NST_CONTINUE);
            assert_int_equal(progress_of(session).stop_reason, NST_STOP_NONE);
        }
        before = now;
    }
    assert_int_equal(cancelled, 1);
    return now;
}

static void cancel_everywhere(const char *optimizer, void (*act)(host *))
{
    host h = {.act = act};
    world w;
    uint32_t total, most = 0, evaluation;
    record calm, now;
    fill_hosted_world(&w, &h);
    hosted_session(&w, &h, optimizer);
    while (step(h.session) == NST_CONTINUE) { }
    calm = record_of(h.session);
    total = h.calls;
    evaluation = total / calm.evaluations;
    nst_session_free(h.session);
    for (uint32_t at = 1; at <= total; at += 1 + at / 24) {
        uint32_t after = 0;
        nst_targets_unref(w.targets); /* so that their statistics are computed anew, and cancelled too */
        assert_ok(nst_targets_new(w.model, w.content, &w.style, 1, &w.targets));
        hosted_session(&w, &h, optimizer);
        h.act_at = at;
        now = run_past_cancel(&h, &after);
        assert_same_record(&now, &calm);
        if (after > most) most = after;
        nst_session_free(h.session);
    }
    if (most > evaluation) fail_msg("%u calls after cancelling, an evaluation takes %u", most, evaluation);
    empty_world(&w);
}

static void cancelling_costs_nothing_but_time(void **state)
{
    (void)state;
    cancel_everywhere("lbfgs", cancel);
    cancel_everywhere("adam", cancel);
}

/* What a first step that came to nothing had begun with is no debt: options may be others when it is tried again. */
static void a_cancelled_start_is_forgotten(void **state)
{
    host h = {.act_at = 40, .act = cancel};
    nst_strength_info info;
    world w;
    (void)state;
    NST_INIT(info);
    fill_hosted_world(&w, &h);
    h.session = new_session(w.ctx, w.targets, "photo", "0.9", "dialect", "normalised", "size", "64", "iterations", "8", NULL);
    h.calls = 0;
    assert_int_equal(nst_session_step(h.session), NST_ERR_CANCELLED);
    assert_true(h.calls >= h.act_at); /* it was at work */
    set(h.session, "photo", "0.5");
    assert_int_equal(nst_session_step(h.session), NST_CONTINUE);
    assert_ok(nst_session_get_strength(h.session, &info));
    assert_true(fabs(info.photo_weight - 1) < 1e-12);
    nst_session_free(h.session);
    empty_world(&w);
}

static void signal_handlers_may_cancel(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    (void)state;
    sigaction(SIGUSR1, &action, &before);
    cancel_everywhere("lbfgs", cancel_by_signal);
    sigaction(SIGUSR1, &before, NULL);
}

static nst_session *roaming_session(const world *w, host *h)
{
    h->session = new_session(w->ctx, w->targets, "iterations", "45", "init", "noise", "alpha", "0", "tv", "0", "learning-rate", "0.2",
                             "style-layers", "relu1_1,relu2_1", NULL);
    h->calls = h->act_at = 0;
    return h->session;
}

/* L-BFGS has left 0..1 and is brought back for its last iterations: the step in which that happens, cancelled anywhere. */
static void cancelled_on_the_way_back_into_the_box(void **state)
{
    host h = {.act = cancel};
    world w;
    trace calm;
    uint32_t begin, end;
    (void)state;
    fill_hosted_world(&w, &h);
    calm = trace_of(roaming_session(&w, &h)); /* and the targets are computed */
    nst_session_free(h.session);
    steps(roaming_session(&w, &h), 41);
    begin = h.calls;
    assert_int_equal(nst_session_step(h.session), NST_CONTINUE);
    end = h.calls;
    nst_session_free(h.session);
    for (uint32_t at = begin + 1; at <= end; at += 5) {
        record now;
        steps(roaming_session(&w, &h), 41);
        h.act_at = at;
        nst_session_step(h.session);
        now = record_of(h.session);
        assert_true(fabs(now.content + now.style + now.tv - now.loss) <= 1e-12 * now.loss);
        while (nst_session_step(h.session) != NST_DONE) { }
        now = record_of(h.session);
        assert_same_record(&now, &calm.records[calm.count - 1]);
        nst_session_free(h.session);
    }
    empty_world(&w);
}

static void cancel_before_and_after_and_twice(void **state)
{
    world *w = *state;
    nst_session *calm = new_session(w->ctx, w->targets, NULL), *session = new_session(w->ctx, w->targets, NULL);
    trace expected = trace_of(calm), got;
    nst_session_cancel(session);
    nst_session_cancel(session);
    assert_int_equal(nst_session_step(session), NST_ERR_CANCELLED);
    got = trace_of(session);
    assert_same_trace(&expected, &got);
    nst_session_cancel(session);
    assert_int_equal(nst_session_step(session), NST_ERR_CANCELLED);
    assert_int_equal(nst_session_step(session), NST_DONE);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_ITERATIONS);
    nst_session_cancel(NULL);
    nst_session_free(calm);
    nst_session_free(session);
}

/* A change that was cancelled on its way is made by the next step. */
static void changes_survive_cancelling(void **state)
{
    static const char *const changes[][2] = {{"size", "48"}, {"alpha", "9"}, {"pooling", "average"}, {"optimizer", "adam"}};
    host h = {.act = cancel};
    world w;
    (void)state;
    fill_hosted_world(&w, &h);
    for (size_t i = 0; i < 4; i++) {
        trace calm, disturbed;
        for (uint32_t after = 0; after < 40; after += 1 + after / 2) {
            h.act_at = 0;
            h.session = new_session(w.ctx, w.targets, NULL);
            steps(h.session, 3);
            set(h.session, changes[i][0], changes[i][1]);
            if (after > 0) {
                record before = record_of(h.session), now;
                h.act_at = h.calls + after;
                assert_int_equal(nst_session_step(h.session), NST_ERR_CANCELLED);
                now = record_of(h.session);
                assert_true(now.hash == before.hash && now.iteration == before.iteration);
            }
            disturbed = trace_of(h.session);
            if (after == 0) calm = disturbed;
            else assert_same_trace(&calm, &disturbed);
            nst_session_free(h.session);
        }
    }
    empty_world(&w);
}

typedef struct impatience {
    nst_session *session;
    struct timespec delay;
} impatience;

static void *cancel_soon(void *argument)
{
    const impatience *me = argument;
    nanosleep(&me->delay, NULL);
    nst_session_cancel(me->session);
    return NULL;
}

static void another_thread_may_cancel(void **state)
{
    world *w = *state;
    nst_session *calm = new_session(w->ctx, w->targets, "iterations", "30", NULL);
    nst_session *session = new_session(w->ctx, w->targets, "iterations", "30", NULL);
    trace expected = trace_of(calm);
    record end = expected.records[expected.count - 1], now;
    impatience soon = {session, {0, 1000000}};
    int32_t status;
    pthread_t thread;
    do {
        if (soon.delay.tv_nsec < 800000000) soon.delay.tv_nsec += soon.delay.tv_nsec / 4; /* or a slow machine would never get anywhere */
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &soon), 0);
        status = nst_session_run(session, NULL, NULL);
        pthread_join(thread, NULL);
    } while (status == NST_ERR_CANCELLED);
    assert_int_equal(status, NST_DONE);
    now = record_of(session);
    assert_same_record(&now, &end);
    nst_session_free(calm);
    nst_session_free(session);
}

/* ---- callbacks ---- */

static int32_t stop_at_three(void *user, nst_session *session, const nst_progress *progress)
{
    int *calls = user;
    nst_loss_term term;
    float gradient[3 * 32 * 24];
    NST_INIT(term);
    ++*calls;
    assert_ok(nst_session_get_term(session, 0, &term)); /* every getter may be used */
    assert_ok(nst_session_get_gradient(session, gradient, sizeof gradient));
    assert_true(record_of(session).loss == progress->loss);
    assert_string_equal(nst_session_get_option(session, "size"), "32");
    return progress->iteration == 3 ? -77 : 0;
}

static void a_callback_stops_the_run(void **state)
{
    world *w = *state;
    nst_session *calm = new_session(w->ctx, w->targets, NULL), *session = new_session(w->ctx, w->targets, NULL);
    trace expected = trace_of(calm), rest;
    int calls = 0;
    record now;
    assert_int_equal(nst_session_run(session, stop_at_three, &calls), NST_ERR_CANCELLED);
    assert_int_equal(calls, 4);
    assert_int_equal(nst_session_callback_result(session), -77);
    assert_int_equal(progress_of(session).stop_reason, NST_STOP_CANCELLED);
    assert_contains(nst_session_error(session), "callback");
    now = record_of(session);
    assert_same_record(&now, &expected.records[3]);
    rest = trace_of(session);
    assert_tail(&expected, &rest);
    assert_int_equal(rest.count, 3);
    assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
    assert_int_equal(nst_session_callback_result(session), 0);
    nst_session_free(calm);
    nst_session_free(session);
}

static int32_t step_another(void *user, nst_session *session, const nst_progress *progress)
{
    (void)session;
    (void)progress;
    assert_true(step(user) >= 0);
    return 0;
}

static int32_t cancel_from_callback(void *user, nst_session *session, const nst_progress *progress)
{
    (void)user;
    if (progress->iteration == 2) nst_session_cancel(session);
    return 0;
}

static void callbacks_may_use_other_sessions_and_cancel(void **state)
{
    world *w = *state;
    nst_session *a = new_session(w->ctx, w->targets, NULL), *b = new_session(w->ctx, w->targets, NULL);
    record x, y;
    assert_int_equal(nst_session_run(a, step_another, b), NST_DONE);
    finish(b);
    x = record_of(a);
    y = record_of(b);
    assert_same_record(&x, &y);
    nst_session_free(a);
    a = new_session(w->ctx, w->targets, NULL);
    assert_int_equal(nst_session_run(a, cancel_from_callback, NULL), NST_ERR_CANCELLED);
    assert_int_equal(nst_session_callback_result(a), 0);
    assert_int_equal(progress_of(a).iteration, 2);
    finish(a);
    x = record_of(a);
    assert_same_record(&x, &y);
    nst_session_free(a);
    nst_session_free(b);
}

/* ---- calls into a session at work ---- */

static void enter_again(host *h)
{
    nst_image *image = (nst_image *)(void *)h;
    assert_int_equal(nst_session_step(h->session), NST_ERR_BUSY);
    assert_int_equal(nst_session_run(h->session, NULL, NULL), NST_ERR_BUSY);
    assert_int_equal(nst_session_get_image(h->session, &image), NST_ERR_BUSY);
    assert_null(image);
    assert_int_equal(nst_session_set_option(h->session, "alpha", "3"), NST_ERR_BUSY);
    assert_int_equal(nst_session_save(h->session, "/tmp/nst-test-busy"), NST_ERR_BUSY);
    assert_true(access("/tmp/nst-test-busy", F_OK) != 0);
    h->result = 1;
}

static void a_session_at_work_is_busy(void **state)
{
    host h = {.act = NULL};
    world w;
    record calm, now;
    uint32_t total;
    (void)state;
    fill_hosted_world(&w, &h);
    hosted_session(&w, &h, "lbfgs");
    while (nst_session_step(h.session) == NST_CONTINUE) { }
    total = h.calls;
    calm = record_of(h.session);
    nst_session_free(h.session);
    h.act = enter_again;
    for (uint32_t at = 1; at < total / 2; at += total / 13) { /* half: the targets are computed only once */
        hosted_session(&w, &h, "lbfgs");
        h.act_at = at;
        h.result = 0;
        while (nst_session_step(h.session) == NST_CONTINUE) { }
        assert_int_equal(h.result, 1);
        now = record_of(h.session);
        assert_same_record(&now, &calm);
        nst_session_free(h.session);
    }
    empty_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_start_is_forgotten),
        cmocka_unit_test(cancelling_costs_nothing_but_time),
        cmocka_unit_test(signal_handlers_may_cancel),
        cmocka_unit_test(cancelled_on_the_way_back_into_the_box),
        test_in_world(cancel_before_and_after_and_twice),
        cmocka_unit_test(changes_survive_cancelling),
        test_in_world(another_thread_may_cancel),
        test_in_world(a_callback_stops_the_run),
        test_in_world(callbacks_may_use_other_sessions_and_cancel),
        cmocka_unit_test(a_session_at_work_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
