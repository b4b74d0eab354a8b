/* Winograd convolution against the direct one, over random shapes, tails and paddings, forward and backward, with and
 * without masks and packed filters. In double a wrong index cannot hide behind rounding. usage: winograd [SEED] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "kernels/winograd.h"
#include "ops.h"

enum { CASES = 40 };

/* Known to be right: the sum as it is written. */
static void plain_product(size_t m, size_t n, size_t k, const nst_real *a, const nst_real *b, nst_real *c)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            nst_real sum = 0;
            for (size_t p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j];
            c[i * n + j] = sum;
        }
}

static nst_real *values(nst_random *random, size_t count)
{
    nst_real *v = test_alloc(count * sizeof *v);
    for (size_t i = 0; i < count; i++) v[i] = (nst_real)nst_random_normal(random);
    return v;
}

/* Largest difference, relative to the largest value. */
static double difference(const nst_real *a, const nst_real *b, size_t count)
{
    double worst = 0, scale = 0;
    for (size_t i = 0; i < count; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        scale = fmax(scale, fabs((double)b[i]));
        if (isnan(a[i])) return INFINITY;
    }
    return worst / scale;
}

static double check_way(const nst_conv *given, size_t height, size_t width, int backward, nst_random *random)
{
    const nst_kernels *reference = nst_kernels_for(0, NST_PRECISION_FP32);
    size_t in = backward ? given->out_channels : given->in_channels, out = backward ? given->in_channels : given->out_channels;
    nst_exec shuffled = {exec_shuffled, random, 1}, plain = {exec_forwards, NULL, 1};
    nst_conv with_packed = *given, *conv = &with_packed;
    nst_real *packed = test_alloc(nst_winograd_packed_bytes(given));
    void *mask = test_alloc(reference->mask_bytes((nst_shape){in, height, width}));
    bool masked = backward && nst_random_u64(random) % 2;
    nst_winograd job = {conv, height, width, backward, masked ? mask : NULL, plain_product};
    nst_real *other = values(random, in * height * width); /* whose signs are the mask */
    nst_real *from = values(random, in * height * width), *to = values(random, out * height * width);
    nst_real *expected = values(random, out * height * width), *workspace;
    void *direct = test_alloc(reference->conv_workspace(given, height, width, 1));
    double found;
    for (size_t i = 0; i < out * height * width; i++) to[i] = (nst_real)NAN;
    nst_winograd_pack(&shuffled, given, backward, packed);
    if (nst_random_u64(random) % 2) conv->packed[backward] = packed;
    workspace = test_alloc(nst_winograd_workspace(conv, height, width));
    reference->relu_forward(&plain, (nst_shape){in, height, width}, other, other, mask);
    nst_winograd_run(&shuffled, &job, from, to, workspace);
    if (backward) reference->conv_backward(&plain, given, height, width, from, masked ? mask : NULL, expected, direct);
    else reference->conv_forward(&plain, given, height, width, from, false, NULL, expected, direct);
    found = difference(to, expected, out * height * width);
    free(packed);
    free(mask);
    free(other);
    free(from);
    free(to);
    free(expected);
    free(workspace);
    free(direct);
    return found;
}

int main(int argc, char **argv)
{
    nst_random random = {argc > 1 ? strtoull(argv[1], NULL, 0) : 1509};
    double limit = sizeof(nst_real) == sizeof(double) ? 1e-12 : 1e-4, worst = 0;
    int failures = 0, checked = 0;
    printf("seed %llu\n", (unsigned long long)random.state);
    for (int i = 0; i < CASES; i++) {
        nst_conv conv = {16 + nst_random_u64(&random) % 24, 16 + nst_random_u64(&random) % 24, 3,
                         (nst_pad_mode)(nst_random_u64(&random) % 3), NULL, NULL, {NULL, NULL}};
        size_t height = 1 + nst_random_u64(&random) % 60, width = 1 + nst_random_u64(&random) % 300;
        nst_real *weight = values(&random, conv.out_channels * conv.in_channels * 9), *bias = values(&random, conv.out_channels);
        conv.weight = weight;
        conv.bias = bias;
        for (int backward = 0; backward < 2; backward++) {
            double found;
            if (!nst_winograd_fits(&conv, height, width, backward)) continue;
            found = check_way(&conv, height, width, backward, &random);
            worst = fmax(worst, found);
            checked++;
            if (found <= limit) continue;
            failures++;
            printf("FAILED: %zu to %zu channels, %zux%zu, pad %d, %s: differs by %g\n", conv.in_channels, conv.out_channels, width,
                   height, (int)conv.pad, backward ? "backward" : "forward", found);
        }
        free(weight);
        free(bias);
    }
    printf("%d convolutions checked, %d failures, largest difference %g of %g\n", checked, failures, worst, limit);
    return failures != 0 || checked < CASES / 2;
}
