#include "weights/load.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "base/size.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "weights files are little endian and are read in place"
#endif

int32_t nst_conv_weights_alloc(nst_ctx *ctx, size_t out_channels, size_t in_channels, size_t size, nst_conv_weights *conv,
                               nst_error *error)
{
    size_t kernel, count = 0;
    *conv = (nst_conv_weights){.in_channels = in_channels, .out_channels = out_channels, .size = size};
    if (!nst_size_mul3(in_channels, size, size, &kernel) || !nst_size_mul(out_channels, kernel, &count))
        return nst_fail(error, NST_ERR_LIMIT, "a convolution of %zu x %zu channels is too large", out_channels, in_channels);
    conv->weight = nst_alloc_array(&ctx->memory, count, sizeof(float));
    conv->bias = nst_alloc_array(&ctx->memory, out_channels, sizeof(float));
    return conv->weight && conv->bias ? NST_OK : nst_fail_nomem(error, "weights");
}

void nst_weights_clear(nst_weights *weights)
{
    nst_memory *memory = weights->ctx ? &weights->ctx->memory : NULL;
    if (!memory) return;
    nst_free(memory, weights->input_conv.weight);
    nst_free(memory, weights->input_conv.bias);
    for (size_t i = 0; i < NST_MAX_CONVS; i++) {
        nst_free(memory, weights->convs[i].weight);
        nst_free(memory, weights->convs[i].bias);
    }
    nst_free(memory, weights->metadata.texts);
    memset(weights, 0, sizeof *weights);
}

/* ---- number formats ---- */

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31) return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    return from_bits(sign | 0x3f800000) * (float)fraction * 0x1p-24f;
}

static size_t dtype_size(nst_dtype dtype)
{
    return dtype == NST_DTYPE_F64 ? 8 : dtype == NST_DTYPE_F32 ? 4 : dtype == NST_DTYPE_I8 ? 1 : 2;
}

/* A double too large for float becomes infinite and is refused with the other non-finite values. */
static float convert_value(nst_dtype dtype, const unsigned char *raw)
{
    uint16_t half;
    double wide;
    float value;
    switch (dtype) {
    case NST_DTYPE_F64:
        memcpy(&wide, raw, sizeof wide);
        return (float)wide;
    case NST_DTYPE_F32:
        memcpy(&value, raw, sizeof value);
        return value;
    case NST_DTYPE_I8:
        return (float)(signed char)raw[0];
    default:
        memcpy(&half, raw, sizeof half);
        return dtype == NST_DTYPE_F16 ? from_half(half) : from_bits((uint32_t)half << 16);
    }
}

/* ---- tensors ---- */

static int32_t read_raw(const nst_bytes *bytes, const nst_tensor_entry *entry, void *to, nst_error *error)
{
    int32_t status = nst_bytes_read(bytes, entry->offset, to, entry->bytes, error);
    if (status < 0 || !entry->has_crc || crc32_z(0, to, entry->bytes) == entry->crc) return status;
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "the checksum of '%s' is wrong: the file is damaged", entry->name);
}

/* The loop for 8-bit integers is one that compilers turn into vector instructions: the network that is compiled in must load fast. */
static void convert_in_order(const unsigned char *raw, nst_dtype dtype, size_t count, float *to)
{
    size_t size = dtype_size(dtype);
    if (dtype == NST_DTYPE_I8)
        for (size_t i = 0; i < count; i++) to[i] = (float)(signed char)raw[i];
    else
        for (size_t i = 0; i < count; i++) to[i] = convert_value(dtype, raw + size * i);
}

/* raw (k*k, in, out) -> to (out, in, k*k) */
static void convert_hwio(const unsigned char *raw, nst_dtype dtype, size_t out, size_t in, size_t area, float *to)
{
    size_t size = dtype_size(dtype);
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t k = 0; k < area; k++)
                to[(o * in + i) * area + k] = convert_value(dtype, raw + size * ((k * in + i) * out + o));
}

static int32_t check_finite(const nst_tensor_entry *entry, const float *values, size_t count, nst_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return nst_fail(error, NST_ERR_NUMERIC, "'%s' holds NaN or infinity", entry->name);
    return NST_OK;
}

static int32_t load_tensor(nst_ctx *ctx, const nst_bytes *bytes, const nst_tensor_entry *entry, size_t out, size_t in,
                           size_t area, bool hwio, float *to, nst_error *error)
{
    size_t count = out * in * area;
    int32_t status;
    if (entry->bytes != count * dtype_size(entry->dtype))
        return nst_fail(error, NST_ERR_INTERNAL, "'%s' has %zu bytes for %zu values", entry->name, entry->bytes, count);
    if (entry->dtype == NST_DTYPE_F32 && !hwio) {
        status = read_raw(bytes, entry, to, error);
    } else {
        unsigned char *raw = nst_alloc(&ctx->memory, entry->bytes);
        if (!raw) return nst_fail_nomem(error, "weights");
        status = read_raw(bytes, entry, raw, error);
        if (status >= 0 && hwio) convert_hwio(raw, entry->dtype, out, in, area, to);
        else if (status >= 0) convert_in_order(raw, entry->dtype, count, to);
        nst_free(&ctx->memory, raw);
    }
    return status < 0 ? status : check_finite(entry, to, count, error);
}

/* weight (out, in, size, size) times scale (out). */
static int32_t apply_scale(nst_ctx *ctx, const nst_bytes *bytes, const nst_conv_match *match, nst_conv_weights *conv,
                           nst_error *error)
{
    size_t row = conv->in_channels * conv->size * conv->size;
    float *scale = nst_alloc_array(&ctx->memory, conv->out_channels, sizeof *scale);
    int32_t status;
    if (!scale) return nst_fail_nomem(error, "weights");
    status = load_tensor(ctx, bytes, match->scale, conv->out_channels, 1, 1, false, scale, error);
    for (size_t o = 0; status >= 0 && o < conv->out_channels; o++)
        for (size_t i = 0; i < row; i++) conv->weight[o * row + i] *= scale[o];
    nst_free(&ctx->memory, scale);
    for (size_t i = 0; status >= 0 && i < conv->out_channels * row; i++)
        if (!isfinite(conv->weight[i]))
            status = nst_fail(error, NST_ERR_NUMERIC, "'%s' times its scale is not finite", match->weight->name);
    return status;
}

static int32_t load_conv(nst_ctx *ctx, const nst_bytes *bytes, const nst_conv_match *match, bool hwio, nst_conv_weights *conv,
                         nst_error *error)
{
    size_t area = match->size * match->size;
    int32_t status;
    if (match->weight->bytes > bytes->length)
        return nst_fail(error, NST_ERR_INTERNAL, "'%s' is larger than its file", match->weight->name);
    status = nst_conv_weights_alloc(ctx, match->out_channels, match->in_channels, match->size, conv, error);
    if (status < 0) return status;
    status = load_tensor(ctx, bytes, match->weight, match->out_channels, match->in_channels, area, hwio, conv->weight, error);
    if (status >= 0 && match->scale) status = apply_scale(ctx, bytes, match, conv, error);
    if (status < 0) return status;
    return load_tensor(ctx, bytes, match->bias, match->out_channels, 1, 1, false, conv->bias, error);
}

int32_t nst_weights_load(const nst_bytes *bytes, const nst_match *match, bool hwio, nst_weights *out, nst_error *error)
{
    int32_t status = NST_OK;
    out->vgg16 = match->vgg16;
    out->has_input_conv = match->input.weight != NULL;
    if (out->has_input_conv) status = load_conv(out->ctx, bytes, &match->input, hwio, &out->input_conv, error);
    for (size_t i = 0; status >= 0 && i < match->count; i++)
        status = load_conv(out->ctx, bytes, &match->convs[out->conv_count++], hwio, &out->convs[i], error);
    return status;
}
