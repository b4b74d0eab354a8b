#include "base/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/abi.h"

enum { MAX_THREADS = 256 };
static const size_t default_max_pixels = 100u * 1000 * 1000;
static const size_t default_max_weights = (size_t)2 << 30;

static size_t limit_or_default(uint64_t value, size_t fallback)
{
    if (value == 0) return fallback;
    return value > SIZE_MAX ? SIZE_MAX : (size_t)value;
}

static int32_t read_allocator(const nst_allocator *given, nst_allocator *hooks)
{
    int32_t status = nst_abi_read(hooks, sizeof *hooks, given, NST_ALLOCATOR_FIRST_SIZE);
    if (status >= 0) status = nst_abi_reserved(&hooks->reserved, sizeof hooks->reserved);
    if (status < 0) return status;
    return hooks->allocate && hooks->release ? NST_OK : NST_ERR_INVALID_ARG;
}

/* The allocator is a struct of its own age: `hooks` is our copy of it. */
static int32_t read_config(const nst_ctx_config *given, nst_ctx_config *config, nst_allocator *hooks)
{
    int32_t status;
    memset(config, 0, sizeof *config);
    if (!given) return NST_OK;
    status = nst_abi_read(config, sizeof *config, given, NST_CTX_CONFIG_FIRST_SIZE);
    if (status >= 0) status = nst_abi_reserved(&config->reserved0, sizeof config->reserved0);
    if (status >= 0) status = nst_abi_reserved(config->reserved, sizeof config->reserved);
    if (status < 0) return status;
    if (config->threads < 0 || config->log_level < 0) return NST_ERR_INVALID_ARG;
    if (!config->allocator) return NST_OK;
    status = read_allocator(config->allocator, hooks);
    config->allocator = hooks;
    return status;
}

static void apply_config(nst_ctx *ctx, const nst_ctx_config *config, int level)
{
    int threads = config->threads > 0 ? config->threads : nst_cpu_count();
    atomic_init(&ctx->references, 1);
    ctx->level = (nst_cpu_level)level;
    ctx->threads = threads > MAX_THREADS ? MAX_THREADS : threads;
    ctx->log_level = config->log_level ? config->log_level : NST_LOG_WARNING;
    ctx->log = config->log;
    ctx->log_user = config->log_user;
    ctx->run = config->run;
    ctx->run_user = config->run_user;
    ctx->max_pixels = limit_or_default(config->max_pixels, default_max_pixels);
    ctx->max_weights_size = limit_or_default(config->max_weights_size, default_max_weights);
}

static void destroy(nst_ctx *ctx)
{
    nst_memory memory = {.hooks = ctx->memory.hooks};
    nst_pool_free(&ctx->memory, ctx->pool);
    nst_mutex_free(&ctx->memory, ctx->lock);
    nst_free(&memory, ctx); /* the counters live in the block that goes */
}

int32_t nst_ctx_new(const nst_ctx_config *given, nst_ctx **out)
{
    nst_ctx_config config;
    nst_allocator hooks;
    nst_memory memory;
    nst_ctx *ctx;
    int32_t status;
    int level = nst_cpu_detect();
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    status = read_config(given, &config, &hooks);
    if (status < 0) return status;
    if (level < 0) return NST_ERR_INVALID_ARG;
    nst_memory_init(&memory, config.allocator);
    ctx = nst_alloc_zero(&memory, sizeof *ctx);
    if (!ctx) return NST_ERR_NOMEM;
    nst_memory_init(&ctx->memory, config.allocator);
    apply_config(ctx, &config, level);
    ctx->lock = nst_mutex_new(&ctx->memory);
    if (!ctx->run) ctx->pool = nst_pool_new(&ctx->memory, ctx->threads);
    if (!ctx->lock || (!ctx->run && !ctx->pool)) {
        destroy(ctx);
        return NST_ERR_NOMEM;
    }
    *out = ctx;
    return NST_OK;
}

nst_ctx *nst_ctx_ref(nst_ctx *ctx)
{
    if (ctx) atomic_fetch_add(&ctx->references, 1);
    return ctx;
}

void nst_ctx_unref(nst_ctx *ctx)
{
    if (ctx && atomic_fetch_sub(&ctx->references, 1) == 1) destroy(ctx);
}

const char *nst_ctx_error(const nst_ctx *ctx)
{
    return ctx ? ctx->error.text : "";
}

uint64_t nst_ctx_error_copy(const nst_ctx *ctx, char *buffer, uint64_t capacity)
{
    uint64_t length;
    if (!ctx) return 0;
    nst_mutex_lock(ctx->lock);
    length = strlen(ctx->error.text);
    if (buffer && capacity > 0) snprintf(buffer, (size_t)capacity, "%s", ctx->error.text);
    nst_mutex_unlock(ctx->lock);
    return length;
}

int32_t nst_ctx_keep_error(nst_ctx *ctx, int32_t status, const nst_error *error)
{
    if (status >= 0 || !ctx) return status;
    nst_mutex_lock(ctx->lock);
    if (error->text[0]) ctx->error = *error;
    else snprintf(ctx->error.text, sizeof ctx->error.text, "%s", nst_strerror(status));
    nst_mutex_unlock(ctx->lock);
    return status;
}

int32_t nst_ctx_threads(const nst_ctx *ctx)
{
    return ctx ? ctx->threads : 0;
}

const char *nst_ctx_cpu_level(const nst_ctx *ctx)
{
    return ctx ? nst_cpu_level_name(ctx->level) : "";
}

uint64_t nst_ctx_memory_used(const nst_ctx *ctx)
{
    return ctx ? atomic_load(&((nst_ctx *)(uintptr_t)ctx)->memory.used) : 0;
}

uint64_t nst_ctx_memory_peak(const nst_ctx *ctx)
{
    return ctx ? atomic_load(&((nst_ctx *)(uintptr_t)ctx)->memory.peak) : 0;
}

typedef struct flushed_job {
    nst_job_fn job;
    void *data;
} flushed_job;

/* On every thread with the same floating-point state, the host's own threads included: the bytes must not depend on it. */
static void run_flushed(void *data, uint32_t index)
{
    const flushed_job *flushed = data;
    unsigned before = nst_cpu_enter_flush();
    flushed->job(flushed->data, index);
    nst_cpu_leave_flush(before);
}

void nst_run(nst_ctx *ctx, nst_job_fn job, void *data, uint32_t count)
{
    flushed_job flushed = {job, data};
    if (ctx->run) ctx->run(ctx->run_user, run_flushed, &flushed, count);
    else nst_pool_run(ctx->pool, run_flushed, &flushed, count);
}

uint32_t nst_strands(const nst_ctx *ctx)
{
    return (uint32_t)ctx->threads;
}

void nst_log(nst_ctx *ctx, int level, const char *format, ...)
{
    char line[NST_ERROR_TEXT];
    va_list arguments;
    if (!ctx->log || level > ctx->log_level) return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    nst_make_printable(line);
    nst_mutex_lock(ctx->lock);
    ctx->log(ctx->log_user, level, line);
    nst_mutex_unlock(ctx->lock);
}
