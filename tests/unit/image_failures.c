/* Every allocation of loading, saving, resizing and copying refused once, and all from it on: out of memory is the only outcome,
 * nothing is left behind, and the next try works. */
#include <stdio.h>

#include "../support/failing_allocator.h"
#include "image_support.h"

static failing_allocator memory;
static nst_ctx *ctx;
static nst_image *picture; /* 16 bits, alpha, text */
static memory_file png_file, jpeg_file;

static int32_t load_png(nst_image **out)
{
    return nst_image_load_memory(ctx, png_file.data, png_file.length, out);
}

static int32_t load_jpeg(nst_image **out)
{
    return nst_image_load_memory(ctx, jpeg_file.data, jpeg_file.length, out);
}

static int64_t read_in_small_parts(void *user, void *buffer, uint64_t count)
{
    size_t *at = user, left = png_file.length - *at;
    if (count > 100) count = 100;
    if (count > left) count = left;
    memcpy(buffer, png_file.data + *at, (size_t)count);
    *at += (size_t)count;
    return (int64_t)count;
}

static int32_t load_reader(nst_image **out)
{
    size_t at = 0;
    nst_reader reader = {sizeof reader, 0, read_in_small_parts, &at};
    return nst_image_load_reader(ctx, &reader, out);
}

static int32_t save_png(nst_image **out)
{
    static memory_file out_file;
    (void)out;
    return encode_image(picture, NST_FILE_PNG, 16, &out_file);
}

static int32_t save_jpeg(nst_image **out)
{
    static memory_file out_file;
    (void)out;
    return encode_image(picture, NST_FILE_JPEG, 0, &out_file);
}

static int32_t save_file(nst_image **out)
{
    nst_save_params params;
    (void)out;
    NST_INIT(params);
    params.overwrite = 1;
    return nst_image_save(picture, "image_failures.png", &params);
}

static int32_t resize(nst_image **out)
{
    return nst_image_resize(picture, 9, 23, out);
}

static int32_t copy_with_text(nst_image **out)
{
    return nst_image_with_text(picture, "another", "text", out);
}

static int32_t make_new(nst_image **out)
{
    unsigned char pixels[12] = {0};
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 2, 2, 3);
    return nst_image_new(ctx, &desc, pixels, out);
}

static int group_setup(void **state)
{
    nst_allocator hooks = failing_allocator_hooks(&memory);
    nst_ctx_config config;
    nst_image *plain;
    (void)state;
    NST_INIT(config);
    config.allocator = &hooks;
    config.threads = 1;
    if (nst_ctx_new(&config, &ctx) < 0) return -1;
    plain = noise_image(ctx, 31, 17, 4, 2);
    if (nst_image_with_text(plain, "nst:params", "{}", &picture) < 0) return -1;
    nst_image_unref(plain);
    if (encode_image(picture, NST_FILE_PNG, 16, &png_file) < 0) return -1;
    return encode_image(picture, NST_FILE_JPEG, 0, &jpeg_file) < 0 ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    remove("image_failures.png");
    nst_image_unref(picture);
    nst_ctx_unref(ctx);
    return memory.live == 0 ? 0 : -1;
}

typedef int32_t (*scenario)(nst_image **out);

static uint64_t try_every_allocation(scenario run, bool persistent)
{
    for (uint64_t k = 1;; k++) {
        nst_image *out = NULL;
        uint64_t live = memory.live;
        int32_t status;
        failing_allocator_arm(&memory, k, persistent);
        status = run(&out);
        failing_allocator_disarm(&memory);
        if (memory.failed == 0) {
            assert_int_equal(status, NST_OK);
            nst_image_unref(out);
            return k - 1;
        }
        assert_int_equal(status, NST_ERR_NOMEM);
        assert_null(out);
        assert_int_equal(memory.live, live);
        assert_true(k < 10000);
    }
}

static void try_both(scenario run, uint64_t at_least)
{
    uint64_t once = try_every_allocation(run, false);
    assert_true(once >= at_least);
    assert_int_equal(try_every_allocation(run, true), once);
}

static void loading_png(void **state)
{
    (void)state;
    try_both(load_png, 10);
}

static void loading_jpeg(void **state)
{
    (void)state;
    try_both(load_jpeg, 5);
}

static void loading_from_a_reader(void **state)
{
    (void)state;
    try_both(load_reader, 11);
}

static void saving_png(void **state)
{
    (void)state;
    try_both(save_png, 5);
}

static void saving_jpeg(void **state)
{
    (void)state;
    try_both(save_jpeg, 3);
}

/* A save that fails leaves the file that was there, and nothing beside it. */
static void saving_a_file(void **state)
{
    nst_image *back;
    (void)state;
    assert_int_equal(save_file(NULL), NST_OK);
    try_both(save_file, 5);
    failing_allocator_arm(&memory, 3, false);
    assert_int_equal(save_file(NULL), NST_ERR_NOMEM);
    failing_allocator_disarm(&memory);
    assert_int_equal(nst_image_load(ctx, "image_failures.png", &back), NST_OK);
    nst_image_unref(back);
}

static void resizing(void **state)
{
    (void)state;
    try_both(resize, 9);
}

static void copying(void **state)
{
    (void)state;
    try_both(copy_with_text, 5);
    try_both(make_new, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_png),   cmocka_unit_test(loading_jpeg),  cmocka_unit_test(loading_from_a_reader),
        cmocka_unit_test(saving_png),    cmocka_unit_test(saving_jpeg),   cmocka_unit_test(saving_a_file),
        cmocka_unit_test(resizing),      cmocka_unit_test(copying),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
