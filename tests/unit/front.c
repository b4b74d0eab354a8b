/* The first layers in bands: the same features and the same gradient as in one piece, bit for bit where kernels sum in one order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/failing_allocator.h"
#include "base/context.h"
#include "base/random.h"
#include "net/front.h"
#include "nst/nst.h"

enum { MOST_WIDTH = 23, MOST_HEIGHT = 210 };

typedef struct world {
    nst_ctx *ctx;
    nst_model *model;
    const nst_kernels *kernels;
    nst_exec exec;
    nst_network *network;
    failing_allocator memory;
    nst_real image[3 * MOST_WIDTH * MOST_HEIGHT];
} world;

static void run_here(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

static void set_network(world *w, nst_pool_mode pooling, nst_pad_mode padding)
{
    nst_network_config config = {pooling, false, padding, NST_PREPROCESSING_TORCH, true};
    nst_error error;
    nst_network_free(w->network);
    w->network = NULL;
    assert_int_equal(nst_network_new(w->ctx, w->model, &config, w->model->layer_count - 1, w->kernels, &w->exec, &w->network, &error), 0);
}

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    nst_random random = {7};
    nst_allocator hooks = failing_allocator_hooks(&w->memory);
    nst_ctx_config config;
    NST_INIT(config);
    config.allocator = &hooks;
    if (nst_ctx_new(&config, &w->ctx) < 0 || nst_model_new_untrained(w->ctx, 5, 1, &w->model) < 0) return -1;
    w->exec = (nst_exec){run_here, NULL, 1};
    w->kernels = nst_kernels_for(NST_CPU_REFERENCE, NST_PRECISION_FP32);
    for (int i = 0; i < 3 * MOST_WIDTH * MOST_HEIGHT; i++) w->image[i] = (nst_real)nst_random_uniform(&random);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    nst_network_free(w->network);
    nst_model_unref(w->model);
    nst_ctx_unref(w->ctx);
    assert_int_equal(w->memory.live, 0);
    free(w);
    return 0;
}

/* ---- what losses would see ---- */

/* Features of every layer as the tiles put them together, (C, H, W). */
typedef struct seen {
    const world *w;
    const nst_pass_config *config;
    nst_pass *pass;
    nst_real *features[NST_MAX_LAYERS], *before[NST_MAX_LAYERS]; /* before: of what the layer's convolution has read */
    size_t calls[NST_MAX_LAYERS];
} seen;

static nst_real *planes(const seen *s, nst_shape shape, const void *features)
{
    nst_real *planar = malloc((nst_shape_count(shape) + 1) * sizeof *planar);
    s->w->kernels->export_planar(&s->w->exec, shape, features, planar);
    return planar;
}

static void put(const seen *s, size_t layer, const nst_tile *tile, const void *features, nst_real **to)
{
    nst_shape whole = nst_network_shape(s->w->network, layer, s->config->width, s->config->height);
    nst_shape shape = {whole.channels, tile->shape.height, tile->shape.width};
    nst_real *part = planes(s, shape, features);
    const nst_region *r = &tile->region;
    if (!*to) {
        *to = malloc((nst_shape_count(whole) + 1) * sizeof **to);
        for (size_t i = 0; i < nst_shape_count(whole); i++) (*to)[i] = (nst_real)NAN;
    }
    for (size_t c = 0; c < whole.channels; c++)
        for (size_t row = r->row0; row < r->row1; row++)
            for (size_t column = r->column0; column < r->column1; column++) {
                size_t y = tile->row + row - r->row0, x = tile->column + column - r->column0;
                nst_real *value = &(*to)[(c * whole.height + y) * whole.width + x];
                assert_true(y < whole.height && x < whole.width && isnan(*value)); /* tiles cover a layer once */
                *value = part[(c * shape.height + row) * shape.width + column];
            }
    free(part);
}

static int32_t look(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    seen *s = user;
    size_t before;
    s->calls[layer]++;
    put(s, layer, tile, features, &s->features[layer]);
    if (nst_network_before(s->w->network, layer, &before) && s->config->tapped[before])
        put(s, before, tile, nst_pass_features(s->pass, before), &s->before[layer]);
    return NST_OK;
}

/* A gradient that depends on the place in the layer and on the features there, and on those of the layer before. */
static int32_t push(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient)
{
    seen *s = user;
    nst_shape shape = tile->shape;
    nst_real *g = planes(s, shape, gradient), *f = planes(s, shape, features);
    size_t before;
    bool looks = nst_network_before(s->w->network, layer, &before) && s->config->tapped[before];
    nst_real *b = looks ? planes(s, (nst_shape){s->w->network->layers[before].channels, shape.height, shape.width},
                                 nst_pass_features(s->pass, before)) : NULL;
    assert_int_equal(tile->region.row1 - tile->region.row0, shape.height);
    for (size_t i = 0; i < nst_shape_count(shape); i++) {
        size_t x = i % shape.width + tile->column, y = i / shape.width % shape.height + tile->row;
        g[i] += f[i] / 8 + (nst_real)((x * 31 + y * 17 + layer) % 13) / 32 + (b ? b[i % nst_shape_positions(shape)] / 16 : 0);
    }
    s->w->kernels->import_planar(&s->w->exec, shape, g, gradient);
    free(g), free(f), free(b);
    return NST_OK;
}

static void forget(seen *s)
{
    for (size_t i = 0; i < NST_MAX_LAYERS; i++) free(s->features[i]), free(s->before[i]);
    memset(s->features, 0, sizeof s->features);
    memset(s->before, 0, sizeof s->before);
    memset(s->calls, 0, sizeof s->calls);
}

static void run(seen *s, const world *w, const nst_pass_config *config, nst_pass *pass, nst_real *gradient)
{
    *s = (seen){.w = w, .config = config, .pass = pass};
    assert_int_equal(nst_pass_forward(pass, w->image, look, s), NST_OK);
    if (config->backward) assert_int_equal(nst_pass_backward(pass, w->image, push, s, gradient), NST_OK);
    assert_null(nst_pass_non_finite_layer(pass, w->image));
}

static void compare_planes(const seen *whole, const seen *banded, size_t layer, size_t of, const nst_real *a, const nst_real *b)
{
    nst_shape shape = nst_network_shape(whole->w->network, of, whole->config->width, whole->config->height);
    size_t bytes = nst_shape_count(shape) * sizeof *a;
    assert_true((a == NULL) == (b == NULL));
    if (a && memcmp(a, b, bytes) != 0)
        fail_msg("%zux%zu: %s as seen at %s", banded->config->width, banded->config->height, whole->w->network->layers[of].name,
                 whole->w->network->layers[layer].name);
}

static void compare(const seen *whole, const seen *banded, const nst_real *of_whole, const nst_real *of_banded)
{
    size_t values = 3 * whole->config->width * whole->config->height;
    for (size_t i = 0; i < whole->w->network->layer_count; i++) {
        size_t before = 0;
        compare_planes(whole, banded, i, i, whole->features[i], banded->features[i]);
        if (!nst_network_before(whole->w->network, i, &before)) continue;
        compare_planes(whole, banded, i, before, whole->before[i], banded->before[i]);
    }
    for (size_t i = 0; i < values && whole->config->backward; i++)
        if (of_whole[i] != of_banded[i])
            fail_msg("%zux%zu: gradient at %zu: %.9g, in bands %.9g", whole->config->width, whole->config->height, i, (double)of_whole[i],
                     (double)of_banded[i]);
}

/* A pass in bands is made for two sizes and turned to the second one. */
static void check(world *w, const bool *tapped, bool backward, size_t fronts, nst_extent first, nst_extent second)
{
    nst_pass_config config = {.ctx = w->ctx, .kernels = w->kernels, .exec = &w->exec, .network = w->network, .tapped = tapped,
                              .backward = backward, .width = first.width > second.width ? first.width : second.width,
                              .height = first.height > second.height ? first.height : second.height};
    nst_extent both[2] = {first, second};
    static nst_real gradients[2][3 * MOST_WIDTH * MOST_HEIGHT];
    nst_pass *passes[2];
    nst_error error;
    config.others = both;
    config.other_count = 2;
    for (int i = 0; i < 2; i++) {
        config.fronts = i == 1 ? fronts : 0;
        assert_int_equal(nst_pass_new(&config, &passes[i], &error), NST_OK);
    }
    for (int size = 0; size < 2; size++) {
        seen s[2];
        config.width = both[size].width;
        config.height = both[size].height;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(nst_pass_resize(passes[i], config.width, config.height), NST_OK);
            run(&s[i], w, &config, passes[i], gradients[i]);
        }
        compare(&s[0], &s[1], gradients[0], gradients[1]);
        if (config.height > 64 && tapped[0]) assert_true(s[1].calls[0] > 1 && s[0].calls[0] == 1);
        if (config.height > 128 && fronts > 1 && tapped[6] && !tapped[4]) assert_true(s[1].calls[6] > 1 && s[0].calls[6] == 1);
        for (int i = 0; i < 2; i++) forget(&s[i]);
    }
    for (int i = 0; i < 2; i++) nst_pass_free(passes[i]);
}

static nst_pass_config config_of(const world *w, const bool *tapped, size_t fronts)
{
    return (nst_pass_config){.ctx = w->ctx, .kernels = w->kernels, .exec = &w->exec, .network = w->network, .tapped = tapped,
                             .backward = true, .fronts = fronts, .width = 20, .height = 200};
}

static nst_extent random_extent(nst_random *random)
{
    return (nst_extent){16 + nst_random_u64(random) % (MOST_WIDTH - 15), 16 + nst_random_u64(random) % (MOST_HEIGHT - 15)};
}

static void in_bands_is_as_in_one_piece(void **state)
{
    world *w = *state;
    nst_random random = {11};
    for (int round = 0; round < 36; round++) {
        bool tapped[NST_MAX_LAYERS] = {false};
        nst_extent first = random_extent(&random), second = random_extent(&random);
        set_network(w, (nst_pool_mode)(round % 3), (nst_pad_mode)(round / 3 % 3));
        for (size_t i = 0; i < 12; i++) tapped[i] = nst_random_u64(&random) % 4 == 0; /* some do with notes alone, some do not */
        tapped[round % 2 ? 11 : 16] = true;
        check(w, tapped, round % 4 != 3, 1 + (size_t)round % 2, first, second);
    }
}

static void as_losses_usually_look(world *w)
{
    static const nst_extent extents[][2] = {{{20, 64}, {20, 65}}, {{17, 72}, {16, 71}}, {{16, 128}, {23, 210}}, {{16, 16}, {16, 195}}};
    bool tapped[NST_MAX_LAYERS] = {false};
    set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
    tapped[1] = tapped[6] = tapped[11] = true;
    for (size_t i = 0; i < sizeof extents / sizeof extents[0]; i++) check(w, tapped, true, 1 + i % 2, extents[i][0], extents[i][1]);
}

/* Notes are enough for the way back, and one layer of each stage again. */
static void what_is_told(world *w)
{
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    nst_pass_config config = config_of(w, tapped, 2);
    size_t bytes, recomputed;
    nst_error error;
    assert_int_equal(nst_pass_bytes(&config, &bytes, &recomputed, &error), NST_OK);
    assert_int_equal(recomputed, 2);
}

/* Wide enough for every way that convolutions go, and for the first layer of a stage to be computed again in all layouts: in blocks of 32
 * channels, 33 are more than 3. A BLAS rounds a product of another size in another way. */
static void at_every_level(void **state)
{
    world *w = *state;
    nst_model_unref(w->model);
    assert_int_equal(nst_model_new_untrained(w->ctx, 33, 1, &w->model), NST_OK);
    for (int level = NST_CPU_REFERENCE; level <= (int)w->ctx->level; level++)
        for (int precision = 0; precision < 2; precision++) {
            const nst_kernels *kernels = nst_kernels_for(level, (nst_precision)precision);
            if (kernels == w->kernels || strcmp(kernels->name, "cblas") == 0) continue;
            w->kernels = kernels;
            as_losses_usually_look(w);
            what_is_told(w);
        }
}

/* ---- memory ---- */

static void bands_take_less(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    nst_pass_config config = {.ctx = w->ctx, .kernels = w->kernels, .exec = &w->exec, .network = w->network, .tapped = tapped,
                              .backward = true, .width = 512, .height = 512};
    size_t whole, banded, recomputed;
    nst_error error;
    nst_model_unref(w->model);
    assert_int_equal(nst_model_new_untrained(w->ctx, 16, 1, &w->model), NST_OK);
    set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
    config.network = w->network;
    assert_int_equal(nst_pass_bytes(&config, &whole, &recomputed, &error), NST_OK);
    assert_int_equal(recomputed, 0);
    for (config.fronts = 1; config.fronts <= NST_MOST_FRONTS; config.fronts++) {
        assert_int_equal(nst_pass_bytes(&config, &banded, &recomputed, &error), NST_OK);
        assert_int_equal(recomputed, config.fronts);
        assert_true(banded < whole * (15 - 2 * config.fronts) / 21);
    }
}

/* ---- trouble ---- */

static void only_sizes_that_there_is_room_for(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    nst_pass_config config;
    nst_pass *pass;
    nst_error error;
    set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
    config = config_of(w, tapped, 2);
    config.width = 200;
    config.height = 64;
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    assert_int_equal(nst_pass_resize(pass, 100, 128), NST_ERR_INTERNAL); /* as many pixels in more bands */
    assert_int_equal(nst_pass_resize(pass, 200, 64), NST_OK);
    nst_pass_free(pass);
}

static void every_allocation_may_fail(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    nst_pass_config config;
    uint64_t k, before;
    set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
    config = config_of(w, tapped, 2);
    before = w->memory.live;
    for (k = 1;; k++) {
        nst_pass *pass;
        nst_error error;
        int32_t status;
        failing_allocator_arm(&w->memory, k, false);
        status = nst_pass_new(&config, &pass, &error);
        failing_allocator_disarm(&w->memory);
        nst_pass_free(pass);
        assert_int_equal(w->memory.live, before);
        if (!w->memory.failed) break;
        assert_int_equal(status, NST_ERR_NOMEM);
    }
    assert_true(k > 8);
}

static void the_layer_that_went_wrong_is_named(void **state)
{
    static const size_t convs[] = {0, 1, 3, 4};
    static const char *const names[] = {"conv1_1", "conv1_2", "conv2_2", "conv3_1"};
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    for (int i = 0; i < 4; i++) {
        nst_pass_config config;
        nst_pass *pass;
        nst_error error;
        nst_real bias[64];
        for (int c = 0; c < 64; c++) bias[c] = -(nst_real)INFINITY; /* the ReLU hides it */
        set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
        assert_true(w->network->convs[convs[i]].out_channels <= 64);
        w->network->convs[convs[i]].bias = bias;
        config = config_of(w, tapped, 2);
        assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
        assert_string_equal(nst_pass_non_finite_layer(pass, w->image), names[i]);
        nst_pass_free(pass);
    }
}

typedef struct stopper {
    _Atomic int cancel;
    int calls;
} stopper;

static int32_t stop(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    stopper *s = user;
    (void)layer, (void)tile, (void)features;
    s->calls++;
    s->cancel = 1;
    return NST_OK;
}

static int32_t stop_back(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient)
{
    (void)gradient;
    return layer == 1 ? stop(user, layer, tile, features) : NST_OK; /* in the first stage, which comes last */
}

static void cancelling_reaches_into_bands(void **state)
{
    world *w = *state;
    bool tapped[NST_MAX_LAYERS] = {[1] = true, [6] = true, [11] = true};
    static nst_real gradient[3 * MOST_WIDTH * MOST_HEIGHT];
    stopper s = {0, 0};
    nst_pass_config config;
    nst_pass *pass;
    nst_error error;
    set_network(w, NST_POOL_MAX, NST_PAD_ZERO);
    config = config_of(w, tapped, 2);
    config.cancel = &s.cancel;
    assert_int_equal(nst_pass_new(&config, &pass, &error), NST_OK);
    assert_int_equal(nst_pass_forward(pass, w->image, stop, &s), NST_ERR_CANCELLED);
    assert_int_equal(s.calls, 1); /* of the first of four bands */
    s.cancel = 0;
    assert_int_equal(nst_pass_forward(pass, w->image, stop, &s), NST_ERR_CANCELLED);
    s.cancel = s.calls = 0;
    assert_int_equal(nst_pass_backward(pass, w->image, stop_back, &s, gradient), NST_ERR_CANCELLED);
    assert_int_equal(s.calls, 1);
    nst_pass_free(pass);
}

#define in_world(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(in_bands_is_as_in_one_piece),
        in_world(at_every_level),
        in_world(bands_take_less),
        in_world(only_sizes_that_there_is_room_for),
        in_world(every_allocation_may_fail),
        in_world(the_layer_that_went_wrong_is_named),
        in_world(cancelling_reaches_into_bands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
