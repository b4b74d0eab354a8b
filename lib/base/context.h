/* The context's inside: what every other room takes as `ctx`. */
#ifndef NST_BASE_CONTEXT_H
#define NST_BASE_CONTEXT_H

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/thread.h"
#include "nst/context.h"

struct nst_ctx {
    _Atomic uint32_t references;
    nst_memory memory;
    nst_cpu_level level;
    int threads;
    int log_level;
    nst_log_fn log;
    void *log_user;
    nst_run_fn run; /* NULL: pool */
    void *run_user;
    nst_pool *pool;
    nst_mutex *lock; /* guards `error` and serialises the log */
    nst_error error;
    size_t max_pixels, max_weights_size;
};

/* Runs job(data, i) for i in [0, count) on the context's threads; returns when all are done. */
void nst_run(nst_ctx *ctx, nst_job_fn job, void *data, uint32_t count);
/* How many jobs are worth starting at the same time: the context's threads. */
uint32_t nst_strands(const nst_ctx *ctx);

/* One line to the context's log, if it wants that level. */
void nst_log(nst_ctx *ctx, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Keeps `error` as the context's latest sentence when `status` is negative. Returns `status`. For the API room only. */
int32_t nst_ctx_keep_error(nst_ctx *ctx, int32_t status, const nst_error *error);

#endif
