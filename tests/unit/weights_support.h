/* Small weights files in memory, and the three ways every reader is tortured: cut off, flipped, starved of memory. */
#ifndef NST_TEST_WEIGHTS_SUPPORT_H
#define NST_TEST_WEIGHTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/failing_allocator.h"
#include "nst/nst.h"
#include "weights/safetensors.h"
#include "weights/weights.h"

typedef struct blob {
    unsigned char *data;
    size_t length;
} blob;

static inline void blob_put(blob *to, const void *data, size_t length)
{
    to->data = realloc(to->data, to->length + length + 1);
    assert_non_null(to->data);
    if (length > 0) memcpy(to->data + to->length, data, length);
    to->length += length;
}

static inline void blob_put_number(blob *to, uint64_t value, int size)
{
    for (int i = 0; i < size; i++) blob_put(to, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
}

static inline void blob_set_number(blob *in, size_t at, uint64_t value, int size)
{
    assert_true(at + (size_t)size <= in->length);
    for (int i = 0; i < size; i++) in->data[at + (size_t)i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t blob_number(const blob *in, size_t at, int size)
{
    uint64_t value = 0;
    assert_true(at + (size_t)size <= in->length);
    for (int i = 0; i < size; i++) value |= (uint64_t)in->data[at + (size_t)i] << (8 * i);
    return value;
}

static inline blob blob_copy(const blob *from)
{
    blob copy = {NULL, 0};
    blob_put(&copy, from->data, from->length);
    return copy;
}

static inline void blob_free(blob *b)
{
    free(b->data);
    *b = (blob){NULL, 0};
}

/* Where `text` lies; fails if it does not. */
static inline size_t blob_find(const blob *in, const void *text, size_t length, size_t from)
{
    for (size_t i = from; i + length <= in->length; i++)
        if (memcmp(in->data + i, text, length) == 0) return i;
    fail_msg("not in the file");
    return 0;
}

/* A seed of the fuzz targets: written by PyTorch, h5py, ... (tests/fuzz/make_weights_seeds.py). */
static inline blob read_seed(const char *name)
{
    char path[1024];
    blob out = {NULL, 0};
    unsigned char buffer[4096];
    size_t got;
    FILE *file;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", NST_SOURCE_ROOT, name);
    file = fopen(path, "rb");
    if (!file) fail_msg("cannot open %s", path);
    while ((got = fread(buffer, 1, sizeof buffer, file)) > 0) blob_put(&out, buffer, got);
    fclose(file);
    return out;
}

static inline int new_ctx(void **state)
{
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 1;
    return nst_ctx_new(&config, (nst_ctx **)state);
}

static inline int free_ctx(void **state)
{
    nst_ctx_unref(*state);
    return 0;
}

/* The status of opening; the model is dropped again. The copy has the exact size, so that a sanitizer sees a byte too many. */
static inline int32_t load_status(nst_ctx *ctx, const blob *file)
{
    unsigned char *exact = malloc(file->length ? file->length : 1);
    nst_model *model = NULL;
    int32_t status;
    memcpy(exact, file->data ? file->data : exact, file->length);
    status = nst_model_load_memory(ctx, exact, file->length, &model);
    assert_true((status == NST_OK) == (model != NULL));
    nst_model_unref(model);
    free(exact);
    return status;
}

static inline void expect_refusal(nst_ctx *ctx, const blob *file, int32_t status, const char *sentence)
{
    int32_t got = load_status(ctx, file);
    if (got != status || !strstr(nst_ctx_error(ctx), sentence))
        fail_msg("status %d, \"%s\"; expected %d with \"%s\"", (int)got, nst_ctx_error(ctx), (int)status, sentence);
}

static inline void fingerprint_of(nst_ctx *ctx, const blob *file, char out[72])
{
    nst_model *model = NULL;
    nst_model_info info;
    NST_INIT(info);
    if (nst_model_load_memory(ctx, file->data, file->length, &model) != NST_OK) fail_msg("%s", nst_ctx_error(ctx));
    assert_int_equal(nst_model_get_info(model, &info), NST_OK);
    memcpy(out, info.fingerprint, 72);
    nst_model_unref(model);
}

/* No prefix of the file loads. */
static inline void refuses_every_truncation(nst_ctx *ctx, const blob *file)
{
    for (size_t length = 0; length < file->length; length++) {
        blob cut = {file->data, length};
        int32_t status = load_status(ctx, &cut);
        if (status >= 0) fail_msg("the first %zu of %zu bytes load", length, file->length);
        assert_true(strlen(nst_ctx_error(ctx)) > 10);
    }
}

/* Every byte set to every value in turn: an error or a model, never a crash or a leak. Long stretches of zeros, which are room
 * nobody reads, are left out. */
static inline void survives_every_flip(nst_ctx *ctx, const blob *file, size_t begin, size_t end)
{
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    size_t zeros = 0, before = nst_ctx_memory_used(ctx);
    blob changed = blob_copy(file);
    for (size_t at = begin; at < end && at < file->length; at++) {
        zeros = file->data[at] ? 0 : zeros + 1;
        for (size_t v = 0; zeros < 16 && v < sizeof values; v++) {
            changed.data[at] = values[v];
            if (values[v] != file->data[at]) load_status(ctx, &changed);
        }
        changed.data[at] = file->data[at];
    }
    assert_int_equal(nst_ctx_memory_used(ctx), before);
    blob_free(&changed);
}

/* Every allocation refused in turn: NST_ERR_NOMEM each time, and nothing left behind. */
static inline void survives_every_failed_allocation(const blob *file)
{
    for (int persistent = 0; persistent < 2; persistent++) {
        failing_allocator memory = {0};
        nst_allocator hooks = failing_allocator_hooks(&memory);
        nst_ctx_config config;
        nst_ctx *ctx;
        uint64_t live, k;
        NST_INIT(config);
        config.threads = 1;
        config.allocator = &hooks;
        assert_int_equal(nst_ctx_new(&config, &ctx), NST_OK);
        live = memory.live;
        for (k = 1;; k++) {
            int32_t status;
            failing_allocator_arm(&memory, k, persistent != 0);
            status = load_status(ctx, file);
            failing_allocator_disarm(&memory);
            assert_int_equal(memory.live, live);
            if (memory.failed == 0) {
                assert_int_equal(status, NST_OK);
                break;
            }
            assert_int_equal(status, NST_ERR_NOMEM);
        }
        assert_true(k > 5);
        nst_ctx_unref(ctx);
        assert_int_equal(memory.live, 0);
    }
}

static inline void read_weights(nst_ctx *ctx, const blob *file, nst_weights *out)
{
    nst_bytes bytes;
    nst_error error;
    nst_bytes_from_memory(&bytes, file->data, file->length);
    if (nst_weights_read(ctx, &bytes, "test", out, &error) < 0) fail_msg("%s", error.text);
}

#endif
