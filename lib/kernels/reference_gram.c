/* Sums over positions of planes (C, H, W): Gram matrices, their gradient, moments, squared differences. */
#include "kernels/level_reference.h"
#include "kernels/parts.h"

/* Rows [row0, row1) of every plane: `count` values from `offset` on, planes `stride` apart. */
typedef struct row_band {
    size_t channels, stride, offset, count;
} row_band;

typedef struct gram_task {
    row_band band;
    const nst_real *features, *other; /* other: the matrix, or the target */
    nst_real *grad;
    nst_real scale;
    double *gram, *sums, *squares;
} gram_task;

static row_band band_of(nst_shape shape, size_t row0, size_t row1)
{
    return (row_band){.channels = shape.channels, .stride = nst_shape_positions(shape), .offset = row0 * shape.width,
                      .count = (row1 - row0) * shape.width};
}

static const nst_real *channel_of(const row_band *band, const nst_real *features, size_t channel)
{
    return features + channel * band->stride + band->offset;
}

/* Row i of the lower triangle, and its mirror image: no two tasks write the same element. */
static void gram_row(void *data, uint32_t i)
{
    const gram_task *task = data;
    const row_band *band = &task->band;
    const nst_real *a = channel_of(band, task->features, i);
    for (size_t j = 0; j <= i; j++) {
        double sum = nst_sum_products(band->count, a, channel_of(band, task->features, j));
        task->gram[i * band->channels + j] += sum;
        if (j != i) task->gram[j * band->channels + i] += sum;
    }
}

size_t nst_reference_gram_workspace(nst_shape shape)
{
    (void)shape;
    return 0;
}

void nst_reference_gram_accumulate(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const void *features,
                                   double *gram, void *workspace)
{
    gram_task task = {.band = band_of(shape, row0, row1), .features = features, .gram = gram};
    (void)workspace;
    exec->run(exec->user, gram_row, &task, (uint32_t)shape.channels);
}

static void add_scaled(size_t count, nst_real weight, const nst_real *restrict from, nst_real *restrict to)
{
    for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* In pieces, so that the piece of `grad` stays in the cache while all channels are added to it. */
static void matrix_row(void *data, uint32_t i)
{
    const gram_task *task = data;
    const row_band *band = &task->band;
    nst_real *grad = task->grad + i * band->stride + band->offset;
    for (size_t begin = 0; begin < band->count; begin += NST_PART_ELEMENTS) {
        size_t left = band->count - begin, count = left < NST_PART_ELEMENTS ? left : NST_PART_ELEMENTS;
        for (size_t j = 0; j < band->channels; j++)
            add_scaled(count, task->other[i * band->channels + j], channel_of(band, task->features, j) + begin, grad + begin);
    }
}

void nst_reference_matrix_times_features(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const nst_real *matrix,
                                         const void *features, void *grad)
{
    gram_task task = {.band = band_of(shape, row0, row1), .features = features, .other = matrix, .grad = grad};
    exec->run(exec->user, matrix_row, &task, (uint32_t)shape.channels);
}

static void difference_part(void *data, uint32_t part)
{
    const gram_task *task = data;
    const row_band *band = &task->band;
    uint32_t parts = nst_part_count(band->channels * band->count);
    size_t end = nst_part_begin(band->channels, parts, part + 1);
    double sum = 0;
    for (size_t c = nst_part_begin(band->channels, parts, part); c < end; c++)
        sum += nst_sum_squared_differences(band->count, channel_of(band, task->features, c), channel_of(band, task->other, c));
    task->sums[part] = sum;
}

double nst_reference_squared_difference(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const void *features,
                                        const void *target)
{
    double sums[NST_PARTS], total = 0;
    gram_task task = {.band = band_of(shape, row0, row1), .features = features, .other = target, .sums = sums};
    uint32_t parts = nst_part_count(shape.channels * task.band.count);
    exec->run(exec->user, difference_part, &task, parts);
    for (uint32_t part = 0; part < parts; part++) total += sums[part];
    return total;
}

static void add_scaled_difference(size_t count, nst_real scale, const nst_real *restrict f, const nst_real *restrict t,
                                  nst_real *restrict grad)
{
    for (size_t i = 0; i < count; i++) grad[i] += scale * (f[i] - t[i]);
}

static void difference_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    const row_band *band = &task->band;
    add_scaled_difference(band->count, task->scale, channel_of(band, task->features, c), channel_of(band, task->other, c),
                          task->grad + c * band->stride + band->offset);
}

void nst_reference_difference_backward(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, nst_real scale,
                                       const void *features, const void *target, void *grad)
{
    gram_task task = {.band = band_of(shape, row0, row1), .features = features, .other = target, .grad = grad, .scale = scale};
    exec->run(exec->user, difference_channel, &task, (uint32_t)shape.channels);
}

static void moments_channel(void *data, uint32_t c)
{
    const gram_task *task = data;
    const nst_real *plane = channel_of(&task->band, task->features, c);
    task->sums[c] += nst_sum(task->band.count, plane);
    task->squares[c] += nst_sum_products(task->band.count, plane, plane);
}

void nst_reference_moments(const nst_exec *exec, nst_shape shape, const void *features, double *sums, double *squares)
{
    gram_task task = {.band = band_of(shape, 0, shape.height), .features = features, .sums = sums, .squares = squares};
    exec->run(exec->user, moments_channel, &task, (uint32_t)shape.channels);
}
