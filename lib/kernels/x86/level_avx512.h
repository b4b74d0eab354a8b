/* The AVX-512 level: in registers of 16 floats. */
#ifndef NST_KERNELS_X86_LEVEL_AVX512_H
#define NST_KERNELS_X86_LEVEL_AVX512_H

#define LEVEL(name) nst_avx512_##name
#include "kernels/x86/level_body.h"
#undef LEVEL

#define NST_AVX512_SLOTS NST_X86_SLOTS(avx512)

#endif
