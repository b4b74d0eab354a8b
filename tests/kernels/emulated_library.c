/* The library's table of kernels with bf16 at every level from avx2 on, on emulated tiles: sessions run in bf16 on any processor that has
 * AVX2. The sources of the level amx are compiled for it a second time (meson.build). */
#define nst_kernels_for nst_kernels_of_the_library
#include "kernels/table.c"
#undef nst_kernels_for

#include "base/cpu.h"

const nst_kernels *nst_kernels_for(int level, nst_precision precision); /* the header's has been renamed */

static const nst_kernels emulated = {NST_REFERENCE_SLOTS, NST_AVX2_SLOTS, NST_AMX_SLOTS};

const nst_kernels *nst_kernels_for(int level, nst_precision precision)
{
    bool bf16 = precision == NST_PRECISION_BF16 && level >= NST_CPU_AVX2;
    return bf16 ? &emulated : nst_kernels_of_the_library(level, precision);
}
