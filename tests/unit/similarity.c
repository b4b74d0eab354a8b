/* Self-similarity: values worked out by hand, and what may and what may not change it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/random.h"
#include "measure/similarity.h"

enum { CHANNELS = 7, COUNT = 24, VALUES = CHANNELS * COUNT };

static void fill(double *x, uint64_t seed)
{
    nst_random random = {seed};
    for (int i = 0; i < VALUES; i++) x[i] = nst_random_uniform(&random);
}

/* Of copies: the features are scaled in place. */
static double difference(const double *a, const double *b, size_t channels, size_t count)
{
    double own_a[VALUES], own_b[VALUES], scratch[2 * COUNT];
    memcpy(own_a, a, channels * count * sizeof *a);
    memcpy(own_b, b, channels * count * sizeof *b);
    return nst_similarity_difference(own_a, own_b, channels, count, scratch);
}

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12)) fail_msg("%.15g is not %.15g", value, expected);
}

/* Three places of two channels. In a: two that are at right angles and one halfway between; in b: two alike and one apart.
 * D_a has the columns (0, 1, u), (1, 0, u), (u, u, 0) with u = 1 - 1/sqrt(2), D_b (0, 0, 1), (0, 0, 1), (1, 1, 0). */
static void by_hand(void **state)
{
    const double a[] = {2, 0, 3, 0, 1, 3}, b[] = {1, 5, 0, 0, 0, 1};
    double u = 1 - sqrt(0.5), first = 1 / (1 + u) + (1 - u / (1 + u)); /* the second column is like the first, the third equal */
    (void)state;
    assert_near(difference(a, b, 2, 3), 2 * first / 3);
    assert_near(difference(b, a, 2, 3), 2 * first / 3);
}

static void equal_pictures_do_not_differ(void **state)
{
    double x[VALUES], y[VALUES];
    (void)state;
    fill(x, 1);
    assert_true(difference(x, x, CHANNELS, COUNT) == 0);
    for (int i = 0; i < VALUES; i++) y[i] = x[i] * (1 + i % COUNT); /* brighter here and there */
    assert_near(difference(x, y, CHANNELS, COUNT), 0);
    for (int i = 0; i < VALUES; i++) y[(i / COUNT + 3) % CHANNELS * COUNT + i % COUNT] = x[i]; /* other features in the same places */
    assert_near(difference(x, y, CHANNELS, COUNT), 0);
}

/* The same features elsewhere. */
static void a_permuted_picture_differs(void **state)
{
    double x[VALUES], y[VALUES];
    (void)state;
    fill(x, 2);
    for (int i = 0; i < VALUES; i++) y[i / COUNT * COUNT + (i % COUNT + 5) % COUNT] = x[i];
    assert_true(difference(x, y, CHANNELS, COUNT) > 0.05);
    assert_true(difference(x, y, CHANNELS, COUNT) <= 2);
}

static void places_that_are_all_alike_have_none(void **state)
{
    double x[VALUES], flat[VALUES];
    (void)state;
    fill(x, 3);
    for (int i = 0; i < VALUES; i++) flat[i] = 1 + i / COUNT;
    assert_true(isnan(difference(x, flat, CHANNELS, COUNT)) && isnan(difference(flat, x, CHANNELS, COUNT)));
    assert_true(isnan(difference(x, x, CHANNELS, 1)) && isnan(difference(x, x, CHANNELS, 0)));
    memset(flat, 0, sizeof flat);
    assert_true(isfinite(difference(x, flat, CHANNELS, COUNT))); /* nothing is like nothing */
}

static void grids(void **state)
{
    static const size_t sides[][4] = {{1, 1, 1, 1}, {32, 32, 32, 32}, {33, 32, 17, 16}, {64, 64, 32, 32}, {5000, 1, 1000, 1},
                                      {128, 96, 32, 24}, {750, 3, 375, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        nst_similarity_grid grid = nst_similarity_sample(sides[i][0], sides[i][1]);
        assert_int_equal(grid.across, sides[i][2]);
        assert_int_equal(grid.down, sides[i][3]);
        assert_true(grid.column + (grid.across - 1) * grid.step < sides[i][0]);
        assert_true(grid.row + (grid.down - 1) * grid.step < sides[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(equal_pictures_do_not_differ),
        cmocka_unit_test(a_permuted_picture_differs),
        cmocka_unit_test(places_that_are_all_alike_have_none),
        cmocka_unit_test(grids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
