/* nst stylize, and nst photo, which is that with other defaults */
#include <stdlib.h>

#include "masks.h"
#include "report.h"
#include "run.h"

static int run_job(cli_job *job, const cli_masks *masks, const cli_output *output)
{
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status = nst_targets_new(job->model, job->images[0], job->images + 1, (uint32_t)job->image_count - 1, &targets);
    int code = status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : masks_give(masks, job, targets);
    if (code == CLI_OK) code = run_open(job, targets, &session);
    if (code == CLI_OK && job->args->values[FLAG_ESTIMATE]) code = run_estimate(session);
    else if (code == CLI_OK) code = run_session(job, session, output, job->args->command->name);
    nst_session_free(session);
    nst_targets_unref(targets);
    return code;
}

static int paint(const cli_args *args, const cli_masks *masks, const cli_output *output)
{
    cli_job job;
    int code = job_open(&job, args);
    if (code == CLI_OK) code = job_load_images(&job, args->arguments, args->argument_count);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = run_job(&job, masks, output);
    job_close(&job);
    return code;
}

int cli_stylize(const cli_args *args)
{
    cli_masks masks;
    cli_output output;
    int code = masks_read(&masks, args, args->argument_count - 1);
    if (code == CLI_OK) code = masks_check_run(&masks, args, &output);
    if (code == CLI_OK) code = paint(args, &masks, &output);
    masks_close(&masks);
    return code;
}
