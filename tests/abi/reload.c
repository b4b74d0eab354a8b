/* Loaded, used and unloaded a hundred times, as plug-ins are: no thread, no descriptor and no memory stays behind.
 * reload PATH_OF_SHARED_LIBRARY */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nst/nst.h>

enum { ROUNDS = 100, WARM_UP = 10, SIDE = 32, FOREIGN = 64 << 10 };

static void *library;

static void load_function(const char *name, void *function)
{
    void *address = library ? dlsym(library, name) : NULL;
    memcpy(function, &address, sizeof address); /* ISO C has no cast from object to function pointer */
}

#define LOAD(name) \
    __typeof__(&name) name##_there; \
    load_function(#name, &name##_there); \
    if (!name##_there) return printf("no %s\n", #name), 1

static void draw(float *pixels, int seed)
{
    for (int i = 0; i < 3 * SIDE * SIDE; i++) pixels[i] = (float)((i * (7 + seed)) % 101) / 101;
}

/* The library's own memory, to the byte; what the libraries below it take can only be watched from afar. */
static _Atomic int held;

static void *take_memory(void *user, uint64_t size, uint64_t alignment)
{
    void *memory = NULL;
    (void)user;
    if (posix_memalign(&memory, (size_t)alignment, (size_t)size) != 0) return NULL;
    atomic_fetch_add(&held, 1);
    return memory;
}

static void give_memory(void *user, void *memory)
{
    (void)user;
    atomic_fetch_sub(&held, 1);
    free(memory);
}

/* Two threads, so that the pool has one of its own. */
static int make_context(nst_ctx **ctx)
{
    nst_allocator allocator = {sizeof allocator, 0, take_memory, give_memory, NULL};
    nst_ctx_config config;
    LOAD(nst_ctx_new);
    NST_INIT(config);
    config.allocator = &allocator;
    config.threads = 2;
    return nst_ctx_new_there(&config, ctx) < 0;
}

static int make_image(nst_ctx *ctx, int seed, nst_image **image)
{
    float pixels[3 * SIDE * SIDE];
    nst_image_desc desc;
    LOAD(nst_image_new);
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = desc.height = SIDE;
    desc.channels = 3;
    draw(pixels, seed);
    return nst_image_new_there(ctx, &desc, pixels, image) < 0;
}

static int make_options(nst_ctx *ctx, nst_options **options)
{
    LOAD(nst_options_new);
    LOAD(nst_options_set_str);
    return nst_options_new_there(ctx, options) < 0 || nst_options_set_str_there(*options, "size", "32") < 0;
}

static int step_a_little(nst_ctx *ctx, nst_targets *targets)
{
    nst_options *options = NULL;
    nst_session *session = NULL;
    LOAD(nst_options_free);
    LOAD(nst_session_new);
    LOAD(nst_session_step);
    LOAD(nst_session_free);
    if (make_options(ctx, &options) || nst_session_new_there(targets, options, NULL, &session) < 0) return 1;
    for (int i = 0; i < 2; i++)
        if (nst_session_step_there(session) != NST_CONTINUE) return 1;
    nst_session_free_there(session);
    nst_options_free_there(options);
    return 0;
}

static int run(void)
{
    nst_ctx *ctx = NULL;
    nst_model *model = NULL;
    nst_image *content = NULL, *style = NULL;
    nst_targets *targets = NULL;
    LOAD(nst_model_new_untrained);
    LOAD(nst_targets_new);
    LOAD(nst_targets_unref);
    LOAD(nst_image_unref);
    LOAD(nst_model_unref);
    LOAD(nst_ctx_unref);
    if (make_context(&ctx) || nst_model_new_untrained_there(ctx, 2, 1, &model) < 0) return 1;
    if (make_image(ctx, 1, &content) || make_image(ctx, 2, &style)) return 1;
    if (nst_targets_new_there(model, content, &style, 1, &targets) < 0 || step_a_little(ctx, targets)) return 1;
    nst_targets_unref_there(targets);
    nst_image_unref_there(style);
    nst_image_unref_there(content);
    nst_model_unref_there(model);
    nst_ctx_unref_there(ctx);
    return 0;
}

static int entries(const char *path)
{
    DIR *folder = opendir(path);
    int count = 0;
    if (!folder) return 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* A thread that has been joined may be in the list for a moment longer. */
static int threads_after_a_moment(int expected)
{
    const struct timespec moment = {0, 1000000};
    int count = entries("/proc/self/task");
    for (int i = 0; i < 1000 && count > expected; i++) {
        nanosleep(&moment, NULL);
        count = entries("/proc/self/task");
    }
    return count;
}

int main(int argc, char **argv)
{
    int threads = 0, files = 0;
    size_t memory = 0;
    for (int round = 0; round < ROUNDS; round++) {
        library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
        if (!library) return printf("%s\n", argc > 1 ? dlerror() : "no library given"), 1;
        if (run()) return printf("round %d: the run failed\n", round), 1;
        if (dlclose(library) != 0) return printf("%s\n", dlerror()), 1;
        if (round == WARM_UP) {
            threads = entries("/proc/self/task");
            files = entries("/proc/self/fd");
            memory = (size_t)mallinfo2().uordblks;
        }
    }
    if (threads_after_a_moment(threads) > threads) return printf("%d threads are left over\n", entries("/proc/self/task") - threads), 1;
    if (entries("/proc/self/fd") > files) return puts("files are left open"), 1;
    if (atomic_load(&held)) return printf("%d blocks of the library are left over\n", atomic_load(&held)), 1;
    if ((size_t)mallinfo2().uordblks > memory + FOREIGN)
        return printf("%zu bytes are left over\n", (size_t)mallinfo2().uordblks - memory), 1;
    return 0;
}
