/* Losses on parts of a picture: values against the formulas written out here, gradients against central differences, tiles. */
#include "loss_support.h"

enum { C = 4, H = 9, W = 11, M = H * W, N = C * M, R = 2, TARGET_H = 6, TARGET_W = 8, TARGET_M = TARGET_H * TARGET_W };
static const nst_shape shape = {C, H, W}, target_shape = {C, TARGET_H, TARGET_W};
static const double shares[R] = {0.3, 0.7};

/* Two soft guides that overlap, with some positions in neither. */
static void fill_guides(double *guides, size_t positions, uint64_t seed)
{
    nst_random random = {seed};
    for (size_t i = 0; i < positions; i++) {
        double t = (double)i / (double)positions;
        guides[i] = t < 0.7 ? nst_random_uniform(&random) : 0;
        guides[positions + i] = t > 0.3 ? nst_random_uniform(&random) : 0;
    }
}

static nst_loss_tools tools_with(const double *guide, size_t regions)
{
    return (nst_loss_tools){.kernels = nst_kernels_for(0, NST_PRECISION_FP32), .exec = &exec, .regions = regions,
                            .weighted = regions == 0, .guide = guide, .shares = shares};
}

static void *make_target(const nst_loss_class *class, const nst_loss_tools *tools, nst_shape from, const double *features)
{
    void *target = calloc(1, class->target_bytes(tools, from)), *workspace = malloc(class->workspace_bytes(tools, from) + 1);
    for (size_t row = 0; row < from.height; row++) {
        nst_tile tile = {from, {row, row + 1, 0, from.width}, row, 0};
        class->target_accumulate(tools, from, &tile, features, target, workspace);
    }
    class->target_finish(from, target);
    free(workspace);
    return target;
}

/* For a picture of `shape`; the target is the loss's from now on. */
static nst_loss open_loss(const nst_loss_class *class, nst_dialect dialect, nst_loss_tools tools, void *target)
{
    nst_loss loss = {.class = class, .tools = tools, .shape = shape, .weight = 0.7, .dialect = dialect, .target = target};
    loss.state = malloc(class->state_bytes(&tools, shape));
    loss.workspace = malloc(class->workspace_bytes(&tools, shape) + 1);
    loss.factor = class->factor(dialect, shape, target);
    return loss;
}

static void check_gradient(nst_loss *loss, double *features)
{
    double gradient[N] = {0}, worst = 0, norm = 0;
    const double step = 1e-5;
    nst_loss_evaluate(loss, features);
    nst_loss_differentiate(loss, features, gradient);
    for (size_t i = 0; i < N; i++) {
        double here = features[i], up, down;
        features[i] = here + step;
        up = nst_loss_evaluate(loss, features);
        features[i] = here - step;
        down = nst_loss_evaluate(loss, features);
        features[i] = here;
        worst = fmax(worst, fabs((up - down) / (2 * step) - gradient[i]));
        norm = fmax(norm, fabs(gradient[i]));
    }
    assert_true(norm > 0);
    if (!(worst <= 1e-7 * norm)) fail_msg("worst difference %g of %g", worst, norm);
}

/* Positions that no region has get no gradient. */
static double guided_entry(const double *f, const double *guide, int positions, int a, int b)
{
    double sum = 0, mass = 0;
    for (int i = 0; i < positions; i++) {
        sum += guide[i] * guide[i] * f[a * positions + i] * f[b * positions + i];
        mass += guide[i] * guide[i];
    }
    return sum / mass;
}

static double guided_by_formula(nst_dialect dialect, const double *f, const double *guides, const double *s, const double *style_guides)
{
    double sum = 0;
    for (int r = 0; r < R; r++) {
        double difference = 0, power = 0, n2 = C * C;
        for (int a = 0; a < C; a++)
            for (int b = 0; b < C; b++) {
                double wanted = guided_entry(s, style_guides + r * TARGET_M, TARGET_M, a, b);
                difference += pow(guided_entry(f, guides + r * M, M, a, b) - wanted, 2);
                power += wanted * wanted;
            }
        if (dialect == NST_DIALECT_NORMALISED) difference /= power;
        else difference /= dialect == NST_DIALECT_GATYS_PAPER ? 4 * n2 : n2 * n2;
        sum += shares[r] * difference;
    }
    return sum;
}

static void two_overlapping_guides(void **state)
{
    double features[N], style[C * TARGET_M], guides[R * M] = {0}, style_guides[R * TARGET_M] = {0};
    (void)state;
    fill(features, N, 1);
    fill(style, C * TARGET_M, 2);
    fill_guides(guides, M, 3);
    fill_guides(style_guides, TARGET_M, 4);
    for (int dialect = NST_DIALECT_NEURAL_STYLE; dialect <= NST_DIALECT_NORMALISED; dialect++) {
        nst_loss_tools of_style = tools_with(style_guides, R);
        nst_loss loss = open_loss(&nst_loss_guided, (nst_dialect)dialect, tools_with(guides, R),
                                  make_target(&nst_loss_guided, &of_style, target_shape, style));
        assert_close(nst_loss_evaluate(&loss, features),
                     0.7 * guided_by_formula((nst_dialect)dialect, features, guides, style, style_guides));
        check_gradient(&loss, features);
        close_loss(&loss);
    }
}

static void one_region_of_everything_is_no_guide(void **state)
{
    double features[N], style[N], ones[M] = {0}, gradient[N] = {0}, plain_gradient[N] = {0};
    nst_loss_tools tools = tools_with(ones, 1);
    nst_loss loss, plain;
    (void)state;
    fill(features, N, 5);
    fill(style, N, 6);
    for (int i = 0; i < M; i++) ones[i] = 1;
    tools.shares = (const double[]){1};
    for (int dialect = NST_DIALECT_NEURAL_STYLE; dialect <= NST_DIALECT_NORMALISED; dialect++) {
        loss = open_loss(&nst_loss_guided, (nst_dialect)dialect, tools, make_target(&nst_loss_guided, &tools, shape, style));
        plain = open_loss(&nst_loss_gram, (nst_dialect)dialect, tools, make_target(&nst_loss_gram, &tools, shape, style));
        assert_close(nst_loss_evaluate(&loss, features), nst_loss_evaluate(&plain, features));
        nst_loss_differentiate(&loss, features, gradient);
        nst_loss_differentiate(&plain, features, plain_gradient);
        for (int i = 0; i < N; i++) assert_true(fabs(gradient[i] - plain_gradient[i]) <= 1e-12 * (1 + fabs(gradient[i])));
        close_loss(&loss);
        close_loss(&plain);
    }
}

/* Of two styles, one of which lacks the second region: the first region is of both, the second of the other alone. */
static void styles_give_the_regions_that_they_have(void **state)
{
    double one[N], other[N], guides[R * M] = {0}, half[R * M] = {0}, *blend;
    nst_loss_tools full = tools_with(guides, R), lacking = tools_with(half, R);
    double *a, *b;
    (void)state;
    fill(one, N, 7);
    fill(other, N, 8);
    fill_guides(guides, M, 9);
    memcpy(half, guides, sizeof half);
    memset(half + M, 0, M * sizeof *half);
    a = make_target(&nst_loss_guided, &lacking, shape, one);
    b = make_target(&nst_loss_guided, &full, shape, other);
    blend = calloc(1, nst_loss_guided.target_bytes(&full, shape));
    nst_loss_guided.target_blend(shape, 0.25, a, blend);
    nst_loss_guided.target_blend(shape, 0.75, b, blend);
    assert_close(blend[1], 1); /* behind the number of regions the weight of the first, and its matrix */
    assert_close(blend[2 + C * C], 0.75);
    for (int i = 0; i < C * C; i++) {
        assert_close(blend[2 + i], 0.25 * guided_entry(one, guides, M, i / C, i % C) + 0.75 * guided_entry(other, guides, M, i / C, i % C));
        assert_close(blend[3 + C * C + i] / 0.75, guided_entry(other, guides + M, M, i / C, i % C));
    }
    free(a);
    free(b);
    free(blend);
}

/* A region that the picture, or the style, does not have at a layer is left out; without any the loss is 0. */
static void absent_regions_are_left_out(void **state)
{
    double features[N], style[N], guides[R * M] = {0}, none[R * M] = {0}, gradient[N] = {0};
    nst_loss_tools full = tools_with(guides, R), empty = tools_with(none, R);
    nst_loss loss;
    (void)state;
    fill(features, N, 10);
    fill(style, N, 11);
    fill_guides(guides, M, 12);
    loss = open_loss(&nst_loss_guided, NST_DIALECT_NORMALISED, empty, make_target(&nst_loss_guided, &full, shape, style));
    assert_true(nst_loss_evaluate(&loss, features) == 0);
    nst_loss_differentiate(&loss, features, gradient);
    close_loss(&loss);
    loss = open_loss(&nst_loss_guided, NST_DIALECT_NORMALISED, full, make_target(&nst_loss_guided, &empty, shape, style));
    assert_true(nst_loss_evaluate(&loss, features) == 0);
    nst_loss_differentiate(&loss, features, gradient);
    close_loss(&loss);
    for (int i = 0; i < N; i++) assert_true(gradient[i] == 0);
}

static void content_with_weights(void **state)
{
    double features[N], content[N], roots[M] = {0}, sum = 0;
    nst_loss loss, plain;
    nst_loss_tools tools = tools_with(roots, 0), unweighted = tools_with(NULL, 0);
    nst_random random = {13};
    (void)state;
    fill(features, N, 14);
    fill(content, N, 15);
    for (int i = 0; i < M; i++) roots[i] = i % 3 ? nst_random_uniform(&random) : 0;
    for (int i = 0; i < N; i++) sum += pow(roots[i % M] * (features[i] - content[i]), 2);
    loss = open_loss(&nst_loss_content, NST_DIALECT_GATYS_CODE, tools, make_target(&nst_loss_content, &tools, shape, content));
    plain = open_loss(&nst_loss_content, NST_DIALECT_GATYS_CODE, unweighted, make_target(&nst_loss_content, &tools, shape, content));
    assert_close(nst_loss_evaluate(&loss, features), 0.7 * sum / N);
    nst_loss_evaluate(&plain, features);
    assert_close(nst_content_retention(&loss), nst_content_retention(&plain));
    check_gradient(&loss, features);
    close_loss(&loss);
    close_loss(&plain);
}

/* ---- tiles ---- */

static const nst_region cuts[] = {{0, 4, 0, 5}, {0, 4, 5, W}, {4, H, 0, 2}, {4, H, 2, W}};

/* A piece of features (C, H, W) with a margin of 1 where there is something beyond. */
static nst_tile cut_out(const nst_region *cut, const double *features, double *part)
{
    nst_region around = {cut->row0 - (cut->row0 > 0), cut->row1 + (cut->row1 < H), cut->column0 - (cut->column0 > 0),
                         cut->column1 + (cut->column1 < W)};
    nst_shape of = {C, around.row1 - around.row0, around.column1 - around.column0};
    for (size_t c = 0; c < C; c++)
        for (size_t y = 0; y < of.height; y++)
            memcpy(part + (c * of.height + y) * of.width, features + c * M + (around.row0 + y) * W + around.column0,
                   of.width * sizeof *part);
    return (nst_tile){of, {cut->row0 - around.row0, cut->row1 - around.row0, cut->column0 - around.column0,
                           cut->column1 - around.column0}, cut->row0, cut->column0};
}

static void check_tiles(const nst_loss_class *class, nst_loss_tools tools)
{
    double features[N], image[N], part[N], gradient[N] = {0}, tiled[N] = {0}, value;
    nst_loss loss;
    fill(features, N, 16);
    fill(image, N, 17);
    loss = open_loss(class, NST_DIALECT_NORMALISED, tools, make_target(class, &tools, shape, image));
    value = nst_loss_evaluate(&loss, features);
    nst_loss_differentiate(&loss, features, gradient);
    class->begin(&loss);
    for (size_t i = 0; i < 4; i++) {
        nst_tile tile = cut_out(&cuts[i], features, part);
        class->accumulate(&loss, &tile, part);
    }
    assert_close(nst_loss_finish(&loss), value);
    for (size_t i = 0; i < 4; i++) {
        double back[N] = {0};
        nst_tile tile = cut_out(&cuts[i], features, part);
        nst_loss_seed(&loss, &tile, part, back);
        for (size_t k = 0; k < N; k++) {
            size_t c = k / M, y = k / W % H, x = k % W;
            size_t row = tile.region.row0 + y - tile.row, column = tile.region.column0 + x - tile.column;
            if (y < cuts[i].row0 || y >= cuts[i].row1 || x < cuts[i].column0 || x >= cuts[i].column1) continue;
            tiled[k] = back[(c * tile.shape.height + row) * tile.shape.width + column];
        }
    }
    for (size_t i = 0; i < N; i++) assert_true(fabs(gradient[i] - tiled[i]) <= 1e-12 * (1 + fabs(gradient[i])));
    close_loss(&loss);
}

static void tiles_make_the_whole(void **state)
{
    double guides[R * M] = {0};
    (void)state;
    fill_guides(guides, M, 18);
    check_tiles(&nst_loss_guided, tools_with(guides, R));
    check_tiles(&nst_loss_content, tools_with(guides, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_overlapping_guides),
        cmocka_unit_test(one_region_of_everything_is_no_guide),
        cmocka_unit_test(styles_give_the_regions_that_they_have),
        cmocka_unit_test(absent_regions_are_left_out),
        cmocka_unit_test(content_with_weights),
        cmocka_unit_test(tiles_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
