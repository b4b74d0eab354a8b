/* The option table and sets of values. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "nst/nst.h"

static int setup(void **state)
{
    nst_ctx *ctx;
    nst_options *options;
    if (nst_ctx_new(NULL, &ctx) < 0 || nst_options_new(ctx, &options) < 0) return -1;
    nst_ctx_unref(ctx);
    *state = options;
    return 0;
}

static int teardown(void **state)
{
    nst_options_free(*state);
    return 0;
}

static void every_default_is_valid_and_complete(void **state)
{
    for (uint32_t i = 0; i < nst_option_count(); i++) {
        nst_option_info info;
        NST_INIT(info);
        assert_int_equal(nst_option_info_by_index(i, &info), NST_OK);
        assert_non_null(info.key);
        assert_true(strlen(info.doc) > 10 && strlen(info.group) > 0);
        assert_int_equal(nst_options_set_str(*state, info.key, info.default_text), NST_OK);
        assert_string_equal(nst_options_get_str(*state, info.key), info.default_text);
    }
}

static void refusals_name_the_option_and_change_nothing(void **state)
{
    static const char *const bad[][2] = {
        {"alpha", "nan"}, {"alpha", "-1"}, {"alpha", "inf"}, {"alpha", ""}, {"alpha", "1x"}, {"iterations", "1.5"},
        {"iterations", "-1"}, {"size", "65536"}, {"pooling", "maximum"}, {"pooling", ""}, {"pooling-rescale", "maybe"},
        {"content-layers", ""}, {"content-layers", "relu4_2,"}, {"content-layers", ":1"}, {"content-layers", "relu4_2:x"},
        {"content-layers", "relu4_2:-1"}, {"content-layers", "relu\"4_2"}, {"style-weights", "1,,2"}, {"style-weights", "a"},
        {"style-weights", "1,0;"}, {"style-weights", ";1,0"}, {"style-weights", "1;;0"}, {"style-weights", ":1"}, {"style-weights", "/3:1"},
        {"style-weights", "/16:1"}, {"style-weights", "/:1"}, {"style-weights", "/02:1"}, {"style-weights", "/2/2:1"},
        {"style-weights", "1,/2:1"}, {"style-weights", "relu1_1:/2:1"}, {"style-weights", "relu1_1:"}, {"style-weights", "relu1_1:-1,2"},
        {"style-weights", "relu 1_1:1"}, {"style-weights", "conv1_1conv1_1conv1_1:1"}, {"content-layers", "relu1_1;relu2_1"},
        {"content-layers", "relu1_1/2"},
        {"size", "auto"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char before[128];
        strcpy(before, nst_options_get_str(*state, bad[i][0]));
        assert_int_equal(nst_options_set_str(*state, bad[i][0], bad[i][1]), NST_ERR_INVALID_ARG);
        assert_non_null(strstr(nst_options_error(*state), bad[i][0]));
        assert_string_equal(nst_options_get_str(*state, bad[i][0]), before);
    }
    assert_int_equal(nst_options_set_str(*state, "alfa", "1"), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_options_set_str(*state, NULL, "1"), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_options_set_str(*state, "alpha", NULL), NST_ERR_INVALID_ARG);
}

static void typed_access(void **state)
{
    int64_t whole;
    double number;
    assert_int_equal(nst_options_set_i64(*state, "iterations", 1000), NST_OK);
    assert_string_equal(nst_options_get_str(*state, "iterations"), "1000");
    assert_int_equal(nst_options_get_i64(*state, "iterations", &whole), NST_OK);
    assert_int_equal(whole, 1000);
    assert_int_equal(nst_options_set_f64(*state, "alpha", 0.1), NST_OK);
    assert_string_equal(nst_options_get_str(*state, "alpha"), "0.1");
    assert_int_equal(nst_options_get_f64(*state, "alpha", &number), NST_OK);
    assert_true(number == 0.1);
    assert_int_equal(nst_options_get_f64(*state, "beta", &number), NST_ERR_INVALID_ARG); /* auto */
    assert_int_equal(nst_options_set_str(*state, "pooling_rescale", "on"), NST_OK);
    assert_string_equal(nst_options_get_str(*state, "pooling-rescale"), "true");
    assert_int_equal(nst_options_set_str(*state, "pooling", "l2"), NST_OK);
    assert_int_equal(nst_options_get_i64(*state, "pooling", &whole), NST_OK);
    assert_int_equal(whole, 2);
    assert_int_equal(nst_options_set_i64(*state, "seed", INT64_MIN), NST_ERR_INVALID_ARG);
}

static void set_and_unset(void **state)
{
    assert_false(nst_options_is_set(*state, "alpha"));
    nst_options_set_str(*state, "alpha", "7");
    assert_true(nst_options_is_set(*state, "alpha"));
    nst_options_unset(*state, "alpha");
    assert_false(nst_options_is_set(*state, "alpha"));
    assert_string_equal(nst_options_get_str(*state, "alpha"), "auto");
}

static void json_round_trip(void **state)
{
    char text[4096];
    uint64_t length;
    nst_options *copy;
    nst_options_set_str(*state, "alpha", "0.25");
    nst_options_set_str(*state, "content-layers", "relu4_2:1,relu3_1:0.5");
    nst_options_set_str(*state, "style-weights", "1,0;relu1_1/4:0,1");
    assert_int_equal(nst_options_to_json(*state, 0, text, sizeof text, &length), NST_OK);
    assert_string_equal(text, "{\"alpha\": 0.25, \"content-layers\": \"relu4_2:1,relu3_1:0.5\", \"style-weights\": \"1,0;relu1_1/4:0,1\"}");
    assert_int_equal(length, strlen(text));
    assert_int_equal(nst_options_to_json(*state, 1, text, sizeof text, &length), NST_OK);
    assert_int_equal(nst_options_copy(*state, &copy), NST_OK);
    nst_options_set_str(copy, "alpha", "9");
    assert_int_equal(nst_options_from_json(copy, text, length), NST_OK);
    assert_string_equal(nst_options_get_str(copy, "alpha"), "0.25");
    assert_string_equal(nst_options_get_str(copy, "style-weights"), "1,0;relu1_1/4:0,1");
    assert_int_equal(nst_options_to_json(copy, 0, text, 10, &length), NST_OK);
    assert_int_equal(strlen(text), 9);
    nst_options_free(copy);
}

static void bad_json_changes_nothing(void **state)
{
    static const char *const bad[] = {"", "[1]", "{\"alpha\": 1, \"alfa\": 2}", "{\"alpha\": 1, \"beta\": []}", "{\"alpha\": 1",
                                      "{\"alpha\": 1, \"alpha\": 2}", "{\"alpha\": -1}", "{\"alpha\": 1} x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(nst_options_from_json(*state, bad[i], strlen(bad[i])), NST_ERR_PARAMS_FORMAT);
        assert_false(nst_options_is_set(*state, "alpha"));
    }
    assert_int_equal(nst_options_from_json(*state, "{\"nst:result\": {}, \"alpha\": 2}", 30), NST_OK);
    assert_string_equal(nst_options_get_str(*state, "alpha"), "2");
}

/* A host that has chosen a decimal comma must not change what we read and write. Skips where no such locale is installed. */
static void locale_does_not_matter(void **state)
{
    double number;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8")) skip();
    assert_int_equal(nst_options_set_str(*state, "alpha", "0.5"), NST_OK);
    assert_int_equal(nst_options_get_f64(*state, "alpha", &number), NST_OK);
    assert_true(number == 0.5);
    nst_options_set_f64(*state, "alpha", 0.25);
    assert_string_equal(nst_options_get_str(*state, "alpha"), "0.25");
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_default_is_valid_and_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_name_the_option_and_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(typed_access, setup, teardown),
        cmocka_unit_test_setup_teardown(set_and_unset, setup, teardown),
        cmocka_unit_test_setup_teardown(json_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_json_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(locale_does_not_matter, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
