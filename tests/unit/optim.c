/* What every optimiser promises: an aborted step leaves no trace, the state resumes bit for bit, memory may run out, arguments
 * are checked. */
#include "optim_support.h"

#define N 12
#define STEPS 14

/* Rosenbrock with a wall of NaN, so that searches take several trials. */
static double walled(void *user, size_t n, const nst_real *x, nst_real *gradient)
{
    double f = rosenbrock(user, n, x, gradient);
    return x[0] > (nst_real)0.9 ? (double)NAN : f;
}

typedef struct variant {
    const char *name;
    nst_optimizer_kind kind;
    nst_line_search search;
    int bounded_from; /* step */
    nst_precision history;
} variant;

static const variant variants[] = {
    {"Armijo", NST_OPTIMIZER_LBFGS, NST_LINE_SEARCH_ARMIJO, STEPS, NST_PRECISION_FP32},
    {"strong Wolfe", NST_OPTIMIZER_LBFGS, NST_LINE_SEARCH_STRONG_WOLFE, STEPS, NST_PRECISION_FP32},
    {"bounded", NST_OPTIMIZER_LBFGS, NST_LINE_SEARCH_ARMIJO, 4, NST_PRECISION_FP32},
    {"Adam", NST_OPTIMIZER_ADAM, NST_LINE_SEARCH_ARMIJO, STEPS, NST_PRECISION_FP32},
    {"16 bits", NST_OPTIMIZER_LBFGS, NST_LINE_SEARCH_ARMIJO, STEPS, NST_PRECISION_BF16},
    {"16 bits, bounded", NST_OPTIMIZER_LBFGS, NST_LINE_SEARCH_STRONG_WOLFE, 4, NST_PRECISION_BF16},
};

#define VARIANTS (sizeof variants / sizeof variants[0])

static nst_optimizer *start_variant(nst_ctx *ctx, const variant *v, objective *o)
{
    nst_optim_config config = default_config(v->kind);
    nst_real start[N];
    for (int i = 0; i < N; i++) start[i] = (nst_real)(0.1 + 0.07 * (i % 7));
    config.line_search = v->search;
    config.history = 4;
    config.history_precision = v->history;
    config.learning_rate = 0.3;
    *o = (objective){.function = walled, .n = N};
    return make(ctx, &config, o, start);
}

static void assert_same_result(nst_optimizer *optimizer, const nst_real *x, double f)
{
    assert_memory_equal(nst_optimizer_result(optimizer), x, N * sizeof *x);
    assert_true(nst_optimizer_f(optimizer) == f);
}

/* Begins and takes one step, as a caller does that may be cancelled: each is tried again after a cancellation. What is shown must be the
 * same before and after it, and where the optimiser does not work in place, the whole state. */
static void step_through_cancels(nst_optimizer *optimizer, const variant *v, int index)
{
    snapshot before = {0};
    int32_t status;
    nst_optimizer_set_bounded(optimizer, index >= v->bounded_from);
    for (int phase = 0; phase < 2; phase++) {
        do {
            nst_real shown[N];
            double f = nst_optimizer_f(optimizer);
            memcpy(shown, nst_optimizer_result(optimizer), sizeof shown);
            assert_int_equal(visit_with(optimizer, &before, false), NST_OK);
            status = phase == 0 ? nst_optimizer_begin(optimizer) : nst_optimizer_step(optimizer);
            if (status < 0) assert_same_result(optimizer, shown, f);
            if (status < 0 && v->kind != NST_OPTIMIZER_ADAM) assert_same_state(optimizer, &before);
        } while (status == NST_ERR_CANCELLED);
        assert_true(status >= 0);
    }
    free(before.bytes);
}

static void cancelling_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        nst_ctx *ctx = test_ctx();
        snapshot expected = {0};
        objective o;
        nst_optimizer *optimizer = start_variant(ctx, &variants[v], &o);
        int calls;
        for (int i = 0; i < STEPS; i++) step_through_cancels(optimizer, &variants[v], i);
        visit_with(optimizer, &expected, false);
        calls = o.calls;
        nst_optimizer_free(optimizer);
        for (int k = 1; k <= calls; k++) {
            optimizer = start_variant(ctx, &variants[v], &o);
            o.cancel_at = k;
            for (int i = 0; i < STEPS; i++) step_through_cancels(optimizer, &variants[v], i);
            assert_true(o.calls > calls);
            assert_same_state(optimizer, &expected);
            nst_optimizer_free(optimizer);
        }
        free(expected.bytes);
        nst_ctx_unref(ctx);
    }
}

static void take_steps(nst_optimizer *optimizer, const variant *v, int from, int to)
{
    for (int i = from; i < to; i++) {
        nst_optimizer_set_bounded(optimizer, i >= v->bounded_from);
        assert_true(nst_optimizer_step(optimizer) >= 0);
    }
}

static void resumes_bit_for_bit_from_every_step(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        nst_ctx *ctx = test_ctx();
        snapshot expected = {0}, middle = {0};
        objective o, other;
        nst_optimizer *whole = start_variant(ctx, &variants[v], &o);
        take_steps(whole, &variants[v], 0, STEPS);
        visit_with(whole, &expected, false);
        for (int k = 0; k <= STEPS; k++) {
            nst_optimizer *first = start_variant(ctx, &variants[v], &o), *second = start_variant(ctx, &variants[v], &other);
            take_steps(first, &variants[v], 0, k);
            visit_with(first, &middle, false);
            take_steps(second, &variants[v], 0, 3);
            assert_int_equal(visit_with(second, &middle, true), NST_OK);
            take_steps(second, &variants[v], k, STEPS);
            assert_same_state(second, &expected);
            assert_memory_equal(nst_optimizer_result(second), nst_optimizer_result(whole), N * sizeof(nst_real));
            nst_optimizer_free(first);
            nst_optimizer_free(second);
        }
        nst_optimizer_free(whole);
        free(expected.bytes);
        free(middle.bytes);
        nst_ctx_unref(ctx);
    }
}

/* The number of whole steps before the one that is cancelled. */
static int steps_until_cancelled(nst_optimizer *optimizer, const variant *v)
{
    for (int i = 0; i < STEPS; i++) {
        nst_optimizer_set_bounded(optimizer, i >= v->bounded_from);
        if (nst_optimizer_step(optimizer) == NST_ERR_CANCELLED) return i;
    }
    fail_msg("nothing was cancelled");
    return STEPS;
}

/* Also between proposing a point and knowing its f. */
static void resumes_bit_for_bit_from_a_cancelled_step(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        nst_ctx *ctx = test_ctx();
        snapshot expected = {0}, middle = {0};
        objective o, other;
        nst_optimizer *whole = start_variant(ctx, &variants[v], &o);
        int calls;
        take_steps(whole, &variants[v], 0, STEPS);
        visit_with(whole, &expected, false);
        calls = o.calls;
        nst_optimizer_free(whole);
        for (int k = 1; k <= calls; k++) {
            nst_optimizer *first = start_variant(ctx, &variants[v], &o), *second = start_variant(ctx, &variants[v], &other);
            int done;
            o.cancel_at = k;
            done = steps_until_cancelled(first, &variants[v]);
            visit_with(first, &middle, false);
            assert_int_equal(visit_with(second, &middle, true), NST_OK);
            take_steps(second, &variants[v], done, STEPS);
            assert_same_state(second, &expected);
            nst_optimizer_free(first);
            nst_optimizer_free(second);
        }
        free(expected.bytes);
        free(middle.bytes);
        nst_ctx_unref(ctx);
    }
}

/* Loads a state in which one scalar has been replaced. */
typedef struct spoiler {
    const char *name;
    double value;
} spoiler;

static int32_t spoil_array(void *user, const char *name, nst_real *values, size_t count)
{
    (void)user;
    (void)name;
    for (size_t i = 0; i < count; i++) values[i] = (nst_real)0.5;
    return NST_OK;
}

static int32_t spoil_bfloats(void *user, const char *name, uint16_t *values, size_t count)
{
    (void)user;
    (void)name;
    for (size_t i = 0; i < count; i++) values[i] = 0x3f00; /* a half */
    return NST_OK;
}

static int32_t spoil_scalar(void *user, const char *name, double *value)
{
    const spoiler *s = user;
    if (strcmp(name, s->name) == 0) *value = s->value;
    return NST_OK;
}

static void refuses_impossible_counts(void **state)
{
    static const char *const names[2][8] = {{"pairs", "newest", "evaluations", "fresh", "bounded", NULL},
                                            {"steps", "averaged", "halvings", "pending", "evaluations", "fresh", "bounded", NULL}};
    static const double values[] = {-1, 0.5, 1e300, (double)INFINITY, (double)NAN};
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (int i = 0; names[kind][i]; i++)
            for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
                nst_ctx *ctx = test_ctx();
                objective o;
                nst_optimizer *optimizer = start_variant(ctx, &variants[kind ? 3 : 0], &o);
                spoiler s = {names[kind][i], values[k]};
                nst_state_visitor visitor = {spoil_array, spoil_bfloats, spoil_scalar, &s};
                assert_int_equal(nst_optimizer_visit_state(optimizer, &visitor), NST_ERR_CHECKPOINT_FORMAT);
                nst_optimizer_free(optimizer);
                nst_ctx_unref(ctx);
            }
}

/* A checkpoint whose numbers make no sense must not send x anywhere that f does not follow. */
static void senseless_pairs_do_no_harm(void **state)
{
    static const double values[] = {0, -1, 1e300, (double)INFINITY, (double)NAN};
    static const char *const names[] = {"sy0", "yy0", "lowest", "f"};
    static const size_t tried[] = {0, 4};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof values / sizeof values[0]; i++)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            nst_ctx *ctx = test_ctx();
            objective o;
            nst_optimizer *optimizer = start_variant(ctx, &variants[tried[i % 2]], &o);
            spoiler s = {names[k], values[i / 2]};
            nst_state_visitor visitor = {spoil_array, spoil_bfloats, spoil_scalar, &s};
            take_steps(optimizer, &variants[0], 0, 3);
            assert_int_equal(nst_optimizer_visit_state(optimizer, &visitor), NST_OK);
            for (int step = 0; step < 5; step++) assert_true(nst_optimizer_step(optimizer) >= 0);
            for (int j = 0; j < N; j++) assert_true(isfinite(nst_optimizer_x(optimizer)[j]));
            nst_optimizer_free(optimizer);
            nst_ctx_unref(ctx);
        }
}

typedef struct ration {
    int left, held;
} ration;

static void *ration_allocate(void *user, uint64_t size, uint64_t alignment)
{
    ration *r = user;
    void *memory = NULL;
    if (r->left-- <= 0 || posix_memalign(&memory, (size_t)alignment, (size_t)size) != 0) return NULL;
    r->held++;
    return memory;
}

static void ration_release(void *user, void *memory)
{
    ((ration *)user)->held--;
    free(memory);
}

/* True if the optimiser could be made with that many allocations; it must then step without asking for more. */
static bool works_with(int allocations, nst_optimizer_kind kind, nst_precision history)
{
    static const nst_exec exec = {run_in_order, NULL, 1};
    ration r = {1000, 0};
    nst_allocator allocator = {sizeof allocator, 0, ration_allocate, ration_release, &r};
    nst_ctx_config ctx_config = {.size = sizeof ctx_config, .threads = 1, .allocator = &allocator};
    nst_optim_config config = default_config(kind);
    objective o = {.function = rosenbrock, .n = N};
    nst_problem problem = {.n = N, .evaluate = evaluate_objective, .user = &o};
    const nst_real start[N] = {0};
    nst_optimizer *optimizer = NULL;
    nst_real *x;
    nst_error error = {""};
    nst_ctx *ctx;
    int32_t status;
    int before;
    assert_int_equal(nst_ctx_new(&ctx_config, &ctx), NST_OK);
    before = r.held;
    config.history_precision = history;
    x = copy_start(ctx, start, N);
    r.left = allocations;
    status = nst_optimizer_new(ctx, nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32), &exec, &config, &problem, &x, &optimizer,
                               &error);
    r.left = 0;
    assert_true((x == NULL) == (status == NST_OK));
    nst_free(&ctx->memory, x);
    if (status == NST_OK) {
        for (int i = 0; i < 20; i++) assert_int_equal(nst_optimizer_step(optimizer), NST_STEP_OK);
    } else {
        assert_int_equal(status, NST_ERR_NOMEM);
        assert_null(optimizer);
        assert_non_null(strstr(error.text, "out of memory"));
    }
    nst_optimizer_free(optimizer);
    assert_int_equal(r.held, before);
    nst_ctx_unref(ctx);
    assert_int_equal(r.held, 0);
    return status == NST_OK;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        int allocations = 0;
        while (!works_with(allocations, (nst_optimizer_kind)(kind % 2), kind == 2 ? NST_PRECISION_BF16 : NST_PRECISION_FP32))
            allocations++;
        assert_in_range(allocations, 4, 100);
    }
}

/* ---- the same bytes for any number of threads ---- */

enum { MANY = 100003 }; /* several parts, a tail */

static void run_on_pool(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    nst_run(user, job, data, count);
}

static snapshot state_after_steps(const variant *v, int threads)
{
    nst_ctx_config ctx_config = {.size = sizeof ctx_config, .threads = threads};
    nst_ctx *ctx = NULL;
    nst_optim_config config = default_config(v->kind);
    objective o = {.function = rosenbrock, .n = MANY - 1};
    nst_problem problem = {.n = MANY - 1, .evaluate = evaluate_objective, .user = &o};
    nst_optimizer *optimizer = NULL;
    nst_real *start;
    nst_exec exec;
    snapshot end = {0};
    assert_int_equal(nst_ctx_new(&ctx_config, &ctx), NST_OK);
    exec = (nst_exec){run_on_pool, ctx, (uint32_t)threads};
    start = nst_alloc_array(&ctx->memory, MANY, sizeof *start);
    for (size_t i = 0; i < MANY; i++) start[i] = (nst_real)(0.001 * (double)(i % 1009));
    config.line_search = v->search;
    config.history = 4;
    config.history_precision = v->history;
    assert_int_equal(nst_optimizer_new(ctx, nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32), &exec, &config, &problem, &start,
                                       &optimizer, NULL), NST_OK);
    take_steps(optimizer, v, 0, 8);
    assert_int_equal(visit_with(optimizer, &end, false), NST_OK);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
    return end;
}

static void threads_do_not_show(void **state)
{
    (void)state;
    for (size_t v = 0; v < VARIANTS; v++) {
        snapshot alone = state_after_steps(&variants[v], 1);
        for (int threads = 2; threads <= 8; threads += 3) {
            snapshot several = state_after_steps(&variants[v], threads);
            assert_int_equal(several.length, alone.length);
            assert_memory_equal(several.bytes, alone.bytes, alone.length);
            free(several.bytes);
        }
        free(alone.bytes);
    }
}

static int32_t try_config(nst_optim_config config, size_t n)
{
    static const nst_exec exec = {run_in_order, NULL, 1};
    nst_ctx *ctx = test_ctx();
    objective o = {.function = rosenbrock, .n = n};
    nst_problem problem = {.n = n, .evaluate = evaluate_objective, .user = &o};
    const nst_real start[N] = {0};
    nst_optimizer *optimizer = NULL;
    nst_error error = {""};
    const nst_kernels *kernels = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    nst_real *x = copy_start(ctx, start, N);
    int32_t status = nst_optimizer_new(ctx, kernels, &exec, &config, &problem, &x, &optimizer, &error);
    assert_true((status == NST_OK) == (optimizer != NULL));
    assert_true((status == NST_OK) == (error.text[0] == 0) && (status == NST_OK) == (x == NULL));
    nst_free(&ctx->memory, x);
    nst_optimizer_free(optimizer);
    nst_ctx_unref(ctx);
    return status;
}

static void checks_its_arguments(void **state)
{
    nst_optim_config config = default_config(NST_OPTIMIZER_LBFGS), bad;
    (void)state;
    assert_int_equal(try_config(config, N), NST_OK);
    assert_int_equal(try_config(config, 0), NST_ERR_INVALID_ARG);
    assert_int_equal(try_config(config, SIZE_MAX / 2), NST_ERR_NOMEM);
    bad = config, bad.kind = (nst_optimizer_kind)17;
    assert_int_equal(try_config(bad, N), NST_ERR_INVALID_ARG);
    bad = config, bad.history = 0;
    assert_int_equal(try_config(bad, N), NST_ERR_INVALID_ARG);
    bad = config, bad.learning_rate = 0;
    assert_int_equal(try_config(bad, N), NST_ERR_INVALID_ARG);
    bad = config, bad.learning_rate = (double)NAN;
    assert_int_equal(try_config(bad, N), NST_ERR_INVALID_ARG);
    bad = config, bad.lower = 1;
    assert_int_equal(try_config(bad, N), NST_ERR_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelling_leaves_no_trace),
        cmocka_unit_test(resumes_bit_for_bit_from_every_step),
        cmocka_unit_test(resumes_bit_for_bit_from_a_cancelled_step),
        cmocka_unit_test(refuses_impossible_counts),
        cmocka_unit_test(senseless_pairs_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(checks_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
