/* The filters towards another image: against sums and systems written out, in double. */
#include <math.h>
#include <stdio.h>

#include "image/image.h"
#include "image_support.h"

enum { LARGEST = 400 }; /* positions */

/* Values in `low`..`high`, in float. */
static nst_image *random_image(nst_ctx *ctx, uint32_t width, uint32_t height, float low, float high, uint64_t seed)
{
    nst_image_desc desc = make_desc(NST_FORMAT_F32, width, height, 3);
    float *pixels = malloc((size_t)width * height * 3 * sizeof *pixels);
    nst_random random = {seed};
    nst_image *image;
    for (size_t i = 0; i < (size_t)width * height * 3; i++) pixels[i] = low + (high - low) * (float)nst_random_uniform(&random);
    assert_int_equal(nst_image_new(ctx, &desc, pixels, &image), NST_OK);
    free(pixels);
    return image;
}

static nst_image *poisson(const nst_image *image, const nst_image *content, double luma, double chroma)
{
    nst_image *out;
    assert_int_equal(nst_image_screened_poisson(image, content, luma, chroma, &out), NST_OK);
    return out;
}

static nst_image *guided(const nst_image *image, const nst_image *guide, uint32_t radius, double epsilon)
{
    nst_image *out;
    assert_int_equal(nst_image_guided_filter(image, guide, radius, epsilon, &out), NST_OK);
    return out;
}

static size_t count_of(const nst_image *image)
{
    return (size_t)image->width * image->height;
}

static double difference(const nst_image *a, const nst_image *b)
{
    double largest = 0;
    for (size_t i = 0; i < 3 * count_of(a); i++)
        largest = fmax(largest, fabs((double)nst_image_plane_const(a, 0)[i] - (double)nst_image_plane_const(b, 0)[i]));
    return largest;
}

/* ---- dense systems ---- */

/* x of matrix (n, n) x = right, by Gauss with pivots; both are used up. */
static void solve_dense(double *matrix, double *right, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(matrix[i * n + k]) > fabs(matrix[pivot * n + k])) pivot = i;
        for (size_t j = 0; j <= n; j++) {
            double *a = j < n ? &matrix[k * n + j] : &right[k], *b = j < n ? &matrix[pivot * n + j] : &right[pivot], kept = *a;
            *a = *b;
            *b = kept;
        }
        for (size_t i = k + 1; i < n; i++) {
            double times = matrix[i * n + k] / matrix[k * n + k];
            for (size_t j = k; j < n; j++) matrix[i * n + j] -= times * matrix[k * n + j];
            right[i] -= times * right[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) right[k] -= matrix[k * n + j] * right[j];
        right[k] /= matrix[k * n + k];
    }
}

static void connect(double *matrix, size_t n, size_t a, size_t b, double weight)
{
    matrix[a * n + a] += weight;
    matrix[b * n + b] += weight;
    matrix[a * n + b] -= weight;
    matrix[b * n + a] -= weight;
}

/* I + w^2 times the Laplacian of the grid. */
static void screened_matrix(double *matrix, size_t width, size_t height, double w)
{
    size_t n = width * height;
    memset(matrix, 0, n * n * sizeof *matrix);
    for (size_t i = 0; i < n; i++) {
        matrix[i * n + i] += 1;
        if (i % width + 1 < width) connect(matrix, n, i, i + 1, w * w);
        if (i + width < n) connect(matrix, n, i, i + width, w * w);
    }
}

static double luma_of(const nst_image *image, size_t i)
{
    return 0.299 * (double)nst_image_plane_const(image, 0)[i] + 0.587 * (double)nst_image_plane_const(image, 1)[i] +
           0.114 * (double)nst_image_plane_const(image, 2)[i];
}

/* The result's luma, or its red or blue less luma. */
static double part_of(const nst_image *image, int part, size_t i)
{
    double luma = luma_of(image, i);
    return part == 0 ? luma : (double)nst_image_plane_const(image, part == 1 ? 0 : 2)[i] - luma;
}

static void check_poisson(nst_ctx *ctx, uint32_t width, uint32_t height, double luma, double chroma)
{
    static double matrix[LARGEST * LARGEST], right[LARGEST];
    nst_image *s = random_image(ctx, width, height, 0.4f, 0.6f, 1), *c = random_image(ctx, width, height, 0.4f, 0.6f, 2);
    nst_image *x = poisson(s, c, luma, chroma);
    size_t n = count_of(s);
    for (int part = 0; part < 3; part++) {
        screened_matrix(matrix, width, height, part == 0 ? luma : chroma);
        for (size_t i = 0; i < n; i++) right[i] = part_of(s, part, i) - part_of(c, part, i);
        solve_dense(matrix, right, n);
        for (size_t i = 0; i < n; i++) {
            double wanted = part_of(c, part, i) + right[i], got = part_of(x, part, i);
            if (!(fabs(got - wanted) < 2e-6)) print_error("%ux%u, part %d: got %.9g, wanted %.9g\n", width, height, part, got, wanted);
            assert_true(fabs(got - wanted) < 2e-6); /* of 1: rounding to float, and a residual of 1e-6 of the largest difference */
        }
    }
    nst_image_unref(s);
    nst_image_unref(c);
    nst_image_unref(x);
}

static void poisson_solves_its_system(void **state)
{
    static const uint32_t sides[][2] = {{1, 1}, {1, 7}, {6, 1}, {2, 2}, {5, 3}, {8, 8}, {13, 9}, {17, 20}, {33, 11}};
    static const double weights[][2] = {{0.3, 5}, {5, 1}, {40, 300}, {1000, 0}};
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < 4; k++) check_poisson(*state, sides[i][0], sides[i][1], weights[k][0], weights[k][1]);
}

/* Multigrid must not slow down with the size or the weight: what is left of the system, in a picture with long waves. */
static void poisson_is_solved_at_any_size(void **state)
{
    static const uint32_t sides[][2] = {{257, 190}, {321, 3}, {100, 255}};
    static const double weights[] = {1, 5, 100, 1000};
    for (size_t k = 0; k < 12; k++) {
        uint32_t width = sides[k / 4][0], height = sides[k / 4][1];
        double w = weights[k % 4], largest = 0, worst = 0;
        size_t count = (size_t)width * height;
        float *content = calloc(3 * count, sizeof *content), *planes = malloc(3 * count * sizeof *planes), *e = planes;
        double *right = malloc(count * sizeof *right);
        nst_error error;
        for (size_t i = 0; i < count; i++) {
            right[i] = sin(0.02 * (double)(i % width)) + cos(0.015 * (double)(i / width)) + 0.3 * (double)((i * 7919) % 13) / 13;
            planes[i] = planes[count + i] = planes[2 * count + i] = (float)right[i]; /* grey: luma alone */
            largest = fmax(largest, fabs(right[i]));
        }
        assert_int_equal(nst_planes_screen(*state, planes, content, width, height, w, w, &error), NST_OK);
        for (size_t i = 0; i < count; i++) {
            double left = right[i] - (double)e[i];
            if (i % width > 0) left += w * w * ((double)e[i - 1] - (double)e[i]);
            if (i % width + 1 < width) left += w * w * ((double)e[i + 1] - (double)e[i]);
            if (i >= width) left += w * w * ((double)e[i - width] - (double)e[i]);
            if (i + width < count) left += w * w * ((double)e[i + width] - (double)e[i]);
            worst = fmax(worst, fabs(left));
        }
        if (!(worst < 2e-6 * largest + 1e-6 * w * w)) print_error("%ux%u, weight %g: %g is left\n", width, height, w, worst);
        assert_true(worst < 2e-6 * largest + 1e-6 * w * w); /* the second for floats that are differences of neighbours here */
        free(content);
        free(planes);
        free(right);
    }
}

static double mean_of(const nst_image *image, int plane)
{
    double sum = 0;
    for (size_t i = 0; i < count_of(image); i++) sum += (double)nst_image_plane_const(image, plane)[i];
    return sum / (double)count_of(image);
}

/* Without weight it is the image, with the largest the content up to its means. */
static void poisson_goes_from_one_to_the_other(void **state)
{
    nst_image *s = random_image(*state, 21, 14, 0.5f, 0.7f, 3), *c = random_image(*state, 21, 14, 0.3f, 0.5f, 4);
    nst_image *none = poisson(s, c, 0, 0), *all = poisson(s, c, 1000, 1000), *same = poisson(s, s, 5, 1);
    assert_true(difference(none, s) < 1e-6);
    assert_true(difference(same, s) < 1e-6);
    for (int plane = 0; plane < 3; plane++) {
        double shift = mean_of(s, plane) - mean_of(c, plane);
        assert_true(fabs(mean_of(all, plane) - mean_of(s, plane)) < 1e-5);
        for (size_t i = 0; i < count_of(s); i++) {
            double wanted = (double)nst_image_plane_const(c, plane)[i] + shift;
            assert_true(fabs((double)nst_image_plane_const(all, plane)[i] - wanted) < 1e-4);
        }
    }
    nst_image_unref(s);
    nst_image_unref(c);
    nst_image_unref(none);
    nst_image_unref(all);
    nst_image_unref(same);
}

/* ---- the guided filter ---- */

/* a, b of one box by the normal equations in (a, b), a 4x4 system. */
static void fit_box(const nst_image *guide, const float *p, int x, int y, int radius, double epsilon, double ab[4])
{
    double matrix[16] = {0};
    int width = (int)guide->width, height = (int)guide->height, count = 0;
    size_t plane = count_of(guide);
    memset(ab, 0, 4 * sizeof *ab);
    for (int v = y - radius; v <= y + radius; v++)
        for (int u = x - radius; u <= x + radius; u++) {
            double row[4] = {0, 0, 0, 1};
            size_t at = (size_t)(v * width + u);
            if (u < 0 || v < 0 || u >= width || v >= height) continue;
            count++;
            for (size_t c = 0; c < 3; c++) row[c] = (double)nst_image_plane_const(guide, 0)[c * plane + at];
            for (int i = 0; i < 4; i++) {
                ab[i] += row[i] * (double)p[at];
                for (int j = 0; j < 4; j++) matrix[i * 4 + j] += row[i] * row[j];
            }
        }
    for (int i = 0; i < 3; i++) matrix[i * 4 + i] += epsilon * count;
    solve_dense(matrix, ab, 4);
}

static double guided_by_formula(const nst_image *guide, const float *p, int x, int y, int radius, double epsilon)
{
    double sum = 0;
    int width = (int)guide->width, height = (int)guide->height, count = 0;
    for (int v = y - radius; v <= y + radius; v++)
        for (int u = x - radius; u <= x + radius; u++) {
            double ab[4];
            if (u < 0 || v < 0 || u >= width || v >= height) continue;
            fit_box(guide, p, u, v, radius, epsilon, ab);
            count++;
            sum += ab[3];
            for (size_t c = 0; c < 3; c++)
                sum += ab[c] * (double)nst_image_plane_const(guide, 0)[c * count_of(guide) + (size_t)(y * width + x)];
        }
    return sum / count;
}

static void guided_is_the_mean_of_its_boxes(void **state)
{
    static const struct { uint32_t width, height, radius; double epsilon; } cases[] = {
        {9, 7, 1, 0.01}, {9, 7, 2, 1e-4}, {5, 12, 4, 0.1}, {1, 8, 2, 0.01}, {8, 1, 3, 0.01}, {6, 6, 50, 0.01}, {7, 5, 0, 0.01}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        nst_image *p = random_image(*state, cases[k].width, cases[k].height, 0.3f, 0.7f, 5 + k);
        nst_image *guide = random_image(*state, cases[k].width, cases[k].height, 0, 1, 50 + k);
        nst_image *q = guided(p, guide, cases[k].radius, cases[k].epsilon);
        for (int plane = 0; plane < 3; plane++)
            for (size_t i = 0; i < count_of(p); i++) {
                double wanted = guided_by_formula(guide, nst_image_plane_const(p, plane), (int)(i % p->width), (int)(i / p->width),
                                                  (int)cases[k].radius, cases[k].epsilon);
                double got = (double)nst_image_plane_const(q, plane)[i], low = wanted < 0 ? 0 : wanted > 1 ? 1 : wanted;
                if (!(fabs(got - low) < 1e-5)) print_error("case %zu at %zu: got %.9g, wanted %.9g\n", k, i, got, low);
                assert_true(fabs(got - low) < 1e-5);
            }
        nst_image_unref(p);
        nst_image_unref(guide);
        nst_image_unref(q);
    }
}

/* With next to nothing for epsilon an image that guides itself stays; so does every affine recolouring of the guide. */
static void guided_by_itself_is_itself(void **state)
{
    nst_image *image = random_image(*state, 31, 22, 0, 1, 7), *itself = guided(image, image, 4, 1e-9), *recoloured, *out;
    assert_true(difference(itself, image) < 1e-5);
    assert_int_equal(nst_image_resample(image, 31, 22, &recoloured, &(nst_error){""}), NST_OK);
    for (size_t i = 0; i < count_of(image); i++)
        for (int plane = 0; plane < 3; plane++)
            nst_image_plane(recoloured, plane)[i] = 0.2f + 0.3f * nst_image_plane(image, 0)[i] + 0.4f * nst_image_plane(image, plane)[i];
    out = guided(recoloured, image, 6, 1e-9);
    assert_true(difference(out, recoloured) < 1e-5);
    nst_image_unref(image);
    nst_image_unref(itself);
    nst_image_unref(recoloured);
    nst_image_unref(out);
}

/* ---- both ---- */

static void alpha_and_texts_stay(void **state)
{
    nst_image *image = noise_image(*state, 12, 9, 4, 8), *towards = noise_image(*state, 12, 9, 3, 9), *texted, *out;
    assert_int_equal(nst_image_with_text(image, "k", "v", &texted), NST_OK);
    for (int i = 0; i < 2; i++) {
        out = i ? guided(texted, towards, 2, 0.01) : poisson(texted, towards, 2, 2);
        assert_string_equal(nst_image_get_text(out, "k"), "v");
        assert_memory_equal(nst_image_plane(out, 3), nst_image_plane(image, 3), 12 * 9 * sizeof(float));
        assert_true(difference(out, image) > 0.01);
        for (size_t k = 0; k < 3 * count_of(out); k++) assert_true(nst_image_plane(out, 0)[k] >= 0 && nst_image_plane(out, 0)[k] <= 1);
        nst_image_unref(out);
    }
    nst_image_unref(image);
    nst_image_unref(texted);
    nst_image_unref(towards);
}

/* What they are said to take is what they take. */
static void their_memory_is_told(void **state)
{
    static const nst_filter filters[] = {{.kind = NST_FILTER_POISSON, .luma = 2, .chroma = 1},
                                         {.kind = NST_FILTER_GUIDED, .radius = 3, .epsilon = 0.01}};
    nst_ctx *ctx = NULL;
    (void)state;
    for (int i = 0; i < 2; i++) {
        nst_image *image, *towards;
        size_t before;
        assert_int_equal(nst_ctx_new(NULL, &ctx), NST_OK);
        image = random_image(ctx, 41, 30, 0, 1, 1);
        towards = random_image(ctx, 41, 30, 0, 1, 2);
        before = (size_t)nst_ctx_memory_used(ctx);
        assert_int_equal(nst_image_apply_filter(image, towards, &filters[i], &(nst_error){""}), NST_OK);
        assert_true(nst_ctx_memory_used(ctx) == before);
        assert_true(nst_ctx_memory_peak(ctx) - before == nst_image_filter_bytes(41, 30, &filters[i]));
        nst_image_unref(image);
        nst_image_unref(towards);
        nst_ctx_unref(ctx);
    }
}

static int open_ctx(void **state)
{
    return nst_ctx_new(NULL, (nst_ctx **)state);
}

static int close_ctx(void **state)
{
    nst_ctx_unref(*state);
    return 0;
}

/* A plane that is an affine function of the guide gets that function's detail; one that has nothing of the guide gets none. */
static void detail_goes_through_the_affine_function(void **state)
{
    enum { WIDTH = 17, HEIGHT = 12, COUNT = WIDTH * HEIGHT };
    nst_ctx *ctx = *state;
    nst_image *guide = random_image(ctx, WIDTH, HEIGHT, 0, 1, 4), *detailed = random_image(ctx, WIDTH, HEIGHT, 0, 1, 5);
    const float *g = nst_image_plane_const(guide, 0), *d = nst_image_plane_const(detailed, 0);
    float planes[3 * COUNT];
    nst_error error;
    for (size_t i = 0; i < COUNT; i++) {
        planes[i] = 0.5f * g[i] - 0.25f * g[2 * COUNT + i] + 0.125f;
        planes[COUNT + i] = g[COUNT + i];
        planes[2 * COUNT + i] = 0.75f;
    }
    assert_int_equal(nst_planes_add_detail(ctx, planes, g, d, WIDTH, HEIGHT, 3, 1e-9, &error), NST_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(fabsf(planes[i] - (0.5f * d[i] - 0.25f * d[2 * COUNT + i] + 0.125f)) < 1e-5f);
        assert_true(fabsf(planes[COUNT + i] - d[COUNT + i]) < 1e-5f);
        assert_true(fabsf(planes[2 * COUNT + i] - 0.75f) < 1e-6f);
    }
    nst_image_unref(guide);
    nst_image_unref(detailed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_solves_its_system),
        cmocka_unit_test(poisson_is_solved_at_any_size),
        cmocka_unit_test(poisson_goes_from_one_to_the_other),
        cmocka_unit_test(guided_is_the_mean_of_its_boxes),
        cmocka_unit_test(guided_by_itself_is_itself),
        cmocka_unit_test(detail_goes_through_the_affine_function),
        cmocka_unit_test(alpha_and_texts_stay),
        cmocka_unit_test(their_memory_is_told),
    };
    return cmocka_run_group_tests(tests, open_ctx, close_ctx);
}
