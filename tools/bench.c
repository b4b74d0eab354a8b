/* nst bench: seconds and memory of an evaluation and of a run on this machine, through the public interface alone.
 *
 * Shares are differences: a run with Adam has the same evaluations without L-BFGS, and a reconstruction from the deepest layer alone
 * goes the same way through the network with one loss instead of all. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor.h"
#include "job.h"
#include "json.h"
#include "output.h"

enum { MOST_SIZES = 32, MOST_STEPS = 1000 };

/* Seconds per evaluation. */
typedef struct samples {
    double values[MOST_STEPS];
    int count;
} samples;

typedef struct bench {
    const cli_args *args;
    json_writer json;
    int32_t sizes[MOST_SIZES];
    int size_count, steps;
} bench;

/* One size. */
typedef struct trial {
    cli_job job;
    int32_t size;
    nst_image *content, *style;
    nst_targets *targets;
    double open_seconds, first_seconds, network, adam;
    samples evaluations, anchors;
    uint64_t allocated, resident;
    nst_progress run; /* of a whole run; iterations is 0 where none was asked for */
    double run_seconds;
} trial;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void add_sample(samples *list, double value)
{
    if (list->count < MOST_STEPS) list->values[list->count++] = value;
}

static double quantile(const samples *list, double part)
{
    double sorted[MOST_STEPS];
    if (list->count == 0) return NAN;
    memcpy(sorted, list->values, (size_t)list->count * sizeof *sorted);
    qsort(sorted, (size_t)list->count, sizeof *sorted, by_value);
    if (part == 0.5) return (sorted[list->count / 2] + sorted[(list->count - 1) / 2]) / 2;
    return sorted[(int)(part * (list->count - 1) + 0.5)];
}

/* ---- memory of the process ---- */

/* The peak begins anew with what is held now. Where the system cannot do that, it is that of all sizes so far. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5", file);
    fclose(file);
}

static uint64_t resident_peak(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long long kilobytes = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %llu", &kilobytes) == 1) break;
    if (file) fclose(file);
    return kilobytes * 1024;
}

/* ---- what is run ---- */

/* A picture of smooth shapes with some grain, the same on every machine. */
static int32_t make_picture(nst_ctx *ctx, int32_t size, uint32_t seed, nst_image **out)
{
    unsigned char *pixels = cli_alloc((size_t)size * (size_t)size, 3);
    uint32_t grain = seed;
    nst_image_desc desc;
    int32_t status;
    for (int32_t y = 0; y < size; y++)
        for (int32_t x = 0; x < size; x++)
            for (int32_t c = 0; c < 3; c++) {
                uint32_t wave = ((uint32_t)(x * (5 + c)) + (uint32_t)(y * y >> 6) * (1 + seed)) & 0x1FF;
                grain = grain * 1664525u + 1013904223u;
                pixels[((size_t)y * (size_t)size + (size_t)x) * 3 + (size_t)c] =
                    (unsigned char)((wave < 256 ? wave : 511 - wave) * 15 / 16 + (grain >> 28));
            }
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = desc.height = (uint32_t)size;
    desc.channels = 3;
    status = nst_image_new(ctx, &desc, pixels, out);
    free(pixels);
    return status;
}

/* Options of the command line with the size of the trial: one size, and, where nothing else is said, the objective of other programs. */
static int32_t choose_options(const trial *t)
{
    static const char *const defaults[][2] = {{"dialect", "neural-style"}, {"scales", "1"}};
    char text[16];
    int32_t status;
    snprintf(text, sizeof text, "%d", (int)t->size);
    status = nst_options_set_str(t->job.options, "size", text);
    for (int i = 0; i < 2 && status >= 0; i++)
        if (!nst_options_is_set(t->job.options, defaults[i][0]))
            status = nst_options_set_str(t->job.options, defaults[i][0], defaults[i][1]);
    return status;
}

static int prepare(trial *t)
{
    double start = anchor_seconds();
    int32_t status = choose_options(t);
    int code;
    if (status < 0) return cli_fail(status, nst_options_error(t->job.options));
    code = job_load_model(&t->job);
    if (code != CLI_OK) return code;
    t->open_seconds = anchor_seconds() - start;
    status = make_picture(t->job.ctx, t->size, 1, &t->content);
    if (status >= 0) status = make_picture(t->job.ctx, t->size, 2, &t->style);
    if (status >= 0) status = nst_targets_new(t->job.model, t->content, &t->style, 1, &t->targets);
    return status < 0 ? cli_fail(status, nst_ctx_error(t->job.ctx)) : CLI_OK;
}

static nst_progress progress_of(const nst_session *session)
{
    nst_progress progress;
    NST_INIT(progress);
    nst_session_get_progress(session, &progress);
    return progress;
}

/* Evaluates the start, takes one step to warm up, then `steps` timed ones. `anchors` may be NULL. */
static int time_steps(trial *t, nst_session *session, int steps, samples *list, samples *anchors)
{
    int32_t status = nst_session_step(session);
    if (status == NST_CONTINUE) {
        if (anchors) t->first_seconds = progress_of(session).seconds;
        status = nst_session_step(session);
    }
    for (int i = 0; i < steps && status == NST_CONTINUE; i++) {
        nst_progress before = progress_of(session), after;
        if (anchors) add_sample(anchors, anchor_take((int)nst_ctx_threads(t->job.ctx)));
        status = nst_session_step(session);
        after = progress_of(session);
        if (after.evaluations > before.evaluations)
            add_sample(list, (after.seconds - before.seconds) / (after.evaluations - before.evaluations));
    }
    return status < 0 ? cli_fail(status, nst_session_error(session)) : CLI_OK;
}

static int open_session(const trial *t, nst_options *options, nst_session **session)
{
    int32_t status = nst_session_new(t->targets, options, NULL, session);
    if (status == NST_ERR_NOT_FOUND) status = NST_ERR_INVALID_ARG; /* an unknown layer */
    return status < 0 ? cli_fail(status, nst_ctx_error(t->job.ctx)) : CLI_OK;
}

/* The options with other values for some: pairs of key and value. NULL: no memory. */
static nst_options *vary(const trial *t, const char *const (*changes)[2])
{
    nst_options *options = NULL;
    if (nst_options_copy(t->job.options, &options) < 0) return NULL;
    for (; (*changes)[0]; changes++) nst_options_set_str(options, (*changes)[0], (*changes)[1]);
    return options;
}

static int measure_evaluations(trial *t, int steps)
{
    static const char *const changes[][2] = {{"iterations", "1000000"}, {"scales", "1"}, {"tolerance", "0"}, {NULL, NULL}};
    nst_options *options = vary(t, changes);
    nst_session *session = NULL;
    int code = options ? open_session(t, options, &session) : cli_fail(NST_ERR_NOMEM, "out of memory");
    if (code == CLI_OK) code = time_steps(t, session, steps, &t->evaluations, &t->anchors);
    t->allocated = nst_ctx_memory_peak(t->job.ctx);
    t->resident = resident_peak();
    nst_session_free(session);
    nst_options_free(options);
    return code;
}

/* ---- shares ---- */

/* The layer farthest into the network that the options name. */
static const char *deepest_layer(const trial *t)
{
    const char *deepest = NULL, *lists[2];
    uint32_t count = nst_model_layer_count(t->job.model);
    lists[0] = nst_options_get_str(t->job.options, "style-layers");
    lists[1] = nst_options_get_str(t->job.options, "content-layers");
    for (uint32_t i = 0; i < count; i++) {
        const char *name = nst_model_layer_name(t->job.model, i);
        size_t length = strlen(name);
        for (int k = 0; k < 2; k++)
            for (const char *at = lists[k]; (at = strstr(at, name)) != NULL; at += length)
                if (at[length] == '\0' || at[length] == ',' || at[length] == ':') deepest = name;
    }
    return deepest;
}

static int measure_share(trial *t, const char *only_layer, int steps, double *seconds)
{
    static const char *const changes[][2] = {{"iterations", "1000000"}, {"scales", "1"}, {"tolerance", "0"}, {"optimizer", "adam"},
                                             {NULL, NULL}};
    nst_options *options = vary(t, changes);
    nst_session *session = NULL;
    samples list = {.count = 0};
    int code = CLI_OK;
    if (!options) code = cli_fail(NST_ERR_NOMEM, "out of memory");
    else if (!only_layer) code = open_session(t, options, &session);
    else if (nst_session_new_reconstruction(t->job.model, t->style, NST_RECONSTRUCT_STYLE, only_layer, options, &session) < 0)
        code = cli_fail(NST_ERR_INVALID_ARG, nst_ctx_error(t->job.ctx));
    if (code == CLI_OK) code = time_steps(t, session, steps, &list, NULL);
    *seconds = quantile(&list, 0.5);
    nst_session_free(session);
    nst_options_free(options);
    return code;
}

/* ---- a whole run ---- */

static int measure_run(trial *t)
{
    nst_session *session = NULL;
    double start = anchor_seconds();
    int32_t status;
    int code = open_session(t, t->job.options, &session);
    if (code != CLI_OK) return code;
    status = nst_session_run(session, NULL, NULL);
    t->run_seconds = anchor_seconds() - start;
    t->run = progress_of(session);
    if (status < 0) code = cli_fail(status, nst_session_error(session));
    nst_session_free(session);
    return code;
}

static int measure(trial *t, int steps)
{
    const char *deepest;
    int code = measure_evaluations(t, steps);
    if (code == CLI_OK && nst_options_is_set(t->job.options, "iterations")) code = measure_run(t);
    if (code == CLI_OK) code = measure_share(t, NULL, steps, &t->adam);
    deepest = deepest_layer(t);
    if (code == CLI_OK && deepest) code = measure_share(t, deepest, steps, &t->network);
    return code;
}

/* ---- what is told ---- */

static void tell_run(json_writer *json, const trial *t)
{
    if (t->run.iterations == 0) return;
    jw_open(json, "run", '{');
    jw_int(json, "iterations", t->run.iteration);
    jw_int(json, "evaluations", t->run.evaluations);
    jw_number(json, "seconds", t->run_seconds);
    jw_number(json, "loss", t->run.loss);
    jw_close(json, '}');
}

static void tell_spread(json_writer *json, const char *name, const samples *list)
{
    jw_open(json, name, '{');
    jw_number(json, "median", quantile(list, 0.5));
    jw_number(json, "minimum", quantile(list, 0));
    jw_number(json, "maximum", quantile(list, 1));
    jw_int(json, "samples", list->count);
    jw_close(json, '}');
}

static void tell_trial(bench *b, const trial *t)
{
    json_writer *json = &b->json;
    double median = quantile(&t->evaluations, 0.5);
    jw_newline(json);
    jw_open(json, NULL, '{');
    jw_int(json, "size", t->size);
    tell_spread(json, "evaluation_seconds", &t->evaluations);
    jw_number(json, "seconds_per_megapixel", median / ((double)t->size * t->size / 1e6));
    jw_number(json, "network_seconds", t->network);
    jw_number(json, "losses_seconds", t->adam - t->network);
    jw_number(json, "optimiser_seconds", median - t->adam);
    jw_number(json, "open_seconds", t->open_seconds);
    jw_number(json, "first_seconds", t->first_seconds);
    tell_run(json, t);
    jw_int(json, "peak_allocated", (int64_t)t->allocated);
    jw_int(json, "peak_resident", (int64_t)t->resident);
    tell_spread(json, "anchor_gflops", &t->anchors);
    jw_close(json, '}');
}

static void print_head(const trial *t)
{
    printf("%s; level %s, %d threads, network %s\n\n", nst_build_info(), nst_ctx_cpu_level(t->job.ctx),
           (int)nst_ctx_threads(t->job.ctx), *t->job.model_info.name ? t->job.model_info.name : t->job.model_info.source);
    printf("%6s  %21s  %7s  %7s  %6s  %6s  %9s  %12s  %s\n", "size", "seconds (min to max)", "s/Mpx", "network", "losses", "L-BFGS",
           "first", "peak MB", "anchor GFLOP/s");
}

static void print_trial(const trial *t)
{
    double median = quantile(&t->evaluations, 0.5);
    printf("%6d  %.4f (%.3f to %.3f)  %7.3f  %6.0f%%  %5.0f%%  %5.1f%%  %8.3fs  %5.0f / %4.0f  %.1f (%.1f to %.1f)\n", (int)t->size,
           median, quantile(&t->evaluations, 0), quantile(&t->evaluations, 1), median / ((double)t->size * t->size / 1e6),
           100 * t->network / median, 100 * (t->adam - t->network) / median, 100 * (median - t->adam) / median, t->first_seconds,
           (double)t->allocated / 1e6, (double)t->resident / 1e6, quantile(&t->anchors, 0.5), quantile(&t->anchors, 0),
           quantile(&t->anchors, 1));
    if (t->run.iterations > 0)
        printf("        a run of %u iterations, %u evaluations: %.2f s\n", t->run.iteration, t->run.evaluations, t->run_seconds);
    fflush(stdout);
}

static void tell_head(bench *b, const trial *t)
{
    json_writer *json = &b->json;
    jw_text(json, "kind", "bench");
    jw_text(json, "version", nst_version());
    jw_text(json, "build", nst_build_info());
    jw_text(json, "level", nst_ctx_cpu_level(t->job.ctx));
    jw_int(json, "threads", nst_ctx_threads(t->job.ctx));
    jw_text(json, "network", t->job.model_info.name);
    jw_text(json, "source", t->job.model_info.source);
    jw_int(json, "steps", b->steps);
    jw_open(json, "sizes", '[');
}

/* ---- the command ---- */

static int bench_size(bench *b, int index)
{
    trial *t = cli_alloc(1, sizeof *t);
    int code;
    t->size = b->sizes[index];
    t->network = t->adam = NAN;
    forget_peak();
    code = job_open(&t->job, b->args);
    if (code == CLI_OK) code = prepare(t);
    if (code == CLI_OK && index == 0) {
        print_head(t);
        tell_head(b, t);
    }
    if (code == CLI_OK) code = measure(t, b->steps);
    if (code == CLI_OK) {
        print_trial(t);
        tell_trial(b, t);
    }
    nst_targets_unref(t->targets);
    nst_image_unref(t->content);
    nst_image_unref(t->style);
    job_close(&t->job);
    free(t);
    return code;
}

static int read_sizes(bench *b)
{
    const char *text = b->args->values[FLAG_SIZE] ? b->args->values[FLAG_SIZE] : "256,512";
    for (const char *at = text; ; at++) {
        char *end;
        long size = strtol(at, &end, 10);
        if (end == at || size < 1 || size > 16384 || (*end && *end != ','))
            return cli_usage(b->args, "--size: '%s' is not a list of whole numbers between 1 and 16384, as in 256,512", text);
        if (b->size_count == MOST_SIZES) return cli_usage(b->args, "--size: more than %d sizes", MOST_SIZES);
        b->sizes[b->size_count++] = (int32_t)size;
        at = end;
        if (!*at) return CLI_OK;
    }
}

int cli_bench(const cli_args *args)
{
    bench *b = cli_alloc(1, sizeof *b);
    const char *path = args->values[FLAG_JSON_FILE], *level = args->values[FLAG_LEVEL];
    int code;
    b->args = args;
    b->steps = (int)cli_int(args, FLAG_STEPS, 10);
    code = read_sizes(b);
    if (code == CLI_OK && path) code = output_check_path(path, true, NULL, 0);
    if (code == CLI_OK && level && setenv("NST_CPU", level, 1) != 0) code = CLI_ERROR;
    jw_open(&b->json, NULL, '{');
    for (int i = 0; i < b->size_count && code == CLI_OK; i++) code = bench_size(b, i);
    jw_close(&b->json, ']');
    jw_close(&b->json, '}');
    if (code == CLI_OK && path) code = output_save_text(path, b->json.text);
    free(b->json.text);
    free(b);
    return code;
}
