/* nst sweep: every combination of some options on one sheet. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "masks.h"
#include "output.h"
#include "report.h"
#include "sheet.h"
#include "signals.h"
#include "vary.h"

typedef struct sweep_cell {
    char *label;       /* "alpha=5 beta=10" */
    char *outcome;     /* "loss 1.2e+05, 500 it." or why there is none */
    char *measured;    /* "retention=0.81 edges=0.74 style=0.012"; NULL: not measured */
    nst_image *image;  /* NULL: not run */
    json_writer losses; /* members for the JSON file */
    char *options;     /* JSON */
} sweep_cell;

typedef struct sweep_state {
    cli_job *job;
    cli_masks masks;
    cli_vary vary;
    sweep_cell *cells;
    int columns, rows;
    nst_targets *targets;
} sweep_state;

/* ---- cells ---- */

static char *label_of(const cli_vary *vary, int index)
{
    char *label = cli_format("%s", "");
    for (int axis = 0; axis < vary->axis_count; axis++) {
        char *longer = cli_format("%s%s%s=%s", label, axis ? " " : "", vary->axes[axis].key, vary_value(vary, axis, index));
        free(label);
        label = longer;
    }
    return label;
}

/* A session with the options of a cell; `said` code on failure. */
static int make_session(const sweep_state *sweep, int index, nst_session **session)
{
    const cli_job *job = sweep->job;
    const char *init_path = job->init_path;
    nst_options *options = NULL;
    nst_image *init = NULL;
    int32_t status = nst_options_copy(job->options, &options);
    int code = status < 0 ? cli_fail(status, NULL) : CLI_OK;
    for (int axis = 0; axis < sweep->vary.axis_count && code == CLI_OK; axis++)
        code = job_set_option(options, sweep->vary.axes[axis].key, vary_value(&sweep->vary, axis, index), &init_path);
    if (code == CLI_OK) code = job_load_init(job, options, init_path, &init);
    if (code == CLI_OK) {
        status = nst_session_new(sweep->targets, options, init, session);
        if (status < 0) code = cli_fail(status == NST_ERR_NOT_FOUND ? NST_ERR_INVALID_ARG : status, nst_ctx_error(job->ctx));
    }
    nst_image_unref(init);
    nst_options_free(options);
    return code;
}

/* A mistake in the last cell must not show after hours. */
static int check_cells(const sweep_state *sweep)
{
    for (int i = 0; i < sweep->vary.cell_count; i++) {
        nst_session *session = NULL;
        int code = make_session(sweep, i, &session);
        nst_session_free(session);
        if (code == CLI_OK) continue;
        say_error("in the cell %s", sweep->cells[i].label);
        return code;
    }
    return CLI_OK;
}

static void note_outcome(const sweep_state *sweep, sweep_cell *cell, nst_session *session, int32_t status)
{
    nst_progress progress;
    const char *stop;
    NST_INIT(progress);
    nst_session_get_progress(session, &progress);
    stop = report_stop_name(progress.stop_reason);
    if (status < 0 && status != NST_ERR_CANCELLED) {
        jw_text(&cell->losses, "error", nst_session_error(session));
        say_warning("%s: %s", cell->label, nst_session_error(session));
    }
    if (nst_session_get_image(session, &cell->image) < 0) say_warning("%s: %s", cell->label, nst_session_error(session));
    report_losses(&cell->losses, session, &progress, cell->image);
    cell->options = report_params(sweep->job, session);
    cell->outcome = cli_format("loss %.5g, %u it.%s%s", progress.loss, progress.iteration,
                               progress.stop_reason == NST_STOP_ITERATIONS ? "" : " ",
                               progress.stop_reason == NST_STOP_ITERATIONS ? "" : stop);
    say_note("%s: loss %.6g, %u iterations, %.1f s", cell->label, progress.loss, progress.iteration, progress.seconds);
}

/* One judge for all cells, which has nothing of what is varied but how the style is seen. Free with nst_options_free(). */
static nst_options *judge_options(const sweep_state *sweep, nst_session *session)
{
    static const char *const own[] = {"style-scale", "style-weights"};
    nst_options *options = NULL;
    if (nst_options_copy(sweep->job->options, &options) < 0) return NULL;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (nst_options_set_str(options, own[i], nst_session_get_option(session, own[i])) < 0) {
            nst_options_free(options);
            return NULL;
        }
    return options;
}

static void note_measures(sweep_cell *cell, const nst_measure_summary *s)
{
    jw_open(&cell->losses, "measures", '{');
    jw_number(&cell->losses, "held_out_style", s->held_out_style);
    jw_number(&cell->losses, "held_out_style_half", s->held_out_style_half);
    jw_number(&cell->losses, "held_out_style_quarter", s->held_out_style_quarter);
    jw_number(&cell->losses, "retention", s->retention);
    jw_number(&cell->losses, "edge_correlation", s->edge_correlation);
    jw_number(&cell->losses, "erosion", s->erosion);
    jw_number(&cell->losses, "self_similarity", s->self_similarity);
    jw_close(&cell->losses, '}');
    cell->measured = cli_format("retention=%.3f edges=%.3f style=%.3g", s->retention, s->edge_correlation, s->held_out_style);
}

static void measure_cell(const sweep_state *sweep, sweep_cell *cell, const nst_options *options)
{
    nst_measure *measure = NULL;
    nst_measure_summary summary;
    NST_INIT(summary);
    if (nst_measure_new(sweep->targets, cell->image, options, &measure) >= 0 && nst_measure_get_summary(measure, &summary) >= 0) {
        note_measures(cell, &summary);
        say_verbose("%s: %s", cell->label, cell->measured);
    } else say_warning("%s: not measured: %s", cell->label, nst_ctx_error(sweep->job->ctx));
    nst_measure_free(measure);
}

static int run_cell(const sweep_state *sweep, int index)
{
    sweep_cell *cell = &sweep->cells[index];
    nst_session *session = NULL;
    nst_options *judge;
    char before[48];
    int32_t status;
    int code = make_session(sweep, index, &session);
    if (code != CLI_OK) return code;
    snprintf(before, sizeof before, "cell %d/%d", index + 1, sweep->vary.cell_count);
    signals_watch(session);
    do {
        nst_progress progress;
        NST_INIT(progress);
        status = nst_session_step(session);
        if (nst_session_get_progress(session, &progress) >= 0) say_progress(&progress, before);
    } while (status == NST_CONTINUE && !signals_stop_wanted());
    say_progress_end();
    note_outcome(sweep, cell, session, status);
    signals_watch(NULL);
    judge = judge_options(sweep, session);
    nst_session_free(session);
    if (!judge) say_warning("cell %d is not measured: out of memory", index + 1);
    else if (cell->image && !signals_stop_wanted()) measure_cell(sweep, cell, judge);
    nst_options_free(judge);
    return status < 0 && status != NST_ERR_CANCELLED ? CLI_ERROR : CLI_OK;
}

/* The first failure is the exit code; the other cells run all the same. */
static int run_cells(const sweep_state *sweep)
{
    int first = CLI_OK;
    signals_guard(true);
    for (int i = 0; i < sweep->vary.cell_count && !signals_stop_wanted(); i++) {
        int code = run_cell(sweep, i);
        if (first == CLI_OK) first = code;
    }
    return signals_stop_wanted() ? CLI_INTERRUPTED : first;
}

/* ---- the sheet ---- */

typedef struct layout {
    uint32_t cell_width, cell_height; /* of the picture within a cell */
    uint32_t pitch, gap, scale, letters, label_lines, title_letters, title_height;
    double shrink;
} layout;

static void largest_cell(const sweep_state *sweep, uint32_t *width, uint32_t *height)
{
    *width = *height = 1;
    for (int i = 0; i < sweep->vary.cell_count; i++) {
        nst_image_desc desc;
        NST_INIT(desc);
        if (!sweep->cells[i].image || nst_image_get_desc(sweep->cells[i].image, &desc) < 0) continue;
        if (desc.width > *width) *width = desc.width;
        if (desc.height > *height) *height = desc.height;
    }
}

/* About twenty letters to the width of a picture; pictures shrink where the sheet would be larger than programs open. */
static layout make_layout(const sweep_state *sweep, const char *title)
{
    enum { SMALLEST = 132, LARGEST_PIXELS = 64000000 };
    layout l = {.shrink = 1};
    uint32_t width, height;
    double pixels;
    largest_cell(sweep, &width, &height);
    pixels = (double)width * sweep->columns * height * sweep->rows;
    if (pixels > LARGEST_PIXELS) l.shrink = sqrt(LARGEST_PIXELS / pixels);
    l.cell_width = (uint32_t)fmax(1, width * l.shrink);
    l.cell_height = (uint32_t)fmax(1, height * l.shrink);
    l.scale = l.cell_width / SMALLEST > 1 ? l.cell_width / SMALLEST : 1;
    l.gap = 8 * l.scale;
    l.pitch = (l.cell_width > SMALLEST ? l.cell_width : SMALLEST) + l.gap;
    l.letters = (l.pitch - l.gap) / (SHEET_LETTER_WIDTH * l.scale);
    for (int i = 0; i < sweep->vary.cell_count; i++) {
        const sweep_cell *cell = &sweep->cells[i];
        uint32_t lines = sheet_text_lines(cell->label, l.letters) + sheet_text_lines(cell->outcome, l.letters);
        if (cell->measured) lines += sheet_text_lines(cell->measured, l.letters);
        if (lines > l.label_lines) l.label_lines = lines;
    }
    l.title_letters = (l.pitch * (uint32_t)sweep->columns - l.gap) / (SHEET_LETTER_WIDTH * l.scale);
    l.title_height = sheet_text_lines(title, l.title_letters) * SHEET_LINE_HEIGHT * l.scale + l.gap;
    return l;
}

static uint32_t row_height(const layout *l)
{
    return l->cell_height + (l->label_lines * SHEET_LINE_HEIGHT + 4) * l->scale + l->gap;
}

static void draw_cell(const sweep_state *sweep, cli_sheet *sheet, const layout *l, int index)
{
    const sweep_cell *cell = &sweep->cells[index];
    uint32_t x = l->gap + (uint32_t)(index % sweep->columns) * l->pitch;
    uint32_t y = l->gap + l->title_height + (uint32_t)(index / sweep->columns) * row_height(l);
    uint32_t label_y = y + l->cell_height + 4 * l->scale;
    const char *texts[] = {cell->label, cell->outcome, cell->measured};
    nst_image_desc desc;
    NST_INIT(desc);
    if (cell->image && nst_image_get_desc(cell->image, &desc) >= 0) {
        uint32_t width = (uint32_t)fmax(1, desc.width * l->shrink), height = (uint32_t)fmax(1, desc.height * l->shrink);
        if (sheet_image(sheet, cell->image, x, y + (l->cell_height - height), width, height) < 0)
            say_warning("%s: %s", cell->label, nst_ctx_error(sweep->job->ctx));
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && texts[i]; i++) {
        sheet_text(sheet, x, label_y, l->scale, l->letters, texts[i]);
        label_y += sheet_text_lines(texts[i], l->letters) * SHEET_LINE_HEIGHT * l->scale;
    }
}

static char *title_of(const sweep_state *sweep)
{
    const cli_job *job = sweep->job;
    char *title = cli_format("%s", cli_base_name(job->paths[0]));
    for (int i = 1; i < job->image_count; i++) {
        char *longer = cli_format("%s + %s", title, cli_base_name(job->paths[i]));
        free(title);
        title = longer;
    }
    return title;
}

static void draw_sheet(const sweep_state *sweep, cli_sheet *sheet)
{
    char *title = title_of(sweep);
    layout l = make_layout(sweep, title);
    uint32_t width = l.gap + l.pitch * (uint32_t)sweep->columns;
    uint32_t height = l.gap + l.title_height + row_height(&l) * (uint32_t)sweep->rows;
    sheet_init(sheet, width, height);
    sheet_text(sheet, l.gap, l.gap, l.scale, l.title_letters, title);
    for (int i = 0; i < sweep->vary.cell_count; i++) draw_cell(sweep, sheet, &l, i);
    free(title);
    if (l.shrink < 1) say_note("the pictures are shrunk to %.0f %%, so that programs can open the sheet", 100 * l.shrink);
}

/* ---- the JSON beside it ---- */

static void report_cell(const sweep_state *sweep, json_writer *json, int index)
{
    const sweep_cell *cell = &sweep->cells[index];
    jw_open(json, NULL, '{');
    jw_int(json, "row", index / sweep->columns);
    jw_int(json, "column", index % sweep->columns);
    jw_open(json, "varied", '{');
    for (int axis = 0; axis < sweep->vary.axis_count; axis++)
        jw_text(json, sweep->vary.axes[axis].key, vary_value(&sweep->vary, axis, index));
    jw_close(json, '}');
    if (cell->losses.text) jw_members(json, cell->losses.text);
    else jw_text(json, "stop", "not run");
    if (cell->options) jw_raw(json, "options", cell->options);
    jw_close(json, '}');
    jw_newline(json);
}

static char *report_sweep(const sweep_state *sweep)
{
    const cli_job *job = sweep->job;
    json_writer json = {0};
    jw_open(&json, NULL, '{');
    jw_text(&json, "program", "nst");
    jw_text(&json, "version", nst_version());
    jw_text(&json, "run", "sweep");
    jw_open(&json, "images", '[');
    for (int i = 0; i < job->image_count; i++) jw_text(&json, NULL, cli_base_name(job->paths[i]));
    jw_close(&json, ']');
    jw_text(&json, "network", job->model_info.name);
    jw_text(&json, "fingerprint", job->model_info.fingerprint);
    jw_text(&json, "processor_level", nst_ctx_cpu_level(job->ctx));
    jw_int(&json, "columns", sweep->columns);
    jw_int(&json, "rows", sweep->rows);
    jw_open(&json, "cells", '[');
    jw_newline(&json);
    for (int i = 0; i < sweep->vary.cell_count; i++) report_cell(sweep, &json, i);
    jw_close(&json, ']');
    jw_close(&json, '}');
    return json.text;
}

/* ---- the whole ---- */

static int32_t image_of_sheet(nst_ctx *ctx, const cli_sheet *sheet, nst_image **image)
{
    nst_image_desc desc;
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = sheet->width;
    desc.height = sheet->height;
    desc.channels = 3;
    return nst_image_new(ctx, &desc, sheet->pixels, image);
}

static int save_sheet(const sweep_state *sweep, const cli_output *output)
{
    cli_sheet sheet;
    nst_image *image = NULL;
    int32_t status;
    int code;
    draw_sheet(sweep, &sheet);
    status = image_of_sheet(sweep->job->ctx, &sheet, &image);
    sheet_clear(&sheet);
    code = status < 0 ? cli_fail(status, nst_ctx_error(sweep->job->ctx)) : output_save(output, sweep->job->ctx, image);
    nst_image_unref(image);
    return code;
}

static int save_sweep(const sweep_state *sweep, const cli_output *output)
{
    char *path = cli_sibling(output->path, "", ".json"), *text = report_sweep(sweep);
    int saved = output_save_text(path, text), code = save_sheet(sweep, output);
    if (code == CLI_OK && saved == CLI_OK) say_note("%s and %s: %d cells", output->path, path, sweep->vary.cell_count);
    free(text);
    free(path);
    return code != CLI_OK ? code : saved;
}

/* One row per combination of the other axes; a single long axis is folded. */
static void arrange(sweep_state *sweep)
{
    enum { LONGEST_ROW = 8 };
    sweep->columns = sweep->vary.axes[0].count;
    if (sweep->vary.axis_count == 1 && sweep->columns > LONGEST_ROW) sweep->columns = (int)ceil(sqrt(sweep->columns));
    sweep->rows = (sweep->vary.cell_count + sweep->columns - 1) / sweep->columns;
}

static int run_sweep(cli_job *job, sweep_state *sweep, const cli_output *output)
{
    uint32_t styles = (uint32_t)job->image_count - 1;
    int32_t status = nst_targets_new(job->model, job->images[0], job->images + 1, styles, &sweep->targets);
    int code, saved;
    if (status < 0) return cli_fail(status, nst_ctx_error(job->ctx));
    code = masks_give(&sweep->masks, job, sweep->targets);
    if (code == CLI_OK) code = check_cells(sweep);
    if (code != CLI_OK) return code;
    code = run_cells(sweep);
    for (int i = 0; i < sweep->vary.cell_count; i++)
        if (!sweep->cells[i].outcome) sweep->cells[i].outcome = cli_format("not run");
    saved = save_sweep(sweep, output);
    signals_guard(false);
    return saved != CLI_OK ? saved : code;
}

static int check_outputs(cli_output *output, const cli_args *args, const cli_masks *masks)
{
    int count, code = output_prepare(output, args, true);
    const char **inputs = masks_inputs(masks, args->arguments, args->argument_count, &count);
    if (code == CLI_OK) code = output_check(output, inputs, count);
    if (code == CLI_OK) {
        char *path = cli_sibling(output->path, "", ".json");
        code = output_check_path(path, output->params.overwrite, inputs, count);
        free(path);
    }
    free(inputs);
    return code;
}

static void make_cells(sweep_state *sweep)
{
    arrange(sweep);
    sweep->cells = cli_alloc((size_t)sweep->vary.cell_count, sizeof *sweep->cells);
    for (int i = 0; i < sweep->vary.cell_count; i++) sweep->cells[i].label = label_of(&sweep->vary, i);
}

/* What can be wrong without any file being read. */
static int prepare_sweep(sweep_state *sweep, const cli_args *args, cli_output *output)
{
    int code = masks_read(&sweep->masks, args, args->argument_count - 1);
    if (code == CLI_OK) code = check_outputs(output, args, &sweep->masks);
    if (code == CLI_OK) code = vary_parse(&sweep->vary, args);
    if (code == CLI_OK) make_cells(sweep);
    return code;
}

static void clear_sweep(sweep_state *sweep)
{
    for (int i = 0; sweep->cells && i < sweep->vary.cell_count; i++) {
        sweep_cell *cell = &sweep->cells[i];
        nst_image_unref(cell->image);
        free(cell->label);
        free(cell->outcome);
        free(cell->measured);
        free(cell->losses.text);
        free(cell->options);
    }
    free(sweep->cells);
    nst_targets_unref(sweep->targets);
    masks_close(&sweep->masks);
    vary_clear(&sweep->vary);
}

int cli_sweep(const cli_args *args)
{
    cli_job job = {.args = NULL};
    sweep_state sweep = {.job = &job};
    cli_output output;
    int code = prepare_sweep(&sweep, args, &output);
    if (code == CLI_OK) code = job_open(&job, args);
    if (code == CLI_OK) code = job_load_images(&job, args->arguments, args->argument_count);
    if (code == CLI_OK) code = job_load_model(&job);
    if (code == CLI_OK) code = run_sweep(&job, &sweep, &output);
    clear_sweep(&sweep);
    job_close(&job);
    return code;
}
