#include "image/colour.h"

#include <math.h>

static const double ridge = 1e-5; /* of both covariances */

typedef double matrix[3][3];

/* ---- moments ---- */

typedef struct sums {
    double weight, first[3], second[3][3];
} sums;

static void add(sums *s, double weight, const double colour[3])
{
    s->weight += weight;
    for (int i = 0; i < 3; i++) {
        s->first[i] += weight * colour[i];
        for (int k = 0; k <= i; k++) s->second[i][k] += weight * colour[i] * colour[k];
    }
}

/* Where nothing was added, black without variance. */
static void read_sums(const sums *s, nst_colour_moments *moments)
{
    double weight = s->weight > 0 ? s->weight : 1;
    for (int i = 0; i < 3; i++) moments->mean[i] = s->first[i] / weight;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k <= i; k++)
            moments->covariance[i][k] = moments->covariance[k][i] = s->second[i][k] / weight - moments->mean[i] * moments->mean[k];
}

void nst_colour_of_picture(const nst_real *picture, size_t count, nst_colour_moments *moments)
{
    sums s = {0};
    for (size_t i = 0; i < count; i++)
        add(&s, 1, (double[3]){(double)picture[i], (double)picture[count + i], (double)picture[2 * count + i]});
    read_sums(&s, moments);
}

typedef struct pixel {
    double colour[3], alpha;
} pixel;

static pixel pixel_of(const nst_image *image, size_t i)
{
    const float *alpha = nst_image_plane_const(image, 3);
    pixel p = {.alpha = alpha ? (double)alpha[i] : 1};
    for (int c = 0; c < 3; c++) p.colour[c] = (double)nst_image_plane_const(image, c)[i];
    return p;
}

static size_t pixel_count(const nst_image *image)
{
    return (size_t)image->width * image->height;
}

void nst_colour_of_image(const nst_image *image, nst_colour_moments *moments)
{
    sums s = {0};
    for (size_t i = 0; i < pixel_count(image); i++) {
        pixel p = pixel_of(image, i);
        for (int c = 0; c < 3; c++) p.colour[c] = 1 - p.alpha * (1 - p.colour[c]);
        add(&s, 1, p.colour);
    }
    read_sums(&s, moments);
}

/* Where it is transparent a picture has no colour. */
static void moments_of_visible(const nst_image *image, nst_colour_moments *moments)
{
    sums s = {0};
    for (size_t i = 0; i < pixel_count(image); i++) {
        pixel p = pixel_of(image, i);
        add(&s, p.alpha, p.colour);
    }
    read_sums(&s, moments);
}

void nst_colour_blend(const nst_colour_moments *moments, const double *weights, size_t count, nst_colour_moments *blend)
{
    sums s = {0};
    for (size_t n = 0; n < count; n++) {
        add(&s, weights[n], moments[n].mean);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k <= i; k++) s.second[i][k] += weights[n] * moments[n].covariance[i][k];
    }
    read_sums(&s, blend);
}

/* ---- matrices ---- */

static void multiply(matrix a, matrix b, matrix out)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) out[i][k] = a[i][0] * b[0][k] + a[i][1] * b[1][k] + a[i][2] * b[2][k];
}

/* One plane rotation of Jacobi's method (Golub and Van Loan, Matrix Computations, 8.5): element (p, q) of `m` becomes zero; `vectors`
 * turns along. */
static void rotate(matrix m, matrix vectors, int p, int q)
{
    double theta, t, c, s;
    if (m[p][q] == 0) return;
    theta = (m[q][q] - m[p][p]) / (2 * m[p][q]);
    t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    c = 1 / sqrt(t * t + 1);
    s = t * c;
    for (int i = 0; i < 3; i++) {
        double a = m[i][p], b = m[i][q], v = vectors[i][p], w = vectors[i][q];
        m[i][p] = c * a - s * b;
        m[i][q] = s * a + c * b;
        vectors[i][p] = c * v - s * w;
        vectors[i][q] = s * v + c * w;
    }
    for (int i = 0; i < 3; i++) {
        double a = m[p][i], b = m[q][i];
        m[p][i] = c * a - s * b;
        m[q][i] = s * a + c * b;
    }
}

/* A symmetric positive matrix to a power: its eigenvectors with the power of their values. */
static void power(matrix of, double exponent, matrix out)
{
    enum { SWEEPS = 12 }; /* it converges quadratically: 5 reach the last bit */
    matrix values, vectors = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) values[i][k] = (of[i][k] + of[k][i]) / 2;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        rotate(values, vectors, 0, 1);
        rotate(values, vectors, 0, 2);
        rotate(values, vectors, 1, 2);
    }
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            out[i][k] = 0;
            for (int n = 0; n < 3; n++)
                out[i][k] += vectors[i][n] * pow(fmax(values[n][n], ridge * ridge / 16), exponent) * vectors[k][n];
        }
}

/* Lower triangles. */
static void cholesky(matrix of, matrix lower)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            double rest = of[i][k];
            for (int n = 0; n < k; n++) rest -= lower[i][n] * lower[k][n];
            if (k > i) lower[i][k] = 0;
            else lower[i][k] = i == k ? sqrt(fmax(rest, ridge / 4)) : rest / lower[k][k];
        }
}

static void invert_lower(matrix lower, matrix out)
{
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3; i++) {
            double rest = i == k ? 1 : 0;
            for (int n = k; n < i; n++) rest -= lower[i][n] * out[n][k];
            out[i][k] = i < k ? 0 : rest / lower[i][i];
        }
}

static void solve_symmetric(matrix from, matrix to, matrix out)
{
    matrix root, inverse, product, middle;
    power(from, 0.5, root);
    power(from, -0.5, inverse);
    multiply(root, to, product);
    multiply(product, root, middle);
    power(middle, 0.5, middle);
    multiply(inverse, middle, product);
    multiply(product, inverse, out);
}

static void solve_cholesky(matrix from, matrix to, matrix out)
{
    matrix lower, inverse;
    cholesky(from, lower);
    invert_lower(lower, inverse);
    cholesky(to, lower);
    multiply(lower, inverse, out);
}

/* ---- the map ---- */

void nst_colour_solve(nst_colour_method method, const nst_colour_moments *from, const nst_colour_moments *to, nst_colour_map *map)
{
    matrix a, b;
    for (int i = 0; i < 3; i++) {
        map->from[i] = from->mean[i];
        map->to[i] = to->mean[i];
        for (int k = 0; k < 3; k++) {
            a[i][k] = from->covariance[i][k] + (i == k ? ridge : 0);
            b[i][k] = to->covariance[i][k] + (i == k ? ridge : 0);
        }
    }
    if (method == NST_COLOUR_CHOLESKY) solve_cholesky(a, b, map->matrix);
    else solve_symmetric(a, b, map->matrix);
}

static const double luma_weights[3] = {0.299, 0.587, 0.114};

static void luma_moments(const nst_colour_moments *moments, double *mean, double *variance)
{
    *mean = *variance = 0;
    for (int i = 0; i < 3; i++) {
        *mean += luma_weights[i] * moments->mean[i];
        for (int k = 0; k < 3; k++) *variance += luma_weights[i] * moments->covariance[i][k] * luma_weights[k];
    }
}

void nst_colour_solve_luma(const nst_colour_moments *from, const nst_colour_moments *to, nst_colour_map *map)
{
    double mean, other_mean, variance, other_variance, gain;
    luma_moments(from, &mean, &variance);
    luma_moments(to, &other_mean, &other_variance);
    gain = sqrt((fmax(other_variance, 0) + ridge) / (fmax(variance, 0) + ridge));
    for (int i = 0; i < 3; i++) {
        map->from[i] = from->mean[i];
        map->to[i] = other_mean;
        for (int k = 0; k < 3; k++) map->matrix[i][k] = gain * luma_weights[k];
    }
}

static double clip(double value)
{
    return value > 0 ? fmin(value, 1) : 0;
}

static void map_colour(const nst_colour_map *map, double colour[3])
{
    double d[3];
    for (int i = 0; i < 3; i++) d[i] = colour[i] - map->from[i];
    for (int i = 0; i < 3; i++)
        colour[i] = clip(map->matrix[i][0] * d[0] + map->matrix[i][1] * d[1] + map->matrix[i][2] * d[2] + map->to[i]);
}

void nst_colour_apply(const nst_colour_map *map, nst_real *picture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double colour[3] = {(double)picture[i], (double)picture[count + i], (double)picture[2 * count + i]};
        map_colour(map, colour);
        for (size_t c = 0; c < 3; c++) picture[c * count + i] = (nst_real)colour[c];
    }
}

static void map_image(const nst_colour_map *map, const nst_image *from, nst_image *to)
{
    for (size_t i = 0; i < pixel_count(from); i++) {
        pixel p = pixel_of(from, i);
        map_colour(map, p.colour);
        for (int c = 0; c < 3; c++) nst_image_plane(to, c)[i] = (float)p.colour[c];
        if (from->has_alpha) nst_image_plane(to, 3)[i] = (float)p.alpha;
    }
}

int32_t nst_image_recolour(const nst_image *image, const nst_image *reference, nst_colour_method method, nst_image **out,
                           nst_error *error)
{
    nst_colour_moments own, wanted;
    nst_colour_map map;
    nst_image *made;
    int32_t status = nst_image_create(image->ctx, image->width, image->height, image->has_alpha, &made, error);
    if (status < 0) return status;
    made->source_bits = image->source_bits;
    moments_of_visible(image, &own);
    moments_of_visible(reference, &wanted);
    nst_colour_solve(method, &own, &wanted, &map);
    map_image(&map, image, made);
    status = nst_image_copy_texts(made, image, error);
    if (status < 0) nst_image_unref(made);
    else *out = made;
    return status;
}
