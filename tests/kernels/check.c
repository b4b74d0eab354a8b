/* Every kernel of every level and precision against the reference, in the manner of dav1d's checkasm: slots that differ from the
 * reference are run; random shapes, regions, tails, misalignments and empty sizes; small integers must give equal results, reals may
 * differ by what rounding allows. Layouts, masks, codes and packed filters are a table's own: only what comes of them is looked at.
 * A new level needs no edit here.
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

/* |computed - exact| <= terms * eps * (sum of magnitudes) for any order of summation; both sides may be off. A rough table rounds each
 * of its results, and what it makes its inputs into. */
static double allowance(const test_op *op, const op_case *c)
{
    double eps = op->in_double || sizeof(nst_real) == sizeof(double) ? 0x1p-53 : 0x1p-24, rough = c->rough ? 0x1p-7 : 0;
    bool equal = !op->terms || (c->integers && !(op->rounds && op->rounds(c)));
    return rough + (equal ? 0 : 2 * eps * (double)op->terms(c));
}

static void compare(const test_op *op, const op_case *c, const double *expected, const double *result, const double *magnitude,
                    size_t count, comparison *worst)
{
    double factor = allowance(op, c);
    for (size_t i = 0; i < count; i++) {
        double allowed = factor * fmax(magnitude[i], fabs(expected[i])); /* magnitudes may be pooled from another place */
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

static void check_case(const test_op *op, const op_table *table, nst_random *random, comparison *worst)
{
    op_case c = op_case_random(random, table->precision);
    op_values v = op_values_new(random, &c), m = op_values_magnitudes(&v, op->subtracts_b);
    size_t count = op->result_count(&c);
    double *expected = test_alloc(count * sizeof(double)), *result = test_alloc(count * sizeof(double));
    double *magnitude = test_alloc(count * sizeof(double));
    op_case aligned = c;
    aligned.misalignment = 0;
    nst_exec plain = {exec_forwards, NULL, 1}, shuffled = {exec_shuffled, random, c.strands};
    const nst_kernels *reference = nst_kernels_for(0, NST_PRECISION_FP32);
    op->run(reference, &plain, &aligned, &v, expected);
    op->run(reference, &plain, &aligned, &m, magnitude);
    op->run(table->k, &shuffled, &c, &v, result);
    compare(op, &c, expected, result, magnitude, count, worst);
    op_values_free(&v);
    op_values_free(&m);
    free(expected);
    free(result);
    free(magnitude);
}

static void check_slot(const test_op *op, const op_table *table, uint64_t seed, int cases)
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
    for (int i = 0; i < cases && op_failures == before; i++) check_case(op, table, &random, &worst);
    if (worst.tolerated > 0.01) {
        op_failures++;
        printf("FAILED %s: a tolerance of %g would let anything through\n", op->name, worst.tolerated);
    }
    if (op_failures == before) printf("  %-22s ok, at most %.2f of the tolerance used\n", op->name, worst.found);
}

/* Only conv_pool_forward may be missing. */
static bool is_filled(const nst_kernels *table)
{
    void (*slot)(void);
    for (size_t at = offsetof(nst_kernels, feature_bytes); at < sizeof *table; at += sizeof slot) {
        bool optional = at == offsetof(nst_kernels, conv_pool_forward) || at == offsetof(nst_kernels, narrow_bytes);
        memcpy(&slot, (const char *)table + at, sizeof slot);
        if (!slot && !optional) return false;
    }
    return true;
}

static int check_table(const op_table *table, const nst_kernels *reference, uint64_t seed, int cases)
{
    int checked = 0;
    printf("%s%s\n", table->k->name, table->precision == NST_PRECISION_BF16 ? ", bf16" : "");
    if (!is_filled(table->k)) op_failures++, printf("FAILED %s: a slot is empty\n", table->k->name);
    for (size_t i = 0; i < op_count; i++) {
        if (same_slot(table->k, reference, ops[i].slot)) continue;
        check_slot(&ops[i], table, seed, cases);
        checked++;
    }
    return checked;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20240607;
    int cases = argc > 2 ? atoi(argv[2]) : 150, checked = 0;
    op_table tables[OP_MAX_TABLES];
    size_t count = op_tables(tables);
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_signals();
    printf("seed %llu, %d cases each, %s\n", (unsigned long long)seed, cases, NST_REAL_NAME);
    for (size_t i = 0; i < count; i++) checked += check_table(&tables[i], tables[0].k, seed, cases);
    printf("%d kernels checked, %d failures\n", checked, op_failures);
    return op_failures != 0;
}
