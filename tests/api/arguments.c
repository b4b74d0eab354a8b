/* Every pointer of every call NULL, one at a time, and structs of wrong sizes: an error code, no crash, *out NULL. */
#include <math.h>

#include "support.h"

static void *anything; /* what a handle is before the call that must overwrite it with NULL */

#define assert_invalid(call) assert_int_equal((call), NST_ERR_INVALID_ARG)
#define assert_invalid_out(out, call)                    \
    do {                                                 \
        (out) = anything;                                \
        assert_int_equal((call), NST_ERR_INVALID_ARG);   \
        assert_null(out);                                \
    } while (0)

static void nothing_may_be_freed(void **state)
{
    (void)state;
    nst_ctx_unref(NULL);
    nst_model_unref(NULL);
    nst_image_unref(NULL);
    nst_targets_unref(NULL);
    nst_options_free(NULL);
    nst_session_free(NULL);
    nst_session_cancel(NULL);
    assert_null(nst_ctx_ref(NULL));
    assert_null(nst_model_ref(NULL));
    assert_null(nst_image_ref(NULL));
    assert_null(nst_targets_ref(NULL));
}

static void questions_about_nothing(void **state)
{
    char text[4] = "abc";
    (void)state;
    assert_string_equal(nst_ctx_error(NULL), "");
    assert_int_equal(nst_ctx_error_copy(NULL, text, sizeof text), 0);
    assert_int_equal(nst_ctx_threads(NULL), 0);
    assert_string_equal(nst_ctx_cpu_level(NULL), "");
    assert_int_equal(nst_ctx_memory_used(NULL), 0);
    assert_int_equal(nst_ctx_memory_peak(NULL), 0);
    assert_int_equal(nst_model_layer_count(NULL), 0);
    assert_null(nst_model_layer_name(NULL, 0));
    assert_int_equal(nst_model_layer_channels(NULL, 0), 0);
    assert_null(nst_image_get_text(NULL, "nst:a"));
    assert_string_equal(nst_options_error(NULL), "");
    assert_null(nst_options_get_str(NULL, "alpha"));
    assert_int_equal(nst_options_is_set(NULL, "alpha"), 0);
    assert_string_equal(nst_session_error(NULL), "");
    assert_null(nst_session_get_option(NULL, "alpha"));
    assert_int_equal(nst_session_callback_result(NULL), 0);
    assert_non_null(nst_strerror(12345));
    assert_null(nst_status_name(12345));
    for (int32_t status = -99; status <= 1; status++) assert_true(nst_strerror(status)[0] != '\0');
}

static void contexts(void **state)
{
    world *w = *state;
    nst_ctx *ctx = NULL;
    nst_ctx_config config;
    nst_allocator allocator;
    char text[200];
    NST_INIT(config);
    NST_INIT(allocator);
    assert_invalid(nst_ctx_new(NULL, NULL));
    config.size = 8;
    ctx = anything;
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_ERR_STRUCT_SIZE);
    assert_null(ctx);
    NST_INIT(config);
    config.threads = -1;
    assert_invalid_out(ctx, nst_ctx_new(&config, &ctx));
    NST_INIT(config);
    config.log_level = -1;
    assert_invalid_out(ctx, nst_ctx_new(&config, &ctx));
    NST_INIT(config);
    config.allocator = &allocator; /* without functions */
    assert_invalid_out(ctx, nst_ctx_new(&config, &ctx));
    allocator.size = 4;
    assert_int_equal(nst_ctx_new(&config, &ctx), NST_ERR_STRUCT_SIZE);
    assert_string_equal(nst_ctx_error(w->ctx), "");
    assert_int_equal(nst_model_new_untrained(w->ctx, 0, 0, &(nst_model *){NULL}), NST_ERR_INVALID_ARG);
    assert_int_equal(nst_ctx_error_copy(w->ctx, text, sizeof text), strlen(nst_ctx_error(w->ctx)));
    assert_string_equal(text, nst_ctx_error(w->ctx));
    assert_int_equal(nst_ctx_error_copy(w->ctx, text, 0), strlen(nst_ctx_error(w->ctx)));
}

static int64_t read_nothing(void *user, void *buffer, uint64_t count)
{
    (void)user;
    (void)buffer;
    (void)count;
    return 0;
}

static int32_t write_nothing(void *user, const void *data, uint64_t count)
{
    (void)user;
    (void)data;
    (void)count;
    return 0;
}

static void images(void **state)
{
    world *w = *state;
    nst_image *image = NULL;
    nst_image_desc desc;
    nst_save_params params;
    nst_reader reader = {sizeof reader, 0, read_nothing, NULL}, empty_reader = {sizeof reader, 0, NULL, NULL};
    nst_reader short_reader = {8, 0, read_nothing, NULL};
    nst_writer writer = {sizeof writer, 0, write_nothing, NULL}, empty_writer = {sizeof writer, 0, NULL, NULL};
    unsigned char samples[16] = {0};
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = desc.height = 2;
    desc.channels = 3;
    assert_invalid_out(image, nst_image_new(NULL, &desc, samples, &image));
    assert_invalid_out(image, nst_image_new(w->ctx, NULL, samples, &image));
    assert_invalid_out(image, nst_image_new(w->ctx, &desc, NULL, &image));
    assert_invalid(nst_image_new(w->ctx, &desc, samples, NULL));
    for (uint32_t i = 0; i < 5; i++) {
        nst_image_desc bad = desc;
        if (i == 0) bad.width = 0;
        if (i == 1) bad.height = 0;
        if (i == 2) bad.channels = 5;
        if (i == 3) bad.format = 4;
        if (i == 4) bad.stride = 5;
        assert_invalid_out(image, nst_image_new(w->ctx, &bad, samples, &image));
    }
    desc.size = 12;
    assert_int_equal(nst_image_new(w->ctx, &desc, samples, &image), NST_ERR_STRUCT_SIZE);
    desc.size = sizeof desc;
    assert_invalid_out(image, nst_image_load(NULL, "x", &image));
    assert_invalid_out(image, nst_image_load(w->ctx, NULL, &image));
    assert_invalid(nst_image_load(w->ctx, "x", NULL));
    assert_invalid_out(image, nst_image_load_memory(NULL, samples, 4, &image));
    assert_invalid_out(image, nst_image_load_memory(w->ctx, NULL, 4, &image));
    assert_invalid(nst_image_load_memory(w->ctx, samples, 4, NULL));
    assert_invalid_out(image, nst_image_load_reader(NULL, &reader, &image));
    assert_invalid_out(image, nst_image_load_reader(w->ctx, NULL, &image));
    assert_invalid_out(image, nst_image_load_reader(w->ctx, &empty_reader, &image));
    assert_int_equal(nst_image_load_reader(w->ctx, &short_reader, &image), NST_ERR_STRUCT_SIZE);
    assert_invalid(nst_image_load_reader(w->ctx, &reader, NULL));
    assert_invalid(nst_image_get_desc(NULL, &desc));
    assert_invalid(nst_image_get_desc(w->content, NULL));
    assert_invalid(nst_image_read(NULL, &desc, samples, sizeof samples));
    assert_invalid(nst_image_read(w->content, NULL, samples, sizeof samples));
    assert_invalid(nst_image_read(w->content, &desc, NULL, 0));
    assert_invalid(nst_image_read(w->content, &desc, samples, sizeof samples)); /* another size */
    assert_invalid_out(image, nst_image_resize(NULL, 2, 2, &image));
    assert_invalid_out(image, nst_image_resize(w->content, 0, 2, &image));
    assert_invalid(nst_image_resize(w->content, 2, 2, NULL));
    assert_invalid_out(image, nst_image_guided_filter(NULL, w->content, 2, 0.1, &image));
    assert_invalid_out(image, nst_image_guided_filter(w->content, NULL, 2, 0.1, &image));
    assert_invalid_out(image, nst_image_guided_filter(w->content, w->content, 2, 0, &image));
    assert_invalid_out(image, nst_image_guided_filter(w->content, w->content, 2, (double)NAN, &image));
    assert_invalid_out(image, nst_image_guided_filter(w->content, w->style, 2, 0.1, &image));
    assert_invalid(nst_image_guided_filter(w->content, w->content, 2, 0.1, NULL));
    assert_invalid_out(image, nst_image_screened_poisson(NULL, w->content, 1, 1, &image));
    assert_invalid_out(image, nst_image_screened_poisson(w->content, NULL, 1, 1, &image));
    assert_invalid_out(image, nst_image_screened_poisson(w->content, w->content, -1, 1, &image));
    assert_invalid_out(image, nst_image_screened_poisson(w->content, w->content, 1, 1001, &image));
    assert_invalid_out(image, nst_image_screened_poisson(w->content, w->content, 1, (double)NAN, &image));
    assert_invalid_out(image, nst_image_screened_poisson(w->content, w->style, 1, 1, &image));
    assert_invalid(nst_image_screened_poisson(w->content, w->content, 1, 1, NULL));
    assert_invalid_out(image, nst_image_with_text(NULL, "a", "b", &image));
    assert_invalid_out(image, nst_image_with_text(w->content, NULL, "b", &image));
    assert_invalid_out(image, nst_image_with_text(w->content, "a", NULL, &image));
    assert_invalid(nst_image_with_text(w->content, "a", "b", NULL));
    assert_null(nst_image_get_text(w->content, NULL));
    assert_invalid(nst_image_save(NULL, "/tmp/x.png", NULL));
    assert_invalid(nst_image_save(w->content, NULL, NULL));
    assert_invalid(nst_image_save_writer(NULL, &writer, NULL));
    assert_invalid(nst_image_save_writer(w->content, NULL, NULL));
    assert_invalid(nst_image_save_writer(w->content, &empty_writer, NULL));
    NST_INIT(params);
    params.bits = 7;
    assert_invalid(nst_image_save_writer(w->content, &writer, &params));
    params.size = 3;
    assert_int_equal(nst_image_save_writer(w->content, &writer, &params), NST_ERR_STRUCT_SIZE);
}

static int32_t no_path(void *user, const char *path, int32_t exists, uint64_t length)
{
    (void)user;
    (void)path;
    (void)exists;
    (void)length;
    return 0;
}

static void models(void **state)
{
    world *w = *state;
    nst_model *model = NULL;
    nst_model_info info;
    nst_weights_identity identity;
    nst_reader reader = {sizeof reader, 0, read_nothing, NULL}, empty_reader = {sizeof reader, 0, NULL, NULL};
    NST_INIT(info);
    NST_INIT(identity);
    assert_invalid_out(model, nst_model_open(NULL, "untrained", &model));
    assert_invalid(nst_model_open(w->ctx, "untrained", NULL));
    assert_invalid_out(model, nst_model_load_memory(NULL, "abc", 3, &model));
    assert_invalid_out(model, nst_model_load_memory(w->ctx, NULL, 3, &model));
    assert_invalid(nst_model_load_memory(w->ctx, "abc", 3, NULL));
    assert_invalid_out(model, nst_model_load_reader(NULL, &reader, &model));
    assert_invalid_out(model, nst_model_load_reader(w->ctx, NULL, &model));
    assert_invalid_out(model, nst_model_load_reader(w->ctx, &empty_reader, &model));
    assert_invalid(nst_model_load_reader(w->ctx, &reader, NULL));
    assert_invalid_out(model, nst_model_new_untrained(NULL, 1, 1, &model));
    assert_invalid_out(model, nst_model_new_untrained(w->ctx, 0, 1, &model));
    assert_invalid_out(model, nst_model_new_untrained(w->ctx, 65, 1, &model));
    assert_invalid(nst_model_new_untrained(w->ctx, 1, 1, NULL));
    assert_invalid(nst_model_get_info(NULL, &info));
    assert_invalid(nst_model_get_info(w->model, NULL));
    info.size = 20;
    assert_int_equal(nst_model_get_info(w->model, &info), NST_ERR_STRUCT_SIZE);
    assert_null(nst_model_layer_name(w->model, 1000));
    assert_int_equal(nst_model_layer_channels(w->model, 1000), 0);
    assert_invalid(nst_model_save(NULL, "/tmp/x", 0, NULL, 0));
    assert_invalid(nst_model_save(w->model, NULL, 0, NULL, 0));
    assert_invalid(nst_model_save(w->model, "/tmp/x", 9, NULL, 0));
    assert_invalid(nst_weights_search(NULL, NULL, no_path, NULL));
    assert_invalid(nst_weights_search(w->ctx, NULL, NULL, NULL));
    assert_invalid(nst_weights_identify(NULL, "/tmp/x", &identity));
    assert_invalid(nst_weights_identify(w->ctx, NULL, &identity));
    assert_invalid(nst_weights_identify(w->ctx, "/proc/self/exe", NULL));
}

static void options(void **state)
{
    world *w = *state;
    nst_options *set_of = new_options(w->ctx, NULL), *copy = NULL;
    nst_option_info info;
    int64_t whole;
    double number;
    uint64_t length;
    char buffer[8];
    NST_INIT(info);
    assert_invalid(nst_option_info_by_index(0, NULL));
    assert_int_equal(nst_option_info_by_index(nst_option_count(), &info), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_option_info_by_key(NULL, &info), NST_ERR_NOT_FOUND);
    assert_invalid(nst_option_info_by_key("alpha", NULL));
    info.size = 7;
    assert_int_equal(nst_option_info_by_index(0, &info), NST_ERR_STRUCT_SIZE);
    assert_invalid_out(copy, nst_options_new(NULL, &copy));
    assert_invalid(nst_options_new(w->ctx, NULL));
    assert_invalid_out(copy, nst_options_copy(NULL, &copy));
    assert_invalid(nst_options_copy(set_of, NULL));
    assert_invalid(nst_options_set_str(NULL, "alpha", "1"));
    assert_int_equal(nst_options_set_str(set_of, NULL, "1"), NST_ERR_NOT_FOUND);
    assert_invalid(nst_options_set_str(set_of, "alpha", NULL));
    assert_invalid(nst_options_set_i64(NULL, "seed", 1));
    assert_invalid(nst_options_set_i64(NULL, "seed", INT64_MAX));
    assert_int_equal(nst_options_set_i64(set_of, NULL, 1), NST_ERR_NOT_FOUND);
    assert_invalid(nst_options_set_f64(NULL, "alpha", 1));
    assert_int_equal(nst_options_set_f64(set_of, NULL, 1), NST_ERR_NOT_FOUND);
    assert_invalid(nst_options_set_f64(set_of, "alpha", (double)NAN));
    assert_invalid(nst_options_set_f64(set_of, "alpha", (double)INFINITY));
    assert_null(nst_options_get_str(set_of, NULL));
    assert_invalid(nst_options_get_i64(NULL, "seed", &whole));
    assert_invalid(nst_options_get_i64(set_of, "seed", NULL));
    assert_int_equal(nst_options_get_i64(set_of, NULL, &whole), NST_ERR_NOT_FOUND);
    assert_invalid(nst_options_get_f64(NULL, "seed", &number));
    assert_invalid(nst_options_get_f64(set_of, "seed", NULL));
    assert_int_equal(nst_options_get_f64(set_of, NULL, &number), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_options_is_set(set_of, NULL), 0);
    assert_invalid(nst_options_unset(NULL, "alpha"));
    assert_int_equal(nst_options_unset(set_of, NULL), NST_ERR_NOT_FOUND);
    assert_invalid(nst_options_from_json(NULL, "{}", 2));
    assert_invalid(nst_options_from_json(set_of, NULL, 2));
    assert_invalid(nst_options_to_json(NULL, 0, buffer, sizeof buffer, &length));
    assert_invalid(nst_options_to_json(set_of, 0, NULL, 1, &length));
    assert_invalid(nst_options_to_json(set_of, 0, buffer, sizeof buffer, NULL));
    assert_ok(nst_options_to_json(set_of, 0, NULL, 0, &length));
    assert_true(length > 8);
    nst_options_free(set_of);
}

static void targets(void **state)
{
    world *w = *state;
    nst_targets *made = NULL;
    nst_image *holes[3] = {w->style, NULL, w->style};
    assert_invalid_out(made, nst_targets_new(NULL, w->content, &w->style, 1, &made));
    assert_invalid_out(made, nst_targets_new(w->model, w->content, NULL, 1, &made));
    assert_invalid_out(made, nst_targets_new(w->model, w->content, holes, 3, &made));
    assert_invalid_out(made, nst_targets_new(w->model, NULL, NULL, 0, &made));
    assert_invalid(nst_targets_new(w->model, w->content, &w->style, 1, NULL));
    assert_invalid(nst_targets_set_guides(NULL, w->content, &w->style, 1));
    assert_invalid(nst_targets_set_guides(w->targets, NULL, &w->style, 1));
    assert_invalid(nst_targets_set_guides(w->targets, w->content, NULL, 1));
    assert_invalid(nst_targets_set_guides(w->targets, w->content, holes + 1, 1));
    assert_invalid(nst_targets_set_content_weights(NULL, w->content));
    assert_invalid(nst_targets_set_content_weights(w->targets, NULL));
}

static void sessions(void **state)
{
    world *w = *state;
    nst_options *set_of = new_options(w->ctx, NULL);
    nst_session *session = NULL;
    assert_invalid_out(session, nst_session_new(NULL, set_of, NULL, &session));
    assert_invalid(nst_session_new(w->targets, set_of, NULL, NULL));
    assert_ok(nst_session_new(w->targets, NULL, NULL, &session)); /* all defaults */
    nst_session_free(session);
    assert_invalid_out(session, nst_session_new_reconstruction(NULL, w->content, 1, "relu1_1", set_of, &session));
    assert_invalid_out(session, nst_session_new_reconstruction(w->model, NULL, 1, "relu1_1", set_of, &session));
    assert_invalid_out(session, nst_session_new_reconstruction(w->model, w->content, 1, NULL, set_of, &session));
    assert_invalid_out(session, nst_session_new_reconstruction(w->model, w->content, 7, "relu1_1", set_of, &session));
    assert_invalid(nst_session_new_reconstruction(w->model, w->content, 1, "relu1_1", set_of, NULL));
    assert_ok(nst_session_new_reconstruction(w->model, w->content, 1, "relu1_1", NULL, &session));
    nst_session_free(session);
    assert_invalid_out(session, nst_session_resume(NULL, "/tmp/x", &session));
    assert_invalid_out(session, nst_session_resume(w->targets, NULL, &session));
    assert_invalid(nst_session_resume(w->targets, "/tmp/x", NULL));
    nst_options_free(set_of);
}

static void session_calls(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    nst_progress progress;
    nst_loss_term term;
    nst_image *image = NULL;
    float gradient[3 * 32 * 24];
    NST_INIT(progress);
    NST_INIT(term);
    steps(session, 1);
    assert_invalid(nst_session_step(NULL));
    assert_invalid(nst_session_run(NULL, NULL, NULL));
    assert_invalid(nst_session_get_progress(NULL, &progress));
    assert_invalid(nst_session_get_progress(session, NULL));
    assert_invalid(nst_session_get_term(NULL, 0, &term));
    assert_invalid(nst_session_get_term(session, 0, NULL));
    assert_invalid_out(image, nst_session_get_image(NULL, &image));
    assert_invalid(nst_session_get_image(session, NULL));
    assert_null(nst_session_get_option(session, NULL));
    assert_invalid(nst_session_set_option(NULL, "alpha", "1"));
    assert_int_equal(nst_session_set_option(session, NULL, "1"), NST_ERR_NOT_FOUND);
    assert_invalid(nst_session_set_option(session, "alpha", NULL));
    assert_invalid(nst_session_get_gradient(NULL, gradient, sizeof gradient));
    assert_invalid(nst_session_get_gradient(session, NULL, sizeof gradient));
    assert_invalid(nst_session_save(NULL, "/tmp/x"));
    assert_invalid(nst_session_save(session, NULL));
    finish(session); /* none of which has done any harm */
    nst_session_free(session);
}

/* Smaller than the first version, larger than any: refused. Larger with what we do not know: filled as far as we know. */
static void sizes_of_what_is_told(void **state)
{
    world *w = *state;
    static const uint32_t bad[] = {0, 4, 71, 4097, UINT32_MAX};
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    union {
        nst_progress progress;
        nst_loss_term term;
        unsigned char bytes[4096];
    } larger;
    steps(session, 2);
    for (int i = 0; i < 5; i++) {
        memset(&larger, 0x55, sizeof larger);
        larger.progress.size = bad[i];
        assert_int_equal(nst_session_get_progress(session, &larger.progress), NST_ERR_STRUCT_SIZE);
        assert_int_equal(nst_session_get_term(session, 0, &larger.term), NST_ERR_STRUCT_SIZE);
        for (size_t k = 4; k < sizeof larger; k++) assert_int_equal(larger.bytes[k], 0x55);
    }
    larger.progress.size = 4096;
    assert_ok(nst_session_get_progress(session, &larger.progress));
    assert_int_equal(larger.progress.size, 4096);
    assert_int_equal(larger.progress.iteration, 1);
    assert_int_equal(larger.bytes[sizeof(nst_progress)], 0x55);
    nst_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_may_be_freed),
        cmocka_unit_test(questions_about_nothing),
        test_in_world(contexts),
        test_in_world(images),
        test_in_world(models),
        test_in_world(options),
        test_in_world(targets),
        test_in_world(sessions),
        test_in_world(session_calls),
        test_in_world(sizes_of_what_is_told),
    };
    anything = &anything;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
