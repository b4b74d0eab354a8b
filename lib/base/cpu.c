#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_features.h"

static const char *const level_names[] = {
    "reference",
#if NST_HAVE_CBLAS
    "cblas",
#endif
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

const char *nst_cpu_level_name(nst_cpu_level level)
{
    return level_names[level];
}

int nst_cpu_detect(void)
{
    const char *wanted = getenv("NST_CPU");
    if (!wanted || !*wanted) return LEVEL_COUNT - 1;
    for (int level = 0; level < LEVEL_COUNT; level++)
        if (strcmp(wanted, level_names[level]) == 0) return level;
    return -1;
}

/* cgroup v2: "max 100000" or "200000 100000" (quota and period in microseconds); 0 means no quota. */
static int cgroup_quota(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long long quota = 0, period = 0;
    if (!file) return 0;
    if (fscanf(file, "%lld %lld", &quota, &period) != 2) quota = period = 0;
    fclose(file);
    if (quota <= 0 || period <= 0) return 0;
    quota = (quota + period - 1) / period;
    return quota > 1024 ? 1024 : (int)quota;
}

int nst_cpu_count(void)
{
    cpu_set_t set;
    int count = 1, quota = cgroup_quota();
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
    if (quota > 0 && quota < count) count = quota;
    return count < 1 ? 1 : count;
}

#if defined(__x86_64__)
enum { MXCSR_FLUSH_TO_ZERO = 0x8000, MXCSR_DENORMALS_ARE_ZERO = 0x0040, MXCSR_ALL_MASKED = 0x1f80 };

/* Also masks exceptions and rounds to nearest, whatever the host program has set: results must not depend on it. */
unsigned nst_cpu_enter_flush(void)
{
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(MXCSR_ALL_MASKED | MXCSR_FLUSH_TO_ZERO | MXCSR_DENORMALS_ARE_ZERO);
    return before;
}

void nst_cpu_leave_flush(unsigned state)
{
    __builtin_ia32_ldmxcsr(state);
}
#else
unsigned nst_cpu_enter_flush(void)
{
    return 0;
}

void nst_cpu_leave_flush(unsigned state)
{
    (void)state;
}
#endif
