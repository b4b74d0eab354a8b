/* Watches a run: progress PHOTO PAINTING OUT.png [OPTIONS.json-text]
 * A callback prints every iteration and stops the run when the style loss has fallen to a tenth; Ctrl-C stops it too, and the
 * picture is saved either way. */
#include <inttypes.h>
#include <nst/nst.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static nst_session *running; /* for the signal handler, which may only cancel */

static void on_interrupt(int number)
{
    (void)number;
    nst_session_cancel(running);
}

/* Returns 0 to go on; anything else ends nst_session_run() and comes back from nst_session_callback_result(). */
static int32_t on_progress(void *user, nst_session *session, const nst_progress *progress)
{
    double *first_style = user;
    nst_loss_term term;
    NST_INIT(term);
    if (progress->iteration == 0) *first_style = progress->style;
    printf("%4" PRIu32 "/%" PRIu32 "  loss %.4g = content %.4g + style %.4g + tv %.4g", progress->iteration, progress->iterations,
           progress->loss, progress->content, progress->style, progress->tv);
    for (uint32_t i = 0; nst_session_get_term(session, i, &term) == NST_OK; i++)
        if (strcmp(term.kind, "style") == 0) printf("  %s %.3g", term.layer, term.value);
    printf("\n");
    return progress->style < 0.1 * *first_style ? 10 : 0;
}

static int32_t watch(nst_session *session)
{
    double first_style = 0;
    int32_t status;
    running = session;
    signal(SIGINT, on_interrupt);
    status = nst_session_run(session, on_progress, &first_style);
    signal(SIGINT, SIG_DFL);
    if (status == NST_ERR_CANCELLED && nst_session_callback_result(session) == 10) printf("the style is near enough\n");
    else if (status == NST_ERR_CANCELLED) printf("interrupted\n");
    return status == NST_ERR_CANCELLED ? NST_OK : status;
}

int main(int argc, char **argv)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *photo = NULL, *painting = NULL, *result = NULL;
    nst_options *options = NULL;
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    nst_save_params params;
    int32_t status;

    if (argc < 4) {
        fprintf(stderr, "usage: %s PHOTO PAINTING OUT.png [OPTIONS.json-text]\n", argv[0]);
        return 2;
    }
    NST_INIT(params);
    params.overwrite = 1;
    if (nst_ctx_new(NULL, &ctx) < 0) return 1;
    status = nst_model_open(ctx, NULL, &model);
    if (status >= 0) status = nst_image_load(ctx, argv[1], &photo);
    if (status >= 0) status = nst_image_load(ctx, argv[2], &painting);
    if (status >= 0) status = nst_options_new(ctx, &options);
    if (status >= 0 && argc > 4) status = nst_options_from_json(options, argv[4], strlen(argv[4]));
    if (status >= 0) status = nst_targets_new(model, photo, &painting, 1, &targets);
    if (status >= 0) status = nst_session_new(targets, options, NULL, &session);
    if (status >= 0) status = watch(session);
    if (status >= 0) status = nst_session_get_image(session, &result);
    if (status >= 0) status = nst_image_save(result, argv[3], &params);
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
