/* Tensor names cannot tell torchvision's VGG-19 from the Caffe one, and the wrong preprocessing is a silent loss of quality: so
 * the numbers are recognised. */
#include "weights/identity.h"

#include <string.h>

#include "weights/builtin.h"
#include "weights/sha256.h"

/* Whole files as published. Sizes bound which files are worth hashing when nothing else identifies the numbers. */
typedef struct known_file {
    const char *sha256; /* beginning of it */
    const char *name, *note;
    size_t least, most;
    nst_preprocessing preprocessing;
} known_file;

static const known_file known_files[] = {
    {"dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44", "vgg19-torchvision",
     "torchvision's vgg19-dcbb9e9d.pth (BSD-3-Clause); RGB, mean and deviation", 574673361, 574673361, NST_PREPROCESSING_TORCH},
    {"11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669", "vgg19-torchvision",
     "timm/vgg19.tv_in1k model.safetensors (BSD-3-Clause); RGB, mean and deviation", 574669000, 574690000,
     NST_PREPROCESSING_TORCH},
    {"d01eb7cb", "vgg19-caffe", "Justin Johnson's conversion of the Caffe VGG-19, vgg19-d01eb7cb.pth; BGR, minus mean", 574600000,
     574700000, NST_PREPROCESSING_CAFFE},
    {"397923af", "vgg16-torchvision", "torchvision's vgg16-397923af.pth (BSD-3-Clause); RGB, mean and deviation", 553400000,
     553500000, NST_PREPROCESSING_TORCH},
    {"fc3f1cce6d269bdb38a65a354fd6e8b02ca5d499e03bb122133eca229df7d44d", "vgg19-caffe",
     "Keras 3 model.weights.h5 of vgg_19_imagenet; its layout cannot be read, the older _notop.h5 can", 80000000, 80300000,
     NST_PREPROCESSING_CAFFE}};

/* Sets of numbers. `key` is the fingerprint, or the SHA-256 over the first `kernels` kernels and all biases. */
typedef struct known_set {
    const char *key, *name;
    size_t kernels; /* 0: whole fingerprint */
    nst_preprocessing preprocessing;
    nst_padding padding;
} known_set;

static const known_set known_sets[] = {
    /* conv1_1..conv3_4 and the biases of all 16: copies that rounded the large kernels are recognised too. */
    {"1f45cda07b79965d42c91355c499e259eb0c822cc0822dff09ce4dcf53a9a3a5", "vgg19-caffe", 8, NST_PREPROCESSING_CAFFE,
     NST_PADDING_ZERO},
    {"77aa7e4deb7aecb7473209b92a6c43cfc5d211faeb974ec057331ca23bdfbff1", "vgg19-normalised", 0, NST_PREPROCESSING_UNIT,
     NST_PADDING_REFLECT},
    {"3c1e0915bbddc2f248457e3cdb695e9b53757da5cfeeab26bbcc167323a14ec0", "vgg19-slim", 0, NST_PREPROCESSING_UNIT,
     NST_PADDING_REFLECT}};

const char *nst_preprocessing_name(nst_preprocessing preprocessing)
{
    static const char *const names[] = {"unknown", "torch", "caffe", "unit"};
    return names[preprocessing];
}

const char *nst_padding_name(nst_padding padding)
{
    static const char *const names[] = {"auto", "zero", "reflect", "replicate"};
    return names[padding];
}

/* ---- hashes ---- */

static void hash_conv(nst_sha256 *hash, const nst_conv_weights *conv)
{
    nst_sha256_update(hash, conv->weight, conv->out_channels * conv->in_channels * conv->size * conv->size * sizeof(float));
    nst_sha256_update(hash, conv->bias, conv->out_channels * sizeof(float));
}

void nst_weights_make_fingerprint(nst_weights *weights)
{
    nst_sha256 hash;
    nst_sha256_init(&hash);
    if (weights->has_input_conv) hash_conv(&hash, &weights->input_conv);
    for (size_t i = 0; i < weights->conv_count; i++) hash_conv(&hash, &weights->convs[i]);
    nst_sha256_final(&hash, weights->fingerprint);
}

static void make_partial_fingerprint(const nst_weights *weights, size_t kernels, char hex[NST_SHA256_HEX])
{
    nst_sha256 hash;
    nst_sha256_init(&hash);
    for (size_t i = 0; i < weights->conv_count && i < kernels; i++)
        nst_sha256_update(&hash, weights->convs[i].weight,
                          weights->convs[i].out_channels * weights->convs[i].in_channels * 9 * sizeof(float));
    for (size_t i = 0; i < weights->conv_count; i++)
        nst_sha256_update(&hash, weights->convs[i].bias, weights->convs[i].out_channels * sizeof(float));
    nst_sha256_final(&hash, hex);
}

static int32_t hash_file(nst_ctx *ctx, const nst_bytes *bytes, char hex[NST_SHA256_HEX], nst_error *error)
{
    const size_t chunk = (size_t)1 << 18;
    unsigned char *buffer = nst_alloc(&ctx->memory, chunk);
    nst_sha256 hash;
    int32_t status = NST_OK;
    if (!buffer) return nst_fail_nomem(error, "reading a file");
    nst_sha256_init(&hash);
    for (size_t at = 0; status >= 0 && at < bytes->length; at += chunk) {
        size_t count = bytes->length - at < chunk ? bytes->length - at : chunk;
        status = nst_bytes_read(bytes, at, buffer, count, error);
        if (status >= 0) nst_sha256_update(&hash, buffer, count);
    }
    nst_sha256_final(&hash, hex);
    nst_free(&ctx->memory, buffer);
    return status;
}

static const known_file *find_known_file(const char *hex, size_t length)
{
    for (size_t i = 0; i < sizeof known_files / sizeof known_files[0]; i++)
        if (strncmp(hex, known_files[i].sha256, strlen(known_files[i].sha256)) == 0 && length >= known_files[i].least &&
            length <= known_files[i].most)
            return &known_files[i];
    return NULL;
}

/* ---- decisions ---- */

static void copy_text(char *to, size_t capacity, const char *from)
{
    if (!from) return;
    strncpy(to, from, capacity - 1);
    to[capacity - 1] = '\0';
    nst_make_printable(to);
}

/* "caffe", also "caffe: BGR, ..." */
static bool is_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    return text && strncmp(text, word, length) == 0 && (text[length] == '\0' || text[length] == ':' || text[length] == ' ');
}

/* Hashing takes most of the time of loading. The file that is compiled in is as good as the code that would check it, and the tests
 * hash it. */
static int32_t decide_fingerprint(nst_weights *weights, const nst_bytes *bytes, nst_error *error)
{
    const char *said = nst_metadata_find(&weights->metadata, "fingerprint");
    if (said && bytes->memory == nst_builtin_file) {
        copy_text(weights->fingerprint, sizeof weights->fingerprint, said);
        return NST_OK;
    }
    nst_weights_make_fingerprint(weights);
    if (!said || strcmp(said, weights->fingerprint) == 0) return NST_OK;
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                    "the numbers are not those the file was written with (fingerprint %.16s... "
                    "instead of %.16s...): it is damaged",
                    weights->fingerprint, said);
}

static void apply_metadata(nst_weights *weights, const nst_metadata *metadata)
{
    const char *preprocessing = nst_metadata_find(metadata, "preprocessing");
    const char *padding = nst_metadata_find(metadata, "padding");
    for (int i = NST_PREPROCESSING_TORCH; i <= NST_PREPROCESSING_UNIT; i++)
        if (is_word(preprocessing, nst_preprocessing_name((nst_preprocessing)i))) weights->preprocessing = (nst_preprocessing)i;
    for (int i = NST_PADDING_ZERO; i <= NST_PADDING_REPLICATE; i++)
        if (is_word(padding, nst_padding_name((nst_padding)i))) weights->padding = (nst_padding)i;
    copy_text(weights->name, sizeof weights->name, nst_metadata_find(metadata, "name"));
}

static void apply_known_set(nst_weights *weights)
{
    for (size_t i = 0; i < sizeof known_sets / sizeof known_sets[0]; i++) {
        const known_set *set = &known_sets[i];
        char partial[NST_SHA256_HEX];
        if (set->kernels > 0 && (weights->conv_count != NST_MAX_CONVS || weights->has_input_conv)) continue;
        if (set->kernels > 0) make_partial_fingerprint(weights, set->kernels, partial);
        if (strcmp(set->key, set->kernels > 0 ? partial : weights->fingerprint) != 0) continue;
        if (weights->preprocessing == NST_PREPROCESSING_UNKNOWN) weights->preprocessing = set->preprocessing;
        if (weights->padding == NST_PADDING_AUTO) weights->padding = set->padding;
        if (!weights->name[0]) copy_text(weights->name, sizeof weights->name, set->name);
    }
}

static int32_t apply_known_file(nst_weights *weights, const nst_bytes *bytes, nst_error *error)
{
    bool worth_hashing = false;
    char hex[NST_SHA256_HEX];
    const known_file *file;
    int32_t status;
    for (size_t i = 0; i < sizeof known_files / sizeof known_files[0]; i++)
        worth_hashing = worth_hashing || (bytes->length >= known_files[i].least && bytes->length <= known_files[i].most);
    if (!worth_hashing) return NST_OK;
    status = hash_file(weights->ctx, bytes, hex, error);
    file = status < 0 ? NULL : find_known_file(hex, bytes->length);
    if (!file) return status;
    weights->preprocessing = file->preprocessing;
    if (!weights->name[0]) copy_text(weights->name, sizeof weights->name, file->name);
    return NST_OK;
}

int32_t nst_weights_decide(nst_weights *weights, const nst_bytes *bytes, nst_error *error)
{
    int32_t status;
    weights->preprocessing = NST_PREPROCESSING_UNKNOWN;
    weights->padding = NST_PADDING_AUTO;
    status = decide_fingerprint(weights, bytes, error);
    if (status < 0) return status;
    apply_metadata(weights, &weights->metadata);
    apply_known_set(weights);
    if (weights->preprocessing == NST_PREPROCESSING_UNKNOWN && weights->has_input_conv)
        weights->preprocessing = NST_PREPROCESSING_UNIT;
    if (weights->padding == NST_PADDING_AUTO) weights->padding = NST_PADDING_ZERO;
    if (weights->preprocessing == NST_PREPROCESSING_UNKNOWN) status = apply_known_file(weights, bytes, error);
    if (status >= 0 && weights->preprocessing == NST_PREPROCESSING_UNKNOWN)
        nst_log(weights->ctx, NST_LOG_WARNING, "%s: unknown weights; the option preprocessing must say what they expect",
                weights->source);
    return status;
}

int32_t nst_weights_identify_file(nst_ctx *ctx, const char *path, nst_weights_identity *identity, nst_error *error)
{
    nst_bytes bytes;
    const known_file *file;
    int32_t status = nst_bytes_open(&bytes, path, ctx->max_weights_size, error);
    if (status < 0) return status;
    *identity = (nst_weights_identity){.size = sizeof *identity, .length = bytes.length};
    status = hash_file(ctx, &bytes, identity->sha256, error);
    nst_bytes_close(&bytes);
    file = status < 0 ? NULL : find_known_file(identity->sha256, (size_t)identity->length);
    if (!file) return status;
    identity->known = 1;
    copy_text(identity->name, sizeof identity->name, file->name);
    copy_text(identity->note, sizeof identity->note, file->note);
    return NST_OK;
}
