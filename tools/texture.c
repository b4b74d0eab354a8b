/* nst texture */
#include <stdlib.h>
#include <string.h>

#include "masks.h"
#include "run.h"

static double longer_side(const nst_image *image)
{
    nst_image_desc desc;
    NST_INIT(desc);
    if (nst_image_get_desc(image, &desc) < 0) return 0;
    return desc.width > desc.height ? desc.width : desc.height;
}

static double option_number(const cli_job *job, const char *key)
{
    double value = 0;
    return nst_options_get_f64(job->options, key, &value) < 0 ? 0 : value;
}

static double output_side(const cli_job *job)
{
    double width = option_number(job, "width"), height = option_number(job, "height"), size = option_number(job, "size");
    double longer = width > height ? width : height;
    return longer > 0 ? longer : size > 0 ? size : longer_side(job->images[0]);
}

/* A larger output has more of the texture and not larger strokes: no style is enlarged. */
static double natural_scale(const cli_job *job)
{
    double largest = 0, scale;
    for (int i = 0; i < job->image_count; i++)
        if (longer_side(job->images[i]) > largest) largest = longer_side(job->images[i]);
    scale = largest / output_side(job);
    return scale > 1 ? 1 : scale < 0.01 ? 0.01 : scale;
}

static int choose_scale(cli_job *job)
{
    double scale = natural_scale(job);
    int32_t status;
    if (nst_options_is_set(job->options, "style-scale")) return CLI_OK;
    status = nst_options_set_f64(job->options, "style-scale", scale);
    if (scale < 1) say_note("the style keeps its own size, style-scale %.3g; --style-scale 1 enlarges it", scale);
    return status < 0 ? cli_fail(status, nst_options_error(job->options)) : CLI_OK;
}

static int run_job(cli_job *job, const cli_masks *masks, const cli_output *output)
{
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status = nst_targets_new(job->model, NULL, job->images, (uint32_t)job->image_count, &targets);
    int code = status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : masks_give(masks, job, targets);
    if (code == CLI_OK && !job->args->values[FLAG_RESUME]) code = choose_scale(job);
    if (code == CLI_OK) code = run_open(job, targets, &session);
    if (code == CLI_OK && job->args->values[FLAG_ESTIMATE]) code = run_estimate(session);
    else if (code == CLI_OK) code = run_session(job, session, output, "texture");
    nst_session_free(session);
    nst_targets_unref(targets);
    return code;
}

int cli_texture(const cli_args *args)
{
    cli_job job = {.args = NULL};
    cli_masks masks;
    cli_output output;
    int code = masks_read(&masks, args, args->argument_count);
    if (code == CLI_OK) code = masks_check_run(&masks, args, &output);
    if (code == CLI_OK) code = job_open(&job, args);
    if (code == CLI_OK) code = job_load_images(&job, args->arguments, args->argument_count);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = run_job(&job, &masks, &output);
    masks_close(&masks);
    job_close(&job);
    return code;
}
