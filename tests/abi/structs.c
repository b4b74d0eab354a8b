/* Every struct that carries its size, passed as an older, the same, a newer and a broken client would pass it.
 *
 * This program is compiled against the present headers and against grown ones (a later release), and run on the present library
 * and on one built from the grown headers: old client on new library, new client on old library, and both pairs of equals. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nst/nst.h>

enum { GUARD = 64, GUARD_BYTE = 0xa5, ROOM = 5000 };

/* One call of the library with `object` as its sized struct; everything else it needs is at hand. */
struct fixture {
    nst_ctx *ctx;
    nst_model *model;
    nst_image *image;
    nst_session *session;
    nst_measure *measure;
    char weights_path[256];
};
typedef int32_t (*use_fn)(const struct fixture *fixture, void *object);

static void *host_allocate(void *user, uint64_t size, uint64_t alignment)
{
    (void)user;
    return aligned_alloc((size_t)alignment, (size_t)((size + alignment - 1) / alignment * alignment));
}

static void host_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static int64_t read_nothing(void *user, void *buffer, uint64_t count)
{
    (void)user, (void)buffer, (void)count;
    return 0;
}

static int32_t swallow(void *user, const void *data, uint64_t count)
{
    (void)user, (void)data, (void)count;
    return 0;
}

static int32_t use_config(const struct fixture *fixture, void *object)
{
    nst_ctx *ctx = NULL;
    int32_t status = nst_ctx_new(object, &ctx);
    (void)fixture;
    nst_ctx_unref(ctx);
    return status;
}

static int32_t use_allocator(const struct fixture *fixture, void *object)
{
    nst_ctx_config config;
    NST_INIT(config);
    config.allocator = object;
    return use_config(fixture, &config);
}

/* No image comes from no bytes: any error but those of the struct means that the struct was accepted. */
static int32_t use_reader(const struct fixture *fixture, void *object)
{
    nst_image *image = NULL;
    int32_t status = nst_image_load_reader(fixture->ctx, object, &image);
    return status == NST_ERR_IMAGE_FORMAT ? NST_OK : status;
}

static int32_t use_model_reader(const struct fixture *fixture, void *object)
{
    nst_model *model = NULL;
    int32_t status = nst_model_load_reader(fixture->ctx, object, &model);
    return status == NST_ERR_WEIGHTS_FORMAT ? NST_OK : status;
}

static int32_t use_writer(const struct fixture *fixture, void *object)
{
    return nst_image_save_writer(fixture->image, object, NULL);
}

static int32_t use_save_params(const struct fixture *fixture, void *object)
{
    nst_writer writer;
    NST_INIT(writer);
    writer.write = swallow;
    return nst_image_save_writer(fixture->image, &writer, object);
}

static int32_t use_desc_new(const struct fixture *fixture, void *object)
{
    static const unsigned char pixels[2 * 2 * 3];
    nst_image *image = NULL;
    int32_t status = nst_image_new(fixture->ctx, object, pixels, &image);
    nst_image_unref(image);
    return status;
}

static int32_t use_desc_read(const struct fixture *fixture, void *object)
{
    static unsigned char pixels[32 * 32 * 3];
    return nst_image_read(fixture->image, object, pixels, sizeof pixels);
}

static int32_t use_desc_get(const struct fixture *fixture, void *object)
{
    return nst_image_get_desc(fixture->image, object);
}

static int32_t use_model_info(const struct fixture *fixture, void *object)
{
    return nst_model_get_info(fixture->model, object);
}

static int32_t use_identity(const struct fixture *fixture, void *object)
{
    return nst_weights_identify(fixture->ctx, fixture->weights_path, object);
}

static int32_t use_option_index(const struct fixture *fixture, void *object)
{
    (void)fixture;
    return nst_option_info_by_index(0, object);
}

static int32_t use_option_key(const struct fixture *fixture, void *object)
{
    (void)fixture;
    return nst_option_info_by_key("iterations", object);
}

static int32_t use_progress(const struct fixture *fixture, void *object)
{
    return nst_session_get_progress(fixture->session, object);
}

static int32_t use_term(const struct fixture *fixture, void *object)
{
    return nst_session_get_term(fixture->session, 0, object);
}

static int32_t use_estimate(const struct fixture *fixture, void *object)
{
    return nst_session_estimate(fixture->session, 0, object);
}

static int32_t use_strength(const struct fixture *fixture, void *object)
{
    return nst_session_get_strength(fixture->session, object);
}

static int32_t use_measure_summary(const struct fixture *fixture, void *object)
{
    return nst_measure_get_summary(fixture->measure, object);
}

static int32_t use_measure_layer(const struct fixture *fixture, void *object)
{
    return nst_measure_get_layer(fixture->measure, 0, object);
}

static const nst_allocator an_allocator = {.size = sizeof an_allocator, .allocate = host_allocate, .release = host_release};
static const nst_ctx_config a_config = {.size = sizeof a_config, .threads = 1};
static const nst_reader a_reader = {.size = sizeof a_reader, .read = read_nothing};
static const nst_writer a_writer = {.size = sizeof a_writer, .write = swallow};
static const nst_save_params some_params = {.size = sizeof some_params, .type = NST_FILE_PNG};
static const nst_image_desc a_small_desc = {
    .size = sizeof a_small_desc, .format = NST_FORMAT_U8, .width = 2, .height = 2, .channels = 3};
static const nst_image_desc a_desc = {.size = sizeof a_desc, .format = NST_FORMAT_U8, .width = 32, .height = 32, .channels = 3};

/* `valid` NULL: the library fills the struct. */
struct sized {
    const char *name;
    uint32_t size;
    const void *valid;
    use_fn use;
};

static const struct sized sized[] = {
    {"allocator", sizeof(nst_allocator), &an_allocator, use_allocator},
    {"ctx_config", sizeof(nst_ctx_config), &a_config, use_config},
    {"reader of images", sizeof(nst_reader), &a_reader, use_reader},
    {"reader of models", sizeof(nst_reader), &a_reader, use_model_reader},
    {"writer", sizeof(nst_writer), &a_writer, use_writer},
    {"save_params", sizeof(nst_save_params), &some_params, use_save_params},
    {"image_desc, new", sizeof(nst_image_desc), &a_small_desc, use_desc_new},
    {"image_desc, read", sizeof(nst_image_desc), &a_desc, use_desc_read},
    {"image_desc, get", sizeof(nst_image_desc), NULL, use_desc_get},
    {"model_info", sizeof(nst_model_info), NULL, use_model_info},
    {"weights_identity", sizeof(nst_weights_identity), NULL, use_identity},
    {"option_info by index", sizeof(nst_option_info), NULL, use_option_index},
    {"option_info by key", sizeof(nst_option_info), NULL, use_option_key},
    {"progress", sizeof(nst_progress), NULL, use_progress},
    {"loss_term", sizeof(nst_loss_term), NULL, use_term},
    {"estimate", sizeof(nst_estimate), NULL, use_estimate},
    {"strength_info", sizeof(nst_strength_info), NULL, use_strength},
    {"measure_summary", sizeof(nst_measure_summary), NULL, use_measure_summary},
    {"measure_layer", sizeof(nst_measure_layer), NULL, use_measure_layer},
};
enum { SIZED = sizeof sized / sizeof sized[0] };

/* The struct as a client of the size `as` passes it, zero beyond what we know, and guard bytes after it. */
static void prepare(const struct sized *entry, uint32_t as, unsigned char *room)
{
    memset(room, 0, as);
    if (entry->valid) memcpy(room, entry->valid, entry->size < as ? entry->size : as);
    memcpy(room, &as, sizeof as);
    memset(room + as, GUARD_BYTE, GUARD);
}

static void assert_untouched(const struct sized *entry, uint32_t as, const unsigned char *room)
{
    uint32_t size_after;
    memcpy(&size_after, room, sizeof size_after);
    if (size_after != as) fail_msg("%s: its size was changed from %u to %u", entry->name, (unsigned)as, (unsigned)size_after);
    for (size_t i = 0; i < GUARD; i++)
        if (room[as + i] != GUARD_BYTE) fail_msg("%s: byte %zu behind it was written", entry->name, i);
}

static void expect(const struct fixture *fixture, const struct sized *entry, void *room, int32_t expected)
{
    int32_t status = entry->use(fixture, room);
    if (status != expected)
        fail_msg("%s of size %" PRIu32 ": %s, not %s (%s)", entry->name, *(uint32_t *)room, nst_status_name(status),
                 nst_status_name(expected), nst_ctx_error(fixture->ctx));
}

/* Whatever the library's headers are, it writes no more than the client's struct holds. */
static void own_size_is_served(void **state)
{
    _Alignas(16) unsigned char room[ROOM];
    for (size_t i = 0; i < SIZED; i++) {
        prepare(&sized[i], sized[i].size, room);
        expect(*state, &sized[i], room, NST_OK);
        assert_untouched(&sized[i], sized[i].size, room);
    }
}

static void newer_clients_with_zero_tails_are_served(void **state)
{
    _Alignas(16) unsigned char room[ROOM];
    for (size_t i = 0; i < SIZED; i++) {
        uint32_t newer = sized[i].size + 128;
        prepare(&sized[i], newer, room);
        expect(*state, &sized[i], room, NST_OK);
        assert_untouched(&sized[i], newer, room);
    }
}

static void newer_clients_with_unknown_members_are_refused(void **state)
{
    _Alignas(16) unsigned char room[ROOM];
    for (size_t i = 0; i < SIZED; i++) {
        if (!sized[i].valid) continue; /* nothing of a struct that is only filled is read */
        prepare(&sized[i], sized[i].size + 128, room);
        room[sized[i].size + 127] = 1;
        expect(*state, &sized[i], room, NST_ERR_STRUCT_VERSION);
    }
}

/* What one release reserves a later one uses: a member that is not zero is then an unknown one. */
static const struct reserved {
    const char *name; /* of an entry above */
    size_t offset, size;
} reserved[] = {
#define RESERVED(name, type, member) {name, offsetof(type, member), sizeof ((type *)0)->member}
    RESERVED("allocator", nst_allocator, reserved),
    RESERVED("ctx_config", nst_ctx_config, reserved0),
    RESERVED("ctx_config", nst_ctx_config, reserved),
    RESERVED("reader of images", nst_reader, reserved),
    RESERVED("reader of models", nst_reader, reserved),
    RESERVED("writer", nst_writer, reserved),
    RESERVED("save_params", nst_save_params, reserved),
    RESERVED("image_desc, new", nst_image_desc, reserved),
    RESERVED("image_desc, read", nst_image_desc, reserved),
    RESERVED("image_desc, get", nst_image_desc, reserved),
    RESERVED("model_info", nst_model_info, reserved0),
    RESERVED("model_info", nst_model_info, reserved),
    RESERVED("weights_identity", nst_weights_identity, reserved),
    RESERVED("option_info by index", nst_option_info, reserved),
    RESERVED("option_info by key", nst_option_info, reserved),
    RESERVED("progress", nst_progress, reserved),
    RESERVED("loss_term", nst_loss_term, reserved0),
    RESERVED("loss_term", nst_loss_term, reserved),
    RESERVED("estimate", nst_estimate, reserved),
    RESERVED("strength_info", nst_strength_info, reserved0),
    RESERVED("measure_summary", nst_measure_summary, reserved),
    RESERVED("measure_layer", nst_measure_layer, reserved0),
    RESERVED("measure_layer", nst_measure_layer, reserved),
};

static const struct sized *sized_named(const char *name)
{
    for (size_t i = 0; i < SIZED; i++)
        if (strcmp(sized[i].name, name) == 0) return &sized[i];
    fail_msg("no struct is called %s", name);
    return NULL;
}

/* Passed in they are refused, whichever byte it is; in structs that the library fills they come back as 0. */
static void reserved_members_must_be_zero(void **state)
{
    _Alignas(16) unsigned char room[ROOM];
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        const struct sized *entry = sized_named(reserved[i].name);
        for (size_t byte = reserved[i].offset; byte < reserved[i].offset + reserved[i].size; byte++) {
            prepare(entry, entry->size, room);
            room[byte] = 0x40;
            expect(*state, entry, room, entry->valid ? NST_ERR_STRUCT_VERSION : NST_OK);
            if (!entry->valid) assert_int_equal(room[byte], 0);
        }
    }
}

/* Each struct that is read has a reserved member, and the test above knows it. */
static void every_struct_that_is_read_was_tried(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZED; i++) {
        size_t k = 0;
        while (k < sizeof reserved / sizeof reserved[0] && strcmp(reserved[k].name, sized[i].name) != 0) k++;
        if (k == sizeof reserved / sizeof reserved[0]) fail_msg("%s: its reserved members are not tried", sized[i].name);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    static const uint32_t sizes[] = {0, 4, 16, 4097, 0x7fffffff, 0xffffffff};
    _Alignas(16) unsigned char room[ROOM];
    for (size_t i = 0; i < SIZED; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            prepare(&sized[i], sized[i].size, room);
            memcpy(room, &sizes[k], sizeof sizes[k]);
            expect(*state, &sized[i], room, NST_ERR_STRUCT_SIZE);
        }
    }
}

static int32_t make_session(struct fixture *fixture)
{
    nst_options *options = NULL;
    nst_targets *targets = NULL;
    int32_t status = nst_options_new(fixture->ctx, &options);
    if (status >= 0) status = nst_options_from_json(options, "{\"size\":32,\"iterations\":2}", 26);
    if (status >= 0) status = nst_targets_new(fixture->model, fixture->image, &fixture->image, 1, &targets);
    if (status >= 0) status = nst_session_new(targets, options, NULL, &fixture->session);
    while (status == NST_CONTINUE) status = nst_session_step(fixture->session);
    if (status >= 0) status = nst_measure_new(targets, fixture->image, NULL, &fixture->measure);
    nst_targets_unref(targets);
    nst_options_free(options);
    return status;
}

static int set_up(void **state)
{
    static unsigned char pixels[32 * 32 * 3];
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *folder = getenv("TMPDIR");
    int32_t status;
    if (!fixture) return -1;
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * 7);
    snprintf(fixture->weights_path, sizeof fixture->weights_path, "%s/nst-structs-%p.safetensors", folder ? folder : "/tmp",
             (void *)fixture);
    status = nst_ctx_new(&a_config, &fixture->ctx);
    if (status >= 0) status = nst_image_new(fixture->ctx, &a_desc, pixels, &fixture->image);
    if (status >= 0) status = nst_model_new_untrained(fixture->ctx, 2, 1, &fixture->model);
    if (status >= 0) status = nst_model_save(fixture->model, fixture->weights_path, 0, NULL, 1);
    if (status >= 0) status = make_session(fixture);
    *state = fixture;
    if (status < 0) fprintf(stderr, "%s: %s\n", nst_status_name(status), nst_ctx_error(fixture->ctx));
    return status < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    remove(fixture->weights_path);
    nst_measure_free(fixture->measure);
    nst_session_free(fixture->session);
    nst_image_unref(fixture->image);
    nst_model_unref(fixture->model);
    nst_ctx_unref(fixture->ctx);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_size_is_served),
        cmocka_unit_test(newer_clients_with_zero_tails_are_served),
        cmocka_unit_test(newer_clients_with_unknown_members_are_refused),
        cmocka_unit_test(reserved_members_must_be_zero),
        cmocka_unit_test(every_struct_that_is_read_was_tried),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests_name("structs", tests, set_up, tear_down);
}
