/* Every kernel of every level against the reference, in the manner of dav1d's checkasm: only slots that differ from the level
 * below are run; random shapes, tails, misalignments and empty sizes; small integers must give equal results, reals may differ
 * by what rounding allows. A new level needs no edit here.
 *   check [SEED [CASES]] */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops.h"

static sigjmp_buf after_signal;

static void on_signal(int number)
{
    siglongjmp(after_signal, number);
}

static void catch_signals(void)
{
    const int numbers[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGABRT};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) sigaction(numbers[i], &action, NULL);
}

static bool same_slot(const nst_kernels *a, const nst_kernels *b, size_t slot)
{
    return memcmp((const char *)a + slot, (const char *)b + slot, sizeof(void (*)(void))) == 0;
}

typedef struct comparison {
    double tolerated, found; /* largest allowance relative to the largest value, largest share of an allowance used */
} comparison;

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* |computed - exact| <= terms * eps * (sum of magnitudes) for any order of summation; both sides may be off. */
static void compare(const test_op *op, const op_case *c, const double *expected, const double *result, const double *magnitude,
                    size_t count, comparison *worst)
{
    double eps = op->in_double || sizeof(nst_real) == sizeof(double) ? 0x1p-53 : 0x1p-24;
    bool equal = !op->terms || (c->integers && c->pool != NST_POOL_L2);
    double factor = equal ? 0 : 2 * eps * (double)op->terms(c);
    for (size_t i = 0; i < count; i++) {
        double allowed = factor * magnitude[i];
        double difference = fabs(result[i] - expected[i]);
        if (!same(result[i], expected[i]) && !(difference <= allowed)) {
            op_fail(c, "differs from the reference");
            printf("  at %zu: %.17g instead of %.17g (%.3g allowed)\n", i, result[i], expected[i], allowed);
            return;
        }
        if (allowed > 0 && difference / allowed > worst->found) worst->found = difference / allowed;
        if (magnitude[i] > 0 && allowed / magnitude[i] > worst->tolerated) worst->tolerated = allowed / magnitude[i];
    }
}

static void check_case(const test_op *op, const nst_kernels *level, nst_random *random, comparison *worst)
{
    op_case c = op_case_random(random);
    op_values v = op_values_new(random, &c), m = op_values_magnitudes(&v, op->subtracts_b);
    size_t count = op->result_count(&c);
    double *expected = test_alloc(count * sizeof(double)), *result = test_alloc(count * sizeof(double));
    double *magnitude = test_alloc(count * sizeof(double));
    op_case aligned = c;
    aligned.misalignment = 0;
    nst_exec plain = {exec_forwards, NULL}, shuffled = {exec_shuffled, random};
    op->run(nst_kernels_for(0), &plain, &aligned, &v, expected);
    op->run(nst_kernels_for(0), &plain, &aligned, &m, magnitude);
    op->run(level, &shuffled, &c, &v, result);
    compare(op, &c, expected, result, magnitude, count, worst);
    op_values_free(&v);
    op_values_free(&m);
    free(expected);
    free(result);
    free(magnitude);
}

static void check_slot(const test_op *op, const nst_kernels *level, uint64_t seed, int cases)
{
    nst_random random = {seed};
    comparison worst = {0};
    int before = op_failures, number = sigsetjmp(after_signal, 1);
    op_running = op->name;
    if (number != 0) {
        op_failures++;
        printf("FAILED %s: signal %d (%s)\n", op->name, number, strsignal(number));
        return;
    }
    for (int i = 0; i < cases && op_failures == before; i++) check_case(op, level, &random, &worst);
    if (worst.tolerated > 0.01) {
        op_failures++;
        printf("FAILED %s: a tolerance of %g would let anything through\n", op->name, worst.tolerated);
    }
    if (op_failures == before) printf("  %-22s ok, at most %.2f of the tolerance used\n", op->name, worst.found);
}

static bool is_filled(const nst_kernels *level)
{
    void (*slot)(void);
    for (size_t at = offsetof(nst_kernels, feature_bytes); at < sizeof *level; at += sizeof slot) {
        memcpy(&slot, (const char *)level + at, sizeof slot);
        if (!slot) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20240607;
    int cases = argc > 2 ? atoi(argv[2]) : 150, checked = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_signals();
    printf("seed %llu, %d cases each, %s\n", (unsigned long long)seed, cases, NST_REAL_NAME);
    for (int level = 0; level == 0 || nst_kernels_for(level) != nst_kernels_for(level - 1); level++) {
        const nst_kernels *table = nst_kernels_for(level), *below = nst_kernels_for(level - 1);
        printf("level %d, %s\n", level, table->name);
        if (!is_filled(table)) op_failures++, printf("FAILED %s: a slot is empty\n", table->name);
        for (size_t i = 0; level > 0 && i < op_count; i++) {
            if (same_slot(table, below, ops[i].slot)) continue;
            check_slot(&ops[i], table, seed, cases);
            checked++;
        }
    }
    printf("%d kernels checked, %d failures\n", checked, op_failures);
    return op_failures != 0;
}
