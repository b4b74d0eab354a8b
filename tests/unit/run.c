/* How a context spreads work: by its own threads, by the host's, in a job of its own, after fork(). */
#define _GNU_SOURCE /* fork */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"

enum { MOST = 1000, ROUND_UP = 0x4000 /* of MXCSR */ };

typedef struct tally {
    nst_ctx *ctx;
    _Atomic int done[MOST], inner, other_rounding;
} tally;

static void count_one(void *data, uint32_t index)
{
    tally *t = data;
    atomic_fetch_add(&t->done[index], 1);
#if defined(__x86_64__)
    if ((__builtin_ia32_stmxcsr() & ROUND_UP) != 0) atomic_fetch_add(&t->other_rounding, 1);
#endif
}

static void count_inner(void *data, uint32_t index)
{
    tally *t = data;
    (void)index;
    atomic_fetch_add(&t->inner, 1);
}

static void count_and_run(void *data, uint32_t index)
{
    tally *t = data;
    count_one(data, index);
    nst_run(t->ctx, count_inner, t, 5);
}

/* The host's way: last job first. */
static void run_backwards(void *user, nst_job_fn job, void *data, uint32_t count)
{
    ++*(int *)user;
    while (count-- > 0) job(data, count);
}

static nst_ctx *new_ctx(int threads, int *host_runs)
{
    nst_ctx_config config = {.size = sizeof config, .threads = threads, .run = host_runs ? run_backwards : NULL, .run_user = host_runs};
    nst_ctx *ctx = NULL;
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_OK);
    return ctx;
}

static void check_all_done_once(nst_ctx *ctx, uint32_t count)
{
    tally t = {.ctx = ctx};
    nst_run(ctx, count_and_run, &t, count);
    for (uint32_t i = 0; i < MOST; i++) assert_int_equal(atomic_load(&t.done[i]), i < count);
    assert_int_equal(atomic_load(&t.inner), 5 * count);
}

static void every_job_is_done_once(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 7, MOST};
    int host_runs = 0;
    (void)state;
    for (int threads = 0; threads <= 4; threads++) { /* 0: the host's */
        nst_ctx *ctx = new_ctx(threads, threads ? NULL : &host_runs);
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) check_all_done_once(ctx, counts[i]);
        nst_ctx_unref(ctx);
    }
    assert_int_equal(host_runs, 5 + 0 + 1 + 2 + 7 + MOST);
}

#if defined(__x86_64__)
static void jobs_do_not_see_the_callers_floating_point_state(void **state)
{
    int host_runs = 0;
    (void)state;
    for (int threads = 0; threads <= 3; threads++) {
        nst_ctx *ctx = new_ctx(threads, threads ? NULL : &host_runs);
        tally t = {.ctx = ctx};
        unsigned before = __builtin_ia32_stmxcsr();
        __builtin_ia32_ldmxcsr(before | ROUND_UP);
        nst_run(ctx, count_one, &t, MOST);
        assert_int_equal(__builtin_ia32_stmxcsr() & ROUND_UP, ROUND_UP);
        __builtin_ia32_ldmxcsr(before);
        assert_int_equal(atomic_load(&t.other_rounding), 0);
        nst_ctx_unref(ctx);
    }
}
#endif

static void a_forked_child_works_alone(void **state)
{
    nst_ctx *ctx = new_ctx(3, NULL);
    tally t = {.ctx = ctx};
    int status = -1;
    pid_t child = fork();
    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        nst_run(ctx, count_one, &t, MOST);
        nst_ctx_unref(ctx);
        _exit(atomic_load(&t.done[0]) == 1 && atomic_load(&t.done[MOST - 1]) == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_all_done_once(ctx, MOST);
    nst_ctx_unref(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_is_done_once),
#if defined(__x86_64__)
        cmocka_unit_test(jobs_do_not_see_the_callers_floating_point_state),
#endif
        cmocka_unit_test(a_forked_child_works_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
