/* Householder's reduction to a tridiagonal matrix, then implicit QR steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations,
 * sections 8.3.1 to 8.3.3). What most of the work is, turning the rows of z, waits: reflections until the matrix is tridiagonal,
 * rotations until there are some thousands. Then every task turns some columns of z by all of them, and these columns stay in the cache. */
#include "loss/eigen.h"

#include <float.h>
#include <math.h>

#include "loss/values.h"

enum { SLICE = 64 /* columns of a task */, SWEEPS = 8 /* as many as rotations gather for, at least */, STEPS = 60 /* for one value */ };

/* Rows `row` and `row` + 1 become c * first + s * second and c * second - s * first. */
typedef struct rotation {
    double c, s;
    size_t row;
} rotation;

typedef struct eigen {
    const nst_exec *exec;
    size_t n, columns;
    double *a;           /* its rows right of the diagonal: the vectors of the reflections 1 - scale v v^T */
    double *values;      /* the diagonal */
    double *beside;      /* (n) what stands beside the diagonal */
    double *scales;      /* (n) of the reflections */
    double *product;     /* (n) */
    double *z;
    rotation *rotations; /* (SWEEPS * n) */
    size_t gathered;
} eigen;

size_t nst_eigen_workspace(size_t n)
{
    return 3 * n + SWEEPS * n * sizeof(rotation) / sizeof(double);
}

/* ---- turning z ---- */

static size_t slice_end(const eigen *e, uint32_t slice)
{
    size_t end = ((size_t)slice + 1) * SLICE;
    return end < e->columns ? end : e->columns;
}

static void spread(eigen *e, void (*job)(void *data, uint32_t slice))
{
    e->exec->run(e->exec->user, job, e, (uint32_t)((e->columns + SLICE - 1) / SLICE));
}

/* z -= scale v (v^T z), for the reflection that has made row k. */
static void reflect(const eigen *e, size_t k, size_t begin, size_t count)
{
    const double *v = e->a + k * e->n;
    double *z = e->z + begin, sums[SLICE] = {0};
    for (size_t i = k + 1; i < e->n; i++) nst_values_add(count, v[i], z + i * e->columns, sums);
    for (size_t i = k + 1; i < e->n; i++) nst_values_add(count, -e->scales[k] * v[i], sums, z + i * e->columns);
}

static void reflect_slice(void *data, uint32_t slice)
{
    const eigen *e = data;
    size_t begin = (size_t)slice * SLICE, count = slice_end(e, slice) - begin;
    for (size_t k = 0; k + 2 < e->n; k++)
        if (e->scales[k] != 0) reflect(e, k, begin, count);
}

static void rotate_slice(void *data, uint32_t slice)
{
    const eigen *e = data;
    size_t begin = (size_t)slice * SLICE, count = slice_end(e, slice) - begin;
    for (size_t i = 0; i < e->gathered; i++) {
        const rotation *r = &e->rotations[i];
        double *row = e->z + r->row * e->columns + begin;
        nst_values_turn(count, r->c, r->s, row, row + e->columns);
    }
}

static void turn(eigen *e)
{
    spread(e, rotate_slice);
    e->gathered = 0;
}

/* ---- to a tridiagonal matrix ---- */

/* v in place of row k right of the diagonal, so that 1 - scale v v^T makes (beside[k], 0, ...) of that. Divided by the largest first,
 * lest squares leave the range. */
static void make_reflection(eigen *e, size_t k)
{
    double *v = e->a + k * e->n, largest = 0, power = 0;
    for (size_t i = k + 1; i < e->n; i++) largest = fmax(largest, fabs(v[i]));
    e->scales[k] = e->beside[k] = 0;
    if (!(largest > 0)) return;
    for (size_t i = k + 1; i < e->n; i++) {
        v[i] /= largest;
        power += v[i] * v[i];
    }
    double norm = copysign(sqrt(power), v[k + 1]);
    e->beside[k] = -norm * largest;
    v[k + 1] += norm;
    e->scales[k] = 1 / (norm * v[k + 1]);
}

/* What is left of A becomes H A H, H = 1 - scale v v^T: A - v w^T - w v^T with p = scale A v, w = p - scale/2 (p^T v) v. */
static void apply_reflection(eigen *e, size_t k)
{
    size_t first = k + 1, left = e->n - first;
    const double *v = e->a + k * e->n + first;
    double *w = e->product, *rest = e->a + first * e->n + first, along = 0;
    for (size_t i = 0; i < left; i++) w[i] = 0;
    for (size_t i = 0; i < left; i++) nst_values_add(left, e->scales[k] * v[i], rest + i * e->n, w);
    for (size_t i = 0; i < left; i++) along += w[i] * v[i];
    nst_values_add(left, -e->scales[k] / 2 * along, v, w);
    for (size_t i = 0; i < left; i++) {
        double *row = rest + i * e->n;
        nst_values_add(left, -v[i], w, row);
        nst_values_add(left, -w[i], v, row);
    }
}

static void reduce(eigen *e)
{
    for (size_t k = 0; k + 2 < e->n; k++) {
        make_reflection(e, k);
        if (e->scales[k] != 0) apply_reflection(e, k);
    }
    for (size_t i = 0; i < e->n; i++) e->values[i] = e->a[i * e->n + i];
    if (e->n >= 2) e->beside[e->n - 2] = e->a[(e->n - 2) * e->n + e->n - 1];
    spread(e, reflect_slice);
}

/* ---- to a diagonal one ---- */

/* The eigenvalue nearer to the last value of the lowest two rows of the block. */
static double shift_of(const eigen *e, size_t last)
{
    double b = e->beside[last - 1], half = (e->values[last - 1] - e->values[last]) / 2;
    return e->values[last] - b * (b / (half + copysign(hypot(half, b), half)));
}

/* The 2 x 2 rows at k, turned. */
static void turn_values(eigen *e, size_t k, double c, double s)
{
    double *d = e->values, a = d[k], b = e->beside[k], g = d[k + 1];
    d[k] = c * c * a + 2 * c * s * b + s * s * g;
    d[k + 1] = s * s * a - 2 * c * s * b + c * c * g;
    e->beside[k] = c * s * (g - a) + (c * c - s * s) * b;
}

/* One implicit QR step on rows first to last: the shift begins a bulge, which is chased down. */
static void step(eigen *e, size_t first, size_t last)
{
    double x = e->values[first] - shift_of(e, last), bulge = e->beside[first];
    if (e->gathered + (last - first) > SWEEPS * e->n) turn(e);
    for (size_t k = first; k < last; k++) {
        double r = hypot(x, bulge), c = r > 0 ? x / r : 1, s = r > 0 ? bulge / r : 0;
        if (k > first) e->beside[k - 1] = r;
        turn_values(e, k, c, s);
        e->rotations[e->gathered++] = (rotation){c, s, k};
        if (k + 1 == last) break;
        x = e->beside[k];
        bulge = s * e->beside[k + 1];
        e->beside[k + 1] *= c;
    }
}

static bool is_small(const eigen *e, size_t k)
{
    return fabs(e->beside[k]) <= DBL_EPSILON * (fabs(e->values[k]) + fabs(e->values[k + 1]));
}

static bool solve(eigen *e)
{
    int steps = 0;
    for (size_t last = e->n - 1; last > 0;) {
        size_t first = last;
        while (first > 0 && !is_small(e, first - 1)) first--;
        if (first > 0) e->beside[first - 1] = 0;
        if (first == last) {
            last--;
            steps = 0;
            continue;
        }
        if (++steps > STEPS) return false;
        step(e, first, last);
    }
    turn(e);
    return true;
}

bool nst_eigen(const nst_exec *exec, size_t n, double *a, double *values, size_t columns, double *z, double *workspace)
{
    eigen e = {.exec = exec, .n = n, .columns = columns, .a = a, .values = values, .z = z, .beside = workspace, .scales = workspace + n,
               .product = workspace + 2 * n, .rotations = (rotation *)(void *)(workspace + 3 * n)};
    if (n == 0) return true;
    reduce(&e);
    return solve(&e);
}
