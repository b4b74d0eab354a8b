/* The pyramid preconditioner and the halvings of pictures: adjoints, symmetry, constants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/random.h"
#include "session/picture.h"
#include "session/pyramid.h"

static const struct { size_t width, height; } sizes[] = {{1, 1}, {2, 3}, {5, 1}, {7, 9}, {16, 16}, {33, 20}, {64, 47}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void run_in_order(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static const nst_exec exec = {run_in_order, NULL, 1};

static nst_real *noise(size_t count, uint64_t seed)
{
    nst_random random = {seed};
    nst_real *x = malloc(count * sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (nst_real)nst_random_normal(&random);
    return x;
}

static double dot(const nst_real *a, const nst_real *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static int setup(void **state)
{
    nst_ctx *ctx = NULL;
    nst_ctx_config config = {.size = sizeof config, .threads = 1};
    if (nst_ctx_new(&config, &ctx) != NST_OK) return -1;
    *state = ctx;
    return 0;
}

static int teardown(void **state)
{
    nst_ctx_unref(*state);
    return 0;
}

static nst_real *applied(nst_ctx *ctx, const nst_real *x, size_t width, size_t height)
{
    size_t count = 3 * width * height;
    nst_real *y = malloc(count * sizeof *y);
    nst_pyramid *pyramid = nst_pyramid_new(&ctx->memory, &exec, width, height);
    assert_non_null(pyramid);
    memcpy(y, x, count * sizeof *y);
    nst_pyramid_apply(pyramid, y);
    nst_pyramid_free(pyramid);
    return y;
}

/* <Px, y> = <x, Py>, and <Px, x> is at least <x, x>: the identity is a part of it. */
static void it_is_symmetric_and_positive(void **state)
{
    for (size_t i = 0; i < SIZES; i++) {
        size_t width = sizes[i].width, height = sizes[i].height, count = 3 * width * height;
        nst_real *x = noise(count, 2 * i + 1), *y = noise(count, 2 * i + 2);
        nst_real *px = applied(*state, x, width, height), *py = applied(*state, y, width, height);
        double scale = sqrt(dot(px, px, count) * dot(y, y, count));
        assert_true(fabs(dot(px, y, count) - dot(x, py, count)) < 1e-6 * scale);
        assert_true(dot(px, x, count) >= dot(x, x, count) * (1 - 1e-6));
        free(x);
        free(y);
        free(px);
        free(py);
    }
}

/* Every halving multiplies what is constant by 4 on the way down, 1/2 of which counts: 1 + 2 + 4 + 8 + 16. */
static void coarse_structure_moves_first(void **state)
{
    enum { SIDE = 64, COUNT = 3 * SIDE * SIDE };
    nst_real *ones = malloc(COUNT * sizeof *ones), *flat;
    for (size_t i = 0; i < COUNT; i++) ones[i] = 1;
    flat = applied(*state, ones, SIDE, SIDE);
    for (size_t i = 0; i < COUNT; i++) assert_true(fabs((double)flat[i] - 31) < 1e-4);
    for (size_t i = 0; i < COUNT; i++) ones[i] = (nst_real)((i % SIDE + i / SIDE) % 2 ? 1 : -1);
    free(flat);
    flat = applied(*state, ones, SIDE, SIDE); /* the finest pattern has next to nothing in the coarser levels */
    assert_true(dot(flat, flat, COUNT) < 1.5 * COUNT);
    free(flat);
    free(ones);
}

static void it_tells_what_it_takes(void **state)
{
    nst_ctx *ctx = *state;
    for (size_t i = 0; i < SIZES; i++) {
        uint64_t before = nst_ctx_memory_used(ctx);
        nst_pyramid *pyramid = nst_pyramid_new(&ctx->memory, &exec, sizes[i].width, sizes[i].height);
        assert_int_equal(nst_ctx_memory_used(ctx) - before, nst_pyramid_bytes(sizes[i].width, sizes[i].height));
        nst_pyramid_free(pyramid);
    }
}

/* <halve(x), y> = <x, backward(y)>; in place is the same. */
static void halvings_have_their_adjoint(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZES; i++) {
        size_t width = sizes[i].width, height = sizes[i].height, count = 3 * width * height, half = 3 * (width / 2) * (height / 2);
        nst_real *x = noise(count, i + 50), *y = noise(half + 1, i + 60);
        nst_real *hx = malloc((half + 1) * sizeof *hx), *by = calloc(count, sizeof *by);
        nst_picture_halve(x, width, height, hx);
        nst_picture_halve_backward(y, width, height, by);
        assert_true(fabs(dot(hx, y, half) - dot(x, by, count)) < 1e-5 * (1 + sqrt(dot(x, x, count) * dot(by, by, count))));
        nst_picture_halve(x, width, height, x);
        assert_memory_equal(x, hx, half * sizeof *x);
        free(x);
        free(y);
        free(hx);
        free(by);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_symmetric_and_positive), cmocka_unit_test(coarse_structure_moves_first),
        cmocka_unit_test(it_tells_what_it_takes), cmocka_unit_test(halvings_have_their_adjoint)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
