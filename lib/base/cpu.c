#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT */
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if NST_HAVE_X86
#include <cpuid.h>
#endif
#if NST_HAVE_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if NST_HAVE_X86
/* CPUID by hand: the compiler's __builtin_cpu_supports() brings a constructor that runs in every program that loads the library. */
enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6, XCR0_TILES = 0x60000 }; /* what the system saves of the registers */

typedef struct cpu_features {
    unsigned ecx1, ebx7, edx7, eax7_1; /* registers of leaves 1 and 7, and of subleaf 1 of 7 */
    unsigned saved;                    /* XCR0 */
} cpu_features;

static cpu_features read_features(void)
{
    const unsigned os_saves = 1u << 27;
    cpu_features f = {0};
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &f.ecx1, &d) || !(f.ecx1 & os_saves)) return (cpu_features){0};
    __asm__("xgetbv" : "=a"(f.saved), "=d"(d) : "c"(0));
    if (__get_cpuid_count(7, 0, &a, &f.ebx7, &c, &f.edx7)) __get_cpuid_count(7, 1, &f.eax7_1, &b, &c, &d);
    return f;
}

static bool has_all(unsigned bits, unsigned wanted)
{
    return (bits & wanted) == wanted;
}

static bool has_avx2(void)
{
    const unsigned fma = 1u << 12, avx = 1u << 28, avx2 = 1u << 5;
    cpu_features f = read_features();
    return has_all(f.saved, XCR0_AVX) && has_all(f.ecx1, fma | avx) && has_all(f.ebx7, avx2);
}

static bool has_avx512(void)
{
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    cpu_features f = read_features();
    return has_avx2() && has_all(f.saved, XCR0_AVX512) && has_all(f.ebx7, f_dq_bw_vl);
}
#endif

#if NST_HAVE_AMX
/* Linux gives the tiles to processes that ask. */
static bool has_amx(void)
{
    enum { REQUEST_STATE = 0x1023, TILE_DATA_STATE = 18 }; /* arch_prctl */
    const unsigned amx_bf16_and_tile = 1u << 22 | 1u << 24, avx512_bf16 = 1u << 5;
    cpu_features f = read_features();
    return has_avx512() && has_all(f.saved, XCR0_TILES) && has_all(f.edx7, amx_bf16_and_tile) && has_all(f.eax7_1, avx512_bf16) &&
           syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA_STATE) == 0;
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
#if NST_HAVE_AMX
    [NST_CPU_AMX] = {"amx", has_amx},
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

/* ---- quotas of control groups, version 2 ---- */

enum { MOST_CPUS = 1024, PATH_TEXT = 4096 };

/* Digits at *text, which is moved behind them; -1: none, or more than anybody means. */
static int64_t take_number(const char **text)
{
    int64_t number = 0;
    const char *p = *text;
    if (*p < '0' || *p > '9') return -1;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (number > INT64_MAX / 100) return -1;
        number = 10 * number + (*p - '0');
    }
    *text = p;
    return number;
}

int nst_cpu_parse_quota(const char *text)
{
    int64_t quota = take_number(&text), period;
    if (quota <= 0 || *text++ != ' ') return 0;
    period = take_number(&text);
    if (period <= 0 || (*text && *text != '\n')) return 0;
    quota = quota / period + (quota % period != 0);
    return quota < MOST_CPUS ? (int)quota : MOST_CPUS;
}

/* At most capacity - 1 bytes of a file; "" if there is none. */
static void read_text(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, capacity - 1, file) : 0;
    text[length] = '\0';
    if (file) fclose(file);
}

static int smaller_quota(int a, int b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The line of version 2 is "0::/path". A path that leads out of what is mounted here ("/../..") is the root's. */
static size_t find_group(const char *membership, char *path, size_t capacity)
{
    for (const char *line = membership; line; line = strchr(line, '\n')) {
        size_t length;
        if (*line == '\n') line++;
        if (strncmp(line, "0::/", 4) != 0) continue;
        length = strcspn(line + 3, "\n");
        if (length >= capacity) return 0;
        memcpy(path, line + 3, length);
        path[length] = '\0';
        return strstr(path, "/..") || length == 1 ? 0 : length;
    }
    return 0;
}

int nst_cpu_quota(const char *root, const char *membership)
{
    char group[PATH_TEXT], path[PATH_TEXT + 256], text[64];
    size_t length = find_group(membership, group, sizeof group);
    int quota = 0;
    for (;;) {
        int written = snprintf(path, sizeof path, "%.200s%.*s/cpu.max", root, (int)length, group);
        if (written > 0 && (size_t)written < sizeof path) {
            read_text(path, text, sizeof text);
            quota = smaller_quota(quota, nst_cpu_parse_quota(text));
        }
        if (length == 0) return quota;
        while (group[--length] != '/') { }
    }
}

int nst_cpu_count(void)
{
    char membership[PATH_TEXT];
    cpu_set_t set;
    int count = 1, quota;
    read_text("/proc/self/cgroup", membership, sizeof membership);
    quota = nst_cpu_quota("/sys/fs/cgroup", membership);
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
