/* The ground: a bay with a village hill on the left, a lighthouse rock on the right and hills at the far end. Heights in metres
 * over the sea, x to the right, z away from the viewer. */
#ifndef PICTURES_LAND_H
#define PICTURES_LAND_H

#include <stdbool.h>

#include "vec.h"

/* Two grids of heights: a fine one around the village, a coarse one for the hills. */
struct grid {
    float x0, z0, cell;
    int columns, rows;
    float highest;
    float *heights;
};

struct land {
    struct grid fine, coarse;
};

bool land_new(struct land *land);
void land_free(struct land *land);

float land_height(const struct land *land, float x, float z);
vec land_normal(const struct land *land, float x, float z);
vec land_colour(vec point, vec normal);

/* Distance along the ray to the ground, or `limit`. */
float land_hit(const struct land *land, vec origin, vec direction, float limit);

/* Where the village quay meets the water, at depth z. */
float land_shore(float z);

#endif
