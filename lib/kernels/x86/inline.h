/* For inner loops that are written once for several constants: each call is compiled with its own. */
#ifndef NST_KERNELS_X86_INLINE_H
#define NST_KERNELS_X86_INLINE_H

#define NST_ALWAYS_INLINE static inline __attribute__((always_inline))

#endif
