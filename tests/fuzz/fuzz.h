/* What every fuzz target has. Each input gets a context of its own, with memory that is counted and bounded: a leak or an input
 * that asks for too much is a crash. */
#ifndef NST_FUZZ_H
#define NST_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/failing_allocator.h"
#include "nst/nst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_REQUIRE(condition)                                                          \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                                     \
        }                                                                                \
    } while (0)

/* One thread, no log, at most `most_bytes` of memory and images of `max_pixels`. */
static inline nst_ctx *fuzz_ctx_new(failing_allocator *memory, uint64_t most_bytes, uint64_t max_pixels)
{
    nst_allocator hooks = failing_allocator_hooks(memory);
    nst_ctx_config config;
    nst_ctx *ctx = NULL;
    NST_INIT(config);
    config.threads = 1;
    config.allocator = &hooks;
    config.max_pixels = max_pixels;
    memory->most_bytes = most_bytes;
    FUZZ_REQUIRE(nst_ctx_new(&config, &ctx) == NST_OK);
    return ctx;
}

/* Nothing may be left, and the bound may not have been met. */
static inline void fuzz_ctx_free(nst_ctx *ctx, failing_allocator *memory)
{
    nst_ctx_unref(ctx);
    FUZZ_REQUIRE(memory->live == 0);
    FUZZ_REQUIRE(memory->failed == 0);
}

#endif
