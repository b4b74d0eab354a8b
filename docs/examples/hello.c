/* Paints a photograph in the manner of a painting: hello PHOTO PAINTING OUT.png [OPTIONS.json-text]
 * For instance: hello photo.jpg painting.jpg out.png '{"size": 384, "iterations": 200}' */
#include <nst/nst.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *photo = NULL, *painting = NULL, *result = NULL;
    nst_options *options = NULL;
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status;

    if (argc < 4) {
        fprintf(stderr, "usage: %s PHOTO PAINTING OUT.png [OPTIONS.json-text]\n", argv[0]);
        return 2;
    }
    if (nst_ctx_new(NULL, &ctx) < 0) return 1;
    status = nst_model_open(ctx, NULL, &model); /* the first VGG-19 found on this machine */
    if (status >= 0) status = nst_image_load(ctx, argv[1], &photo);
    if (status >= 0) status = nst_image_load(ctx, argv[2], &painting);
    if (status >= 0) status = nst_options_new(ctx, &options);
    if (status >= 0 && argc > 4) status = nst_options_from_json(options, argv[4], strlen(argv[4]));
    if (status >= 0) status = nst_targets_new(model, photo, &painting, 1, &targets);
    if (status >= 0) status = nst_session_new(targets, options, NULL, &session);
    while (status == NST_OK && (status = nst_session_step(session)) == NST_CONTINUE) { }
    if (status >= 0) status = nst_session_get_image(session, &result);
    if (status >= 0) status = nst_image_save(result, argv[3], NULL);
    if (status < 0) {
        const char *sentence = session ? nst_session_error(session) : "";
        if (!*sentence && options) sentence = nst_options_error(options);
        fprintf(stderr, "%s\n", *sentence ? sentence : nst_ctx_error(ctx));
    }

    nst_session_free(session);
    nst_targets_unref(targets);
    nst_options_free(options);
    nst_image_unref(result);
    nst_image_unref(painting);
    nst_image_unref(photo);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    return status < 0;
}
