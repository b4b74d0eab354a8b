#include "measure/structure.h"

#include <math.h>

#include "image/rows.h"

enum { RADIUS = NST_WINDOW / 2 };

static const double pi = 3.14159265358979323846;
/* Below these, mean squares per position are rounding: a step of 8 bits is 1.5e-5. */
static const double flat_energy = 1e-12;

void nst_plane_luma(const nst_real *picture, nst_plane *luma)
{
    size_t count = nst_plane_count(luma);
    const nst_real *red = picture, *green = picture + count, *blue = picture + 2 * count;
    for (size_t i = 0; i < count; i++) luma->values[i] = nst_luma(red[i], green[i], blue[i]);
}

/* Each direction's weights add up to one on either side, so that a step from black to white is 1; the root of the mean of both squares
 * stays in 0..1 (scikit-image, filters.sobel). `at` is the middle of 3x3 values, `width` their rows' distance. */
static double sobel(const nst_real *at, ptrdiff_t width)
{
    double x = 0, y = 0;
    for (ptrdiff_t k = -1; k <= 1; k++) {
        double weight = k == 0 ? 0.5 : 0.25;
        x += weight * ((double)at[k * width + 1] - (double)at[k * width - 1]);
        y += weight * ((double)at[width + k] - (double)at[k - width]);
    }
    return sqrt((x * x + y * y) / 2);
}

void nst_plane_edges(const nst_plane *luma, nst_plane *edges)
{
    nst_real *to = edges->values;
    for (size_t row = 0; row < edges->height; row++)
        for (size_t column = 0; column < edges->width; column++)
            *to++ = (nst_real)sobel(luma->values + (row + 1) * luma->width + column + 1, (ptrdiff_t)luma->width);
}

/* ---- windows ---- */

static void normalise(double taps[NST_WINDOW])
{
    double sum = 0;
    for (int i = 0; i < NST_WINDOW; i++) sum += taps[i];
    for (int i = 0; i < NST_WINDOW; i++) taps[i] /= sum;
}

static void gaussian_taps(double taps[NST_WINDOW])
{
    const double deviation = 1.5;
    for (int i = 0; i < NST_WINDOW; i++) taps[i] = exp(-(i - RADIUS) * (i - RADIUS) / (2 * deviation * deviation));
    normalise(taps);
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

/* Lanczos with three lobes, as wide as for shrinking by two: amplitudes above 1/4 cycle are kept out, at 1/4 cycle they are halved. */
static void half_band_taps(double taps[NST_WINDOW])
{
    for (int i = 0; i < NST_WINDOW; i++) taps[i] = sinc((i - RADIUS) / 2.0) * sinc((i - RADIUS) / 6.0);
    normalise(taps);
}

/* Weighted sums of a b (b NULL: of a) over the windows whose top row is `row`, one for each column where a window begins.
 * `columns` (width) is scratch. */
static void window_sums(const double taps[NST_WINDOW], const nst_plane *a, const nst_plane *b, size_t row, double *columns, double *sums)
{
    size_t width = a->width;
    for (size_t x = 0; x < width; x++) columns[x] = 0;
    for (size_t k = 0; k < NST_WINDOW; k++) {
        const nst_real *p = a->values + (row + k) * width, *q = b ? b->values + (row + k) * width : NULL;
        if (q)
            for (size_t x = 0; x < width; x++) columns[x] += taps[k] * (double)p[x] * (double)q[x];
        else
            for (size_t x = 0; x < width; x++) columns[x] += taps[k] * (double)p[x];
    }
    for (size_t x = 0; x + NST_WINDOW <= width; x++) {
        sums[x] = 0;
        for (size_t k = 0; k < NST_WINDOW; k++) sums[x] += taps[k] * columns[x + k];
    }
}

static bool has_windows(const nst_plane *plane)
{
    return plane->width >= NST_WINDOW && plane->height >= NST_WINDOW;
}

/* ---- measures ---- */

/* From weighted means of a, b, a a, b b and a b. */
static double similarity(double a, double b, double aa, double bb, double ab)
{
    const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03; /* for values that run from 0 to 1 */
    double variance_a = aa - a * a, variance_b = bb - b * b, covariance = ab - a * b;
    return (2 * a * b + c1) * (2 * covariance + c2) / ((a * a + b * b + c1) * (variance_a + variance_b + c2));
}

double nst_structure_ssim(const nst_plane *a, const nst_plane *b, double *scratch)
{
    double taps[NST_WINDOW], sum = 0, *columns = scratch, *means[5];
    size_t across = a->width - NST_WINDOW + 1, down = a->height - NST_WINDOW + 1;
    if (!has_windows(a)) return (double)NAN;
    for (int i = 0; i < 5; i++) means[i] = scratch + (size_t)(i + 1) * a->width;
    gaussian_taps(taps);
    for (size_t row = 0; row < down; row++) {
        window_sums(taps, a, NULL, row, columns, means[0]);
        window_sums(taps, b, NULL, row, columns, means[1]);
        window_sums(taps, a, a, row, columns, means[2]);
        window_sums(taps, b, b, row, columns, means[3]);
        window_sums(taps, a, b, row, columns, means[4]);
        for (size_t x = 0; x < across; x++) sum += similarity(means[0][x], means[1][x], means[2][x], means[3][x], means[4][x]);
    }
    return sum / ((double)across * (double)down);
}

static double mean_of(const nst_plane *plane)
{
    double sum = 0;
    for (size_t i = 0; i < nst_plane_count(plane); i++) sum += (double)plane->values[i];
    return sum / (double)nst_plane_count(plane);
}

double nst_structure_correlation(const nst_plane *a, const nst_plane *b)
{
    double mean_a = mean_of(a), mean_b = mean_of(b), aa = 0, bb = 0, ab = 0, flat = flat_energy * (double)nst_plane_count(a);
    for (size_t i = 0; i < nst_plane_count(a); i++) {
        double da = (double)a->values[i] - mean_a, db = (double)b->values[i] - mean_b;
        aa += da * da;
        bb += db * db;
        ab += da * db;
    }
    return aa > flat && bb > flat ? ab / sqrt(aa * bb) : (double)NAN;
}

/* What the half-band filter takes away is the high part. Both energies are of the positions in the middle of a window. */
double nst_structure_high_frequency(const nst_plane *plane, double *scratch)
{
    double taps[NST_WINDOW], high = 0, sum = 0, squares = 0, energy, *columns = scratch, *low = scratch + plane->width;
    size_t across = plane->width - NST_WINDOW + 1, down = plane->height - NST_WINDOW + 1;
    double mean = mean_of(plane), count = (double)across * (double)down;
    if (!has_windows(plane)) return (double)NAN;
    half_band_taps(taps);
    for (size_t row = 0; row < down; row++) {
        const nst_real *middle = plane->values + (row + RADIUS) * plane->width + RADIUS;
        window_sums(taps, plane, NULL, row, columns, low);
        for (size_t x = 0; x < across; x++) {
            double value = (double)middle[x] - mean, rest = (double)middle[x] - low[x];
            high += rest * rest;
            sum += value;
            squares += value * value;
        }
    }
    energy = squares - sum * sum / count;
    return energy > flat_energy * count ? high / energy : 0;
}
