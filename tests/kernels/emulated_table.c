/* The bf16 level on emulated tiles beside the reference, in place of the library's table: check and order run it on any processor with
 * AVX2. */
#include "kernels/x86/level_amx.h"
#include "kernels/level_reference.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* overriding is the point */

static const nst_kernels reference = {NST_REFERENCE_SLOTS};
static const nst_kernels emulated = {NST_REFERENCE_SLOTS, NST_AMX_SLOTS};

const nst_kernels *nst_kernels_for(int level, nst_precision precision)
{
    bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return precision == NST_PRECISION_BF16 && level >= 0 && runs ? &emulated : &reference;
}
