#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if NST_HAVE_X86
/* These look at what the system saves of the registers, too. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static const struct {
    const char *name;
    bool (*runs)(void); /* NULL: on every processor of the build */
} levels[NST_CPU_LEVELS] = {
    [NST_CPU_REFERENCE] = {"reference", NULL},
#if NST_HAVE_CBLAS
    [NST_CPU_CBLAS] = {"cblas", NULL},
#endif
#if NST_HAVE_X86
    [NST_CPU_AVX2] = {"avx2", has_avx2},
    [NST_CPU_AVX512] = {"avx512", has_avx512},
#endif
};

const char *nst_cpu_level_name(nst_cpu_level level)
{
    return levels[level].name;
}

int nst_cpu_detect(void)
{
    const char *wanted = getenv("NST_CPU");
    for (int level = NST_CPU_LEVELS - 1; level >= 0; level--) {
        if (wanted && *wanted && strcmp(wanted, levels[level].name) != 0) continue;
        if (!levels[level].runs || levels[level].runs()) return level;
    }
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
