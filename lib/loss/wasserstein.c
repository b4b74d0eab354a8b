/* Style loss on the Wasserstein-2 distance of the normal distributions that means and covariances describe (Olkin and Pukelsheim 1982;
 * as a style loss: crowsonkb/style-transfer-pytorch). Plain sum:
 *
 *     |mu - mu'|^2 + tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2)
 *
 * With any factor S' = L L^T, the eigenvalues of S'^1/2 S S'^1/2 are those of K = L^T S L, so Cholesky's does. The derivative by S is
 * 1 - T where T = L K^-1/2 L^T, the symmetric matrix with T S T = S', carries the one distribution to the other. With K = Q diag(k) Q^T
 * and z = Q^T L^T that is T = z^T diag(k^-1/2) z, so that no other root is wanted. All of it in double, a little of the identity added to
 * both covariances: there are more channels than positions at small sizes, and channels that never answer. */
#include <math.h>
#include <string.h>

#include "loss/eigen.h"
#include "loss/moments.h"

/* Relative to the mean variance of a channel. crowsonkb adds 10^-4 to covariances of that order. */
static const double little = 1e-4;

typedef struct transport {
    const nst_exec *exec;
    size_t n;
    double *own;     /* (n, n) S, then K, then T */
    double *z;       /* (n, n) S', then L^T, then Q^T L^T */
    double *lower;   /* (n, n) L */
    double *product; /* (n, n) */
    double *values;  /* (n) */
    double *eigen_workspace;
} transport;

static size_t transport_values(size_t n)
{
    return 3 * n * n + n + nst_eigen_workspace(n);
}

static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    size_t gram = nst_moments_workspace_bytes(tools, shape), own = transport_values(shape.channels) * sizeof(double);
    return gram > own ? gram : own;
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    return nst_first_factor(dialect, shape, nst_moments_power(shape, target));
}

/* ---- matrices ---- */

/* Row i of `result` = sum over k of weights(i, k) * rows(k). */
typedef struct product_task {
    size_t n, row_step, column_step; /* through `weights` */
    const double *weights, *rows;
    double *result;
} product_task;

static void product_row(void *data, uint32_t i)
{
    const product_task *t = data;
    double *result = t->result + i * t->n;
    memset(result, 0, t->n * sizeof *result);
    for (size_t k = 0; k < t->n; k++) {
        double weight = t->weights[i * t->row_step + k * t->column_step];
        if (weight != 0) nst_values_add(t->n, weight, t->rows + k * t->n, result); /* triangles are half zeros */
    }
}

static void product(const transport *t, const double *weights, bool transposed, const double *rows, double *result)
{
    product_task task = {t->n, transposed ? 1 : t->n, transposed ? t->n : 1, weights, rows, result};
    t->exec->run(t->exec->user, product_row, &task, (uint32_t)t->n);
}

/* z, a covariance, becomes the upper factor U of U^T U, which is L^T; `lower` becomes L. */
static void factorise(const transport *t)
{
    size_t n = t->n;
    for (size_t k = 0; k < n; k++) {
        double *row = t->z + k * n, root = row[k] > 0 ? sqrt(row[k]) : 0;
        memset(row, 0, k * sizeof *row);
        for (size_t j = k; j < n; j++) row[j] = root > 0 ? row[j] / root : 0;
        for (size_t i = k + 1; i < n; i++) nst_values_add(n - i, -row[i], row + i, t->z + i * n + i);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) t->lower[i * n + j] = t->z[j * n + i];
}

static double trace(size_t n, const double *matrix)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += matrix[i * n + i];
    return sum;
}

/* 10^-4 of the target's variance, or of its mean square where it does not vary. */
static void add_little(const transport *t, double power)
{
    double variance = trace(t->n, t->z), added = little * (variance > 1e-3 * power ? variance : power) / (double)t->n;
    for (size_t i = 0; i < t->n; i++) {
        t->own[i * t->n + i] += added;
        t->z[i * t->n + i] += added;
    }
}

/* ---- the distance ---- */

/* S becomes K, then T. Returns the trace of K^1/2, NaN where the matrices are not finite. */
static double carry(const transport *t)
{
    double sum = 0;
    product(t, t->z, false, t->own, t->product);
    product(t, t->product, false, t->lower, t->own);
    if (!nst_eigen(t->exec, t->n, t->own, t->values, t->n, t->z, t->eigen_workspace)) return (double)NAN;
    for (size_t i = 0; i < t->n; i++) {
        double root = t->values[i] > 0 ? sqrt(t->values[i]) : 0, each = root > 0 ? 1 / sqrt(root) : 0;
        sum += root;
        for (size_t j = 0; j < t->n; j++) t->z[i * t->n + j] *= each;
    }
    product(t, t->z, true, t->z, t->own);
    return sum;
}

static transport transport_in(const nst_loss *loss, double *own)
{
    size_t n = loss->shape.channels;
    transport t = {.exec = loss->tools.exec, .n = n, .own = own, .z = loss->workspace};
    t.lower = t.z + n * n;
    t.product = t.lower + n * n;
    t.values = t.product + n * n;
    t.eigen_workspace = t.values + n;
    return t;
}

static double finish(nst_loss *loss)
{
    nst_moments own = nst_moments_of_picture(loss), wanted = nst_moments_in(loss->shape, loss->target);
    transport t = transport_in(loss, own.second);
    double sum;
    nst_moments_centre(loss->shape, own.second, own.means);
    memcpy(t.z, wanted.second, t.n * t.n * sizeof *t.z);
    nst_moments_centre(loss->shape, t.z, wanted.means);
    add_little(&t, nst_moments_power(loss->shape, loss->target));
    sum = trace(t.n, t.own) + trace(t.n, t.z);
    if (!isfinite(sum)) return sum;
    factorise(&t);
    sum -= 2 * carry(&t);
    for (size_t i = 0; i < t.n * t.n; i++) t.own[i] = (i % (t.n + 1) == 0) - t.own[i];
    return sum + nst_moments_compare_means(loss->shape, 1, &own, &wanted);
}

const nst_loss_class nst_loss_wasserstein = {
    .kind = "style",
    .target_bytes = nst_moments_target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = nst_moments_target_accumulate,
    .target_finish = nst_moments_target_finish,
    .target_blend = nst_moments_target_blend,
    .factor = factor,
    .state_bytes = nst_moments_state_bytes,
    .begin = nst_moments_begin,
    .accumulate = nst_moments_accumulate,
    .finish = finish,
    .seed = nst_moments_seed,
};
