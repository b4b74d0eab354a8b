/* Every loss, every dialect: the value against the formula written out here, the gradient against central differences. */
#include <stdio.h>

#include "loss_support.h"

enum { C = 5, H = 6, W = 7, M = H * W, N = C * M, TARGET_H = 4, TARGET_W = 9, TARGET_M = TARGET_H * TARGET_W };
static const nst_shape shape = {C, H, W}, target_shape = {C, TARGET_H, TARGET_W}, pixels = {3, H, W}, frame = {4, H, W};
static const nst_dialect dialects[] = {NST_DIALECT_NEURAL_STYLE, NST_DIALECT_GATYS_PAPER, NST_DIALECT_GATYS_CODE,
                                       NST_DIALECT_NORMALISED};

static size_t pool = 4; /* of the Laplacian loss */

/* A loss with its target made from `features` of a shape, ready to evaluate pictures of another. */
static nst_loss open_loss(const nst_loss_class *class, nst_dialect dialect, nst_shape from, const double *features, nst_shape picture)
{
    nst_loss_tools tools = {.kernels = nst_kernels_for(0, NST_PRECISION_FP32), .exec = &exec, .laplacian_pool = pool};
    nst_loss loss = {.class = class, .tools = tools, .shape = picture, .weight = 0.7};
    void *target = calloc(1, class->target_bytes(&loss.tools, from) + 1);
    void *workspace = malloc(class->workspace_bytes(&loss.tools, from) + 1);
    for (size_t row = 0; row < from.height; row++) { /* row by row: streaming must not matter */
        nst_tile tile = {from, {row, row + 1, 0, from.width}, row, 0};
        class->target_accumulate(&loss.tools, from, &tile, features, target, workspace);
    }
    if (class->target_finish) class->target_finish(from, target);
    free(workspace);
    loss.target = target;
    loss.state = malloc(class->state_bytes(&loss.tools, picture));
    loss.workspace = malloc(class->workspace_bytes(&loss.tools, picture) + 1);
    loss.factor = class->factor(dialect, picture, target);
    return loss;
}

static void check_gradient(nst_loss *loss, double *features, size_t count)
{
    double *gradient = calloc(count, sizeof *gradient), worst = 0, norm = 0;
    const double step = 1e-5;
    nst_loss_evaluate(loss, features);
    nst_loss_differentiate(loss, features, gradient);
    for (size_t i = 0; i < count; i++) {
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
    if (worst > 1e-7 * norm) print_error("%s: worst difference %g of %g\n", loss->class->kind, worst, norm);
    assert_true(worst <= 1e-7 * norm);
    free(gradient);
}

static double content_by_formula(nst_dialect dialect, const double *f, const double *p)
{
    double sum = 0, energy = 0;
    for (int c = 0; c < C; c++) {
        double mean = 0;
        for (int i = 0; i < M; i++) mean += p[c * M + i] / M;
        for (int i = 0; i < M; i++) {
            sum += pow(f[c * M + i] - p[c * M + i], 2);
            energy += pow(p[c * M + i] - mean, 2);
        }
    }
    if (dialect == NST_DIALECT_GATYS_PAPER) return sum / 2;
    return dialect == NST_DIALECT_NORMALISED ? sum / energy : sum / N;
}

static void content_loss(void **state)
{
    double features[N], target[N];
    (void)state;
    fill(features, N, 1);
    fill(target, N, 2);
    for (size_t d = 0; d < 4; d++) {
        nst_loss loss = open_loss(&nst_loss_content, dialects[d], shape, target, shape);
        assert_close(nst_loss_evaluate(&loss, features), 0.7 * content_by_formula(dialects[d], features, target));
        check_gradient(&loss, features, N);
        close_loss(&loss);
    }
}

static double gram_entry(const double *f, int positions, int a, int b)
{
    double sum = 0;
    for (int i = 0; i < positions; i++) sum += f[a * positions + i] * f[b * positions + i];
    return sum / positions;
}

static double style_by_formula(nst_dialect dialect, const double *f, const double *s)
{
    double sum = 0, norm = 0, c = C;
    for (int a = 0; a < C; a++) {
        for (int b = 0; b < C; b++) {
            double target = gram_entry(s, TARGET_M, a, b);
            sum += pow(gram_entry(f, M, a, b) - target, 2);
            norm += target * target;
        }
    }
    switch (dialect) {
    case NST_DIALECT_GATYS_PAPER: return sum / (4 * c * c);
    case NST_DIALECT_NEURAL_STYLE: return sum / (c * c) / (c * c); /* mean over entries of matrices divided by c */
    case NST_DIALECT_GATYS_CODE: return sum / (c * c) / (c * c);   /* 1/c^2 times the mean */
    default: return sum / norm;
    }
}

static void style_loss_with_a_target_of_another_size(void **state)
{
    double features[N], target[C * TARGET_M];
    (void)state;
    fill(features, N, 3);
    fill(target, C * TARGET_M, 4);
    for (size_t d = 0; d < 4; d++) {
        nst_loss loss = open_loss(&nst_loss_gram, dialects[d], target_shape, target, shape);
        assert_close(nst_loss_evaluate(&loss, features), 0.7 * style_by_formula(dialects[d], features, target));
        check_gradient(&loss, features, N);
        close_loss(&loss);
    }
}

static void blended_style_is_the_mean_of_gram_matrices(void **state)
{
    double one[C * M], other[C * M], blend[C * C] = {0};
    nst_loss a, b;
    (void)state;
    fill(one, N, 5);
    fill(other, N, 6);
    a = open_loss(&nst_loss_gram, NST_DIALECT_GATYS_PAPER, shape, one, shape);
    b = open_loss(&nst_loss_gram, NST_DIALECT_GATYS_PAPER, shape, other, shape);
    nst_loss_gram.target_blend(shape, 0.25, a.target, blend);
    nst_loss_gram.target_blend(shape, 0.75, b.target, blend);
    for (int i = 0; i < C * C; i++)
        assert_close(blend[i], 0.25 * gram_entry(one, M, i / C, i % C) + 0.75 * gram_entry(other, M, i / C, i % C));
    close_loss(&a);
    close_loss(&b);
}

/* ---- the other statistics ---- */

static double mean_of(const double *f, int positions, int c)
{
    double sum = 0;
    for (int i = 0; i < positions; i++) sum += f[c * positions + i];
    return sum / positions;
}

static double covariance_of(const double *f, int positions, int a, int b)
{
    double sum = 0, mean_a = mean_of(f, positions, a), mean_b = mean_of(f, positions, b);
    for (int i = 0; i < positions; i++) sum += (f[a * positions + i] - mean_a) * (f[b * positions + i] - mean_b);
    return sum / positions;
}

static double power_of(const double *f, int positions)
{
    double sum = 0;
    for (int c = 0; c < C; c++) sum += gram_entry(f, positions, c, c);
    return sum;
}

static double first_by_dialect(nst_dialect dialect, double sum, double norm)
{
    return dialect == NST_DIALECT_NORMALISED ? sum / norm : sum / C;
}

static double second_by_dialect(nst_dialect dialect, double sum, double norm)
{
    if (dialect == NST_DIALECT_NORMALISED) return sum / norm;
    return dialect == NST_DIALECT_GATYS_PAPER ? sum / (4 * C * C) : sum / (C * C * C * C);
}

static double mean_std_by_formula(nst_dialect dialect, const double *f, const double *s)
{
    double sum = 0, power = power_of(s, TARGET_M), little = 1e-5 * power / C;
    for (int c = 0; c < C; c++)
        sum += pow(mean_of(f, M, c) - mean_of(s, TARGET_M, c), 2) +
               pow(sqrt(covariance_of(f, M, c, c) + little) - sqrt(covariance_of(s, TARGET_M, c, c) + little), 2);
    return first_by_dialect(dialect, sum, power);
}

static double covariance_by_formula(nst_dialect dialect, const double *f, const double *s)
{
    double covariances = 0, means = 0, norm = 0;
    for (int a = 0; a < C; a++) {
        means += pow(mean_of(f, M, a) - mean_of(s, TARGET_M, a), 2);
        for (int b = 0; b < C; b++) {
            covariances += pow(covariance_of(f, M, a, b) - covariance_of(s, TARGET_M, a, b), 2);
            norm += pow(covariance_of(s, TARGET_M, a, b), 2);
        }
    }
    return second_by_dialect(dialect, covariances + norm / power_of(s, TARGET_M) * means, norm);
}

static double shifted_gram_by_formula(nst_dialect dialect, const double *f, const double *s)
{
    double moved_f[N], moved_s[C * TARGET_M], shift = 0, sum = 0, norm = 0;
    for (int c = 0; c < C; c++) shift -= mean_of(s, TARGET_M, c) / C;
    for (int i = 0; i < N; i++) moved_f[i] = f[i] + shift;
    for (int i = 0; i < C * TARGET_M; i++) moved_s[i] = s[i] + shift;
    for (int a = 0; a < C; a++)
        for (int b = 0; b < C; b++) {
            sum += pow(gram_entry(moved_f, M, a, b) - gram_entry(moved_s, TARGET_M, a, b), 2);
            norm += pow(gram_entry(moved_s, TARGET_M, a, b), 2);
        }
    return second_by_dialect(dialect, sum, norm);
}

static const struct {
    const nst_loss_class *class;
    double (*formula)(nst_dialect dialect, const double *f, const double *s); /* NULL: in a test of its own */
} statistics[] = {
    {&nst_loss_histogram, NULL},
    {&nst_loss_mean_std, mean_std_by_formula},
    {&nst_loss_covariance, covariance_by_formula},
    {&nst_loss_shifted_gram, shifted_gram_by_formula},
    {&nst_loss_wasserstein, NULL},
};
/* The first holds its match still: differences of its value are nearly its gradient, but not quite. */
enum { STATISTICS = sizeof statistics / sizeof statistics[0], FIRST_SMOOTH = 1 };

/* As activations are: not centred. */
static void fill_positive(double *values, size_t count, uint64_t seed)
{
    fill(values, count, seed);
    for (size_t i = 0; i < count; i++) values[i] = fmax(0, values[i] + 0.3);
}

static void statistics_of_styles(void **state)
{
    double features[N], target[C * TARGET_M];
    (void)state;
    fill_positive(features, N, 12);
    fill_positive(target, C * TARGET_M, 13);
    for (size_t i = FIRST_SMOOTH; i < STATISTICS; i++)
        for (size_t d = 0; d < 4; d++) {
            nst_loss loss = open_loss(statistics[i].class, dialects[d], target_shape, target, shape);
            double value = nst_loss_evaluate(&loss, features);
            if (statistics[i].formula) assert_close(value, 0.7 * statistics[i].formula(dialects[d], features, target));
            check_gradient(&loss, features, N);
            close_loss(&loss);
        }
}

/* In `normalised` nothing but the picture counts: not in what unit features are, nor how many channels say the same. */
static void normalised_statistics_have_no_unit(void **state)
{
    double features[N], target[C * TARGET_M];
    (void)state;
    fill_positive(features, N, 14);
    fill_positive(target, C * TARGET_M, 15);
    for (size_t i = 0; i < STATISTICS; i++) {
        nst_loss loss = open_loss(statistics[i].class, NST_DIALECT_NORMALISED, target_shape, target, shape);
        double value = nst_loss_evaluate(&loss, features);
        close_loss(&loss);
        for (int k = 0; k < N; k++) features[k] *= 512;
        for (int k = 0; k < C * TARGET_M; k++) target[k] *= 512;
        loss = open_loss(statistics[i].class, NST_DIALECT_NORMALISED, target_shape, target, shape);
        assert_true(fabs(nst_loss_evaluate(&loss, features) - value) <= 1e-9 * value);
        close_loss(&loss);
    }
}

/* The blend of two halves of a picture is the picture: deviations and covariances are made of blended moments. */
static void blended_statistics_are_those_of_both_styles(void **state)
{
    enum { HALF = M / 2 };
    static const nst_shape half = {C, H / 2, W};
    double style[N], top[C * HALF], bottom[C * HALF], features[N];
    (void)state;
    fill_positive(style, N, 16);
    fill_positive(features, N, 17);
    for (int i = 0; i < C * HALF; i++) {
        top[i] = style[i / HALF * M + i % HALF];
        bottom[i] = style[i / HALF * M + HALF + i % HALF];
    }
    for (size_t i = 0; i < STATISTICS; i++) {
        const nst_loss_class *class = statistics[i].class;
        nst_loss whole = open_loss(class, NST_DIALECT_NORMALISED, shape, style, shape);
        nst_loss one = open_loss(class, NST_DIALECT_NORMALISED, half, top, shape);
        nst_loss other = open_loss(class, NST_DIALECT_NORMALISED, half, bottom, shape);
        void *blend = calloc(1, class->target_bytes(&whole.tools, shape));
        double value = nst_loss_evaluate(&whole, features);
        class->target_blend(shape, 0.5, one.target, blend);
        class->target_blend(shape, 0.5, other.target, blend);
        free((void *)(uintptr_t)one.target);
        one.target = blend;
        one.factor = class->factor(NST_DIALECT_NORMALISED, shape, blend);
        assert_true(fabs(nst_loss_evaluate(&one, features) - value) <= 1e-9 * value);
        close_loss(&whole);
        close_loss(&one);
        close_loss(&other);
    }
}

/* One channel at a time leaves its mean: covariances are diagonal, and the distance that of each channel's mean and deviation. */
static void wasserstein_of_diagonal_covariances(void **state)
{
    enum { SIGNS = 4 };
    static const nst_shape small = {2, 2, 2};
    const double signs[2][SIGNS] = {{1, 1, -1, -1}, {1, -1, 1, -1}};
    const double means[2][2] = {{3, 1}, {2, 0.5}}, deviations[2][2] = {{0.5, 2}, {1.5, 0.25}};
    double pictures[2][2 * SIGNS], sum = 0, little;
    nst_loss loss;
    (void)state;
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < 2 * SIGNS; i++) pictures[p][i] = means[p][i / SIGNS] + deviations[p][i / SIGNS] * signs[i / SIGNS][i % SIGNS];
    little = 1e-4 * (pow(deviations[1][0], 2) + pow(deviations[1][1], 2)) / 2;
    for (int c = 0; c < 2; c++)
        sum += pow(means[0][c] - means[1][c], 2) +
               pow(sqrt(pow(deviations[0][c], 2) + little) - sqrt(pow(deviations[1][c], 2) + little), 2);
    loss = open_loss(&nst_loss_wasserstein, NST_DIALECT_GATYS_CODE, small, pictures[1], small);
    assert_close(nst_loss_evaluate(&loss, pictures[0]), 0.7 * sum / 2);
    close_loss(&loss);
}

/* Of two channels, the trace of the root is sqrt(tr(S S') + 2 sqrt(det S det S')). */
static void wasserstein_of_two_channels(void **state)
{
    static const nst_shape two = {2, H, W}, other = {2, TARGET_H, TARGET_W};
    double f[2 * M], s[2 * TARGET_M], a[3], b[3], little, cross, sum = 0;
    nst_loss loss;
    (void)state;
    fill_positive(f, 2 * M, 18);
    fill_positive(s, 2 * TARGET_M, 19);
    for (int i = 0; i < TARGET_M; i++) s[TARGET_M + i] = 0.8 * s[i] + 0.3 * s[TARGET_M + i];
    little = 1e-4 * (covariance_of(s, TARGET_M, 0, 0) + covariance_of(s, TARGET_M, 1, 1)) / 2;
    for (int i = 0; i < 3; i++) { /* 00, 01, 11 */
        a[i] = covariance_of(f, M, i / 2, (i + 1) / 2) + (i == 1 ? 0 : little);
        b[i] = covariance_of(s, TARGET_M, i / 2, (i + 1) / 2) + (i == 1 ? 0 : little);
    }
    for (int c = 0; c < 2; c++) sum += pow(mean_of(f, M, c) - mean_of(s, TARGET_M, c), 2);
    cross = a[0] * b[0] + 2 * a[1] * b[1] + a[2] * b[2] + 2 * sqrt((a[0] * a[2] - a[1] * a[1]) * (b[0] * b[2] - b[1] * b[1]));
    sum += a[0] + a[2] + b[0] + b[2] - 2 * sqrt(cross);
    loss = open_loss(&nst_loss_wasserstein, NST_DIALECT_GATYS_CODE, other, s, two);
    assert_true(fabs(nst_loss_evaluate(&loss, f) - 0.7 * sum / 2) <= 1e-10 * sum);
    close_loss(&loss);
}

/* Fewer positions than channels, and a channel that never answers: covariances have no inverse. */
static void wasserstein_of_singular_covariances(void **state)
{
    static const nst_shape few = {C, 2, 2};
    double f[C * 4], s[C * 4], gradient[C * 4] = {0};
    nst_loss loss;
    (void)state;
    fill_positive(f, C * 4, 20);
    fill_positive(s, C * 4, 21);
    for (int i = 0; i < 4; i++) s[i] = 0;
    loss = open_loss(&nst_loss_wasserstein, NST_DIALECT_NORMALISED, few, s, few);
    assert_true(nst_loss_evaluate(&loss, f) > 0);
    check_gradient(&loss, f, C * 4);
    assert_true(fabs(nst_loss_evaluate(&loss, s)) < 1e-12);
    nst_loss_differentiate(&loss, s, gradient);
    for (int i = 0; i < C * 4; i++) assert_true(fabs(gradient[i]) < 1e-7);
    close_loss(&loss);
}

/* ---- histograms ---- */

enum { MANY_H = 40, MANY_W = 50, MANY = MANY_H * MANY_W, STYLE_H = 36, STYLE_W = 45, STYLE_M = STYLE_H * STYLE_W };
static const nst_shape many = {C, MANY_H, MANY_W}, many_of_style = {C, STYLE_H, STYLE_W};

/* Of several degrees of magnitude; with `positive` half of them 0. */
static void fill_features(double *values, size_t count, uint64_t seed, double mean, bool positive)
{
    fill(values, count, seed);
    for (size_t i = 0; i < count; i++) {
        values[i] = (values[i] + mean) * pow(10, (double)(i * C / count) - 2);
        if (positive) values[i] = fmax(values[i], 0);
    }
}

static int by_value(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* Of sorted features: what stands in the place of each, a mean where the style has other numbers of them. */
static void match_sorted(const double *style, double *match)
{
    size_t at = 0, left = MANY; /* a feature of the picture takes STYLE_M parts, one of the style has MANY */
    for (size_t i = 0; i < MANY; i++) {
        double sum = 0;
        for (size_t wanted = STYLE_M; wanted > 0;) {
            size_t part = wanted < left ? wanted : left;
            sum += (double)part * style[at];
            wanted -= part;
            left -= part;
            if (left == 0) at++, left = MANY;
        }
        match[i] = sum / STYLE_M;
    }
}

/* Features that are equal go to one place, the mean. */
static double histogram_by_sorting(const double *f, const double *s)
{
    double sum = 0;
    for (int c = 0; c < C; c++) {
        double own[MANY], style[STYLE_M], match[MANY];
        memcpy(own, f + c * MANY, sizeof own);
        memcpy(style, s + c * STYLE_M, sizeof style);
        qsort(own, MANY, sizeof *own, by_value);
        qsort(style, STYLE_M, sizeof *style, by_value);
        match_sorted(style, match);
        for (size_t i = 0, end; i < MANY; i = end) {
            double mean = 0;
            for (end = i; end < MANY && own[end] == own[i]; end++) mean += match[end];
            mean /= (double)(end - i);
            sum += (double)(end - i) * pow(own[i] - mean, 2) / MANY;
        }
    }
    return sum;
}

static double power_of_style(const double *s)
{
    double sum = 0;
    for (int i = 0; i < C * STYLE_M; i++) sum += s[i] * s[i] / STYLE_M;
    return sum;
}

static const struct {
    double mean;
    bool positive;
} kinds[] = {{0.2, false}, {0.2, true}, {3, true}};

static void histogram_is_that_of_sorted_features(void **state)
{
    static double f[C * MANY], s[C * STYLE_M];
    (void)state;
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t d = 0; d < 4; d++) {
            double value, wanted;
            nst_loss loss;
            fill_features(f, C * MANY, 30, kinds[kind].mean, kinds[kind].positive);
            fill_features(s, C * STYLE_M, 31, 0.7, kinds[kind].positive);
            loss = open_loss(&nst_loss_histogram, dialects[d], many_of_style, s, many);
            value = nst_loss_evaluate(&loss, f);
            wanted = 0.7 * first_by_dialect(dialects[d], histogram_by_sorting(f, s), power_of_style(s));
            if (getenv("NST_TEST_VERBOSE")) print_message("%.9g, by sorting %.9g\n", value, wanted);
            assert_true(fabs(value - wanted) <= 0.005 * wanted);
            close_loss(&loss);
        }
}

/* What a feature is drawn to, by the gradient. */
static void read_match(nst_loss *loss, const double *f, double *match)
{
    nst_loss_evaluate(loss, f);
    memset(match, 0, C * MANY * sizeof *match);
    nst_loss_differentiate(loss, f, match);
    for (int i = 0; i < C * MANY; i++) match[i] = f[i] - match[i] * MANY / (2 * loss->weight * loss->factor);
}

static double held_value(const nst_loss *loss, const double *f, const double *match)
{
    double sum = 0;
    for (int i = 0; i < C * MANY; i++) sum += pow(f[i] - match[i], 2) / MANY;
    return loss->weight * loss->factor * sum;
}

/* The value is that of the match that the gradient knows; the match never falls, and its mean is the style's. */
static void histogram_match_is_one(void **state)
{
    static double f[C * MANY], s[C * STYLE_M], match[C * MANY], gradient[C * MANY], pairs[MANY][2];
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        nst_loss loss;
        fill_features(f, C * MANY, 32, kinds[kind].mean, kinds[kind].positive);
        fill_features(s, C * STYLE_M, 33, 0.7, kinds[kind].positive);
        loss = open_loss(&nst_loss_histogram, NST_DIALECT_NORMALISED, many_of_style, s, many);
        read_match(&loss, f, match);
        assert_true(fabs(held_value(&loss, f, match) - loss.value) <= 1e-12 * loss.value);
        memset(gradient, 0, sizeof gradient);
        nst_loss_differentiate(&loss, f, gradient);
        for (int i = 0; i < C * MANY; i++) {
            double step = 0.01, each = loss.weight * loss.factor / MANY;
            double up = each * pow(f[i] + step - match[i], 2), down = each * pow(f[i] - step - match[i], 2);
            assert_true(fabs((up - down) / (2 * step) - gradient[i]) <= 1e-9 * fabs(gradient[i]) + 1e-12);
        }
        for (int c = 0; c < C; c++) {
            double mean = 0, wanted = mean_of(s, STYLE_M, c);
            for (int i = 0; i < MANY; i++) {
                pairs[i][0] = f[c * MANY + i];
                pairs[i][1] = match[c * MANY + i];
                mean += pairs[i][1] / MANY;
            }
            assert_true(fabs(mean - wanted) <= 1e-9 * sqrt(gram_entry(s, STYLE_M, c, c)));
            qsort(pairs, MANY, sizeof *pairs, by_value);
            for (int i = 1; i < MANY; i++) assert_true(pairs[i][1] >= pairs[i - 1][1] - 1e-9 * fabs(wanted));
        }
        close_loss(&loss);
    }
}

/* To first order the match does not change: the gradient is nearly the value's own. */
static void histogram_gradient_is_the_values(void **state)
{
    static double f[C * MANY], s[C * STYLE_M], gradient[C * MANY], moved[C * MANY];
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        double slope = 0, up, down;
        nst_loss loss;
        fill_features(f, C * MANY, 34, kinds[kind].mean, kinds[kind].positive);
        fill_features(s, C * STYLE_M, 35, 0.7, kinds[kind].positive);
        loss = open_loss(&nst_loss_histogram, NST_DIALECT_NORMALISED, many_of_style, s, many);
        nst_loss_evaluate(&loss, f);
        memset(gradient, 0, sizeof gradient);
        nst_loss_differentiate(&loss, f, gradient);
        for (int i = 0; i < C * MANY; i++) {
            double drawn = MANY / (2 * loss.weight * loss.factor) * gradient[i];
            if (kinds[kind].positive && f[i] <= 0.02 * fabs(drawn)) gradient[i] = 0; /* as the ReLU stops it: zeros stay, none is added */
            slope += gradient[i] * gradient[i];
        }
        for (int i = 0; i < C * MANY; i++) moved[i] = f[i] + 0.02 * MANY / (2 * loss.weight * loss.factor) * gradient[i];
        up = nst_loss_evaluate(&loss, moved);
        for (int i = 0; i < C * MANY; i++) moved[i] = f[i] - 0.02 * MANY / (2 * loss.weight * loss.factor) * gradient[i];
        down = nst_loss_evaluate(&loss, moved);
        slope *= 0.04 * MANY / (2 * loss.weight * loss.factor);
        if (getenv("NST_TEST_VERBOSE")) print_message("%.6g, by the gradient %.6g\n", up - down, slope);
        assert_true(fabs(up - down - slope) <= 0.02 * slope);
        close_loss(&loss);
    }
}

/* Also where there are twice as many positions, and where values lie outside all bins. */
static void histogram_of_the_style_itself(void **state)
{
    static double s[C * STYLE_M], twice[2 * C * STYLE_M], gradient[2 * C * STYLE_M];
    const nst_shape doubled = {C, 2 * STYLE_H, STYLE_W};
    (void)state;
    fill_features(s, C * STYLE_M, 36, 0.2, true);
    s[0] = 1e6, s[1] = 1e9, s[STYLE_M] = -1e7;
    for (int i = 0; i < 2 * C * STYLE_M; i++) twice[i] = s[i / (2 * STYLE_M) * STYLE_M + i % STYLE_M];
    for (int both = 0; both < 2; both++) {
        nst_loss loss = open_loss(&nst_loss_histogram, NST_DIALECT_NORMALISED, many_of_style, s, both ? doubled : many_of_style);
        double power = power_of_style(s);
        assert_true(nst_loss_evaluate(&loss, both ? twice : s) <= 1e-20);
        memset(gradient, 0, sizeof gradient);
        nst_loss_differentiate(&loss, both ? twice : s, gradient);
        for (int i = 0; i < C * STYLE_M; i++) assert_true(fabs(gradient[i]) <= 1e-12 / sqrt(power));
        close_loss(&loss);
    }
}

/* One value against another, however they lie in bins; nothing against something, and a number that is none. */
static void histogram_of_one_value(void **state)
{
    double f[4] = {0, 0, 0, 0}, s[4] = {5, 5, 5, 5}, gradient[4] = {0};
    const nst_shape one = {1, 2, 2};
    nst_loss loss = open_loss(&nst_loss_histogram, NST_DIALECT_GATYS_CODE, one, s, one);
    (void)state;
    assert_close(nst_loss_evaluate(&loss, f), 0.7 * 25);
    nst_loss_differentiate(&loss, f, gradient);
    for (int i = 0; i < 4; i++) assert_close(gradient[i], -0.7 * 2 * 5 / 4);
    for (int i = 0; i < 4; i++) f[i] = -1e9;
    assert_close(nst_loss_evaluate(&loss, f), 0.7 * pow(1e9 + 5, 2));
    f[0] = (double)NAN;
    assert_true(isnan(nst_loss_evaluate(&loss, f)));
    close_loss(&loss);
    for (int i = 0; i < 4; i++) s[i] = 0, f[i] = 3;
    loss = open_loss(&nst_loss_histogram, NST_DIALECT_NORMALISED, one, s, one);
    assert_close(nst_loss_evaluate(&loss, f), 0.7 * 9);
    close_loss(&loss);
}

static double tv_by_formula(const double *x)
{
    double sum = 0;
    for (int c = 0; c < 3; c++)
        for (int r = 0; r + 1 < H; r++)
            for (int i = 0; i + 1 < W; i++)
                sum += pow(x[(c * H + r) * W + i + 1] - x[(c * H + r) * W + i], 2) +
                       pow(x[(c * H + r + 1) * W + i] - x[(c * H + r) * W + i], 2);
    return sum * 255 * 255 / 2;
}

static void total_variation(void **state)
{
    double x[3 * M], content[3 * M];
    (void)state;
    fill(x, 3 * M, 7);
    fill(content, 3 * M, 8);
    for (size_t d = 0; d < 4; d++) {
        nst_loss loss = open_loss(&nst_loss_tv, dialects[d], pixels, content, pixels);
        double reference = dialects[d] == NST_DIALECT_NORMALISED ? tv_by_formula(content) : 1;
        assert_close(nst_loss_evaluate(&loss, x), 0.7 * tv_by_formula(x) / reference);
        check_gradient(&loss, x, 3 * M);
        close_loss(&loss);
    }
}

/* The mean of a cell, over all colours together; `row` and `column` count cells. */
static double cell_of(const double *x, int row, int column, int p)
{
    double sum = 0;
    int count = 0;
    for (int r = row * p; r < H && r < (row + 1) * p; r++)
        for (int i = column * p; i < W && i < (column + 1) * p; i++, count++)
            for (int c = 0; c < 3; c++) sum += x[(c * H + r) * W + i];
    return sum / count;
}

static double response_of(const double *x, int row, int column, int p)
{
    static const int beside[4][2] = {{0, 1}, {0, -1}, {1, 0}, {-1, 0}};
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        int r = row + beside[k][0], i = column + beside[k][1];
        if (r >= 0 && i >= 0 && r * p < H && i * p < W) sum += cell_of(x, row, column, p) - cell_of(x, r, i, p);
    }
    return sum;
}

static double laplacian_by_formula(nst_dialect dialect, const double *x, const double *content, int p)
{
    double sum = 0, energy = 0;
    int cells = 0;
    for (int row = 0; row * p < H; row++)
        for (int column = 0; column * p < W; column++, cells++) {
            double wanted = response_of(content, row, column, p);
            sum += pow(response_of(x, row, column, p) - wanted, 2);
            energy += wanted * wanted;
        }
    return dialect == NST_DIALECT_NORMALISED ? sum / energy : 255 * 255 * sum / cells;
}

static void laplacian(void **state)
{
    static const size_t pools[] = {1, 2, 4, 6};
    double x[3 * M], content[3 * M];
    (void)state;
    fill(x, 3 * M, 22);
    fill(content, 3 * M, 23);
    for (size_t i = 0; i < 4; i++)
        for (size_t d = 0; d < 4; d++) {
            pool = pools[i];
            nst_loss loss = open_loss(&nst_loss_laplacian, dialects[d], pixels, content, pixels);
            assert_close(nst_loss_evaluate(&loss, x), 0.7 * laplacian_by_formula(dialects[d], x, content, (int)pool));
            check_gradient(&loss, x, 3 * M);
            close_loss(&loss);
        }
    pool = 4;
}

/* Against its matrix: matting.c. */
static void matting(void **state)
{
    double x[3 * M], content[3 * M], plain = 0;
    (void)state;
    fill(x, 3 * M, 12);
    fill(content, 3 * M, 13);
    for (size_t d = 0; d < 4; d++) {
        nst_loss loss = open_loss(&nst_loss_matting, dialects[d], pixels, content, pixels);
        double value = nst_loss_evaluate(&loss, x);
        if (d == 0) plain = value / loss.factor;
        assert_close(value, plain * loss.factor);
        assert_true(dialects[d] == NST_DIALECT_NORMALISED ? value < 5 : value == plain * 1e4);
        check_gradient(&loss, x, 3 * M);
        close_loss(&loss);
    }
}

static double temporal_by_formula(nst_dialect dialect, const double *x, const double *p)
{
    const double *w = p + 3 * M;
    double sum = 0, seen = 0, energy = 0;
    for (int i = 0; i < M; i++) seen += w[i];
    for (int c = 0; c < 3; c++) {
        double mean = 0;
        for (int i = 0; i < M; i++) mean += w[i] * p[c * M + i] / seen;
        for (int i = 0; i < M; i++) {
            sum += w[i] * pow(x[c * M + i] - p[c * M + i], 2);
            energy += w[i] * pow(p[c * M + i] - mean, 2) / seen;
        }
    }
    return dialect == NST_DIALECT_NORMALISED ? sum / M / energy : 255.0 * 255.0 * sum / (3 * M);
}

static void temporal(void **state)
{
    double x[3 * M], p[4 * M];
    (void)state;
    fill(x, 3 * M, 21);
    fill(p, 4 * M, 22);
    for (int i = 3 * M; i < 4 * M; i++) p[i] = i % 3 == 0 ? 0 : fmin(1, fabs(p[i]));
    for (size_t d = 0; d < 4; d++) {
        nst_loss loss = open_loss(&nst_loss_temporal, dialects[d], frame, p, pixels);
        assert_close(nst_loss_evaluate(&loss, x), 0.7 * temporal_by_formula(dialects[d], x, p));
        check_gradient(&loss, x, 3 * M);
        close_loss(&loss);
    }
}

static void a_frame_that_nothing_is_seen_of(void **state)
{
    static const double blank[4 * M] = {0};
    double x[3 * M], gradient[3 * M] = {0};
    nst_loss loss = open_loss(&nst_loss_temporal, NST_DIALECT_NORMALISED, frame, blank, pixels);
    (void)state;
    fill(x, 3 * M, 23);
    assert_true(isfinite(loss.factor) && nst_loss_evaluate(&loss, x) == 0);
    nst_loss_differentiate(&loss, x, gradient);
    for (int i = 0; i < 3 * M; i++) assert_true(gradient[i] == 0);
    close_loss(&loss);
}

/* A blank target must not divide by zero in the dialects that normalise. */
static void blank_targets_are_finite(void **state)
{
    static const nst_loss_class *const classes[] = {&nst_loss_tv, &nst_loss_laplacian, &nst_loss_matting, &nst_loss_content,
                                                    &nst_loss_gram, &nst_loss_mean_std, &nst_loss_covariance, &nst_loss_shifted_gram,
                                                    &nst_loss_wasserstein};
    static const double blank[N] = {0};
    double features[N], gradient[N];
    (void)state;
    fill(features, N, 9);
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        nst_shape where = i < 3 ? pixels : shape;
        nst_loss loss = open_loss(classes[i], NST_DIALECT_NORMALISED, where, blank, where);
        memset(gradient, 0, sizeof gradient);
        assert_true(isfinite(nst_loss_evaluate(&loss, features)) && loss.value > 0);
        nst_loss_differentiate(&loss, features, gradient);
        assert_true(isfinite(gradient[0]));
        close_loss(&loss);
    }
}

/* ---- tile by tile ---- */

/* Rows [row0, row1) and columns [column0, column1) of `shape`, with a margin of one where the layer goes on. */
static nst_tile tile_of(nst_shape whole, nst_region r, nst_region *cut)
{
    *cut = (nst_region){r.row0 - (r.row0 > 0), r.row1 + (r.row1 < whole.height), r.column0 - (r.column0 > 0),
                        r.column1 + (r.column1 < whole.width)};
    return (nst_tile){{whole.channels, cut->row1 - cut->row0, cut->column1 - cut->column0},
                      {r.row0 - cut->row0, r.row1 - cut->row0, r.column0 - cut->column0, r.column1 - cut->column0}, r.row0, r.column0};
}

static void copy_cut(nst_shape whole, const nst_region *cut, const double *from, double *to)
{
    for (size_t c = 0; c < whole.channels; c++)
        for (size_t row = cut->row0; row < cut->row1; row++)
            for (size_t i = cut->column0; i < cut->column1; i++) *to++ = from[(c * whole.height + row) * whole.width + i];
}

static void add_cut(nst_shape whole, const nst_region *cut, const double *from, double *to)
{
    for (size_t c = 0; c < whole.channels; c++)
        for (size_t row = cut->row0; row < cut->row1; row++)
            for (size_t i = cut->column0; i < cut->column1; i++) to[(c * whole.height + row) * whole.width + i] += *from++;
}

/* Calls `each` for four tiles that cover the layer. */
static void for_tiles(nst_shape whole, void (*each)(nst_loss *loss, const nst_tile *tile, const nst_region *cut, const double *features,
                                                    double *result), nst_loss *loss, const double *features, double *result)
{
    static const size_t rows[] = {0, 2, H}, columns[] = {0, 5, W};
    double part[N];
    for (int i = 0; i < 4; i++) {
        nst_region region = {rows[i / 2], rows[i / 2 + 1], columns[i % 2], columns[i % 2 + 1]}, cut;
        nst_tile tile = tile_of(whole, region, &cut);
        copy_cut(whole, &cut, features, part);
        each(loss, &tile, &cut, part, result);
    }
}

static void tile_target(nst_loss *loss, const nst_tile *tile, const nst_region *cut, const double *features, double *result)
{
    (void)cut;
    loss->class->target_accumulate(&loss->tools, loss->shape, tile, features, result, loss->workspace);
}

static void tile_value(nst_loss *loss, const nst_tile *tile, const nst_region *cut, const double *features, double *result)
{
    (void)cut;
    (void)result;
    loss->class->accumulate(loss, tile, features);
}

static void tile_gradient(nst_loss *loss, const nst_tile *tile, const nst_region *cut, const double *features, double *result)
{
    double part[N] = {0};
    loss->class->seed(loss, tile, loss->weight * loss->factor, features, part);
    add_cut(loss->shape, cut, part, result);
}

/* `from`: what the target is made of. */
static void check_tiles(const nst_loss_class *class, nst_shape from, nst_shape where)
{
    double features[N], image[N], gradient[N] = {0}, tiled_gradient[N] = {0}, value;
    size_t count = nst_shape_count(where);
    nst_loss loss;
    double *target;
    fill(features, count, 10);
    fill(image, nst_shape_count(from), 11);
    loss = open_loss(class, NST_DIALECT_NORMALISED, from, image, where);
    value = nst_loss_evaluate(&loss, features);
    nst_loss_differentiate(&loss, features, gradient);
    target = calloc(1, class->target_bytes(&loss.tools, where));
    for_tiles(from, tile_target, &loss, image, target);
    if (class->target_finish) class->target_finish(where, target);
    assert_close(class->factor(NST_DIALECT_NORMALISED, where, target), loss.factor);
    free((void *)(uintptr_t)loss.target);
    loss.target = target;
    class->begin(&loss);
    for_tiles(where, tile_value, &loss, features, NULL);
    assert_close(loss.weight * loss.factor * class->finish(&loss), value);
    for_tiles(where, tile_gradient, &loss, features, tiled_gradient);
    for (size_t i = 0; i < count; i++) assert_true(fabs(gradient[i] - tiled_gradient[i]) <= 1e-12 * (1 + fabs(gradient[i])));
    close_loss(&loss);
}

static void tiles_make_the_whole(void **state)
{
    (void)state;
    check_tiles(&nst_loss_content, shape, shape);
    check_tiles(&nst_loss_gram, shape, shape);
    check_tiles(&nst_loss_tv, pixels, pixels);
    check_tiles(&nst_loss_laplacian, pixels, pixels);
    pool = 3;
    check_tiles(&nst_loss_laplacian, pixels, pixels);
    pool = 4;
    for (size_t i = 0; i < STATISTICS; i++) check_tiles(statistics[i].class, shape, shape);
    check_tiles(&nst_loss_matting, pixels, pixels);
    check_tiles(&nst_loss_temporal, frame, pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_loss),
        cmocka_unit_test(style_loss_with_a_target_of_another_size),
        cmocka_unit_test(blended_style_is_the_mean_of_gram_matrices),
        cmocka_unit_test(statistics_of_styles),
        cmocka_unit_test(normalised_statistics_have_no_unit),
        cmocka_unit_test(blended_statistics_are_those_of_both_styles),
        cmocka_unit_test(wasserstein_of_diagonal_covariances),
        cmocka_unit_test(wasserstein_of_two_channels),
        cmocka_unit_test(wasserstein_of_singular_covariances),
        cmocka_unit_test(histogram_is_that_of_sorted_features),
        cmocka_unit_test(histogram_match_is_one),
        cmocka_unit_test(histogram_gradient_is_the_values),
        cmocka_unit_test(histogram_of_the_style_itself),
        cmocka_unit_test(histogram_of_one_value),
        cmocka_unit_test(total_variation),
        cmocka_unit_test(laplacian),
        cmocka_unit_test(matting),
        cmocka_unit_test(temporal),
        cmocka_unit_test(a_frame_that_nothing_is_seen_of),
        cmocka_unit_test(blank_targets_are_finite),
        cmocka_unit_test(tiles_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
