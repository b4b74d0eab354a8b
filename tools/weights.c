/* nst weights: what is found where, conversion, verification, and where to get a file. The library never uses the network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "job.h"
#include "json.h"
#include "output.h"

/* Published files that suit, the small one first. */
static const struct {
    const char *what, *url, *size, *check, *keep_as;
} sources[] = {
    {"Keras VGG-19 without the classifier (from the Oxford weights, Creative Commons Attribution)",
     "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
     "80134624", "MD5 253f8cb515780f3b799900260a226db6", "vgg19.h5"},
    {"torchvision VGG-19 (BSD-3-Clause)", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "574673361",
     "SHA-256 dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44", "vgg19.pth"},
};

/* ---- list ---- */

typedef struct listing {
    json_writer *json; /* NULL: text */
    bool found;
} listing;

static int32_t list_candidate(void *user, const char *path, int32_t exists, uint64_t length)
{
    listing *list = user;
    if (list->json) {
        jw_open(list->json, NULL, '{');
        jw_text(list->json, "path", path);
        jw_bool(list->json, "exists", exists);
        if (exists) jw_int(list->json, "bytes", (int64_t)length);
        jw_close(list->json, '}');
        jw_newline(list->json);
    } else if (exists) {
        printf("  %s %s (%.1f MB)\n", list->found ? "found" : "used ", path, (double)length / 1e6);
    } else {
        printf("  -     %s\n", path);
    }
    list->found = list->found || exists;
    return 0;
}

static void print_sources(void)
{
    printf("\nWhere to get one (the library never downloads anything itself):\n");
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        printf("\n  %s\n  %s bytes, %s\n  curl -L --create-dirs -o ~/.local/share/nst/%s \\\n    %s\n", sources[i].what,
               sources[i].size, sources[i].check, sources[i].keep_as, sources[i].url);
    printf("\nAny file with the convolutions of a VGG-19 or VGG-16 can be named with --weights FILE (.safetensors, .pth, .h5).\n"
           "--weights builtin needs none: a small network in the library ('nst info builtin').\n");
}

static int list_text(nst_ctx *ctx)
{
    listing list = {NULL, false};
    int32_t status;
    printf("Without --weights, the first of these:\n");
    status = nst_weights_search(ctx, NULL, list_candidate, &list);
    if (status < 0) return cli_fail(status, nst_ctx_error(ctx));
    list.found = false;
    printf("\nFor --weights vgg16:\n");
    status = nst_weights_search(ctx, "vgg16", list_candidate, &list);
    if (status < 0) return cli_fail(status, nst_ctx_error(ctx));
    print_sources();
    return CLI_OK;
}

static int list_json(nst_ctx *ctx)
{
    static const char *const names[] = {NULL, "vgg19", "vgg16"}, *const members[] = {"default", "vgg19", "vgg16"};
    json_writer json = {0};
    listing list = {&json, false};
    int32_t status = NST_OK;
    jw_open(&json, NULL, '{');
    for (int i = 0; i < 3 && status >= 0; i++) {
        jw_open(&json, members[i], '[');
        status = nst_weights_search(ctx, names[i], list_candidate, &list);
        jw_close(&json, ']');
    }
    jw_open(&json, "sources", '[');
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        jw_open(&json, NULL, '{');
        jw_text(&json, "what", sources[i].what);
        jw_text(&json, "url", sources[i].url);
        jw_raw(&json, "bytes", sources[i].size);
        jw_text(&json, "check", sources[i].check);
        jw_close(&json, '}');
    }
    jw_close(&json, ']');
    jw_close(&json, '}');
    if (status >= 0) puts(json.text);
    free(json.text);
    return status < 0 ? cli_fail(status, nst_ctx_error(ctx)) : CLI_OK;
}

/* ---- convert ---- */

static int32_t wanted_preprocessing(const cli_args *args, int32_t *preprocessing)
{
    static const char *const names[] = {"auto", "torch", "caffe", "unit"};
    *preprocessing = 0;
    for (int i = 0; i < args->setting_count; i++) {
        bool known = false;
        for (int k = 0; k < 4; k++)
            if (strcmp(args->settings[i].value, names[k]) == 0) {
                *preprocessing = k;
                known = true;
            }
        if (!known) return cli_usage(args, "--preprocessing: '%s' is not one of auto|torch|caffe|unit", args->settings[i].value);
    }
    return CLI_OK;
}

static int convert(const cli_args *args, nst_ctx *ctx)
{
    const char *from = args->arguments[1], *to = args->values[FLAG_OUTPUT];
    bool overwrite = args->values[FLAG_OVERWRITE];
    nst_model *model = NULL;
    nst_model_info info;
    int32_t status, preprocessing;
    int code;
    if (!to) return cli_usage(args, "where shall the weights go? Say -o vgg19.safetensors");
    code = wanted_preprocessing(args, &preprocessing);
    if (code == CLI_OK) code = output_check_path(to, overwrite, &from, 1);
    if (code != CLI_OK) return code;
    status = nst_model_open(ctx, from, &model);
    if (status >= 0) status = nst_model_save(model, to, preprocessing, args->values[FLAG_LICENSE], overwrite);
    NST_INIT(info);
    if (status >= 0) status = nst_model_get_info(model, &info);
    if (status >= 0)
        say_note("%s: %s %s, %u convolutions, %llu parameters", to, info.architecture, info.name, info.convolutions,
                 (unsigned long long)info.parameters);
    nst_model_unref(model);
    if (status == NST_ERR_PREPROCESSING) say_error("say --preprocessing torch, caffe or unit");
    return status < 0 ? cli_fail_file(status, from, nst_ctx_error(ctx)) : CLI_OK;
}

/* ---- verify ---- */

static void print_verdict(const cli_args *args, const nst_weights_identity *identity, const nst_model_info *info, bool known)
{
    json_writer json = {0};
    if (!args->values[FLAG_JSON]) {
        printf("%s\n  SHA-256      %s\n  fingerprint  %s\n  network      %s, %u convolutions\n", args->arguments[1],
               identity->sha256, info->fingerprint, info->architecture, info->convolutions);
        if (!known) printf("  unknown: readable, but neither the file nor its numbers are published ones this version knows\n");
        else printf("  known as     %s%s\n", *info->name ? info->name : identity->name, identity->known ? ", as published" : "");
        if (*identity->note) printf("  %s\n", identity->note);
        return;
    }
    jw_open(&json, NULL, '{');
    jw_text(&json, "file", args->arguments[1]);
    jw_int(&json, "bytes", (int64_t)identity->length);
    jw_text(&json, "sha256", identity->sha256);
    jw_bool(&json, "published_file", identity->known);
    jw_text(&json, "name", *info->name ? info->name : identity->name);
    jw_text(&json, "note", identity->note);
    jw_text(&json, "fingerprint", info->fingerprint);
    jw_close(&json, '}');
    puts(json.text);
    free(json.text);
}

static int verify(const cli_args *args, nst_ctx *ctx)
{
    nst_weights_identity identity;
    nst_model_info info;
    nst_model *model = NULL;
    int32_t status;
    bool known;
    NST_INIT(identity);
    NST_INIT(info);
    status = nst_weights_identify(ctx, args->arguments[1], &identity);
    if (status >= 0) status = nst_model_open(ctx, args->arguments[1], &model);
    if (status >= 0) status = nst_model_get_info(model, &info);
    nst_model_unref(model);
    if (status < 0) return cli_fail_file(status, args->arguments[1], nst_ctx_error(ctx));
    known = identity.known || *info.name;
    print_verdict(args, &identity, &info, known);
    return known ? CLI_OK : CLI_ERROR;
}

/* ---- the command ---- */

static int run(const cli_args *args, nst_ctx *ctx)
{
    const char *action = args->argument_count ? args->arguments[0] : "list";
    static const char *const actions[] = {"list", "convert", "verify"};
    const char *nearest;
    if (strcmp(action, "list") == 0 && args->argument_count <= 1)
        return args->values[FLAG_JSON] ? list_json(ctx) : list_text(ctx);
    if (strcmp(action, "convert") == 0 && args->argument_count == 2) return convert(args, ctx);
    if (strcmp(action, "verify") == 0 && args->argument_count == 2) return verify(args, ctx);
    nearest = nst_nearest(action, actions, 3);
    if (!nearest) return cli_usage(args, "'%s' is none of list, convert IN -o OUT, verify FILE", action);
    if (strcmp(nearest, action) != 0) return cli_usage(args, "there is no 'nst weights %s'; did you mean '%s'?", action, nearest);
    return cli_usage(args, "'nst weights %s' needs %s", action, strcmp(action, "list") == 0 ? "no argument" : "one file");
}

int cli_weights(const cli_args *args)
{
    nst_ctx *ctx = NULL;
    int code = job_make_context(args, &ctx);
    if (code == CLI_OK) code = run(args, ctx);
    nst_ctx_unref(ctx);
    return code;
}
