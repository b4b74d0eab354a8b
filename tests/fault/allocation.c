/* The k-th allocation fails, once or from then on, for every k of a whole life: model from memory, images, targets, session, steps at
 * two scales, picture, PNG, checkpoint, resume. Every failure is NST_ERR_NOMEM with a sentence, nothing leaks, the call can be
 * repeated, and the run ends with the bytes it would have had. */
#include <unistd.h>

#include "../api/support.h"
#include "../support/failing_allocator.h"

typedef struct blob {
    unsigned char *bytes;
    size_t length;
} blob;

static int32_t append(void *user, const void *data, uint64_t count)
{
    blob *to = user;
    to->bytes = realloc(to->bytes, to->length + (size_t)count);
    memcpy(to->bytes + to->length, data, (size_t)count);
    to->length += (size_t)count;
    return 0;
}

/* What a life is made of, in memory; and what an undisturbed one ends with. */
typedef struct material {
    char checkpoint[64];
    blob weights, content, style;
    const char *optimizer;
    uint64_t picture, png; /* hashes */
    double loss;
} material;

typedef struct life {
    failing_allocator memory;
    const material *given;
    uint64_t k;
    bool persistent;
    uint64_t failures;
    nst_ctx *ctx;
} life;

/* Arms the allocator when a life begins and counts on through its calls: allocation k of the whole life fails. After a failure the
 * memory is there again, and the call is repeated. */
static bool failed(life *l, int32_t status, const char *sentence)
{
    if (status >= 0) return false;
    if (status != NST_ERR_NOMEM) fail_msg("allocation %llu: %d (%s)", (unsigned long long)l->k, status, sentence);
    if (!sentence || !sentence[0]) fail_msg("allocation %llu: no sentence (%s)", (unsigned long long)l->k, nst_ctx_error(l->ctx));
    assert_true(l->memory.failed > 0); /* and not for any other reason */
    l->failures++;
    failing_allocator_disarm(&l->memory);
    return true;
}

#define RETRY_CTX(call) while (failed(l, (call), nst_ctx_error(l->ctx))) { }
#define RETRY_SESSION(call) while (failed(l, (call), nst_session_error(session))) { }

static void make_ctx(life *l)
{
    nst_allocator hooks = failing_allocator_hooks(&l->memory);
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 2;
    config.allocator = &hooks;
    while (failed(l, nst_ctx_new(&config, &l->ctx), "no handle to ask")) assert_null(l->ctx);
}

static nst_options *make_options(life *l)
{
    nst_options *options = NULL;
    const char *const pairs[][2] = {{"size", "40"}, {"scales", "2"}, {"iterations", "4"}, {"history", "2"}, {"seed", "3"},
                                    {"init", "noise"}, {"style-layers", "relu1_1,relu3_1"}, {"content-layers", "relu2_2"},
                                    {"style-weights", "2,1;/2:1,0"}, {"photo", "0.2"}, {"colour", "keep"}, {"detail", "0.5"},
                                    {"enlarge", "2"}, {"finish", strcmp(l->given->optimizer, "adam") == 0 ? "guided" : "poisson"}};
    RETRY_CTX(nst_options_new(l->ctx, &options));
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        while (failed(l, nst_options_set_str(options, pairs[i][0], pairs[i][1]), nst_options_error(options))) { }
    while (failed(l, nst_options_set_str(options, "optimizer", l->given->optimizer), nst_options_error(options))) { }
    while (failed(l, nst_options_from_json(options, "{\"alpha\": 3}", 12), nst_options_error(options))) { }
    return options;
}

/* A soft map, for regions and for weights. */
static nst_image *make_map(life *l)
{
    const uint8_t values[6] = {0, 60, 255, 255, 120, 0};
    nst_image_desc desc;
    nst_image *map = NULL;
    NST_INIT(desc);
    desc.format = NST_FORMAT_U8;
    desc.width = 3;
    desc.height = 2;
    desc.channels = 1;
    RETRY_CTX(nst_image_new(l->ctx, &desc, values, &map));
    return map;
}

static nst_session *make_session(life *l, nst_targets **targets)
{
    nst_model *model = NULL;
    nst_image *content = NULL, *styles[2] = {NULL, NULL}, *matched = NULL, *frame = NULL, *seen = NULL, *maps[2];
    float flow[2 * 24 * 20] = {0.5f};
    nst_options *options;
    nst_session *session = NULL;
    RETRY_CTX(nst_model_load_memory(l->ctx, l->given->weights.bytes, l->given->weights.length, &model));
    RETRY_CTX(nst_image_load_memory(l->ctx, l->given->content.bytes, l->given->content.length, &content));
    RETRY_CTX(nst_image_load_memory(l->ctx, l->given->style.bytes, l->given->style.length, &styles[0]));
    RETRY_CTX(nst_image_match_colour(styles[0], content, NST_COLOUR_SYMMETRIC, &matched));
    RETRY_CTX(nst_image_resize(matched, 30, 30, &styles[1]));
    RETRY_CTX(nst_targets_new(model, content, styles, 2, targets));
    maps[0] = maps[1] = make_map(l);
    RETRY_CTX(nst_targets_set_guides(*targets, maps[0], maps, 2));
    RETRY_CTX(nst_targets_set_content_weights(*targets, maps[0]));
    options = make_options(l);
    RETRY_CTX(nst_session_new(*targets, options, NULL, &session));
    RETRY_CTX(nst_image_warp(content, flow, 24, 20, &frame, &seen));
    RETRY_SESSION(nst_session_set_previous(session, frame, seen));
    nst_image_unref(frame);
    nst_image_unref(seen);
    nst_options_free(options);
    nst_image_unref(content);
    nst_image_unref(styles[0]);
    nst_image_unref(styles[1]);
    nst_image_unref(matched);
    nst_image_unref(maps[0]);
    nst_model_unref(model);
    return session;
}

/* A step that fails leaves everything that can be seen as it was. */
static bool step_failed(life *l, nst_session *session, int32_t *status)
{
    nst_progress before = progress_of(session), after;
    *status = nst_session_step(session);
    if (!failed(l, *status, nst_session_error(session))) return false;
    after = progress_of(session);
    after.seconds = before.seconds;
    after.seconds_left = before.seconds_left;
    assert_memory_equal(&before, &after, sizeof after);
    return true;
}

static uint64_t save_picture(life *l, nst_session *session, uint64_t *png)
{
    blob file = {NULL, 0};
    nst_writer writer = {sizeof writer, 0, append, &file};
    nst_image *image = NULL, *named = NULL;
    uint64_t hash;
    RETRY_SESSION(nst_session_get_image(session, &image));
    RETRY_CTX(nst_image_with_text(image, "nst:test", "a sentence", &named));
    for (file.length = 0; failed(l, nst_image_save_writer(named, &writer, NULL), nst_ctx_error(l->ctx)); file.length = 0) { }
    hash = hash_image(named);
    *png = hash_bytes(UINT64_C(0xcbf29ce484222325), file.bytes, file.length);
    free(file.bytes);
    nst_image_unref(image);
    nst_image_unref(named);
    return hash;
}

static void live(life *l, uint64_t *picture, uint64_t *png, double *loss)
{
    nst_targets *targets = NULL;
    nst_session *session;
    int32_t status;
    failing_allocator_arm(&l->memory, l->k, l->persistent);
    make_ctx(l);
    session = make_session(l, &targets);
    for (int i = 0; i < 5; i++)
        while (step_failed(l, session, &status)) { }
    RETRY_SESSION(nst_session_set_option(session, "beta", "50"));
    RETRY_SESSION(nst_session_set_option(session, "pooling", "average"));
    RETRY_SESSION(nst_session_save(session, l->given->checkpoint));
    nst_session_free(session);
    session = NULL;
    RETRY_CTX(nst_session_resume(targets, l->given->checkpoint, &session));
    nst_targets_unref(targets);
    do
        while (step_failed(l, session, &status)) { }
    while (status == NST_CONTINUE);
    *picture = save_picture(l, session, png);
    *loss = progress_of(session).loss;
    nst_session_free(session);
    nst_ctx_unref(l->ctx);
    if (l->memory.live != 0 || l->memory.bytes != 0)
        fail_msg("allocation %llu: %llu blocks are left", (unsigned long long)l->k, (unsigned long long)l->memory.live);
}

/* ---- material ---- */

static void save_as_file(const nst_image *image, int32_t type, blob *to)
{
    nst_writer writer = {sizeof writer, 0, append, to};
    nst_save_params params;
    NST_INIT(params);
    params.type = type;
    assert_ok(nst_image_save_writer(image, &writer, &params));
}

static void read_weights(const nst_model *model, const char *path, blob *to)
{
    FILE *stream;
    unsigned char chunk[4096];
    size_t got;
    assert_ok(nst_model_save(model, path, 0, NULL, 1));
    stream = fopen(path, "rb");
    while ((got = fread(chunk, 1, sizeof chunk, stream)) > 0) append(to, chunk, got);
    fclose(stream);
}

static int gather(void **state)
{
    material *m = calloc(1, sizeof *m);
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *content, *style;
    snprintf(m->checkpoint, sizeof m->checkpoint, "%s/nst-fault-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    assert_ok(nst_ctx_new(NULL, &ctx));
    assert_ok(nst_model_new_untrained(ctx, 1, 1, &model));
    content = new_picture(ctx, 24, 20, 4, 1);
    style = new_picture(ctx, 21, 24, 3, 2);
    save_as_file(content, NST_FILE_PNG, &m->content);
    save_as_file(style, NST_FILE_JPEG, &m->style);
    read_weights(model, m->checkpoint, &m->weights);
    nst_image_unref(content);
    nst_image_unref(style);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    *state = m;
    return 0;
}

static int scatter(void **state)
{
    material *m = *state;
    remove(m->checkpoint);
    free(m->weights.bytes);
    free(m->content.bytes);
    free(m->style.bytes);
    free(m);
    return 0;
}

/* ---- the test ---- */

static void every_allocation_may_fail(material *m, const char *optimizer, bool persistent, uint64_t stride)
{
    life calm;
    uint64_t total, picture, png, failures = 0;
    double loss;
    m->optimizer = optimizer;
    calm = (life){.given = m};
    live(&calm, &m->picture, &m->png, &m->loss);
    total = calm.memory.count;
    assert_true(total > 300);
    for (uint64_t k = 1; k <= total; k += stride) {
        life l = {.given = m, .k = k, .persistent = persistent};
        live(&l, &picture, &png, &loss);
        if (picture != m->picture || png != m->png || loss != m->loss)
            fail_msg("allocation %llu: loss %.17g instead of %.17g", (unsigned long long)k, loss, m->loss);
        failures += l.failures;
    }
    assert_true(failures >= total / stride);
}

static void once(void **state)
{
    every_allocation_may_fail(*state, "lbfgs", false, 1);
}

static void once_with_adam(void **state)
{
    every_allocation_may_fail(*state, "adam", false, 3);
}

static void from_then_on(void **state)
{
    every_allocation_may_fail(*state, "lbfgs", true, 1);
}

/* Freeing needs no memory: everything is given back while none is to be had. */
static void freeing_takes_none(void **state)
{
    life l = {.given = *state};
    nst_targets *targets = NULL;
    nst_session *session;
    int32_t status;
    l.memory = (failing_allocator){0};
    make_ctx(&l);
    session = make_session(&l, &targets);
    for (int i = 0; i < 4; i++) step_failed(&l, session, &status);
    failing_allocator_arm(&l.memory, 1, true);
    nst_session_free(session);
    nst_targets_unref(targets);
    nst_ctx_unref(l.ctx);
    assert_int_equal(l.memory.count, 0);
    assert_int_equal(l.memory.live, 0);
}

/* ---- measures ---- */

static double held_out_style(const nst_measure *measure)
{
    nst_measure_summary summary;
    NST_INIT(summary);
    assert_ok(nst_measure_get_summary(measure, &summary));
    return summary.held_out_style;
}

/* Against fresh targets, which know nothing yet, with allocation k failing. False: it did not come to that. */
static bool measure_fails(failing_allocator *memory, nst_model *model, nst_image *pictures[3], uint64_t k, double style)
{
    nst_targets *targets = NULL;
    nst_measure *measure = NULL;
    uint64_t live = atomic_load(&memory->live);
    bool refused;
    int32_t status;
    assert_ok(nst_targets_new(model, pictures[1], pictures + 1, 2, &targets));
    failing_allocator_arm(memory, k, false);
    status = nst_measure_new(targets, pictures[0], NULL, &measure);
    failing_allocator_disarm(memory);
    refused = atomic_load(&memory->failed) > 0;
    assert_int_equal(status, refused ? NST_ERR_NOMEM : NST_OK);
    if (refused) {
        assert_null(measure);
        assert_ok(nst_measure_new(targets, pictures[0], NULL, &measure));
    }
    assert_true(held_out_style(measure) == style);
    nst_measure_free(measure);
    nst_targets_unref(targets);
    assert_int_equal(atomic_load(&memory->live), live);
    return refused;
}

static void measures(void **state)
{
    life l = {.given = *state};
    nst_model *model = NULL;
    nst_image *pictures[3];
    nst_targets *targets = NULL;
    nst_measure *measure = NULL;
    double style;
    uint64_t k = 1;
    make_ctx(&l);
    assert_ok(nst_model_new_untrained(l.ctx, 1, 1, &model));
    for (uint32_t i = 0; i < 3; i++) pictures[i] = new_picture(l.ctx, 24 + i, 20, 3 + i % 2, i);
    assert_ok(nst_targets_new(model, pictures[1], pictures + 1, 2, &targets));
    assert_ok(nst_measure_new(targets, pictures[0], NULL, &measure));
    style = held_out_style(measure);
    nst_measure_free(measure);
    nst_targets_unref(targets);
    while (measure_fails(&l.memory, model, pictures, k, style)) k++;
    assert_true(k > 60);
    for (int i = 0; i < 3; i++) nst_image_unref(pictures[i]);
    nst_model_unref(model);
    nst_ctx_unref(l.ctx);
    assert_int_equal(l.memory.live, 0);
}

/* The network in the library is read like any file. */
static void opening_the_builtin(void **state)
{
    life l = {.given = *state};
    uint64_t live, k;
    l.memory = (failing_allocator){0};
    make_ctx(&l);
    live = l.memory.live;
    for (k = 1;; k++) {
        nst_model *model = NULL;
        int32_t status;
        failing_allocator_arm(&l.memory, k, k % 2 == 0);
        status = nst_model_open(l.ctx, "builtin", &model);
        failing_allocator_disarm(&l.memory);
        nst_model_unref(model);
        assert_int_equal(l.memory.live, live);
        if (l.memory.failed == 0) break;
        assert_int_equal(status, NST_ERR_NOMEM);
        assert_true(nst_ctx_error(l.ctx)[0] != '\0');
    }
    assert_true(k > 4 * 13); /* integers, scales, numbers and biases of its convolutions */
    nst_ctx_unref(l.ctx);
    assert_int_equal(l.memory.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(once_with_adam),
        cmocka_unit_test(from_then_on),
        cmocka_unit_test(freeing_takes_none),
        cmocka_unit_test(measures),
        cmocka_unit_test(opening_the_builtin),
    };
    return cmocka_run_group_tests(tests, gather, scatter);
}
