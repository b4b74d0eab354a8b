/* Shapes. No arithmetic on values here. */
#ifndef NST_TENSOR_SHAPE_H
#define NST_TENSOR_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* A stack of feature maps, (channels, height, width). How the values lie in memory is the kernel table's business. */
typedef struct nst_shape {
    size_t channels, height, width;
} nst_shape;

/* A rectangle of positions: rows [row0, row1), columns [column0, column1), of all channels. */
typedef struct nst_region {
    size_t row0, row1, column0, column1;
} nst_region;

/* Features at hand: those of a whole layer, or of a part of it with some surroundings. `region` is what counts of them, and (row, column)
 * is where in the whole layer it begins. The tiles of a layer cover it once, in any order. */
typedef struct nst_tile {
    nst_shape shape; /* of the features in memory */
    nst_region region;
    size_t row, column;
} nst_tile;

static inline nst_region nst_region_whole(nst_shape shape)
{
    return (nst_region){0, shape.height, 0, shape.width};
}

static inline bool nst_region_empty(nst_region region)
{
    return region.row0 >= region.row1 || region.column0 >= region.column1;
}

static inline nst_tile nst_tile_whole(nst_shape shape)
{
    return (nst_tile){shape, nst_region_whole(shape), 0, 0};
}

static inline size_t nst_shape_positions(nst_shape shape)
{
    return shape.height * shape.width; /* M in the papers; sizes are checked when a plan is made */
}

static inline size_t nst_shape_count(nst_shape shape)
{
    return shape.channels * nst_shape_positions(shape);
}

#endif
