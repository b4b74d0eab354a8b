/* The pool: every task once, whoever is asleep, awake, late or absent. Built with futexes and with the condition that stands in. */
#define _GNU_SOURCE /* fork, usleep */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"

enum { MOST = 64 };

/* Without atomics where tasks write: whether their writes are seen after the run is part of what is tested. */
typedef struct tally {
    nst_pool *pool;
    int done[MOST], inner[MOST];
    useconds_t nap;       /* of every eighth task */
    _Atomic int unmasked; /* tasks outside the caller that a signal could reach */
    pthread_t caller;
} tally;

static void count_inner(void *data, uint32_t index)
{
    (void)index;
    ++*(int *)data;
}

static void count_one(void *data, uint32_t index)
{
    tally *t = data;
    t->done[index]++;
    if (t->nap && index % 8 == 3) usleep(t->nap);
    if (t->pool) nst_pool_run(t->pool, count_inner, &t->inner[index], 5);
    if (!pthread_equal(pthread_self(), t->caller)) {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        if (!sigismember(&mask, SIGINT) || !sigismember(&mask, SIGALRM)) atomic_fetch_add(&t->unmasked, 1);
    }
}

/* Also for threads without cmocka. */
static bool run_is_whole(nst_pool *pool, uint32_t count, bool nested, useconds_t nap)
{
    tally t;
    bool whole = true;
    memset(&t, 0, sizeof t);
    t.pool = nested ? pool : NULL;
    t.nap = nap;
    t.caller = pthread_self();
    nst_pool_run(pool, count_one, &t, count);
    for (uint32_t i = 0; i < MOST; i++)
        whole &= t.done[i] == (i < count) && t.inner[i] == (nested && i < count ? 5 : 0);
    return whole && atomic_load(&t.unmasked) == 0;
}

static nst_pool *new_pool(nst_memory *memory, int threads)
{
    nst_pool *pool;
    nst_memory_init(memory, NULL);
    pool = nst_pool_new(memory, threads);
    assert_non_null(pool);
    return pool;
}

static void end_pool(nst_memory *memory, nst_pool *pool)
{
    nst_pool_free(memory, pool);
    assert_int_equal(atomic_load(&memory->used), 0);
}

/* Back to back, while workers spin, and after pauses, while they sleep or are about to. */
static void every_task_once(void **state)
{
    static const useconds_t pauses[] = {0, 1, 4, 10, 200};
    (void)state;
    for (int threads = 1; threads <= 9; threads += 2) {
        nst_memory memory;
        nst_pool *pool = new_pool(&memory, threads);
        for (int round = 0; round < 400; round++) {
            assert_true(run_is_whole(pool, (uint32_t)round % (MOST + 1), round % 3 == 0, 0));
            if (pauses[round % 5]) usleep(pauses[round % 5]);
        }
        end_pool(&memory, pool);
    }
}

static void slow_tasks_are_waited_for(void **state)
{
    nst_memory memory;
    nst_pool *pool = new_pool(&memory, 3);
    (void)state;
    for (int round = 0; round < 20; round++) assert_true(run_is_whole(pool, 4 + (uint32_t)round, round % 2, 500));
    end_pool(&memory, pool);
}

typedef struct client {
    pthread_t thread;
    nst_pool *pool;
    uint32_t number;
    bool failed;
} client;

static void *run_often(void *argument)
{
    client *c = argument;
    for (uint32_t round = 0; round < 1000; round++)
        if (!run_is_whole(c->pool, (7 * round + c->number) % MOST, false, 0)) c->failed = true;
    return NULL;
}

/* One has the pool, the others work alone. */
static void several_callers(void **state)
{
    nst_memory memory;
    nst_pool *pool = new_pool(&memory, 4);
    client clients[4];
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        clients[i] = (client){.pool = pool, .number = i};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, run_often, &clients[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(clients[i].thread, NULL);
    for (int i = 0; i < 4; i++) assert_false(clients[i].failed);
    end_pool(&memory, pool);
}

/* Workers that have not even started, that spin, and that sleep are all let go. */
static void pools_come_and_go(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        nst_memory memory;
        nst_pool *pool = new_pool(&memory, 1 + round % 5);
        if (round % 3) assert_true(run_is_whole(pool, MOST, false, 0));
        if (round % 7 == 0) usleep(100);
        end_pool(&memory, pool);
    }
}

static void errno_is_the_callers(void **state)
{
    nst_memory memory;
    nst_pool *pool = new_pool(&memory, 3);
    (void)state;
    for (int round = 0; round < 200; round++) {
        errno = 1234;
        assert_true(run_is_whole(pool, MOST, false, 0));
        assert_int_equal(errno, 1234);
        if (round % 4 == 0) usleep(20);
    }
    end_pool(&memory, pool);
}

static void assert_child_works(nst_memory *memory, nst_pool *pool)
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool whole;
        alarm(60);
        whole = run_is_whole(pool, MOST, true, 0) && run_is_whole(pool, 2, false, 0);
        nst_pool_free(memory, pool);
        _exit(whole ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Forked while workers spin, sleep, and are in the middle of another thread's run. */
static void a_forked_child_works_alone(void **state)
{
    nst_memory memory;
    nst_pool *pool = new_pool(&memory, 3);
    client busy = {.pool = pool};
    (void)state;
    for (int round = 0; round < 6; round++) {
        assert_true(run_is_whole(pool, MOST, false, 0));
        if (round % 2) usleep(1000);
        assert_child_works(&memory, pool);
        assert_true(run_is_whole(pool, MOST, false, 0));
    }
    assert_int_equal(pthread_create(&busy.thread, NULL, run_often, &busy), 0);
    for (int round = 0; round < 6; round++) assert_child_works(&memory, pool);
    pthread_join(busy.thread, NULL);
    assert_false(busy.failed);
    end_pool(&memory, pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once),
        cmocka_unit_test(slow_tasks_are_waited_for),
        cmocka_unit_test(several_callers),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(errno_is_the_callers),
        cmocka_unit_test(a_forked_child_works_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
