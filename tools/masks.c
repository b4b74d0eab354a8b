#include "masks.h"

#include <stdlib.h>
#include <string.h>

/* At commas; the name of a single style's mask may have some. */
static void split(cli_masks *masks, const char *names, int styles)
{
    masks->list = cli_format("%s", names);
    masks->styles = cli_alloc(strlen(names) + 1, sizeof *masks->styles);
    for (char *name = masks->list; name; masks->style_count++) {
        char *comma = styles > 1 ? strchr(name, ',') : NULL;
        if (comma) *comma++ = '\0';
        masks->styles[masks->style_count] = name;
        name = comma;
    }
}

int masks_read(cli_masks *masks, const cli_args *args, int styles)
{
    const char *names = args->values[FLAG_STYLE_MASK];
    memset(masks, 0, sizeof *masks);
    masks->content = args->values[FLAG_CONTENT_MASK];
    masks->weights = args->values[FLAG_CONTENT_WEIGHTS];
    if (!masks->content != !names)
        return cli_usage(args, "--content-mask and --style-mask belong together: regions of the picture take regions of the style");
    if (names) split(masks, names, styles);
    if (names && masks->style_count != styles)
        return cli_usage(args, "--style-mask names %d files for %d style images", masks->style_count, styles);
    return CLI_OK;
}

void masks_close(cli_masks *masks)
{
    free(masks->styles);
    free(masks->list);
}

const char **masks_inputs(const cli_masks *masks, const char *const *paths, int count, int *total)
{
    const char **all = cli_alloc((size_t)(count + 2 + masks->style_count), sizeof *all);
    *total = 0;
    for (int i = 0; i < count; i++) all[(*total)++] = paths[i];
    if (masks->content) all[(*total)++] = masks->content;
    if (masks->weights) all[(*total)++] = masks->weights;
    for (int i = 0; i < masks->style_count; i++) all[(*total)++] = masks->styles[i];
    return all;
}

int masks_check_run(const cli_masks *masks, const cli_args *args, cli_output *output)
{
    int count, code;
    const char **inputs = masks_inputs(masks, args->arguments, args->argument_count, &count);
    code = run_check(output, args, inputs, count);
    free(inputs);
    return code;
}

static int load(const cli_job *job, const char *path, nst_image **image)
{
    int32_t status = nst_image_load(job->ctx, path, image);
    return status < 0 ? cli_fail_file(status, path, nst_ctx_error(job->ctx)) : CLI_OK;
}

static int give_regions(const cli_masks *masks, const cli_job *job, nst_targets *targets)
{
    nst_image *content = NULL, **styles = cli_alloc((size_t)masks->style_count, sizeof *styles);
    int code = load(job, masks->content, &content);
    int32_t status = NST_OK;
    for (int i = 0; i < masks->style_count && code == CLI_OK; i++) code = load(job, masks->styles[i], &styles[i]);
    if (code == CLI_OK) status = nst_targets_set_guides(targets, content, styles, (uint32_t)masks->style_count);
    for (int i = 0; i < masks->style_count; i++) nst_image_unref(styles[i]);
    nst_image_unref(content);
    free(styles);
    return status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : code;
}

static int give_weights(const cli_masks *masks, const cli_job *job, nst_targets *targets)
{
    nst_image *map = NULL;
    int code = load(job, masks->weights, &map);
    int32_t status = code == CLI_OK ? nst_targets_set_content_weights(targets, map) : NST_OK;
    nst_image_unref(map);
    return status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : code;
}

int masks_give(const cli_masks *masks, const cli_job *job, nst_targets *targets)
{
    int code = masks->content ? give_regions(masks, job, targets) : CLI_OK;
    return code == CLI_OK && masks->weights ? give_weights(masks, job, targets) : code;
}
