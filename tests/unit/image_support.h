/* Pictures and files in memory for the tests of the image room. */
#ifndef NST_TEST_IMAGE_SUPPORT_H
#define NST_TEST_IMAGE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "nst/nst.h"

typedef struct memory_file {
    unsigned char data[1 << 16];
    size_t length, fail_after; /* 0: never */
} memory_file;

static inline int32_t memory_write(void *user, const void *data, uint64_t count)
{
    memory_file *file = user;
    if (file->fail_after && file->length + count > file->fail_after) return -1;
    if (file->length + count > sizeof file->data) return -1;
    memcpy(file->data + file->length, data, (size_t)count);
    file->length += (size_t)count;
    return 0;
}

static inline nst_image_desc make_desc(uint32_t format, uint32_t width, uint32_t height, uint32_t channels)
{
    nst_image_desc desc;
    NST_INIT(desc);
    desc.format = format;
    desc.width = width;
    desc.height = height;
    desc.channels = channels;
    return desc;
}

static inline void fill_random(void *data, size_t size, uint64_t seed)
{
    nst_random random = {seed};
    for (size_t i = 0; i < size; i++) ((unsigned char *)data)[i] = (unsigned char)nst_random_u64(&random);
}

/* A picture of seeded noise in 8 bits. */
static inline nst_image *noise_image(nst_ctx *ctx, uint32_t width, uint32_t height, uint32_t channels, uint64_t seed)
{
    nst_image_desc desc = make_desc(NST_FORMAT_U8, width, height, channels);
    size_t size = (size_t)width * height * channels;
    unsigned char *pixels = malloc(size);
    nst_image *image = NULL;
    assert_non_null(pixels);
    fill_random(pixels, size, seed);
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    free(pixels);
    return image;
}

/* Encodes into `file`. `type` as in nst_save_params. */
static inline int32_t encode_image(const nst_image *image, int32_t type, int32_t bits, memory_file *file)
{
    nst_save_params params;
    nst_writer writer = {sizeof writer, 0, memory_write, file};
    NST_INIT(params);
    params.type = type;
    params.bits = bits;
    file->length = 0;
    return nst_image_save_writer(image, &writer, &params);
}

/* The samples in `format`, in the image's own 3 or 4 channels. The caller frees them. */
static inline void *image_samples(const nst_image *image, uint32_t format, size_t *bytes)
{
    nst_image_desc desc;
    void *samples;
    NST_INIT(desc);
    assert_int_equal(nst_image_get_desc(image, &desc), NST_OK);
    desc.format = format;
    *bytes = (size_t)desc.width * desc.height * desc.channels * (format == NST_FORMAT_U8 ? 1 : format == NST_FORMAT_U16 ? 2 : 4);
    samples = malloc(*bytes);
    assert_non_null(samples);
    assert_int_equal(nst_image_read(image, &desc, samples, *bytes), NST_OK);
    return samples;
}

static inline void assert_same_pixels(const nst_image *a, const nst_image *b)
{
    size_t size_a, size_b;
    void *samples_a = image_samples(a, NST_FORMAT_F32, &size_a), *samples_b = image_samples(b, NST_FORMAT_F32, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(samples_a, samples_b, size_a);
    free(samples_a);
    free(samples_b);
}

static inline int ctx_setup(void **state)
{
    return nst_ctx_new(NULL, (nst_ctx **)state) < 0 ? -1 : 0;
}

/* Fails the test if an image is left. */
static inline int ctx_teardown(void **state)
{
    nst_ctx *ctx = *state;
    uint64_t used = nst_ctx_memory_used(ctx);
    nst_ctx *other;
    uint64_t idle;
    if (nst_ctx_new(NULL, &other) < 0) return -1;
    idle = nst_ctx_memory_used(other);
    nst_ctx_unref(other);
    nst_ctx_unref(ctx);
    if (used != idle) print_error("%ju bytes are left\n", (uintmax_t)(used - idle));
    return used == idle ? 0 : -1;
}

#endif
