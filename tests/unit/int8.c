/* Kernels of 8-bit integers with one scale per output channel: their numbers, where the scales may lie, and what is refused. */
#include "weights_support.h"

#include <math.h>

/* Two convolutions, 3 -> 2 -> 2 channels. Each tensor is a name, a dtype, a shape as it stands in JSON, and its size in bytes. */
typedef struct tensor {
    const char *name, *dtype, *shape;
    size_t bytes;
} tensor;

enum { COUNT = 6, FIRST = 2 * 3 * 9, SECOND = 2 * 2 * 9 };

static const tensor usual[COUNT] = {{"a.weight", "I8", "2,3,3,3", FIRST},  {"a.scale", "F32", "2", 8}, {"a.bias", "F32", "2", 8},
                                    {"b.weight", "I8", "2,2,3,3", SECOND}, {"b.scale", "F32", "2", 8}, {"b.bias", "F32", "2", 8}};

/* Bytes of integers count on from -128 by 5s; floats are 1/64, 2/64, 3/64 ... through the whole file. */
static void put_values(blob *to, const tensor *t, unsigned *integer, unsigned *number)
{
    if (strcmp(t->dtype, "F32") != 0)
        for (size_t i = 0; i < t->bytes; i++) blob_put_number(to, (unsigned char)(0x80 + 5 * (*integer)++), 1);
    else
        for (size_t i = 0; i < t->bytes / 4; i++) blob_put(to, &(float){(float)++*number / 64}, 4);
}

static blob make(const tensor *tensors, size_t count)
{
    char header[2048] = "{";
    size_t used = 1, at = 0;
    unsigned integer = 0, number = 0;
    blob out = {NULL, 0};
    for (size_t i = 0; i < count; at += tensors[i++].bytes)
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", i ? "," : "",
                                 tensors[i].name, tensors[i].dtype, tensors[i].shape, at, at + tensors[i].bytes);
    header[used++] = '}';
    blob_put_number(&out, used, 8);
    blob_put(&out, header, used);
    for (size_t i = 0; i < count; i++) put_values(&out, &tensors[i], &integer, &number);
    return out;
}

/* The numbers of make(): integer i of the file times the scale of its channel; scales and biases are 1, 2 and 3, 4, then 5 ... */
static void expect_values(const nst_weights *weights)
{
    for (int conv = 0; conv < 2; conv++) {
        size_t count = conv ? SECOND : FIRST, before = conv ? FIRST : 0;
        const nst_conv_weights *got = &weights->convs[conv];
        for (size_t i = 0; i < count; i++) {
            int integer = (int)((0x80 + 5 * (before + i)) & 0xff);
            float scale = (float)(4 * conv + 1 + (int)(i / (count / 2))) / 64;
            if (integer > 127) integer -= 256;
            assert_true(got->weight[i] == (float)integer * scale);
        }
        for (int o = 0; o < 2; o++) assert_true(got->bias[o] == (float)(4 * conv + 3 + o) / 64);
    }
}

static void expect_the_usual(nst_ctx *ctx, const tensor *tensors)
{
    blob file = make(tensors, COUNT);
    nst_weights weights;
    read_weights(ctx, &file, &weights);
    expect_values(&weights);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static void integers_are_multiplied_with_their_scales(void **state)
{
    expect_the_usual(*state, usual);
}

static void scales_have_any_shape_of_one_value_per_channel(void **state)
{
    static const char *const shapes[] = {"2,1,1,1", "2,1", "2,1,1"};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        tensor tensors[COUNT];
        memcpy(tensors, usual, sizeof usual);
        tensors[1].shape = tensors[4].shape = shapes[i];
        expect_the_usual(*state, tensors);
    }
}

/* Names tell a scale from a bias; which of them stands first does not. */
static void scales_go_by_their_names(void **state)
{
    static const char *const names[][6] = {
        {"a.weight", "a.weight_scale", "a.bias", "b.weight", "b.weight_scale", "b.bias"},
        {"conv1_1_W", "conv1_1_W_scale", "conv1_1_b", "conv1_2_W", "conv1_2_W_scale", "conv1_2_b"},
        {"w0", "w0_scale", "b0", "w1", "w1_scale", "b1"},
        {"block/kernel", "block/scale", "block/bias", "chunk/kernel", "chunk/scale", "chunk/bias"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tensor tensors[COUNT];
        memcpy(tensors, usual, sizeof usual);
        for (int j = 0; j < COUNT; j++) tensors[j].name = names[i][j];
        expect_the_usual(*state, tensors);
    }
}

static void a_bias_may_stand_before_the_scale(void **state)
{
    tensor tensors[COUNT];
    blob file;
    nst_weights weights;
    memcpy(tensors, usual, sizeof usual);
    tensors[1] = usual[2];
    tensors[2] = usual[1];
    file = make(tensors, COUNT);
    read_weights(*state, &file, &weights);
    assert_true(weights.convs[0].bias[0] == 1.0f / 64 && weights.convs[0].bias[1] == 2.0f / 64);
    assert_true(weights.convs[0].weight[0] == -128 * 3.0f / 64);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static void kinds_of_numbers_may_be_mixed(void **state)
{
    tensor tensors[COUNT];
    blob file;
    nst_weights weights;
    memcpy(tensors, usual, sizeof usual);
    tensors[3] = (tensor){"b.weight", "F32", "2,2,3,3", 4 * SECOND}; /* its scale is nobody's business then */
    tensors[4] = (tensor){"b.other", "F32", "3", 12};
    file = make(tensors, COUNT);
    read_weights(*state, &file, &weights);
    assert_true(weights.convs[1].weight[0] == 5.0f / 64);
    assert_true(weights.convs[0].weight[0] == -128 * 1.0f / 64);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static const struct {
    size_t index;
    tensor instead;
    int32_t status;
    const char *sentence;
} wrong[] = {
    {1, {"c.scale", "F32", "2", 8}, NST_ERR_WEIGHTS_FORMAT, "'a.weight' holds 8-bit integers, but there is no 'a.scale' of 2 values"},
    {1, {"a.scale", "F32", "3", 12}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value for each of the 2 output channels"},
    {1, {"a.scale", "F32", "1", 4}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value"},
    {1, {"a.scale", "F32", "", 4}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value"},
    {1, {"a.scale", "F32", "0", 0}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value"},
    {1, {"a.scale", "F32", "2,2", 16}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value"},
    {1, {"a.scale", "F32", "1,2", 8}, NST_ERR_WEIGHTS_FORMAT, "'a.scale' must have one value"},
    {1, {"a.scale", "I8", "2", 2}, NST_ERR_UNSUPPORTED, "'a.scale' holds neither float32"},
    {1, {"a.scale", "F8_E8M0", "2", 2}, NST_ERR_UNSUPPORTED, "'a.scale' holds neither float32"},
    {2, {"a.bias", "I8", "2", 2}, NST_ERR_UNSUPPORTED, "'a.weight' or its bias"},
    {2, {"c.bias", "F32", "2", 8}, NST_ERR_WEIGHTS_FORMAT, "'c.bias' has no weight"},
    {0, {"a.weight", "I8", "4611686018427387904,4611686018427387904,3,3", FIRST}, NST_ERR_WEIGHTS_FORMAT, "too large shape"},
    {0, {"a.weight", "I8", "341606371735362066,3,3,3", FIRST}, NST_ERR_WEIGHTS_FORMAT, "another number"},
    {0, {"a.weight", "I8", "2,3,3,3", FIRST - 1}, NST_ERR_WEIGHTS_FORMAT, "another number"},
    {1, {"a.scale", "F32", "4611686018427387904", 8}, NST_ERR_WEIGHTS_FORMAT, "another number"},
    {0, {"a.weight", "U8", "2,3,3,3", FIRST}, NST_ERR_UNSUPPORTED, "'a.weight' or its bias"},
};

static void wrong_files_get_a_diagnosis(void **state)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tensor tensors[COUNT];
        blob file;
        memcpy(tensors, usual, sizeof usual);
        tensors[wrong[i].index] = wrong[i].instead;
        file = make(tensors, COUNT);
        expect_refusal(*state, &file, wrong[i].status, wrong[i].sentence);
        blob_free(&file);
    }
}

/* A scale that is no number, and one that makes numbers too large for float. */
static void products_must_be_finite(void **state)
{
    static const float values[] = {NAN, INFINITY, 3e38f};
    static const char *const says[] = {"'a.scale' holds NaN or infinity", "'a.scale' holds NaN or infinity",
                                       "'a.weight' times its scale is not finite"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        blob file = make(usual, COUNT);
        size_t data = 8 + (size_t)blob_number(&file, 0, 8);
        memcpy(file.data + data + FIRST, &values[i], sizeof values[i]);
        expect_refusal(*state, &file, NST_ERR_NUMERIC, says[i]);
        blob_free(&file);
    }
}

/* A shape with more channels than any network, whose bytes are all there. */
static void too_many_channels(void **state)
{
    static const tensor wide[] = {{"a.weight", "I8", "5000,3,3,3", 5000 * 27},
                                  {"a.scale", "F32", "5000", 20000},
                                  {"a.bias", "F32", "5000", 20000}};
    blob file = make(wide, 3);
    expect_refusal(*state, &file, NST_ERR_LIMIT, "5000 channels");
    blob_free(&file);
}

static void hostile_files(void **state)
{
    blob file = read_seed("safetensors/int8");
    refuses_every_truncation(*state, &file);
    survives_every_flip(*state, &file, 0, file.length);
    survives_every_failed_allocation(&file);
    blob_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_are_multiplied_with_their_scales, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(scales_have_any_shape_of_one_value_per_channel, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(scales_go_by_their_names, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(a_bias_may_stand_before_the_scale, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(kinds_of_numbers_may_be_mixed, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(wrong_files_get_a_diagnosis, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(products_must_be_finite, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(too_many_channels, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(hostile_files, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
