/* Resampling: what holds for any correct filter. The numbers themselves are compared with Pillow's in tests/golden/pillow.py. */
#include <math.h>

#include "image/image.h"
#include "image_support.h"

static void constants_stay(void **state)
{
    static const uint32_t sides[][2] = {{1, 1}, {2, 1}, {7, 9}, {64, 3}, {1, 200}, {129, 130}};
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 11, 10, 4);
    unsigned char pixels[11 * 10 * 4], out[129 * 130 * 4];
    nst_image *image, *resized;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i % 4 * 60 + 40);
    assert_int_equal(nst_image_new(*state, &desc, pixels, &image), NST_OK);
    for (size_t k = 0; k < sizeof sides / sizeof sides[0]; k++) {
        nst_image_desc to = make_desc(NST_FORMAT_U8, sides[k][0], sides[k][1], 4);
        assert_int_equal(nst_image_resize(image, sides[k][0], sides[k][1], &resized), NST_OK);
        assert_int_equal(nst_image_read(resized, &to, out, sizeof out), NST_OK);
        for (size_t i = 0; i < (size_t)4 * sides[k][0] * sides[k][1]; i++) assert_int_equal(out[i], i % 4 * 60 + 40);
        nst_image_unref(resized);
    }
    nst_image_unref(image);
}

static void same_size_is_the_same(void **state)
{
    nst_image *image = noise_image(*state, 13, 8, 4, 1), *texted, *resized;
    assert_int_equal(nst_image_with_text(image, "k", "v", &texted), NST_OK);
    assert_int_equal(nst_image_resize(texted, 13, 8, &resized), NST_OK);
    assert_same_pixels(image, resized);
    assert_string_equal(nst_image_get_text(resized, "k"), "v");
    nst_image_unref(resized);
    nst_image_unref(texted);
    nst_image_unref(image);
}

/* A half-covered picture whose hidden half is red: no red may come out. */
static void hidden_colours_do_not_bleed(void **state)
{
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 16, 16, 4), to = make_desc(NST_FORMAT_U8, 5, 7, 4);
    unsigned char pixels[16 * 16 * 4], out[5 * 7 * 4];
    nst_image *image, *resized;
    for (size_t i = 0; i < 16 * 16; i++) {
        bool hidden = i % 16 >= 8;
        memcpy(pixels + 4 * i, hidden ? (unsigned char[]){255, 0, 0, 0} : (unsigned char[]){0, 0, 255, 255}, 4);
    }
    assert_int_equal(nst_image_new(*state, &desc, pixels, &image), NST_OK);
    assert_int_equal(nst_image_resize(image, 5, 7, &resized), NST_OK);
    assert_int_equal(nst_image_read(resized, &to, out, sizeof out), NST_OK);
    for (size_t i = 0; i < 5 * 7; i++) {
        assert_int_equal(out[4 * i], 0);
        if (out[4 * i + 3] > 8) assert_int_equal(out[4 * i + 2], 255);
    }
    nst_image_unref(resized);
    nst_image_unref(image);
}

/* Mirroring and resampling may be done in either order. */
static void symmetric(void **state)
{
    enum { FROM = 23, TO = 9 };
    float in[FROM], mirrored[FROM], out[TO], out_mirrored[TO];
    nst_random random = {4};
    for (int bilinear = 0; bilinear < 2; bilinear++) {
        for (int i = 0; i < FROM; i++) in[i] = mirrored[FROM - 1 - i] = (float)nst_random_uniform(&random);
        assert_int_equal(nst_plane_resample(*state, in, FROM, 1, out, TO, 1, bilinear, NULL), NST_OK);
        assert_int_equal(nst_plane_resample(*state, mirrored, 1, FROM, out_mirrored, 1, TO, bilinear, NULL), NST_OK);
        for (int i = 0; i < TO; i++) assert_true(fabsf(out[i] - out_mirrored[TO - 1 - i]) < 1e-6f);
    }
}

/* The triangle filter never overshoots; between two samples it is the straight line. */
static void bilinear_planes(void **state)
{
    const float in[2] = {-3, 5};
    float out[8];
    assert_int_equal(nst_plane_resample(*state, in, 2, 1, out, 8, 1, true, NULL), NST_OK);
    for (int i = 0; i < 8; i++) {
        float t = ((float)i + 0.5f) / 4 - 0.5f, expected = -3 + 8 * (t < 0 ? 0 : t > 1 ? 1 : t);
        assert_true(fabsf(out[i] - expected) < 1e-6f);
    }
}

static void threads_do_not_matter(void **state)
{
    nst_ctx_config config;
    nst_ctx *alone;
    nst_image *image = noise_image(*state, 301, 207, 4, 9), *mine, *a, *b;
    NST_INIT(config);
    config.threads = 1;
    assert_int_equal(nst_ctx_new(&config, &alone), NST_OK);
    mine = noise_image(alone, 301, 207, 4, 9);
    assert_int_equal(nst_image_resize(image, 100, 333, &a), NST_OK);
    assert_int_equal(nst_image_resize(mine, 100, 333, &b), NST_OK);
    assert_same_pixels(a, b);
    nst_image_unref(a);
    nst_image_unref(b);
    nst_image_unref(mine);
    nst_image_unref(image);
    nst_ctx_unref(alone);
}

static void extreme_shapes(void **state)
{
    static const uint32_t shapes[][4] = {{65535, 1, 1, 1}, {1, 65535, 3, 2}, {1, 1, 65535, 1},
                                         {3, 2, 1, 65535}, {10000, 1, 1, 10000}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        nst_image *image = noise_image(*state, shapes[i][0], shapes[i][1], 3, i), *resized;
        assert_int_equal(nst_image_resize(image, shapes[i][2], shapes[i][3], &resized), NST_OK);
        nst_image_unref(resized);
        nst_image_unref(image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(constants_stay, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(same_size_is_the_same, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(hidden_colours_do_not_bleed, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(symmetric, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(bilinear_planes, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(threads_do_not_matter, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(extreme_shapes, ctx_setup, ctx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
