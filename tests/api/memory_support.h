/* Runs whose memory is told and counted: for estimate.c and memory.c. */
#ifndef NST_TEST_API_MEMORY_SUPPORT_H
#define NST_TEST_API_MEMORY_SUPPORT_H

#include "../support/test_data.h"
#include "support.h"

/* One run: images and options. */
typedef struct situation {
    uint32_t width, height, channels; /* of the content; 0: none */
    uint32_t styles;
    const char *options; /* with guide-mode among them there are maps */
} situation;

typedef struct outcome {
    nst_estimate estimate;
    uint64_t before, peak; /* held by the context */
    double loss;
} outcome;

static inline nst_model *real_model(nst_ctx *ctx)
{
    char path[512];
    nst_model *model = NULL;
    if (!test_data_path(path, sizeof path, "weights/vgg19-caffe-bgr.safetensors")) return NULL;
    assert_ok(nst_model_open(ctx, path, &model));
    return model;
}

static inline nst_targets *situation_targets(nst_model *model, nst_ctx *ctx, const situation *s)
{
    nst_image *content = s->width ? new_picture(ctx, s->width, s->height, s->channels, 1) : NULL, *styles[3] = {NULL};
    nst_targets *targets = NULL;
    for (uint32_t i = 0; i < s->styles; i++) styles[i] = new_picture(ctx, 57 + 8 * i, 83, 3, 2 + i);
    assert_ok(nst_targets_new(model, content, styles, s->styles, &targets));
    if (strstr(s->options, "guide-mode")) {
        nst_image *map = new_picture(ctx, 90, 70, 1, 9), *maps[3] = {map, map, map};
        assert_ok(nst_targets_set_guides(targets, map, maps, s->styles));
        if (content) assert_ok(nst_targets_set_content_weights(targets, map));
        nst_image_unref(map);
    }
    for (uint32_t i = 0; i < s->styles; i++) nst_image_unref(styles[i]);
    nst_image_unref(content);
    return targets;
}

static inline nst_options *situation_options(nst_ctx *ctx, const char *json)
{
    nst_options *options = NULL;
    assert_ok(nst_options_new(ctx, &options));
    if (nst_options_from_json(options, json, strlen(json)) < 0) fail_msg("%s", nst_options_error(options));
    return options;
}

static inline nst_estimate estimate_of(nst_session *session)
{
    nst_estimate e;
    NST_INIT(e);
    assert_ok(nst_session_estimate(session, 0, &e));
    return e;
}

static inline outcome run(const situation *s, bool real, uint64_t limit)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_targets *targets;
    nst_options *options;
    nst_session *session = NULL;
    nst_progress progress;
    outcome o = {.peak = 0};
    assert_ok(nst_ctx_new(NULL, &ctx));
    if (real) model = real_model(ctx);
    else assert_ok(nst_model_new_untrained(ctx, 2, 1, &model));
    targets = situation_targets(model, ctx, s);
    options = situation_options(ctx, s->options);
    if (limit) assert_ok(nst_options_set_i64(options, "memory-limit", (int64_t)limit));
    o.before = nst_ctx_memory_used(ctx);
    if (nst_session_new(targets, options, NULL, &session) < 0) fail_msg("%s: %s", s->options, nst_ctx_error(ctx));
    o.estimate = estimate_of(session);
    if (nst_session_run(session, NULL, NULL) != NST_DONE) fail_msg("%s: %s", s->options, nst_session_error(session));
    nst_image_unref(image_of(session));
    o.peak = nst_ctx_memory_peak(ctx);
    NST_INIT(progress);
    nst_session_get_progress(session, &progress);
    o.loss = progress.loss;
    nst_session_free(session);
    nst_options_free(options);
    nst_targets_unref(targets);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    return o;
}

#endif
