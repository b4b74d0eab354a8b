/* Files of torch.save(), zip and legacy; anything else goes straight into the pickle machine, past the checksums of the zip. */
#include "fuzz_weights.h"
#include "weights/pickle.h"

static void run_pickle(const uint8_t *data, size_t size)
{
    failing_allocator memory = {0};
    nst_ctx *ctx = fuzz_ctx_new(&memory, (uint64_t)512 << 20, 0);
    nst_pickle *pickle = nst_pickle_new(ctx);
    nst_tensor_list list;
    nst_pickle_value root;
    nst_bytes bytes;
    size_t next;
    nst_error error;
    FUZZ_REQUIRE(pickle != NULL);
    nst_tensor_list_init(&list, ctx);
    nst_bytes_from_memory(&bytes, data, size);
    if (nst_pickle_run(pickle, &bytes, 0, size, &next, &root, &error) >= 0) {
        FUZZ_REQUIRE(next <= size);
        nst_pickle_list(pickle, root, &bytes, &list, &error);
    }
    nst_tensor_list_clear(&list);
    nst_pickle_free(pickle);
    fuzz_ctx_free(ctx, &memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 3 && (data[0] == 'P' || (data[0] == 0x80 && data[2] == 0x8a))) fuzz_weights(data, size);
    else run_pickle(data, size);
    return 0;
}
