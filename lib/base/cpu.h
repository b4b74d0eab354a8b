/* What the processor and the process may use: levels of kernels, threads, floating-point state. */
#ifndef NST_BASE_CPU_H
#define NST_BASE_CPU_H

#include <stdint.h>

/* Levels of kernels, worst first. A higher level may use everything below it. */
typedef enum nst_cpu_level { NST_CPU_REFERENCE = 0, NST_CPU_CBLAS = 1 } nst_cpu_level;

const char *nst_cpu_level_name(nst_cpu_level level);

/* The highest level of this build, lowered by NST_CPU in the environment (read once per context: the only getenv outside the search
 * for weights). Negative: NST_CPU names no level. */
int nst_cpu_detect(void);

/* Processors this process may run on (its affinity mask, capped by the cgroup's quota), at least 1. */
int nst_cpu_count(void);

/* Denormal numbers cost a hundred times a normal operation; the engine flushes them to zero while it works. enter() returns the
 * caller's state for leave(). */
unsigned nst_cpu_enter_flush(void);
void nst_cpu_leave_flush(unsigned state);

#endif
