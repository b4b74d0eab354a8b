/* Where weights are looked for, and what a name opens. */
#define _DEFAULT_SOURCE /* mkdtemp, setenv */
#include "weights_folder.h"

#include <sys/stat.h>
#include <unistd.h>

typedef struct seen {
    char paths[64][300];
    int count, stop_after;
} seen;

static int32_t remember(void *user, const char *path, int32_t exists, uint64_t length)
{
    seen *s = user;
    assert_true(s->count < 64 && strlen(path) < 290);
    snprintf(s->paths[s->count++], sizeof s->paths[0], "%d %s", (int)exists * (int)length, path);
    return s->count == s->stop_after;
}

static int position_of(const seen *s, const char *text)
{
    for (int i = 0; i < s->count; i++)
        if (strstr(s->paths[i], text)) return i;
    return -1;
}

static void make_folders(const char *path)
{
    char part[600];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0777);
    }
}

static void clean_environment(void)
{
    static const char *const names[] = {"NST_WEIGHTS", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "TORCH_HOME",
                                        "KERAS_HOME"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
    setenv("HOME", folder, 1);
}

static void candidates_in_order(void **state)
{
    static const char *const order[] = {"/.local/share/nst/vgg19.safetensors",
                                        "/.local/share/nst/vgg19.pth",
                                        "/.cache/nst/vgg19.h5",
                                        "/usr/local/share/nst/vgg19.safetensors",
                                        "/usr/share/nst/vgg19.h5",
                                        "/.cache/huggingface/hub/models--timm--vgg19.tv_in1k/snapshots/0a1b2c/model.safetensors",
                                        "/.cache/torch/hub/checkpoints/vgg19-dcbb9e9d.pth",
                                        "/.torch/models/vgg19-dcbb9e9d.pth",
                                        "/.keras/models/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"};
    const char *reference = in_folder(".cache/huggingface/hub/models--timm--vgg19.tv_in1k/refs/main");
    blob commit = {NULL, 0};
    seen s = {.count = 0};
    int last = -1;
    clean_environment();
    make_folders(reference);
    blob_put(&commit, "0a1b2c\n", 7);
    write_file(reference, &commit);
    assert_int_equal(nst_weights_search(*state, "vgg19", remember, &s), NST_OK);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        int at = position_of(&s, order[i]);
        if (at <= last) fail_msg("%s is at %d", order[i], at);
        last = at;
    }
    blob_free(&commit);
    blob_put(&commit, "../../etc", 9); /* a commit that would lead elsewhere */
    write_file(reference, &commit);
    s.count = 0;
    assert_int_equal(nst_weights_search(*state, "vgg19", remember, &s), NST_OK);
    assert_int_equal(position_of(&s, "snapshots"), -1);
    blob_free(&commit);
    unlink(reference);
    s.count = 0, s.stop_after = 2;
    assert_int_equal(nst_weights_search(*state, "vgg16", remember, &s), NST_OK);
    assert_int_equal(s.count, 2);
    assert_int_equal(nst_weights_search(*state, "vgg16", NULL, NULL), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_weights_search(NULL, "vgg16", remember, &s), NST_ERR_INVALID_ARG);
}

static void environment_moves_the_folders(void **state)
{
    static const char *const pairs[][2] = {{"XDG_DATA_HOME", "/d1"}, {"XDG_CACHE_HOME", "/d2"}, {"TORCH_HOME", "/d3"},
                                           {"KERAS_HOME", "/d4"}};
    static const char *const expected[] = {"0 /d1/nst/vgg16.safetensors", "0 /d2/nst/vgg16.safetensors",
                                           "0 /d3/hub/checkpoints/vgg16-397923af.pth",
                                           "0 /d4/models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"};
    seen s = {.count = 0};
    clean_environment();
    for (size_t i = 0; i < 4; i++) setenv(pairs[i][0], pairs[i][1], 1);
    assert_int_equal(nst_weights_search(*state, "vgg16", remember, &s), NST_OK);
    for (size_t i = 0; i < 4; i++) assert_true(position_of(&s, expected[i]) >= 0);
    clean_environment();
    setenv("NST_WEIGHTS", "/some/file", 1);
    s.count = 0;
    assert_int_equal(nst_weights_search(*state, NULL, remember, &s), NST_OK);
    assert_string_equal(s.paths[0], "0 /some/file");
    s.count = 0;
    assert_int_equal(nst_weights_search(*state, "vgg19", remember, &s), NST_OK);
    assert_int_equal(position_of(&s, "/some/file"), -1);
    s.count = 0;
    assert_int_equal(nst_weights_search(*state, "a/file.pth", remember, &s), NST_OK);
    assert_int_equal(s.count, 1);
    clean_environment();
}

/* What is used when nobody says is the first candidate that exists. */
static void names_without_files_are_candidates(void **state)
{
    static const char *const names[] = {"builtin", "untrained"};
    seen s = {.count = 0}, vgg19 = {.count = 0};
    clean_environment();
    assert_int_equal(nst_weights_search(*state, NULL, remember, &s), NST_OK);
    assert_int_equal(nst_weights_search(*state, "vgg19", remember, &vgg19), NST_OK);
    assert_int_equal(s.count, vgg19.count + 1);
    assert_int_equal(position_of(&s, " builtin"), vgg19.count);
    assert_true(s.paths[vgg19.count][0] > '0'); /* its size */
    for (int i = 0; i < 2; i++) {
        s.count = 0;
        assert_int_equal(nst_weights_search(*state, names[i], remember, &s), NST_OK);
        assert_int_equal(s.count, 1);
        assert_non_null(strstr(s.paths[0], names[i]));
    }
    setenv("NST_WEIGHTS", "vgg16", 1); /* that or an error: nothing takes its place */
    s.count = 0;
    assert_int_equal(nst_weights_search(*state, NULL, remember, &s), NST_OK);
    assert_int_equal(position_of(&s, "builtin"), -1);
    clean_environment();
}

static void expect_name(nst_ctx *ctx, const char *name, const char *source)
{
    nst_model *model;
    nst_model_info info;
    NST_INIT(info);
    if (nst_model_open(ctx, name, &model) < 0) fail_msg("%s", nst_ctx_error(ctx));
    assert_int_equal(nst_model_get_info(model, &info), NST_OK);
    assert_non_null(strstr(info.source, source));
    nst_model_unref(model);
}

static void opening_by_name(void **state)
{
    nst_model *model;
    blob file = read_seed("safetensors/plain");
    const char *path = in_folder(".local/share/nst/vgg19.pth"); /* the ending says nothing */
    clean_environment();
    make_folders(path);
    expect_name(*state, NULL, "builtin");
    expect_name(*state, "builtin", "builtin");
    expect_name(*state, "untrained", "untrained");
    assert_int_equal(nst_model_open(*state, "vgg19", &model), NST_ERR_NOT_FOUND);
    assert_null(model);
    assert_non_null(strstr(nst_ctx_error(*state), "vgg19"));
    write_file(path, &file);
    expect_name(*state, NULL, ".local/share/nst/vgg19.pth");
    expect_name(*state, "vgg19", ".local/share/nst/vgg19.pth");
    expect_name(*state, path, ".local/share/nst/vgg19.pth");
    expect_name(*state, "builtin", "builtin");
    setenv("NST_WEIGHTS", "builtin", 1);
    expect_name(*state, NULL, "builtin");
    setenv("NST_WEIGHTS", "untrained", 1);
    expect_name(*state, NULL, "untrained");
    setenv("NST_WEIGHTS", "vgg19", 1);
    expect_name(*state, NULL, ".local/share/nst/vgg19.pth");
    setenv("NST_WEIGHTS", "/not/there", 1);
    assert_int_equal(nst_model_open(*state, NULL, &model), NST_ERR_NOT_FOUND);
    clean_environment();
    file.data[0] = '<'; /* what is found and bad is not passed over in silence */
    file.data[8] = '<';
    write_file(path, &file);
    assert_int_equal(nst_model_open(*state, NULL, &model), NST_ERR_WEIGHTS_FORMAT);
    unlink(path);
    assert_int_equal(nst_model_open(*state, folder, &model), NST_ERR_IO);
    assert_int_equal(nst_model_open(*state, "/dev/zero", &model), NST_ERR_IO);
    blob_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(candidates_in_order, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(environment_moves_the_folders, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(names_without_files_are_candidates, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(opening_by_name, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
