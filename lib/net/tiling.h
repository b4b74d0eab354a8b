/* Exact tiling: a picture cut into cores, each seen with as much around it as its features and its gradient depend on, so that a
 * network that goes from tile to tile computes the same numbers as one that sees the whole picture.
 *
 * A unit of a layer sees `reach` pixels around its own cell. Features over a core need that much around it, in whole cells; its
 * gradient comes from units whose cells begin up to `reach` away, which must themselves be exact: twice that. Tiles end at the
 * picture's own border or at a multiple of `unit`, where every pooling begins a cell, and begin at multiples of `grid`: kernels compute
 * outputs in small blocks, and where these lie as they do in the whole picture the numbers are rounded alike, so that no sign and no
 * maximum turns out another way. */
#ifndef NST_NET_TILING_H
#define NST_NET_TILING_H

#include "net/network.h"

typedef struct nst_tiling {
    size_t width, height;           /* of the picture */
    size_t core_width, core_height; /* the last column and row may be smaller */
    size_t halo, grid;
    size_t columns, rows;
} nst_tiling;

/* Regions of the picture. */
typedef struct nst_cut {
    nst_region core, whole; /* without and with the surroundings */
} nst_cut;

/* Pixels that a unit of the layers begin..end - 1 sees around its cell, made up to whole cells. */
size_t nst_tiling_reach(const nst_network *network, size_t begin, size_t end);
/* A cell of the deepest of these layers, in pixels; and the grid on which tiles begin. */
size_t nst_tiling_unit(const nst_network *network, size_t depth);
#define NST_TILING_GRID 4 /* units; kernels' blocks are 1, 2 or 4 wide */

/* `halo`: the network's reach for features, twice that for gradients. Cores are made whole cells of the grid; 0: as large as the
 * picture. */
nst_tiling nst_tiling_make(size_t width, size_t height, size_t core_width, size_t core_height, size_t halo, size_t unit);
static inline size_t nst_tiling_count(const nst_tiling *tiling)
{
    return tiling->columns * tiling->rows;
}
/* Row by row. */
nst_cut nst_tiling_get(const nst_tiling *tiling, size_t index);

/* At a layer behind `pools` poolings: the region of the cut's features that belongs to its core, which may be empty, and where in the
 * whole picture's features the cut begins. */
nst_region nst_cut_core_at(const nst_cut *cut, int pools);
void nst_cut_origin_at(const nst_cut *cut, int pools, size_t *row, size_t *column);
/* Of features of the cut, a tile of the cut's layer: what they are of the picture's, all of them or, with `core`, what lies in the core,
 * which may be nothing. */
nst_tile nst_cut_tile(const nst_cut *cut, int pools, const nst_tile *tile, bool core);
static inline size_t nst_cut_width(const nst_cut *cut)
{
    return cut->whole.column1 - cut->whole.column0;
}
static inline size_t nst_cut_height(const nst_cut *cut)
{
    return cut->whole.row1 - cut->whole.row0;
}

/* Planes (3, height, width) of the picture to planes of the cut alone; and of a cut's planes the core to the picture's. */
void nst_tiling_cut_out(const nst_tiling *tiling, const nst_cut *cut, const nst_real *picture, nst_real *part);
void nst_tiling_put_core_back(const nst_tiling *tiling, const nst_cut *cut, const nst_real *part, nst_real *picture);

#endif
