/* nst reconstruct */
#include <string.h>

#include "run.h"

static const char *default_layers(int kind)
{
    nst_option_info info;
    NST_INIT(info);
    nst_option_info_by_key(kind == NST_RECONSTRUCT_CONTENT ? "content-layers" : "style-layers", &info);
    return info.default_text;
}

/* A checkpoint is bound to targets: the same that the library makes for a reconstruction. */
static int32_t resume(const cli_job *job, int kind, const char *checkpoint, nst_session **session)
{
    nst_targets *targets = NULL;
    bool content = kind == NST_RECONSTRUCT_CONTENT;
    int32_t status = nst_targets_new(job->model, content ? job->images[0] : NULL, job->images, content ? 0 : 1, &targets);
    if (status >= 0) status = nst_session_resume(targets, checkpoint, session);
    nst_targets_unref(targets);
    return status;
}

static int run_job(cli_job *job, const cli_output *output, int kind)
{
    const char *checkpoint = job->args->values[FLAG_RESUME], *layers = job->args->values[FLAG_LAYERS];
    nst_session *session = NULL;
    int32_t status;
    int code = CLI_OK;
    if (!layers) layers = default_layers(kind);
    if (checkpoint) status = resume(job, kind, checkpoint, &session);
    else status = nst_session_new_reconstruction(job->model, job->images[0], kind, layers, job->options, &session);
    if (status < 0) code = run_refused(job, status);
    else if (checkpoint) code = run_override(job, session);
    if (code == CLI_OK && job->args->values[FLAG_ESTIMATE]) code = run_estimate(session);
    else if (code == CLI_OK)
        code = run_session(job, session, output, kind == NST_RECONSTRUCT_CONTENT ? "reconstruct content" : "reconstruct style");
    nst_session_free(session);
    return code;
}

int cli_reconstruct(const cli_args *args)
{
    bool content = strcmp(args->arguments[0], "content") == 0;
    cli_job job;
    cli_output output;
    int code;
    if (!content && strcmp(args->arguments[0], "style") != 0)
        return cli_usage(args, "'%s' is neither content nor style: nst reconstruct content|style IMAGE", args->arguments[0]);
    code = run_check(&output, args, args->arguments + 1, 1);
    if (code != CLI_OK) return code;
    code = job_open(&job, args);
    if (code == CLI_OK && job.init_path)
        code = cli_usage(args, "a reconstruction cannot start from a file; --init noise, gray, ...");
    if (code == CLI_OK) code = job_load_images(&job, args->arguments + 1, 1);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = run_job(&job, &output, content ? NST_RECONSTRUCT_CONTENT : NST_RECONSTRUCT_STYLE);
    job_close(&job);
    return code;
}
