/* Shapes. No arithmetic on values here. */
#ifndef NST_TENSOR_SHAPE_H
#define NST_TENSOR_SHAPE_H

#include <stddef.h>

/* A stack of feature maps, (channels, height, width). How the values lie in memory is the kernel table's business. */
typedef struct nst_shape {
    size_t channels, height, width;
} nst_shape;

/* A rectangle of positions: rows [row0, row1), columns [column0, column1), of all channels. */
typedef struct nst_region {
    size_t row0, row1, column0, column1;
} nst_region;

static inline nst_region nst_region_whole(nst_shape shape)
{
    return (nst_region){0, shape.height, 0, shape.width};
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
