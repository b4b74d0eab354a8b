/* What the processor can do at most: loops of multiply-adds on registers, one file per instruction set, compiled with its flags. */
#ifndef NST_BENCH_PEAK_H
#define NST_BENCH_PEAK_H

#include <stdint.h>

/* Does `rounds` rounds of the loop and returns how many floating-point operations that were. `sink` takes a result, so that nothing is
 * left away. */
typedef double (*peak_fn)(uint64_t rounds, volatile float *sink);

double peak_plain(uint64_t rounds, volatile float *sink); /* what every processor of the build has: SSE2 on x86-64 */
double peak_avx2(uint64_t rounds, volatile float *sink);
double peak_avx512(uint64_t rounds, volatile float *sink);
double peak_amx(uint64_t rounds, volatile float *sink); /* bf16 products, sums in fp32 */

/* The loop of that name ("plain", "avx2", "avx512", "amx"), or NULL where the build or this machine does not have it. */
peak_fn peak_find(const char *name);

#endif
