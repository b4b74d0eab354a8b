/* A picture at half its size: the mean of 2x2 pixels, over white. */
#include "image/image.h"
#include "image_support.h"
#include "measure/octaves.h"

static void each_pixel_is_the_mean_of_four(void **state)
{
    nst_ctx *ctx = NULL;
    nst_image_desc desc = make_desc(NST_FORMAT_F32, 5, 3, 2), to = make_desc(NST_FORMAT_F32, 2, 1, 3);
    float pixels[3][5][2] = {{{0, 1}, {1, 1}, {0.5f, 1}, {0.5f, 1}, {1, 1}}, {{1, 1}, {0, 1}, {0.5f, 1}, {0, 0}, {1, 1}}, {{0, 0}}};
    float out[2][3];
    nst_image *image, *half;
    nst_error error;
    (void)state;
    assert_int_equal(nst_ctx_new(NULL, &ctx), NST_OK);
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    assert_int_equal(nst_octave_halve(image, &half, &error), NST_OK);
    assert_int_equal(nst_image_read(half, &to, out, sizeof out), NST_OK);
    for (int c = 0; c < 3; c++) assert_true(out[0][c] == 0.5f && out[1][c] == (0.5f + 0.5f + 0.5f + 1) / 4);
    nst_image_unref(half);
    nst_image_unref(image);
    nst_ctx_unref(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_pixel_is_the_mean_of_four)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
