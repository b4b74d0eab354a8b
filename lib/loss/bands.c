#include "loss/bands.h"

#include <string.h>

enum { BAND_POSITIONS = 4096, ALIGNMENT = 64 };

static size_t rows_of(size_t columns)
{
    return columns < BAND_POSITIONS ? BAND_POSITIONS / columns : 1;
}

/* What features take depends on how many positions there are and not on how they lie; a tile has fewer columns and more rows. */
size_t nst_band_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    size_t positions = shape.width > BAND_POSITIONS ? shape.width : BAND_POSITIONS, all = nst_shape_positions(shape);
    size_t bytes = tools->kernels->feature_bytes((nst_shape){shape.channels, 1, positions < all ? positions : all});
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Leaves the columns that have a weight; false: none has. */
static bool trim(const nst_real *weights, size_t pitch, nst_band *band)
{
    size_t columns = band->shape.width, first = columns, end = 0;
    for (size_t y = 0; y < band->shape.height; y++)
        for (size_t x = 0; x < columns; x++) {
            if (weights[y * pitch + x] == 0) continue;
            if (x < first) first = x;
            if (x >= end) end = x + 1;
        }
    if (first >= end) return false;
    band->region.column1 = band->region.column0 + end;
    band->region.column0 += first;
    band->column += first;
    band->shape.width = end - first;
    band->weights = weights + first;
    return true;
}

bool nst_band_next(nst_shape shape, const nst_tile *tile, const nst_real *weights, size_t *row, nst_band *band)
{
    nst_region whole = tile->region;
    size_t rows = whole.row1 - whole.row0, columns = whole.column1 - whole.column0;
    if (nst_region_empty(whole)) return false;
    while (*row < rows) {
        size_t begin = *row, count = rows_of(columns) < rows - begin ? rows_of(columns) : rows - begin;
        *row += count;
        *band = (nst_band){.region = {whole.row0 + begin, whole.row0 + begin + count, whole.column0, whole.column1},
                           .row = tile->row + begin, .column = tile->column, .shape = {shape.channels, count, columns},
                           .pitch = shape.width};
        if (trim(weights + band->row * shape.width + band->column, shape.width, band)) return true;
    }
    return false;
}

void nst_band_take(const nst_loss_tools *tools, const nst_tile *tile, const nst_band *band, const void *features, void *to)
{
    nst_place place = {band->shape, 0, 0, false};
    tools->kernels->weigh(tools->exec, tile->shape, band->region, band->weights, band->pitch, features, &place, to);
}

void nst_band_give(const nst_loss_tools *tools, const nst_tile *tile, const nst_band *band, const void *from, void *gradient)
{
    nst_place place = {band->shape, 0, 0, false};
    tools->kernels->weigh_backward(tools->exec, tile->shape, band->region, band->weights, band->pitch, &place, from, gradient);
}

void nst_band_clear(const nst_loss_tools *tools, const nst_band *band, void *features)
{
    memset(features, 0, tools->kernels->feature_bytes(band->shape));
}
