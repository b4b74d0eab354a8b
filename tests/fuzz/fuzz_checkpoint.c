/* Checkpoints: refused with a sentence, or a session that works. The seeds belong to the world of fuzz_session.h. */
#include <unistd.h>

#include "fuzz_session.h"

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *stream = fopen(path, "wb");
    FUZZ_REQUIRE(stream);
    FUZZ_REQUIRE(fwrite(data, 1, size, stream) == size);
    fclose(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing_allocator memory = {0};
    nst_ctx *ctx = fuzz_ctx_new(&memory, UINT64_C(64) << 20, 1u << 12);
    nst_targets *targets = fuzz_targets_new(ctx);
    nst_session *session = NULL;
    char path[64];
    int32_t status;
    snprintf(path, sizeof path, "%s/nst-fuzz-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    write_file(path, data, size);
    status = nst_session_resume(targets, path, &session);
    remove(path);
    if (status == NST_OK) fuzz_use_session(session);
    else FUZZ_REQUIRE(status == NST_ERR_CHECKPOINT_FORMAT && !session && nst_ctx_error(ctx)[0]);
    nst_session_free(session);
    nst_targets_unref(targets);
    fuzz_ctx_free(ctx, &memory);
    return 0;
}
