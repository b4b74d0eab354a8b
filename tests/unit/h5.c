/* Keras .h5: files written by h5py, the rules of the reader, hostile headers. */
#include "weights_support.h"

static void files_of_h5py_load_bit_identically(void **state)
{
    static const char *const pairs[][2] = {{"h5/keras1", "safetensors/plain"}, {"h5/keras2_model", "safetensors/plain"},
                                           {"h5/double", "safetensors/plain"}, {"h5/half", "safetensors/f16"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char expected[72], got[72];
        blob file = read_seed(pairs[i][1]);
        fingerprint_of(*state, &file, expected);
        blob_free(&file);
        file = read_seed(pairs[i][0]);
        fingerprint_of(*state, &file, got);
        blob_free(&file);
        assert_string_equal(got, expected);
    }
}

static void other_layouts_are_named(void **state)
{
    static const char *const cases[][2] = {{"h5/latest", "newer file layout"}, {"h5/chunked", "chunked"}, {"h5/gzip", "chunked"},
                                           {"h5/big_endian", "big-endian"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        blob file = read_seed(cases[i][0]);
        expect_refusal(*state, &file, NST_ERR_UNSUPPORTED, cases[i][1]);
        assert_non_null(strstr(nst_ctx_error(*state), "in Python"));
        blob_free(&file);
    }
}

/* Changes of one number, found by what stands before it. */
static const struct {
    const char *mark;
    size_t mark_length, skip;
    uint64_t value;
    int size;
    const char *sentence;
} changes[] = {
    {"\x89HDF", 4, 13, 4, 1, "64 bits"},
    {"\x89HDF", 4, 24, 512, 8, "base address"},
    {"\x89HDF", 4, 40, 1 << 20, 8, "truncated: the file should have"},
    {"\x89HDF", 4, 64, 1 << 20, 8, "outside the file"},
    {"\x89HDF", 4, 64, UINT64_MAX - 7, 8, "outside the file"},
    {"\x89HDF", 4, 64, 0, 8, "object header"},
    {"TREE", 4, 0, 0, 4, "B-tree"},
    {"TREE", 4, 6, 0, 2, "layers are missing"},
    {"TREE", 4, 5, 1, 1, "B-tree"},
    {"TREE", 4, 32, 1 << 30, 8, "outside the file"},
    {"TREE", 4, 32, 0, 8, "symbol table"},
    {"HEAP", 4, 0, 0, 4, "heap"},
    {"HEAP", 4, 8, UINT64_MAX, 8, "heap"},
    {"HEAP", 4, 8, 8, 8, "outside its heap"},
    {"HEAP", 4, 24, UINT64_MAX, 8, "outside the file"},
    {"SNOD", 4, 0, 0, 4, "symbol table"},
    {"SNOD", 4, 4, 2, 1, "symbol table"},
    {"SNOD", 4, 6, 3, 2, "layers are missing"},
    {"SNOD", 4, 6, 65535, 2, "h5"},
    {"SNOD", 4, 8, 1 << 20, 8, "outside its heap"},
    {"SNOD", 4, 16, 1 << 20, 8, "outside the file"},
};

static void changed_numbers(void **state)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        blob file = read_seed("h5/keras1");
        size_t at = blob_find(&file, changes[i].mark, changes[i].mark_length, 0);
        int32_t status;
        blob_set_number(&file, at + changes[i].skip, changes[i].value, changes[i].size);
        status = load_status(*state, &file);
        if (status >= 0 || !strstr(nst_ctx_error(*state), changes[i].sentence))
            fail_msg("change %zu: %d \"%s\", expected \"%s\"", i, (int)status, nst_ctx_error(*state), changes[i].sentence);
        blob_free(&file);
    }
}

/* A tree whose child is itself, a group that contains itself, a header that continues in itself: the budget ends them. */
static void loops_end(void **state)
{
    blob file = read_seed("h5/keras1");
    size_t tree = blob_find(&file, "TREE", 4, 0), leaf = blob_find(&file, "SNOD", 4, 0);
    file.data[tree + 5] = 1;
    blob_set_number(&file, tree + 32, tree, 8);
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "too deep");
    blob_free(&file);
    file = read_seed("h5/keras1");
    blob_set_number(&file, leaf + 16, blob_number(&file, 64, 8), 8);
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "h5");
    blob_free(&file);
}

static void theano_kernels_are_named(void **state)
{
    blob file = read_seed("h5/keras1");
    size_t at = 0;
    unsigned char shape[32] = {3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
    /* dimensions, and largest dimensions, (3, 3, in, out) -> (out, in, 3, 3) in every kernel */
    for (int i = 0; i < 8; i++) {
        unsigned char dimensions[32];
        at = blob_find(&file, shape, 16, i ? at + 32 : 0);
        memcpy(dimensions, file.data + at, 32);
        memcpy(file.data + at, dimensions + 24, 8);
        memcpy(file.data + at + 8, dimensions + 16, 8);
        memcpy(file.data + at + 16, dimensions, 16);
    }
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "order of axes");
    blob_free(&file);
}

static void hostile_files(void **state)
{
    static const char *const names[] = {"h5/keras1", "h5/chunked"};
    blob file = read_seed("h5/keras1");
    refuses_every_truncation(*state, &file);
    survives_every_failed_allocation(&file);
    blob_free(&file);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        file = read_seed(names[i]);
        survives_every_flip(*state, &file, 0, file.length);
        blob_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_of_h5py_load_bit_identically, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(other_layouts_are_named, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(changed_numbers, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(loops_end, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(theano_kernels_are_named, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(hostile_files, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
