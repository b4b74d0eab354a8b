/* What the tests of the public interface share: a small world to run in, and traces of runs to compare. They see no more of the
 * library than its users do. */
#ifndef NST_TEST_API_SUPPORT_H
#define NST_TEST_API_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nst/nst.h"

#define assert_ok(call) assert_int_equal((call), NST_OK)
#define assert_contains(text, part) \
    do { if (!strstr((text), (part))) fail_msg("'%s' does not contain '%s'", (text), (part)); } while (0)

/* ---- pictures ---- */

/* `format` is an nst_format; samples are interleaved. */
static inline nst_image *image_from(nst_ctx *ctx, uint32_t format, uint32_t width, uint32_t height, uint32_t channels, const void *samples)
{
    nst_image_desc desc;
    nst_image *image = NULL;
    NST_INIT(desc);
    desc.format = format;
    desc.width = width;
    desc.height = height;
    desc.channels = channels;
    assert_ok(nst_image_new(ctx, &desc, samples, &image));
    return image;
}

/* Waves and grain, the same for the same seed; the fourth channel a ramp. */
static inline nst_image *new_picture(nst_ctx *ctx, uint32_t width, uint32_t height, uint32_t channels, uint32_t seed)
{
    float *pixels = malloc((size_t)width * height * channels * sizeof *pixels), *to = pixels;
    uint32_t random = 12345 + 7919 * seed;
    nst_image *image;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < channels; c++) {
                double wave = sin(0.37 * x + c + seed) * cos(0.23 * y * (1 + 0.5 * c) + 2.0 * seed);
                random = random * 1664525u + 1013904223u;
                *to++ = c == 3 ? (float)(x + 1) / (float)width : (float)(0.5 + 0.3 * wave + 0.15 * ((random >> 8) / 16777216.0 - 0.5));
            }
    image = image_from(ctx, NST_FORMAT_F32, width, height, channels, pixels);
    free(pixels);
    return image;
}

typedef struct pixels {
    uint32_t width, height, channels;
    size_t count;
    float *values; /* interleaved */
} pixels;

static inline pixels read_pixels(const nst_image *image)
{
    nst_image_desc desc;
    pixels p;
    NST_INIT(desc);
    assert_ok(nst_image_get_desc(image, &desc));
    p = (pixels){desc.width, desc.height, desc.channels, (size_t)desc.width * desc.height * desc.channels, NULL};
    p.values = malloc(p.count * sizeof *p.values);
    assert_ok(nst_image_read(image, &desc, p.values, p.count * sizeof *p.values));
    return p;
}

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t count)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Of size, channels and every bit of every sample (FNV-1a). */
static inline uint64_t hash_image(const nst_image *image)
{
    pixels p = read_pixels(image);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = hash_bytes(hash, &p.width, 3 * sizeof p.width);
    hash = hash_bytes(hash, p.values, p.count * sizeof *p.values);
    free(p.values);
    return hash;
}

static inline nst_image *image_of(nst_session *session)
{
    nst_image *image = NULL;
    assert_ok(nst_session_get_image(session, &image));
    return image;
}

static inline uint64_t hash_of(nst_session *session)
{
    nst_image *image = image_of(session);
    uint64_t hash = hash_image(image);
    nst_image_unref(image);
    return hash;
}

/* ---- a world ---- */

typedef struct world {
    nst_ctx *ctx;
    nst_model *model;
    nst_image *content, *style;
    nst_targets *targets;
} world;

static inline void fill_world(world *w, const nst_ctx_config *config)
{
    assert_ok(nst_ctx_new(config, &w->ctx));
    assert_ok(nst_model_new_untrained(w->ctx, 2, 1, &w->model));
    w->content = new_picture(w->ctx, 32, 24, 3, 1);
    w->style = new_picture(w->ctx, 28, 32, 3, 2);
    assert_ok(nst_targets_new(w->model, w->content, &w->style, 1, &w->targets));
}

static inline void empty_world(world *w)
{
    nst_targets_unref(w->targets);
    nst_image_unref(w->style);
    nst_image_unref(w->content);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
}

static inline int setup_world(void **state)
{
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 1;
    *state = calloc(1, sizeof(world));
    fill_world(*state, &config);
    return 0;
}

static inline int teardown_world(void **state)
{
    empty_world(*state);
    free(*state);
    return 0;
}

#define test_in_world(function) cmocka_unit_test_setup_teardown(function, setup_world, teardown_world)

/* Key, value, ..., NULL on top of a picture of 32 pixels, 6 iterations from the content with a given content weight: no search, so that
 * iterations can be counted. */
static inline nst_options *options_from(nst_ctx *ctx, va_list pairs)
{
    nst_options *options = NULL;
    const char *key;
    assert_ok(nst_options_new(ctx, &options));
    assert_ok(nst_options_set_str(options, "size", "32"));
    assert_ok(nst_options_set_str(options, "iterations", "6"));
    assert_ok(nst_options_set_str(options, "alpha", "0.005"));
    assert_ok(nst_options_set_str(options, "scales", "1"));
    assert_ok(nst_options_set_str(options, "init", "content"));
    while ((key = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);
        if (nst_options_set_str(options, key, value) < 0) fail_msg("%s", nst_options_error(options));
    }
    return options;
}

static inline nst_options *new_options(nst_ctx *ctx, ...)
{
    nst_options *options;
    va_list pairs;
    va_start(pairs, ctx);
    options = options_from(ctx, pairs);
    va_end(pairs);
    return options;
}

static inline nst_session *new_session(nst_ctx *ctx, nst_targets *targets, ...)
{
    nst_session *session = NULL;
    nst_options *options;
    va_list pairs;
    va_start(pairs, targets);
    options = options_from(ctx, pairs);
    va_end(pairs);
    if (nst_session_new(targets, options, NULL, &session) < 0) fail_msg("%s", nst_ctx_error(ctx));
    nst_options_free(options);
    return session;
}

static inline void set(nst_session *session, const char *key, const char *value)
{
    if (nst_session_set_option(session, key, value) < 0) fail_msg("%s", nst_session_error(session));
}

/* ---- runs ---- */

static inline nst_progress progress_of(const nst_session *session)
{
    nst_progress progress;
    NST_INIT(progress);
    assert_ok(nst_session_get_progress(session, &progress));
    return progress;
}

/* One step that must go on or end the run, and leave terms that add up. */
static inline int32_t step(nst_session *session)
{
    int32_t status = nst_session_step(session);
    nst_progress p;
    double sum = 0, sums[4] = {0}; /* the last: of kinds that progress has no sum for */
    if (status < 0) fail_msg("%s: %s", nst_status_name(status), nst_session_error(session));
    p = progress_of(session);
    for (uint32_t i = 0; i < p.terms; i++) {
        nst_loss_term term;
        NST_INIT(term);
        assert_ok(nst_session_get_term(session, i, &term));
        sum += term.value;
        sums[term.kind[0] == 'c' ? 0 : term.kind[0] == 's' ? 1 : strcmp(term.kind, "tv") == 0 ? 2 : 3] += term.value;
    }
    if (fabs(sum - p.loss) > 1e-12 * fabs(p.loss)) fail_msg("terms add up to %.17g, loss is %.17g", sum, p.loss);
    assert_true(sums[0] == p.content && sums[1] == p.style && sums[2] == p.tv);
    return status;
}

static inline void steps(nst_session *session, int count)
{
    for (int i = 0; i < count; i++) assert_int_equal(step(session), NST_CONTINUE);
}

/* To the end; how many records there were. */
static inline uint32_t finish(nst_session *session)
{
    uint32_t records = 0;
    while (step(session) == NST_CONTINUE) records++;
    return records;
}

/* Everything a record says, but times. */
typedef struct record {
    uint32_t iteration, iterations, evaluations, scale, width, height;
    double loss, content, style, tv, gradient_norm;
    uint64_t hash;
} record;

static inline record record_of(nst_session *session)
{
    nst_progress p = progress_of(session);
    record r;
    memset(&r, 0, sizeof r);
    r = (record){p.iteration, p.iterations, p.evaluations, p.scale, p.width, p.height, p.loss, p.content, p.style, p.tv,
                 p.gradient_norm, hash_of(session)};
    return r;
}

static inline void assert_same_record(const record *a, const record *b)
{
    if (memcmp(a, b, sizeof *a) == 0) return;
    fail_msg("iteration %u, scale %u, evaluations %u, loss %.17g, picture %016llx is not\n"
             "iteration %u, scale %u, evaluations %u, loss %.17g, picture %016llx", a->iteration, a->scale, a->evaluations, a->loss,
             (unsigned long long)a->hash, b->iteration, b->scale, b->evaluations, b->loss, (unsigned long long)b->hash);
}

#define MAX_RECORDS 64
typedef struct trace {
    record records[MAX_RECORDS];
    uint32_t count;
    int32_t stop;
} trace;

/* Records of the steps still to come. */
static inline trace trace_of(nst_session *session)
{
    trace t = {.count = 0};
    while (step(session) == NST_CONTINUE) {
        assert_true(t.count < MAX_RECORDS);
        t.records[t.count++] = record_of(session);
    }
    t.stop = progress_of(session).stop_reason;
    return t;
}

/* `part` is how `whole` ends. */
static inline void assert_tail(const trace *whole, const trace *part)
{
    assert_true(part->count <= whole->count);
    assert_int_equal(part->stop, whole->stop);
    for (uint32_t i = 0; i < part->count; i++) assert_same_record(&part->records[i], &whole->records[whole->count - part->count + i]);
}

static inline void assert_same_trace(const trace *a, const trace *b)
{
    assert_int_equal(a->count, b->count);
    assert_tail(a, b);
}

/* The loss of a picture under options, which a session that begins with it and does nothing tells. */
static inline double loss_of_picture(nst_ctx *ctx, nst_targets *targets, nst_image *picture, ...)
{
    nst_session *session = NULL;
    nst_options *options;
    double loss;
    va_list pairs;
    va_start(pairs, picture);
    options = options_from(ctx, pairs);
    va_end(pairs);
    assert_ok(nst_options_set_str(options, "init", "image"));
    assert_ok(nst_session_new(targets, options, picture, &session));
    assert_int_equal(step(session), NST_CONTINUE);
    loss = progress_of(session).loss;
    nst_session_free(session);
    nst_options_free(options);
    return loss;
}

#endif
