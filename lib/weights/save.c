/* The small safetensors file: the convolutions alone, and what they expect. */
#include <stdio.h>
#include <string.h>

#include "weights/identity.h"
#include "weights/safetensors.h"
#include "weights/topology.h"

#define MAX_TENSORS (2 * (NST_MAX_CONVS + 1))
#define MAX_PAIRS 12

typedef struct contents {
    const nst_weights *weights;
    nst_tensor_data tensors[MAX_TENSORS];
    char names[MAX_TENSORS][24];
    size_t tensor_count;
    const char *metadata[MAX_PAIRS][2];
    size_t pair_count;
} contents;

static void add_tensor(contents *out, const char *layer, const char *part, int rank, const nst_conv_weights *conv,
                       const float *data)
{
    nst_tensor_data *tensor = &out->tensors[out->tensor_count];
    size_t count = 1;
    snprintf(out->names[out->tensor_count], sizeof out->names[0], "%s.%s", layer, part);
    *tensor = (nst_tensor_data){.name = out->names[out->tensor_count], .dtype = "F32", .rank = rank, .data = data,
                                .shape = {conv->out_channels, conv->in_channels, conv->size, conv->size}};
    for (int i = 0; i < rank; i++) count *= tensor->shape[i];
    tensor->bytes = count * sizeof(float);
    out->tensor_count++;
}

static void add_conv(contents *out, const char *layer, const nst_conv_weights *conv)
{
    add_tensor(out, layer, "weight", 4, conv, conv->weight);
    add_tensor(out, layer, "bias", 1, conv, conv->bias);
}

static void add_pair(contents *out, const char *key, const char *value)
{
    if (!value || !value[0]) return;
    out->metadata[out->pair_count][0] = key;
    out->metadata[out->pair_count++][1] = value;
}

static const char *find_license(const nst_metadata *metadata)
{
    const char *license = nst_metadata_find(metadata, "license");
    return license ? license : nst_metadata_find(metadata, "licence");
}

/* What whoever has the numbers must be able to learn, however often they were converted. */
static void add_provenance(contents *out, const char *license)
{
    static const char *const keys[] = {"origin", "training", "teacher"};
    const nst_metadata *metadata = &out->weights->metadata;
    add_pair(out, "license", license ? license : find_license(metadata));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) add_pair(out, keys[i], nst_metadata_find(metadata, keys[i]));
}

static void add_tensors(contents *out)
{
    const nst_weights *weights = out->weights;
    nst_layer layer;
    if (weights->has_input_conv) add_conv(out, "conv0", &weights->input_conv);
    for (size_t i = 0; nst_topology_layer(weights, i, &layer); i++)
        if (layer.kind == NST_LAYER_CONV) add_conv(out, layer.name, &weights->convs[layer.conv]);
}

static int32_t produce(void *user, const nst_writer *writer, nst_error *error)
{
    contents *out = user;
    return nst_safetensors_write(out->weights->ctx, writer, out->tensors, out->tensor_count,
                                 (const char *const(*)[2])out->metadata, out->pair_count, error);
}

/* JSON is UTF-8; paths need not be. */
static void make_ascii(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x7f) *text = '?';
}

int32_t nst_weights_write(const nst_weights *weights, const char *path, nst_preprocessing preprocessing, const char *license,
                          bool overwrite, nst_error *error)
{
    contents out = {.weights = weights};
    char source[sizeof weights->source];
    const char *slash = strrchr(weights->source, '/'); /* folders are nobody's business */
    const char *first = nst_metadata_find(&weights->metadata, "source"); /* of a file that was converted before */
    nst_preprocessing known = weights->preprocessing;
    if (known != NST_PREPROCESSING_UNKNOWN && preprocessing != NST_PREPROCESSING_UNKNOWN && preprocessing != known)
        return nst_fail(error, NST_ERR_INVALID_ARG, "these weights are known to expect the preprocessing '%s', not '%s'",
                        nst_preprocessing_name(known), nst_preprocessing_name(preprocessing));
    if (known == NST_PREPROCESSING_UNKNOWN) known = preprocessing;
    snprintf(source, sizeof source, "%s", first && first[0] ? first : slash ? slash + 1 : weights->source);
    make_ascii(source);
    add_tensors(&out);
    add_pair(&out, "format", "nst-weights-1");
    add_pair(&out, "name", weights->name);
    add_pair(&out, "architecture", weights->vgg16 ? "vgg16" : "vgg19");
    if (known != NST_PREPROCESSING_UNKNOWN) add_pair(&out, "preprocessing", nst_preprocessing_name(known));
    add_pair(&out, "padding", nst_padding_name(weights->padding));
    add_pair(&out, "fingerprint", weights->fingerprint);
    add_pair(&out, "source", source);
    add_provenance(&out, license);
    return nst_file_replace(weights->ctx, path, overwrite, produce, &out, error);
}
