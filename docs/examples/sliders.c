/* What the sliders of a user interface do: sliders PHOTO PAINTING OUT_PREFIX [OPTIONS.json-text]
 * Beta moves while the session runs, and a picture is saved after every move. The option table says when a change takes
 * effect. */
#include <nst/nst.h>
#include <stdio.h>
#include <string.h>

static int32_t save_as(nst_session *session, const char *prefix, const char *label)
{
    char path[4096];
    nst_image *image = NULL;
    nst_save_params params;
    int32_t status = nst_session_get_image(session, &image);
    NST_INIT(params);
    params.overwrite = 1;
    snprintf(path, sizeof path, "%s-%s.png", prefix, label);
    if (status >= 0) status = nst_image_save(image, path, &params);
    nst_image_unref(image);
    return status;
}

static int32_t steps(nst_session *session, int count)
{
    int32_t status = NST_CONTINUE;
    while (count-- > 0 && status == NST_CONTINUE) status = nst_session_step(session);
    return status;
}

static int32_t slide(nst_session *session, const char *prefix)
{
    static const char *const betas[] = {"10", "100", "1000"};
    nst_progress progress;
    int32_t status = NST_CONTINUE;
    NST_INIT(progress);
    for (size_t i = 0; i < sizeof betas / sizeof betas[0] && status >= 0; i++) {
        status = nst_session_set_option(session, "beta", betas[i]);
        if (status >= 0) status = steps(session, 5);
        if (status >= 0) status = nst_session_get_progress(session, &progress);
        if (status >= 0) printf("beta %s: loss %g after iteration %u\n", betas[i], progress.loss, (unsigned)progress.iteration);
        if (status >= 0) status = save_as(session, prefix, betas[i]);
    }
    return status;
}

int main(int argc, char **argv)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *photo = NULL, *painting = NULL;
    nst_options *options = NULL;
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    nst_option_info info;
    int32_t status;

    if (argc < 4) {
        fprintf(stderr, "usage: %s PHOTO PAINTING OUT_PREFIX [OPTIONS.json-text]\n", argv[0]);
        return 2;
    }
    NST_INIT(info);
    if (nst_ctx_new(NULL, &ctx) < 0) return 1;
    status = nst_option_info_by_key("beta", &info);
    if (status >= 0) printf("%s: %s\n", info.key, info.doc);
    if (status >= 0) status = nst_model_open(ctx, NULL, &model);
    if (status >= 0) status = nst_image_load(ctx, argv[1], &photo);
    if (status >= 0) status = nst_image_load(ctx, argv[2], &painting);
    if (status >= 0) status = nst_options_new(ctx, &options);
    if (status >= 0 && argc > 4) status = nst_options_from_json(options, argv[4], strlen(argv[4]));
    if (status >= 0) status = nst_targets_new(model, photo, &painting, 1, &targets);
    if (status >= 0) status = nst_session_new(targets, options, NULL, &session);
    if (status >= 0) status = slide(session, argv[3]);
    if (status < 0) {
        const char *sentence = session ? nst_session_error(session) : "";
        if (!*sentence && options) sentence = nst_options_error(options);
        fprintf(stderr, "%s\n", *sentence ? sentence : nst_ctx_error(ctx));
    }

    nst_session_free(session);
    nst_targets_unref(targets);
    nst_options_free(options);
    nst_image_unref(painting);
    nst_image_unref(photo);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    return status < 0;
}
