/* Where weights lie on people's machines: our own folders and the caches of the tools that fetch VGG networks. Nothing is ever
 * downloaded. docs/weights.md has the same list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/builtin.h"
#include "weights/weights.h"

#define PATH_CAPACITY 4096
#define UNTRAINED_WIDTH 16 /* a quarter of VGG-19's: random filters gain little from more, and cost sixteen times as much */

typedef struct search {
    nst_ctx *ctx;
    const char *name; /* "vgg19" or "vgg16" */
    nst_weights_fn callback;
    void *user;
    bool stopped;
} search;

static const struct {
    const char *name, *hub_repository;
    const char *torch[3], *keras[2];
} published[] = {
    {"vgg19", "models--timm--vgg19.tv_in1k", {"vgg19-dcbb9e9d.pth", "vgg19-d01eb7cb.pth"},
     {"vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "vgg19_weights_tf_dim_ordering_tf_kernels.h5"}},
    {"vgg16", "models--timm--vgg16.tv_in1k", {"vgg16-397923af.pth", "vgg16-00b39a1b.pth"},
     {"vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "vgg16_weights_tf_dim_ordering_tf_kernels.h5"}}};

static int find_published(const char *name)
{
    for (int i = 0; i < (int)(sizeof published / sizeof published[0]); i++)
        if (strcmp(name, published[i].name) == 0) return i;
    return -1;
}

/* ---- candidates ---- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static void offer(search *s, const char *path)
{
    nst_bytes bytes;
    bool exists;
    if (s->stopped) return;
    exists = nst_bytes_open(&bytes, path, SIZE_MAX, NULL) >= 0;
    s->stopped = s->callback(s->user, path, exists, exists ? bytes.length : 0) != 0;
    if (exists) nst_bytes_close(&bytes);
}

/* folder, middle and file, joined; nothing where the folder is unknown. */
static void offer_file(search *s, const char *folder, const char *middle, const char *file)
{
    char path[PATH_CAPACITY];
    int length = folder ? snprintf(path, sizeof path, "%s%s/%s", folder, middle, file) : -1;
    if (length > 0 && length < (int)sizeof path) offer(s, path);
}

/* $variable + suffix, or ~ + home_suffix. NULL: neither is known. */
static const char *folder(const char *variable, const char *suffix, const char *home_suffix, char path[PATH_CAPACITY])
{
    const char *set = environment(variable), *home = environment("HOME");
    int length = set ? snprintf(path, PATH_CAPACITY, "%s%s", set, suffix)
                     : home ? snprintf(path, PATH_CAPACITY, "%s%s", home, home_suffix) : -1;
    return length > 0 && length < PATH_CAPACITY ? path : NULL;
}

static void offer_own(search *s)
{
    static const char *const endings[] = {".safetensors", ".pth", ".h5"};
    char data[PATH_CAPACITY], cache[PATH_CAPACITY], file[64];
    const char *const folders[] = {folder("XDG_DATA_HOME", "/nst", "/.local/share/nst", data),
                                   folder("XDG_CACHE_HOME", "/nst", "/.cache/nst", cache), "/usr/local/share/nst",
                                   "/usr/share/nst"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        for (size_t j = 0; j < sizeof endings / sizeof endings[0]; j++) {
            snprintf(file, sizeof file, "%s%s", s->name, endings[j]);
            offer_file(s, folders[i], "", file);
        }
}

/* The Hugging Face cache names the commit in refs/main; snapshots/COMMIT/ holds links to the files. */
static bool read_commit(search *s, const char *repository, char commit[65])
{
    char path[PATH_CAPACITY];
    void *text = NULL;
    size_t length = 0, used = 0;
    if (snprintf(path, sizeof path, "%s/refs/main", repository) >= (int)sizeof path) return false;
    if (nst_file_read_all(s->ctx, path, 256, &text, &length, NULL) < 0) return false;
    while (used < length && used < 64 && strchr("0123456789abcdef", ((char *)text)[used]) && ((char *)text)[used]) used++;
    memcpy(commit, text, used);
    commit[used] = '\0';
    nst_free(&s->ctx->memory, text);
    return used > 0;
}

static void offer_hub(search *s, int known)
{
    char hub[PATH_CAPACITY], repository[PATH_CAPACITY + 64], middle[80], commit[65];
    const char *base = environment("HF_HUB_CACHE");
    if (!base && environment("HF_HOME")) base = folder("HF_HOME", "/hub", "", hub);
    if (!base) base = folder("XDG_CACHE_HOME", "/huggingface/hub", "/.cache/huggingface/hub", hub);
    if (!base || snprintf(repository, sizeof repository, "%s/%s", base, published[known].hub_repository) >= PATH_CAPACITY) return;
    if (!read_commit(s, repository, commit)) return;
    snprintf(middle, sizeof middle, "/snapshots/%s", commit);
    offer_file(s, repository, middle, "model.safetensors");
    offer_file(s, repository, middle, "pytorch_model.bin");
}

static void offer_torch(search *s, int known)
{
    char hub[PATH_CAPACITY], old[PATH_CAPACITY];
    const char *base = environment("TORCH_HOME")
                           ? folder("TORCH_HOME", "/hub/checkpoints", "", hub)
                           : folder("XDG_CACHE_HOME", "/torch/hub/checkpoints", "/.cache/torch/hub/checkpoints", hub);
    const char *home = environment("HOME");
    const char *old_base = home && snprintf(old, sizeof old, "%s/.torch/models", home) < (int)sizeof old ? old : NULL;
    for (int i = 0; i < 3 && published[known].torch[i]; i++) offer_file(s, base, "", published[known].torch[i]);
    for (int i = 0; i < 3 && published[known].torch[i]; i++) offer_file(s, old_base, "", published[known].torch[i]);
}

static void offer_keras(search *s, int known)
{
    char models[PATH_CAPACITY];
    const char *base = folder("KERAS_HOME", "/models", "/.keras/models", models);
    for (int i = 0; i < 2; i++) offer_file(s, base, "", published[known].keras[i]);
}

static void offer_known(search *s, int known)
{
    s->name = published[known].name;
    offer_own(s);
    offer_hub(s, known);
    offer_torch(s, known);
    offer_keras(s, known);
}

static bool needs_no_file(const char *name)
{
    return strcmp(name, "builtin") == 0 || strcmp(name, "untrained") == 0;
}

/* Such a name stands for itself, and is always there. */
static void offer_name(search *s, const char *name)
{
    if (!s->stopped) s->callback(s->user, name, 1, strcmp(name, "builtin") == 0 ? nst_builtin_length : 0);
}

int32_t nst_weights_candidates(nst_ctx *ctx, const char *name, nst_weights_fn callback, void *user, nst_error *error)
{
    search s = {.ctx = ctx, .callback = callback, .user = user};
    const char *chosen = name ? name : environment("NST_WEIGHTS");
    (void)error;
    if (chosen && needs_no_file(chosen)) offer_name(&s, chosen);
    else if (chosen && find_published(chosen) >= 0) offer_known(&s, find_published(chosen));
    else if (chosen) offer(&s, chosen);
    if (chosen) return NST_OK;
    offer_known(&s, find_published("vgg19"));
    offer_name(&s, "builtin");
    return NST_OK;
}

/* ---- opening by name ---- */

static int32_t take_first(void *user, const char *path, int32_t exists, uint64_t length)
{
    (void)length;
    if (exists) snprintf(user, PATH_CAPACITY, "%s", path);
    return exists;
}

static int32_t open_file(nst_ctx *ctx, const char *path, nst_weights *out, nst_error *error)
{
    nst_bytes bytes;
    int32_t status = nst_bytes_open(&bytes, path, ctx->max_weights_size, error);
    if (status < 0) return status;
    status = nst_weights_read(ctx, &bytes, path, out, error);
    nst_bytes_close(&bytes);
    return status;
}

static int32_t open_chosen(nst_ctx *ctx, const char *path, nst_weights *out, nst_error *error)
{
    if (strcmp(path, "builtin") == 0) return nst_weights_builtin(ctx, out, error);
    if (strcmp(path, "untrained") == 0) return nst_weights_untrained(ctx, UNTRAINED_WIDTH, 0, out, error);
    return open_file(ctx, path, out, error);
}

/* One line: which network it is, and where nobody said, why that one. */
static void tell(const nst_weights *weights, bool by_default)
{
    bool builtin = strcmp(weights->source, "builtin") == 0;
    bool named = weights->name[0] && strcmp(weights->name, weights->source) != 0;
    const char *why = builtin ? ", as no VGG-19 was found (see 'nst weights')"
                              : ", the first VGG-19 found; 'builtin' is the library's own network";
    nst_log(weights->ctx, NST_LOG_INFO, "weights: %s%s%s%s", weights->source, named ? ", " : "", named ? weights->name : "",
            by_default ? why : "");
}

int32_t nst_weights_open(nst_ctx *ctx, const char *name, nst_weights *out, nst_error *error)
{
    const char *chosen = name ? name : environment("NST_WEIGHTS"), *path = chosen;
    char found[PATH_CAPACITY] = "";
    int32_t status;
    *out = (nst_weights){.ctx = ctx};
    if (!chosen || find_published(chosen) >= 0) {
        nst_weights_candidates(ctx, chosen, take_first, found, error);
        path = found;
    }
    if (!path[0])
        return nst_fail(error, NST_ERR_NOT_FOUND,
                        "no file for '%s' in any of the places where weights are looked for; 'nst weights list' "
                        "shows them",
                        chosen);
    status = open_chosen(ctx, path, out, error);
    if (status >= 0) tell(out, !chosen);
    return status;
}
