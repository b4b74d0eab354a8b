/* The same bytes whoever does the work: any number of threads, a host's own, sessions side by side, after fork(). */
#define _DEFAULT_SOURCE /* usleep */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Large enough that every kernel has several tasks. */
static nst_session *usual_run(nst_ctx *ctx, nst_targets *targets, int kind)
{
    static const char *const optimizers[] = {"lbfgs", "adam", "lbfgs"}, *const searches[] = {"armijo", "armijo", "strong-wolfe"};
    static const char *const poolings[] = {"max", "average", "l2"}, *const paddings[] = {"zero", "reflect", "replicate"};
    static const char *const statistics[] = {"gram", "gram", "chained"};
    return new_session(ctx, targets, "size", kind == 1 ? "130" : "90", "scales", "2", "iterations", "8", "optimizer", optimizers[kind],
                       "line-search", searches[kind], "init", "noise", "pooling", poolings[kind], "padding", paddings[kind],
                       "style-statistics", statistics[kind], NULL);
}

static trace usual_trace(const nst_ctx_config *config, int kind)
{
    world w;
    nst_session *session;
    trace t;
    fill_world(&w, config);
    session = usual_run(w.ctx, w.targets, kind);
    t = trace_of(session);
    nst_session_free(session);
    empty_world(&w);
    return t;
}

static void any_number_of_threads(void **state)
{
    static const int32_t counts[] = {2, 3, 8, 0};
    nst_ctx_config config;
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        trace alone;
        NST_INIT(config);
        config.threads = 1;
        alone = usual_trace(&config, kind);
        for (int i = 0; i < 4; i++) {
            trace several;
            config.threads = counts[i];
            several = usual_trace(&config, kind);
            assert_same_trace(&alone, &several);
        }
    }
}

static void run_backwards(void *user, nst_job_fn job, void *data, uint32_t count)
{
    ++*(uint32_t *)user;
    while (count-- > 0) job(data, count);
}

static void run_odd_first(void *user, nst_job_fn job, void *data, uint32_t count)
{
    ++*(uint32_t *)user;
    for (uint32_t i = 1; i < count; i += 2) job(data, i);
    for (uint32_t i = 0; i < count; i += 2) job(data, i);
}

static void any_order_of_jobs(void **state)
{
    const nst_run_fn runs[] = {run_backwards, run_odd_first};
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        nst_ctx_config config;
        trace alone, hosted;
        NST_INIT(config);
        config.threads = 1;
        alone = usual_trace(&config, kind);
        for (int i = 0; i < 2; i++) {
            uint32_t calls = 0;
            config.run = runs[i];
            config.run_user = &calls;
            hosted = usual_trace(&config, kind);
            assert_same_trace(&alone, &hosted);
            assert_true(calls > 0);
        }
    }
}

/* A host whose threads come late and dawdle. */
typedef struct slow_share {
    nst_job_fn job;
    void *data;
    uint32_t first, count;
} slow_share;

static void *run_slowly(void *argument)
{
    const slow_share *share = argument;
    for (uint32_t i = share->first; i < share->count; i += 2) {
        if (i % 16 == share->first) usleep(200);
        share->job(share->data, i);
    }
    return NULL;
}

static void run_on_slow_threads(void *user, nst_job_fn job, void *data, uint32_t count)
{
    slow_share mine = {job, data, 1, count}, other = {job, data, 0, count};
    pthread_t thread;
    bool alone = pthread_create(&thread, NULL, run_slowly, &other) != 0;
    run_slowly(&mine);
    if (alone) run_slowly(&other);
    else pthread_join(thread, NULL);
    ++*(uint32_t *)user;
}

static void a_slow_host_is_waited_for(void **state)
{
    nst_ctx_config config;
    trace alone, hosted;
    uint32_t calls = 0;
    (void)state;
    NST_INIT(config);
    config.threads = 1;
    alone = usual_trace(&config, 0);
    config.run = run_on_slow_threads;
    config.run_user = &calls;
    hosted = usual_trace(&config, 0);
    assert_same_trace(&alone, &hosted);
    assert_true(calls > 0);
}

/* ---- side by side ---- */

#define THREADS 8

typedef struct worker {
    pthread_t thread;
    world *world;
    uint32_t number;
    record end;
    bool failed;
} worker;

/* Without cmocka, which is for one thread. */
static nst_session *mixed_session(const world *w, uint32_t number)
{
    static const char *const sizes[] = {"32", "40", "32", "57"};
    nst_options *options = NULL;
    nst_session *session = NULL;
    if (nst_options_new(w->ctx, &options) < 0) return NULL;
    nst_options_set_str(options, "size", sizes[number % 4]);
    nst_options_set_str(options, "iterations", "5");
    nst_options_set_str(options, "optimizer", number % 2 ? "adam" : "lbfgs");
    nst_options_set_i64(options, "seed", number / 4);
    nst_options_set_str(options, "init", "noise");
    nst_session_new(w->targets, options, NULL, &session);
    nst_options_free(options);
    return session;
}

/* What fails elsewhere is no business of ours. */
static bool refuse_something(const world *w)
{
    nst_options *options = NULL;
    nst_session *session = NULL;
    char sentence[100];
    bool fine = nst_options_new(w->ctx, &options) == NST_OK && nst_options_set_str(options, "content-layers", "relu9_9") == NST_OK &&
                nst_session_new(w->targets, options, NULL, &session) == NST_ERR_NOT_FOUND;
    nst_options_free(options);
    return fine && nst_ctx_error_copy(w->ctx, sentence, sizeof sentence) > 100 && strlen(sentence) == 99;
}

static void *work(void *argument)
{
    worker *me = argument;
    nst_session *session = mixed_session(me->world, me->number);
    nst_model *model = nst_model_ref(me->world->model);
    nst_targets *targets = nst_targets_ref(me->world->targets);
    while (nst_session_step(session) == NST_CONTINUE)
        if (!refuse_something(me->world)) me->failed = true;
    if (progress_of(session).stop_reason != NST_STOP_ITERATIONS) me->failed = true;
    me->end = record_of(session);
    nst_session_free(session);
    nst_targets_unref(targets);
    nst_model_unref(model);
    return NULL;
}

static void sessions_share_model_and_targets(void **state)
{
    (void)state;
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        nst_ctx_config config;
        world w;
        worker workers[THREADS];
        memset(workers, 0, sizeof workers);
        NST_INIT(config);
        config.threads = threads;
        fill_world(&w, &config);
        for (uint32_t i = 0; i < THREADS; i++) {
            workers[i].world = &w;
            workers[i].number = i;
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
        nst_targets_unref(w.targets); /* serially with statistics of its own */
        assert_ok(nst_targets_new(w.model, w.content, &w.style, 1, &w.targets));
        for (uint32_t i = 0; i < THREADS; i++) {
            nst_session *session = mixed_session(&w, i);
            record end;
            while (step(session) == NST_CONTINUE) { }
            end = record_of(session);
            assert_false(workers[i].failed);
            assert_same_record(&workers[i].end, &end);
            nst_session_free(session);
        }
        empty_world(&w);
    }
}

/* ---- fork ---- */

/* In the child: everything anew, then what was inherited goes on and is freed. */
static int live_on(world *inherited, nst_session *session, const record *end)
{
    world w;
    record now;
    nst_session *fresh;
    alarm(60);
    fill_world(&w, NULL);
    fresh = usual_run(w.ctx, w.targets, 0);
    while (nst_session_step(fresh) == NST_CONTINUE) { }
    now = record_of(fresh);
    if (memcmp(&now, end, sizeof now) != 0) return 2;
    nst_session_free(fresh);
    empty_world(&w);
    while (session && nst_session_step(session) == NST_CONTINUE) { }
    if (session) {
        now = record_of(session);
        if (memcmp(&now, end, sizeof now) != 0) return 3;
        nst_session_free(session);
    }
    if (session) empty_world(inherited);
    return 0;
}

static void assert_child_lives(world *w, nst_session *session, const record *end)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) _exit(live_on(w, session, end));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("the child ended with %x", (unsigned)status);
}

#if defined(__SANITIZE_THREAD__)
#define CAN_FORK false /* the thread sanitizer dies when a forked child of a process with threads starts one */
#else
#define CAN_FORK true
#endif

static void a_forked_child_lives(void **state)
{
    nst_ctx_config config;
    world w;
    nst_session *session;
    trace all;
    (void)state;
    if (!CAN_FORK) skip();
    NST_INIT(config);
    config.threads = 3;
    all = usual_trace(&config, 0);
    fill_world(&w, &config);
    session = usual_run(w.ctx, w.targets, 0);
    steps(session, 3);
    assert_child_lives(&w, session, &all.records[all.count - 1]);
    steps(session, 3); /* the parent has noticed nothing */
    assert_child_lives(&w, session, &all.records[all.count - 1]);
    finish(session);
    nst_session_free(session);
    empty_world(&w);
}

static void *keep_running(void *session)
{
    while (nst_session_step(session) == NST_CONTINUE) { }
    return NULL;
}

/* Another thread is inside a step meanwhile; what it holds the child leaves alone. */
static void a_child_forked_during_a_step_lives(void **state)
{
    nst_ctx_config config;
    world w;
    nst_session *session;
    pthread_t thread;
    trace all;
    (void)state;
    if (!CAN_FORK) skip();
    NST_INIT(config);
    config.threads = 2;
    all = usual_trace(&config, 0);
    fill_world(&w, &config);
    session = new_session(w.ctx, w.targets, "iterations", "100000", NULL);
    assert_int_equal(pthread_create(&thread, NULL, keep_running, session), 0);
    for (int i = 0; i < 3; i++) assert_child_lives(&w, NULL, &all.records[all.count - 1]);
    nst_session_cancel(session);
    pthread_join(thread, NULL);
    nst_session_free(session);
    empty_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(any_order_of_jobs),
        cmocka_unit_test(a_slow_host_is_waited_for),
        cmocka_unit_test(sessions_share_model_and_targets),
        cmocka_unit_test(a_forked_child_lives),
        cmocka_unit_test(a_child_forked_during_a_step_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
