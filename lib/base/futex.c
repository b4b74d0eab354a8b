#define _GNU_SOURCE /* syscall */
#include "base/futex.h"

#if NST_HAVE_FUTEX
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(SYS_futex) && defined(SYS_futex_time64) /* 32-bit systems born after 2038 was thought of; without a timeout the same */
#define SYS_futex SYS_futex_time64
#endif

/* errno belongs to the host program: a wait that does not wait is no failure of one of its calls. */
static void call(_Atomic uint32_t *word, int operation, uint32_t value)
{
    int kept = errno;
    syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
    errno = kept;
}

void nst_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    call(word, FUTEX_WAIT, value);
}

void nst_futex_wake(_Atomic uint32_t *word, uint32_t count)
{
    call(word, FUTEX_WAKE, count < INT_MAX ? count : INT_MAX);
}
#else
typedef int nst_futex_is_elsewhere; /* ISO C wants something in a file */
#endif
