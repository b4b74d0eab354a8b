/* libnst: the context: memory, log, threads, processor level. SPDX-License-Identifier: MIT
 *
 * A context holds no pictures and no weights, only how work is done. Programs normally have one. Everything made from a context
 * keeps it alive. After creation a context may be used from any number of threads at once.
 */
#ifndef NST_CONTEXT_H
#define NST_CONTEXT_H

#include <nst/types.h>

NST_BEGIN_DECLS

/* Memory for everything the library allocates itself (libpng, libjpeg, zlib, jansson, Little CMS and the BLAS use their own).
 * allocate() returns `size` bytes aligned to `alignment` (a power of two, at most 64) or NULL; release() takes what allocate()
 * returned, never NULL. Called from any thread. */
typedef struct nst_allocator {
    uint32_t size;     /* sizeof(nst_allocator) */
    uint32_t reserved; /* 0 */
    void *(*allocate)(void *user, uint64_t size, uint64_t alignment);
    void (*release)(void *user, void *memory);
    void *user;
} nst_allocator;

typedef enum nst_log_level {
    NST_LOG_ERROR = 1,
    NST_LOG_WARNING = 2,
    NST_LOG_INFO = 3,
    NST_LOG_DEBUG = 4
} nst_log_level;

/* Receives one finished UTF-8 line without newline. Calls are serialised by the context. Must not call back into the library. */
typedef void (*nst_log_fn)(void *user, int32_t level, const char *message);

/* Runs job(job_data, i) for every i in [0, count), in any order and on any threads, and returns when all are done.
 * Results do not depend on how the host spreads the jobs: task borders and reduction order are fixed by the library. */
typedef void (*nst_job_fn)(void *job_data, uint32_t index);
typedef void (*nst_run_fn)(void *user, nst_job_fn job, void *job_data, uint32_t count);

typedef struct nst_ctx_config {
    uint32_t size;      /* sizeof(nst_ctx_config) */
    int32_t threads;    /* 0: one per processor this process may use; ignored when `run` is set */
    int32_t log_level;  /* nst_log_level; 0: NST_LOG_WARNING */
    int32_t reserved0;  /* 0 */
    const nst_allocator *allocator; /* NULL: the C library's; copied */
    nst_log_fn log;                 /* NULL: silent */
    void *log_user;
    nst_run_fn run; /* NULL: the library's own thread pool */
    void *run_user;
    uint64_t max_pixels;      /* per decoded image; 0: 100,000,000; UINT64_MAX: no limit */
    uint64_t max_weights_size; /* bytes of a weights file; 0: 2 GiB; UINT64_MAX: no limit */
    uint64_t reserved[4];      /* 0 */
} nst_ctx_config;

/* Makes a context. `config` may be NULL for all defaults. On failure *out is NULL and there is no handle to ask:
 * the code is NST_ERR_NOMEM, NST_ERR_INVALID_ARG (also: unknown NST_CPU in the environment), NST_ERR_STRUCT_*. */
NST_API int32_t nst_ctx_new(const nst_ctx_config *config, nst_ctx **out);
NST_API nst_ctx *nst_ctx_ref(nst_ctx *ctx);
/* Gives one reference back; NULL is allowed. */
NST_API void nst_ctx_unref(nst_ctx *ctx);

/* The sentence of the latest failed call on this context or on a model, image or targets made from it; "" before any failure.
 * The pointer stays valid for the life of the context, the text until the next failure: programs that use one context from
 * several threads copy it with nst_ctx_error_copy(), which stores at most `capacity` bytes including the final NUL and returns
 * the full length without it. */
NST_API const char *nst_ctx_error(const nst_ctx *ctx);
NST_API uint64_t nst_ctx_error_copy(const nst_ctx *ctx, char *buffer, uint64_t capacity);

/* Threads the context works with, the level of the kernels in use ("reference", "cblas", ...). Any thread. */
NST_API int32_t nst_ctx_threads(const nst_ctx *ctx);
NST_API const char *nst_ctx_cpu_level(const nst_ctx *ctx);

/* Bytes now and at most held through the context's allocator. Any thread. */
NST_API uint64_t nst_ctx_memory_used(const nst_ctx *ctx);
NST_API uint64_t nst_ctx_memory_peak(const nst_ctx *ctx);

/* The library's version at run time: "0.1.0"; NST_API_VERSION of the library; a line that names what was built in. Any thread. */
NST_API const char *nst_version(void);
NST_API uint32_t nst_api_version(void);
NST_API const char *nst_build_info(void);

NST_END_DECLS

#endif
