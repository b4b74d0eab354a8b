#define _GNU_SOURCE /* syscall */
#include "peak.h"

#include <string.h>

#ifdef PEAK_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { LANES = 4, CHAINS = 12 };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

/* The factor keeps the values near 1. */
double peak_plain(uint64_t rounds, volatile float *sink)
{
    lanes sums[CHAINS], factor = {0.999f, 0.999f, 0.999f, 0.999f}, term = {0.001f, 0.001f, 0.001f, 0.001f};
    for (int i = 0; i < CHAINS; i++) sums[i] = factor + term * (float)i;
    for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * factor + term;
    }
    for (int i = 1; i < CHAINS; i++) sums[0] += sums[i];
    *sink = sums[0][0];
    return 2.0 * LANES * CHAINS * (double)rounds;
}

#ifdef PEAK_AMX
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

static int has_amx(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (d >> 22 & 1) && (d >> 24 & 1) && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

peak_fn peak_find(const char *name)
{
    if (strcmp(name, "plain") == 0) return peak_plain;
#ifdef PEAK_AVX2
    if (strcmp(name, "avx2") == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return peak_avx2;
#endif
#ifdef PEAK_AVX512
    if (strcmp(name, "avx512") == 0 && __builtin_cpu_supports("avx512f")) return peak_avx512;
#endif
#ifdef PEAK_AMX
    if (strcmp(name, "amx") == 0 && has_amx()) return peak_amx;
#endif
    return NULL;
}
