/* Convolutions and Gram matrices by an external CBLAS, on planes (C, H, W). The only file that includes cblas.h. The BLAS is
 * called from the caller's thread alone, never inside a task: its own threads are the host's business. */
#include "build_features.h"

#if NST_HAVE_CBLAS

#include <cblas.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/level_cblas.h"
#include "kernels/level_reference.h"
#include "kernels/masks.h"
#include "kernels/parts.h"
#include "kernels/runs.h"
#include "kernels/winograd.h"

#ifdef NST_REAL_DOUBLE
#define BLAS(name) cblas_d##name
#else
#define BLAS(name) cblas_s##name
#endif

enum {
    BAND_BYTES = 8 << 20,  /* of columns: small enough to stay in a shared cache */
    BAND_POSITIONS = 1024, /* more columns make a product no faster */
    GRAM_POSITIONS = 4096  /* summed in nst_real before they go to double */
};

/* c (m, n) = op(a) (m, k) b (k, n) + beta c, all by rows. */
static void multiply(CBLAS_TRANSPOSE op, size_t m, size_t n, size_t k, const nst_real *a, size_t a_stride, const nst_real *b,
                     size_t b_stride, nst_real beta, nst_real *c, size_t c_stride)
{
    BLAS(gemm)(CblasRowMajor, op, CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)a_stride, b, (int)b_stride, beta, c,
               (int)c_stride);
}

static size_t taps_of(const nst_conv *conv)
{
    return conv->in_channels * conv->size * conv->size;
}

/* Rows whose columns are made at once: at least one. */
static size_t band_rows(const nst_conv *conv, size_t height, size_t width)
{
    size_t positions = BAND_BYTES / sizeof(nst_real) / taps_of(conv);
    if (positions > BAND_POSITIONS) positions = BAND_POSITIONS;
    if (positions < 2 * width) return height > 0;
    return positions / width < height ? positions / width : height;
}

static int is_empty(const nst_conv *conv, size_t height, size_t width)
{
    return conv->in_channels == 0 || conv->out_channels == 0 || height == 0 || width == 0;
}

static void winograd_product(size_t m, size_t n, size_t k, const nst_real *a, const nst_real *b, nst_real *c)
{
    multiply(CblasNoTrans, m, n, k, a, k, b, n, 0, c, n);
}

size_t nst_cblas_conv_packed_bytes(const nst_conv *conv, nst_direction direction)
{
    return nst_winograd_serves(conv, direction == NST_BACKWARD) ? nst_winograd_packed_bytes(conv) : 0;
}

void nst_cblas_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed)
{
    if (nst_winograd_serves(conv, direction == NST_BACKWARD)) nst_winograd_pack(exec, conv, direction == NST_BACKWARD, packed);
}

/* Columns of a band, and of dy what the mask leaves of it. */
static size_t columns_workspace(const nst_conv *conv, size_t height, size_t width)
{
    size_t rows = conv->size == 1 ? 0 : taps_of(conv);
    return (rows + conv->out_channels) * band_rows(conv, height, width) * width * sizeof(nst_real);
}

size_t nst_cblas_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands)
{
    size_t wanted = 0;
    (void)strands;
    if (is_empty(conv, height, width)) return 0;
    if (!nst_winograd_fits(conv, height, width, 1)) wanted = columns_workspace(conv, height, width);
    return nst_winograd_fits(conv, height, width, 0) ? nst_most(wanted, nst_winograd_workspace(conv, height, width)) : wanted;
}

/* Positions [begin, begin + count) of y (C, M). */
static void fill_bias(const nst_conv *conv, size_t positions, size_t begin, size_t count, nst_real *y)
{
    for (size_t out = 0; out < conv->out_channels; out++)
        for (size_t i = 0; i < count; i++) y[out * positions + begin + i] = conv->bias[out];
}

/* Bands of rows, each as columns times filters. */
static void forward_by_columns(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const nst_real *x, nst_real *y,
                               nst_real *workspace)
{
    size_t positions = height * width, taps = taps_of(conv), rows = band_rows(conv, height, width);
    for (size_t row = 0; row < height; row += rows) {
        nst_columns band = {conv->size, height, width, row, row + rows < height ? row + rows : height, conv->pad};
        size_t begin = row * width, count = (band.row1 - row) * width;
        const nst_real *columns = conv->size == 1 ? x + begin : workspace;
        if (conv->size != 1) nst_columns_gather(exec, &band, conv->in_channels, x, workspace);
        fill_bias(conv, positions, begin, count, y);
        multiply(CblasNoTrans, conv->out_channels, count, taps, conv->weight, taps, columns, conv->size == 1 ? positions : count, 1,
                 y + begin, positions);
    }
}

void nst_cblas_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                            void *mask, void *y, void *workspace)
{
    nst_winograd winograd = {conv, height, width, 0, NULL, winograd_product};
    nst_shape shape = {conv->out_channels, height, width};
    if (is_empty(conv, height, width)) fill_bias(conv, height * width, 0, height * width, y);
    else if (nst_winograd_fits(conv, height, width, 0)) nst_winograd_run(exec, &winograd, x, y, workspace);
    else forward_by_columns(exec, conv, height, width, x, y, workspace);
    if (relu) nst_reference_relu_forward(exec, shape, y, y, mask);
}

/* Positions [begin, begin + count) of dy (out, M) as the mask leaves them, in memory of their own (out, count). */
typedef struct masking {
    size_t positions, begin, count;
    const unsigned char *mask;
    const nst_real *dy;
    nst_real *to;
} masking;

static void mask_channel(void *data, uint32_t out)
{
    const masking *m = data;
    nst_mask_keep(m->begin, m->count, m->mask + out * nst_mask_stride(m->positions), m->dy + out * m->positions + m->begin,
                  m->to + out * m->count);
}

/* What the band reads of dy: dx or columns of the band = transposed filters times it. */
static void multiply_band(const nst_exec *exec, const nst_conv *conv, masking *m, nst_real *to, size_t to_stride)
{
    size_t taps = taps_of(conv);
    if (m->mask) exec->run(exec->user, mask_channel, m, (uint32_t)conv->out_channels);
    multiply(CblasTrans, taps, m->count, conv->out_channels, conv->weight, taps, m->mask ? m->to : m->dy + m->begin,
             m->mask ? m->count : m->positions, 0, to, to_stride);
}

static void backward_by_columns(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const nst_real *dy,
                                const void *mask, nst_real *dx, nst_real *workspace)
{
    size_t positions = height * width, rows = band_rows(conv, height, width);
    nst_real *columns = workspace + conv->out_channels * rows * width;
    if (conv->size != 1) memset(dx, 0, conv->in_channels * positions * sizeof *dx);
    for (size_t row = 0; row < height; row += rows) {
        nst_columns band = {conv->size, height, width, row, row + rows < height ? row + rows : height, conv->pad};
        masking m = {positions, row * width, (band.row1 - row) * width, mask, dy, workspace};
        if (conv->size == 1) {
            multiply_band(exec, conv, &m, dx + m.begin, positions);
            continue;
        }
        multiply_band(exec, conv, &m, columns, m.count);
        nst_columns_scatter(exec, &band, conv->in_channels, columns, dx);
    }
}

void nst_cblas_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                             const void *mask, void *dx, void *workspace)
{
    nst_winograd winograd = {conv, height, width, 1, mask, winograd_product};
    if (is_empty(conv, height, width)) memset(dx, 0, conv->in_channels * height * width * sizeof(nst_real));
    else if (nst_winograd_fits(conv, height, width, 1)) nst_winograd_run(exec, &winograd, dy, dx, workspace);
    else backward_by_columns(exec, conv, height, width, dy, mask, dx, workspace);
}

size_t nst_cblas_gram_workspace(nst_shape shape, uint32_t strands)
{
    (void)strands;
    return shape.channels * shape.channels * sizeof(nst_real);
}

typedef struct mirror_task {
    size_t channels;
    const nst_real *triangle;
    double *gram;
} mirror_task;

/* Row i of the lower triangle, and its mirror image: no two tasks write the same element. */
static void add_triangle_row(void *data, uint32_t i)
{
    const mirror_task *task = data;
    for (size_t j = 0; j <= i; j++) {
        double sum = (double)task->triangle[i * task->channels + j];
        task->gram[i * task->channels + j] += sum;
        if (j != i) task->gram[j * task->channels + i] += sum;
    }
}

/* triangle = [triangle +] F F' over `count` values of every plane, from `features` on. */
static void add_products(nst_shape shape, const nst_real *features, size_t count, bool add, nst_real *triangle)
{
    BLAS(syrk)(CblasRowMajor, CblasLower, CblasNoTrans, (int)shape.channels, (int)count, 1, features, (int)nst_shape_positions(shape),
               add ? 1 : 0, triangle, (int)shape.channels);
}

/* Products of GRAM_POSITIONS positions in nst_real, added in double one after the other. */
void nst_cblas_gram_accumulate(const nst_exec *exec, nst_shape shape, nst_region region, const void *features, double *gram,
                               void *workspace)
{
    nst_runs runs = nst_runs_of(shape, region);
    mirror_task task = {.channels = shape.channels, .triangle = workspace, .gram = gram};
    size_t summed = 0;
    if (shape.channels == 0 || runs.length == 0) return;
    for (size_t run = 0; run < runs.count; run++)
        for (size_t begin = 0, count; begin < runs.length; begin += count) {
            count = runs.length - begin < GRAM_POSITIONS - summed ? runs.length - begin : GRAM_POSITIONS - summed;
            add_products(shape, (const nst_real *)features + runs.begin + run * runs.step + begin, count, summed > 0, workspace);
            summed += count;
            if (summed < GRAM_POSITIONS && (run + 1 < runs.count || begin + count < runs.length)) continue;
            exec->run(exec->user, add_triangle_row, &task, (uint32_t)shape.channels);
            summed = 0;
        }
}

void nst_cblas_matrix_times_features(const nst_exec *exec, nst_shape shape, nst_region region, const nst_real *matrix,
                                     const void *features, void *grad, void *workspace)
{
    nst_runs runs = nst_runs_of(shape, region);
    size_t positions = nst_shape_positions(shape);
    (void)exec, (void)workspace;
    if (shape.channels == 0 || runs.length == 0) return;
    for (size_t run = 0, begin = runs.begin; run < runs.count; run++, begin += runs.step)
        multiply(CblasNoTrans, shape.channels, runs.length, shape.channels, matrix, shape.channels, (const nst_real *)features + begin,
                 positions, 1, (nst_real *)grad + begin, positions);
}

#else
typedef int nst_cblas_left_out; /* a translation unit is never empty */
#endif
