/* A weights file in memory through the public interface; what loads must have layers and finite numbers, and survive saving. */
#ifndef NST_FUZZ_WEIGHTS_H
#define NST_FUZZ_WEIGHTS_H

#include <string.h>

#include "fuzz.h"

static inline void fuzz_weights(const uint8_t *data, size_t size)
{
    failing_allocator memory = {0};
    nst_ctx *ctx = fuzz_ctx_new(&memory, (uint64_t)512 << 20, 0);
    nst_model *model = NULL;
    int32_t status = nst_model_load_memory(ctx, data, size, &model);
    FUZZ_REQUIRE((status == NST_OK) == (model != NULL));
    FUZZ_REQUIRE(status == NST_OK || nst_ctx_error(ctx)[0] != '\0');
    if (model) {
        nst_model_info info;
        NST_INIT(info);
        FUZZ_REQUIRE(nst_model_get_info(model, &info) == NST_OK);
        FUZZ_REQUIRE(info.convolutions >= 1 && info.convolutions <= 16 && strlen(info.fingerprint) == 64);
        FUZZ_REQUIRE(nst_model_layer_count(model) >= 2 * info.convolutions);
        nst_model_get_metadata(model, ""); /* walks all of it */
    }
    nst_model_unref(model);
    fuzz_ctx_free(ctx, &memory);
}

#endif
