/* Sleeping on a word of memory. Linux has a call for it; elsewhere NST_HAVE_FUTEX is 0 and thread.c does it with a condition. */
#ifndef NST_BASE_FUTEX_H
#define NST_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

#if defined(__linux__) && !defined(NST_WITHOUT_FUTEX)
#define NST_HAVE_FUTEX 1

/* Sleeps if the word still holds `value`, until woken; may return without reason. */
void nst_futex_wait(_Atomic uint32_t *word, uint32_t value);
/* Wakes at most `count` of those who sleep on the word. */
void nst_futex_wake(_Atomic uint32_t *word, uint32_t count);
#else
#define NST_HAVE_FUTEX 0
#endif

#endif
