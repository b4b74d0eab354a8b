/* Where tiles lie: cores cover the picture once, what is around them is what they need, poolings fall in step; and the ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/ledger.h"
#include "base/number.h"
#include "base/random.h"
#include "net/walk.h"
#include "nst/nst.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Every position of a layer behind `pools` poolings is in the core of one tile. */
static void check_cover(const nst_tiling *tiling, int pools)
{
    size_t height = tiling->height >> pools, width = tiling->width >> pools;
    unsigned char *seen = calloc(height * width + 1, 1);
    for (size_t i = 0; i < nst_tiling_count(tiling); i++) {
        nst_cut cut = nst_tiling_get(tiling, i);
        nst_region core = nst_cut_core_at(&cut, pools);
        size_t row0, column0;
        nst_cut_origin_at(&cut, pools, &row0, &column0);
        for (size_t row = core.row0; row < core.row1; row++)
            for (size_t column = core.column0; column < core.column1; column++) seen[(row0 + row) * width + column0 + column]++;
    }
    for (size_t i = 0; i < height * width; i++) assert_int_equal(seen[i], 1);
    free(seen);
}

/* From `begin` to `end` around a core, along a side. */
static void check_around(const nst_tiling *tiling, size_t side, size_t core0, size_t core1, size_t begin, size_t end)
{
    assert_true(begin <= core0 && core1 <= end && end <= side && core0 < core1);
    assert_true(begin == 0 || core0 - begin >= tiling->halo);
    assert_true(end == side || end - core1 >= tiling->halo);
    assert_int_equal(begin % tiling->grid, 0);
    assert_true(end == side || end % (tiling->grid / NST_TILING_GRID) == 0);
}

static void cores_cover_the_picture_once(void **state)
{
    nst_random random = {3};
    (void)state;
    for (int round = 0; round < 200; round++) {
        int pools = (int)(nst_random_u64(&random) % 6);
        size_t width = 1 + nst_random_u64(&random) % 700, height = 1 + nst_random_u64(&random) % 700, unit = (size_t)1 << pools;
        nst_tiling tiling = nst_tiling_make(width, height, nst_random_u64(&random) % 800, nst_random_u64(&random) % 800,
                                            nst_random_u64(&random) % 10 * unit, unit);
        for (size_t i = 0; i < nst_tiling_count(&tiling); i++) {
            nst_cut cut = nst_tiling_get(&tiling, i);
            check_around(&tiling, width, cut.core.column0, cut.core.column1, cut.whole.column0, cut.whole.column1);
            check_around(&tiling, height, cut.core.row0, cut.core.row1, cut.whole.row0, cut.whole.row1);
        }
        for (int at = 0; at <= pools; at++) check_cover(&tiling, at);
    }
}

static void the_reach_is_that_of_vgg(void **state)
{
    static const struct { const char *layer; size_t reach, unit; } known[] = {
        {"relu1_1", 1, 1}, {"relu1_2", 2, 1}, {"relu2_1", 4, 2}, {"relu3_1", 12, 4}, {"relu4_2", 40, 8}, {"relu5_1", 80, 16}};
    nst_ctx *ctx;
    nst_model *model;
    nst_network network;
    nst_network_config config = {NST_POOL_MAX, false, NST_PAD_ZERO, NST_PREPROCESSING_TORCH, false};
    nst_error error;
    (void)state;
    assert_int_equal(nst_ctx_new(NULL, &ctx), NST_OK);
    assert_int_equal(nst_model_new_untrained(ctx, 1, 1, &model), NST_OK);
    assert_int_equal(nst_network_describe(model, &config, model->layer_count - 1, nst_kernels_for(0, NST_PRECISION_FP32), &network, &error),
                     NST_OK);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        for (size_t layer = 0; layer < network.layer_count; layer++) {
            if (strcmp(network.layers[layer].name, known[i].layer) != 0) continue;
            assert_int_equal(nst_tiling_unit(&network, layer + 1), known[i].unit);
            assert_int_equal(nst_tiling_reach(&network, 0, layer + 1), known[i].reach);
        }
    nst_model_unref(model);
    nst_ctx_unref(ctx);
}

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

/* Plans fit into their room, or say that none does; more room never means more work. */
static void plans_fit_their_room(void **state)
{
    nst_ctx *ctx;
    nst_model *model;
    nst_network network;
    nst_exec exec = {run_here, NULL, 1};
    nst_network_config config = {NST_POOL_MAX, false, NST_PAD_ZERO, NST_PREPROCESSING_TORCH, false};
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true};
    nst_error error;
    nst_pass_config pass = {.exec = &exec, .network = &network, .width = 1500, .height = 700, .tapped = tapped, .backward = true};
    nst_walk_plan whole, plan;
    const nst_tiling *way;
    double work = 0;
    (void)state;
    assert_int_equal(nst_ctx_new(NULL, &ctx), NST_OK);
    assert_int_equal(nst_model_new_untrained(ctx, 8, 1, &model), NST_OK);
    pass.ctx = ctx;
    pass.kernels = nst_kernels_for((int)NST_CPU_REFERENCE, NST_PRECISION_FP32);
    assert_int_equal(nst_network_describe(model, &config, 6, pass.kernels, &network, &error), NST_OK);
    assert_int_equal(nst_walk_make_plan(&pass, SIZE_MAX, &whole, &error), NST_OK);
    assert_false(nst_walk_tiled(&whole));
    for (int part = 40; part >= 1; part--) {
        size_t room = whole.bytes / 40 * (size_t)part;
        int32_t status = nst_walk_make_plan(&pass, room, &plan, &error);
        assert_true(status == NST_ERR_LIMIT ? plan.bytes > room && part < 4 : plan.bytes <= room);
        if (status < 0) break;
        way = &plan.ways[0].gradient;
        assert_true(plan.width <= smaller(1500, way->core_width + 2 * way->halo + way->grid));
        assert_true(nst_walk_work(&plan) >= work);
        work = nst_walk_work(&plan);
    }
    assert_true(nst_walk_tiled(&plan));
    nst_model_unref(model);
    nst_ctx_unref(ctx);
}

static void a_ledger_knows_what_was_held_at_most(void **state)
{
    nst_ledger ledger = {.used = 0};
    (void)state;
    nst_ledger_take(&ledger, NST_FOR_IMAGES, 10);
    nst_ledger_take(&ledger, NST_FOR_FEATURES, 100);
    nst_ledger_give(&ledger, NST_FOR_FEATURES, 100);
    nst_ledger_take(&ledger, NST_FOR_LOSSES, 90);
    assert_true(ledger.used == 100 && ledger.peak == 110 && ledger.at_peak[NST_FOR_FEATURES] == 100 && ledger.at_peak[NST_FOR_LOSSES] == 0);
    ledger.skipped[NST_FOR_TARGETS] = true;
    nst_ledger_take(&ledger, NST_FOR_TARGETS, 1000);
    assert_true(ledger.used == 100);
    nst_ledger_take(&ledger, NST_FOR_FEATURES, SIZE_MAX - 1);
    assert_true(ledger.peak == SIZE_MAX);
}

static void bytes_are_told_in_units(void **state)
{
    char text[NST_NUMBER_TEXT];
    (void)state;
    assert_string_equal(nst_format_bytes(0, text), "0 bytes");
    assert_string_equal(nst_format_bytes(999, text), "999 bytes");
    assert_string_equal(nst_format_bytes(1500, text), "1.5 kB");
    assert_string_equal(nst_format_bytes(1.5e9, text), "1.5 GB");
    assert_string_equal(nst_format_bytes(812345678, text), "812 MB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cores_cover_the_picture_once),
        cmocka_unit_test(the_reach_is_that_of_vgg),
        cmocka_unit_test(plans_fit_their_room),
        cmocka_unit_test(a_ledger_knows_what_was_held_at_most),
        cmocka_unit_test(bytes_are_told_in_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
