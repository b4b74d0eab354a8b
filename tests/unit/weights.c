/* From tensors to a network: order, biases, topology, wrong files, preprocessing and padding, saving, arguments. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "weights_folder.h"

#include <unistd.h>

#include "base/random.h"
#include "build_features.h"
#include "weights/model.h"

/* ---- made-up networks ---- */

enum { MAX_TENSORS = 64 };

typedef struct network {
    nst_tensor_data tensors[MAX_TENSORS];
    char names[MAX_TENSORS][64];
    size_t count;
    float *values;
    size_t used;
    nst_random random;
    const char *metadata[8][2];
    size_t pairs;
} network;

enum { MAX_VALUES = 1 << 20 };

static void start(network *net)
{
    memset(net, 0, sizeof *net);
    net->values = malloc(MAX_VALUES * sizeof(float));
    net->random.state = 7;
    assert_non_null(net->values);
}

static void add(network *net, const char *name, int rank, size_t a, size_t b, size_t c, size_t d)
{
    nst_tensor_data *tensor = &net->tensors[net->count];
    size_t count = a * (rank > 1 ? b : 1) * (rank > 2 ? c : 1) * (rank > 3 ? d : 1);
    assert_true(net->count < MAX_TENSORS && net->used + count <= MAX_VALUES);
    snprintf(net->names[net->count], sizeof net->names[0], "%s", name);
    *tensor = (nst_tensor_data){net->names[net->count++], "F32", rank, {a, b, c, d}, net->values + net->used, count * 4};
    for (size_t i = 0; i < count; i++) net->values[net->used++] = (float)nst_random_normal(&net->random);
}

static void add_conv(network *net, const char *weight, const char *bias, size_t in, size_t out)
{
    add(net, weight, 4, out, in, 3, 3);
    if (bias) add(net, bias, 1, out, 0, 0, 0);
}

/* `count` convolutions named by a pattern with one %d, numbered as torchvision does; widths[i] channels. */
static void add_convs(network *net, const char *pattern, const size_t *widths, size_t count)
{
    static const int torch_numbers[] = {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34};
    for (size_t i = 0; i < count; i++) {
        char name[64], weight[80], bias[80];
        snprintf(name, sizeof name, pattern, i < 16 ? torch_numbers[i] : 100 + (int)i);
        snprintf(weight, sizeof weight, "%s.weight", name);
        snprintf(bias, sizeof bias, "%s.bias", name);
        add_conv(net, weight, bias, i ? widths[i - 1] : 3, widths[i]);
    }
}

static int32_t write_blob(void *user, const void *data, uint64_t count)
{
    blob_put(user, data, (size_t)count);
    return 0;
}

static blob finish(nst_ctx *ctx, network *net)
{
    blob out = {NULL, 0};
    nst_writer writer = {sizeof writer, 0, write_blob, &out};
    assert_int_equal(
        nst_safetensors_write(ctx, &writer, net->tensors, net->count, (const char *const(*)[2])net->metadata, net->pairs, NULL),
        NST_OK);
    free(net->values);
    net->values = NULL;
    return out;
}

static const size_t full19[] = {2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5};
static const size_t full16[] = {2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5};

/* ---- order ---- */

/* Whatever the order in the file and the names, convolution i of the network is tensor i of the list. */
static void order_is_found(void **state)
{
    static const char *const patterns[] = {"features.%d", "module.features.%d", "conv%d", "a.b.%03d.c", "%d"};
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            network net;
            nst_tensor_data in_order[32];
            nst_weights weights;
            nst_random random = {seed};
            blob file;
            float *values;
            start(&net);
            add_convs(&net, patterns[p], full19, 16);
            memcpy(in_order, net.tensors, sizeof in_order);
            for (size_t i = 32; i-- > 1;) { /* shuffled */
                size_t j = (size_t)(nst_random_uniform(&random) * (double)(i + 1));
                nst_tensor_data swap = net.tensors[i];
                net.tensors[i] = net.tensors[j];
                net.tensors[j] = swap;
            }
            values = malloc(MAX_VALUES * sizeof(float));
            memcpy(values, net.values, net.used * sizeof(float));
            for (int i = 0; i < 32; i++) in_order[i].data = values + ((const float *)in_order[i].data - net.values);
            file = finish(*state, &net);
            read_weights(*state, &file, &weights);
            assert_int_equal(weights.conv_count, 16);
            assert_false(weights.vgg16);
            for (size_t i = 0; i < 16; i++) {
                assert_memory_equal(weights.convs[i].weight, in_order[2 * i].data, in_order[2 * i].bytes);
                assert_memory_equal(weights.convs[i].bias, in_order[2 * i + 1].data, in_order[2 * i + 1].bytes);
            }
            nst_weights_clear(&weights);
            blob_free(&file);
            free(values);
        }
}

/* Names without modules: the bias is told by what it has in common with its kernel, or by standing behind it. */
static void biases_are_found(void **state)
{
    static const char *const names[][4] = {{"conv1_1_W", "conv1_1_b", "conv1_2_W", "conv1_2_b"},
                                           {"w0", "b0", "w1", "b1"},
                                           {"block1_conv1/block1_conv1_W_1:0", "block1_conv1/block1_conv1_b_1:0",
                                            "block1_conv2/block1_conv2_W_1:0", "block1_conv2/block1_conv2_b_1:0"},
                                           {"1.kernel", "1.bias", "10.kernel", "10.bias"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        network net;
        nst_weights weights;
        float first, second;
        blob file;
        start(&net);
        add_conv(&net, names[i][0], names[i][1], 3, 2);
        add_conv(&net, names[i][2], names[i][3], 2, 2);
        first = ((const float *)net.tensors[1].data)[0];
        second = ((const float *)net.tensors[3].data)[0];
        file = finish(*state, &net);
        read_weights(*state, &file, &weights);
        assert_true(weights.convs[0].bias[0] == first && weights.convs[1].bias[0] == second);
        nst_weights_clear(&weights);
        blob_free(&file);
    }
}

static void other_tensors_are_ignored(void **state)
{
    network net;
    nst_weights weights;
    blob file;
    start(&net);
    add_convs(&net, "features.%d", full19, 16);
    add(&net, "classifier.0.weight", 2, 7, 5, 0, 0);
    add(&net, "classifier.0.bias", 1, 7, 0, 0, 0);
    add(&net, "pre_logits.fc1.weight", 4, 7, 5, 7, 7); /* timm */
    add(&net, "pre_logits.fc1.bias", 1, 7, 0, 0, 0);
    add(&net, "pre_logits.fc2.weight", 4, 7, 7, 1, 1);
    add(&net, "pre_logits.fc2.bias", 1, 7, 0, 0, 0);
    add(&net, "head.fc.weight", 2, 7, 7, 0, 0);
    add(&net, "head.fc.bias", 1, 7, 0, 0, 0);
    add(&net, "mean", 1, 3, 0, 0, 0);
    add(&net, "conv11_aux.weight", 4, 9, 2, 1, 1);
    add(&net, "conv11_aux.bias", 1, 9, 0, 0, 0);
    file = finish(*state, &net);
    read_weights(*state, &file, &weights);
    assert_int_equal(weights.conv_count, 16);
    assert_false(weights.has_input_conv);
    assert_int_equal(weights.preprocessing, NST_PREPROCESSING_UNKNOWN);
    assert_int_equal(weights.padding, NST_PADDING_ZERO);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static void input_convolutions_are_found(void **state)
{
    network net;
    nst_weights weights;
    blob file;
    start(&net);
    add(&net, "0.weight", 4, 3, 3, 1, 1);
    add(&net, "0.bias", 1, 3, 0, 0, 0);
    add_conv(&net, "2.weight", "2.bias", 3, 3); /* a bias of the same length */
    file = finish(*state, &net);
    read_weights(*state, &file, &weights);
    assert_true(weights.has_input_conv);
    assert_int_equal(weights.input_conv.size, 1);
    assert_int_equal(weights.conv_count, 1);
    assert_int_equal(weights.preprocessing, NST_PREPROCESSING_UNIT);
    nst_weights_clear(&weights);
    blob_free(&file);
}

/* ---- VGG-19 or VGG-16 ---- */

static const struct {
    size_t widths[20], count;
    const char *expected; /* architecture, last layer; or the sentence */
    bool good;
} topologies[] = {
    {{2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5}, 16, "vgg19 pool5", true},
    {{2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5}, 13, "vgg16 pool5", true},
    {{2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5}, 13, "vgg19 relu5_1", true},
    {{2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6}, 13, "vgg19 relu5_1", true},
    {{2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5}, 12, "vgg19 pool4", true},
    {{2, 2, 3, 3, 4, 4, 4, 5, 5, 5}, 10, "vgg16 pool4", true},
    {{2, 2, 3, 3, 4, 4, 4, 4}, 8, "vgg19 pool3", true},
    {{2, 2, 3, 3, 4, 4, 4, 5}, 8, "vgg16 relu4_1", true},
    {{2, 2, 3, 3, 4, 4, 4}, 7, "vgg19 relu3_3", true}, /* could be either */
    {{2, 2, 3, 3, 4}, 5, "vgg19 relu3_1", true},
    {{2, 2, 3}, 3, "vgg19 relu2_1", true},
    {{2}, 1, "vgg19 relu1_1", true},
    {{2, 3, 4, 5, 6, 5, 4, 3, 2, 3, 4, 5, 6, 7, 6, 5}, 16, "vgg19 pool5", true}, /* pruned */
    {{2, 3, 4, 5, 6, 5, 4, 3, 2, 3, 4, 5, 6}, 13, "vgg16 pool5", true},
    {{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, 16, "vgg19 pool5", true},
    {{2, 3, 4, 4, 5, 5, 5, 5}, 8, "VGG-11", false},
    {{2, 2, 3, 3, 4, 4, 5, 5, 5, 5}, 10, "VGG-13", false},
    {{2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5}, 15, "inside the blocks", false}, /* one missing */
    {{2, 3, 4, 5}, 4, "inside the blocks", false},
    {{2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5}, 17, "17 or more", false},
};

static void topologies_are_told_apart(void **state)
{
    for (size_t i = 0; i < sizeof topologies / sizeof topologies[0]; i++) {
        network net;
        blob file;
        nst_model *model = NULL;
        nst_model_info info;
        char got[64];
        start(&net);
        add_convs(&net, "features.%d", topologies[i].widths, topologies[i].count);
        file = finish(*state, &net);
        if (!topologies[i].good) {
            expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, topologies[i].expected);
            blob_free(&file);
            continue;
        }
        if (nst_model_load_memory(*state, file.data, file.length, &model) < 0) fail_msg("%zu: %s", i, nst_ctx_error(*state));
        NST_INIT(info);
        assert_int_equal(nst_model_get_info(model, &info), NST_OK);
        assert_int_equal(info.convolutions, topologies[i].count);
        snprintf(got, sizeof got, "%s %s", info.architecture, nst_model_layer_name(model, nst_model_layer_count(model) - 1));
        assert_string_equal(got, topologies[i].expected);
        assert_int_equal(nst_model_layer_channels(model, nst_model_layer_count(model) - 1),
                         topologies[i].widths[topologies[i].count - 1]);
        assert_null(nst_model_layer_name(model, nst_model_layer_count(model)));
        assert_int_equal(nst_model_layer_channels(model, nst_model_layer_count(model)), 0);
        nst_model_unref(model);
        blob_free(&file);
    }
}

/* ---- wrong networks ---- */

typedef void (*spoil_fn)(network *net);

static void leave_nothing(network *net)
{
    net->count = 0;
    add(net, "embedding.weight", 2, 4, 4, 0, 0);
}

static void remove_tensor(network *net, size_t index)
{
    memmove(net->tensors + index, net->tensors + index + 1, (net->count - index - 1) * sizeof net->tensors[0]);
    net->count--;
}

static void lose_a_kernel(network *net)
{
    remove_tensor(net, 8);
}

static void lose_the_last_kernel(network *net)
{
    remove_tensor(net, 30);
}

static void lose_a_bias(network *net)
{
    remove_tensor(net, 9);
}

static void lose_a_conv(network *net)
{
    remove_tensor(net, 8);
    remove_tensor(net, 8);
}

static void add_batch_norm(network *net)
{
    add(net, "features.1.running_mean", 1, 2, 0, 0, 0);
}

static void become_resnet(network *net)
{
    net->count = 0;
    add(net, "conv1.weight", 4, 4, 3, 7, 7);
    add(net, "bn1.running_mean", 1, 4, 0, 0, 0);
    add(net, "layer1.0.conv1.weight", 4, 4, 4, 3, 3);
}

static void become_alexnet(network *net)
{
    net->count = 0;
    add(net, "features.0.weight", 4, 4, 3, 11, 11);
    add(net, "features.0.bias", 1, 4, 0, 0, 0);
    add(net, "features.6.weight", 4, 4, 4, 3, 3);
    add(net, "features.6.bias", 1, 4, 0, 0, 0);
}

static void become_mobilenet(network *net)
{
    net->count = 0;
    add(net, "features.0.0.weight", 4, 8, 3, 3, 3);
    add(net, "features.1.conv.0.0.weight", 4, 8, 1, 3, 3);
}

static void transpose(network *net)
{
    net->count = 0;
    add(net, "block1_conv1.kernel", 4, 3, 3, 3, 8);
    add(net, "block1_conv1.bias", 1, 8, 0, 0, 0);
    add(net, "block1_conv2.kernel", 4, 3, 3, 8, 8);
    add(net, "block1_conv2.bias", 1, 8, 0, 0, 0);
}

static void take_gray_images(network *net)
{
    net->tensors[0].shape[1] = 1;
    net->tensors[0].bytes /= 3;
}

static void be_too_wide(network *net)
{
    net->count = 0;
    add_conv(net, "a.weight", "a.bias", 3, 5000);
}

static void be_quantised_without_scales(network *net)
{
    net->tensors[4].dtype = "I8";
    net->tensors[4].bytes /= 4;
}

static void be_unsigned(network *net)
{
    net->tensors[4].dtype = "U8";
    net->tensors[4].bytes /= 4;
}

static const struct {
    spoil_fn spoil;
    int32_t status;
    const char *sentence;
} spoilt[] = {
    {leave_nothing, NST_ERR_WEIGHTS_FORMAT, "no 3x3 convolution among the 1 tensors of the file (embedding.weight)"},
    {lose_a_kernel, NST_ERR_WEIGHTS_FORMAT, "'features.12.weight' takes 4 channels, but 'features.7.weight' before it gives 3"},
    {lose_the_last_kernel, NST_ERR_WEIGHTS_FORMAT, "'features.34.bias' has no weight"},
    {lose_a_bias, NST_ERR_WEIGHTS_FORMAT, "no bias of 4 values for 'features.10.weight'"},
    {lose_a_conv, NST_ERR_WEIGHTS_FORMAT, "'features.12.weight' takes 4 channels"},
    {add_batch_norm, NST_ERR_WEIGHTS_FORMAT, "batch normalisation"},
    {become_resnet, NST_ERR_WEIGHTS_FORMAT, "ResNet"},
    {become_alexnet, NST_ERR_WEIGHTS_FORMAT, "11x11"},
    {become_mobilenet, NST_ERR_WEIGHTS_FORMAT, "takes 1 channels"},
    {transpose, NST_ERR_WEIGHTS_FORMAT, "(3, 3, 8, 8): the kernels are stored in another order"},
    {take_gray_images, NST_ERR_WEIGHTS_FORMAT, "but the image gives 3"},
    {be_too_wide, NST_ERR_LIMIT, "5000 channels"},
    {be_quantised_without_scales, NST_ERR_WEIGHTS_FORMAT,
     "'features.5.weight' holds 8-bit integers, but there is no 'features.5.scale' of 3 values"},
    {be_unsigned, NST_ERR_UNSUPPORTED, "'features.5.weight'"},
};

static void wrong_networks_get_a_diagnosis(void **state)
{
    for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
        network net;
        blob file;
        start(&net);
        add_convs(&net, "features.%d", full19, 16);
        spoilt[i].spoil(&net);
        file = finish(*state, &net);
        expect_refusal(*state, &file, spoilt[i].status, spoilt[i].sentence);
        blob_free(&file);
    }
}

/* ---- wrong files ---- */

#define BYTES(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *sentence;
} files[] = {
    {"", 0, "empty"},
    {BYTES("abc"), "too small"},
    {BYTES("<!DOCTYPE html><html><head><title>Sign in</title>"), "web page"},
    {BYTES("\n\n  <html>"), "web page"},
    {BYTES("\xef\xbb\xbf<?xml version=\"1.0\"?>"), "web page"},
    {BYTES("version https://git-lfs.github.com/spec/v1\noid "
           "sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
           "size 12345\n"),
     "git-lfs pointer"},
    {BYTES("{\"error\": \"not found\", \"code\": 404}"), "JSON"},
    {BYTES("MATLAB 5.0 MAT-file, Platform: posix"), "MATLAB"},
    {BYTES("\x93NUMPY\1\0v\0{'descr'"), "NumPy"},
    {BYTES("GGUF\3\0\0\0aaaaaaaa"), "GGUF"},
    {BYTES("\x1f\x8b\x08\0\0\0\0\0\0\0aaaaaaaaaaa"), "compressed"},
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "picture"},
    {BYTES("\x80\4\x95\xa0\0\0\0\0\0\0\0}\x94(aaaaaaaa"), "plain Python pickle"},
    {BYTES("\x80\2}q\0(U\1aK\1u.aaaaaaaaaaaaa"), "plain Python pickle"},
    {BYTES("\x0a\x12VGG_ILSVRC_19_layers"), "caffemodel"},
    {BYTES("PK\3\4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), NST_HAVE_PTH ? "truncated" : "-Dpth"},
    {BYTES("\x89HDF\r\n\x1a\n\0\0\0"), NST_HAVE_H5 ? "truncated" : "-Dh5"},
    {BYTES("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3."), NST_HAVE_PTH ? "truncated" : "-Dpth"},
    {BYTES("\xff\0\0\0\0\0\0\0{\"a\":{\"dtype\":"), "truncated"},
    {BYTES("nothing anybody knows about, long enough"), "neither safetensors"},
};

static void wrong_files_get_a_diagnosis(void **state)
{
    unsigned char tail[48] = {1}, tar[600] = {1};
    blob file;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        file = (blob){NULL, 0};
        blob_put(&file, files[i].bytes, files[i].length);
        expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, files[i].sentence);
        blob_free(&file);
    }
    memcpy(tail + 40, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
    file = (blob){tail, sizeof tail};
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "TensorFlow");
    memcpy(tar + 257, "ustar", 5);
    file = (blob){tar, sizeof tar};
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "tar archive");
}

static void names_in_messages_are_printable(void **state)
{
    network net;
    blob file;
    start(&net);
    add(&net, "a\x1b[31m\n.weight", 4, 4, 3, 11, 11);
    file = finish(*state, &net);
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "a?[31m?.weight");
    blob_free(&file);
}

/* ---- identity ---- */

static void metadata_decides(void **state)
{
    static const struct {
        const char *preprocessing, *padding;
        int32_t expected[2];
    } cases[] = {{"torch", "zero", {NST_PREPROCESSING_TORCH, NST_PADDING_ZERO}},
                 {"caffe: BGR, 0..255", "reflect", {NST_PREPROCESSING_CAFFE, NST_PADDING_REFLECT}},
                 {"unit", "replicate", {NST_PREPROCESSING_UNIT, NST_PADDING_REPLICATE}},
                 {"caffeine", "reflection", {NST_PREPROCESSING_UNKNOWN, NST_PADDING_ZERO}},
                 {"unknown", "auto", {NST_PREPROCESSING_UNKNOWN, NST_PADDING_ZERO}},
                 {"", "", {NST_PREPROCESSING_UNKNOWN, NST_PADDING_ZERO}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        network net;
        nst_weights weights;
        blob file;
        start(&net);
        add_convs(&net, "%d", full16, 13);
        net.metadata[0][0] = "preprocessing", net.metadata[0][1] = cases[i].preprocessing;
        net.metadata[1][0] = "padding", net.metadata[1][1] = cases[i].padding;
        net.metadata[2][0] = "license", net.metadata[2][1] = "CC\nBY";
        net.pairs = 3;
        file = finish(*state, &net);
        read_weights(*state, &file, &weights);
        assert_int_equal(weights.preprocessing, cases[i].expected[0]);
        assert_int_equal(weights.padding, cases[i].expected[1]);
        assert_string_equal(nst_metadata_find(&weights.metadata, "license"), "CC\nBY");
        nst_weights_clear(&weights);
        blob_free(&file);
    }
}

static void metadata_settles_short_files(void **state)
{
    network net;
    nst_weights weights;
    blob file;
    start(&net);
    add_convs(&net, "%d", full16, 7);
    net.metadata[0][0] = "architecture", net.metadata[0][1] = "vgg16";
    net.pairs = 1;
    file = finish(*state, &net);
    read_weights(*state, &file, &weights);
    assert_true(weights.vgg16);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static blob read_file(const char *path)
{
    blob out = {NULL, 0};
    unsigned char buffer[4096];
    size_t got;
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    while ((got = fread(buffer, 1, sizeof buffer, from)) > 0) blob_put(&out, buffer, got);
    fclose(from);
    return out;
}

static void saved_models_come_back(void **state)
{
    nst_model *model, *again;
    nst_model_info a, b;
    blob file = read_seed("safetensors/input");
    const char *path = in_folder("saved.safetensors");
    NST_INIT(a);
    NST_INIT(b);
    assert_int_equal(nst_model_load_memory(*state, file.data, file.length, &model), NST_OK);
    assert_int_equal(nst_model_save(model, path, 0, "made up \xc3\xa9", 0), NST_OK);
    assert_int_equal(nst_model_save(model, path, 0, NULL, 0), NST_ERR_EXISTS);
    assert_int_equal(nst_model_save(model, path, NST_PREPROCESSING_UNIT, "made up \xc3\xa9", 1), NST_OK);
    assert_int_equal(nst_model_save(model, path, NST_PREPROCESSING_TORCH, NULL, 1), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_save(model, path, 4, NULL, 1), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_save(model, path, -1, NULL, 1), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_save(model, NULL, 0, NULL, 1), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_save(model, "/nowhere/at/all", 0, NULL, 1), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_model_open(*state, path, &again), NST_OK);
    assert_int_equal(nst_model_get_info(model, &a), NST_OK);
    assert_int_equal(nst_model_get_info(again, &b), NST_OK);
    assert_string_equal(a.fingerprint, b.fingerprint);
    assert_string_equal(a.source, "weights in memory");
    assert_string_equal(b.source, path);
    assert_int_equal(b.preprocessing, NST_PREPROCESSING_UNIT);
    assert_int_equal(b.has_input_convolution, 1);
    assert_int_equal(b.parameters, 330);
    assert_string_equal(nst_model_get_metadata(again, "source"), "weights in memory");
    assert_string_equal(nst_model_get_metadata(again, "license"), "made up \xc3\xa9");
    assert_string_equal(nst_model_get_metadata(again, "fingerprint"), b.fingerprint);
    assert_null(nst_model_get_metadata(again, "teacher"));
    assert_null(nst_model_get_metadata(model, "license"));
    nst_model_unref(model);
    nst_model_unref(again);
    blob_free(&file);
    /* One flipped bit of a saved file is noticed by its fingerprint. */
    file = read_file(path);
    file.data[file.length - 20] ^= 1;
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "damaged");
    blob_free(&file);
    unlink(path);
}

static void unknown_preprocessing_can_be_said_when_saving(void **state)
{
    nst_model *model, *again;
    nst_model_info info;
    blob file = read_seed("safetensors/plain");
    const char *path = in_folder("said.safetensors");
    NST_INIT(info);
    assert_int_equal(nst_model_load_memory(*state, file.data, file.length, &model), NST_OK);
    assert_int_equal(nst_model_save(model, path, NST_PREPROCESSING_CAFFE, NULL, 0), NST_OK);
    assert_int_equal(nst_model_open(*state, path, &again), NST_OK);
    assert_int_equal(nst_model_get_info(again, &info), NST_OK);
    assert_int_equal(info.preprocessing, NST_PREPROCESSING_CAFFE);
    nst_model_unref(model);
    nst_model_unref(again);
    blob_free(&file);
    unlink(path);
}

static void files_are_identified(void **state)
{
    nst_weights_identity identity;
    blob file = {NULL, 0};
    const char *path = in_folder("abc");
    NST_INIT(identity);
    blob_put(&file, "abc", 3);
    write_file(path, &file);
    blob_free(&file);
    assert_int_equal(nst_weights_identify(*state, path, &identity), NST_OK);
    assert_string_equal(identity.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(identity.length, 3);
    assert_int_equal(identity.known, 0);
    assert_string_equal(identity.name, "");
    assert_int_equal(nst_weights_identify(*state, in_folder("missing"), &identity), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_weights_identify(*state, folder, &identity), NST_ERR_IO);
    assert_int_equal(nst_weights_identify(*state, path, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_weights_identify(*state, NULL, &identity), NST_ERR_INVALID_ARG);
    identity.size = 8;
    assert_int_equal(nst_weights_identify(*state, path, &identity), NST_ERR_STRUCT_SIZE);
    unlink(path);
}

/* ---- untrained ---- */

static void untrained_filters_are_he_scaled(void **state)
{
    nst_model *model, *same, *other;
    nst_model_info info, info_same, info_other;
    const nst_weights *weights;
    assert_int_equal(nst_model_new_untrained(*state, 8, 1, &model), NST_OK);
    assert_int_equal(nst_model_new_untrained(*state, 8, 1, &same), NST_OK);
    assert_int_equal(nst_model_new_untrained(*state, 8, 2, &other), NST_OK);
    NST_INIT(info);
    NST_INIT(info_same);
    NST_INIT(info_other);
    nst_model_get_info(model, &info);
    nst_model_get_info(same, &info_same);
    nst_model_get_info(other, &info_other);
    assert_string_equal(info.fingerprint, info_same.fingerprint);
    assert_string_not_equal(info.fingerprint, info_other.fingerprint);
    assert_string_equal(info.name, "untrained");
    assert_int_equal(info.preprocessing, NST_PREPROCESSING_TORCH);
    assert_int_equal(info.padding, NST_PADDING_ZERO);
    assert_int_equal(nst_model_layer_count(model), 37);
    assert_int_equal(nst_model_layer_channels(model, 36), 64);
    weights = &model->weights;
    for (size_t i = 2; i < 16; i++) {
        const nst_conv_weights *conv = &weights->convs[i];
        size_t count = conv->in_channels * conv->out_channels * 9;
        double sum = 0, squares = 0, expected = 2.0 / (double)(conv->in_channels * 9);
        for (size_t k = 0; k < count; k++) {
            sum += (double)conv->weight[k];
            squares += (double)conv->weight[k] * (double)conv->weight[k];
        }
        /* five standard errors of mean and variance */
        assert_true(sum * sum / (double)count < 25 * expected);
        assert_true((squares / (double)count / expected - 1) * (squares / (double)count / expected - 1) * (double)count < 25 * 2);
        for (size_t k = 0; k < conv->out_channels; k++) assert_true(conv->bias[k] == 0);
    }
    nst_model_unref(model);
    nst_model_unref(same);
    nst_model_unref(other);
    assert_int_equal(nst_model_new_untrained(*state, 0, 1, &model), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_new_untrained(*state, 65, 1, &model), NST_ERR_INVALID_ARG);
    assert_null(model);
}

/* ---- arguments, readers, limits ---- */

typedef struct dribble {
    const blob *from;
    size_t at;
    int64_t fail_with;
} dribble;

static int64_t read_slowly(void *user, void *buffer, uint64_t count)
{
    dribble *d = user;
    size_t left = d->from->length - d->at, n = left < 7 ? left : 7;
    if (d->fail_with && d->at > 50) return d->fail_with;
    if (n > count) n = (size_t)count;
    memcpy(buffer, d->from->data + d->at, n);
    d->at += n;
    return (int64_t)n;
}

static void readers(void **state)
{
    blob file = read_seed("safetensors/plain");
    dribble d = {&file, 0, 0};
    nst_reader reader = {sizeof reader, 0, read_slowly, &d};
    nst_model *model;
    assert_int_equal(nst_model_load_reader(*state, &reader, &model), NST_OK);
    nst_model_unref(model);
    d = (dribble){&file, 0, -3};
    assert_int_equal(nst_model_load_reader(*state, &reader, &model), NST_ERR_IO);
    d = (dribble){&file, 0, INT64_MAX};
    assert_int_equal(nst_model_load_reader(*state, &reader, &model), NST_ERR_IO);
    reader.read = NULL;
    assert_int_equal(nst_model_load_reader(*state, &reader, &model), NST_ERR_INVALID_ARG);
    reader.size = 5;
    assert_int_equal(nst_model_load_reader(*state, &reader, &model), NST_ERR_STRUCT_SIZE);
    assert_int_equal(nst_model_load_reader(*state, NULL, &model), NST_ERR_INVALID_ARG);
    assert_null(model);
    blob_free(&file);
}

static void limits(void **state)
{
    blob file = read_seed("safetensors/plain");
    const char *path = in_folder("limit");
    nst_ctx_config config;
    nst_ctx *ctx;
    nst_model *model;
    dribble d = {&file, 0, 0};
    nst_reader reader = {sizeof reader, 0, read_slowly, &d};
    (void)state;
    NST_INIT(config);
    config.max_weights_size = file.length - 1;
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_OK);
    write_file(path, &file);
    assert_int_equal(nst_model_load_memory(ctx, file.data, file.length, &model), NST_ERR_LIMIT);
    assert_int_equal(nst_model_open(ctx, path, &model), NST_ERR_LIMIT);
    assert_int_equal(nst_model_load_reader(ctx, &reader, &model), NST_ERR_LIMIT);
    nst_ctx_unref(ctx);
    unlink(path);
    blob_free(&file);
}

static void arguments(void **state)
{
    nst_model *model = (nst_model *)state;
    nst_model_info info;
    NST_INIT(info);
    assert_int_equal(nst_model_open(NULL, NULL, &model), NST_ERR_INVALID_ARG);
    assert_null(model);
    assert_int_equal(nst_model_open(*state, NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_load_memory(*state, NULL, 5, &model), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_load_memory(NULL, "", 0, &model), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_get_info(NULL, &info), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_save(NULL, "x", 0, NULL, 0), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_model_layer_count(NULL), 0);
    assert_null(nst_model_layer_name(NULL, 0));
    assert_null(nst_model_get_metadata(NULL, "license"));
    assert_int_equal(nst_model_layer_channels(NULL, 0), 0);
    assert_null(nst_model_ref(NULL));
    nst_model_unref(NULL);
    assert_int_equal(nst_model_new_untrained(*state, 1, 1, &model), NST_OK);
    assert_null(nst_model_get_metadata(model, "license"));
    assert_null(nst_model_get_metadata(model, NULL));
    assert_ptr_equal(nst_model_ref(model), model);
    nst_model_unref(model);
    assert_int_equal(nst_model_get_info(model, NULL), NST_ERR_INVALID_ARG);
    info.size = 100;
    assert_int_equal(nst_model_get_info(model, &info), NST_ERR_STRUCT_SIZE);
    nst_model_unref(model);
}

/* ---- starving the writer and the untrained network ---- */

static void every_failed_allocation(void **state)
{
    failing_allocator memory = {0};
    nst_allocator hooks = failing_allocator_hooks(&memory);
    nst_ctx_config config;
    nst_ctx *ctx;
    nst_model *model, *other = NULL;
    const char *path = in_folder("starved");
    uint64_t live, k;
    (void)state;
    NST_INIT(config);
    config.threads = 1;
    config.allocator = &hooks;
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_OK);
    assert_int_equal(nst_model_new_untrained(ctx, 1, 1, &model), NST_OK);
    live = memory.live;
    for (k = 1;; k++) {
        int32_t status;
        failing_allocator_arm(&memory, k, false);
        status = nst_model_save(model, path, 0, NULL, 0);
        if (status >= 0) status = nst_model_open(ctx, path, &other);
        if (status >= 0) nst_model_unref(other);
        if (status >= 0) status = nst_model_new_untrained(ctx, 1, 1, &other);
        if (status >= 0) nst_model_unref(other);
        failing_allocator_disarm(&memory);
        unlink(path);
        assert_int_equal(memory.live, live);
        if (memory.failed == 0) {
            assert_int_equal(status, NST_OK);
            break;
        }
        assert_int_equal(status, NST_ERR_NOMEM);
    }
    assert_true(k > 60);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    assert_int_equal(memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_is_found, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(biases_are_found, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(other_tensors_are_ignored, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(input_convolutions_are_found, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(topologies_are_told_apart, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(wrong_networks_get_a_diagnosis, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(wrong_files_get_a_diagnosis, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(names_in_messages_are_printable, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(metadata_decides, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(metadata_settles_short_files, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(saved_models_come_back, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(unknown_preprocessing_can_be_said_when_saving, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(files_are_identified, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(untrained_filters_are_he_scaled, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(readers, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(limits, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(arguments, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(every_failed_allocation, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
