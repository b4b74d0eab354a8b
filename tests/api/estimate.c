/* Memory told beforehand is what the allocator counts.
 *
 *     api_estimate [EVERY]     every so many of the situations, without the real network: for the suite precision, whose bf16 is on
 *                              emulated tiles and slow */
#include "memory_support.h"

static void check_estimate(const situation *s, bool real)
{
    outcome o = run(s, real, 0);
    const nst_estimate *e = &o.estimate;
    double ratio = (double)e->bytes / (double)(o.peak - o.before);
    if (getenv("NST_TEST_VERBOSE"))
        print_message("%.4f %llu of %llu: %s\n", ratio, (unsigned long long)e->bytes, (unsigned long long)(o.peak - o.before), s->options);
    assert_true(e->beside == o.before && e->limit == 0);
    assert_true(e->network + e->features + e->losses + e->targets + e->optimizer + e->images == e->bytes);
    if (!(ratio > 0.98 && ratio < 1.02))
        fail_msg("told %llu, taken %llu: %s", (unsigned long long)e->bytes, (unsigned long long)(o.peak - o.before), s->options);
}

static int every = 1;

static const situation situations[] = {
    {40, 30, 3, 1, "{\"size\": 40, \"iterations\": 1}"},
    {120, 90, 3, 1, "{\"size\": 120, \"iterations\": 2}"},
    {120, 90, 3, 1, "{\"size\": 257, \"iterations\": 2}"},
    {120, 90, 4, 1, "{\"size\": 130, \"iterations\": 2}"},
    {120, 90, 3, 1, "{\"size\": 200, \"iterations\": 2, \"photo\": 0.5}"},
    {120, 90, 3, 1, "{\"size\": 400, \"iterations\": 1, \"finish\": \"poisson\", \"content-layers\": \"relu1_1\", "
                    "\"style-layers\": \"relu1_1\", \"optimizer\": \"adam\"}"},
    {120, 90, 4, 1, "{\"size\": 400, \"iterations\": 1, \"finish\": \"guided\", \"content-layers\": \"relu1_1\", "
                    "\"style-layers\": \"relu1_1\", \"optimizer\": \"adam\"}"},
    {120, 90, 4, 1, "{\"size\": 400, \"iterations\": 1, \"enlarge\": 4, \"content-layers\": \"relu1_1\", \"style-layers\": \"relu1_1\"}"},
    {1200, 900, 3, 1, "{\"size\": 401, \"iterations\": 1, \"enlarge\": 3, \"content-layers\": \"relu1_1\", \"style-layers\": \"relu1_1\"}"},
    {120, 90, 3, 3, "{\"size\": 100, \"iterations\": 2, \"style-weights\": \"1,2,3\"}"},
    {120, 90, 3, 2, "{\"size\": 260, \"iterations\": 4, \"scales\": 2, \"octaves\": 3, \"style-weights\": \"1,0;relu1_1/4:0,1\"}"},
    {120, 90, 3, 1, "{\"size\": 100, \"iterations\": 2, \"style-scale\": 2.5}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 4, \"scales\": 3}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 4, \"scales\": 3, \"optimizer\": \"adam\"}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 1, \"optimizer\": \"adam\", \"init\": \"noise\"}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 2, \"history\": 3, \"init\": \"style\"}"},
    {120, 90, 3, 1, "{\"size\": 150, \"iterations\": 2, \"pooling\": \"l2\"}"},
    {120, 90, 3, 1, "{\"size\": 150, \"iterations\": 2, \"pooling\": \"average\", \"padding\": \"reflect\"}"},
    {120, 90, 3, 1, "{\"size\": 150, \"iterations\": 2, \"content-layers\": \"conv1_1,relu3_2,pool4\", \"style-layers\": \"relu5_4\"}"},
    {120, 90, 3, 1, "{\"size\": 150, \"iterations\": 2, \"content-layers\": \"relu1_1\", \"style-layers\": \"conv1_1,pool1\"}"},
    {120, 90, 3, 2, "{\"size\": 150, \"iterations\": 2, \"colour\": \"match\"}"},
    {700, 900, 4, 1, "{\"size\": 40, \"iterations\": 1, \"colour\": \"keep\", \"optimizer\": \"adam\"}"},
    {700, 900, 3, 1, "{\"size\": 40, \"iterations\": 1, \"colour\": \"luminance\", \"style-layers\": \"relu1_1\"}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 2, \"histogram\": 1}"},
    {120, 90, 3, 3, "{\"size\": 160, \"iterations\": 4, \"scales\": 2, \"octaves\": 2, \"histogram\": 1, "
                    "\"histogram-layers\": \"conv1_1,relu2_2,relu5_1\"}"},
    {0, 0, 0, 2, "{\"size\": 128, \"iterations\": 2, \"init\": \"noise\", \"histogram\": 2}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 2, \"style-statistics\": \"chained\"}"},
    {120, 90, 3, 2, "{\"size\": 160, \"iterations\": 4, \"scales\": 2, \"octaves\": 2, \"style-statistics\": \"chained\", "
                    "\"style-layers\": \"relu1_2,conv2_1,relu2_1,relu4_3\"}"},
    {120, 90, 3, 1, "{\"size\": 300, \"iterations\": 1, \"content-layers\": \"relu1_1\", \"style-layers\": \"conv1_2\", "
                    "\"optimizer\": \"adam\", \"style-statistics\": \"chained\"}"},
    {0, 0, 0, 2, "{\"size\": 128, \"iterations\": 2, \"init\": \"noise\", \"style-statistics\": \"chained\"}"},
    {0, 0, 0, 1, "{\"width\": 64, \"height\": 170, \"iterations\": 2, \"init\": \"noise\", \"scales\": 2}"},
    {0, 0, 0, 2, "{\"size\": 128, \"iterations\": 2, \"init\": \"noise\"}"},
    {150, 150, 3, 0, "{\"size\": 150, \"iterations\": 2, \"init\": \"gray\"}"},
    {120, 90, 3, 1, "{\"size\": 160, \"iterations\": 2, \"octaves\": 2, \"guide-mode\": \"simple\"}"},
    {120, 90, 3, 1, "{\"size\": 300, \"iterations\": 1, \"content-layers\": \"relu1_1\", \"style-layers\": \"relu1_1\", "
                    "\"optimizer\": \"adam\", \"guide-mode\": \"simple\"}"},
    {120, 90, 3, 2, "{\"size\": 160, \"iterations\": 4, \"scales\": 2, \"guide-mode\": \"inside\"}"},
    {0, 0, 0, 1, "{\"size\": 128, \"iterations\": 2, \"init\": \"noise\", \"guide-mode\": \"simple\"}"},
};
enum { SITUATIONS = sizeof situations / sizeof situations[0] };

static void the_estimate_is_the_peak(void **state)
{
    (void)state;
    for (int i = 0; i < SITUATIONS; i += every) check_estimate(&situations[i], false);
}

static void the_estimate_is_the_peak_with_vgg19(void **state)
{
    static const situation real[] = {
        {224, 200, 3, 1, "{\"size\": 224, \"iterations\": 1}"},
        {200, 240, 3, 1, "{\"size\": 200, \"iterations\": 2, \"optimizer\": \"adam\", \"scales\": 2}"},
        {200, 240, 3, 1, "{\"size\": 160, \"iterations\": 1, \"content-layers\": \"relu3_1\", \"style-layers\": \"relu2_1,relu3_1\"}"},
        {200, 240, 3, 1, "{\"size\": 200, \"iterations\": 1, \"style-statistics\": \"chained\"}"},
    };
    nst_ctx *ctx = NULL;
    nst_model *model;
    (void)state;
    if (every > 1) skip();
    assert_ok(nst_ctx_new(NULL, &ctx));
    model = real_model(ctx);
    nst_model_unref(model);
    nst_ctx_unref(ctx);
    if (!model) skip();
    for (int i = 0; i < 4; i++) check_estimate(&real[i], true);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_the_peak),
        cmocka_unit_test(the_estimate_is_the_peak_with_vgg19),
    };
    if (count > 1) every = atoi(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
