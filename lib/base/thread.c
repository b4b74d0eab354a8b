#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/futex.h"

struct nst_mutex {
    pthread_mutex_t handle;
};

nst_mutex *nst_mutex_new(nst_memory *memory)
{
    nst_mutex *mutex = nst_alloc(memory, sizeof *mutex);
    if (mutex && pthread_mutex_init(&mutex->handle, NULL) != 0) {
        nst_free(memory, mutex);
        mutex = NULL;
    }
    return mutex;
}

void nst_mutex_free(nst_memory *memory, nst_mutex *mutex)
{
    if (!mutex) return;
    pthread_mutex_destroy(&mutex->handle);
    nst_free(memory, mutex);
}

void nst_mutex_lock(nst_mutex *mutex)
{
    pthread_mutex_lock(&mutex->handle);
}

void nst_mutex_unlock(nst_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->handle);
}

/* How long a thread looks at a word before it sleeps: over the gap between two kernels, not longer, since where a host shares processors
 * out in slices whoever spins keeps out the one it waits for. By the clock: the pause of one processor takes five times another's. */
#define SPIN_SECONDS 4e-6
enum { PAUSES = 8 };

/* The gate of a run: whether workers may still come in, whether the caller sleeps until they are out, and how many are in. */
#define GATE_OPEN 0x80000000u
#define GATE_WATCHED 0x40000000u
#define GATE_INSIDE 0x3fffffffu

/* One run at a time, guarded by `busy`. `turn` tells workers that a new run has begun. What the tasks are is written while the gate is
 * shut and nobody inside, and read by those who came in. A line of cache for each that is written by many. */
struct nst_pool {
    _Alignas(NST_ALIGNMENT) _Atomic uint32_t turn;
    _Atomic uint32_t asleep; /* workers that may need a call to wake them */
    _Atomic bool stop, busy;
    _Alignas(NST_ALIGNMENT) _Atomic uint32_t gate;
    _Alignas(NST_ALIGNMENT) _Atomic uint32_t next;
    _Alignas(NST_ALIGNMENT) nst_job_fn job;
    void *data;
    uint32_t count, worker_count;
    pid_t owner;
    pthread_t *workers;
#if !NST_HAVE_FUTEX
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
};

/* ---- sleeping ---- */

#if NST_HAVE_FUTEX
static void init_sleep(nst_pool *pool)
{
    (void)pool;
}

static void end_sleep(nst_pool *pool)
{
    (void)pool;
}

static void sleep_on(nst_pool *pool, _Atomic uint32_t *word, uint32_t value)
{
    (void)pool;
    nst_futex_wait(word, value);
}

static void wake(nst_pool *pool, _Atomic uint32_t *word, uint32_t count)
{
    (void)pool;
    nst_futex_wake(word, count);
}
#else
static void init_sleep(nst_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
}

static void end_sleep(nst_pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->changed);
}

static void sleep_on(nst_pool *pool, _Atomic uint32_t *word, uint32_t value)
{
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(word) == value) pthread_cond_wait(&pool->changed, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

/* Workers and caller share the condition: who was not meant sleeps on. The lock keeps the call from falling between look and sleep. */
static void wake(nst_pool *pool, _Atomic uint32_t *word, uint32_t count)
{
    (void)word;
    (void)count;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}
#endif

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Looks for a short while whether the word gets another value. Returns the latest. */
static uint32_t look_for_change(const _Atomic uint32_t *word, uint32_t value)
{
    uint32_t now = atomic_load(word);
    double end;
    if (now != value) return now;
    end = nst_clock_seconds() + SPIN_SECONDS;
    do
        for (int i = 0; i < PAUSES && now == value; i++) {
            pause_briefly();
            now = atomic_load(word);
        }
    while (now == value && nst_clock_seconds() < end);
    return now;
}

/* ---- workers ---- */

static void take_tasks(nst_pool *pool)
{
    nst_job_fn job = pool->job;
    void *data = pool->data;
    uint32_t i, count = pool->count;
    while ((i = atomic_fetch_add(&pool->next, 1)) < count) job(data, i);
}

/* Returns the turn after `seen`. Who counts as asleep looks once more before sleeping, and who changes the turn looks for sleepers
 * afterwards: one of the two notices. */
static uint32_t wait_for_turn(nst_pool *pool, uint32_t seen)
{
    uint32_t turn = look_for_change(&pool->turn, seen);
    if (turn != seen) return turn;
    atomic_fetch_add(&pool->asleep, 1);
    while ((turn = atomic_load(&pool->turn)) == seen) sleep_on(pool, &pool->turn, seen);
    atomic_fetch_sub(&pool->asleep, 1);
    return turn;
}

static bool come_in(nst_pool *pool)
{
    uint32_t gate = atomic_load(&pool->gate);
    do
        if (!(gate & GATE_OPEN)) return false;
    while (!atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1));
    return true;
}

static void go_out(nst_pool *pool)
{
    if (atomic_fetch_sub(&pool->gate, 1) == (GATE_WATCHED | 1)) wake(pool, &pool->gate, 1);
}

static void *worker_main(void *argument)
{
    nst_pool *pool = argument;
    uint32_t seen = 0;
    for (;;) {
        seen = wait_for_turn(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        if (!come_in(pool)) continue;
        take_tasks(pool);
        go_out(pool);
    }
}

static void start_workers(nst_pool *pool, uint32_t wanted)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->worker_count < wanted &&
           pthread_create(&pool->workers[pool->worker_count], NULL, worker_main, pool) == 0)
        pool->worker_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

nst_pool *nst_pool_new(nst_memory *memory, int threads)
{
    nst_pool *pool = nst_alloc_zero(memory, sizeof *pool);
    if (!pool) return NULL;
    pool->workers = nst_alloc_array(memory, (size_t)threads, sizeof *pool->workers);
    if (!pool->workers) {
        nst_free(memory, pool);
        return NULL;
    }
    init_sleep(pool);
    pool->owner = getpid();
    start_workers(pool, (uint32_t)threads - 1);
    return pool;
}

static void next_turn(nst_pool *pool, uint32_t workers_wanted)
{
    uint32_t asleep, awake;
    atomic_fetch_add(&pool->turn, 1);
    asleep = atomic_load(&pool->asleep);
    awake = pool->worker_count - asleep;
    if (asleep > 0 && workers_wanted > awake) wake(pool, &pool->turn, workers_wanted - awake);
}

void nst_pool_free(nst_memory *memory, nst_pool *pool)
{
    if (!pool) return;
    if (pool->owner == getpid()) { /* in a forked child the workers do not exist and the lock may be held for ever */
        atomic_store(&pool->stop, true);
        next_turn(pool, pool->worker_count);
        for (uint32_t i = 0; i < pool->worker_count; i++) pthread_join(pool->workers[i], NULL);
        end_sleep(pool);
    }
    nst_free(memory, pool->workers);
    nst_free(memory, pool);
}

/* ---- runs ---- */

static bool begin_run(nst_pool *pool, nst_job_fn job, void *data, uint32_t count)
{
    if (atomic_exchange(&pool->busy, true)) return false;
    pool->job = job;
    pool->data = data;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->gate, GATE_OPEN);
    next_turn(pool, count - 1 < pool->worker_count ? count - 1 : pool->worker_count);
    return true;
}

/* Everybody inside is waited for; a look at each number of them, and the last may take long. */
static void watch_gate(nst_pool *pool)
{
    uint32_t gate = atomic_load(&pool->gate), before = 0;
    while (gate != 0 && gate != before) {
        before = gate;
        gate = look_for_change(&pool->gate, gate);
    }
    while ((gate & GATE_INSIDE) != 0) {
        if (!(gate & GATE_WATCHED) && !atomic_compare_exchange_weak(&pool->gate, &gate, gate | GATE_WATCHED)) continue;
        sleep_on(pool, &pool->gate, gate | GATE_WATCHED);
        gate = atomic_load(&pool->gate);
    }
}

/* All tasks are taken. Workers that are at one are waited for, not those that have not woken: on a busy machine that takes long. */
static void end_run(nst_pool *pool)
{
    if (atomic_fetch_and(&pool->gate, ~GATE_OPEN) != GATE_OPEN) watch_gate(pool);
    atomic_store(&pool->gate, 0);
    atomic_store(&pool->busy, false);
}

void nst_pool_run(nst_pool *pool, nst_job_fn job, void *data, uint32_t count)
{
    if (count > 1 && pool->worker_count > 0 && pool->owner == getpid() && begin_run(pool, job, data, count)) {
        take_tasks(pool);
        end_run(pool);
        return;
    }
    for (uint32_t i = 0; i < count; i++) job(data, i);
}
