/* What is particular to the bf16 level: pieces of wide pictures, many positions, few channels kept finer, and that fused kernels leave
 * the bytes of those they stand for. Against sums in double of what the features hold. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/padding.h"
#include "ops.h"

static const nst_kernels *k;
static const nst_exec exec = {exec_backwards, NULL, 3};
static nst_random random_state = {20240607};
static int failures, checks;

static void expect(bool holds, const char *what, const char *detail, double got, double wanted)
{
    checks++;
    if (holds) return;
    failures++;
    printf("FAILED %s, %s: %.9g instead of %.9g\n", what, detail, got, wanted);
}

static double nearest_bf16(double value)
{
    int exponent;
    double fraction = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(fraction, 8)), exponent - 8);
}

static float *values_new(size_t count, bool integers)
{
    float *values = test_alloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = integers ? (float)((int)(nst_random_u64(&random_state) % 5) - 2)
                             : (float)(2 * nst_random_uniform(&random_state) - 1);
    return values;
}

static void *features_new(nst_shape shape, const float *planar)
{
    void *features = test_alloc(k->feature_bytes(shape));
    memset(features, 0xff, k->feature_bytes(shape));
    if (planar) k->import_planar(&exec, shape, planar, features);
    return features;
}

static float *planar_of(nst_shape shape, void *features)
{
    float *planar = test_alloc(nst_shape_count(shape) * sizeof *planar);
    k->export_planar(&exec, shape, features, planar);
    free(features);
    return planar;
}

/* y and the sums of magnitudes, or with dy in place of x the adjoint. */
static void convolve(const nst_conv *c, size_t height, size_t width, bool backward, const float *x, double *y, double *magnitude)
{
    size_t positions = height * width, from_channels = backward ? c->out_channels : c->in_channels;
    size_t to_channels = backward ? c->in_channels : c->out_channels;
    ptrdiff_t radius = (ptrdiff_t)c->size / 2;
    for (size_t i = 0; i < to_channels * positions; i++)
        y[i] = backward ? 0 : (double)c->bias[i / positions], magnitude[i] = fabs(y[i]);
    for (size_t to = 0; to < to_channels; to++)
        for (size_t from = 0; from < from_channels; from++)
            for (size_t at = 0; at < positions; at++)
                for (size_t tap = 0; tap < c->size * c->size; tap++) {
                    size_t row = nst_pad_source(at / width, (ptrdiff_t)(tap / c->size) - radius, height, c->pad);
                    size_t column = nst_pad_source(at % width, (ptrdiff_t)(tap % c->size) - radius, width, c->pad);
                    if (row == NST_PAD_NOTHING || column == NST_PAD_NOTHING) continue;
                    size_t in = backward ? to : from, out = backward ? from : to, source = row * width + column;
                    double weight = (double)c->weight[(out * c->in_channels + in) * c->size * c->size + tap];
                    double product = weight * (double)x[from * positions + (backward ? at : source)];
                    y[to * positions + (backward ? source : at)] += product;
                    magnitude[to * positions + (backward ? source : at)] += fabs(product);
                }
}

static void check_conv(size_t in, size_t out, size_t size, nst_pad_mode pad, size_t height, size_t width, bool backward, bool integers)
{
    nst_conv c = {.in_channels = in, .out_channels = out, .size = size, .pad = pad};
    nst_shape from = {backward ? out : in, height, width}, to = {backward ? in : out, height, width};
    size_t count = nst_shape_count(to);
    float *x = values_new(nst_shape_count(from), integers), *weight = values_new(in * out * size * size, integers);
    float *bias = values_new(out, integers);
    c.weight = weight, c.bias = bias;
    double *y = test_alloc(count * sizeof *y), *magnitude = test_alloc(count * sizeof *magnitude);
    convolve(&c, height, width, backward, x, y, magnitude);
    void *fx = features_new(from, x), *fy = features_new(to, NULL);
    void *workspace = test_alloc(k->conv_workspace(&c, height, width, exec.strands));
    if (backward) k->conv_backward(&exec, &c, height, width, fx, NULL, fy, workspace);
    else k->conv_forward(&exec, &c, height, width, fx, false, NULL, fy, workspace);
    float *result = planar_of(to, fy);
    /* up to 8 channels read and written are worth 16 bits; of more, reals are not asked for here unless they are only written */
    double fine_out = to.channels <= 8 ? 0x1p-16 : 0x1p-8, fine_in = from.channels <= 8 ? 0x1p-15 : 0x1p-7;
    char detail[120];
    snprintf(detail, sizeof detail, "%zu to %zu, size %zu, pad %d, %zux%zu, %s", in, out, size, (int)pad, height, width,
             backward ? "backward" : "forward");
    for (size_t i = 0; i < count; i++) {
        double wanted = integers && to.channels > 8 ? nearest_bf16(y[i]) : y[i];
        double allowed = integers ? 0 : fine_out * fabs(y[i]) + fine_in * magnitude[i];
        if (!(fabs((double)result[i] - wanted) <= allowed)) {
            expect(false, "a convolution", detail, (double)result[i], wanted);
            break;
        }
    }
    expect(true, "", "", 0, 0);
    free(x), free(weight), free(bias), free(y), free(magnitude), free(fx), free(workspace), free(result);
}

static void check_convs(void)
{
    for (int pad = 0; pad < 3; pad++)
        for (int backward = 0; backward < 2; backward++) {
            check_conv(33, 34, 3, (nst_pad_mode)pad, 3, 257, backward, true);
            check_conv(2, 40, 3, (nst_pad_mode)pad, 5, 530, backward, true);
            check_conv(9, 3, 3, (nst_pad_mode)pad, 70, 45, backward, true);
            check_conv(5, 17, 3, (nst_pad_mode)pad, 2, 2, backward, true);
            check_conv(40, 150, 3, (nst_pad_mode)pad, 9, 16, backward, true);
            check_conv(3, 3, 1, (nst_pad_mode)pad, 6, 40, backward, false);
            check_conv(3, 64, 3, (nst_pad_mode)pad, 7, 20, backward, false);
            check_conv(8, 8, 3, (nst_pad_mode)pad, 4, 20, backward, false);
        }
}

static void check_few_convs(void)
{
    check_conv(33, 34, 3, NST_PAD_REFLECT, 3, 257, true, true);
    check_conv(40, 70, 3, NST_PAD_ZERO, 5, 40, false, true);
    check_conv(3, 3, 1, NST_PAD_ZERO, 6, 40, false, false);
    check_conv(3, 64, 3, NST_PAD_REPLICATE, 5, 20, false, false);
    check_conv(3, 64, 3, NST_PAD_REFLECT, 5, 20, true, true);
}

/* Several chunks of positions, several parts of a chunk, and blocks on and beside the diagonal. */
static void check_gram(size_t channels, size_t height, size_t width)
{
    nst_shape shape = {channels, height, width};
    nst_region region = {1, height - 1, 2, width - 1};
    float *x = values_new(nst_shape_count(shape), true);
    void *f = features_new(shape, x), *workspace = test_alloc(k->gram_workspace(shape, exec.strands));
    double *gram = test_alloc(channels * channels * sizeof *gram);
    for (size_t i = 0; i < channels * channels; i++) gram[i] = 1;
    k->gram_accumulate(&exec, shape, region, f, gram, workspace);
    for (size_t i = 0; i < channels * channels; i++) {
        double sum = 1;
        const float *a = x + i / channels * height * width, *b = x + i % channels * height * width;
        for (size_t row = region.row0; row < region.row1; row++)
            for (size_t column = region.column0; column < region.column1; column++)
                sum += (double)(a[row * width + column] * b[row * width + column]);
        expect(gram[i] == sum, "a Gram matrix", "element", gram[i], sum);
    }
    free(x), free(f), free(workspace), free(gram);
}

/* grad += matrix F with a matrix of 16 bits, of which few features would lose half. */
static void check_matrix(size_t channels)
{
    nst_shape shape = {channels, 4, 37};
    size_t positions = nst_shape_positions(shape);
    float *x = values_new(channels * positions, true), *matrix = values_new(channels * channels, false);
    float *zero = test_alloc(channels * positions * sizeof *zero);
    for (size_t i = 0; i < channels * positions; i++) zero[i] = 0;
    void *f = features_new(shape, x), *grad = features_new(shape, zero);
    void *workspace = test_alloc(k->gram_workspace(shape, exec.strands));
    k->matrix_times_features(&exec, shape, nst_region_whole(shape), matrix, f, grad, workspace);
    float *result = planar_of(shape, grad);
    for (size_t i = 0; i < channels * positions; i++) {
        double sum = 0, magnitude = 0;
        for (size_t c = 0; c < channels; c++) {
            double product = (double)matrix[i / positions * channels + c] * (double)x[c * positions + i % positions];
            sum += product, magnitude += fabs(product);
        }
        double allowed = (channels <= 8 ? 0x1p-16 : 0x1p-8) * fabs(sum) + 0x1p-15 * magnitude;
        expect(fabs((double)result[i] - sum) <= allowed, "a matrix times features", "element", (double)result[i], sum);
    }
    free(x), free(matrix), free(zero), free(f), free(workspace), free(result);
}

/* conv_pool_forward leaves the bytes of conv_forward and pool_forward; its codes those of both ways back. */
static void check_fused(size_t in, size_t out, size_t height, size_t width)
{
    nst_conv c = {.in_channels = in, .out_channels = out, .size = 3, .pad = NST_PAD_REFLECT};
    nst_shape x_shape = {in, height, width}, z_shape = {out, height, width}, y_shape = {out, height / 2, width / 2};
    float *x = values_new(nst_shape_count(x_shape), false), *weight = values_new(in * out * 9, false), *bias = values_new(out, false);
    float *dy = values_new(nst_shape_count(y_shape), false);
    c.weight = weight, c.bias = bias;
    void *fx = features_new(x_shape, x), *fz = features_new(z_shape, NULL), *fdy = features_new(y_shape, dy);
    void *y[2] = {features_new(y_shape, NULL), features_new(y_shape, NULL)}, *mask = test_alloc(k->mask_bytes(z_shape));
    void *dz[2] = {features_new(z_shape, NULL), features_new(z_shape, NULL)};
    void *codes[2] = {test_alloc(k->code_bytes(y_shape)), test_alloc(k->code_bytes(y_shape))};
    void *workspace = test_alloc(k->conv_workspace(&c, height, width, exec.strands));
    k->conv_forward(&exec, &c, height, width, fx, true, mask, fz, workspace);
    k->pool_forward(&exec, NST_POOL_MAX, 1.5f, z_shape, fz, y[0], codes[0]);
    k->pool_backward(&exec, NST_POOL_MAX, 1.5f, z_shape, NULL, NULL, codes[0], fdy, dz[0]);
    k->relu_backward(&exec, z_shape, mask, dz[0]);
    k->conv_pool_forward(&exec, &c, height, width, fx, 1.5f, y[1], codes[1], workspace);
    k->pool_backward(&exec, NST_POOL_MAX, 1.5f, z_shape, NULL, NULL, codes[1], fdy, dz[1]);
    expect(memcmp(y[0], y[1], k->feature_bytes(y_shape)) == 0, "fused pooling", "forward", (double)out, (double)width);
    expect(memcmp(dz[0], dz[1], k->feature_bytes(z_shape)) == 0, "fused pooling", "backward", (double)out, (double)width);
    for (int i = 0; i < 2; i++) free(y[i]), free(dz[i]), free(codes[i]);
    free(x), free(weight), free(bias), free(dy), free(fx), free(fz), free(fdy), free(mask), free(workspace);
}

/* blocks [few]: without what takes minutes on an emulated processor. */
int main(int argc, char **argv)
{
    bool few = argc > 1 && strcmp(argv[1], "few") == 0;
    k = nst_kernels_for(nst_cpu_detect(), NST_PRECISION_BF16);
    if (strcmp(k->name, "amx") != 0) {
        printf("skipped: no bf16 kernels for this processor\n");
        return 77;
    }
    if (!few) check_convs();
    else check_few_convs();
    check_gram(50, 20, 37);
    if (!few) check_gram(33, 150, 260);
    if (!few) check_gram(530, 12, 70);
    check_gram(5, 20, 30);
    check_matrix(3);
    check_matrix(70);
    check_matrix(200);
    check_fused(3, 40, 10, 36);
    check_fused(40, 6, 7, 33);
    check_fused(35, 130, 13, 290);
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
