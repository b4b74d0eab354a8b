/* Saving and resuming: the same bytes as without, or a clear refusal. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

static char folder[64], path[96];

/* In memory where there is such a place: hundreds of checkpoints are synchronised to disk here. */
static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/nst-checkpoint-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/run.nst", folder);
    return 0;
}

static int count_files(void)
{
    DIR *listing = opendir(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(listing));) count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(listing);
    return count;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(path);
    return rmdir(folder); /* fails if anything was left behind */
}

static void save(nst_session *session)
{
    if (nst_session_save(session, path) < 0) fail_msg("%s", nst_session_error(session));
}

static nst_session *resume(nst_targets *targets)
{
    nst_session *session = NULL;
    int32_t status = nst_session_resume(targets, path, &session);
    if (status < 0) fail_msg("resume: %s", nst_status_name(status));
    return session;
}

/* ---- bit for bit ---- */

/* Saves after every step of a run and follows each checkpoint to the end, in a context of its own with other threads. */
static void follow_every_checkpoint(world *w, const world *other, nst_targets *targets, nst_targets *other_targets, nst_options *options)
{
    nst_session *calm = NULL, *session = NULL;
    trace expected;
    record now, again;
    (void)w;
    (void)other;
    assert_ok(nst_session_new(targets, options, NULL, &calm));
    assert_ok(nst_session_new(targets, options, NULL, &session));
    expected = trace_of(calm);
    for (uint32_t k = 0; k < expected.count; k++) {
        nst_session *resumed;
        nst_progress before, after;
        trace rest;
        assert_int_equal(step(session), NST_CONTINUE);
        save(session);
        now = record_of(session);
        assert_same_record(&now, &expected.records[k]); /* saving disturbs nothing */
        resumed = resume(other_targets);
        again = record_of(resumed);
        assert_same_record(&again, &now);
        before = progress_of(session);
        after = progress_of(resumed);
        assert_true(before.seconds == after.seconds);
        for (uint32_t i = 0; i < before.terms; i++) {
            nst_loss_term a, b;
            NST_INIT(a);
            NST_INIT(b);
            assert_ok(nst_session_get_term(session, i, &a));
            assert_ok(nst_session_get_term(resumed, i, &b));
            assert_memory_equal(&a, &b, sizeof a);
        }
        rest = trace_of(resumed);
        assert_int_equal(rest.count, expected.count - 1 - k);
        assert_tail(&expected, &rest);
        nst_session_free(resumed);
    }
    assert_int_equal(step(session), NST_DONE);
    save(session);
    nst_session_free(session);
    session = resume(other_targets);
    assert_int_equal(step(session), NST_DONE);
    assert_int_equal(progress_of(session).stop_reason, expected.stop);
    nst_session_free(session);
    nst_session_free(calm);
}

static void resumed_runs_end_with_the_same_bytes(void **state)
{
    static const char *const runs[][14] = {
        {"iterations", "14", "history", "4"},
        {"iterations", "14", "history", "1", "line-search", "strong-wolfe", "init", "noise", "seed", "5", NULL},
        {"iterations", "12", "optimizer", "adam", "scales", "3", "size", "86"},
        {"iterations", "12", "scales", "3", "size", "86", "dialect", "normalised", "init-noise", "0.5", "photo", "0.3"},
        {"iterations", "30", "dialect", "normalised", "alpha", "0.005", "photo", "0.8"},
        {"iterations", "400", "tolerance", "1", "history", "3"},
        {"iterations", "400", "tolerance", "1", "optimizer", "adam", "learning-rate", "0.2"},
        {"iterations", "7", "pooling", "l2", "padding", "reflect", "preprocessing", "caffe", "tv", "2", "style-weights", "1,3;relu2_1:3,1"},
        {"iterations", "14", "history", "3", "history-precision", "bf16", "scales", "2", "size", "66"},
        {"iterations", "12", "scales", "2", "size", "66", "dialect", "normalised", "style-statistics", "chained"},
    };
    world *w = *state, other;
    nst_ctx_config config;
    NST_INIT(config);
    config.threads = 3;
    fill_world(&other, &config);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        nst_options *options = new_options(w->ctx, NULL);
        nst_image *styles[2] = {w->style, w->content}, *other_styles[2] = {other.style, other.content};
        nst_targets *targets = NULL, *other_targets = NULL;
        uint32_t count = i == 7 ? 2 : 1;
        for (size_t k = 0; runs[i][k]; k += 2) assert_ok(nst_options_set_str(options, runs[i][k], runs[i][k + 1]));
        assert_ok(nst_targets_new(w->model, w->content, styles, count, &targets));
        assert_ok(nst_targets_new(other.model, other.content, other_styles, count, &other_targets));
        follow_every_checkpoint(w, &other, targets, other_targets, options);
        nst_targets_unref(targets);
        nst_targets_unref(other_targets);
        nst_options_free(options);
    }
    empty_world(&other);
}

/* What was changed on the way is saved, also what has not been taken over yet. */
static void changes_are_saved(void **state)
{
    world *w = *state;
    static const char *const changes[][2] = {{"alpha", "9"}, {"size", "40"}, {"iterations", "11"}, {"optimizer", "adam"}};
    for (size_t i = 0; i < 4; i++) {
        nst_session *session = new_session(w->ctx, w->targets, NULL), *resumed;
        trace a, b;
        steps(session, 3);
        set(session, changes[i][0], changes[i][1]);
        save(session);
        resumed = resume(w->targets);
        assert_string_equal(nst_session_get_option(resumed, changes[i][0]), changes[i][1]);
        assert_string_equal(nst_session_get_option(resumed, "init"), "content");
        assert_int_equal(nst_session_set_option(resumed, "init", "noise"), NST_ERR_STATE);
        a = trace_of(session);
        b = trace_of(resumed);
        assert_same_trace(&a, &b);
        nst_session_free(session);
        nst_session_free(resumed);
    }
}

static void starts_and_sides_that_are_not_there_again(void **state)
{
    world *w = *state;
    nst_image *init = new_picture(w->ctx, 9, 9, 3, 4);
    nst_options *options = new_options(w->ctx, "init", "image", NULL);
    nst_targets *texture = NULL;
    nst_session *session = NULL, *resumed;
    trace a, b;
    assert_ok(nst_session_new(w->targets, options, init, &session));
    steps(session, 2);
    save(session);
    resumed = resume(w->targets); /* without the start picture */
    a = trace_of(session);
    b = trace_of(resumed);
    assert_same_trace(&a, &b);
    nst_session_free(session);
    nst_session_free(resumed);
    assert_ok(nst_options_set_str(options, "style-layers", "relu2_1"));
    assert_ok(nst_options_set_str(options, "init", "noise"));
    assert_ok(nst_session_new_reconstruction(w->model, w->style, NST_RECONSTRUCT_STYLE, "relu2_1", options, &session));
    steps(session, 2);
    save(session);
    assert_ok(nst_targets_new(w->model, NULL, &w->style, 1, &texture));
    resumed = resume(texture);
    a = trace_of(session);
    b = trace_of(resumed);
    assert_same_trace(&a, &b);
    nst_session_free(session);
    nst_session_free(resumed);
    nst_targets_unref(texture);
    nst_options_free(options);
    nst_image_unref(init);
}

/* The limit of weights files is none of a checkpoint's: what can be saved can be resumed. */
static void limits_of_weights_do_not_apply(void **state)
{
    world w;
    nst_ctx_config config;
    nst_session *session;
    (void)state;
    NST_INIT(config);
    config.threads = 1;
    config.max_weights_size = 1000;
    fill_world(&w, &config);
    session = new_session(w.ctx, w.targets, NULL);
    steps(session, 1);
    save(session);
    nst_session_free(session);
    nst_session_free(resume(w.targets));
    empty_world(&w);
}

/* ---- files ---- */

static void write_file(const void *data, size_t length)
{
    FILE *stream = fopen(path, "wb");
    assert_int_equal(fwrite(data, 1, length, stream), length);
    fclose(stream);
}

static unsigned char *read_file(size_t *length)
{
    FILE *stream = fopen(path, "rb");
    unsigned char *data;
    fseek(stream, 0, SEEK_END);
    *length = (size_t)ftell(stream);
    rewind(stream);
    data = malloc(*length);
    assert_int_equal(fread(data, 1, *length, stream), *length);
    fclose(stream);
    return data;
}

/* Replaces every `from` by `to`, of the same length. */
static void replace(unsigned char *data, size_t length, const char *from, const char *to)
{
    size_t size = strlen(from);
    int found = 0;
    assert_int_equal(size, strlen(to));
    for (size_t i = 0; i + size <= length; i++) {
        if (memcmp(data + i, from, size) != 0) continue;
        memcpy(data + i, to, size);
        found++;
    }
    assert_true(found > 0);
}

/* ---- what is refused ---- */

static void assert_refused(const world *w, nst_targets *targets, const char *file, int32_t code, const char *part)
{
    nst_session *session = (nst_session *)(uintptr_t)w;
    int32_t status = nst_session_resume(targets, file, &session);
    if (status != code) fail_msg("%d (%s) instead of %d", status, nst_ctx_error(w->ctx), code);
    assert_null(session);
    assert_contains(nst_ctx_error(w->ctx), part);
}

static void a_checkpoint_of_something_else(void **state)
{
    world *w = *state;
    nst_image *pictures[2] = {w->style, w->content};
    nst_model *model = NULL;
    nst_targets *targets[5] = {NULL};
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    steps(session, 2);
    save(session);
    nst_session_free(session);
    assert_ok(nst_model_new_untrained(w->ctx, 2, 2, &model));
    assert_ok(nst_targets_new(w->model, w->style, &w->style, 1, &targets[0]));
    assert_ok(nst_targets_new(w->model, w->content, &w->content, 1, &targets[1]));
    assert_ok(nst_targets_new(w->model, w->content, pictures, 2, &targets[2]));
    assert_ok(nst_targets_new(w->model, NULL, &w->style, 1, &targets[3]));
    assert_ok(nst_targets_new(model, w->content, &w->style, 1, &targets[4]));
    for (int i = 0; i < 4; i++) assert_refused(w, targets[i], path, NST_ERR_CHECKPOINT_FORMAT, "other images");
    assert_refused(w, targets[4], path, NST_ERR_CHECKPOINT_FORMAT, "other weights");
    assert_contains(nst_ctx_error(w->ctx), path);
    for (int i = 0; i < 5; i++) nst_targets_unref(targets[i]);
    nst_model_unref(model);
}

/* The same weights in another file, which says that they expect something else. */
static void the_same_weights_told_otherwise(void **state)
{
    world *w = *state;
    static const char *const edits[][2] = {{"\"preprocessing\":\"torch\"", "\"preprocessing\":\"caffe\""},
                                           {"\"padding\":\"zero\"", "\"padding\":\"auto\""}};
    for (int i = 0; i < 2; i++) {
        nst_model *model = NULL;
        nst_targets *targets = NULL;
        nst_session *session;
        size_t length;
        unsigned char *data;
        assert_ok(nst_model_save(w->model, path, 0, NULL, 1));
        data = read_file(&length);
        replace(data, length, edits[i][0], edits[i][1]);
        assert_ok(nst_model_load_memory(w->ctx, data, length, &model));
        assert_ok(nst_targets_new(model, w->content, &w->style, 1, &targets));
        session = new_session(w->ctx, w->targets, NULL);
        steps(session, 1);
        save(session);
        if (i == 0) assert_refused(w, targets, path, NST_ERR_CHECKPOINT_FORMAT, "preprocessing");
        else nst_session_free(resume(targets)); /* auto comes to zero as well */
        nst_session_free(session);
        nst_targets_unref(targets);
        nst_model_unref(model);
        free(data);
    }
}

static void files_that_are_no_checkpoints(void **state)
{
    world *w = *state;
    static const char html[] = "<!DOCTYPE html><html><body>Not found</body></html>";
    remove(path);
    assert_refused(w, w->targets, path, NST_ERR_NOT_FOUND, path);
    assert_refused(w, w->targets, folder, NST_ERR_IO, folder);
    assert_refused(w, w->targets, "", NST_ERR_NOT_FOUND, "");
    write_file("", 0);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, path);
    write_file(html, sizeof html);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, path);
    assert_ok(nst_image_save(w->content, path, &(nst_save_params){.size = sizeof(nst_save_params), .type = 1, .overwrite = 1}));
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, path);
    assert_ok(nst_model_save(w->model, path, 0, NULL, 1));
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, "libnst");
}

/* A short run that leaves a small file. */
static unsigned char *small_checkpoint(world *w, size_t *length)
{
    nst_session *session = new_session(w->ctx, w->targets, "size", "4", "history", "1", "content-layers", "relu1_1", "style-layers",
                                       "conv1_1", NULL);
    unsigned char *data;
    steps(session, 3);
    save(session);
    nst_session_free(session);
    data = read_file(length);
    return data;
}

static void truncated_files(void **state)
{
    world *w = *state;
    size_t length;
    unsigned char *data = small_checkpoint(w, &length);
    for (size_t i = 0; i < length; i += 1 + i / 64) {
        write_file(data, i);
        assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, path);
    }
    data = realloc(data, length + 1);
    data[length] = 0;
    write_file(data, length + 1);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, path);
    free(data);
}

/* Whatever a byte becomes: a refusal that says so, or a session that works. */
static void mutated_files(void **state)
{
    world *w = *state;
    static const unsigned char values[] = {0x00, 0x01, 0x20, 0x39, 0x7f, 0x80, 0xff};
    size_t length;
    unsigned char *data = small_checkpoint(w, &length);
    int resumed = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char kept = data[i];
        nst_session *session = NULL;
        int32_t status;
        data[i] = values[(i * 5) % sizeof values];
        write_file(data, length);
        data[i] = kept;
        status = nst_session_resume(w->targets, path, &session);
        if (status == NST_OK) {
            nst_image *image = image_of(session);
            status = nst_session_step(session);
            assert_true(status >= 0 || status == NST_ERR_NUMERIC);
            nst_image_unref(image);
            nst_session_free(session);
            resumed++;
        } else if (status != NST_ERR_CHECKPOINT_FORMAT) {
            fail_msg("byte %zu: %d (%s)", i, status, nst_ctx_error(w->ctx));
        } else {
            assert_contains(nst_ctx_error(w->ctx), path);
        }
    }
    assert_true(resumed > 100 && resumed < (int)length);
    free(data);
}

static void hostile_values(void **state)
{
    world *w = *state;
    static const struct { const char *from, *to, *part; } cases[] = {
        {"\\\"history\\\": 1,", "\\\"history\\\": 9,", "optimizer/"}, /* more than there is */
        {"\\\"size\\\": 4,", "\\\"size\\\": 9,", "optimizer/x"},
        {"\\\"optimizer\\\": \\\"lbfgs\\\"", "\\\"optimizer\\\": \\\"adam\\\" ", "optimizer/"},
        {"\\\"content-layers\\\": \\\"relu1_1", "\\\"content-layers\\\": \\\"relu9_1", "relu9_1"},
        {"\\\"scales\\\": 1", "\\\"scales\\\": 3", "optimizer/x"},
        {"\\\"tolerance\\\"", "\\\"tolerence\\\"", "option"},
        {"\"nst:checkpoint\":\"1\"", "\"nst:checkpoint\":\"2\"", "version"},
        {"session/iteration\"", "session/iteratiom\"", "session/iteration"}};
    size_t length, kept_length;
    unsigned char *kept = small_checkpoint(w, &kept_length), *data;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(kept, kept_length);
        data = read_file(&length);
        replace(data, length, cases[i].from, cases[i].to);
        write_file(data, length);
        assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, cases[i].part);
        free(data);
    }
    memset(kept + kept_length - 200, 0xff, 200); /* the last pair: NaN all over */
    write_file(kept, kept_length);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, "optimizer/");
    free(kept);
}

/* Asking for much with little is refused before the memory is taken. */
static void huge_demands(void **state)
{
    world w;
    nst_ctx_config config;
    size_t length;
    unsigned char *data;
    uint64_t peak;
    (void)state;
    NST_INIT(config);
    config.threads = 1;
    fill_world(&w, &config);
    data = small_checkpoint(&w, &length);
    peak = nst_ctx_memory_peak(w.ctx);
    replace(data, length, "\\\"size\\\": 4, ", "\\\"size\\\":999,");
    write_file(data, length);
    assert_refused(&w, w.targets, path, NST_ERR_CHECKPOINT_FORMAT, "optimizer/x");
    replace(data, length, "\\\"size\\\":999,", "\\\"size\\\": 4, ");
    replace(data, length, "\\\"history\\\": 1, ", "\\\"history\\\":999,");
    write_file(data, length);
    assert_refused(&w, w.targets, path, NST_ERR_CHECKPOINT_FORMAT, "");
    assert_true(nst_ctx_memory_peak(w.ctx) < peak + 100000);
    free(data);
    empty_world(&w);
}

/* Pairs in 16 bits lie in the file as they do in memory, and are as little believed. */
static void pairs_in_16_bits(void **state)
{
    world *w = *state;
    size_t lengths[2];
    unsigned char *data;
    for (int bits = 0; bits < 2; bits++) {
        nst_session *session = new_session(w->ctx, w->targets, "size", "32", "history", "8", "history-precision",
                                           bits ? "bf16" : "fp32", NULL);
        steps(session, 4);
        save(session);
        nst_session_free(session);
        data = read_file(&lengths[bits]);
        if (!bits) free(data);
    }
    assert_true(lengths[0] - lengths[1] > (size_t)8 * 2 * 2 * 3 * 32 * 24 - 4000);
    replace(data, lengths[1], "\\\"history\\\": 8,", "\\\"history\\\": 9,");
    write_file(data, lengths[1]);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, "optimizer/");
    replace(data, lengths[1], "\\\"history\\\": 9,", "\\\"history\\\": 8,");
    replace(data, lengths[1], "\\\"bf16\\\"", "\\\"fp32\\\"");
    write_file(data, lengths[1]);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, "optimizer/");
    replace(data, lengths[1], "\\\"fp32\\\"", "\\\"bf16\\\"");
    memset(data + lengths[1] - 200, 0xff, 200); /* the last pair: NaN all over */
    write_file(data, lengths[1]);
    assert_refused(w, w->targets, path, NST_ERR_CHECKPOINT_FORMAT, "NaN");
    free(data);
}

/* ---- saving that fails ---- */

static void before_the_first_step(void **state)
{
    world *w = *state;
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    remove(path);
    assert_int_equal(nst_session_save(session, path), NST_ERR_STATE);
    assert_contains(nst_session_error(session), "first step");
    assert_int_equal(count_files(), 0);
    nst_session_free(session);
}

static void the_old_one_is_kept(void **state)
{
    world *w = *state;
    nst_session *calm = new_session(w->ctx, w->targets, NULL), *session = new_session(w->ctx, w->targets, NULL), *resumed;
    struct rlimit limit, small;
    trace expected = trace_of(calm), rest;
    char beneath[128];
    steps(session, 2);
    save(session);
    steps(session, 2);
    snprintf(beneath, sizeof beneath, "%s/not/there", folder);
    assert_int_equal(nst_session_save(session, beneath), NST_ERR_NOT_FOUND);
    assert_contains(nst_session_error(session), beneath);
    snprintf(beneath, sizeof beneath, "%s/below", path);
    assert_int_equal(nst_session_save(session, beneath), NST_ERR_IO);
    assert_int_equal(nst_session_save(session, folder), NST_ERR_IO);
    assert_int_equal(nst_session_save(session, "/dev/full"), NST_ERR_IO);
    assert_contains(nst_session_error(session), "space");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    for (rlim_t most = 0; most < 200000; most = 3 * most + 7) { /* the disk is full at that byte */
        small = (struct rlimit){most, limit.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        assert_int_equal(nst_session_save(session, path), NST_ERR_IO);
        setrlimit(RLIMIT_FSIZE, &limit);
        assert_int_equal(count_files(), 1); /* no temporary file either */
    }
    resumed = resume(w->targets);
    rest = trace_of(resumed);
    assert_tail(&expected, &rest);
    assert_int_equal(rest.count, expected.count - 2);
    rest = trace_of(session);
    assert_tail(&expected, &rest);
    assert_int_equal(rest.count, expected.count - 4);
    nst_session_free(calm);
    nst_session_free(session);
    nst_session_free(resumed);
}

/* ---- killed ---- */

static void save_for_ever(world *w)
{
    for (;;) {
        nst_session *session = new_session(w->ctx, w->targets, NULL);
        while (step(session) == NST_CONTINUE) save(session);
        nst_session_free(session);
    }
}

static void remove_leftovers(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -f %s/.nst-*.tmp", folder);
    assert_int_equal(system(command), 0);
}

/* A process that saves again and again is killed at any moment: what lies there is a whole checkpoint. */
static void killed_while_saving(void **state)
{
    world *w = *state;
    nst_session *calm = new_session(w->ctx, w->targets, NULL);
    trace expected = trace_of(calm);
    uint32_t random = 1;
    nst_session_free(calm);
    calm = new_session(w->ctx, w->targets, NULL);
    steps(calm, 1);
    save(calm);
    for (int i = 0; i < 50; i++) {
        nst_session *session;
        trace rest;
        pid_t child = fork();
        if (child == 0) save_for_ever(w);
        random = random * 1664525u + 1013904223u;
        nanosleep(&(struct timespec){0, 1000000 + (long)(random % 19000000)}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        session = resume(w->targets);
        rest = trace_of(session);
        assert_tail(&expected, &rest);
        nst_session_free(session);
    }
    remove_leftovers();
    nst_session_free(calm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(resumed_runs_end_with_the_same_bytes),
        test_in_world(changes_are_saved),
        test_in_world(starts_and_sides_that_are_not_there_again),
        cmocka_unit_test(limits_of_weights_do_not_apply),
        test_in_world(a_checkpoint_of_something_else),
        test_in_world(the_same_weights_told_otherwise),
        test_in_world(files_that_are_no_checkpoints),
        test_in_world(truncated_files),
        test_in_world(mutated_files),
        test_in_world(hostile_values),
        cmocka_unit_test(huge_demands),
        test_in_world(pairs_in_16_bits),
        test_in_world(before_the_first_step),
        test_in_world(the_old_one_is_kept),
        test_in_world(killed_while_saving),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
