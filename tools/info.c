/* nst info: what a file is, or what this program is. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "json.h"

/* Facts are told as text or as members of one JSON object. */
typedef struct facts {
    json_writer *json; /* NULL: text */
} facts;

static void tell(const facts *out, const char *name, const char *value)
{
    if (out->json) jw_text(out->json, name, value);
    else printf("%-15s%s\n", name, value);
}

static void tell_int(const facts *out, const char *name, int64_t value)
{
    if (out->json) jw_int(out->json, name, value);
    else printf("%-15s%lld\n", name, (long long)value);
}

/* Texts out of files: a terminal must not see control bytes. */
static void print_safely(const char *text)
{
    for (; *text; text++) putchar((unsigned char)*text < 32 || *text == 127 ? '?' : *text);
}

/* Lines after the first are indented, so that none of them looks like a fact of ours. */
static void tell_foreign(const facts *out, const char *name, const char *value)
{
    if (out->json) {
        jw_text(out->json, name, value);
        return;
    }
    printf("%-15s", name);
    for (; *value; value++) {
        if (*value == '\n') printf("\n%15s", "");
        else print_safely((const char[]){*value, '\0'});
    }
    putchar('\n');
}

static void print_scalar(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    if (json_is_string(value)) print_safely(json_string_value(value));
    else if (text) printf("%s", text);
    putchar('\n');
    free(text);
}

static void print_value(const json_t *value, int indent);

static void print_members(const json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        bool nested = json_is_object(value) || json_is_array(value);
        printf("%*s", indent, "");
        print_safely(key);
        if (nested) {
            putchar('\n');
            print_value(value, indent + 2);
        } else {
            int pad = 17 - indent - (int)strlen(key);
            printf("%*s", pad > 1 ? pad : 1, "");
            print_scalar(value);
        }
    }
}

static void print_value(const json_t *value, int indent)
{
    if (json_is_object(value)) print_members(value, indent);
    else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) print_value(json_array_get(value, i), indent);
    } else {
        printf("%*s", indent, "");
        print_scalar(value);
    }
}

/* A text that is JSON, from a file that need not be honest. */
static void tell_json(const facts *out, const char *name, const char *text)
{
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    char *dumped = value ? json_dumps(value, JSON_ENSURE_ASCII) : NULL;
    if (out->json && dumped) jw_raw(out->json, name, dumped);
    else if (out->json) jw_text(out->json, name, text);
    else {
        printf("\n%s\n", name);
        if (value) print_value(value, 2);
        else print_safely(text);
    }
    free(dumped);
    json_decref(value);
}

/* ---- images ---- */

enum { HEAD = 65536 };

static size_t read_head(const char *path, unsigned char *head)
{
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(head, 1, HEAD, file) : 0;
    if (file) fclose(file);
    return length;
}

static bool is_png(const unsigned char *head, size_t length)
{
    return length >= 29 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_jpeg(const unsigned char *head, size_t length)
{
    return length >= 4 && head[0] == 0xFF && head[1] == 0xD8 && head[2] == 0xFF;
}

static const char *png_colour(const unsigned char *head)
{
    static const char *const names[] = {"gray", "", "RGB", "palette", "gray with alpha", "", "RGB with alpha"};
    return head[25] < 7 ? names[head[25]] : "";
}

/* The number of components stands in the first frame header. */
static const char *jpeg_colour(const unsigned char *head, size_t length)
{
    size_t at = 2;
    while (at + 9 < length && head[at] == 0xFF) {
        unsigned marker = head[at + 1];
        size_t size = ((size_t)head[at + 2] << 8) | head[at + 3];
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC)
            return head[at + 9] == 1 ? "gray" : head[at + 9] == 4 ? "CMYK" : "RGB";
        at += marker == 0xFF ? 1 : 2 + size;
    }
    return "";
}

static int info_image(const facts *out, nst_ctx *ctx, const char *path, const unsigned char *head, size_t length)
{
    nst_image *image = NULL;
    nst_image_desc desc;
    const char *params, *result, *colour = is_png(head, length) ? png_colour(head) : jpeg_colour(head, length);
    int32_t status = nst_image_load(ctx, path, &image);
    NST_INIT(desc);
    if (status >= 0) status = nst_image_get_desc(image, &desc);
    if (status < 0) return status;
    tell(out, "kind", is_png(head, length) ? "PNG image" : "JPEG image");
    tell_int(out, "width", desc.width);
    tell_int(out, "height", desc.height);
    tell_int(out, "bits", desc.source_bits);
    tell(out, "alpha", desc.channels == 4 ? "yes" : "no");
    if (*colour) tell(out, "colour", colour);
    params = nst_image_get_text(image, "nst:params");
    result = nst_image_get_text(image, "nst:result");
    if (params) tell_json(out, "params", params);
    if (result) tell_json(out, "result", result);
    nst_image_unref(image);
    return NST_OK;
}

/* ---- checkpoints: safetensors whose metadata says so ---- */

static json_t *read_safetensors_metadata(const char *path)
{
    enum { LARGEST = 1 << 22 };
    unsigned char size_bytes[8];
    FILE *file = fopen(path, "rb");
    json_t *header = NULL, *metadata = NULL;
    uint64_t size = 0;
    if (file && fread(size_bytes, 1, 8, file) == 8)
        for (int i = 7; i >= 0; i--) size = size << 8 | size_bytes[i];
    if (size > 0 && size < LARGEST) {
        char *text = cli_alloc((size_t)size, 1);
        if (fread(text, 1, (size_t)size, file) == size) header = json_loadb(text, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
        free(text);
    }
    if (file) fclose(file);
    metadata = json_incref(json_object_get(header, "__metadata__"));
    json_decref(header);
    return metadata;
}

static bool info_checkpoint(const facts *out, const char *path)
{
    json_t *metadata = read_safetensors_metadata(path);
    const char *version = json_string_value(json_object_get(metadata, "nst:checkpoint"));
    const char *options = json_string_value(json_object_get(metadata, "nst:options"));
    const char *model = json_string_value(json_object_get(metadata, "nst:model"));
    if (version) {
        tell(out, "kind", "checkpoint of a run");
        tell(out, "version", version);
        if (model) tell(out, "network", model);
        if (options) tell_json(out, "params", options);
    }
    json_decref(metadata);
    return version != NULL;
}

/* ---- weights ---- */

/* The channels of every convolution. */
static void tell_widths(const facts *out, const nst_model *model)
{
    char text[256] = "[";
    size_t used = 1;
    uint32_t layers = nst_model_layer_count(model);
    for (uint32_t i = 0; i < layers && used < sizeof text - 16; i++)
        if (strncmp(nst_model_layer_name(model, i), "conv", 4) == 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%u", used > 1 ? ", " : "", nst_model_layer_channels(model, i));
    text[used] = ']';
    if (out->json) jw_raw(out->json, "widths", text);
    else printf("%-15s%.*s\n", "widths", (int)used - 1, text + 1);
}

/* What the file says about itself. */
static void tell_provenance(const facts *out, const nst_model *model)
{
    static const char *const keys[] = {"origin", "training", "teacher", "license"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = nst_model_get_metadata(model, keys[i]);
        if (text && *text) tell_foreign(out, keys[i], text);
    }
}

static int32_t info_weights(const facts *out, nst_ctx *ctx, const char *path)
{
    static const char *const preprocessings[] = {"unknown", "torch", "caffe", "unit"};
    static const char *const paddings[] = {"auto", "zero", "reflect", "replicate"};
    nst_model *model = NULL;
    nst_model_info info;
    uint32_t layers;
    int32_t status = nst_model_open(ctx, path, &model);
    NST_INIT(info);
    if (status >= 0) status = nst_model_get_info(model, &info);
    if (status < 0) return status;
    layers = nst_model_layer_count(model);
    tell(out, "kind", "network weights");
    tell(out, "architecture", info.architecture);
    tell(out, "known as", *info.name ? info.name : "unknown");
    tell_int(out, "convolutions", info.convolutions);
    tell_widths(out, model);
    tell_int(out, "parameters", (int64_t)info.parameters);
    if (layers > 0) tell(out, "last layer", nst_model_layer_name(model, layers - 1));
    tell(out, "input conv", info.has_input_convolution ? "yes" : "no");
    tell(out, "preprocessing",
         info.preprocessing >= 0 && info.preprocessing <= 3 ? preprocessings[info.preprocessing] : "unknown");
    tell(out, "padding", info.padding >= 0 && info.padding <= 3 ? paddings[info.padding] : "unknown");
    tell(out, "fingerprint", info.fingerprint);
    tell_provenance(out, model);
    nst_model_unref(model);
    return NST_OK;
}

static int info_file(const facts *out, nst_ctx *ctx, const char *path)
{
    unsigned char *head = cli_alloc(HEAD, 1);
    size_t length = read_head(path, head);
    int32_t status = NST_OK;
    if (is_png(head, length) || is_jpeg(head, length)) status = info_image(out, ctx, path, head, length);
    else if (!info_checkpoint(out, path)) status = info_weights(out, ctx, path);
    free(head);
    return status < 0 ? cli_fail_file(status, path, nst_ctx_error(ctx)) : CLI_OK;
}

/* ---- this program ---- */

typedef struct found {
    char *path;
} found;

static int32_t keep_first(void *user, const char *path, int32_t exists, uint64_t length)
{
    found *first = user;
    (void)length;
    if (exists) first->path = cli_format("%s", path);
    return exists;
}

static int info_program(const facts *out, nst_ctx *ctx)
{
    found first = {NULL};
    tell(out, "nst", NST_VERSION_STRING);
    tell(out, "libnst", nst_version());
    tell(out, "build", nst_build_info());
    tell(out, "processor", nst_ctx_cpu_level(ctx));
    tell_int(out, "threads", nst_ctx_threads(ctx));
    nst_weights_search(ctx, NULL, keep_first, &first);
    tell(out, "weights", first.path ? first.path : "none found; 'nst weights' says where to get them");
    free(first.path);
    return CLI_OK;
}

int cli_info(const cli_args *args)
{
    json_writer json = {0};
    facts out = {args->values[FLAG_JSON] ? &json : NULL};
    nst_ctx *ctx = NULL;
    int code = job_make_context(args, &ctx);
    if (code != CLI_OK) return code;
    if (out.json) jw_open(out.json, NULL, '{');
    code = args->argument_count ? info_file(&out, ctx, args->arguments[0]) : info_program(&out, ctx);
    if (out.json) jw_close(out.json, '}');
    if (out.json && code == CLI_OK) puts(json.text);
    free(json.text);
    nst_ctx_unref(ctx);
    return code;
}
