/* The matting loss against the matting Laplacian written out as a matrix (Levin, Lischinski, Weiss 2008, equation 12), in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loss/loss.h"

enum { LARGEST = 40 };
static const double eps = 1e-5;
static const nst_shape shapes[] = {{3, 3, 3}, {3, 3, 8}, {3, 7, 4}, {3, 5, 13}, {3, 12, 10}, {3, 40, 21}};

static void run_backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = count; i > 0; i--) job(data, i - 1);
}

static const nst_exec exec = {run_backwards, NULL, 1};

static void fill(double *values, size_t count, uint64_t seed)
{
    nst_random random = {seed};
    for (size_t i = 0; i < count; i++) values[i] = 0.5 + 0.2 * nst_random_normal(&random);
}

typedef struct matting {
    nst_loss loss;
    nst_shape shape;
} matting;

static matting open_matting(nst_shape shape, const double *content)
{
    matting m = {.loss = {.class = &nst_loss_matting, .tools = {nst_kernels_for(0, NST_PRECISION_FP32), &exec}, .shape = shape,
                          .weight = 1, .factor = 1}, .shape = shape};
    nst_tile whole = nst_tile_whole(shape);
    void *target = calloc(1, nst_loss_matting.target_bytes(&m.loss.tools, shape));
    nst_loss_matting.target_accumulate(&m.loss.tools, shape, &whole, content, target, NULL);
    m.loss.target = target;
    m.loss.state = malloc(nst_loss_matting.state_bytes(&m.loss.tools, shape));
    return m;
}

static void close_matting(matting *m)
{
    free((void *)(uintptr_t)m->loss.target);
    free(m->loss.state);
}

/* L p for the three colours, as half the gradient. */
static void apply(matting *m, const double *p, double *result)
{
    memset(result, 0, nst_shape_count(m->shape) * sizeof *result);
    nst_loss_evaluate(&m->loss, p);
    nst_loss_differentiate(&m->loss, p, result);
    for (size_t i = 0; i < nst_shape_count(m->shape); i++) result[i] /= 2;
}

/* ---- the matrix ---- */

/* By Gauss and Jordan with pivots. */
static void invert(double m[3][3], double inverse[3][3])
{
    double a[3][6] = {{0}};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            a[i][j] = m[i][j];
            a[i][3 + j] = i == j;
        }
    for (int column = 0; column < 3; column++) {
        int pivot = column;
        for (int i = column + 1; i < 3; i++)
            if (fabs(a[i][column]) > fabs(a[pivot][column])) pivot = i;
        for (int j = 0; j < 6; j++) {
            double swapped = a[pivot][j];
            a[pivot][j] = a[column][j];
            a[column][j] = swapped;
        }
        for (int i = 0; i < 3; i++) {
            double times = i == column ? 0 : a[i][column] / a[column][column];
            for (int j = 0; j < 6; j++) a[i][j] -= times * a[column][j];
        }
    }
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) inverse[i][j] = a[i][3 + j] / a[i][i];
}

/* Adds delta_ij - (1 + (I_i - mean)' (covariance + eps/9)^-1 (I_j - mean)) / 9 of the window with the corner at (row, column). */
static void add_window(nst_shape shape, const double *content, size_t row, size_t column, double *matrix)
{
    size_t positions = nst_shape_positions(shape), at[9];
    double d[9][3], covariance[3][3], inverse[3][3];
    for (int i = 0; i < 9; i++) at[i] = (row + (size_t)i / 3) * shape.width + column + (size_t)i % 3;
    for (int c = 0; c < 3; c++) {
        double mean = 0;
        for (int i = 0; i < 9; i++) mean += content[(size_t)c * positions + at[i]] / 9;
        for (int i = 0; i < 9; i++) d[i][c] = content[(size_t)c * positions + at[i]] - mean;
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            covariance[a][b] = a == b ? eps / 9 : 0;
            for (int i = 0; i < 9; i++) covariance[a][b] += d[i][a] * d[i][b] / 9;
        }
    invert(covariance, inverse);
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++) {
            double form = 0;
            for (int a = 0; a < 3; a++)
                for (int b = 0; b < 3; b++) form += d[i][a] * inverse[a][b] * d[j][b];
            matrix[at[i] * positions + at[j]] += (i == j) - (1 + form) / 9;
        }
}

static double *make_matrix(nst_shape shape, const double *content)
{
    size_t positions = nst_shape_positions(shape);
    double *matrix = calloc(positions * positions, sizeof *matrix);
    for (size_t row = 0; row + 3 <= shape.height; row++)
        for (size_t column = 0; column + 3 <= shape.width; column++) add_window(shape, content, row, column, matrix);
    return matrix;
}

static void check_close(const char *what, double got, double wanted, double scale)
{
    if (!(fabs(got - wanted) <= 1e-12 * scale)) print_error("%s: got %.17g, wanted %.17g, of %g\n", what, got, wanted, scale);
    assert_true(fabs(got - wanted) <= 1e-12 * scale);
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(values[i]));
    return largest;
}

static void check_matrix(nst_shape shape, uint64_t seed)
{
    size_t positions = nst_shape_positions(shape), count = nst_shape_count(shape);
    double content[3 * LARGEST * LARGEST], p[3 * LARGEST * LARGEST], got[3 * LARGEST * LARGEST], wanted[3 * LARGEST * LARGEST];
    double *matrix, form = 0;
    matting m;
    fill(content, count, seed);
    fill(p, count, seed + 1);
    matrix = make_matrix(shape, content);
    m = open_matting(shape, content);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < positions; i++) {
            double sum = 0;
            for (size_t j = 0; j < positions; j++) sum += matrix[i * positions + j] * p[c * positions + j];
            wanted[c * positions + i] = sum;
            form += p[c * positions + i] * sum;
        }
    apply(&m, p, got);
    for (size_t i = 0; i < count; i++) check_close("L p", got[i], wanted[i], largest_of(wanted, count));
    check_close("p' L p", nst_loss_evaluate(&m.loss, p), form, fabs(form));
    close_matting(&m);
    free(matrix);
}

static void it_is_the_matting_laplacian(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) check_matrix(shapes[s], 10 * s + 1);
}

/* ---- what is known of it ---- */

static double product(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

static void it_is_symmetric_and_positive(void **state)
{
    double content[3 * 30 * 17], p[3 * 30 * 17], q[3 * 30 * 17], lp[3 * 30 * 17], lq[3 * 30 * 17];
    const nst_shape shape = {3, 30, 17};
    size_t count = nst_shape_count(shape);
    matting m;
    (void)state;
    fill(content, count, 31);
    m = open_matting(shape, content);
    for (uint64_t seed = 40; seed < 50; seed++) {
        fill(p, count, seed);
        fill(q, count, seed + 100);
        apply(&m, p, lp);
        apply(&m, q, lq);
        check_close("p' L q", product(q, lp, count), product(p, lq, count), product(p, lp, count));
        assert_true(product(p, lp, count) > 0);
    }
    close_matting(&m);
}

/* p = matrix I + offset, exactly affine; eps |a|^2 is left of every window. */
static double affine_energy(nst_shape shape, const double *content, double matrix[3][3], const double offset[3])
{
    double p[3 * LARGEST * LARGEST], energy;
    size_t positions = nst_shape_positions(shape);
    matting m = open_matting(shape, content);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < positions; i++) {
            p[c * positions + i] = offset[c];
            for (size_t k = 0; k < 3; k++) p[c * positions + i] += matrix[c][k] * content[k * positions + i];
        }
    energy = nst_loss_evaluate(&m.loss, p);
    close_matting(&m);
    return energy;
}

static void recolourings_cost_nothing(void **state)
{
    double content[3 * LARGEST * LARGEST], none[3][3] = {{0}}, some[3][3] = {{0.5, -0.3, 0.2}, {0.1, 1.2, 0}, {0, 0.4, -0.8}};
    const double offset[3] = {0.3, 0.1, -0.2};
    const nst_shape shape = {3, 20, 30};
    double windows = 18 * 28, largest = 0;
    (void)state;
    fill(content, nst_shape_count(shape), 61);
    for (int i = 0; i < 9; i++) largest += some[i / 3][i % 3] * some[i / 3][i % 3];
    assert_true(affine_energy(shape, content, none, offset) < 1e-25);
    assert_true(affine_energy(shape, content, some, offset) <= windows * eps * largest * (1 + 1e-9));
}

/* Grey and flat contents, whose colours leave a window's system with eps alone in it. */
static void degenerate_contents_are_solved(void **state)
{
    double content[3 * 20 * 20], p[3 * 20 * 20], gradient[3 * 20 * 20], identity[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    const double nothing[3] = {0, 0, 0};
    const nst_shape shape = {3, 20, 20};
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        matting m;
        fill(content, 400, 71);
        if (flat) for (size_t i = 0; i < 400; i++) content[i] = 0.7;
        memcpy(content + 400, content, 400 * sizeof *content);
        memcpy(content + 800, content, 400 * sizeof *content);
        assert_true(affine_energy(shape, content, identity, nothing) <= 18 * 18 * eps * 3);
        fill(p, 1200, 72);
        m = open_matting(shape, content);
        apply(&m, p, gradient);
        assert_true(isfinite(m.loss.value) && m.loss.value > 0);
        check_close("p' L p", product(p, gradient, 1200), m.loss.value, 1e3 * m.loss.value);
        close_matting(&m);
    }
}

/* Anywhere else it is far from nothing: the loss is no other than that of 3x3 windows. */
static void another_picture_costs(void **state)
{
    double content[3 * 20 * 20], p[3 * 20 * 20], ratio;
    const nst_shape shape = {3, 20, 20};
    matting m;
    (void)state;
    fill(content, 1200, 81);
    fill(p, 1200, 82);
    m = open_matting(shape, content);
    ratio = nst_loss_evaluate(&m.loss, p) * nst_loss_matting.factor(NST_DIALECT_NORMALISED, shape, m.loss.target);
    assert_true(ratio > 0.5 && ratio < 0.8); /* 5 of a window's 8 degrees of freedom are not the content's */
    close_matting(&m);
}

static void pictures_without_windows_cost_nothing(void **state)
{
    static const nst_shape small[] = {{3, 1, 1}, {3, 2, 9}, {3, 9, 2}, {3, 1, 5}};
    (void)state;
    for (size_t s = 0; s < 4; s++) {
        double content[60], p[60], gradient[60];
        matting m;
        fill(content, nst_shape_count(small[s]), 91);
        fill(p, nst_shape_count(small[s]), 92);
        m = open_matting(small[s], content);
        apply(&m, p, gradient);
        assert_true(m.loss.value == 0 && largest_of(gradient, nst_shape_count(small[s])) == 0);
        close_matting(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_matting_laplacian),
        cmocka_unit_test(it_is_symmetric_and_positive),
        cmocka_unit_test(recolourings_cost_nothing),
        cmocka_unit_test(degenerate_contents_are_solved),
        cmocka_unit_test(another_picture_costs),
        cmocka_unit_test(pictures_without_windows_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
