/* nst measure */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "job.h"
#include "json.h"

/* ---- text ---- */

static void print_number(const char *name, double value)
{
    printf("%-26s", name);
    if (isnan(value)) printf("-\n");
    else printf("%.4g\n", value);
}

static void print_cell(double value, bool held_out)
{
    if (isnan(value)) printf("  %11s ", "-");
    else printf("  %11.4g%c", value, held_out ? '*' : ' ');
}

static void print_layers(const nst_measure *measure)
{
    nst_measure_layer layer;
    NST_INIT(layer);
    printf("%-8s  %11s   %11s   %11s\n", "layer", "content", "style", "retention");
    for (uint32_t i = 0; nst_measure_get_layer(measure, i, &layer) == NST_OK; i++) {
        printf("%-8s", layer.layer);
        print_cell(layer.content, !layer.content_in_objective);
        print_cell(layer.style, !layer.style_in_objective);
        print_cell(layer.retention, false);
        putchar('\n');
    }
    printf("* not in content-layers or style-layers: held out\n\n");
}

/* Of the picture's share of fine detail, and that of the finer one of content and style: above 1.3 grain has come in. */
static double grain(const nst_measure_summary *s)
{
    double content = s->high_frequency_content, style = s->high_frequency_style;
    double reference = isnan(style) || content > style ? content : style;
    return reference > 0 ? s->high_frequency / reference : (double)NAN;
}

static void print_summary(const nst_measure_summary *s)
{
    print_number("style, held out", s->held_out_style);
    print_number("  at half size", s->held_out_style_half);
    print_number("  at a quarter", s->held_out_style_quarter);
    print_number("retention of content", s->retention);
    print_number("erosion of content", s->erosion);
    print_number("change of self-similarity", s->self_similarity);
    print_number("SSIM", s->ssim);
    print_number("SSIM of edges", s->edge_ssim);
    print_number("correlation of edges", s->edge_correlation);
    print_number("fine detail", s->high_frequency);
    print_number("  of the content", s->high_frequency_content);
    print_number("  of the style", s->high_frequency_style);
    print_number("  times the larger", grain(s));
}

/* ---- JSON ---- */

static void write_network(json_writer *json, const cli_job *job)
{
    jw_open(json, "network", '{');
    jw_text(json, "name", job->model_info.name);
    jw_text(json, "architecture", job->model_info.architecture);
    jw_text(json, "file", cli_base_name(job->model_info.source));
    jw_text(json, "fingerprint", job->model_info.fingerprint);
    jw_close(json, '}');
}

static void write_layers(json_writer *json, const nst_measure *measure)
{
    nst_measure_layer layer;
    NST_INIT(layer);
    jw_newline(json);
    jw_open(json, "layers", '[');
    for (uint32_t i = 0; nst_measure_get_layer(measure, i, &layer) == NST_OK; i++) {
        jw_newline(json);
        jw_open(json, NULL, '{');
        jw_text(json, "layer", layer.layer);
        jw_number(json, "content", layer.content);
        jw_number(json, "style", layer.style);
        jw_number(json, "retention", layer.retention);
        jw_bool(json, "content_in_objective", layer.content_in_objective != 0);
        jw_bool(json, "style_in_objective", layer.style_in_objective != 0);
        jw_close(json, '}');
    }
    jw_close(json, ']');
}

static void write_summary(json_writer *json, const nst_measure_summary *s)
{
    jw_newline(json);
    jw_number(json, "held_out_style", s->held_out_style);
    jw_int(json, "held_out_layers", s->held_out);
    jw_number(json, "held_out_style_half", s->held_out_style_half);
    jw_number(json, "held_out_style_quarter", s->held_out_style_quarter);
    jw_newline(json);
    jw_number(json, "retention", s->retention);
    jw_number(json, "erosion", s->erosion);
    jw_number(json, "self_similarity", s->self_similarity);
    jw_newline(json);
    jw_number(json, "ssim", s->ssim);
    jw_number(json, "edge_ssim", s->edge_ssim);
    jw_number(json, "edge_correlation", s->edge_correlation);
    jw_newline(json);
    jw_open(json, "high_frequency", '{');
    jw_number(json, "result", s->high_frequency);
    jw_number(json, "content", s->high_frequency_content);
    jw_number(json, "style", s->high_frequency_style);
    jw_number(json, "ratio", grain(s));
    jw_close(json, '}');
}

static void print_json(const cli_job *job, const nst_measure *measure, const nst_measure_summary *s)
{
    const char *content = job->args->values[FLAG_CONTENT];
    const cli_list *styles = &job->args->repeated[FLAG_STYLE];
    json_writer json = {0};
    jw_open(&json, NULL, '{');
    jw_text(&json, "result", cli_base_name(job->args->arguments[0]));
    jw_text(&json, "content", content ? cli_base_name(content) : NULL);
    jw_open(&json, "styles", '[');
    for (int i = 0; i < styles->count; i++) jw_text(&json, NULL, cli_base_name(styles->items[i]));
    jw_close(&json, ']');
    jw_int(&json, "width", s->width);
    jw_int(&json, "height", s->height);
    jw_newline(&json);
    write_network(&json, job);
    jw_text(&json, "precision", s->precision);
    write_layers(&json, measure);
    write_summary(&json, s);
    jw_newline(&json);
    jw_close(&json, '}');
    puts(json.text);
    free(json.text);
}

/* ---- the command ---- */

static int tell(const cli_job *job, const nst_measure *measure)
{
    nst_measure_summary summary;
    int32_t status;
    NST_INIT(summary);
    status = nst_measure_get_summary(measure, &summary);
    if (status < 0) return cli_fail(status, NULL);
    if (job->args->values[FLAG_JSON]) print_json(job, measure, &summary);
    else {
        print_layers(measure);
        print_summary(&summary);
    }
    return CLI_OK;
}

static int measure_job(const cli_job *job)
{
    bool has_content = job->args->values[FLAG_CONTENT];
    nst_image *content = has_content ? job->images[1] : NULL;
    nst_targets *targets = NULL;
    nst_measure *measure = NULL;
    uint32_t styles = (uint32_t)job->image_count - 1 - has_content;
    int32_t status = nst_targets_new(job->model, content, job->images + 1 + has_content, styles, &targets);
    int code;
    if (status >= 0) status = nst_measure_new(targets, job->images[0], job->options, &measure);
    code = status < 0 ? cli_fail(status, nst_ctx_error(job->ctx)) : tell(job, measure);
    nst_measure_free(measure);
    nst_targets_unref(targets);
    return code;
}

int cli_measure(const cli_args *args)
{
    const cli_list *styles = &args->repeated[FLAG_STYLE];
    const char *content = args->values[FLAG_CONTENT], **paths;
    int count = 0, code;
    cli_job job;
    if (!content && styles->count == 0)
        return cli_usage(args, "with what shall it be compared? Say --content FILE, --style FILE or both");
    paths = cli_alloc((size_t)styles->count + 2, sizeof *paths);
    paths[count++] = args->arguments[0];
    if (content) paths[count++] = content;
    for (int i = 0; i < styles->count; i++) paths[count++] = styles->items[i];
    code = job_open(&job, args);
    if (code == CLI_OK) code = job_load_images(&job, paths, count);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = measure_job(&job);
    job_close(&job);
    free(paths);
    return code;
}
