/* Sizes of scales and styles, and how iterations are shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "session/schedule.h"
#include "session/strength.h"

static nst_schedule schedule_of(size_t size, size_t scales, uint32_t width, uint32_t height)
{
    nst_settings settings = {.enlarge = 1, .size = size, .scales = scales};
    nst_image image = {.width = width, .height = height};
    nst_schedule schedule;
    nst_schedule_make(&settings, &image, &schedule);
    return schedule;
}

static void sizes_halve_and_keep_the_shape(void **state)
{
    static const struct {
        size_t size, scales;
        uint32_t width, height;
        size_t coarse_width, coarse_height, fine_width, fine_height;
    } cases[] = {
        {512, 1, 1024, 683, 512, 342, 512, 342}, {512, 3, 683, 1024, 85, 128, 342, 512}, {0, 1, 77, 33, 77, 33, 77, 33},
        {0, 2, 77, 33, 39, 17, 77, 33},          {100, 1, 1, 1, 100, 100, 100, 100},     {65535, 1, 10, 10, 65535, 65535, 65535, 65535},
        {64, 12, 64, 64, 1, 1, 64, 64},          {10, 1, 65535, 1, 10, 1, 10, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_schedule schedule = schedule_of(cases[i].size, cases[i].scales, cases[i].width, cases[i].height);
        assert_int_equal(schedule.count, cases[i].scales);
        assert_int_equal(schedule.scales[0].width, cases[i].coarse_width);
        assert_int_equal(schedule.scales[0].height, cases[i].coarse_height);
        assert_int_equal(schedule.scales[schedule.count - 1].width, cases[i].fine_width);
        assert_int_equal(schedule.scales[schedule.count - 1].height, cases[i].fine_height);
    }
}

/* Settings without a content image may have a shape of their own. */
static void a_shape_may_be_given(void **state)
{
    nst_settings settings = {.enlarge = 1, .width = 300, .height = 100, .size = 300, .scales = 2};
    nst_image image = {.width = 50, .height = 70};
    nst_schedule schedule;
    (void)state;
    nst_schedule_make(&settings, &image, &schedule);
    assert_true(schedule.scales[1].width == 300 && schedule.scales[1].height == 100);
    assert_true(schedule.scales[0].width == 150 && schedule.scales[0].height == 50);
    settings.size = 120;
    nst_schedule_make(&settings, &image, &schedule);
    assert_true(schedule.scales[1].width == 120 && schedule.scales[1].height == 40);
}

/* Every scale is half of the one above, to the pixel, whatever the sizes. */
static void every_scale_is_half_of_the_next(void **state)
{
    (void)state;
    for (uint32_t width = 1; width < 400; width += 7) {
        nst_schedule schedule = schedule_of(width, 6, 3 * width, 2 * width + 1);
        for (size_t i = 0; i + 1 < schedule.count; i++) {
            size_t twice = 2 * schedule.scales[i].width, fine = schedule.scales[i + 1].width;
            assert_true(twice + 2 >= fine && (twice <= fine + 1 || twice == 2));
        }
        assert_int_equal(schedule.scales[5].width, width);
    }
}

static void styles_follow_the_longer_side(void **state)
{
    static const struct { uint32_t width, height; double scale; size_t to_width, to_height; } cases[] = {
        {300, 150, 1, 512, 256}, {150, 300, 1, 256, 512}, {300, 150, 0.5, 256, 128}, {300, 150, 2, 1024, 512}, {9, 9, 0.01, 5, 5},
        {10000, 1, 1, 512, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_image style = {.width = cases[i].width, .height = cases[i].height};
        size_t width, height;
        nst_schedule_style_size(&style, cases[i].scale, 512, 342, &width, &height);
        assert_int_equal(width, cases[i].to_width);
        assert_int_equal(height, cases[i].to_height);
    }
}

static void iterations_are_shared_to_the_last(void **state)
{
    nst_image image = {.width = 64, .height = 64};
    (void)state;
    for (size_t scales = 1; scales <= 12; scales++)
        for (uint32_t total = 0; total <= 60; total++) {
            nst_settings settings = {.enlarge = 1, .size = 4096, .scales = scales, .iterations = total, .strength = NAN};
            nst_schedule schedule;
            uint32_t before = UINT32_MAX, sum = 0;
            nst_schedule_make(&settings, &image, &schedule);
            for (size_t i = 0; i < scales; i++) {
                uint32_t share = schedule.scales[i].iterations;
                assert_true(share <= before && share + 1 >= (total + scales - 1) / scales);
                before = share;
                sum += share;
            }
            assert_int_equal(sum, total);
        }
}

static void presets_tell_scales_and_iterations(void **state)
{
    static const struct { size_t size, scales; nst_preset preset; uint32_t coarse, fine; } cases[] = {
        {128, 1, NST_PRESET_DEFAULT, 80, 80}, {181, 1, NST_PRESET_DRAFT, 60, 60}, {182, 2, NST_PRESET_DEFAULT, 80, 50},
        {512, 3, NST_PRESET_QUALITY, 150, 100}, {1024, 4, NST_PRESET_DEFAULT, 80, 20}, {4096, 6, NST_PRESET_DRAFT, 60, 10}};
    nst_image image = {.width = 40, .height = 30};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_settings settings = {.enlarge = 1, .size = cases[i].size, .by_preset = true, .preset = cases[i].preset, .strength = NAN};
        nst_schedule schedule;
        nst_schedule_make(&settings, &image, &schedule);
        assert_int_equal(schedule.count, cases[i].scales);
        assert_int_equal(schedule.scales[0].iterations, cases[i].coarse);
        assert_int_equal(schedule.scales[schedule.count - 1].iterations, cases[i].fine);
        settings.strength = 0.5;
        nst_schedule_make(&settings, &image, &schedule);
        assert_int_equal(schedule.scales[0].iterations, nst_strength_budget(cases[i].coarse, cases[i].scales == 1));
    }
}

/* Left to the schedule, half of a size that is still large enough; the picture that is handed out has the size that was asked for. */
static void pictures_to_be_enlarged_are_painted_smaller(void **state)
{
    static const struct { size_t size, enlarge, scales, width, height; } cases[] = {
        {512, 0, 2, 256, 192}, {511, 0, 3, 511, 383}, {1024, 0, 3, 512, 384}, {1024, 1, 4, 1024, 768}, {1000, 3, 2, 333, 250},
        {40, 4, 1, 10, 8}};
    nst_image image = {.width = 784, .height = 588}; /* 512 / 784 * 784 comes out below 512 */
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_settings settings = {.size = cases[i].size, .enlarge = cases[i].enlarge, .by_preset = true, .strength = NAN};
        nst_schedule schedule;
        nst_schedule_make(&settings, &image, &schedule);
        assert_int_equal(schedule.count, cases[i].scales);
        assert_int_equal(schedule.scales[schedule.count - 1].width, cases[i].width);
        assert_int_equal(schedule.scales[schedule.count - 1].height, cases[i].height);
        assert_int_equal(schedule.width, cases[i].size);
        assert_int_equal(schedule.height, (cases[i].size * 3 + 2) / 4);
    }
}

/* Halving the longer side alone would leave a panorama's shorter one nothing that a network sees. */
static void a_panorama_begins_larger(void **state)
{
    nst_image image = {.width = 3000, .height = 200}, upright = {.width = 34, .height = 260};
    nst_settings settings = {.enlarge = 1, .by_preset = true, .strength = NAN};
    nst_schedule schedule;
    (void)state;
    nst_schedule_make(&settings, &image, &schedule);
    assert_int_equal(schedule.count, 3);
    assert_int_equal(schedule.scales[0].width, 750);
    assert_int_equal(schedule.scales[0].height, 50);
    nst_schedule_make(&settings, &upright, &schedule);
    assert_int_equal(schedule.count, 1);
}

/* Down to 64 pixels, and only where picture and styles have something at the deepest layer. */
static void octaves_end_where_there_is_nothing_to_see(void **state)
{
    nst_image square = {.width = 100, .height = 100}, stripe = {.width = 1000, .height = 50};
    const nst_image *styles[] = {&square, &stripe};
    (void)state;
    assert_int_equal(nst_schedule_octaves(4, 4, 512, 384, styles, 1, 1), 4);
    assert_int_equal(nst_schedule_octaves(3, 4, 512, 384, styles, 1, 1), 3);
    assert_int_equal(nst_schedule_octaves(4, 4, 512, 384, styles, 2, 1), 1); /* 512x26: 13 rows halved, too few for 4 poolings */
    assert_int_equal(nst_schedule_octaves(4, 4, 512, 384, styles, 2, 2), 2);
    assert_int_equal(nst_schedule_octaves(4, 4, 128, 96, styles, 1, 1), 2);
    assert_int_equal(nst_schedule_octaves(4, 4, 127, 96, styles, 1, 1), 1);
    assert_int_equal(nst_schedule_octaves(4, 4, 512, 40, styles, 1, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_halve_and_keep_the_shape),
        cmocka_unit_test(a_shape_may_be_given),
        cmocka_unit_test(every_scale_is_half_of_the_next),
        cmocka_unit_test(styles_follow_the_longer_side),
        cmocka_unit_test(iterations_are_shared_to_the_last),
        cmocka_unit_test(presets_tell_scales_and_iterations),
        cmocka_unit_test(pictures_to_be_enlarged_are_painted_smaller),
        cmocka_unit_test(a_panorama_begins_larger),
        cmocka_unit_test(octaves_end_where_there_is_nothing_to_see),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
