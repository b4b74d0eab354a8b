/* What the processor and the process may use: levels of kernels, threads, floating-point state. */
#ifndef NST_BASE_CPU_H
#define NST_BASE_CPU_H

#include <stdint.h>

#include "build_features.h"

/* The levels of kernels of this build, worst first: the tables of kernels/table.c. A higher level may use everything below it. */
typedef enum nst_cpu_level {
    NST_CPU_REFERENCE,
#if NST_HAVE_CBLAS
    NST_CPU_CBLAS,
#endif
#if NST_HAVE_X86
    NST_CPU_AVX2,
    NST_CPU_AVX512,
#endif
#if NST_HAVE_AMX
    NST_CPU_AMX,
#endif
    NST_CPU_LEVELS /* how many */
} nst_cpu_level;

const char *nst_cpu_level_name(nst_cpu_level level);

/* The highest level of this build that the processor and the system can run, lowered by NST_CPU in the environment (read once per
 * context: the only getenv outside the search for weights). Negative: NST_CPU names no such level. */
int nst_cpu_detect(void);

/* Processors this process may run on (its affinity mask, capped by the cgroup's quota), at least 1. */
int nst_cpu_count(void);
/* Processors that the text of a cgroup's cpu.max grants, rounded up: "200000 100000" (microseconds of each period) are 2; 0 if it sets
 * no limit ("max 100000") or makes no sense. */
int nst_cpu_parse_quota(const char *text);
/* The least that the group of `membership` (the text of /proc/self/cgroup) and those above it grant, in the hierarchy that is mounted at
 * `root`; 0: no limit. */
int nst_cpu_quota(const char *root, const char *membership);

/* Denormal numbers cost a hundred times a normal operation; the engine flushes them to zero while it works. enter() returns the
 * caller's state for leave(). On processors other than x86-64 both do nothing. */
unsigned nst_cpu_enter_flush(void);
void nst_cpu_leave_flush(unsigned state);

#endif
