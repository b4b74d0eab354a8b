/* Adam against an independent implementation in double, on the box, and carried over to another size. */
#include "optim_support.h"

#define N 8

static double waves(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        double w = 2 + (double)i;
        f += sin(w * (double)x[i]) / w + (double)x[i] * (double)x[i];
        gradient[i] = (nst_real)(cos(w * (double)x[i]) + 2 * (double)x[i]);
    }
    return f;
}

/* As in the paper, with the two averages kept uncorrected and corrected on use. */
typedef struct oracle {
    double x[N], m[N], v[N], average[N];
    int t;
} oracle;

static double clamp(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static void oracle_step(oracle *a, const nst_real *gradient, double rate)
{
    a->t++;
    for (int i = 0; i < N; i++) {
        double g = (double)gradient[i];
        a->m[i] = 0.9 * a->m[i] + (1 - 0.9) * g;
        a->v[i] = 0.99 * a->v[i] + (1 - 0.99) * g * g;
        a->x[i] -= rate * (a->m[i] / (1 - pow(0.9, a->t))) / (sqrt(a->v[i] / (1 - pow(0.99, a->t))) + 1e-8);
        a->x[i] = clamp(a->x[i]);
        a->average[i] = 0.99 * a->average[i] + (1 - 0.99) * a->x[i];
    }
}

static void follows_the_paper(void **state)
{
    nst_ctx *ctx = test_ctx();
    objective o = {.function = waves, .n = N};
    nst_optim_config config = default_config(NST_OPTIMIZER_ADAM);
    nst_real start[N];
    nst_optimizer *optimizer;
    oracle a = {.t = 0};
    (void)state;
    for (int i = 0; i < N; i++) start[i] = (nst_real)(0.05 + 0.1 * i), a.x[i] = (double)start[i];
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    assert_memory_equal(nst_optimizer_result(optimizer), start, sizeof start);
    for (int k = 0; k < 60; k++) {
        oracle_step(&a, nst_optimizer_gradient(optimizer), config.learning_rate);
        assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
        for (int i = 0; i < N; i++) {
            double average = a.average[i] / (1 - pow(0.99, a.t));
            assert_true(fabs((double)nst_optimizer_x(optimizer)[i] - a.x[i]) < EXACT);
            assert_true(fabs((double)nst_optimizer_result(optimizer)[i] - average) < EXACT);
            a.x[i] = (double)nst_optimizer_x(optimizer)[i]; /* each step is judged by itself */
        }
    }
    assert_int_equal(nst_optimizer_evaluations(optimizer), 61);
    assert_int_equal(o.calls, 61);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

/* Pulls outward everywhere; the start lies outside too. */
static double outward(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i] >= 0 && x[i] <= 1);
        gradient[i] = i % 2 ? 1 : -1;
        f += (double)gradient[i] * (double)x[i];
    }
    return f;
}

static void stays_in_the_box(void **state)
{
    nst_ctx *ctx = test_ctx();
    objective o = {.function = outward, .n = N};
    nst_optim_config config = default_config(NST_OPTIMIZER_ADAM);
    const nst_real start[N] = {-3, 3, (nst_real)0.5, (nst_real)0.5, 2, -2, 0, 1};
    nst_optimizer *optimizer = make(ctx, &config, &o, start);
    (void)state;
    for (int k = 0; k < 80; k++) assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
    for (int i = 0; i < N; i++) assert_true(nst_optimizer_x(optimizer)[i] == (i % 2 ? 0 : 1));
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

/* Finite only at the start and at most `*user` away from it. */
static double island(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    const double *reach = user;
    for (size_t i = 0; i < n; i++) gradient[i] = 1;
    return fabs((double)x[0] - 0.5) <= *reach ? (double)x[0] : (double)NAN;
}

static void shrinks_or_stops_where_it_is_not_finite(void **state)
{
    nst_ctx *ctx = test_ctx();
    double reach = 0.011;
    objective o = {.function = island, .user = &reach, .n = N};
    nst_optim_config config = default_config(NST_OPTIMIZER_ADAM);
    nst_real start[N], kept[N];
    nst_optimizer *optimizer;
    (void)state;
    for (int i = 0; i < N; i++) start[i] = (nst_real)0.5;
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
    assert_true(fabs((double)nst_optimizer_x(optimizer)[0] - 0.49) < 1e-5);
    reach = -1;
    memcpy(kept, nst_optimizer_x(optimizer), sizeof kept);
    assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_NUMERIC);
    assert_memory_equal(nst_optimizer_x(optimizer), kept, sizeof kept);
    assert_true(isfinite(nst_optimizer_f(optimizer)));
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

static int32_t every_second(void *user, const nst_real *from, nst_real *to)
{
    int *calls = user;
    if (*calls == -1) return NST_ERR_NOMEM;
    for (int i = 0; i < N / 2; i++) to[i] = from[2 * i];
    ++*calls;
    return NST_OK;
}

/* A variable that keeps its moments goes on moving as it would have without the change of size. */
static void carries_moments_over(void **state)
{
    nst_ctx *ctx = test_ctx();
    objective large = {.function = waves, .n = N}, small = {.function = outward, .n = N / 2};
    nst_optim_config config = default_config(NST_OPTIMIZER_ADAM);
    nst_real start[N];
    nst_optimizer *from, *to;
    oracle a = {.t = 0};
    int calls = 0;
    (void)state;
    for (int i = 0; i < N; i++) start[i] = (nst_real)(0.3 + 0.05 * i), a.x[i] = (double)start[i];
    from = make(ctx, &config, &large, start);
    assert_int_equal(nst_optimizer_begin(from), NST_STEP_OK);
    for (int k = 0; k < 7; k++) {
        oracle_step(&a, nst_optimizer_gradient(from), config.learning_rate);
        assert_int_equal(nst_optimizer_step(from), NST_STEP_OK);
    }
    to = make(ctx, &config, &small, start);
    assert_int_equal(nst_optimizer_carry_over(to, from, every_second, &calls), NST_OK);
    assert_int_equal(calls, 2);
    assert_int_equal(nst_optimizer_step(to), NST_STEP_OK);
    for (int i = 0; i < N / 2; i++) {
        double g = i % 2 ? 1 : -1, m = 0.9 * a.m[2 * i] + 0.1 * g, v = 0.99 * a.v[2 * i] + 0.01;
        double x = (double)start[i] - 0.02 * (m / (1 - pow(0.9, 8))) / (sqrt(v / (1 - pow(0.99, 8))) + 1e-8);
        assert_true(fabs((double)nst_optimizer_x(to)[i] - x) < 2 * EXACT);
    }
    assert_memory_equal(nst_optimizer_result(to), nst_optimizer_x(to), N / 2 * sizeof(nst_real));
    calls = -1;
    assert_int_equal(nst_optimizer_carry_over(to, from, every_second, &calls), NST_ERR_NOMEM);
    nst_optimizer_free(from);
    nst_optimizer_free(to);
    nst_ctx_unref(ctx);
}

static double flat(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    (void)user;
    (void)x;
    memset(gradient, 0, n * sizeof *gradient);
    return 3;
}

static void stops_where_the_gradient_is_zero(void **state)
{
    nst_ctx *ctx = test_ctx();
    objective o = {.function = flat, .n = N};
    nst_optim_config config = default_config(NST_OPTIMIZER_ADAM);
    const nst_real start[N] = {0};
    nst_optimizer *optimizer = make(ctx, &config, &o, start);
    (void)state;
    assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_CONVERGED);
    assert_memory_equal(nst_optimizer_result(optimizer), start, sizeof start);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_paper),
        cmocka_unit_test(stays_in_the_box),
        cmocka_unit_test(shrinks_or_stops_where_it_is_not_finite),
        cmocka_unit_test(carries_moments_over),
        cmocka_unit_test(stops_where_the_gradient_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
