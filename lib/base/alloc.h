/* The allocator front: the only way the library gets memory, and the only file (alloc.c) that may call malloc. */
#ifndef NST_BASE_ALLOC_H
#define NST_BASE_ALLOC_H

#include <stdatomic.h>
#include <stddef.h>

#include "nst/context.h"

#define NST_ALIGNMENT 64 /* of every block: a cache line, and the widest vector */

typedef struct nst_memory {
    nst_allocator hooks;
    _Atomic size_t used, peak; /* bytes handed out, without bookkeeping */
} nst_memory;

void nst_memory_init(nst_memory *memory, const nst_allocator *hooks_or_null);

/* NULL when the allocator refuses or the size overflows; a size of 0 yields a valid, unique pointer. */
void *nst_alloc(nst_memory *memory, size_t size);
void *nst_alloc_zero(nst_memory *memory, size_t size);
void *nst_alloc_array(nst_memory *memory, size_t count, size_t size);
/* Grows or shrinks by allocating anew; on failure the old block stays. `block` may be NULL. */
void *nst_realloc(nst_memory *memory, void *block, size_t size);
void nst_free(nst_memory *memory, void *block);
char *nst_strdup(nst_memory *memory, const char *text);

#endif
