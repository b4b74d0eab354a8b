/* The same bytes whatever the number of threads and the order in which tasks end: every operation of every table, with tasks run
 * forwards, backwards, shuffled, for as many strands as may be, and by pools of 1, 2, 3 and 8 threads.
 *   order [SEED [CASES]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "ops.h"

enum { WAYS = 6 };

static void exec_pool(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    nst_pool_run(user, job, data, count);
}

static void check_case(const test_op *op, const op_table *table, const nst_exec *ways, nst_random *random)
{
    op_case c = op_case_random(random, table->precision);
    op_values v = op_values_new(random, &c);
    size_t count = op->result_count(&c), bytes = count * sizeof(double);
    double *expected = test_alloc(bytes), *result = test_alloc(bytes);
    nst_exec plain = {exec_forwards, NULL, 1};
    op->run(table->k, &plain, &c, &v, expected);
    for (int way = 0; way < WAYS; way++) {
        op->run(table->k, &ways[way], &c, &v, result);
        if (memcmp(expected, result, bytes) != 0) op_fail(&c, "depends on the order of tasks");
    }
    op_values_free(&v);
    free(expected);
    free(result);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20240607;
    int cases = argc > 2 ? atoi(argv[2]) : 24, threads[] = {1, 2, 3, 8};
    nst_memory memory;
    nst_random random = {seed}, shuffle = {seed + 1};
    nst_pool *pools[4];
    nst_exec ways[WAYS] = {{exec_backwards, NULL, 2}, {exec_shuffled, &shuffle, 5}};
    op_table tables[OP_MAX_TABLES];
    size_t count = op_tables(tables);
    nst_memory_init(&memory, NULL);
    for (int i = 0; i < 4; i++) {
        pools[i] = nst_pool_new(&memory, threads[i]);
        if (!pools[i]) return printf("no memory for the test\n"), 1;
        ways[2 + i] = (nst_exec){exec_pool, pools[i], (uint32_t)threads[i]};
    }
    printf("seed %llu, %d cases each, %s\n", (unsigned long long)seed, cases, NST_REAL_NAME);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < op_count; i++) {
            op_running = ops[i].name;
            for (int k = 0; k < cases; k++) check_case(&ops[i], &tables[t], ways, &random);
        }
    for (int i = 0; i < 4; i++) nst_pool_free(&memory, pools[i]);
    printf("%d failures\n", op_failures);
    return op_failures != 0;
}
