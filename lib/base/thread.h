/* Mutexes and the thread pool: the only file (thread.c) that may include pthread.h. */
#ifndef NST_BASE_THREAD_H
#define NST_BASE_THREAD_H

#include "base/alloc.h"

typedef struct nst_mutex nst_mutex;
nst_mutex *nst_mutex_new(nst_memory *memory); /* NULL: out of memory */
void nst_mutex_free(nst_memory *memory, nst_mutex *mutex);
void nst_mutex_lock(nst_mutex *mutex);
void nst_mutex_unlock(nst_mutex *mutex);

/* A pool of `threads` - 1 workers; the caller of nst_pool_run() is the last. If the system grants fewer threads, the pool works with
 * those. Workers block all signals. After fork() the child's runs go on in the caller alone. */
typedef struct nst_pool nst_pool;
nst_pool *nst_pool_new(nst_memory *memory, int threads);
void nst_pool_free(nst_memory *memory, nst_pool *pool);

/* Runs job(data, i) for all i in [0, count); tasks are taken dynamically. Called while the pool is busy (another thread's run, or a
 * job's own) it runs everything in the caller. */
void nst_pool_run(nst_pool *pool, nst_job_fn job, void *data, uint32_t count);

#endif
