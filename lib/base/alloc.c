#define _DEFAULT_SOURCE /* madvise() */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"

/* In front of every block stands its size, so that use can be counted; one alignment unit keeps the block aligned. */
typedef struct block_header {
    size_t size;
} block_header;

/* Big blocks lie on huge pages where the system lends them: features are walked with strides that thrash small ones. Only pages that
 * lie in the block as a whole are asked for, or the last one would take more than was counted. */
static const size_t huge_page = (size_t)2 << 20, big_block = (size_t)4 << 20;

static void advise(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    madvise(memory, size / huge_page * huge_page, MADV_HUGEPAGE); /* advice: nothing is lost where it is not taken */
#else
    (void)memory;
    (void)size;
#endif
}

static void *default_allocate(void *user, uint64_t size, uint64_t alignment)
{
    void *memory = NULL;
    bool big = size >= big_block;
    (void)user;
    if (size > SIZE_MAX) return NULL;
    if (posix_memalign(&memory, big ? huge_page : (size_t)alignment, (size_t)size) != 0) return NULL;
    if (big) advise(memory, (size_t)size);
    return memory;
}

static void default_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

void nst_memory_init(nst_memory *memory, const nst_allocator *hooks_or_null)
{
    static const nst_allocator defaults = {sizeof(nst_allocator), 0, default_allocate, default_release, NULL};
    memory->hooks = hooks_or_null ? *hooks_or_null : defaults;
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
}

static block_header *header_of(void *block)
{
    return (block_header *)(void *)((char *)block - NST_ALIGNMENT);
}

static void count_in(nst_memory *memory, size_t size)
{
    size_t now = atomic_fetch_add(&memory->used, size) + size;
    size_t peak = atomic_load(&memory->peak);
    while (now > peak && !atomic_compare_exchange_weak(&memory->peak, &peak, now)) { }
}

void *nst_alloc(nst_memory *memory, size_t size)
{
    size_t total;
    char *raw;
    if (!nst_size_add(size, NST_ALIGNMENT, &total)) return NULL;
    raw = memory->hooks.allocate(memory->hooks.user, total, NST_ALIGNMENT);
    if (!raw) return NULL;
    ((block_header *)(void *)raw)->size = size;
    count_in(memory, size);
    return raw + NST_ALIGNMENT;
}

void *nst_alloc_zero(nst_memory *memory, size_t size)
{
    void *block = nst_alloc(memory, size);
    if (block) memset(block, 0, size);
    return block;
}

void *nst_alloc_array(nst_memory *memory, size_t count, size_t size)
{
    size_t total;
    return nst_size_mul(count, size, &total) ? nst_alloc(memory, total) : NULL;
}

void *nst_realloc(nst_memory *memory, void *block, size_t size)
{
    void *grown = nst_alloc(memory, size);
    if (!grown || !block) return grown;
    memcpy(grown, block, header_of(block)->size < size ? header_of(block)->size : size);
    nst_free(memory, block);
    return grown;
}

void nst_free(nst_memory *memory, void *block)
{
    if (!block) return;
    atomic_fetch_sub(&memory->used, header_of(block)->size);
    memory->hooks.release(memory->hooks.user, header_of(block));
}

char *nst_strdup(nst_memory *memory, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = nst_alloc(memory, size);
    if (copy) memcpy(copy, text, size);
    return copy;
}
