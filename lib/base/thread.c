#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

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

/* One run at a time. `generation` tells the workers that a new run has begun; `working` counts those still in it. */
struct nst_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake, finished;
    pthread_t *workers;
    int worker_count, working;
    unsigned generation;
    bool stop, busy, open; /* open: workers may join the run */
    pid_t owner;
    nst_job_fn job;
    void *data;
    uint32_t count;
    _Atomic uint32_t next;
};

static void take_tasks(nst_pool *pool)
{
    uint32_t i;
    while ((i = atomic_fetch_add(&pool->next, 1)) < pool->count) pool->job(pool->data, i);
}

static void *worker_main(void *argument)
{
    nst_pool *pool = argument;
    unsigned seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (!pool->open || pool->generation == seen)) pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stop) break;
        seen = pool->generation;
        pool->working++;
        pthread_mutex_unlock(&pool->lock);
        take_tasks(pool);
        pthread_mutex_lock(&pool->lock);
        if (--pool->working == 0) pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void start_workers(nst_pool *pool, int wanted)
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
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->owner = getpid();
    start_workers(pool, threads - 1);
    return pool;
}

static void stop_workers(nst_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->worker_count; i++) pthread_join(pool->workers[i], NULL);
}

void nst_pool_free(nst_memory *memory, nst_pool *pool)
{
    if (!pool) return;
    if (pool->owner == getpid()) { /* in a forked child the workers do not exist and the locks may be held for ever */
        stop_workers(pool);
        pthread_mutex_destroy(&pool->lock);
        pthread_cond_destroy(&pool->wake);
        pthread_cond_destroy(&pool->finished);
    }
    nst_free(memory, pool->workers);
    nst_free(memory, pool);
}

static bool begin_run(nst_pool *pool, nst_job_fn job, void *data, uint32_t count)
{
    bool mine;
    pthread_mutex_lock(&pool->lock);
    mine = !pool->busy;
    if (mine) {
        pool->busy = true;
        pool->job = job;
        pool->data = data;
        pool->count = count;
        atomic_store(&pool->next, 0);
        pool->open = true;
        pool->generation++;
        pthread_cond_broadcast(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return mine;
}

/* All tasks are taken. Workers that are at one are waited for, not those that have not woken: on a busy machine that takes long. */
static void end_run(nst_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->open = false;
    while (pool->working > 0) pthread_cond_wait(&pool->finished, &pool->lock);
    pool->busy = false;
    pthread_mutex_unlock(&pool->lock);
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
