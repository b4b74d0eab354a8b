/* Rows of blocks, cut into tasks by their sizes alone. */
#ifndef NST_KERNELS_X86_SHARE_AMX_H
#define NST_KERNELS_X86_SHARE_AMX_H

#include "kernels/parts.h"
#include "kernels/x86/blocks.h"

enum { NST_SHARE_POSITIONS = 4096 };

typedef struct nst_share {
    size_t rows, per_task, tasks_per_block;
    uint32_t tasks;
} nst_share;

static inline nst_share nst_share_of(size_t channels, size_t rows, size_t width)
{
    nst_share s = {.rows = rows, .per_task = width > 0 && NST_SHARE_POSITIONS / width > 1 ? NST_SHARE_POSITIONS / width : 1};
    s.tasks_per_block = nst_ceil_div(rows, s.per_task);
    s.tasks = (uint32_t)(nst_blocks(channels) * s.tasks_per_block);
    return s;
}

/* The block of a task and its rows. */
static inline size_t nst_share_rows(const nst_share *s, uint32_t task, size_t *begin, size_t *end)
{
    *begin = task % s->tasks_per_block * s->per_task;
    *end = *begin + s->per_task < s->rows ? *begin + s->per_task : s->rows;
    return task / s->tasks_per_block;
}

#endif
