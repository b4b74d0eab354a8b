/* The AVX2 level: in registers of 8 floats. */
#ifndef NST_KERNELS_X86_LEVEL_AVX2_H
#define NST_KERNELS_X86_LEVEL_AVX2_H

#define LEVEL(name) nst_avx2_##name
#include "kernels/x86/level_body.h"
#undef LEVEL

#define NST_AVX2_SLOTS NST_X86_SLOTS(avx2)

#endif
