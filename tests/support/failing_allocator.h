/* An allocator for nst_ctx_config that counts, and refuses on demand: the k-th allocation once, or all from the k-th on.
 *
 *     failing_allocator memory = {0};
 *     nst_allocator hooks = failing_allocator_hooks(&memory);      config.allocator = &hooks;
 *     for (k = 1; ; k++) {
 *         failing_allocator_arm(&memory, k, false);  status = work();  failing_allocator_disarm(&memory);
 *         if (!memory.failed) break;                 // work() made fewer than k allocations: all have been tried
 *     }
 *     assert(memory.live == 0) when all handles are gone. */
#ifndef NST_TEST_FAILING_ALLOCATOR_H
#define NST_TEST_FAILING_ALLOCATOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nst/context.h"

typedef struct failing_allocator {
    _Atomic uint64_t count; /* allocations since arming */
    _Atomic uint64_t live;  /* blocks not yet given back */
    _Atomic uint64_t bytes, peak; /* now and at most */
    uint64_t fail_at;       /* 0: never */
    bool persistent;        /* all from fail_at on */
    _Atomic uint64_t failed; /* refusals since arming */
    uint64_t most_bytes;    /* refuse what would exceed this in total; 0: no limit */
} failing_allocator;

static inline void *failing_allocate(void *user, uint64_t size, uint64_t alignment)
{
    failing_allocator *memory = user;
    uint64_t k = atomic_fetch_add(&memory->count, 1) + 1, now;
    void *block = NULL;
    bool refuse = memory->fail_at && (k == memory->fail_at || (memory->persistent && k > memory->fail_at));
    if (memory->most_bytes && atomic_load(&memory->bytes) + size > memory->most_bytes) refuse = true;
    if (refuse) atomic_fetch_add(&memory->failed, 1);
    /* The size is kept in front, in room that keeps the alignment. */
    if (refuse || posix_memalign(&block, (size_t)alignment, (size_t)(size + alignment)) != 0) return NULL;
    memset(block, 0xa5, (size_t)(size + alignment)); /* what is read before it is written shows */
    memcpy(block, &size, sizeof size);
    memcpy((char *)block + alignment - 8, &alignment, sizeof alignment); /* at least 16 bytes, as the library asks for 64 */
    atomic_fetch_add(&memory->live, 1);
    now = atomic_fetch_add(&memory->bytes, size) + size;
    if (now > atomic_load(&memory->peak)) atomic_store(&memory->peak, now);
    return (char *)block + alignment;
}

static inline void failing_release(void *user, void *given)
{
    failing_allocator *memory = user;
    uint64_t size, alignment;
    memcpy(&alignment, (char *)given - 8, sizeof alignment);
    given = (char *)given - alignment;
    memcpy(&size, given, sizeof size);
    atomic_fetch_sub(&memory->live, 1);
    atomic_fetch_sub(&memory->bytes, size);
    free(given);
}

static inline nst_allocator failing_allocator_hooks(failing_allocator *memory)
{
    nst_allocator hooks = {sizeof(nst_allocator), 0, failing_allocate, failing_release, memory};
    return hooks;
}

static inline void failing_allocator_arm(failing_allocator *memory, uint64_t fail_at, bool persistent)
{
    atomic_store(&memory->count, 0);
    atomic_store(&memory->failed, 0);
    memory->fail_at = fail_at;
    memory->persistent = persistent;
}

/* Keeps `count` and `failed` for looking at. */
static inline void failing_allocator_disarm(failing_allocator *memory)
{
    memory->fail_at = 0;
    memory->persistent = false;
}

#endif
