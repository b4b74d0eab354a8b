/* The optimisers behind plain functions, for benchmarks that evaluate in another language (ctypes). Serial, reference kernels. */
#include <string.h>

#include "nst/nst.h"
#include "optim/optim.h"

typedef int32_t (*bench_fn)(const nst_real *x, double *f, nst_real *gradient);

typedef struct bench {
    nst_ctx *ctx;
    nst_optimizer *optimizer;
    bench_fn evaluate;
} bench;

static void run_in_order(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static int32_t forward(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    return ((bench *)user)->evaluate(x, f, gradient);
}

NST_API bench *optim_bench_new(int kind, int history, int line_search, double learning_rate, uint64_t n, bench_fn evaluate,
                               const nst_real *x);
NST_API int32_t optim_bench_step(bench *b, double *f, uint32_t *evaluations);
NST_API void optim_bench_result(bench *b, nst_real *x, uint64_t n);
NST_API void optim_bench_set_bounded(bench *b, int bounded);
NST_API void optim_bench_free(bench *b);

bench *optim_bench_new(int kind, int history, int line_search, double learning_rate, uint64_t n, bench_fn evaluate,
                       const nst_real *x)
{
    static const nst_exec exec = {run_in_order, NULL, 1};
    const nst_kernels *kernels = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    nst_optim_config config = {(nst_optimizer_kind)kind, history, (nst_line_search)line_search, learning_rate, 0, 1, NST_PRECISION_FP32};
    nst_ctx *ctx;
    bench *b;
    nst_problem problem;
    nst_real *start;
    if (nst_ctx_new(NULL, &ctx) < 0) return NULL;
    b = nst_alloc_zero(&ctx->memory, sizeof *b);
    if (!b) return nst_ctx_unref(ctx), NULL;
    *b = (bench){ctx, NULL, evaluate};
    problem = (nst_problem){n, forward, b};
    start = nst_alloc_array(&ctx->memory, n, sizeof *start);
    if (start) memcpy(start, x, n * sizeof *start);
    if (start && nst_optimizer_new(ctx, kernels, &exec, &config, &problem, &start, &b->optimizer, NULL) == NST_OK) return b;
    nst_free(&ctx->memory, start);
    optim_bench_free(b);
    return NULL;
}

int32_t optim_bench_step(bench *b, double *f, uint32_t *evaluations)
{
    int32_t status = nst_optimizer_step(b->optimizer);
    *f = nst_optimizer_f(b->optimizer);
    *evaluations = nst_optimizer_evaluations(b->optimizer);
    return status;
}

void optim_bench_result(bench *b, nst_real *x, uint64_t n)
{
    memcpy(x, nst_optimizer_result(b->optimizer), n * sizeof *x);
}

void optim_bench_set_bounded(bench *b, int bounded)
{
    nst_optimizer_set_bounded(b->optimizer, bounded != 0);
}

void optim_bench_free(bench *b)
{
    nst_ctx *ctx;
    if (!b) return;
    ctx = b->ctx;
    nst_optimizer_free(b->optimizer);
    nst_free(&ctx->memory, b);
    nst_ctx_unref(ctx);
}
