#include "loss/moments.h"

#include <string.h>

nst_moments nst_moments_in(nst_shape shape, const void *memory)
{
    double *values = (double *)(uintptr_t)memory;
    return (nst_moments){values, values + shape.channels, values + 2 * shape.channels};
}

static size_t matrix_values(nst_shape shape)
{
    return shape.channels * shape.channels;
}

static size_t moment_values(nst_shape shape)
{
    return matrix_values(shape) + 2 * shape.channels;
}

/* gatys-paper: 1/(4 N^2). neural-style, the mean over N^2 entries of (F F^T/(N M))^2, and gatys-code, 1/N^2 times the mean of
 * (F F^T/M)^2, are both 1/N^4. normalised: relative to the target. */
double nst_matrix_factor(nst_dialect dialect, size_t entries, double power)
{
    double n2 = (double)entries;
    switch (dialect) {
    case NST_DIALECT_GATYS_PAPER: return 1 / (4 * n2);
    case NST_DIALECT_NORMALISED: return power > 0 ? 1 / power : 1;
    default: return 1 / (n2 * n2);
    }
}

double nst_second_factor(nst_dialect dialect, nst_shape shape, double power)
{
    return nst_matrix_factor(dialect, matrix_values(shape), power);
}

/* The mean over channels, as all whose programs have such a loss. normalised: relative to the target. */
double nst_first_factor(nst_dialect dialect, nst_shape shape, double power)
{
    return dialect == NST_DIALECT_NORMALISED && power > 0 ? 1 / power : 1 / (double)shape.channels;
}

/* ---- targets ---- */

size_t nst_moments_target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return moment_values(shape) * sizeof(double);
}

size_t nst_moments_workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return tools->kernels->gram_workspace(shape, tools->exec->strands);
}

void nst_moments_target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                                   void *workspace)
{
    nst_moments m = nst_moments_in(shape, target);
    tools->kernels->gram_accumulate(tools->exec, tile->shape, tile->region, features, m.second, workspace);
    tools->kernels->moments(tools->exec, tile->shape, tile->region, features, m.means, m.squares);
}

void nst_moments_target_finish(nst_shape shape, void *target)
{
    nst_values_divide(moment_values(shape), (double)nst_shape_positions(shape), target);
}

void nst_moments_target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    nst_values_add(moment_values(shape), weight, from, to);
}

double nst_moments_power(nst_shape shape, const void *target)
{
    const double *squares = nst_moments_in(shape, target).squares;
    double sum = 0;
    for (size_t c = 0; c < shape.channels; c++) sum += squares[c];
    return sum;
}

void nst_moments_centre(nst_shape shape, double *second, const double *means)
{
    for (size_t i = 0; i < shape.channels; i++) nst_values_add(shape.channels, -means[i], means, second + i * shape.channels);
}

/* d S = d Ghat - d mu mu^T - mu d mu^T: by mu that is -2 D mu. */
double nst_moments_compare_means(nst_shape shape, double weight, nst_moments *own, const nst_moments *wanted)
{
    double sum = 0;
    for (size_t i = 0; i < shape.channels; i++) { /* `squares` has served: the derivatives gather there */
        double difference = own->means[i] - wanted->means[i];
        sum += weight * difference * difference;
        own->squares[i] = 2 * weight * difference;
        for (size_t j = 0; j < shape.channels; j++) own->squares[i] -= 2 * own->second[i * shape.channels + j] * own->means[j];
    }
    memcpy(own->means, own->squares, shape.channels * sizeof *own->means);
    return sum;
}

/* ---- the picture ---- */

/* Behind the moments what the kernels want as reals: a matrix (C, C), and a number for each channel, twice (C, C). */
size_t nst_moments_state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return moment_values(shape) * (sizeof(double) + sizeof(nst_real));
}

void nst_moments_begin(nst_loss *loss)
{
    memset(loss->state, 0, moment_values(loss->shape) * sizeof(double));
}

void nst_moments_accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    nst_moments_target_accumulate(&loss->tools, loss->shape, tile, features, loss->state, loss->workspace);
}

nst_moments nst_moments_of_picture(nst_loss *loss)
{
    nst_moments_target_finish(loss->shape, loss->state);
    return nst_moments_in(loss->shape, loss->state);
}

static void scaled_reals(size_t count, double scale, const double *from, nst_real *to)
{
    for (size_t i = 0; i < count; i++) to[i] = (nst_real)(scale * from[i]);
}

/* d Ghat = (dF F^T + F dF^T) / M and d mu = dF 1 / M, hence grad += 2/M D F + 1/M d 1^T. */
void nst_moments_seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const nst_kernels *kernels = loss->tools.kernels;
    size_t channels = loss->shape.channels, count = matrix_values(loss->shape);
    nst_moments of = nst_moments_in(loss->shape, loss->state);
    nst_real *matrix = (nst_real *)(void *)((double *)loss->state + moment_values(loss->shape));
    nst_real *of_sums = matrix + count, *of_squares = of_sums + channels;
    double each = scale / (double)nst_shape_positions(loss->shape);
    scaled_reals(count, 2 * each, of.second, matrix);
    scaled_reals(channels, each, of.means, of_sums);
    for (size_t c = 0; c < channels; c++) of_squares[c] = 0;
    kernels->matrix_times_features(loss->tools.exec, tile->shape, tile->region, matrix, features, gradient, loss->workspace);
    kernels->moments_backward(loss->tools.exec, tile->shape, tile->region, of_sums, of_squares, features, gradient);
}
