/* Eigenvalues: what comes out is put together again, at every size and with what is hard to tell apart. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loss/eigen.h"

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static void run_backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = count; i-- > 0;) job(data, i);
}

static double *square(size_t n)
{
    double *matrix = calloc(n * n, sizeof *matrix);
    assert_non_null(matrix);
    return matrix;
}

static double *identity(size_t n)
{
    double *matrix = square(n);
    for (size_t i = 0; i < n; i++) matrix[i * (n + 1)] = 1;
    return matrix;
}

static bool decompose(const nst_exec *exec, size_t n, const double *matrix, double *values, double *vectors)
{
    double *copy = square(n), *workspace = malloc(nst_eigen_workspace(n) * sizeof *workspace);
    bool solved;
    memcpy(copy, matrix, n * n * sizeof *copy);
    solved = nst_eigen(exec, n, copy, values, n, vectors, workspace);
    free(copy);
    free(workspace);
    return solved;
}

/* Q diag(values) Q^T, and Q^T Q, against what they should be. */
static void check(size_t n, const double *matrix, double scale)
{
    static const nst_exec exec = {run_here, NULL, 1};
    double *vectors = identity(n), *values = malloc(n * sizeof *values), allowed = 1e-14 * (double)(n + 10);
    assert_true(decompose(&exec, n, matrix, values, vectors));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double entry = 0, inner = 0;
            for (size_t k = 0; k < n; k++) entry += values[k] * vectors[k * n + i] * vectors[k * n + j];
            for (size_t k = 0; k < n; k++) inner += vectors[i * n + k] * vectors[j * n + k];
            if (!(fabs(entry - matrix[i * n + j]) <= allowed * scale && fabs(inner - (i == j)) <= allowed))
                fail_msg("%zu: entry %zu %zu is %g instead of %g, inner product %g", n, i, j, entry, matrix[i * n + j], inner);
        }
    free(vectors);
    free(values);
}

static double *symmetric(size_t n, nst_random *random)
{
    double *matrix = square(n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = nst_random_normal(random);
    return matrix;
}

static void any_size(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 16, 63, 64, 65, 130};
    nst_random random = {20240607};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double *matrix = symmetric(sizes[i], &random);
        check(sizes[i], matrix, sqrt((double)sizes[i]));
        free(matrix);
    }
}

/* Zeros, diagonals, equal values, a single direction (n - 1 times 0), and values from 1e-12 to 1. */
static void hard_ones(void **state)
{
    enum { N = 20 };
    double *zero = square(N), *one = identity(N), *rank = square(N), *graded = square(N), *blocks = square(N);
    (void)state;
    for (int i = 0; i < N * N; i++) {
        int row = i / N, column = i % N;
        rank[i] = (row + 1) * (column + 1);
        graded[i] = pow(10, -0.3 * (row + column));
        if (row == column) graded[i] *= 2;
        blocks[i] = row / 5 == column / 5;
    }
    check(N, zero, 1);
    check(N, one, 1);
    check(N, rank, 3000);
    check(N, graded, 1);
    check(N, blocks, 5);
    for (int i = 0; i < N * N; i++) graded[i] *= 1e-200; /* squares would be 0 */
    check(N, graded, 1e-200);
    free(zero), free(one), free(rank), free(graded), free(blocks);
}

/* The second differences of a line: 2 - 2 cos(pi k / (n + 1)). */
static void known_values(void **state)
{
    enum { N = 31 };
    static const nst_exec exec = {run_here, NULL, 1};
    const double pi = acos(-1);
    double *matrix = square(N), *vectors = identity(N), values[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        matrix[i * (N + 1)] = 2;
        if (i > 0) matrix[i * N + i - 1] = matrix[(i - 1) * N + i] = -1;
    }
    assert_true(decompose(&exec, N, matrix, values, vectors));
    for (int k = 1; k <= N; k++) {
        double nearest = 10;
        for (int i = 0; i < N; i++) nearest = fmin(nearest, fabs(values[i] - (2 - 2 * cos(pi * k / (N + 1)))));
        assert_true(nearest < 1e-14);
    }
    free(matrix), free(vectors);
}

static void tasks_in_any_order(void **state)
{
    enum { N = 150 };
    static const nst_exec forwards = {run_here, NULL, 1}, backwards = {run_backwards, NULL, 2};
    nst_random random = {7};
    double *matrix = symmetric(N, &random), *one = identity(N), *other = identity(N), values[N], again[N];
    (void)state;
    assert_true(decompose(&forwards, N, matrix, values, one));
    assert_true(decompose(&backwards, N, matrix, again, other));
    assert_memory_equal(values, again, sizeof values);
    assert_memory_equal(one, other, N * N * sizeof *one);
    free(matrix), free(one), free(other);
}

static void what_is_not_finite_ends(void **state)
{
    static const nst_exec exec = {run_here, NULL, 1};
    double matrix[9] = {1, 2, 3, 2, (double)NAN, 4, 3, 4, 5}, values[3], *vectors = identity(3);
    (void)state;
    assert_false(decompose(&exec, 3, matrix, values, vectors));
    free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_size), cmocka_unit_test(hard_ones), cmocka_unit_test(known_values),
        cmocka_unit_test(tasks_in_any_order), cmocka_unit_test(what_is_not_finite_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
