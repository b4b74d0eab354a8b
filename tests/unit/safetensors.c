/* safetensors: every rule of the format, ours included; the writer; hostile headers. */
#include "weights_support.h"

#include <math.h>

/* u64 length, header, `bytes` bytes of data 0, 1, 2, ... */
static blob make_file(const char *header, size_t bytes)
{
    blob out = {NULL, 0};
    blob_put_number(&out, strlen(header), 8);
    blob_put(&out, header, strlen(header));
    for (size_t i = 0; i < bytes; i++) blob_put_number(&out, i, 1);
    return out;
}

static int32_t list_blob(nst_ctx *ctx, const blob *file, nst_tensor_list *list, nst_error *error)
{
    nst_bytes bytes;
    nst_bytes_from_memory(&bytes, file->data, file->length);
    nst_tensor_list_init(list, ctx);
    return nst_container_safetensors.list(&bytes, list, error);
}

static const struct {
    const char *header;
    size_t bytes;
    const char *sentence; /* NULL: accepted */
} rules[] = {
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   \n\t ", 8, NULL},
    {"  \n{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},\"z\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":["
     "8,8]}}",
     8, NULL},
    {"{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[2,5]},\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,"
     "2]}}",
     5, NULL},
    {"{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{}", 0, "no tensor"},
    {"{\"__metadata__\":{}}", 0, "no tensor"},
    {"[]", 0, "not a JSON object"},
    {"\"a\"", 0, "not valid"},
    {"{\"a\":", 0, "not valid"},
    {"{\"\xff\xfe\":1}", 0, "not valid"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} x", 8, "not valid"},
    {"{\"a\":1}", 0, "exactly"},
    {"{\"a\":{}}", 0, "exactly"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 8, "exactly"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,"
     "8]}}",
     8, "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "duplicate"},
    {"{\"__metadata__\":{\"k\":1},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not a string"},
    {"{\"__metadata__\":[],\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not an object"},
    {"{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "F33"},
    {"{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "negative"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "8 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4194305,4194305,211106198978564],\"data_offsets\":[0,8]}}", 8, "too large"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "another number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,9223372036854775807],\"data_offsets\":[0,4]}}", 4, "too large"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "another number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "bad data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "exactly"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8e0]}}", 8, "bad data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.0,8]}}", 8, "bad data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[\"0\",8]}}", 8, "bad data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-0,8]}}", 8, "negative"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551616]}}", 8, "not valid"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "begins at byte 4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,"
     "8]}}",
     8, "begins at byte 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9,"
     "17]}}",
     17, "begins at byte 9"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "1 bytes too many"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "truncated"},
    {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "not valid"},
};

static void rules_of_the_format(void **state)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        blob file = make_file(rules[i].header, rules[i].bytes);
        nst_tensor_list list;
        nst_error error = {""};
        int32_t status = list_blob(*state, &file, &list, &error);
        nst_tensor_list_clear(&list);
        blob_free(&file);
        if (rules[i].sentence ? status != NST_ERR_WEIGHTS_FORMAT || !strstr(error.text, rules[i].sentence) : status != NST_OK)
            fail_msg("%s (%zu bytes): %d \"%s\"", rules[i].header, rules[i].bytes, (int)status, error.text);
    }
}

static void header_lengths(void **state)
{
    static const struct {
        uint64_t length;
        int32_t status;
    } cases[] = {{UINT64_MAX, NST_ERR_LIMIT}, {UINT64_C(1) << 63, NST_ERR_LIMIT}, {100000001, NST_ERR_LIMIT},
                 {(8 << 20) + 1, NST_ERR_LIMIT}, {8 << 20, NST_ERR_WEIGHTS_FORMAT}, {57, NST_ERR_WEIGHTS_FORMAT},
                 {0, NST_ERR_WEIGHTS_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        blob file = make_file("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
        nst_tensor_list list;
        nst_error error = {""};
        blob_set_number(&file, 0, cases[i].length, 8);
        assert_int_equal(list_blob(*state, &file, &list, &error), cases[i].status);
        assert_non_null(strstr(error.text, "header"));
        nst_tensor_list_clear(&list);
        blob_free(&file);
    }
}

static void entries_in_the_order_of_the_data(void **state)
{
    blob file = make_file("{\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]},"
                          "\"__metadata__\":{\"x\":\"y\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 12);
    nst_tensor_list list;
    assert_int_equal(list_blob(*state, &file, &list, NULL), NST_OK);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.entries[0].name, "a");
    assert_int_equal(list.entries[0].dtype, NST_DTYPE_BF16);
    assert_int_equal(list.entries[0].offset, file.length - 12);
    assert_int_equal(list.entries[1].offset, file.length - 8);
    assert_int_equal(list.entries[1].rank, 2);
    assert_int_equal(list.entries[1].shape[1], 2);
    assert_string_equal(nst_metadata_find(&list.metadata, "x"), "y");
    assert_null(nst_metadata_find(&list.metadata, "z"));
    assert_ptr_equal(nst_tensor_list_find(&list, "b"), &list.entries[1]);
    assert_null(nst_tensor_list_find(&list, "c"));
    nst_tensor_list_clear(&list);
    blob_free(&file);
}

/* Half a million metadata entries: all checked, memory bounded. */
static void much_metadata(void **state)
{
    blob header = {NULL, 0}, file = {NULL, 0};
    nst_tensor_list list;
    char text[64];
    header.data = malloc(12 << 20);
    header.length = (size_t)sprintf((char *)header.data, "{\"__metadata__\":{");
    for (int i = 0; i < 300000; i++) header.length += (size_t)sprintf((char *)header.data + header.length, "\"k%d\":\"v\",", i);
    snprintf(text, sizeof text, "\"z\":\"z\"},\"a\":{\"dtype\":\"U8\",\"shape\":[0],");
    blob_put(&header, text, strlen(text));
    snprintf(text, sizeof text, "\"data_offsets\":[0,0]}}");
    blob_put(&header, text, strlen(text));
    blob_put_number(&file, header.length, 8);
    blob_put(&file, header.data, header.length);
    assert_int_equal(list_blob(*state, &file, &list, NULL), NST_OK);
    assert_true(list.metadata.count <= 64);
    nst_tensor_list_clear(&list);
    blob_free(&header);
    blob_free(&file);
}

/* ---- values ---- */

static float reference_half(unsigned h)
{
    double sign = h & 0x8000 ? -1 : 1;
    int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    return (float)(sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24)));
}

/* One convolution wide enough to hold every finite value of a 16-bit format. */
static void every_half(void **state)
{
    static const char *const names[] = {"F16", "BF16"};
    for (int kind = 0; kind < 2; kind++) {
        enum { WIDTH = 2420 };
        char header[300];
        blob file = {NULL, 0};
        nst_weights weights;
        nst_bytes bytes;
        nst_error error;
        unsigned next = 0;
        uint32_t last_exponent = kind == 0 ? 0x7c00 : 0x7f80;
        snprintf(header, sizeof header,
                 "{\"w\":{\"dtype\":\"%s\",\"shape\":[%d,3,3,3],\"data_offsets\":[0,%d]},\"b\":{\"dtype\":\"%s\","
                 "\"shape\":[%d],\"data_offsets\":[%d,%d]}}",
                 names[kind], WIDTH, WIDTH * 54, names[kind], WIDTH, WIDTH * 54, WIDTH * 56);
        file = make_file(header, 0);
        for (int i = 0; i < WIDTH * 28; i++, next++) {
            while ((next & last_exponent) == last_exponent) next++;
            blob_put_number(&file, next, 2);
        }
        nst_bytes_from_memory(&bytes, file.data, file.length);
        if (nst_weights_read(*state, &bytes, "test", &weights, &error) < 0) fail_msg("%s", error.text);
        next = 0;
        for (int i = 0; i < WIDTH * 27; i++, next++) {
            float got = weights.convs[0].weight[i], expected;
            uint32_t bits;
            while ((next & last_exponent) == last_exponent) next++;
            bits = (next & 0xffff) << 16;
            if (kind == 0) expected = reference_half(next & 0xffff);
            else memcpy(&expected, &bits, 4);
            assert_memory_equal(&got, &expected, 4);
        }
        nst_weights_clear(&weights);
        blob_free(&file);
    }
}

static void non_finite_values_are_refused(void **state)
{
    static const uint32_t values[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        blob file = read_seed("safetensors/plain");
        size_t data = 8 + (size_t)blob_number(&file, 0, 8);
        blob_set_number(&file, data + 4 * 7, values[i], 4);
        expect_refusal(*state, &file, NST_ERR_NUMERIC, "features.0.weight");
        blob_free(&file);
    }
    {
        blob file = read_seed("safetensors/f64"); /* too large for float */
        double huge = 1e39;
        memcpy(file.data + file.length - 8, &huge, 8);
        expect_refusal(*state, &file, NST_ERR_NUMERIC, "features.7.bias");
        blob_free(&file);
    }
}

/* ---- writing ---- */

static int32_t write_blob(void *user, const void *data, uint64_t count)
{
    blob_put(user, data, (size_t)count);
    return 0;
}

static int32_t write_never(void *user, const void *data, uint64_t count)
{
    (void)user, (void)data, (void)count;
    return 5;
}

static void what_is_written_reads_back(void **state)
{
    static const float one[6] = {1, 2, 3, 4, 5, -6};
    static const double two[2] = {0.1, 1e300};
    char longer[3000];
    const char *metadata[][2] = {{"plain", "text"}, {"odd \"key\"\n\\", "tab\t quote\" \xc3\xa9"}, {"long", longer}};
    nst_tensor_data tensors[] = {{"first", "F32", 2, {2, 3}, one, sizeof one}, {"sec\"ond", "F64", 1, {2}, two, sizeof two},
                                 {"empty", "U8", 1, {0}, NULL, 0}, {"scalar", "F32", 0, {0}, one, 4}};
    blob file = {NULL, 0};
    nst_writer writer = {sizeof writer, 0, write_blob, &file};
    nst_tensor_list list;
    nst_bytes bytes;
    char *value;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(nst_safetensors_write(*state, &writer, tensors, 4, (const char *const(*)[2])metadata, 3, NULL), NST_OK);
    assert_int_equal((8 + blob_number(&file, 0, 8)) % 64, 0);
    assert_int_equal(list_blob(*state, &file, &list, NULL), NST_OK);
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < 4; i++) {
        const nst_tensor_entry *entry = nst_tensor_list_find(&list, tensors[i].name);
        assert_non_null(entry);
        assert_int_equal(entry->bytes, tensors[i].bytes);
        assert_int_equal(entry->rank, tensors[i].rank);
        assert_memory_equal(file.data + entry->offset, tensors[i].bytes ? tensors[i].data : one, tensors[i].bytes);
    }
    nst_tensor_list_clear(&list);
    nst_bytes_from_memory(&bytes, file.data, file.length);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nst_safetensors_metadata(*state, &bytes, metadata[i][0], &value, NULL), NST_OK);
        assert_string_equal(value, metadata[i][1]);
        nst_free(&((nst_ctx *)*state)->memory, value);
    }
    assert_int_equal(nst_safetensors_metadata(*state, &bytes, "missing", &value, NULL), NST_OK);
    assert_null(value);
    blob_free(&file);
    writer.write = write_never;
    assert_int_equal(nst_safetensors_write(*state, &writer, tensors, 4, NULL, 0, NULL), NST_ERR_IO);
}

static void hostile_files(void **state)
{
    blob file = read_seed("safetensors/ours");
    size_t header = 8 + (size_t)blob_number(&file, 0, 8);
    refuses_every_truncation(*state, &file);
    survives_every_flip(*state, &file, 0, header);
    survives_every_failed_allocation(&file);
    blob_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_of_the_format, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(header_lengths, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(entries_in_the_order_of_the_data, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(much_metadata, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(every_half, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(non_finite_values_are_refused, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(what_is_written_reads_back, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(hostile_files, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
