/* Options as JSON: all or nothing; what is taken comes back the same, and a session either can be made of it or says why not. */
#include "fuzz_session.h"

static char *write_json(const nst_options *options, uint64_t *length)
{
    char *text;
    FUZZ_REQUIRE(nst_options_to_json(options, 1, NULL, 0, length) == NST_OK);
    text = malloc(*length + 1);
    FUZZ_REQUIRE(text);
    FUZZ_REQUIRE(nst_options_to_json(options, 1, text, *length + 1, length) == NST_OK);
    FUZZ_REQUIRE(strlen(text) == *length);
    return text;
}

static void require_round_trip(nst_ctx *ctx, const nst_options *options)
{
    nst_options *again = NULL;
    uint64_t length, length_again;
    char *text = write_json(options, &length), *text_again;
    FUZZ_REQUIRE(nst_options_new(ctx, &again) == NST_OK);
    FUZZ_REQUIRE(nst_options_from_json(again, text, length) == NST_OK);
    text_again = write_json(again, &length_again);
    FUZZ_REQUIRE(strcmp(text, text_again) == 0);
    nst_options_free(again);
    free(text);
    free(text_again);
}

/* A long memory for a run of one step is legitimate, but no use here. */
static void try_session(nst_ctx *ctx, nst_options *options)
{
    nst_targets *targets = fuzz_targets_new(ctx);
    nst_session *session = NULL;
    nst_options_set_str(options, "history", "2");
    if (nst_session_new(targets, options, NULL, &session) == NST_OK) fuzz_use_session(session);
    else FUZZ_REQUIRE(!session && nst_ctx_error(ctx)[0]);
    nst_session_free(session);
    nst_targets_unref(targets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    failing_allocator memory = {0};
    nst_ctx *ctx = fuzz_ctx_new(&memory, UINT64_C(256) << 20, 1u << 12);
    nst_options *options = NULL;
    FUZZ_REQUIRE(nst_options_new(ctx, &options) == NST_OK);
    if (nst_options_from_json(options, (const char *)data, size) == NST_OK) {
        require_round_trip(ctx, options);
        try_session(ctx, options);
    } else {
        FUZZ_REQUIRE(nst_options_error(options)[0]);
        for (uint32_t i = 0; i < nst_option_count(); i++) {
            nst_option_info info;
            NST_INIT(info);
            FUZZ_REQUIRE(nst_option_info_by_index(i, &info) == NST_OK);
            FUZZ_REQUIRE(!nst_options_is_set(options, info.key));
        }
    }
    nst_options_free(options);
    fuzz_ctx_free(ctx, &memory);
    return 0;
}
