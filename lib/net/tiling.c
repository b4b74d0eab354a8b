#include "net/tiling.h"

#include <string.h>

size_t nst_tiling_unit(const nst_network *network, size_t depth)
{
    return (size_t)1 << nst_network_pools(network, depth - 1);
}

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

size_t nst_tiling_reach(const nst_network *network, size_t begin, size_t end)
{
    size_t reach = 0;
    for (size_t i = begin; i < end; i++)
        if (network->layers[i].kind == NST_LAYER_CONV)
            reach += (network->convs[network->layers[i].conv].size / 2) << network->layers[i].pools;
    return round_up(reach, nst_tiling_unit(network, end));
}

static size_t core_side(size_t side, size_t wanted, size_t grid)
{
    if (wanted == 0 || wanted >= side) return side;
    wanted = round_up(wanted, grid);
    return wanted < side ? wanted : side;
}

nst_tiling nst_tiling_make(size_t width, size_t height, size_t core_width, size_t core_height, size_t halo, size_t unit)
{
    nst_tiling tiling = {.width = width, .height = height, .grid = NST_TILING_GRID * unit, .halo = halo};
    tiling.core_width = core_side(width, core_width, tiling.grid);
    tiling.core_height = core_side(height, core_height, tiling.grid);
    tiling.columns = (width + tiling.core_width - 1) / tiling.core_width;
    tiling.rows = (height + tiling.core_height - 1) / tiling.core_height;
    return tiling;
}

/* Begin and end of the core and of what is around it, along one side. */
static void span(const nst_tiling *tiling, size_t side, size_t core, size_t index, size_t inner[2], size_t outer[2])
{
    inner[0] = index * core;
    inner[1] = side - inner[0] > core ? inner[0] + core : side;
    outer[0] = inner[0] > tiling->halo ? (inner[0] - tiling->halo) / tiling->grid * tiling->grid : 0;
    outer[1] = side - inner[1] > tiling->halo ? inner[1] + tiling->halo : side;
}

nst_cut nst_tiling_get(const nst_tiling *tiling, size_t index)
{
    size_t inner_x[2], outer_x[2], inner_y[2], outer_y[2];
    span(tiling, tiling->width, tiling->core_width, index % tiling->columns, inner_x, outer_x);
    span(tiling, tiling->height, tiling->core_height, index / tiling->columns, inner_y, outer_y);
    return (nst_cut){{inner_y[0], inner_y[1], inner_x[0], inner_x[1]}, {outer_y[0], outer_y[1], outer_x[0], outer_x[1]}};
}

/* A last row or column that a pooling drops is dropped here as well. */
nst_region nst_cut_core_at(const nst_cut *cut, int pools)
{
    size_t top = cut->whole.row0 >> pools, left = cut->whole.column0 >> pools;
    return (nst_region){(cut->core.row0 >> pools) - top, (cut->core.row1 >> pools) - top, (cut->core.column0 >> pools) - left,
                        (cut->core.column1 >> pools) - left};
}

void nst_cut_origin_at(const nst_cut *cut, int pools, size_t *row, size_t *column)
{
    *row = cut->whole.row0 >> pools;
    *column = cut->whole.column0 >> pools;
}

/* What of positions at..at + (to - from), the places of from..to, lies within bounds. */
static void clip(size_t low, size_t high, size_t *at, size_t *from, size_t *to)
{
    size_t before = low > *at ? low - *at : 0, end = *at + (*to - *from);
    size_t behind = end > high ? end - high : 0;
    if (before + behind >= *to - *from) *to = *from;
    else *at += before, *from += before, *to -= behind;
}

nst_tile nst_cut_tile(const nst_cut *cut, int pools, const nst_tile *tile, bool core)
{
    nst_region inner = nst_cut_core_at(cut, pools);
    nst_tile of = *tile;
    size_t row, column;
    nst_cut_origin_at(cut, pools, &row, &column);
    if (core) {
        clip(inner.row0, inner.row1, &of.row, &of.region.row0, &of.region.row1);
        clip(inner.column0, inner.column1, &of.column, &of.region.column0, &of.region.column1);
    }
    of.row += row;
    of.column += column;
    return of;
}

void nst_tiling_cut_out(const nst_tiling *tiling, const nst_cut *cut, const nst_real *picture, nst_real *part)
{
    size_t width = nst_cut_width(cut);
    for (size_t c = 0; c < 3; c++)
        for (size_t row = cut->whole.row0; row < cut->whole.row1; row++, part += width)
            memcpy(part, picture + (c * tiling->height + row) * tiling->width + cut->whole.column0, width * sizeof *part);
}

void nst_tiling_put_core_back(const nst_tiling *tiling, const nst_cut *cut, const nst_real *part, nst_real *picture)
{
    size_t width = nst_cut_width(cut), height = nst_cut_height(cut);
    size_t left = cut->core.column0 - cut->whole.column0, count = cut->core.column1 - cut->core.column0;
    for (size_t c = 0; c < 3; c++)
        for (size_t row = cut->core.row0; row < cut->core.row1; row++)
            memcpy(picture + (c * tiling->height + row) * tiling->width + cut->core.column0,
                   part + (c * height + row - cut->whole.row0) * width + left, count * sizeof *part);
}
