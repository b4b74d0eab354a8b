/* The network in the library, as a program gets it: by name, by default, and told in one line of the log. */
#define _DEFAULT_SOURCE /* setenv, mkdtemp */
#include "support.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct log_lines {
    int count;
    char last[512];
} log_lines;

static void keep_line(void *user, int32_t level, const char *message)
{
    log_lines *lines = user;
    assert_int_equal(level, NST_LOG_INFO);
    lines->count++;
    snprintf(lines->last, sizeof lines->last, "%s", message);
}

static char folder[] = "/tmp/nst-builtin-XXXXXX";

static int setup(void **state)
{
    static const char *const names[] = {"NST_WEIGHTS", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "TORCH_HOME",
                                        "KERAS_HOME"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
    return mkdtemp(folder) && setenv("HOME", folder, 1) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static nst_ctx *new_listening_ctx(log_lines *lines)
{
    nst_ctx_config config;
    nst_ctx *ctx = NULL;
    NST_INIT(config);
    config.threads = 1;
    config.log = keep_line;
    config.log_user = lines;
    config.log_level = NST_LOG_INFO;
    assert_ok(nst_ctx_new(&config, &ctx));
    return ctx;
}

static void expect_builtin(nst_ctx *ctx, const char *name)
{
    nst_model *model = NULL;
    nst_model_info info;
    NST_INIT(info);
    if (nst_model_open(ctx, name, &model) < 0) fail_msg("%s", nst_ctx_error(ctx));
    assert_ok(nst_model_get_info(model, &info));
    assert_string_equal(info.name, "builtin");
    assert_string_equal(info.source, "builtin");
    assert_string_equal(info.architecture, "vgg19");
    assert_string_equal(nst_model_get_metadata(model, "fingerprint"), info.fingerprint);
    nst_model_unref(model);
}

static void by_name_and_by_default(void **state)
{
    log_lines lines = {0};
    nst_ctx *ctx = new_listening_ctx(&lines);
    (void)state;
    expect_builtin(ctx, "builtin");
    assert_string_equal(lines.last, "weights: builtin");
    expect_builtin(ctx, NULL);
    assert_contains(lines.last, "weights: builtin, as no VGG-19 was found");
    setenv("NST_WEIGHTS", "builtin", 1);
    expect_builtin(ctx, NULL);
    assert_string_equal(lines.last, "weights: builtin");
    unsetenv("NST_WEIGHTS");
    assert_int_equal(lines.count, 3);
    nst_ctx_unref(ctx);
}

/* Where both are, the user's file; the line of the log names it and the other. */
static void a_vgg19_that_is_found_comes_first(void **state)
{
    char path[128];
    log_lines lines = {0};
    nst_ctx *ctx = new_listening_ctx(&lines);
    nst_model *model = NULL;
    nst_model_info info;
    (void)state;
    NST_INIT(info);
    snprintf(path, sizeof path, "%s/nst", folder);
    mkdir(path, 0777);
    setenv("XDG_DATA_HOME", folder, 1);
    snprintf(path, sizeof path, "%s/nst/vgg19.safetensors", folder);
    assert_ok(nst_model_new_untrained(ctx, 1, 1, &model));
    assert_ok(nst_model_save(model, path, 0, NULL, 0));
    nst_model_unref(model);
    assert_ok(nst_model_open(ctx, NULL, &model));
    assert_ok(nst_model_get_info(model, &info));
    assert_string_equal(info.source, path);
    assert_contains(lines.last, path);
    assert_contains(lines.last, "the first VGG-19 found; 'builtin' is");
    nst_model_unref(model);
    expect_builtin(ctx, "builtin");
    assert_int_equal(lines.count, 2);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    unsetenv("XDG_DATA_HOME");
    nst_ctx_unref(ctx);
}

/* In float32 the numbers are the same, and so is what is known about them. */
static void a_copy_in_float_is_the_same_network(void **state)
{
    static const char *const keys[] = {"license", "origin", "training", "teacher", "fingerprint", "name", "preprocessing", "padding"};
    char path[128];
    log_lines lines = {0};
    nst_ctx *ctx = new_listening_ctx(&lines);
    nst_model *model = NULL, *copy = NULL;
    (void)state;
    snprintf(path, sizeof path, "%s/copy", folder);
    assert_ok(nst_model_open(ctx, "builtin", &model));
    assert_ok(nst_model_save(model, path, 0, NULL, 0));
    assert_ok(nst_model_open(ctx, path, &copy));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_string_equal(nst_model_get_metadata(copy, keys[i]), nst_model_get_metadata(model, keys[i]));
    nst_model_unref(copy);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    unlink(path);
}

static void it_paints(void **state)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *content, *style;
    nst_targets *targets = NULL;
    nst_options *options = NULL;
    nst_session *session = NULL;
    nst_progress progress;
    (void)state;
    assert_ok(nst_ctx_new(NULL, &ctx));
    assert_ok(nst_model_open(ctx, "builtin", &model));
    content = new_picture(ctx, 48, 40, 3, 1);
    style = new_picture(ctx, 40, 48, 3, 2);
    assert_ok(nst_targets_new(model, content, &style, 1, &targets));
    assert_ok(nst_options_new(ctx, &options));
    assert_ok(nst_options_set_str(options, "size", "48"));
    assert_ok(nst_options_set_str(options, "iterations", "5"));
    assert_ok(nst_session_new(targets, options, NULL, &session));
    while (nst_session_step(session) == NST_CONTINUE) { }
    NST_INIT(progress);
    assert_ok(nst_session_get_progress(session, &progress));
    assert_true(progress.iteration > 0 && isfinite(progress.loss) && progress.loss >= 0);
    nst_session_free(session);
    nst_options_free(options);
    nst_targets_unref(targets);
    nst_image_unref(style);
    nst_image_unref(content);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name_and_by_default),
        cmocka_unit_test(a_vgg19_that_is_found_comes_first),
        cmocka_unit_test(a_copy_in_float_is_the_same_network),
        cmocka_unit_test(it_paints),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
