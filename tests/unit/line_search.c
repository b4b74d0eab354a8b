/* The line searches on the functions of More and Thuente (1994), table 5.1 and figures 1 to 6: what is accepted satisfies the
 * conditions, from any first step. */
#include "optim_support.h"

#include "optim/line_search.h"

/* One variable; `scale` turns the search's first step of 1 into any step. */
typedef struct line_function {
    double (*value)(double t, double *slope);
    double scale;
} line_function;

static double function_1(double t, double *slope)
{
    *slope = (t * t - 2) / ((t * t + 2) * (t * t + 2));
    return -t / (t * t + 2);
}

static double function_2(double t, double *slope)
{
    double u = t + 0.004;
    *slope = 5 * u * u * u * u - 8 * u * u * u;
    return u * u * u * u * u - 2 * u * u * u * u;
}

static double function_3(double t, double *slope)
{
    const double beta = 0.01, l = 39, pi = 3.14159265358979323846;
    double base, base_slope;
    if (t <= 1 - beta) {
        base = 1 - t, base_slope = -1;
    } else if (t >= 1 + beta) {
        base = t - 1, base_slope = 1;
    } else {
        base = (t - 1) * (t - 1) / (2 * beta) + beta / 2, base_slope = (t - 1) / beta;
    }
    *slope = base_slope + (1 - beta) * cos(l * pi / 2 * t);
    return base + 2 * (1 - beta) / (l * pi) * sin(l * pi / 2 * t);
}

static double yanai(double t, double *slope, double beta_1, double beta_2)
{
    double gamma_1 = sqrt(1 + beta_1 * beta_1) - beta_1, gamma_2 = sqrt(1 + beta_2 * beta_2) - beta_2;
    double root_1 = sqrt((1 - t) * (1 - t) + beta_2 * beta_2), root_2 = sqrt(t * t + beta_1 * beta_1);
    *slope = -gamma_1 * (1 - t) / root_1 + gamma_2 * t / root_2;
    return gamma_1 * root_1 + gamma_2 * root_2;
}

static double function_4(double t, double *slope)
{
    return yanai(t, slope, 0.001, 0.001);
}

static double function_5(double t, double *slope)
{
    return yanai(t, slope, 0.01, 0.001);
}

static double function_6(double t, double *slope)
{
    return yanai(t, slope, 0.001, 0.01);
}

/* Finite up to 3 alone. */
static double function_7(double t, double *slope)
{
    *slope = 2 * (t - 2);
    return t < 3 ? (t - 2) * (t - 2) : (double)NAN;
}

static double on_line(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    const line_function *l = user;
    double slope, f = l->value((double)x[0], &slope);
    (void)n;
    gradient[0] = (nst_real)slope;
    return f;
}

/* Whether the second Wolfe condition holds too, which a search of many trials may forgo. */
static bool check_search(nst_line_search search, line_function l)
{
    nst_ctx *ctx = test_ctx();
    nst_optim_config config = default_config(NST_OPTIMIZER_LBFGS);
    objective o = {.function = on_line, .user = &l, .n = 1};
    const nst_real start[1] = {0}, direction[1] = {(nst_real)l.scale};
    nst_optimizer *optimizer;
    nst_line line = {direction, 0, 0};
    double f = 0, slope, t;
    bool flat_enough;
    config.line_search = search;
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    line.slope = (double)nst_optimizer_gradient(optimizer)[0] * l.scale;
    line.lowest = nst_optimizer_f(optimizer);
    assert_int_equal(nst_search_line(optimizer, &line, &f), NST_STEP_OK);
    t = (double)optimizer->trial_x[0] / l.scale;
    slope = (double)optimizer->trial_gradient[0] * l.scale;
    assert_true(t > 0);
    assert_true(f == l.value((double)optimizer->trial_x[0], &(double){0}));
    assert_true(f <= line.lowest + 1e-4 * t * line.slope + 1.1e-6 * fabs(line.lowest));
    flat_enough = fabs(slope) <= 0.9 * fabs(line.slope) * (1 + 1e-6);
    if (search == NST_LINE_SEARCH_STRONG_WOLFE && o.calls <= 8) assert_true(flat_enough);
    assert_in_range(o.calls, 2, 27);
    assert_true(nst_optimizer_x(optimizer)[0] == 0);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
    return flat_enough;
}

static void accepted_points_satisfy_the_conditions(void **state)
{
    static double (*const functions[])(double t, double *slope) = {function_1, function_2, function_3, function_4,
                                                                  function_5, function_6, function_7};
    int cases = 0, flat_enough = 0;
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        for (double scale = 1e-3; scale < 2e3; scale *= 10) {
            check_search(NST_LINE_SEARCH_ARMIJO, (line_function){functions[i], scale});
            flat_enough += check_search(NST_LINE_SEARCH_STRONG_WOLFE, (line_function){functions[i], scale});
            cases++;
        }
    assert_in_range(flat_enough, cases * 4 / 5, cases);
}

/* Rises at once though the slope promises a fall: no step helps. */
static double liar(double t, double *slope)
{
    *slope = -1;
    return t;
}

static void reports_that_no_step_lowers_f(void **state)
{
    (void)state;
    for (int search = 0; search < 2; search++) {
        nst_ctx *ctx = test_ctx();
        nst_optim_config config = default_config(NST_OPTIMIZER_LBFGS);
        line_function l = {liar, 1};
        objective o = {.function = on_line, .user = &l, .n = 1};
        const nst_real start[1] = {0}, direction[1] = {1};
        nst_line line = {direction, -1, 0};
        nst_optimizer *optimizer;
        double f;
        config.line_search = (nst_line_search)search;
        optimizer = make(ctx, &config, &o, start);
        assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
        assert_int_equal(nst_search_line(optimizer, &line, &f), NST_STEP_CONVERGED);
        nst_optimizer_free(optimizer);
        nst_ctx_unref(ctx);
    }
}

/* Of x just below 1, a step of two thirds of a unit in the last place: it falls a little and is steep, so that the search turns
 * back, where every step rounds to 1 again. */
static double last_place(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    const double *step = user;
    (void)n;
    gradient[0] = x[0] < 1 ? -5 : 1;
    return x[0] < 1 ? -0.2 * *step : 0;
}

static void what_is_accepted_was_evaluated(void **state)
{
    const nst_real ulp = (nst_real)(sizeof(nst_real) == sizeof(float) ? 0x1p-24 : 0x1p-53);
    const nst_real start[1] = {1}, direction[1] = {(nst_real)-0.67 * ulp};
    double step = -(double)direction[0], f = 0;
    nst_ctx *ctx = test_ctx();
    nst_optim_config config = default_config(NST_OPTIMIZER_LBFGS);
    objective o = {.function = last_place, .user = &step, .n = 1};
    nst_line line = {direction, -step, 0};
    nst_optimizer *optimizer;
    (void)state;
    config.line_search = NST_LINE_SEARCH_STRONG_WOLFE;
    optimizer = make(ctx, &config, &o, start);
    assert_int_equal(nst_optimizer_begin(optimizer), NST_STEP_OK);
    assert_int_equal(nst_search_line(optimizer, &line, &f), NST_STEP_OK);
    assert_true(optimizer->trial_x[0] == 1 - ulp);
    assert_true(optimizer->trial_gradient[0] == -5);
    assert_true(f == -0.2 * step);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_points_satisfy_the_conditions),
        cmocka_unit_test(reports_that_no_step_lowers_f),
        cmocka_unit_test(what_is_accepted_was_evaluated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
