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

static void check_quadratic(nst_line_search search, size_t n, double condition, double factor, uint32_t limit)
{
    nst_ctx *ctx = test_ctx();
    quadratic q = {condition, 0.3};
    objective o = {.function = quadratic_at, .user = &q, .n = n};
    nst_optim_config config = lbfgs_config(search);
    nst_real *start = calloc(n, sizeof *start);
    nst_optimizer *optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    factor *= nst_optimizer_f(optimizer);
    assert_true(descend(optimizer, factor, limit) >= 0);
    if (nst_optimizer_f(optimizer) > factor) print_message("f %g after %d, wanted %g\n", nst_optimizer_f(optimizer), o.calls, factor);
    assert_true(nst_optimizer_f(optimizer) <= factor);
    nst_optimizer_free(optimizer);
    free(start);
    nst_ctx_unref(ctx);
}

static void minimises_ill_conditioned_quadratics(void **state)
{
    (void)state;
    check_quadratic(NST_LINE_SEARCH_ARMIJO, 1000, 1e6, 1e-8, 2500);
    check_quadratic(NST_LINE_SEARCH_STRONG_WOLFE, 1000, 1e6, 1e-8, 2500);
    check_quadratic(NST_LINE_SEARCH_ARMIJO, 1000, 10, 1e-10, 60);
    check_quadratic(NST_LINE_SEARCH_ARMIJO, 1, 1, 1e-10, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimises_rosenbrock),
        cmocka_unit_test(minimises_ill_conditioned_quadratics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
