/* The image object: pixels in and out, texts, argument checks. */
#include <math.h>

#include "image_support.h"

/* ---- pixels ---- */

/* Every 8-bit and every 16-bit value comes back as it went in, in each number of channels. */
static void integers_round_trip(void **state)
{
    enum { SIDE = 256 };
    static uint16_t words[SIDE * SIDE * 4], words_back[SIDE * SIDE * 4];
    static unsigned char bytes[SIDE * SIDE * 4], bytes_back[SIDE * SIDE * 4];
    for (uint32_t channels = 1; channels <= 4; channels++) {
        nst_image_desc wide = make_desc(NST_FORMAT_U16, SIDE, SIDE, channels);
        nst_image_desc narrow = make_desc(NST_FORMAT_U8, SIDE, SIDE, channels);
        size_t count = (size_t)SIDE * SIDE * channels;
        nst_image *image;
        for (size_t i = 0; i < count; i++) words[i] = (uint16_t)i;
        for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)i;
        if (channels <= 2) { /* gray comes back from equal channels */
            for (size_t i = 0; i < count; i++) words[i] = (uint16_t)(i / channels);
        }
        assert_int_equal(nst_image_new(*state, &wide, words, &image), NST_OK);
        assert_int_equal(nst_image_read(image, &wide, words_back, count * 2), NST_OK);
        assert_memory_equal(words, words_back, count * 2);
        nst_image_unref(image);
        assert_int_equal(nst_image_new(*state, &narrow, bytes, &image), NST_OK);
        assert_int_equal(nst_image_read(image, &narrow, bytes_back, count), NST_OK);
        assert_memory_equal(bytes, bytes_back, count);
        nst_image_unref(image);
    }
}

static void floats_are_clipped_and_nan_refused(void **state)
{
    const float in[6] = {-1, 0.25f, 2, INFINITY, -INFINITY, 1e-40f};
    const float expected[6] = {0, 0.25f, 1, 1, 0, 1e-40f};
    float out[6], bad[6];
    nst_image_desc desc = make_desc(NST_FORMAT_F32, 2, 1, 3);
    nst_image *image;
    assert_int_equal(nst_image_new(*state, &desc, in, &image), NST_OK);
    assert_int_equal(nst_image_read(image, &desc, out, sizeof out), NST_OK);
    assert_memory_equal(out, expected, sizeof out);
    nst_image_unref(image);
    for (int i = 0; i < 6; i++) {
        memcpy(bad, expected, sizeof bad);
        bad[i] = NAN;
        assert_int_equal(nst_image_new(*state, &desc, bad, &image), NST_ERR_INVALID_ARG);
        assert_null(image);
        assert_non_null(strstr(nst_ctx_error(*state), "NaN"));
    }
}

static void channels_convert(void **state)
{
    const unsigned char rgba[8] = {255, 0, 0, 128, 10, 200, 30, 0};
    unsigned char out[8];
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 2, 1, 4), seen;
    nst_image *image;
    assert_int_equal(nst_image_new(*state, &desc, rgba, &image), NST_OK);
    NST_INIT(seen);
    assert_int_equal(nst_image_get_desc(image, &seen), NST_OK);
    assert_int_equal(seen.channels, 4);
    assert_int_equal(seen.format, NST_FORMAT_F32);
    assert_int_equal(seen.source_bits, 0);
    desc.channels = 3; /* alpha is dropped */
    assert_int_equal(nst_image_read(image, &desc, out, 6), NST_OK);
    assert_memory_equal(out, ((unsigned char[]){255, 0, 0, 10, 200, 30}), 6);
    desc.channels = 2; /* luma: 0.299 * 255 = 76.2; 0.299 * 10 + 0.587 * 200 + 0.114 * 30 = 123.8 */
    assert_int_equal(nst_image_read(image, &desc, out, 4), NST_OK);
    assert_memory_equal(out, ((unsigned char[]){76, 128, 124, 0}), 4);
    nst_image_unref(image);
    desc.channels = 1; /* gray has no alpha: opaque */
    assert_int_equal(nst_image_new(*state, &desc, rgba, &image), NST_OK);
    desc.channels = 4;
    assert_int_equal(nst_image_read(image, &desc, out, 8), NST_OK);
    assert_memory_equal(out, ((unsigned char[]){255, 255, 255, 255, 0, 0, 0, 255}), 8);
    nst_image_unref(image);
}

/* Odd strides and addresses; bytes between the rows and after the last are never touched. */
static void strides(void **state)
{
    unsigned char in[1 + 3 * 17], out[1 + 3 * 23 + 8];
    nst_image_desc desc = make_desc(NST_FORMAT_U16, 2, 3, 3);
    nst_image *image;
    fill_random(in, sizeof in, 1);
    memset(out, 0xee, sizeof out);
    desc.stride = 17;
    assert_int_equal(nst_image_new(*state, &desc, in + 1, &image), NST_OK);
    desc.stride = 23;
    assert_int_equal(nst_image_read(image, &desc, out + 1, 2 * 23 + 11), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_read(image, &desc, out + 1, 2 * 23 + 12), NST_OK);
    for (size_t i = 0; i < sizeof out; i++) {
        size_t row = (i - 1) / 23, column = (i - 1) % 23;
        unsigned char expected = i >= 1 && row < 3 && column < 12 ? in[1 + row * 17 + column] : 0xee;
        assert_int_equal(out[i], expected);
    }
    nst_image_unref(image);
}

static void bad_descriptions(void **state)
{
    unsigned char pixels[64] = {0};
    static const struct {
        uint32_t format, width, height, channels;
        uint64_t stride, reserved;
        int32_t expected;
    } cases[] = {
        {0, 2, 2, 3, 0, 0, NST_ERR_INVALID_ARG},
        {4, 2, 2, 3, 0, 0, NST_ERR_INVALID_ARG},
        {1, 0, 2, 3, 0, 0, NST_ERR_INVALID_ARG},
        {1, 2, 0, 3, 0, 0, NST_ERR_INVALID_ARG},
        {1, 2, 2, 0, 0, 0, NST_ERR_INVALID_ARG},
        {1, 2, 2, 5, 0, 0, NST_ERR_INVALID_ARG},
        {1, 2, 2, 3, 5, 0, NST_ERR_INVALID_ARG},
        {1, 2, 2, 3, 0, 1, NST_ERR_STRUCT_VERSION},
        {1, 2, 2, 3, UINT64_MAX, 0, NST_ERR_LIMIT},
        {1, 2, 3, 3, UINT64_MAX / 2 + 1, 0, NST_ERR_LIMIT},
        {1, 65536, 1, 1, 0, 0, NST_ERR_LIMIT},
        {1, 65535, 65535, 1, 0, 0, NST_ERR_LIMIT},
        {3, UINT32_MAX, UINT32_MAX, 4, 0, 0, NST_ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_image_desc desc = make_desc(cases[i].format, cases[i].width, cases[i].height, cases[i].channels);
        nst_image *image = (nst_image *)(void *)pixels;
        desc.stride = cases[i].stride;
        desc.reserved[1] = cases[i].reserved;
        assert_int_equal(nst_image_new(*state, &desc, pixels, &image), cases[i].expected);
        assert_null(image);
    }
}

static void null_arguments(void **state)
{
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 1, 1, 3);
    nst_image *image, *copy;
    unsigned char pixels[4] = {1, 2, 3, 4};
    nst_reader no_reader = {sizeof no_reader, 0, NULL, NULL};
    nst_writer no_writer = {sizeof no_writer, 0, NULL, NULL};
    assert_int_equal(nst_image_new(NULL, &desc, pixels, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_new(*state, NULL, pixels, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_new(*state, &desc, NULL, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_new(*state, &desc, pixels, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load(NULL, "x", &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load(*state, NULL, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load(*state, "x", NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load_memory(*state, NULL, 3, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load_memory(*state, pixels, 0, &image), NST_ERR_IMAGE_FORMAT);
    assert_int_equal(nst_image_load_reader(*state, NULL, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_load_reader(*state, &no_reader, &image), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_new(*state, &desc, pixels, &image), NST_OK);
    assert_int_equal(nst_image_get_desc(NULL, &desc), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_get_desc(image, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_read(NULL, &desc, pixels, 4), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_read(image, NULL, pixels, 4), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_read(image, &desc, NULL, 400), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_resize(NULL, 1, 1, &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_resize(image, 0, 1, &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_resize(image, 65536, 1, &copy), NST_ERR_LIMIT);
    assert_int_equal(nst_image_resize(image, 1, 1, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_with_text(NULL, "k", "v", &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_with_text(image, NULL, "v", &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_with_text(image, "k", NULL, &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_with_text(image, "k", "v", NULL), NST_ERR_INVALID_ARG);
    assert_null(nst_image_get_text(NULL, "k"));
    assert_null(nst_image_get_text(image, NULL));
    assert_int_equal(nst_image_save(NULL, "x.png", NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_save(image, NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_save_writer(image, NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_save_writer(image, &no_writer, NULL), NST_ERR_INVALID_ARG);
    nst_image_unref(NULL);
    assert_null(nst_image_ref(NULL));
    nst_image_unref(image);
}

static void bad_save_params(void **state)
{
    nst_image *image = noise_image(*state, 2, 2, 3, 1);
    nst_save_params params;
    static const int32_t bad[][3] = {{3, 0, 0}, {-1, 0, 0}, {1, 7, 0}, {1, -8, 0}, {2, 16, 0}, {2, 0, 101}, {2, 0, -1}};
    memory_file file = {.length = 0};
    nst_writer writer = {sizeof writer, 0, memory_write, &file};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        NST_INIT(params);
        params.type = bad[i][0];
        params.bits = bad[i][1];
        params.quality = bad[i][2];
        assert_int_equal(nst_image_save_writer(image, &writer, &params), NST_ERR_INVALID_ARG);
        assert_true(file.length == 0);
    }
    params.size = 8;
    assert_int_equal(nst_image_save_writer(image, &writer, &params), NST_ERR_STRUCT_SIZE);
    assert_int_equal(nst_image_save(image, "picture.webp", NULL), NST_ERR_INVALID_ARG);
    assert_non_null(strstr(nst_ctx_error(*state), ".png"));
    nst_image_unref(image);
}

/* ---- lifetimes ---- */

static void image_keeps_its_context(void **state)
{
    nst_ctx *ctx;
    nst_image *image, *copy;
    (void)state;
    assert_int_equal(nst_ctx_new(NULL, &ctx), NST_OK);
    image = noise_image(ctx, 3, 3, 4, 7);
    assert_int_equal(nst_image_with_text(image, "a", "b", &copy), NST_OK);
    nst_ctx_unref(ctx);
    assert_ptr_equal(nst_image_ref(image), image);
    nst_image_unref(image);
    assert_same_pixels(image, copy);
    nst_image_unref(image);
    assert_string_equal(nst_image_get_text(copy, "a"), "b");
    nst_image_unref(copy);
}

/* ---- texts ---- */

static void texts_are_kept_in_png(void **state)
{
    nst_image *image = noise_image(*state, 3, 2, 3, 5), *one, *two, *three, *back;
    static memory_file file;
    nst_save_params params;
    nst_writer writer = {sizeof writer, 0, memory_write, &file};
    assert_int_equal(nst_image_with_text(image, "nst:params", "{\"a\": 1}\n", &one), NST_OK);
    assert_int_equal(nst_image_with_text(one, "Comment", "na\xc3\xafve \xe2\x82\xac", &two), NST_OK);
    assert_int_equal(nst_image_with_text(two, "nst:params", "", &three), NST_OK);
    assert_null(nst_image_get_text(image, "nst:params"));
    assert_string_equal(nst_image_get_text(two, "nst:params"), "{\"a\": 1}\n");
    assert_string_equal(nst_image_get_text(three, "nst:params"), "");
    assert_int_equal(encode_image(two, NST_FILE_PNG, 0, &file), NST_OK);
    assert_int_equal(nst_image_load_memory(*state, file.data, file.length, &back), NST_OK);
    assert_string_equal(nst_image_get_text(back, "nst:params"), "{\"a\": 1}\n");
    assert_string_equal(nst_image_get_text(back, "Comment"), "na\xc3\xafve \xe2\x82\xac");
    nst_image_unref(back);
    NST_INIT(params);
    params.strip = 1;
    file.length = 0;
    assert_int_equal(nst_image_save_writer(two, &writer, &params), NST_OK);
    assert_int_equal(nst_image_load_memory(*state, file.data, file.length, &back), NST_OK);
    assert_null(nst_image_get_text(back, "nst:params"));
    assert_same_pixels(back, image);
    nst_image_unref(back);
    nst_image_unref(three);
    nst_image_unref(two);
    nst_image_unref(one);
    nst_image_unref(image);
}

static void bad_texts(void **state)
{
    nst_image *image = noise_image(*state, 1, 1, 3, 5), *copy;
    char long_key[81] = {0}, *long_value = malloc((1 << 20) + 2);
    static const char *const keys[] = {"", " a", "a ", "a  b", "a\nb", "\x7f", "caf\xc3\xa9"};
    static const char *const values[] = {"\t", "\x1b[31m", "\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                         "\xc2\x9b"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(nst_image_with_text(image, keys[i], "v", &copy), NST_ERR_INVALID_ARG);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_int_equal(nst_image_with_text(image, "k", values[i], &copy), NST_ERR_INVALID_ARG);
    memset(long_key, 'k', 80);
    assert_int_equal(nst_image_with_text(image, long_key, "v", &copy), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_image_with_text(image, long_key + 1, "v", &copy), NST_OK);
    nst_image_unref(copy);
    assert_non_null(long_value);
    memset(long_value, 'v', (1 << 20) + 1);
    long_value[(1 << 20) + 1] = '\0';
    assert_int_equal(nst_image_with_text(image, "k", long_value, &copy), NST_ERR_LIMIT);
    assert_int_equal(nst_image_with_text(image, "k", long_value + 1, &copy), NST_OK);
    nst_image_unref(copy);
    free(long_value);
    nst_image_unref(image);
}

static void texts_have_a_limit(void **state)
{
    nst_image *image = noise_image(*state, 1, 1, 3, 5), *next;
    char key[3] = "k0";
    for (int i = 0; i < 16; i++) {
        key[1] = (char)('a' + i);
        assert_int_equal(nst_image_with_text(image, key, "v", &next), NST_OK);
        nst_image_unref(image);
        image = next;
    }
    assert_int_equal(nst_image_with_text(image, "one more", "v", &next), NST_ERR_LIMIT);
    assert_int_equal(nst_image_with_text(image, key, "w", &next), NST_OK);
    assert_string_equal(nst_image_get_text(next, key), "w");
    nst_image_unref(next);
    nst_image_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_round_trip, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(floats_are_clipped_and_nan_refused, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(channels_convert, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(strides, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(bad_descriptions, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(null_arguments, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(bad_save_params, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(image_keeps_its_context, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(texts_are_kept_in_png, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(bad_texts, ctx_setup, ctx_teardown),
        cmocka_unit_test_setup_teardown(texts_have_a_limit, ctx_setup, ctx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
