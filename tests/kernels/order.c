/* The same bytes whatever the number of threads and the order in which tasks end: every operation of every level, with tasks run
 * forwards, backwards, shuffled, and by pools of 1, 2, 3 and 8 threads.
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

static void check_case(const test_op *op, const nst_kernels *table, const nst_exec *ways, nst_random *random)
{
    op_case c = op_case_random(random);
    op_values v = op_values_new(random, &c);
    size_t count = op->result_count(&c), bytes = count * sizeof(double);
    double *expected = test_alloc(bytes), *result = test_alloc(bytes);
    nst_exec plain = {exec_forwards, NULL};
    op->run(table, &plain, &c, &v, expected);
    for (int way = 0; way < WAYS; way++) {
        op->run(table, &ways[way], &c, &v, result);
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
    nst_exec ways[WAYS] = {{exec_backwards, NULL}, {exec_shuffled, &shuffle}};
    nst_memory_init(&memory, NULL);
    for (int i = 0; i < 4; i++) {
        pools[i] = nst_pool_new(&memory, threads[i]);
        if (!pools[i]) return printf("no memory for the test\n"), 1;
        ways[2 + i] = (nst_exec){exec_pool, pools[i]};
    }
    printf("seed %llu, %d cases each, %s\n", (unsigned long long)seed, cases, NST_REAL_NAME);
    for (int level = 0; level == 0 || nst_kernels_for(level) != nst_kernels_for(level - 1); level++)
        for (size_t i = 0; i < op_count; i++) {
            op_running = ops[i].name;
            for (int k = 0; k < cases; k++) check_case(&ops[i], nst_kernels_for(level), ways, &random);
        }
    for (int i = 0; i < 4; i++) nst_pool_free(&memory, pools[i]);
    printf("%d failures\n", op_failures);
    return op_failures != 0;
}
