/* The network that is compiled in: its numbers are those it was packed with, and it has what docs/weights.md promises. */
#include "weights_support.h"

#include "weights/builtin.h"
#include "weights/identity.h"
#include "weights/model.h"

static nst_model *open_builtin(nst_ctx *ctx)
{
    nst_model *model = NULL;
    if (nst_model_open(ctx, "builtin", &model) < 0) fail_msg("%s", nst_ctx_error(ctx));
    return model;
}

/* Opening believes the fingerprint in the file; here it is computed. */
static void the_fingerprint_is_that_of_the_numbers(void **state)
{
    nst_model *model = open_builtin(*state);
    nst_model_info info;
    nst_weights *weights = &model->weights;
    NST_INIT(info);
    assert_int_equal(nst_model_get_info(model, &info), NST_OK);
    assert_string_equal(nst_model_get_metadata(model, "fingerprint"), info.fingerprint);
    memset(weights->fingerprint, 0, sizeof weights->fingerprint);
    nst_weights_make_fingerprint(weights);
    assert_string_equal(weights->fingerprint, info.fingerprint);
    nst_model_unref(model);
}

/* As a file from elsewhere it is checked in full, and has the same numbers. */
static void the_same_bytes_load_as_any_file(void **state)
{
    blob file = {NULL, 0};
    char fingerprint[72];
    nst_model *model = open_builtin(*state);
    blob_put(&file, nst_builtin_file, nst_builtin_length);
    fingerprint_of(*state, &file, fingerprint);
    assert_string_equal(fingerprint, model->weights.fingerprint);
    file.data[file.length - 100] ^= 1;
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "damaged");
    blob_free(&file);
    nst_model_unref(model);
}

static void it_is_a_small_vgg19(void **state)
{
    nst_model *model = open_builtin(*state);
    const nst_weights *weights = &model->weights;
    assert_true(nst_builtin_length < 3000000);
    assert_false(weights->vgg16);
    assert_string_equal(weights->name, "builtin");
    assert_int_equal(weights->conv_count, 13);
    assert_string_equal(model->layers[model->layer_count - 1].name, "relu5_1");
    assert_int_equal(weights->preprocessing, NST_PREPROCESSING_TORCH);
    nst_model_unref(model);
}

static void it_tells_where_it_comes_from(void **state)
{
    static const char *const keys[] = {"license", "origin", "training", "teacher", "padding"};
    nst_model *model = open_builtin(*state);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = nst_model_get_metadata(model, keys[i]);
        if (!text || !*text) fail_msg("no %s", keys[i]);
    }
    nst_model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_fingerprint_is_that_of_the_numbers, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(the_same_bytes_load_as_any_file, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(it_is_a_small_vgg19, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(it_tells_where_it_comes_from, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
