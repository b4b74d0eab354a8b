/* Style loss on the mean and the deviation of every channel, as AdaIN is trained with (Huang and Belongie 2017) and SPST adds to Gatys'
 * (Galerne et al. 2022). Plain sum: sum over channels of (mu - mu')^2 + (sigma - sigma')^2. It knows nothing of how channels go
 * together: cheap, no matrices. */
#include <math.h>
#include <string.h>

#include "loss/moments.h"

/* A target: means (C), then mean squares (C), doubles. */
static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return 2 * shape.channels * sizeof(double);
}

static size_t workspace_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    (void)shape;
    return 0;
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    nst_moments m = nst_moments_in(shape, target);
    (void)workspace;
    tools->kernels->moments(tools->exec, tile->shape, tile->region, features, m.means, m.squares);
}

static void target_finish(nst_shape shape, void *target)
{
    nst_values_divide(2 * shape.channels, (double)nst_shape_positions(shape), target);
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    nst_values_add(2 * shape.channels, weight, from, to);
}

/* The sum of mu'^2 + sigma'^2 is that of the mean squares. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    return nst_first_factor(dialect, shape, nst_moments_power(shape, target));
}

/* State: the picture's moments, after finish() the derivatives by them; then the same as reals, times what the gradient wants. */
static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return 2 * shape.channels * (sizeof(double) + sizeof(nst_real));
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, 2 * loss->shape.channels * sizeof(double));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    target_accumulate(&loss->tools, loss->shape, tile, features, loss->state, NULL);
}

/* The deviation of a channel that never changes would have no derivative: a little variance is added to all, for both pictures. */
static double deviation(double mean, double square, double little)
{
    double variance = square - mean * mean;
    return sqrt((variance > 0 ? variance : 0) + little);
}

/* sigma^2 = E[f^2] - mu^2: d sigma / d E[f^2] = 1 / (2 sigma), d sigma / d mu = -mu / sigma. */
static double finish(nst_loss *loss)
{
    nst_moments own = nst_moments_in(loss->shape, loss->state), wanted = nst_moments_in(loss->shape, loss->target);
    double little = 1e-5 * nst_moments_power(loss->shape, loss->target) / (double)loss->shape.channels, sum = 0;
    target_finish(loss->shape, loss->state);
    for (size_t c = 0; c < loss->shape.channels; c++) {
        double mean = own.means[c], sigma = deviation(mean, own.squares[c], little);
        double first = mean - wanted.means[c], second = sigma - deviation(wanted.means[c], wanted.squares[c], little);
        sum += first * first + second * second;
        own.squares[c] = sigma > 0 ? second / sigma : 0;
        own.means[c] = 2 * (first - own.squares[c] * mean);
    }
    return sum;
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    size_t count = 2 * loss->shape.channels;
    const double *derivatives = loss->state;
    nst_real *of = (nst_real *)(void *)((double *)loss->state + count);
    double each = scale / (double)nst_shape_positions(loss->shape);
    for (size_t i = 0; i < count; i++) of[i] = (nst_real)(each * derivatives[i]);
    loss->tools.kernels->moments_backward(loss->tools.exec, tile->shape, tile->region, of, of + loss->shape.channels, features, gradient);
}

const nst_loss_class nst_loss_mean_std = {
    .kind = "style",
    .target_bytes = target_bytes,
    .workspace_bytes = workspace_bytes,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .target_blend = target_blend,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
