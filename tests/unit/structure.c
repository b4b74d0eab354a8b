/* Structural similarity, edges and fine detail: values worked out by hand, and formulas written out again without any shortcut. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "measure/structure.h"

enum { MOST = 40 };
static const double pi = 3.14159265358979323846, rounding = sizeof(nst_real) == 4 ? 1e-6 : 1e-12;

typedef struct canvas {
    nst_real values[MOST * MOST];
    nst_plane plane;
} canvas;

static canvas blank(size_t width, size_t height, double value)
{
    canvas c;
    c.plane = (nst_plane){width, height, NULL};
    for (size_t i = 0; i < width * height; i++) c.values[i] = (nst_real)value;
    return c;
}

static canvas noise(size_t width, size_t height, uint64_t seed)
{
    nst_random random = {seed};
    canvas c = blank(width, height, 0);
    for (size_t i = 0; i < width * height; i++) c.values[i] = (nst_real)(0.5 + 0.15 * nst_random_normal(&random));
    return c;
}

static double ssim(canvas *a, canvas *b)
{
    double scratch[6 * MOST];
    assert_true(nst_structure_scratch(a->plane.width) <= sizeof scratch / sizeof scratch[0]);
    a->plane.values = a->values;
    b->plane.values = b->values;
    return nst_structure_ssim(&a->plane, &b->plane, scratch);
}

static double correlation(canvas *a, canvas *b)
{
    a->plane.values = a->values;
    b->plane.values = b->values;
    return nst_structure_correlation(&a->plane, &b->plane);
}

static double high_frequency(canvas *a)
{
    double scratch[6 * MOST];
    a->plane.values = a->values;
    return nst_structure_high_frequency(&a->plane, scratch);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g", value, expected);
}

/* ---- structural similarity ---- */

static void flat_planes_differ_in_luminance_alone(void **state)
{
    canvas a = blank(11, 11, 0.25), b = blank(11, 11, 0.75);
    (void)state;
    assert_near(ssim(&a, &b), (2 * 0.25 * 0.75 + 1e-4) / (0.0625 + 0.5625 + 1e-4), 1e-9);
    assert_near(ssim(&a, &a), 1, 1e-12);
}

/* One window: the means are the weight of its middle. */
static void a_dot_against_nothing(void **state)
{
    canvas a = blank(11, 11, 0), b = blank(11, 11, 0);
    double sum = 0, weight;
    (void)state;
    for (int i = -5; i <= 5; i++) sum += exp(-i * i / 4.5);
    weight = 1 / (sum * sum);
    a.values[5 * 11 + 5] = 1;
    assert_near(ssim(&a, &b), 1e-4 / (weight * weight + 1e-4) * 9e-4 / (weight - weight * weight + 9e-4), 1e-9);
}

/* With a weight for every position of the window, and variances around the means. */
static double ssim_of_window(const canvas *a, const canvas *b, size_t row, size_t column)
{
    double total = 0, mean_a = 0, mean_b = 0, aa = 0, bb = 0, ab = 0;
    for (int pass = 0; pass < 3; pass++)
        for (size_t y = 0; y < 11; y++)
            for (size_t x = 0; x < 11; x++) {
                double dy = (double)y - 5, dx = (double)x - 5, weight = exp(-(dy * dy + dx * dx) / (2 * 1.5 * 1.5));
                double p = (double)a->values[(row + y) * a->plane.width + column + x];
                double q = (double)b->values[(row + y) * b->plane.width + column + x];
                if (pass == 0) total += weight;
                if (pass == 1) mean_a += weight / total * p, mean_b += weight / total * q;
                if (pass == 2) {
                    aa += weight / total * (p - mean_a) * (p - mean_a);
                    bb += weight / total * (q - mean_b) * (q - mean_b);
                    ab += weight / total * (p - mean_a) * (q - mean_b);
                }
            }
    return (2 * mean_a * mean_b + 1e-4) * (2 * ab + 9e-4) / ((mean_a * mean_a + mean_b * mean_b + 1e-4) * (aa + bb + 9e-4));
}

static void noise_agrees_with_the_plain_formula(void **state)
{
    canvas a = noise(17, 13, 1), b = noise(17, 13, 2);
    double sum = 0;
    (void)state;
    for (size_t i = 0; i < 17 * 13; i++) b.values[i] = (nst_real)0.5 * (a.values[i] + b.values[i]);
    for (size_t row = 0; row < 3; row++)
        for (size_t column = 0; column < 7; column++) sum += ssim_of_window(&a, &b, row, column);
    assert_near(ssim(&a, &b), sum / 21, 1e-12);
}

/* ---- edges ---- */

static double edge_in_the_middle(canvas *c)
{
    nst_real edge = 0;
    nst_plane edges = {1, 1, &edge};
    c->plane.values = c->values;
    nst_plane_edges(&c->plane, &edges);
    return (double)edge;
}

static void edges_of_steps_and_ramps(void **state)
{
    canvas step = blank(3, 3, 0), ramp = blank(3, 3, 0), flat = blank(3, 3, 0.7);
    (void)state;
    for (size_t y = 0; y < 3; y++) step.values[3 * y + 2] = 1;
    for (size_t i = 0; i < 9; i++) ramp.values[i] = (nst_real)(0.25 * (double)(i / 3 + i % 3)); /* half a step each way */
    assert_near(edge_in_the_middle(&step), sqrt(0.5), rounding);
    assert_near(edge_in_the_middle(&ramp), 0.5, rounding);
    assert_near(edge_in_the_middle(&flat), 0, 0);
}

static void edges_are_the_inner_positions(void **state)
{
    canvas c = blank(5, 4, 0);
    nst_real values[6] = {9, 9, 9, 9, 9, 9};
    nst_plane edges = {3, 2, values};
    (void)state;
    c.plane.values = c.values;
    c.values[0] = 1; /* seen by the first inner position alone, from its corner */
    nst_plane_edges(&c.plane, &edges);
    assert_near((double)values[0], 0.25, rounding);
    for (int i = 1; i < 6; i++) assert_near((double)values[i], 0, 0);
}

static void correlation_of_a_few(void **state)
{
    canvas a = blank(2, 2, 0), b = blank(2, 2, 0), c = blank(2, 2, 1), flat = blank(2, 2, 0.3);
    (void)state;
    a.values[2] = a.values[3] = b.values[3] = 1;
    c.values[2] = c.values[3] = 0;
    assert_near(correlation(&a, &b), 0.5 / sqrt(0.75), rounding);
    assert_near(correlation(&a, &a), 1, rounding);
    assert_near(correlation(&a, &c), -1, rounding);
    assert_true(isnan(correlation(&a, &flat)));
}

/* ---- fine detail ---- */

/* A wave of whole periods over the 24 inner columns. */
static double share_of_wave(double cycles)
{
    canvas c = blank(34, 12, 0);
    for (size_t i = 0; i < 34 * 12; i++) c.values[i] = (nst_real)(0.5 + 0.4 * cos(2 * pi * cycles * (double)(i % 34)));
    return high_frequency(&c);
}

static void shares_of_waves(void **state)
{
    canvas board = blank(20, 20, 0), flat = blank(20, 20, 0.4);
    (void)state;
    for (size_t i = 0; i < 400; i++) board.values[i] = (nst_real)((i / 20 + i % 20) % 2);
    assert_near(high_frequency(&board), 1, 1e-4);
    assert_near(high_frequency(&flat), 0, 0);
    assert_near(share_of_wave(1.0 / 24), 0, 1e-5);
    assert_near(share_of_wave(1.0 / 8), 0, 0.01);
    assert_near(share_of_wave(0.25), 0.25, 0.005); /* half of the amplitude */
    assert_near(share_of_wave(3.0 / 8), 1, 0.06);
    assert_near(share_of_wave(0.5), 1, 0.01);
}

/* ---- */

static void too_small_is_not_measured(void **state)
{
    canvas narrow = noise(10, 30, 3), low = noise(30, 10, 4), one = noise(1, 1, 5);
    (void)state;
    assert_true(isnan(ssim(&narrow, &narrow)));
    assert_true(isnan(ssim(&low, &low)));
    assert_true(isnan(ssim(&one, &one)));
    assert_true(isnan(high_frequency(&narrow)));
    assert_true(isnan(high_frequency(&one)));
}

static void luma_of_grays_and_colours(void **state)
{
    const nst_real picture[] = {1, 0, 0, (nst_real)0.3, /* */ 0, 1, 0, (nst_real)0.3, /* */ 0, 0, 1, (nst_real)0.3};
    nst_real values[4];
    nst_plane luma = {4, 1, values};
    (void)state;
    nst_plane_luma(picture, &luma);
    assert_near((double)values[0], 0.299, rounding);
    assert_near((double)values[1], 0.587, rounding);
    assert_near((double)values[2], 0.114, rounding);
    assert_true(values[3] == (nst_real)0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_planes_differ_in_luminance_alone),
        cmocka_unit_test(a_dot_against_nothing),
        cmocka_unit_test(noise_agrees_with_the_plain_formula),
        cmocka_unit_test(edges_of_steps_and_ramps),
        cmocka_unit_test(edges_are_the_inner_positions),
        cmocka_unit_test(correlation_of_a_few),
        cmocka_unit_test(shares_of_waves),
        cmocka_unit_test(too_small_is_not_measured),
        cmocka_unit_test(luma_of_grays_and_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
