/* Decode; if that works, every sample must be in 0..1, and what is saved as 16-bit PNG must come back the same. */
#ifndef NST_FUZZ_IMAGE_H
#define NST_FUZZ_IMAGE_H

#include "fuzz.h"

typedef struct fuzz_file {
    unsigned char *data;
    size_t length, capacity;
} fuzz_file;

static inline int32_t fuzz_write(void *user, const void *data, uint64_t count)
{
    fuzz_file *file = user;
    if (file->length + count > file->capacity) {
        file->capacity = 2 * (file->length + (size_t)count);
        file->data = realloc(file->data, file->capacity);
        FUZZ_REQUIRE(file->data);
    }
    memcpy(file->data + file->length, data, (size_t)count);
    file->length += (size_t)count;
    return 0;
}

/* The samples of an image, as floats or 16 bits. */
static inline void *fuzz_pixels(const nst_image *image, uint32_t format, size_t *samples)
{
    nst_image_desc desc;
    size_t size = format == NST_FORMAT_U16 ? 2 : 4;
    void *pixels;
    NST_INIT(desc);
    FUZZ_REQUIRE(nst_image_get_desc(image, &desc) == NST_OK);
    *samples = (size_t)desc.width * desc.height * desc.channels;
    desc.format = format;
    pixels = malloc(*samples * size);
    FUZZ_REQUIRE(pixels);
    FUZZ_REQUIRE(nst_image_read(image, &desc, pixels, *samples * size) == NST_OK);
    return pixels;
}

static inline void fuzz_round_trip(nst_ctx *ctx, const nst_image *image)
{
    nst_save_params params;
    fuzz_file file = {NULL, 0, 0};
    nst_writer writer = {sizeof writer, 0, fuzz_write, &file};
    nst_image *again = NULL;
    size_t count, count_again;
    uint16_t *before, *after;
    NST_INIT(params);
    params.bits = 16;
    FUZZ_REQUIRE(nst_image_save_writer(image, &writer, &params) == NST_OK);
    FUZZ_REQUIRE(nst_image_load_memory(ctx, file.data, file.length, &again) == NST_OK);
    before = fuzz_pixels(image, NST_FORMAT_U16, &count);
    after = fuzz_pixels(again, NST_FORMAT_U16, &count_again);
    FUZZ_REQUIRE(count == count_again && memcmp(before, after, count * sizeof *before) == 0);
    nst_image_unref(again);
    free(before);
    free(after);
    free(file.data);
}

static inline void fuzz_image(const uint8_t *data, size_t size)
{
    failing_allocator memory = {0};
    nst_ctx *ctx = fuzz_ctx_new(&memory, UINT64_C(64) << 20, 1u << 16);
    nst_image *image = NULL;
    if (nst_image_load_memory(ctx, data, size, &image) == NST_OK) {
        size_t count;
        float *samples = fuzz_pixels(image, NST_FORMAT_F32, &count);
        for (size_t i = 0; i < count; i++) FUZZ_REQUIRE(samples[i] >= 0 && samples[i] <= 1);
        free(samples);
        fuzz_round_trip(ctx, image);
    } else {
        FUZZ_REQUIRE(!image && nst_ctx_error(ctx)[0]);
    }
    nst_image_unref(image);
    fuzz_ctx_free(ctx, &memory);
}

#endif
