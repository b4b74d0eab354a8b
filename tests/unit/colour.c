/* Linear colour transfer: what each map must be, and that pictures come out with the reference's colours. */
#include <math.h>

#include "image/colour.h"
#include "image_support.h"

enum { COUNT = 500 };

static const double ridge = 1e-5;

/* Correlated channels, well inside 0..1. */
static void make_picture(nst_real *picture, size_t count, double middle, double spread, uint64_t seed)
{
    nst_random random = {seed};
    for (size_t i = 0; i < count; i++) {
        double a = nst_random_uniform(&random) - 0.5, b = nst_random_uniform(&random) - 0.5, c = nst_random_uniform(&random) - 0.5;
        picture[i] = (nst_real)(middle + spread * (a + 0.3 * b));
        picture[count + i] = (nst_real)(middle + 0.05 + spread * (0.8 * a - 0.4 * c));
        picture[2 * count + i] = (nst_real)(middle - 0.1 + spread * (0.2 * a + 0.5 * b + 0.1 * c));
    }
}

static nst_colour_moments moments_of(double middle, double spread, uint64_t seed)
{
    nst_real picture[3 * COUNT];
    nst_colour_moments moments;
    make_picture(picture, COUNT, middle, spread, seed);
    nst_colour_of_picture(picture, COUNT, &moments);
    return moments;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.12g is not %.12g", value, expected);
}

static void by_hand(void **state)
{
    const nst_real picture[3 * 2] = {0, 1, 0.5, 0.5, (nst_real)0.25, (nst_real)0.75}; /* two pixels */
    const double mean[3] = {0.5, 0.5, 0.5}, covariance[3][3] = {{0.25, 0, 0.125}, {0, 0, 0}, {0.125, 0, 0.0625}};
    nst_colour_moments moments;
    (void)state;
    nst_colour_of_picture(picture, 2, &moments);
    for (int i = 0; i < 3; i++) {
        assert_near(moments.mean[i], mean[i], 1e-15);
        for (int k = 0; k < 3; k++) assert_near(moments.covariance[i][k], covariance[i][k], 1e-15);
    }
}

/* T (C + ridge) Tᵀ = C' + ridge; and T is what its name says, which leaves but one such matrix. */
static void maps_are_what_they_should_be(void **state)
{
    const nst_colour_moments from = moments_of(0.4, 0.2, 1), to = moments_of(0.6, 0.5, 2);
    (void)state;
    for (int method = NST_COLOUR_SYMMETRIC; method <= NST_COLOUR_CHOLESKY; method++) {
        nst_colour_map map;
        nst_colour_solve((nst_colour_method)method, &from, &to, &map);
        for (int i = 0; i < 3; i++) {
            assert_true(map.matrix[i][i] > 0);
            for (int k = 0; k < 3; k++) {
                double sum = 0;
                for (int m = 0; m < 3; m++)
                    for (int n = 0; n < 3; n++)
                        sum += map.matrix[i][m] * (from.covariance[m][n] + (m == n ? ridge : 0)) * map.matrix[k][n];
                assert_near(sum, to.covariance[i][k] + (i == k ? ridge : 0), 1e-12);
                if (method == NST_COLOUR_SYMMETRIC) assert_near(map.matrix[i][k], map.matrix[k][i], 1e-12);
                else if (k > i) assert_true(map.matrix[i][k] == 0);
            }
        }
    }
}

static void separate_channels_are_only_scaled(void **state)
{
    nst_colour_moments from = {{0.1, 0.2, 0.3}, {{0.01, 0, 0}, {0, 0.04, 0}, {0, 0, 0}}};
    nst_colour_moments to = {{0.5, 0.5, 0.5}, {{0.04, 0, 0}, {0, 0.01, 0}, {0, 0, 0.09}}};
    (void)state;
    for (int method = NST_COLOUR_SYMMETRIC; method <= NST_COLOUR_CHOLESKY; method++) {
        nst_colour_map map;
        nst_colour_solve((nst_colour_method)method, &from, &to, &map);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                assert_near(map.matrix[i][k], i == k ? sqrt((to.covariance[i][i] + ridge) / (from.covariance[i][i] + ridge)) : 0, 1e-9);
    }
}

static void own_colours_stay(void **state)
{
    const nst_colour_moments own = moments_of(0.5, 0.4, 3);
    nst_colour_map map;
    (void)state;
    for (int method = NST_COLOUR_SYMMETRIC; method <= NST_COLOUR_CHOLESKY; method++) {
        nst_colour_solve((nst_colour_method)method, &own, &own, &map);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) assert_near(map.matrix[i][k], i == k, 1e-10);
    }
}

static void match(nst_real *picture, const nst_colour_moments *reference)
{
    nst_colour_moments own;
    nst_colour_map map;
    nst_colour_of_picture(picture, COUNT, &own);
    nst_colour_solve(NST_COLOUR_SYMMETRIC, &own, reference, &map);
    nst_colour_apply(&map, picture, COUNT);
}

static void a_picture_takes_the_colours(void **state)
{
    nst_real picture[3 * COUNT];
    const nst_colour_moments wanted = moments_of(0.6, 0.3, 4);
    nst_colour_moments found;
    (void)state;
    make_picture(picture, COUNT, 0.3, 0.1, 5);
    match(picture, &wanted);
    nst_colour_of_picture(picture, COUNT, &found);
    for (int i = 0; i < 3; i++) {
        assert_near(found.mean[i], wanted.mean[i], 1e-6);
        for (int k = 0; k < 3; k++) assert_near(found.covariance[i][k], wanted.covariance[i][k], 3e-4); /* the ridge's part */
    }
}

static void one_colour_becomes_the_mean_and_nothing_leaves_the_range(void **state)
{
    nst_real picture[3 * COUNT];
    const nst_colour_moments wanted = moments_of(0.6, 0.3, 4);
    const nst_colour_moments wide = {{0.5, 0.9, 0.1}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    (void)state;
    for (size_t i = 0; i < 3 * COUNT; i++) picture[i] = (nst_real)0.25;
    match(picture, &wanted);
    for (size_t i = 0; i < 3 * COUNT; i++) assert_near((double)picture[i], wanted.mean[i / COUNT], 1e-6);
    make_picture(picture, COUNT, 0.5, 0.3, 6);
    match(picture, &wide);
    for (size_t i = 0; i < 3 * COUNT; i++) assert_true(picture[i] >= 0 && picture[i] <= 1);
}

static void a_blend_is_one_picture_of_all(void **state)
{
    enum { LONG = 300, SHORT = 100, ALL = LONG + SHORT };
    nst_real first[3 * LONG], second[3 * SHORT], both[3 * ALL];
    nst_colour_moments parts[2], blend, whole;
    (void)state;
    make_picture(first, LONG, 0.3, 0.2, 7);
    make_picture(second, SHORT, 0.7, 0.4, 8);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < ALL; i++) both[c * ALL + i] = i < LONG ? first[c * LONG + i] : second[c * SHORT + i - LONG];
    nst_colour_of_picture(first, LONG, &parts[0]);
    nst_colour_of_picture(second, SHORT, &parts[1]);
    nst_colour_of_picture(both, ALL, &whole);
    nst_colour_blend(parts, (double[]){0.75, 0.25}, 2, &blend);
    for (int i = 0; i < 3; i++) {
        assert_near(blend.mean[i], whole.mean[i], 1e-12);
        for (int k = 0; k < 3; k++) assert_near(blend.covariance[i][k], whole.covariance[i][k], 1e-12);
    }
}

/* ---- images ---- */

static nst_image *new_image(nst_ctx *ctx, const float *pixels, uint32_t width, uint32_t channels)
{
    nst_image_desc desc = make_desc(NST_FORMAT_F32, width, 1, channels);
    nst_image *image = NULL;
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    return image;
}

static void sessions_see_over_white(void **state)
{
    const float pixels[] = {0, 0.5f, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0.5f}, composed[] = {0, 0.5f, 1, 1, 1, 1, 0.5f, 0.5f, 0.5f};
    nst_image *image = new_image(*state, pixels, 3, 4), *flat = new_image(*state, composed, 3, 3);
    nst_colour_moments a, b;
    nst_colour_of_image(image, &a);
    nst_colour_of_image(flat, &b);
    assert_memory_equal(&a, &b, sizeof a);
    nst_image_unref(image);
    nst_image_unref(flat);
}

/* A hidden pixel of any colour changes nothing, and stays hidden. */
static void transparent_pixels_have_no_say(void **state)
{
    const float pixels[] = {0.2f, 0.3f, 0.4f, 1, 0.4f, 0.2f, 0.5f, 1, 0.3f, 0.6f, 0.3f, 1, 1, 0, 1, 0};
    const float reference[] = {0.6f, 0.5f, 0.4f, 1, 0.3f, 0.4f, 0.4f, 1, 0.5f, 0.4f, 0.5f, 1, 0, 0, 0, 0};
    for (int32_t method = NST_COLOUR_SYMMETRIC; method <= NST_COLOUR_CHOLESKY; method++) {
        nst_image *image = new_image(*state, pixels, 4, 4), *to = new_image(*state, reference, 4, 4);
        nst_image *short_image = new_image(*state, pixels, 3, 4), *short_to = new_image(*state, reference, 3, 4), *out, *expected;
        nst_image_desc desc = make_desc(NST_FORMAT_F32, 4, 1, 4), short_desc = make_desc(NST_FORMAT_F32, 3, 1, 4);
        float found[16], wanted[12];
        assert_int_equal(nst_image_match_colour(image, to, method, &out), NST_OK);
        assert_int_equal(nst_image_match_colour(short_image, short_to, method, &expected), NST_OK);
        assert_int_equal(nst_image_read(out, &desc, found, sizeof found), NST_OK);
        assert_int_equal(nst_image_read(expected, &short_desc, wanted, sizeof wanted), NST_OK);
        assert_memory_equal(found, wanted, sizeof wanted);
        assert_true(found[15] == 0);
        assert_true(fabs((double)(found[0] + found[4] + found[8]) - 1.4) < 1e-5); /* the mean is the reference's */
        nst_image_unref(image);
        nst_image_unref(to);
        nst_image_unref(short_image);
        nst_image_unref(short_to);
        nst_image_unref(out);
        nst_image_unref(expected);
    }
}

static void texts_and_contexts(void **state)
{
    nst_ctx *other = NULL;
    nst_image *image = noise_image(*state, 5, 4, 3, 1), *texted, *reference, *out;
    assert_int_equal(nst_ctx_new(NULL, &other), NST_OK);
    reference = noise_image(other, 3, 7, 1, 2);
    assert_int_equal(nst_image_with_text(image, "k", "v", &texted), NST_OK);
    assert_int_equal(nst_image_match_colour(texted, reference, NST_COLOUR_SYMMETRIC, &out), NST_OK);
    assert_string_equal(nst_image_get_text(out, "k"), "v");
    nst_image_unref(out);
    nst_image_unref(texted);
    nst_image_unref(image);
    nst_image_unref(reference);
    nst_ctx_unref(other);
}

static void wrong_arguments_are_refused(void **state)
{
    nst_image *image = noise_image(*state, 5, 4, 3, 1), *out = image;
    assert_int_equal(nst_image_match_colour(image, image, 2, &out), NST_ERR_INVALID_ARG);
    assert_null(out);
    assert_non_null(strstr(nst_ctx_error(*state), "method 2"));
    assert_int_equal(nst_image_match_colour(image, NULL, 0, &out), NST_ERR_INVALID_ARG);
    assert_non_null(strstr(nst_ctx_error(*state), "reference"));
    assert_int_equal(nst_image_match_colour(NULL, image, 0, &out), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_match_colour(image, image, 0, NULL), NST_ERR_INVALID_ARG);
    nst_image_unref(image);
}

static int open_context(void **state)
{
    return nst_ctx_new(NULL, (nst_ctx **)state);
}

static int close_context(void **state)
{
    nst_ctx_unref(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(maps_are_what_they_should_be),
        cmocka_unit_test(separate_channels_are_only_scaled),
        cmocka_unit_test(own_colours_stay),
        cmocka_unit_test(a_picture_takes_the_colours),
        cmocka_unit_test(one_colour_becomes_the_mean_and_nothing_leaves_the_range),
        cmocka_unit_test(a_blend_is_one_picture_of_all),
        cmocka_unit_test(sessions_see_over_white),
        cmocka_unit_test(transparent_pixels_have_no_say),
        cmocka_unit_test(texts_and_contexts),
        cmocka_unit_test(wrong_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
