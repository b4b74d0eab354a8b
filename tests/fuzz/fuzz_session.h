/* A tiny world for targets that make sessions; what is fuzzed must belong to just these pictures and weights. */
#ifndef NST_FUZZ_SESSION_H
#define NST_FUZZ_SESSION_H

#include "fuzz.h"

static inline nst_image *fuzz_picture(nst_ctx *ctx, uint32_t width, uint32_t height)
{
    unsigned char samples[3 * 64];
    nst_image_desc desc;
    nst_image *image = NULL;
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = width;
    desc.height = height;
    desc.channels = 3;
    for (uint32_t i = 0; i < sizeof samples; i++) samples[i] = (unsigned char)(i * i * 7 + i * width);
    FUZZ_REQUIRE(nst_image_new(ctx, &desc, samples, &image) == NST_OK);
    return image;
}

static inline nst_targets *fuzz_targets_new(nst_ctx *ctx)
{
    nst_image *content = fuzz_picture(ctx, 8, 6), *style = fuzz_picture(ctx, 6, 7);
    nst_model *model = NULL;
    nst_targets *targets = NULL;
    FUZZ_REQUIRE(nst_model_new_untrained(ctx, 1, 1, &model) == NST_OK);
    FUZZ_REQUIRE(nst_targets_new(model, content, &style, 1, &targets) == NST_OK);
    nst_model_unref(model);
    nst_image_unref(content);
    nst_image_unref(style);
    return targets;
}

/* A step, and everything that can be looked at. */
static inline void fuzz_use_session(nst_session *session)
{
    nst_image *image = NULL;
    nst_progress progress;
    int32_t status;
    NST_INIT(progress);
    FUZZ_REQUIRE(nst_session_get_image(session, &image) == NST_OK);
    nst_image_unref(image);
    status = nst_session_step(session);
    FUZZ_REQUIRE(status == NST_CONTINUE || status == NST_DONE || status == NST_ERR_NUMERIC);
    FUZZ_REQUIRE(nst_session_get_progress(session, &progress) == NST_OK);
    for (uint32_t i = 0; i < progress.terms; i++) {
        nst_loss_term term;
        NST_INIT(term);
        FUZZ_REQUIRE(nst_session_get_term(session, i, &term) == NST_OK);
    }
    FUZZ_REQUIRE(nst_session_get_image(session, &image) == NST_OK);
    nst_image_unref(image);
}

#endif
