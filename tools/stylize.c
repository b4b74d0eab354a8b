/* nst stylize, and nst photo, which is that with other defaults */
#include "report.h"
#include "run.h"

static int run_job(cli_job *job, const cli_output *output)
{
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status = nst_targets_new(job->model, job->images[0], job->images + 1, (uint32_t)job->image_count - 1, &targets);
    int code = status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : run_open(job, targets, &session);
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
