/* Tasks that need memory of their own: as many strands as may be at work at once, each with its share of a workspace, take the tasks
 * in turn. Which strand does a task must not show in its result. */
#ifndef NST_KERNELS_SPREAD_H
#define NST_KERNELS_SPREAD_H

#include <stdatomic.h>

#include "kernels/kernels.h"

typedef void (*nst_task_fn)(void *data, uint32_t task, uint32_t strand);

typedef struct nst_spreading {
    nst_task_fn task;
    void *data;
    uint32_t tasks;
    _Atomic uint32_t next;
} nst_spreading;

/* Where a workspace's first cache line begins: it comes aligned to an nst_real only, and with 63 bytes to spare where this is called. */
static inline void *nst_aligned(void *workspace)
{
    return (unsigned char *)workspace + (64 - (uintptr_t)workspace % 64) % 64;
}

static inline void nst_spread_strand(void *data, uint32_t strand)
{
    nst_spreading *spreading = data;
    uint32_t i;
    while ((i = atomic_fetch_add(&spreading->next, 1)) < spreading->tasks) spreading->task(spreading->data, i, strand);
}

static inline void nst_spread(const nst_exec *exec, nst_task_fn task, void *data, uint32_t tasks)
{
    nst_spreading spreading = {.task = task, .data = data, .tasks = tasks};
    uint32_t strands = exec->strands < tasks ? exec->strands : tasks;
    exec->run(exec->user, nst_spread_strand, &spreading, strands);
}

#endif
