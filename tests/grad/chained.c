/* Chained Gram matrices: entries worked out by hand, values against the formula written out here, gradients by both layers against central
 * differences, bands and tiles. */
#include "loss_support.h"

enum { MOST = 6, H = 6, W = 7, M = H * W, TARGET_H = 4, TARGET_W = 9, TARGET_M = TARGET_H * TARGET_W };
static const nst_dialect dialects[] = {NST_DIALECT_NEURAL_STYLE, NST_DIALECT_GATYS_PAPER, NST_DIALECT_GATYS_CODE,
                                       NST_DIALECT_NORMALISED};
/* Channels of a layer, and of what its convolution has read. */
static const size_t channels[][2] = {{5, 3}, {3, 6}, {4, 4}, {1, 2}};
enum { PAIRS = sizeof channels / sizeof channels[0] };

/* A layer's features (C, h, w) and those that its convolution has read (C', h, w). */
typedef struct pair {
    size_t channels, before, height, width;
    double *f, *b;
} pair;

/* As activations are: not centred. */
static double *noise(size_t count, uint64_t seed)
{
    nst_random random = {seed};
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = fmax(0, nst_random_normal(&random) + 0.3);
    return values;
}

static pair new_pair(const size_t of[2], size_t height, size_t width, uint64_t seed)
{
    size_t positions = height * width;
    return (pair){of[0], of[1], height, width, noise(of[0] * positions, seed), noise(of[1] * positions, seed + 100)};
}

static void free_pair(pair *p)
{
    free(p->f);
    free(p->b);
}

static nst_shape shape_of(const pair *p)
{
    return (nst_shape){p->channels, p->height, p->width};
}

static nst_loss_tools tools_for(const pair *p)
{
    return (nst_loss_tools){.kernels = nst_kernels_for(0, NST_PRECISION_FP32), .exec = &exec, .before_channels = p->before, .before = p->b};
}

static double *make_target(const pair *style)
{
    nst_loss_tools tools = tools_for(style);
    nst_tile whole = nst_tile_whole(shape_of(style));
    double *target = calloc(1, nst_loss_chained.target_bytes(&tools, whole.shape));
    void *workspace = malloc(nst_loss_chained.workspace_bytes(&tools, whole.shape));
    nst_loss_chained.target_accumulate(&tools, whole.shape, &whole, style->f, target, workspace);
    nst_loss_chained.target_finish(whole.shape, target);
    free(workspace);
    return target;
}

/* `target` is the loss's from now on. */
static nst_loss open_with(nst_dialect dialect, double *target, const pair *picture)
{
    nst_loss loss = {.class = &nst_loss_chained, .tools = tools_for(picture), .shape = shape_of(picture), .weight = 0.7, .target = target};
    loss.state = malloc(nst_loss_chained.state_bytes(&loss.tools, loss.shape));
    loss.workspace = malloc(nst_loss_chained.workspace_bytes(&loss.tools, loss.shape));
    loss.factor = nst_loss_chained.factor(dialect, loss.shape, target);
    return loss;
}

static nst_loss open_loss(nst_dialect dialect, const pair *style, const pair *picture)
{
    return open_with(dialect, make_target(style), picture);
}

/* ---- values ---- */

static void entries_worked_out_by_hand(void **state)
{
    double f[] = {1, 2, 3, 4}, b[] = {1, 0, 0, 1, 1, 1};
    static const double wanted[] = {3, 0.5, 1, 1.5, 1.5, 2, 3.5}; /* C', then (1 0)(1 2)/2, (0 1)(1 2)/2, ... */
    pair p = {2, 3, 1, 2, f, b};
    double *target = make_target(&p);
    (void)state;
    for (int i = 0; i < 7; i++) assert_true(target[i] == wanted[i]);
    free(target);
}

/* A channel of the layer that is one of the layer in front, moved by a column: the chained matrix sees it, no Gram matrix does. */
static void what_no_gram_matrix_sees(void **state)
{
    double b[] = {1, 0, 0, 0}, same[] = {1, 0, 0, 0}, moved[] = {0, 1, 0, 0};
    const pair style = {1, 1, 1, 4, same, b}, picture = {1, 1, 1, 4, moved, b};
    nst_loss loss = open_loss(NST_DIALECT_NORMALISED, &style, &picture);
    (void)state;
    assert_close(nst_loss_evaluate(&loss, moved), 0.7);
    close_loss(&loss);
}

static double entry(const pair *p, size_t i, size_t j)
{
    size_t positions = p->height * p->width;
    double sum = 0;
    for (size_t k = 0; k < positions; k++) sum += p->f[i * positions + k] * p->b[j * positions + k];
    return sum / (double)positions;
}

static double by_formula(nst_dialect dialect, const pair *x, const pair *style)
{
    double sum = 0, norm = 0, entries = (double)(x->channels * x->before);
    for (size_t i = 0; i < x->channels; i++)
        for (size_t j = 0; j < x->before; j++) {
            sum += pow(entry(x, i, j) - entry(style, i, j), 2);
            norm += pow(entry(style, i, j), 2);
        }
    if (dialect == NST_DIALECT_NORMALISED) return sum / norm;
    return dialect == NST_DIALECT_GATYS_PAPER ? sum / (4 * entries) : sum / (entries * entries);
}

/* ---- gradients ---- */

static double difference(nst_loss *loss, const double *features, double *value)
{
    const double step = 1e-5, here = *value;
    double up, down;
    *value = here + step;
    up = nst_loss_evaluate(loss, features);
    *value = here - step;
    down = nst_loss_evaluate(loss, features);
    *value = here;
    return (up - down) / (2 * step);
}

static double worst_difference(nst_loss *loss, const pair *p, double *values, const double *gradient, size_t count)
{
    double worst = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs(difference(loss, p->f, &values[i]) - gradient[i]));
        norm = fmax(norm, fabs(gradient[i]));
    }
    assert_true(norm > 0);
    return worst / norm;
}

static void check_gradients(nst_loss *loss, const pair *p)
{
    nst_tile whole = nst_tile_whole(loss->shape);
    size_t of_f = p->channels * M, of_b = p->before * M;
    double *by_f = calloc(of_f, sizeof *by_f), *by_b = calloc(of_b, sizeof *by_b), worst;
    nst_loss_evaluate(loss, p->f);
    nst_loss_seed(loss, &whole, p->f, by_f);
    nst_loss_seed_before(loss, &whole, p->f, by_b);
    worst = fmax(worst_difference(loss, p, p->f, by_f, of_f), worst_difference(loss, p, p->b, by_b, of_b));
    if (getenv("NST_TEST_VERBOSE")) print_message("%zu and %zu channels: %.3g\n", p->channels, p->before, worst);
    assert_true(worst <= 1e-7);
    free(by_f);
    free(by_b);
}

static void every_dialect_and_both_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        pair x = new_pair(channels[i], H, W, 1), style = new_pair(channels[i], TARGET_H, TARGET_W, 2);
        for (size_t d = 0; d < 4; d++) {
            nst_loss loss = open_loss(dialects[d], &style, &x);
            assert_close(nst_loss_evaluate(&loss, x.f), 0.7 * by_formula(dialects[d], &x, &style));
            check_gradients(&loss, &x);
            close_loss(&loss);
        }
        free_pair(&x);
        free_pair(&style);
    }
}

/* In `normalised` it does not matter in what units both layers are. */
static void normalised_has_no_unit(void **state)
{
    pair x = new_pair(channels[0], H, W, 3), style = new_pair(channels[0], TARGET_H, TARGET_W, 4);
    nst_loss loss = open_loss(NST_DIALECT_NORMALISED, &style, &x);
    double value = nst_loss_evaluate(&loss, x.f);
    (void)state;
    close_loss(&loss);
    for (size_t i = 0; i < x.channels * M; i++) x.f[i] *= 512;
    for (size_t i = 0; i < x.channels * TARGET_M; i++) style.f[i] *= 512;
    for (size_t i = 0; i < x.before * M; i++) x.b[i] /= 30;
    for (size_t i = 0; i < x.before * TARGET_M; i++) style.b[i] /= 30;
    loss = open_loss(NST_DIALECT_NORMALISED, &style, &x);
    assert_close(nst_loss_evaluate(&loss, x.f), value);
    close_loss(&loss);
    free_pair(&x);
    free_pair(&style);
}

static void blended_styles_are_the_mean_of_matrices(void **state)
{
    pair x = new_pair(channels[1], H, W, 5), one = new_pair(channels[1], H, W, 6), other = new_pair(channels[1], H, W, 7);
    double *a = make_target(&one), *b = make_target(&other), *blend = calloc(1 + one.channels * one.before, sizeof *blend);
    (void)state;
    nst_loss_chained.target_blend(shape_of(&x), 0.25, a, blend);
    nst_loss_chained.target_blend(shape_of(&x), 0.75, b, blend);
    for (size_t k = 0; k < one.channels * one.before; k++) {
        size_t i = k / one.before, j = k % one.before;
        assert_close(blend[1 + k], 0.25 * entry(&one, i, j) + 0.75 * entry(&other, i, j));
    }
    free(a);
    free(b);
    free(blend);
    free_pair(&x);
    free_pair(&one);
    free_pair(&other);
}

/* A blank style must not divide by zero. */
static void a_blank_style_is_finite(void **state)
{
    double nothing[2 * TARGET_M] = {0}, *gradient;
    pair x = new_pair(channels[3], H, W, 8), style = {1, 2, TARGET_H, TARGET_W, nothing, nothing};
    nst_loss loss = open_loss(NST_DIALECT_NORMALISED, &style, &x);
    (void)state;
    assert_true(isfinite(nst_loss_evaluate(&loss, x.f)) && loss.value > 0);
    gradient = calloc(M, sizeof *gradient);
    nst_loss_differentiate(&loss, x.f, gradient);
    for (size_t i = 0; i < M; i++) assert_true(isfinite(gradient[i]));
    free(gradient);
    close_loss(&loss);
    free_pair(&x);
}

/* ---- parts ---- */

/* 2/M D B and 2/M D^T F, times the weight; `transposed`: the second. */
static double gradient_by_formula(const nst_loss *loss, const pair *x, const pair *style, bool transposed, size_t c, size_t k)
{
    size_t positions = x->height * x->width, others = transposed ? x->channels : x->before;
    const double *other = transposed ? x->f : x->b;
    double sum = 0;
    for (size_t o = 0; o < others; o++) {
        size_t i = transposed ? o : c, j = transposed ? c : o;
        sum += (entry(x, i, j) - entry(style, i, j)) * other[o * positions + k];
    }
    return loss->weight * loss->factor * 2 / (double)positions * sum;
}

static void check_by_formula(const nst_loss *loss, const pair *x, const pair *style, bool transposed, const double *gradient)
{
    size_t positions = x->height * x->width;
    for (size_t c = 0; c < (transposed ? x->before : x->channels); c++)
        for (size_t k = 0; k < positions; k += 97) {
            double wanted = gradient_by_formula(loss, x, style, transposed, c, k);
            assert_true(fabs(gradient[c * positions + k] - wanted) <= 1e-12 * (fabs(wanted) + loss->factor / (double)positions));
        }
}

/* Larger than a band, and a row that is. */
static void many_bands(void **state)
{
    static const size_t sides[][2] = {{101, 97}, {3, 5003}};
    (void)state;
    for (size_t i = 0; i < PAIRS; i++)
        for (int s = 0; s < 2; s++) {
            pair x = new_pair(channels[i], sides[s][0], sides[s][1], 9), style = new_pair(channels[i], TARGET_H, TARGET_W, 10);
            size_t positions = sides[s][0] * sides[s][1];
            nst_loss loss = open_loss(NST_DIALECT_NORMALISED, &style, &x);
            nst_tile whole = nst_tile_whole(loss.shape);
            double *by_f = calloc(x.channels * positions, sizeof *by_f), *by_b = calloc(x.before * positions, sizeof *by_b);
            assert_close(nst_loss_evaluate(&loss, x.f), 0.7 * by_formula(NST_DIALECT_NORMALISED, &x, &style));
            nst_loss_seed(&loss, &whole, x.f, by_f);
            nst_loss_seed_before(&loss, &whole, x.f, by_b);
            check_by_formula(&loss, &x, &style, false, by_f);
            check_by_formula(&loss, &x, &style, true, by_b);
            free(by_f);
            free(by_b);
            close_loss(&loss);
            free_pair(&x);
            free_pair(&style);
        }
}

/* Rows [row0, row1) and columns [column0, column1), with a margin of one where the layer goes on. */
static nst_tile tile_of(const nst_region *r, nst_region *cut)
{
    *cut = (nst_region){r->row0 - (r->row0 > 0), r->row1 + (r->row1 < H), r->column0 - (r->column0 > 0), r->column1 + (r->column1 < W)};
    return (nst_tile){{0, cut->row1 - cut->row0, cut->column1 - cut->column0},
                      {r->row0 - cut->row0, r->row1 - cut->row0, r->column0 - cut->column0, r->column1 - cut->column0},
                      r->row0, r->column0};
}

/* Of `count` channels: from the layer to the cut, or added the other way. */
static void move(const nst_region *cut, size_t count, double *whole, double *part, bool back)
{
    for (size_t c = 0; c < count; c++)
        for (size_t row = cut->row0; row < cut->row1; row++)
            for (size_t i = cut->column0; i < cut->column1; i++, part++)
                if (back) whole[(c * H + row) * W + i] += *part;
                else *part = whole[(c * H + row) * W + i];
}

typedef enum what { TARGET, VALUE, GRADIENTS } what;

/* `result`: the target, or the gradients by F and by B. */
static void for_tiles(nst_loss *loss, const pair *x, what w, double *const result[2])
{
    static const size_t rows[] = {0, 2, H}, columns[] = {0, 5, W};
    double f[MOST * M], b[MOST * M];
    for (int i = 0; i < 4; i++) {
        nst_region region = {rows[i / 2], rows[i / 2 + 1], columns[i % 2], columns[i % 2 + 1]}, cut;
        nst_tile tile = tile_of(&region, &cut);
        double by_f[MOST * M] = {0}, by_b[MOST * M] = {0};
        tile.shape.channels = x->channels;
        move(&cut, x->channels, x->f, f, false);
        move(&cut, x->before, x->b, b, false);
        loss->tools.before = b;
        if (w == TARGET) loss->class->target_accumulate(&loss->tools, loss->shape, &tile, f, result[0], loss->workspace);
        if (w == VALUE) loss->class->accumulate(loss, &tile, f);
        if (w != GRADIENTS) continue;
        nst_loss_seed(loss, &tile, f, by_f);
        nst_loss_seed_before(loss, &tile, f, by_b);
        move(&cut, x->channels, result[0], by_f, true);
        move(&cut, x->before, result[1], by_b, true);
    }
}

static void check_near(const double *got, const double *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_true(fabs(got[i] - wanted[i]) <= 1e-13 * (1 + fabs(wanted[i])));
}

static void tiles_make_the_whole(void **state)
{
    (void)state;
    for (size_t k = 0; k < PAIRS; k++) {
        pair x = new_pair(channels[k], H, W, 11), style = new_pair(channels[k], H, W, 12);
        nst_loss loss = open_loss(NST_DIALECT_NORMALISED, &style, &x);
        nst_tile whole = nst_tile_whole(loss.shape);
        double value = nst_loss_evaluate(&loss, x.f), wanted[2][MOST * M] = {{0}}, got[2][MOST * M] = {{0}};
        double *target = calloc(1, nst_loss_chained.target_bytes(&loss.tools, loss.shape));
        nst_loss_seed(&loss, &whole, x.f, wanted[0]);
        nst_loss_seed_before(&loss, &whole, x.f, wanted[1]);
        for_tiles(&loss, &style, TARGET, (double *const[2]){target, NULL});
        nst_loss_chained.target_finish(loss.shape, target);
        check_near(target, loss.target, 1 + x.channels * x.before);
        loss.class->begin(&loss);
        for_tiles(&loss, &x, VALUE, (double *const[2]){NULL, NULL});
        assert_close(nst_loss_finish(&loss), value);
        for_tiles(&loss, &x, GRADIENTS, (double *const[2]){got[0], got[1]});
        check_near(got[0], wanted[0], x.channels * M);
        check_near(got[1], wanted[1], x.before * M);
        free(target);
        close_loss(&loss);
        free_pair(&x);
        free_pair(&style);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_worked_out_by_hand),
        cmocka_unit_test(what_no_gram_matrix_sees),
        cmocka_unit_test(every_dialect_and_both_gradients),
        cmocka_unit_test(normalised_has_no_unit),
        cmocka_unit_test(blended_styles_are_the_mean_of_matrices),
        cmocka_unit_test(a_blank_style_is_finite),
        cmocka_unit_test(many_bands),
        cmocka_unit_test(tiles_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
