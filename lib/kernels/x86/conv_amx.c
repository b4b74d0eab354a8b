/* Convolutions of the bf16 level: both directions are products with filters, those of the way back turned and transposed. */
#include "kernels/x86/level_amx.h"
#include "kernels/parts.h"
#include "kernels/x86/product_amx.h"

static nst_filters filters_of(const nst_conv *conv, nst_direction direction)
{
    size_t taps = conv->size * conv->size;
    nst_filters filters = {.weight = conv->weight, .taps = taps, .turned = direction == NST_BACKWARD};
    if (direction == NST_FORWARD) {
        filters.outputs = conv->out_channels, filters.inputs = conv->in_channels;
        filters.out_stride = conv->in_channels * taps, filters.in_stride = taps;
    } else {
        filters.outputs = conv->in_channels, filters.inputs = conv->out_channels;
        filters.out_stride = taps, filters.in_stride = conv->in_channels * taps;
    }
    return filters;
}

static nst_product product_of(const nst_conv *conv, nst_direction direction, size_t height, size_t width)
{
    nst_filters filters = filters_of(conv, direction);
    nst_shape in = {filters.inputs, height, width}, out = {filters.outputs, height, width};
    return (nst_product){.x_rows = nst_rows_of(in, 0, 0), .height = height, .width = width, .side = conv->size, .pad = conv->pad,
                         .transposed = direction == NST_BACKWARD, .x_blocks = nst_blocks(in.channels),
                         .in_blocks = nst_blocks(in.channels), .filters = conv->packed[direction],
                         .y_rows = nst_rows_of(out, 0, 0), .rows = height, .columns = width, .outputs = out.channels,
                         .bias = direction == NST_FORWARD ? conv->bias : NULL, .scale = 1};
}

static void pool(nst_product *product)
{
    nst_shape pooled = {product->outputs, product->height / 2, product->width / 2};
    product->pool = true;
    product->rows = 2 * pooled.height, product->columns = 2 * pooled.width;
    product->y_rows = nst_rows_of(pooled, 0, 0);
}

size_t nst_amx_conv_packed_bytes(const nst_conv *conv, nst_direction direction)
{
    nst_filters filters = filters_of(conv, direction);
    return nst_filter_bytes(&filters);
}

void nst_amx_conv_pack(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed)
{
    nst_filters filters = filters_of(conv, direction);
    nst_filter_pack(exec, &filters, packed);
}

/* Filters that are not kept lie before the rest. */
static size_t filter_room(const nst_conv *conv, nst_direction direction)
{
    return conv->packed[direction] ? 0 : nst_amx_conv_packed_bytes(conv, direction);
}

size_t nst_amx_conv_workspace(const nst_conv *conv, size_t height, size_t width, uint32_t strands)
{
    nst_product forward = product_of(conv, NST_FORWARD, height, width), pooled = forward;
    nst_product backward = product_of(conv, NST_BACKWARD, height, width);
    pool(&pooled);
    size_t there = nst_most(nst_product_workspace(&forward, strands), nst_product_workspace(&pooled, strands));
    there += filter_room(conv, NST_FORWARD);
    return 64 + nst_most(there, nst_product_workspace(&backward, strands) + filter_room(conv, NST_BACKWARD));
}

static void run(const nst_exec *exec, const nst_conv *conv, nst_direction direction, nst_product *product, void *workspace)
{
    unsigned char *room = nst_aligned(workspace);
    if (!product->filters) {
        nst_amx_conv_pack(exec, conv, direction, room);
        product->filters = (const nst_bf16 *)room;
        room += filter_room(conv, direction);
    }
    nst_product_run(exec, product, room);
}

void nst_amx_conv_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu,
                          void *mask, void *y, void *workspace)
{
    nst_product product = product_of(conv, NST_FORWARD, height, width);
    product.x = x, product.y = y, product.y_mask = relu ? mask : NULL, product.relu = relu;
    run(exec, conv, NST_FORWARD, &product, workspace);
}

void nst_amx_conv_pool_forward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x,
                               nst_real scale, void *y, void *codes, void *workspace)
{
    nst_product product = product_of(conv, NST_FORWARD, height, width);
    pool(&product);
    product.x = x, product.y = y, product.codes = codes, product.relu = true, product.scale = scale;
    run(exec, conv, NST_FORWARD, &product, workspace);
}

void nst_amx_conv_backward(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy,
                           const void *mask, void *dx, void *workspace)
{
    nst_product product = product_of(conv, NST_BACKWARD, height, width);
    product.x = dy, product.x_mask = mask, product.y = dx;
    run(exec, conv, NST_BACKWARD, &product, workspace);
}
