/* Every slot of the kernel table as an operation on planar values, for the tests: one slot, one struct in ops.c; shapes and
 * values are made in cases.c. Buffers given to a kernel lie between canaries, outputs and workspaces begin as NaN, inputs must come back
 * unchanged. */
#ifndef NST_TESTS_KERNELS_OPS_H
#define NST_TESTS_KERNELS_OPS_H

#include <stdbool.h>

#include "base/random.h"
#include "kernels/kernels.h"

/* A table to test. */
typedef struct op_table {
    const nst_kernels *k;
    nst_precision precision;
} op_table;

enum { OP_MAX_TABLES = 32 };

/* Every table that this machine can run, of all levels and precisions, each once; the reference is the first. */
size_t op_tables(op_table tables[OP_MAX_TABLES]);

typedef struct op_case {
    nst_shape shape;
    size_t out_channels, size;
    nst_region region;
    nst_place place; /* of the region */
    nst_pad_mode pad;
    nst_pool_mode pool;
    bool relu, noted, packed; /* what is fused, whether masks or codes are asked for, whether filters are made ready before */
    bool integers;       /* small ones, so that every order of summation is exact */
    bool poisoned;       /* all_finite gets something to find */
    bool rough;          /* of a table whose numbers are less precise than nst_real */
    size_t misalignment; /* of every buffer, in elements */
    uint32_t strands;
} op_case;

/* a, b, c hold a feature map of max(channels, out_channels) each, and of the place's shape. */
typedef struct op_values {
    nst_real *a, *b, *c, *weight, *bias;
    nst_real alpha, beta;
    size_t feature_count, weight_count, bias_count;
} op_values;

typedef struct test_op {
    const char *name;
    size_t slot; /* offset in nst_kernels */
    size_t (*result_count)(const op_case *c);
    void (*run)(const nst_kernels *k, const nst_exec *exec, const op_case *c, const op_values *v, double *result);
    size_t (*terms)(const op_case *c); /* roundings a result may have met; NULL: none, results must be equal */
    bool (*rounds)(const op_case *c);  /* even integers are rounded; NULL: never */
    bool in_double;                    /* ... of double */
    bool subtracts_b;                  /* so that the sum of magnitudes needs b negative */
} test_op;

extern const test_op ops[];
extern const size_t op_count;

extern const char *op_running; /* names what failed */
extern int op_failures;
void op_fail(const op_case *c, const char *what);

/* For a table of that precision. */
op_case op_case_random(nst_random *random, nst_precision precision);
op_values op_values_new(nst_random *random, const op_case *c);
op_values op_values_magnitudes(const op_values *v, bool subtracts_b);
void op_values_free(op_values *v);

/* Runs jobs in order, backwards, or in an order shuffled by `user` (an nst_random). */
void exec_forwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);
void exec_backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);
void exec_shuffled(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count);

void *test_alloc(size_t size);

#endif
