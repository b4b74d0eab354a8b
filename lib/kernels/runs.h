/* Regions of planes (C, H, W) as runs of neighbouring values: one a row, or a single one where whole rows follow each other. */
#ifndef NST_KERNELS_RUNS_H
#define NST_KERNELS_RUNS_H

#include "kernels/kernels.h"

typedef struct nst_runs {
    size_t count, length; /* of each */
    size_t begin, step;   /* in a plane of the features: where the first begins, and from one to the next */
} nst_runs;

static inline size_t nst_runs_positions(const nst_runs *runs)
{
    return runs->count * runs->length;
}

/* The runs of a region of features (C, H, W). */
static inline nst_runs nst_runs_of(nst_shape shape, nst_region region)
{
    size_t rows = region.row1 - region.row0, columns = region.column1 - region.column0;
    nst_runs runs = {rows, columns, region.row0 * shape.width + region.column0, shape.width};
    if (columns == shape.width && rows > 0) runs.count = 1, runs.length = rows * columns;
    return runs;
}

/* The runs of the region and, in the target's planes, those of its place: `*there` has as many, as long. */
static inline nst_runs nst_runs_placed(nst_shape shape, nst_region region, const nst_place *place, nst_runs *there)
{
    nst_region placed = {place->row, place->row + (region.row1 - region.row0), place->column,
                         place->column + (region.column1 - region.column0)};
    nst_runs here = {region.row1 - region.row0, region.column1 - region.column0, region.row0 * shape.width + region.column0,
                     shape.width};
    *there = (nst_runs){here.count, here.length, placed.row0 * place->shape.width + placed.column0, place->shape.width};
    if (here.length == shape.width && here.length == place->shape.width) {
        here = nst_runs_of(shape, region);
        *there = nst_runs_of(place->shape, placed);
    }
    return here;
}

#endif
