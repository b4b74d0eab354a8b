/* The only place that says which kernels a level uses: a level is the slots of the level below, then its own. */
#include "build_features.h"
#include "kernels/kernels.h"
#include "kernels/level_cblas.h"
#include "kernels/level_reference.h"
#include "kernels/x86/level_amx.h"
#include "kernels/x86/level_avx2.h"
#include "kernels/x86/level_avx512.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* overriding is the point */

/* fp32, by level. */
static const nst_kernels tables[] = {
    {NST_REFERENCE_SLOTS},
#if NST_HAVE_CBLAS
    {NST_REFERENCE_SLOTS, NST_CBLAS_SLOTS},
#endif
#if NST_HAVE_X86 && !defined(NST_REAL_DOUBLE) /* kernels of floats alone; nothing of the BLAS fits their layout */
    {NST_REFERENCE_SLOTS, NST_AVX2_SLOTS},
    {NST_REFERENCE_SLOTS, NST_AVX2_SLOTS, NST_AVX512_SLOTS},
#endif
};

enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

#if NST_HAVE_AMX && !defined(NST_REAL_DOUBLE)
/* bf16: the level above those of the floats has it. */
static const nst_kernels bf16_table = {NST_REFERENCE_SLOTS, NST_AVX2_SLOTS, NST_AVX512_SLOTS, NST_AMX_SLOTS};
#endif

const nst_kernels *nst_kernels_for(int level, nst_precision precision)
{
#if NST_HAVE_AMX && !defined(NST_REAL_DOUBLE)
    if (precision == NST_PRECISION_BF16 && level >= TABLE_COUNT) return &bf16_table;
#endif
    (void)precision;
    if (level < 0) level = 0;
    return &tables[level < TABLE_COUNT ? level : TABLE_COUNT - 1];
}
