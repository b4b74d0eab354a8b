/* Writes the seeds of the targets params and checkpoint: make_session_seeds CORPUS */
#include "fuzz_session.h"

static const char *const params[] = {
    "{}",
    "{\"alpha\": 1e-3, \"beta\": 100, \"iterations\": 3, \"pooling\": \"average\", \"pooling-rescale\": true}",
    "{\"content_layers\": \"relu1_1:2, conv1_2\", \"style-layers\": \"pool1,relu2_1:0.5\", \"style-weights\": \"2\", \"size\": 12}",
    "{\"init\": \"noise\", \"init-noise\": 0.5, \"seed\": 9007199254740992, \"scales\": 2, \"size\": 16, \"style-layers\": \"relu1_1\","
    " \"content-layers\": \"conv1_1\"}",
    "{\"dialect\": \"normalised\", \"optimizer\": \"adam\", \"learning-rate\": 0.1, \"tolerance\": 0.01, \"size\": 0,"
    " \"style-layers\": \"relu2_2\", \"content-layers\": \"relu2_1\"}",
    "{\"padding\": \"reflect\", \"preprocessing\": \"caffe\", \"precision\": \"fp32\", \"line-search\": \"strong-wolfe\", \"history\": 7,"
    " \"style-scale\": 2, \"size\": 32}",
    "{\"nst:result\": {\"loss\": [1, 2, {\"x\": null}]}, \"tv\": \"auto\"}",
    "{\"alpha\": \"\\u0030\", \"tv\": -0.0}",
    "{\"alpha\": 1, \"alpha\": 2}",
    "{\"alpha\": 1e999}",
    "[1]",
};

static void write_params(const char *corpus)
{
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        char path[600];
        FILE *stream;
        snprintf(path, sizeof path, "%s/params/%02zu.json", corpus, i);
        stream = fopen(path, "wb");
        FUZZ_REQUIRE(stream && fputs(params[i], stream) >= 0);
        fclose(stream);
    }
}

/* As small as a state can be: a picture of 2 x 2. */
static void write_checkpoint(nst_ctx *ctx, const char *corpus, const char *name, const char *optimizer, int steps)
{
    nst_targets *targets = fuzz_targets_new(ctx);
    nst_options *options = NULL;
    nst_session *session = NULL;
    char path[600];
    const char *const values[][2] = {{"size", "2"}, {"history", "1"}, {"iterations", "5"}, {"content-layers", "relu1_1"},
                                     {"style-layers", "conv1_1"}, {"optimizer", optimizer}, {"init", "noise"}};
    FUZZ_REQUIRE(nst_options_new(ctx, &options) == NST_OK);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        FUZZ_REQUIRE(nst_options_set_str(options, values[i][0], values[i][1]) == NST_OK);
    FUZZ_REQUIRE(nst_session_new(targets, options, NULL, &session) == NST_OK);
    for (int i = 0; i < steps; i++) FUZZ_REQUIRE(nst_session_step(session) == NST_CONTINUE);
    snprintf(path, sizeof path, "%s/checkpoint/%s.safetensors", corpus, name);
    FUZZ_REQUIRE(nst_session_save(session, path) == NST_OK);
    nst_session_free(session);
    nst_options_free(options);
    nst_targets_unref(targets);
}

int main(int argc, char **argv)
{
    nst_ctx *ctx = NULL;
    FUZZ_REQUIRE(argc == 2 && nst_ctx_new(NULL, &ctx) == NST_OK);
    write_params(argv[1]);
    write_checkpoint(ctx, argv[1], "lbfgs-start", "lbfgs", 1);
    write_checkpoint(ctx, argv[1], "lbfgs", "lbfgs", 3);
    write_checkpoint(ctx, argv[1], "adam", "adam", 3);
    nst_ctx_unref(ctx);
    return 0;
}
