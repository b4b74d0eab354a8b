/* Every kernel of an iteration at the shapes of VGG-19, alone: milliseconds, GFLOP/s, share of the peak measured in the same run.
 *
 *     kernel_bench [--size N] [--levels LEVEL,...] [--precision fp32|bf16] [--threads N] [--repeat N] [--json FILE]
 *
 * Without --levels: every level of this machine but the reference. FLOP are those of the direct computation, so that an algorithm that
 * needs fewer (Winograd) can pass the peak. The sum takes each kernel as often as one evaluation of the default objective and one step
 * of L-BFGS with ten pairs do; what an iteration takes beyond it is `nst bench`'s to say. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/context.h"
#include "kernels/kernels.h"
#include "peak.h"

enum { MOST_SAMPLES = 64, MOST_ROWS = 160, HISTORY = 10 };

typedef struct layer {
    const char *name;
    size_t in, out, shift; /* height and width are the picture's, halved `shift` times */
    bool style, content, pooled;
} layer;

static const layer layers[] = {
    {"1_1", 3, 64, 0, true, false, false},     {"1_2", 64, 64, 0, false, false, true},    {"2_1", 64, 128, 1, true, false, false},
    {"2_2", 128, 128, 1, false, false, true},  {"3_1", 128, 256, 2, true, false, false},  {"3_2", 256, 256, 2, false, false, false},
    {"3_3", 256, 256, 2, false, false, false}, {"3_4", 256, 256, 2, false, false, true},  {"4_1", 256, 512, 3, true, false, false},
    {"4_2", 512, 512, 3, false, true, false},  {"4_3", 512, 512, 3, false, false, false}, {"4_4", 512, 512, 3, false, false, true},
    {"5_1", 512, 512, 4, true, false, false},
};
enum { LAYER_COUNT = sizeof layers / sizeof layers[0] };

/* A kernel with all it works on. */
typedef struct setup {
    const nst_kernels *k;
    const nst_exec *exec;
    nst_conv conv;
    nst_shape in, out, pooled;
    void *x, *y, *dx, *mask, *pool, *codes, *workspace;
    nst_real *planar, *matrix;
    double *gram;
    size_t history, n; /* vectors */
} setup;

typedef void (*kernel_fn)(const setup *s);

typedef struct row {
    const char *kernel, *layer, *group;
    double flop, bytes, times; /* times: in one iteration; 0: another kernel does it */
    double median, minimum;    /* seconds */
    double peak;               /* GFLOP/s, taken between the samples */
} row;

typedef struct bench {
    nst_ctx *ctx;
    nst_exec exec;
    const nst_kernels *k;
    peak_fn peak;
    size_t size;
    int repeat;
    row rows[MOST_ROWS];
    int row_count;
} bench;

/* ---- memory ---- */

static void *take(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes ? bytes : 64) != 0) {
        fprintf(stderr, "kernel_bench: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

/* Values between -1 and 1, the same in every run. */
static void fill(nst_real *values, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (nst_real)(int32_t)state / (nst_real)2147483648.0;
    }
}

static void *random_features(const setup *s, nst_shape shape)
{
    nst_real *planar = take(nst_shape_count(shape) * sizeof *planar);
    void *features = take(s->k->feature_bytes(shape));
    fill(planar, nst_shape_count(shape));
    s->k->import_planar(s->exec, shape, planar, features);
    free(planar);
    return features;
}

/* ---- the kernels ---- */

static void run_forward(const setup *s)
{
    s->k->conv_forward(s->exec, &s->conv, s->in.height, s->in.width, s->x, true, s->mask, s->y, s->workspace);
}

static void run_forward_pool(const setup *s)
{
    s->k->conv_pool_forward(s->exec, &s->conv, s->in.height, s->in.width, s->x, 1, s->pool, s->codes, s->workspace);
}

static void run_backward(const setup *s)
{
    s->k->conv_backward(s->exec, &s->conv, s->in.height, s->in.width, s->y, s->mask, s->dx, s->workspace);
}

static void run_backward_unmasked(const setup *s)
{
    s->k->conv_backward(s->exec, &s->conv, s->in.height, s->in.width, s->y, NULL, s->dx, s->workspace);
}

static void run_pool(const setup *s)
{
    s->k->pool_forward(s->exec, NST_POOL_MAX, 1, s->out, s->y, s->pool, s->codes);
}

static void run_pool_backward(const setup *s)
{
    s->k->pool_backward(s->exec, NST_POOL_MAX, 1, s->out, NULL, NULL, s->codes, s->pool, s->y);
}

static void run_gram(const setup *s)
{
    s->k->gram_accumulate(s->exec, s->out, nst_region_whole(s->out), s->y, s->gram, s->workspace);
}

static void run_gram_backward(const setup *s)
{
    s->k->matrix_times_features(s->exec, s->out, nst_region_whole(s->out), s->matrix, s->y, s->dx, s->workspace);
}

static void run_difference(const setup *s)
{
    nst_place place = {s->out, 0, 0, false};
    *s->gram += s->k->squared_difference(s->exec, s->out, nst_region_whole(s->out), s->y, &place, s->dx);
}

static void run_difference_backward(const setup *s)
{
    nst_place place = {s->out, 0, 0, false};
    s->k->difference_backward(s->exec, s->out, nst_region_whole(s->out), (nst_real)1e-6, s->y, &place, s->dx, s->x);
}

static void run_import(const setup *s)
{
    s->k->import_planar(s->exec, s->in, s->planar, s->x);
}

static void run_export(const setup *s)
{
    s->k->export_planar(s->exec, s->in, s->x, s->planar);
}

static nst_real *pair(const setup *s, size_t index)
{
    return (nst_real *)s->y + (index % s->history) * s->n;
}

/* All of one step's at once, each with a vector of its own: a single pair would stay in the cache. */
static void run_dots(const setup *s)
{
    for (size_t i = 0; i < 2 * s->history; i++) *s->gram += s->k->dot(s->exec, s->n, s->planar, pair(s, i));
}

static void run_axpys(const setup *s)
{
    for (size_t i = 0; i < 2 * s->history; i++) s->k->axpy(s->exec, s->n, (nst_real)1e-6, pair(s, i), s->planar);
}

/* ---- measuring ---- */

typedef struct peak_work {
    peak_fn loop;
    uint64_t rounds;
    double flop[256];
    volatile float sinks[256];
} peak_work;

static void peak_job(void *data, uint32_t index)
{
    peak_work *work = data;
    work->flop[index] = work->loop(work->rounds, &work->sinks[index]);
}

/* GFLOP/s of all threads together, some milliseconds. */
static double take_peak(const bench *b)
{
    peak_work work = {.loop = b->peak, .rounds = 1000};
    uint32_t jobs = b->exec.strands < 256 ? b->exec.strands : 256;
    double start, seconds = 0, flop = 0;
    do {
        start = nst_clock_seconds();
        b->exec.run(b->exec.user, peak_job, &work, jobs);
        seconds = nst_clock_seconds() - start;
        if (seconds < 0.004) work.rounds *= 2;
    } while (seconds < 0.004);
    for (uint32_t i = 0; i < jobs; i++) flop += work.flop[i];
    return flop / seconds / 1e9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[MOST_ROWS];
    if (count == 0) return 0;
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    return (sorted[count / 2] + sorted[(count - 1) / 2]) / 2;
}

static double time_calls(kernel_fn kernel, const setup *s, int calls)
{
    double start = nst_clock_seconds();
    for (int i = 0; i < calls; i++) kernel(s);
    return (nst_clock_seconds() - start) / calls;
}

/* Two warm-up calls; then samples of at least two milliseconds, in turn with the peak: a machine that others use as well is slower for
 * both. */
static void measure(bench *b, const setup *s, kernel_fn kernel, row what)
{
    double samples[MOST_SAMPLES], peaks[MOST_SAMPLES], once;
    int calls;
    if (b->row_count == MOST_ROWS) return;
    kernel(s);
    once = time_calls(kernel, s, 1);
    calls = once >= 0.002 ? 1 : once > 2e-6 ? (int)(0.002 / once) + 1 : 1000;
    for (int i = 0; i < b->repeat; i++) {
        peaks[i] = take_peak(b);
        samples[i] = time_calls(kernel, s, calls);
    }
    what.peak = median(peaks, b->repeat);
    what.median = median(samples, b->repeat);
    what.minimum = samples[0];
    for (int i = 1; i < b->repeat; i++)
        if (samples[i] < what.minimum) what.minimum = samples[i];
    b->rows[b->row_count++] = what;
}

/* ---- the layers ---- */

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void prepare_conv(setup *s, const layer *l)
{
    size_t count = l->in * l->out * 9;
    nst_real *weight = take(count * sizeof *weight);
    fill(weight, count);
    s->conv = (nst_conv){.in_channels = l->in, .out_channels = l->out, .size = 3, .pad = NST_PAD_ZERO, .weight = weight,
                         .bias = take(l->out * sizeof(nst_real))};
    for (int direction = NST_FORWARD; direction <= NST_BACKWARD; direction++) {
        size_t bytes = s->k->conv_packed_bytes(&s->conv, (nst_direction)direction);
        void *packed = bytes ? take(bytes) : NULL;
        if (packed) s->k->conv_pack(s->exec, &s->conv, (nst_direction)direction, packed);
        s->conv.packed[direction] = packed;
    }
}

static void prepare(setup *s, const bench *b, const layer *l)
{
    size_t side = b->size >> l->shift;
    memset(s, 0, sizeof *s);
    s->k = b->k;
    s->exec = &b->exec;
    s->in = (nst_shape){l->in, side, side};
    s->out = (nst_shape){l->out, side, side};
    s->pooled = (nst_shape){l->out, side / 2, side / 2};
    prepare_conv(s, l);
    s->x = random_features(s, s->in);
    s->y = random_features(s, s->out);
    s->dx = random_features(s, l->style || l->content ? s->out : s->in); /* large enough for what is written there */
    s->mask = take(s->k->mask_bytes(s->out));
    s->pool = random_features(s, s->pooled);
    s->codes = take(s->k->code_bytes(s->pooled));
    s->workspace = take(most(s->k->conv_workspace(&s->conv, side, side, s->exec->strands),
                             s->k->gram_workspace(s->out, s->exec->strands)));
    s->matrix = take(l->out * l->out * sizeof *s->matrix);
    s->gram = take(l->out * l->out * sizeof *s->gram);
    fill(s->matrix, l->out * l->out);
}

static void clear(setup *s)
{
    void *blocks[] = {(void *)(uintptr_t)s->conv.weight, (void *)(uintptr_t)s->conv.bias, (void *)(uintptr_t)s->conv.packed[0],
                      (void *)(uintptr_t)s->conv.packed[1], s->x, s->y, s->dx, s->mask, s->pool, s->codes, s->workspace, s->planar,
                      s->matrix, s->gram};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) free(blocks[i]);
}

static void measure_forward(bench *b, const setup *s, const layer *l, double flop, double features)
{
    bool fused = l->pooled && b->k->conv_pool_forward;
    double mask = (double)b->k->mask_bytes(s->out), pool = (double)b->k->feature_bytes(s->pooled);
    measure(b, s, run_forward, (row){"conv_forward", l->name, "convolutions", flop, features + mask, !fused, 0, 0, 0});
    if (fused) measure(b, s, run_forward_pool, (row){"conv_pool_forward", l->name, "convolutions", flop,
                                                     (double)b->k->feature_bytes(s->in) + pool, 1, 0, 0, 0});
    if (l->pooled) measure(b, s, run_pool, (row){"pool_forward", l->name, "pools", 0,
                                                 (double)b->k->feature_bytes(s->out) + pool, !fused, 0, 0, 0});
}

static void measure_losses(bench *b, const setup *s, const layer *l)
{
    double out = (double)b->k->feature_bytes(s->out), positions = (double)nst_shape_positions(s->out);
    double flop = 2 * positions * (double)l->out * (double)l->out;
    if (l->style) {
        measure(b, s, run_gram, (row){"gram_accumulate", l->name, "gram", flop, out, 1, 0, 0, 0});
        measure(b, s, run_gram_backward, (row){"matrix_times_features", l->name, "gram", flop, 3 * out, 1, 0, 0, 0});
    }
    if (l->content) {
        measure(b, s, run_difference, (row){"squared_difference", l->name, "content", 3 * positions * (double)l->out, 2 * out, 1, 0, 0, 0});
        measure(b, s, run_difference_backward,
                (row){"difference_backward", l->name, "content", 3 * positions * (double)l->out, 4 * out, 1, 0, 0, 0});
    }
}

static void measure_layer(bench *b, const layer *l)
{
    setup s;
    double flop = 2.0 * 9 * (double)l->in * (double)l->out, features;
    prepare(&s, b, l);
    flop *= (double)nst_shape_positions(s.in);
    features = (double)b->k->feature_bytes(s.in) + (double)b->k->feature_bytes(s.out);
    measure_forward(b, &s, l, flop, features);
    measure(b, &s, l->pooled ? run_backward_unmasked : run_backward,
            (row){"conv_backward", l->name, "convolutions", flop, features, 1, 0, 0, 0});
    if (l->pooled) measure(b, &s, run_pool_backward, (row){"pool_backward", l->name, "pools", 0,
                           (double)b->k->feature_bytes(s.out) + (double)b->k->feature_bytes(s.pooled), 1, 0, 0, 0});
    measure_losses(b, &s, l);
    clear(&s);
}

/* The picture's way in and out, and what L-BFGS does with vectors of its size. */
static void measure_vectors(bench *b)
{
    setup s;
    double bytes;
    memset(&s, 0, sizeof s);
    s.k = b->k;
    s.exec = &b->exec;
    s.in = (nst_shape){3, b->size, b->size};
    s.history = HISTORY;
    s.n = nst_shape_count(s.in);
    s.planar = take(s.n * sizeof *s.planar);
    s.y = take(s.history * s.n * sizeof(nst_real));
    s.gram = take(sizeof *s.gram);
    fill(s.planar, s.n);
    fill(s.y, s.history * s.n);
    s.x = take(b->k->feature_bytes(s.in));
    bytes = (double)s.n * sizeof(nst_real);
    measure(b, &s, run_import, (row){"import_planar", "picture", "vectors", 0, bytes + (double)b->k->feature_bytes(s.in), 1, 0, 0, 0});
    measure(b, &s, run_export, (row){"export_planar", "picture", "vectors", 0, bytes + (double)b->k->feature_bytes(s.in), 1, 0, 0, 0});
    measure(b, &s, run_dots, (row){"dot, 20 times", "picture", "vectors", 40.0 * (double)s.n, 40 * bytes, 1, 0, 0, 0});
    measure(b, &s, run_axpys, (row){"axpy, 20 times", "picture", "vectors", 40.0 * (double)s.n, 60 * bytes, 1, 0, 0, 0});
    clear(&s);
}

/* ---- what is told ---- */

/* Seconds of an iteration; what they did, and what they could have done at the peak, in FLOP. */
static double sum(const bench *b, const char *group, double *flop, double *possible)
{
    double seconds = 0;
    *flop = *possible = 0;
    for (int i = 0; i < b->row_count; i++) {
        if (group && strcmp(b->rows[i].group, group) != 0) continue;
        seconds += b->rows[i].times * b->rows[i].median;
        *flop += b->rows[i].times * b->rows[i].flop;
        *possible += b->rows[i].times * b->rows[i].median * b->rows[i].peak * 1e9;
    }
    return seconds;
}

static json_t *tell_row(const row *r, double total)
{
    double gflops = r->flop / r->median / 1e9, share = gflops / r->peak;
    printf("%-8s %-22s %9.3f %9.3f %9.1f %7.1f%% %8.1f %7.1f%%\n", r->layer, r->kernel, 1e3 * r->median, 1e3 * r->minimum, gflops,
           100 * share, r->bytes / r->median / 1e9, 100 * r->times * r->median / total);
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "kernel", r->kernel, "layer", r->layer,
                     "group", r->group, "seconds", r->median, "minimum", r->minimum, "gflop", r->flop / 1e9, "gflops", gflops,
                     "peak_gflops", r->peak, "share_of_peak", share, "gigabytes_per_second", r->bytes / r->median / 1e9, "times", r->times,
                     "share_of_iteration", r->times * r->median / total);
}

static json_t *tell_group(const bench *b, const char *group, double total)
{
    double flop, possible, seconds = sum(b, group, &flop, &possible), gflops = seconds > 0 ? flop / seconds / 1e9 : 0;
    double share = possible > 0 ? flop / possible : 0;
    printf("%-31s %9.3f %9s %9.1f %7.1f%% %8s %7.1f%%\n", group ? group : "all", 1e3 * seconds, "", gflops, 100 * share, "",
           100 * seconds / total);
    return json_pack("{s:s, s:f, s:f, s:f, s:f}", "group", group ? group : "all", "seconds", seconds, "gflops", gflops, "share_of_peak",
                     share, "share_of_iteration", seconds / total);
}

static json_t *tell(const bench *b, const char *level, const char *precision, const char *peak_name)
{
    static const char *const groups[] = {"convolutions", "gram", "pools", "content", "vectors", NULL};
    double flop, possible, total = sum(b, NULL, &flop, &possible), peak = possible / total / 1e9;
    json_t *rows = json_array(), *sums = json_array();
    printf("\n%s %s, %zux%zu, %u threads; peak (%s) %.1f GFLOP/s\n%-8s %-22s %9s %9s %9s %8s %8s %8s\n", level, precision, b->size, b->size,
           (unsigned)b->exec.strands, peak_name, peak, "layer", "kernel", "ms", "least ms", "GFLOP/s", "of peak", "GB/s", "of sum");
    for (int i = 0; i < b->row_count; i++) json_array_append_new(rows, tell_row(&b->rows[i], total));
    for (int i = 0; i < (int)(sizeof groups / sizeof *groups); i++) json_array_append_new(sums, tell_group(b, groups[i], total));
    fflush(stdout);
    return json_pack("{s:s, s:s, s:i, s:i, s:s, s:f, s:o, s:o}", "level", level, "precision", precision, "size", (int)b->size, "threads",
                     (int)b->exec.strands, "peak_loop", peak_name, "peak_gflops", peak, "rows", rows, "sums", sums);
}

/* ---- the levels ---- */

/* The loop that a level's arithmetic is held against: its own, the best of the machine for a BLAS, else what every processor has. */
static const char *peak_name_of(const char *level, nst_precision precision)
{
    static const char *const widest[] = {"avx512", "avx2", "plain"};
    if (strcmp(level, "amx") == 0 && precision == NST_PRECISION_FP32) level = "avx512";
    if (strcmp(level, "cblas") != 0) return peak_find(level) ? level : "plain";
    for (int i = 0; i < 3; i++)
        if (peak_find(widest[i])) return widest[i];
    return "plain";
}

static json_t *bench_level(bench *b, int level, nst_precision precision)
{
    const char *name = nst_cpu_level_name((nst_cpu_level)level), *peak = peak_name_of(name, precision);
    b->k = nst_kernels_for(level, precision);
    b->peak = peak_find(peak);
    b->row_count = 0;
    for (int i = 0; i < LAYER_COUNT; i++) measure_layer(b, &layers[i]);
    measure_vectors(b);
    return tell(b, name, precision == NST_PRECISION_BF16 ? "bf16" : "fp32", peak);
}

static bool is_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == length && strncmp(list, word, length) == 0) return true;
    return false;
}

typedef struct wish {
    const char *sizes, *levels, *precision, *json;
    int threads, repeat;
} wish;

static void bench_size(bench *b, const wish *w, json_t *runs)
{
    int highest = nst_cpu_detect();
    for (int level = 0; level <= highest; level++) {
        if (w->levels ? !is_listed(w->levels, nst_cpu_level_name((nst_cpu_level)level)) : level == 0 && highest > 0) continue;
        for (int precision = NST_PRECISION_FP32; precision <= NST_PRECISION_BF16; precision++) {
            const char *name = precision == NST_PRECISION_BF16 ? "bf16" : "fp32";
            if (w->precision && strcmp(w->precision, name) != 0) continue;
            if (precision != NST_PRECISION_FP32
                && nst_kernels_for(level, (nst_precision)precision) == nst_kernels_for(level, NST_PRECISION_FP32)) continue;
            json_array_append_new(runs, bench_level(b, level, (nst_precision)precision));
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: kernel_bench [--size N,...] [--levels LEVEL,...] [--precision fp32|bf16] [--threads N] [--repeat N] "
                    "[--json FILE]\n");
    return 2;
}

static bool parse(wish *w, int argc, char **argv)
{
    static const struct option options[] = {{"size", 1, 0, 's'}, {"levels", 1, 0, 'l'}, {"precision", 1, 0, 'p'}, {"threads", 1, 0, 't'},
                                            {"repeat", 1, 0, 'r'}, {"json", 1, 0, 'j'}, {0, 0, 0, 0}};
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 's': w->sizes = optarg; break;
        case 'l': w->levels = optarg; break;
        case 'p': w->precision = optarg; break;
        case 't': w->threads = (int)strtol(optarg, NULL, 10); break;
        case 'r': w->repeat = (int)strtol(optarg, NULL, 10); break;
        case 'j': w->json = optarg; break;
        default: return false;
        }
    }
    return optind == argc && w->repeat > 0 && w->repeat <= MOST_SAMPLES && w->threads >= 0;
}

static void run_on_context(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    nst_run(user, job, data, count);
}

static int run(bench *b, const wish *w, json_t *runs)
{
    json_t *report;
    int status = 0;
    for (const char *at = w->sizes; ; at++) {
        char *end;
        b->size = strtoul(at, &end, 10);
        if (end == at || b->size < 16 || b->size > 16384 || (*end && *end != ',')) return usage();
        bench_size(b, w, runs);
        at = end;
        if (!*at) break;
    }
    report = json_pack("{s:s, s:i, s:O}", "kind", "kernels", "repeat", b->repeat, "runs", runs);
    if (json_array_size(runs) == 0) fprintf(stderr, "kernel_bench: this machine or build has no such level\n"), status = 77;
    else if (w->json && json_dump_file(report, w->json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0) status = 1;
    json_decref(report);
    return status;
}

int main(int argc, char **argv)
{
    wish w = {.sizes = "256", .repeat = 7};
    static bench b;
    nst_ctx_config config = {.size = sizeof config};
    json_t *runs = json_array();
    unsigned state;
    int status;
    if (!parse(&w, argc, argv)) return usage();
    config.threads = w.threads;
    if (nst_ctx_new(&config, &b.ctx) < 0) return fprintf(stderr, "kernel_bench: no context\n"), 1;
    b.exec = (nst_exec){run_on_context, b.ctx, (uint32_t)b.ctx->threads};
    b.repeat = w.repeat;
    state = nst_cpu_enter_flush();
    status = run(&b, &w, runs);
    nst_cpu_leave_flush(state);
    json_decref(runs);
    nst_ctx_unref(b.ctx);
    return status;
}
