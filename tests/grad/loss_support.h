/* What tests of single losses share. All in double, in the thread that calls. */
#ifndef NST_TESTS_LOSS_SUPPORT_H
#define NST_TESTS_LOSS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loss/loss.h"

static inline void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static const nst_exec exec = {run_here, NULL, 1};

static inline void fill(double *values, size_t count, uint64_t seed)
{
    nst_random random = {seed};
    for (size_t i = 0; i < count; i++) values[i] = nst_random_normal(&random);
}

/* With its target, which open_loss() made. */
static inline void close_loss(nst_loss *loss)
{
    free((void *)(uintptr_t)loss->target);
    free(loss->state);
    free(loss->workspace);
}

static inline void assert_close(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-12 * fabs(wanted))) fail_msg("got %.17g, wanted %.17g", got, wanted);
}

#endif
