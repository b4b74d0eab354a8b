/* Convolutions and Gram matrices by an external CBLAS, on planes (C, H, W). The only file that includes cblas.h. The BLAS is
 * called from the caller's thread alone, never inside a task: its own threads are the host's business. */
#include "build_features.h"

#if NST_HAVE_CBLAS

#include <cblas.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/level_cblas.h"
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

static void run_winograd(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, int backward, const void *from,
                         void *to, void *workspace)
{
    nst_winograd job = {conv, height, width, backward, winograd_product};
    nst_winograd_run(exec, &job, from, to, workspace);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t nst_cblas_conv_workspace(const nst_conv *conv, size_t height, size_t width)
{
    if (conv->size == 1 || is_empty(conv, height, width)) return 0;
    size_t columns = taps_of(conv) * band_rows(conv, height, width) * width * sizeof(nst_real);
    if (nst_winograd_fits(conv, height, width, 1)) return nst_winograd_workspace(conv, height, width);
    return nst_winograd_fits(conv, height, width, 0) ? larger(columns, nst_winograd_workspace(conv, height, width)) : columns;
}

/* Positions [begin, begin + count) of y (C, M). */
static void fill_bias(const nst_conv *conv, size_t positions, size_t begin, size_t count, nst_real *y)
{
    for (size_t out = 0; out < conv->out_channels; out++)
        for (size_t i = 0; i < count; i++) y[out * positions + begin + i] = conv->bias[out];
}

void nst_cblas_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, void *y,
                            void *workspace)
{
    size_t positions = height * width, taps = taps_of(conv);
    if (nst_winograd_fits(conv, height, width, 0)) {
        run_winograd(exec, conv, height, width, 0, x, y, workspace);
        return;
    }
    if (is_empty(conv, height, width)) {
        fill_bias(conv, positions, 0, positions, y);
        return;
    }
    size_t rows = band_rows(conv, height, width);
    for (size_t row = 0; row < height; row += rows) {
        nst_columns band = {conv->size, height, width, row, row + rows < height ? row + rows : height, conv->pad};
        size_t begin = row * width, count = (band.row1 - row) * width;
        const nst_real *columns = conv->size == 1 ? (const nst_real *)x + begin : workspace;
        if (conv->size != 1) nst_columns_gather(exec, &band, conv->in_channels, x, workspace);
        fill_bias(conv, positions, begin, count, y);
        multiply(CblasNoTrans, conv->out_channels, count, taps, conv->weight, taps, columns,
                 conv->size == 1 ? positions : count, 1, (nst_real *)y + begin, positions);
    }
}

void nst_cblas_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy, void *dx,
                             void *workspace)
{
    size_t positions = height * width, taps = taps_of(conv);
    if (nst_winograd_fits(conv, height, width, 1)) {
        run_winograd(exec, conv, height, width, 1, dy, dx, workspace);
        return;
    }
    if (conv->size == 1 && !is_empty(conv, height, width)) {
        multiply(CblasTrans, taps, positions, conv->out_channels, conv->weight, taps, dy, positions, 0, dx, positions);
        return;
    }
    memset(dx, 0, conv->in_channels * positions * sizeof(nst_real));
    if (is_empty(conv, height, width)) return;
    size_t rows = band_rows(conv, height, width);
    for (size_t row = 0; row < height; row += rows) {
        nst_columns band = {conv->size, height, width, row, row + rows < height ? row + rows : height, conv->pad};
        size_t count = (band.row1 - row) * width;
        multiply(CblasTrans, taps, count, conv->out_channels, conv->weight, taps, (const nst_real *)dy + row * width, positions,
                 0, workspace, count);
        nst_columns_scatter(exec, &band, conv->in_channels, workspace, dx);
    }
}

size_t nst_cblas_gram_workspace(nst_shape shape)
{
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

/* Products of GRAM_POSITIONS positions in nst_real, added in double one after the other. */
void nst_cblas_gram_accumulate(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const void *features,
                               double *gram, void *workspace)
{
    size_t positions = nst_shape_positions(shape), end = row1 * shape.width;
    mirror_task task = {.channels = shape.channels, .triangle = workspace, .gram = gram};
    if (shape.channels == 0) return;
    for (size_t begin = row0 * shape.width; begin < end; begin += GRAM_POSITIONS) {
        size_t count = end - begin < GRAM_POSITIONS ? end - begin : GRAM_POSITIONS;
        BLAS(syrk)(CblasRowMajor, CblasLower, CblasNoTrans, (int)shape.channels, (int)count, 1,
                   (const nst_real *)features + begin, (int)positions, 0, workspace, (int)shape.channels);
        exec->run(exec->user, add_triangle_row, &task, (uint32_t)shape.channels);
    }
}

void nst_cblas_matrix_times_features(const nst_exec *exec, nst_shape shape, size_t row0, size_t row1, const nst_real *matrix,
                                     const void *features, void *grad)
{
    size_t positions = nst_shape_positions(shape), begin = row0 * shape.width, count = (row1 - row0) * shape.width;
    (void)exec;
    if (shape.channels == 0 || count == 0) return;
    multiply(CblasNoTrans, shape.channels, count, shape.channels, matrix, shape.channels, (const nst_real *)features + begin,
             positions, 1, (nst_real *)grad + begin, positions);
}

#else
typedef int nst_cblas_left_out; /* a translation unit is never empty */
#endif
