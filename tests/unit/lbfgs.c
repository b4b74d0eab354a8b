/* L-BFGS on problems with known answers, against the dense BFGS formula, and where the objective misbehaves. */
#include "optim_support.h"

#include "base/random.h"

static nst_optim_config lbfgs_config(nst_line_search search)
{
    nst_optim_config config = default_config(NST_OPTIMIZER_LBFGS);
    config.line_search = search;
    return config;
}

static void check_rosenbrock(nst_line_search search)
{
    nst_ctx *ctx = test_ctx();
    const nst_real start[4] = {(nst_real)-1.2, 1, (nst_real)-1.2, 1};
    objective o = {.function = rosenbrock, .n = 4};
    nst_optim_config config = lbfgs_config(search);
    nst_optimizer *optimizer = make(ctx, &config, &o, start);
    int32_t status = descend(optimizer, 1e-9, 200);
    assert_true(status >= 0);
    assert_true(nst_optimizer_f(optimizer) < 1e-9);
    for (int i = 0; i < 4; i++) assert_true(fabs((double)nst_optimizer_x(optimizer)[i] - 1) < 1e-3);
    assert_int_equal(nst_optimizer_evaluations(optimizer), o.calls);
    assert_ptr_equal(nst_optimizer_x(optimizer), nst_optimizer_result(optimizer));
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

static void minimises_rosenbrock(void **state)
{
    (void)state;
    check_rosenbrock(NST_LINE_SEARCH_ARMIJO);
    check_rosenbrock(NST_LINE_SEARCH_STRONG_WOLFE);
}

/* f = 1/2 sum k_i (x_i - target_i)^2 with k from 1 to `condition`, spread evenly in the logarithm. */
typedef struct quadratic {
    double condition, target;
} quadratic;

static double quadratic_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    const quadratic *q = user;
    double f = 0;
    for (size_t i = 0; i < n; i++) {
        double k = pow(q->condition, (double)i / (double)(n - 1)), d = (double)x[i] - q->target;
        f += 0.5 * k * d * d;
        gradient[i] = (nst_real)(k * d);
    }
    return f;
}

static void check_quadratic(nst_line_search search, nst_precision precision, size_t n, double condition, double factor, uint32_t limit)
{
    nst_ctx *ctx = test_ctx();
    quadratic q = {condition, 0.3};
    objective o = {.function = quadratic_at, .user = &q, .n = n};
    nst_optim_config config = lbfgs_config(search);
    nst_real *start = calloc(n, sizeof *start);
    nst_optimizer *optimizer;
    config.history_precision = precision;
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    factor *= nst_optimizer_f(optimizer);
    assert_true(descend(optimizer, factor, limit) >= 0);
    assert_true(nst_optimizer_f(optimizer) <= factor);
    nst_optimizer_free(optimizer);
    free(start);
    nst_ctx_unref(ctx);
}

static void minimises_ill_conditioned_quadratics(void **state)
{
    (void)state;
    for (int bits = 0; bits < 2; bits++) {
        nst_precision precision = bits ? NST_PRECISION_BF16 : NST_PRECISION_FP32;
        check_quadratic(NST_LINE_SEARCH_ARMIJO, precision, 1000, 1e6, 1e-8, 2500);
        check_quadratic(NST_LINE_SEARCH_STRONG_WOLFE, precision, 1000, 1e6, 1e-8, 2500);
        check_quadratic(NST_LINE_SEARCH_ARMIJO, precision, 1000, 10, 1e-10, 60);
        check_quadratic(NST_LINE_SEARCH_ARMIJO, precision, 1, 1, 1e-10, 30);
    }
}

/* H (n, n) = the BFGS matrix built from (I - s y' / s'y) H (I - y s' / s'y) + s s' / s'y, pair by pair, oldest first. */
#define DENSE 6
#define DENSE_HISTORY 3

typedef struct dense_pairs {
    double s[100][DENSE], y[100][DENSE];
    int count;
} dense_pairs;

static double inner(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < DENSE; i++) sum += a[i] * b[i];
    return sum;
}

static void update_dense(double h[DENSE][DENSE], const double *s, const double *y)
{
    double v[DENSE][DENSE], left[DENSE][DENSE] = {{0}}, rho = 1 / inner(s, y);
    for (int i = 0; i < DENSE; i++)
        for (int j = 0; j < DENSE; j++) v[i][j] = (i == j) - rho * s[i] * y[j];
    for (int i = 0; i < DENSE; i++)
        for (int j = 0; j < DENSE; j++)
            for (int k = 0; k < DENSE; k++) left[i][j] += v[i][k] * h[k][j];
    for (int i = 0; i < DENSE; i++)
        for (int j = 0; j < DENSE; j++) {
            h[i][j] = rho * s[i] * s[j];
            for (int k = 0; k < DENSE; k++) h[i][j] += left[i][k] * v[j][k];
        }
}

static void dense_direction(const dense_pairs *pairs, const nst_real *gradient, double *direction)
{
    double h[DENSE][DENSE] = {{0}};
    const int last = pairs->count - 1, first = pairs->count > DENSE_HISTORY ? pairs->count - DENSE_HISTORY : 0;
    double scale = 0;
    for (int k = first; k <= last; k++) scale = fmax(scale, inner(pairs->s[k], pairs->y[k]) / inner(pairs->y[k], pairs->y[k]));
    for (int i = 0; i < DENSE; i++) h[i][i] = scale;
    for (int k = first; k <= last; k++) update_dense(h, pairs->s[k], pairs->y[k]);
    for (int i = 0; i < DENSE; i++) {
        direction[i] = 0;
        for (int j = 0; j < DENSE; j++) direction[i] -= h[i][j] * (double)gradient[j];
    }
}

/* The move just made must be a positive multiple of the dense formula's direction. */
static void assert_move_along(const double *move, const double *direction)
{
    double t = inner(move, direction) / inner(direction, direction), rest = 0;
    for (int i = 0; i < DENSE; i++) rest += (move[i] - t * direction[i]) * (move[i] - t * direction[i]);
    assert_true(t > 0);
    if (sqrt(rest / inner(move, move)) > EXACT) print_message("angle to the dense formula %g\n", sqrt(rest / inner(move, move)));
    assert_true(sqrt(rest / inner(move, move)) <= EXACT);
}

static double curved_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        double next = (double)x[(i + 1) % n], d = (double)x[i] - 0.2 * (double)i;
        f += (1 + (double)i) * d * d + 0.5 * d * d * d * d + 0.3 * (double)x[i] * next;
    }
    for (size_t i = 0; i < n; i++) {
        double around = (double)x[(i + 1) % n] + (double)x[(i + n - 1) % n], d = (double)x[i] - 0.2 * (double)i;
        gradient[i] = (nst_real)(2 * (1 + (double)i) * d + 2 * d * d * d + 0.3 * around);
    }
    return f;
}

/* To eight bits, ties to even. */
static double rounded(double value)
{
    int exponent;
    double mantissa = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
}

static void check_dense_formula(nst_precision precision)
{
    nst_ctx *ctx = test_ctx();
    objective o = {.function = curved_at, .n = DENSE};
    nst_optim_config config = lbfgs_config(NST_LINE_SEARCH_ARMIJO);
    const nst_real start[DENSE] = {2, -1, 3, 1, -2, 1};
    nst_optimizer *optimizer;
    dense_pairs pairs = {.count = 0};
    config.history = DENSE_HISTORY;
    config.history_precision = precision;
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    for (int k = 0; k < 10; k++) {
        nst_real x[DENSE], g[DENSE];
        double direction[DENSE];
        memcpy(x, nst_optimizer_x(optimizer), sizeof x);
        memcpy(g, nst_optimizer_gradient(optimizer), sizeof g);
        if (k > 0) dense_direction(&pairs, g, direction);
        assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
        for (int i = 0; i < DENSE; i++) {
            pairs.s[k][i] = (double)(nst_optimizer_x(optimizer)[i] - x[i]);
            pairs.y[k][i] = (double)(nst_optimizer_gradient(optimizer)[i] - g[i]);
            if (k == 0) direction[i] = -(double)g[i];
        }
        pairs.count = k + 1;
        assert_move_along(pairs.s[k], direction);
        for (int i = 0; i < DENSE && precision == NST_PRECISION_BF16; i++) {
            pairs.s[k][i] = rounded(pairs.s[k][i]);
            pairs.y[k][i] = rounded(pairs.y[k][i]);
        }
    }
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

static void follows_the_dense_formula(void **state)
{
    (void)state;
    check_dense_formula(NST_PRECISION_FP32);
}

/* What is kept is rounded, but everything made of it agrees: it is BFGS of the rounded pairs. */
static void follows_the_dense_formula_in_16_bits(void **state)
{
    (void)state;
    check_dense_formula(NST_PRECISION_BF16);
}

static double root_mean_square(const nst_real *a, const nst_real *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum / (double)n);
}

static void first_step_after_a_restart_has_the_length_asked(void **state)
{
    nst_ctx *ctx = test_ctx();
    quadratic q = {10, 0.3};
    objective o = {.function = quadratic_at, .user = &q, .n = 50};
    nst_optim_config config = lbfgs_config(NST_LINE_SEARCH_ARMIJO);
    nst_real x[50] = {0};
    nst_optimizer *optimizer = make(ctx, &config, &o, x);
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
        memcpy(x, nst_optimizer_x(optimizer), sizeof x);
        assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
        assert_true(fabs(root_mean_square(x, nst_optimizer_x(optimizer), 50) / (0.05 * config.learning_rate) - 1) < 1e-3);
        q.target = -5; /* the objective changes; the next first step is twice as long */
        nst_optimizer_restart(optimizer);
        config.learning_rate = 0.04;
        nst_optimizer_configure(optimizer, &config);
    }
    assert_int_equal(nst_optimizer_evaluations(optimizer), 4);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

/* 1 + a quadratic, with relative noise as from sums in single precision. */
static double noisy_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    nst_random *random = user;
    quadratic q = {100, 0.5};
    double f = 1 + quadratic_at(&q, n, x, gradient);
#ifdef NST_REAL_DOUBLE
    const double noise = 1e-13;
#else
    const double noise = 1e-7;
#endif
    return f * (1 + noise * (2 * nst_random_uniform(random) - 1));
}

static void noise_does_not_stop_it(void **state)
{
    (void)state;
    for (int search = 0; search < 2; search++) {
        nst_ctx *ctx = test_ctx();
        nst_random random = {7};
        objective o = {.function = noisy_at, .user = &random, .n = 200};
        nst_optim_config config = lbfgs_config((nst_line_search)search);
        nst_real start[200] = {0};
        nst_optimizer *optimizer = make(ctx, &config, &o, start);
        double square = 0;
        assert_true(descend(optimizer, 0, 300) >= 0);
        for (int i = 0; i < 200; i++) square += pow((double)nst_optimizer_x(optimizer)[i] - 0.5, 2);
        assert_true(nst_optimizer_f(optimizer) < 1 + 2e-6);
        assert_true(sqrt(square / 200) < 1e-3);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

/* x - log x, minimum at 1: not a number below 0, an infinite gradient at 0. */
static double barrier_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        f += (double)x[i] - log((double)x[i]);
        gradient[i] = (nst_real)(1 - 1 / (double)x[i]);
    }
    return f;
}

static void shrinks_steps_that_leave_the_finite(void **state)
{
    (void)state;
    for (int search = 0; search < 2; search++) {
        nst_ctx *ctx = test_ctx();
        objective o = {.function = barrier_at, .n = 20};
        nst_optim_config config = lbfgs_config((nst_line_search)search);
        nst_real start[20];
        nst_optimizer *optimizer;
        for (int i = 0; i < 20; i++) start[i] = (nst_real)(i % 2 ? 0.01 : 30);
        config.learning_rate = 50;
        optimizer = make(ctx, &config, &o, start);
        assert_true(descend(optimizer, 0, 200) >= 0);
        for (int i = 0; i < 20; i++) assert_true(fabs((double)nst_optimizer_x(optimizer)[i] - 1) < 1e-2);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

/* Finite only at the start (zero) when `user` is not NULL, nowhere otherwise; the gradient is what is broken. */
static double broken_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    for (size_t i = 0; i < n; i++) gradient[i] = 1;
    if (!user || x[0] != 0) gradient[n - 1] = (nst_real)NAN;
    return 5;
}

static void says_so_where_nothing_is_finite(void **state)
{
    (void)state;
    for (int search = 0; search < 2; search++) {
        nst_ctx *ctx = test_ctx();
        nst_optim_config config = lbfgs_config((nst_line_search)search);
        objective o = {.function = broken_at, .user = &config, .n = 8};
        const nst_real start[8] = {0};
        nst_optimizer *optimizer = make(ctx, &config, &o, start);
        assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_NUMERIC);
        assert_memory_equal(nst_optimizer_x(optimizer), start, sizeof start);
        assert_true(nst_optimizer_f(optimizer) == 5 && nst_optimizer_gradient(optimizer)[7] == 1);
        assert_true(o.calls < 40);
        o.user = NULL;
        nst_optimizer_restart(optimizer);
        assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_NUMERIC);
        assert_memory_equal(nst_optimizer_x(optimizer), start, sizeof start);
        assert_true(nst_optimizer_f(optimizer) == 5 && nst_optimizer_gradient(optimizer)[7] == 1);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

/* max_i k_i |x_i - 0.5|: convex, no gradient at the minimum. */
static double largest_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    size_t at = 0;
    double largest = -1;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        double value = (1 + (double)(i % 3)) * fabs((double)x[i] - 0.5);
        gradient[i] = 0;
        if (value > largest) largest = value, at = i;
    }
    gradient[at] = (nst_real)((1 + (double)(at % 3)) * ((double)x[at] < 0.5 ? -1 : 1));
    return largest;
}

static void survives_kinks(void **state)
{
    (void)state;
    for (int search = 0; search < 2; search++) {
        nst_ctx *ctx = test_ctx();
        objective o = {.function = largest_at, .n = 30};
        nst_optim_config config = lbfgs_config((nst_line_search)search);
        nst_real start[30];
        nst_optimizer *optimizer;
        double at_start;
        for (int i = 0; i < 30; i++) start[i] = (nst_real)(i * 0.1);
        optimizer = make(ctx, &config, &o, start);
        assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
        at_start = nst_optimizer_f(optimizer);
        assert_true(descend(optimizer, 0, 2000) >= 0);
        assert_true(nst_optimizer_f(optimizer) < 0.5 * at_start);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

static void stops_where_the_gradient_is_zero(void **state)
{
    nst_ctx *ctx = test_ctx();
    quadratic q = {10, 0.25};
    objective o = {.function = quadratic_at, .user = &q, .n = 4};
    nst_optim_config config = lbfgs_config(NST_LINE_SEARCH_ARMIJO);
    const nst_real start[4] = {(nst_real)0.25, (nst_real)0.25, (nst_real)0.25, (nst_real)0.25};
    nst_optimizer *optimizer = make(ctx, &config, &o, start);
    (void)state;
    assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_CONVERGED);
    assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_CONVERGED);
    assert_int_equal(o.calls, 1);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

/* f = 1/2 sum k_i (x_i - t_i)^2 + c/2 (sum x - m)^2: every variable hangs on every other; evaluated inside [0, 1] alone. */
static double coupled_at(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (*(const bool *)user) assert_true(x[i] >= 0 && x[i] <= 1);
        sum += (double)x[i];
    }
    sum -= 0.4 * (double)n;
    for (size_t i = 0; i < n; i++) {
        double k = 1 + (double)(i % 7), t = -0.5 + 2 * (double)i / (double)n, d = (double)x[i] - t;
        f += 0.5 * k * d * d;
        gradient[i] = (nst_real)(k * d + 0.1 * sum);
    }
    return f + 0.05 * sum * sum;
}

/* The condition for a minimum in the box: no gradient inside, and none that points inward at the bounds. */
static void assert_optimal_in_box(const nst_optimizer *optimizer, size_t n, double tolerance)
{
    int at_bounds = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)nst_optimizer_x(optimizer)[i], g = (double)nst_optimizer_gradient(optimizer)[i];
        at_bounds += x == 0 || x == 1;
        assert_true(x == 0 ? g > -tolerance : x == 1 ? g < tolerance : fabs(g) < tolerance);
    }
    assert_in_range(at_bounds, 10, n - 10);
}

static void finds_the_minimum_in_the_box(void **state)
{
    (void)state;
    for (int free_steps = 0; free_steps < 12; free_steps += 3) {
        nst_ctx *ctx = test_ctx();
        bool inside = false;
        objective o = {.function = coupled_at, .user = &inside, .n = 60};
        nst_optim_config config = lbfgs_config(NST_LINE_SEARCH_STRONG_WOLFE);
        nst_real start[60];
        nst_optimizer *optimizer;
        for (int i = 0; i < 60; i++) start[i] = (nst_real)(i % 5);
        optimizer = make(ctx, &config, &o, start);
        for (int i = 0; i < free_steps; i++) assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
        nst_optimizer_set_bounded(optimizer, true);
        inside = true;
        assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
        assert_true(descend(optimizer, -1, nst_optimizer_evaluations(optimizer) + 100) >= 0);
        assert_optimal_in_box(optimizer, 60, sizeof(nst_real) == 4 ? 1e-2 : 1e-5);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimises_rosenbrock),
        cmocka_unit_test(minimises_ill_conditioned_quadratics),
        cmocka_unit_test(follows_the_dense_formula),
        cmocka_unit_test(follows_the_dense_formula_in_16_bits),
        cmocka_unit_test(first_step_after_a_restart_has_the_length_asked),
        cmocka_unit_test(noise_does_not_stop_it),
        cmocka_unit_test(shrinks_steps_that_leave_the_finite),
        cmocka_unit_test(says_so_where_nothing_is_finite),
        cmocka_unit_test(survives_kinks),
        cmocka_unit_test(stops_where_the_gradient_is_zero),
        cmocka_unit_test(finds_the_minimum_in_the_box),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
