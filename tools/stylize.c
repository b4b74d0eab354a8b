/* nst stylize, and nst photo, which is that with other defaults */
#include "report.h"
#include "run.h"

static int make_session(cli_job *job, nst_targets *targets, nst_session **session)
{
    const char *checkpoint = job->args->values[FLAG_RESUME];
    int code = CLI_OK;
    int32_t status;
    if (!checkpoint) code = job_load_init(job, job->options, job->init_path, &job->init);
    if (code != CLI_OK) return code;
    if (checkpoint) status = nst_session_resume(targets, checkpoint, session);
    else status = nst_session_new(targets, job->options, job->init, session);
    if (status < 0) return run_refused(job, status);
    return checkpoint ? run_override(job, *session) : CLI_OK;
}

static int run_job(cli_job *job, const cli_output *output)
{
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status = nst_targets_new(job->model, job->images[0], job->images + 1, (uint32_t)job->image_count - 1, &targets);
    int code = status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : make_session(job, targets, &session);
    if (code == CLI_OK && job->args->values[FLAG_ESTIMATE]) code = run_estimate(session);
    else if (code == CLI_OK) code = run_session(job, session, output, job->args->command->name);
    nst_session_free(session);
    nst_targets_unref(targets);
    return code;
}

int cli_stylize(const cli_args *args)
{
    cli_job job;
    cli_output output;
    int code = run_check(&output, args, args->arguments, args->argument_count);
    if (code != CLI_OK) return code;
    code = job_open(&job, args);
    if (code == CLI_OK) code = job_load_images(&job, args->arguments, args->argument_count);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = run_job(&job, &output);
    job_close(&job);
    return code;
}
