/* Every allocation of a run fails in turn: making, stepping through scales and a change of plan, saving, resuming, reading. Each
 * failure is NST_ERR_NOMEM with a sentence, the call can be repeated, the run ends with the bytes of the undisturbed one, and
 * nothing is left behind. */
#include "support.h"

static const char *const checkpoint = "fault_sessions.safetensors";

/* ---- an allocator that refuses once ---- */

typedef struct meter {
    long calls, refused, live; /* refused: the number of the call, from 1; 0: none */
} meter;

static void *allocate(void *user, uint64_t size, uint64_t alignment)
{
    meter *m = user;
    void *memory = NULL;
    if (++m->calls == m->refused || posix_memalign(&memory, (size_t)alignment, (size_t)size) != 0) return NULL;
    m->live++;
    return memset(memory, 0xa5, (size_t)size);
}

static void release(void *user, void *memory)
{
    ((meter *)user)->live--;
    free(memory);
}

/* ---- a run in which every call is repeated once ---- */

/* Whether the call has to be repeated. */
static bool refused(int32_t status, const char *sentence)
{
    if (status >= 0) return false;
    assert_int_equal(status, NST_ERR_NOMEM);
    assert_true(strlen(sentence) > 0);
    return true;
}

#define patiently(call, sentence) \
    do { if (refused((call), (sentence))) assert_true((call) >= 0); } while (0)

static int32_t patient_step(nst_session *session)
{
    int32_t status = nst_session_step(session);
    return refused(status, nst_session_error(session)) ? nst_session_step(session) : status;
}

static nst_session *resumed(world *w, nst_session *session)
{
    nst_session *again = NULL;
    patiently(nst_session_save(session, checkpoint), nst_session_error(session));
    patiently(nst_session_resume(w->targets, checkpoint, &again), nst_ctx_error(w->ctx));
    nst_session_free(session);
    return again;
}

static nst_options *small_run(world *w, const char *optimizer)
{
    const char *const values[][2] = {{"size", "40"}, {"scales", "2"}, {"iterations", "6"}, {"optimizer", optimizer},
                                     {"content-layers", "relu3_1"}, {"style-layers", "relu1_1,relu3_1"}};
    nst_options *options = NULL;
    patiently(nst_options_new(w->ctx, &options), nst_ctx_error(w->ctx));
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        patiently(nst_options_set_str(options, values[i][0], values[i][1]), nst_options_error(options));
    return options;
}

static uint64_t run(world *w, const char *optimizer)
{
    nst_options *options = small_run(w, optimizer);
    nst_session *session = NULL;
    nst_image *image = NULL;
    uint64_t hash;
    patiently(nst_session_new(w->targets, options, NULL, &session), nst_ctx_error(w->ctx));
    nst_options_free(options);
    for (int i = 0; patient_step(session) != NST_DONE; i++) {
        if (i == 2) patiently(nst_session_set_option(session, "style-layers", "relu1_1,relu2_1"), nst_session_error(session));
        if (i == 4) session = resumed(w, session);
    }
    patiently(nst_session_get_image(session, &image), nst_session_error(session));
    nst_session_free(session);
    hash = hash_image(image);
    nst_image_unref(image);
    return hash;
}

/* ---- all of them ---- */

/* The world is made before anything is refused: image and weights have tests of their own. */
static uint64_t run_refusing(meter *m, const char *optimizer, long number)
{
    nst_allocator allocator = {sizeof allocator, 0, allocate, release, m};
    nst_ctx_config config = {.size = sizeof config, .threads = 1, .allocator = &allocator};
    world w;
    uint64_t hash;
    *m = (meter){0};
    fill_world(&w, &config);
    m->calls = 0;
    m->refused = number;
    hash = run(&w, optimizer);
    m->refused = 0;
    empty_world(&w);
    return hash;
}

static void refuse_each(const char *optimizer)
{
    meter m;
    uint64_t expected = run_refusing(&m, optimizer, 0);
    long calls = m.calls;
    assert_true(calls > 100);
    for (long number = 1; number <= calls; number++) {
        if (run_refusing(&m, optimizer, number) != expected) fail_msg("other bytes after allocation %ld was refused", number);
        if (m.live != 0) fail_msg("%ld blocks left behind after allocation %ld was refused", m.live, number);
    }
    remove(checkpoint);
}

static void with_lbfgs(void **state)
{
    (void)state;
    refuse_each("lbfgs");
}

static void with_adam(void **state)
{
    (void)state;
    refuse_each("adam");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_lbfgs),
        cmocka_unit_test(with_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
