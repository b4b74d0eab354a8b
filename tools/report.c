#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool get_term(const nst_session *session, uint32_t index, nst_loss_term *term)
{
    NST_INIT(*term);
    return nst_session_get_term(session, index, term) == NST_OK;
}

/* Whether a term of another kind has the same layer. */
static bool collides(const nst_session *session, const nst_loss_term *term)
{
    nst_loss_term other;
    for (uint32_t i = 0; get_term(session, i, &other); i++)
        if (strcmp(other.layer, term->layer) == 0 && strcmp(other.kind, term->kind) != 0) return true;
    return false;
}

void report_layers(json_writer *json, const nst_session *session)
{
    nst_loss_term term;
    jw_open(json, "layers", '{');
    for (uint32_t i = 0; get_term(session, i, &term); i++) {
        char name[40];
        bool shared = collides(session, &term);
        if (strcmp(term.kind, "tv") == 0) continue; /* a member of its own */
        snprintf(name, sizeof name, "%s%s%s", shared ? term.kind : "", shared ? ":" : "", term.layer);
        jw_number(json, name, term.value);
    }
    jw_close(json, '}');
}

/* Terms of a kind stand together. */
void report_kinds(const nst_session *session, char *text, size_t capacity)
{
    nst_loss_term term, next;
    size_t length = 0;
    double sum = 0;
    text[0] = '\0';
    for (uint32_t i = 0; get_term(session, i, &term); i++) {
        sum += term.value;
        if (get_term(session, i + 1, &next) && strcmp(next.kind, term.kind) == 0) continue;
        if (sum != 0 && length < capacity)
            length += (size_t)snprintf(text + length, capacity - length, "%s%s %.4g", length ? ", " : "", term.kind, sum);
        sum = 0;
    }
}

const char *report_stop_name(int32_t reason)
{
    switch (reason) {
    case NST_STOP_ITERATIONS: return "iterations";
    case NST_STOP_TOLERANCE: return "tolerance";
    case NST_STOP_CONVERGED: return "converged";
    case NST_STOP_NUMERIC: return "numeric";
    default: return "interrupted";
    }
}

static const char *clamped_name(uint32_t clamped)
{
    static const char *const names[] = {[NST_CLAMPED_NOT] = "no", [NST_CLAMPED_STYLE] = "style", [NST_CLAMPED_FLAT] = "flat"};
    return clamped < sizeof names / sizeof names[0] ? names[clamped] : "unknown";
}

void report_strength(json_writer *json, const nst_session *session)
{
    nst_strength_info info;
    NST_INIT(info);
    nst_session_get_strength(session, &info);
    jw_number(json, "retention", info.retention);
    jw_number(json, "content_weight", info.content_weight);
    jw_number(json, "style_left", info.style_left);
    jw_bool(json, "style_incomplete", info.style_incomplete != 0);
    if (!isnan(info.photo_target)) {
        jw_number(json, "photo_target", info.photo_target);
        jw_number(json, "photo_share", info.photo_share);
        jw_number(json, "photo_weight", info.photo_weight);
    }
    if (!info.in_use) return;
    jw_number(json, "strength", info.strength);
    jw_number(json, "target", info.target);
    jw_text(json, "clamped", clamped_name(info.clamped));
}

/* The image's; what was painted is smaller where the option enlarge says so. */
static void report_size(json_writer *json, const nst_image *image, const nst_progress *progress)
{
    nst_image_desc desc;
    NST_INIT(desc);
    desc.width = progress->width;
    desc.height = progress->height;
    if (image) nst_image_get_desc(image, &desc);
    jw_int(json, "width", desc.width);
    jw_int(json, "height", desc.height);
    jw_int(json, "painted_width", progress->width);
    jw_int(json, "painted_height", progress->height);
}

void report_losses(json_writer *json, const nst_session *session, const nst_progress *progress, const nst_image *image)
{
    report_size(json, image, progress);
    jw_int(json, "scales", progress->scales);
    jw_int(json, "iterations", progress->iteration);
    jw_int(json, "evaluations", progress->evaluations);
    jw_text(json, "stop", report_stop_name(progress->stop_reason));
    jw_number(json, "loss", progress->loss);
    jw_number(json, "content", progress->content);
    jw_number(json, "style", progress->style);
    jw_number(json, "tv", progress->tv);
    report_layers(json, session);
    jw_number(json, "grad_norm", progress->gradient_norm);
    report_strength(json, session);
}

/* ---- parameters ---- */

/* Groups of numbers say more than that. */
static bool all_items_equal(const char *list)
{
    size_t first = strcspn(list, ",");
    if (strpbrk(list, ";:")) return false;
    for (const char *item = list; *item; item += strcspn(item, ","), item += *item == ',')
        if (strcspn(item, ",") != first || strncmp(item, list, first) != 0) return false;
    return true;
}

/* What came from the weights file or from the number of styles is left open, or the parameters would spoil a run with others. */
static const char *portable_value(const cli_job *job, const char *key, const char *value)
{
    static const char *const preprocessings[] = {"", "torch", "caffe", "unit"};
    static const char *const paddings[] = {"", "zero", "reflect", "replicate"};
    int32_t preprocessing = job->model_info.preprocessing, padding = job->model_info.padding;
    const char *of_file = NULL;
    if (strcmp(key, "preprocessing") == 0 && preprocessing >= 1 && preprocessing <= 3) of_file = preprocessings[preprocessing];
    if (strcmp(key, "padding") == 0 && padding >= 1 && padding <= 3) of_file = paddings[padding];
    if (of_file && strcmp(value, of_file) == 0) return "auto";
    if (strcmp(key, "style-weights") == 0 && all_items_equal(value)) return "auto";
    if (strcmp(key, "precision") == 0 && strcmp(value, "bf16") == 0) return "auto"; /* not every processor has it */
    if (strcmp(key, "memory-limit") == 0) return "0"; /* the same picture where there is more */
    return value;
}

char *report_params(const cli_job *job, const nst_session *session)
{
    nst_options *options = NULL;
    uint64_t length = 0;
    char *text = NULL;
    if (nst_options_new(job->ctx, &options) < 0) return cli_format("{}");
    for (uint32_t i = 0; i < nst_option_count(); i++) {
        nst_option_info info;
        const char *value;
        NST_INIT(info);
        if (nst_option_info_by_index(i, &info) < 0) continue;
        value = nst_session_get_option(session, info.key);
        if (value) nst_options_set_str(options, info.key, portable_value(job, info.key, value));
    }
    nst_options_to_json(options, 1, NULL, 0, &length);
    text = cli_alloc((size_t)length + 1, 1);
    nst_options_to_json(options, 1, text, length + 1, &length);
    nst_options_free(options);
    return text;
}

/* ---- the texts in a PNG ---- */

static void report_network(json_writer *json, const cli_job *job, const nst_session *session)
{
    jw_open(json, "network", '{');
    jw_text(json, "name", job->model_info.name);
    jw_text(json, "architecture", job->model_info.architecture);
    jw_text(json, "file", cli_base_name(job->model_info.source));
    jw_text(json, "fingerprint", job->model_info.fingerprint);
    jw_text(json, "preprocessing", nst_session_get_option(session, "preprocessing"));
    jw_text(json, "padding", nst_session_get_option(session, "padding"));
    jw_close(json, '}');
}

/* No times and no folders: the same run gives the same bytes everywhere. */
static char *result_text(const cli_job *job, const nst_session *session, const nst_image *image, const char *what)
{
    json_writer json = {0};
    nst_progress progress;
    NST_INIT(progress);
    nst_session_get_progress(session, &progress);
    jw_open(&json, NULL, '{');
    jw_text(&json, "program", "nst");
    jw_text(&json, "version", nst_version());
    jw_text(&json, "run", what);
    jw_open(&json, "images", '[');
    for (int i = 0; i < job->image_count; i++) jw_text(&json, NULL, cli_base_name(job->paths[i]));
    jw_close(&json, ']');
    report_network(&json, job, session);
    jw_text(&json, "precision", nst_session_get_option(session, "precision"));
    jw_text(&json, "processor_level", nst_ctx_cpu_level(job->ctx));
    report_losses(&json, session, &progress, image);
    jw_close(&json, '}');
    return json.text;
}

nst_image *report_attach(const cli_job *job, const nst_session *session, nst_image *image, const char *what)
{
    nst_image *with_params = NULL, *with_both = NULL;
    char *params = report_params(job, session), *result = result_text(job, session, image, what);
    if (nst_image_with_text(image, "nst:params", params, &with_params) >= 0)
        nst_image_with_text(with_params, "nst:result", result, &with_both);
    nst_image_unref(with_params);
    free(params);
    free(result);
    return with_both;
}
