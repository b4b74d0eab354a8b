/* Solid shapes and the tree that finds the nearest one along a ray. */
#ifndef PICTURES_SHAPES_H
#define PICTURES_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#include "vec.h"

enum material {
    MATERIAL_WALL,
    MATERIAL_ROOF,
    MATERIAL_STONE,
    MATERIAL_LEAF,
    MATERIAL_WOOD,
    MATERIAL_SAIL,
    MATERIAL_BANDED, /* the lighthouse: red and white */
    MATERIAL_LAMP,
    MATERIAL_LAND /* no shape: the ground */
};

enum { MAX_PLANES = 8 };

struct plane {
    vec normal;
    float offset; /* inside: dot(normal, p) <= offset */
};

/* A shape in its own frame: moved to `centre` and turned about the vertical. */
struct shape {
    enum { SHAPE_CONVEX, SHAPE_ELLIPSOID, SHAPE_CONE } kind;
    enum material material;
    vec colour;
    vec centre;
    float cosine, sine;
    vec half; /* half extents in the own frame; bounds all kinds */
    float top, bottom; /* radii of a cone */
    struct plane planes[MAX_PLANES];
    int plane_count;
};

struct hit {
    float t;
    vec normal, local, local_normal;
    const struct shape *shape;
};

struct node {
    vec low, high;
    int first, count; /* a leaf's shapes; count 0: children at `first` and `first` + 1 */
};

enum { MAX_SHAPES = 16384 };

struct world {
    struct shape *shapes;
    int count;
    struct node *nodes;
    int node_count;
};

bool world_new(struct world *world);
void world_free(struct world *world);

/* All return the shape, so that it can be given more planes; NULL when the world is full. `turn` is in radians. */
struct shape *add_box(struct world *world, enum material material, vec colour, vec centre, vec half, float turn);
struct shape *add_gable(struct world *world, enum material material, vec colour, vec centre, vec half, float turn);
struct shape *add_pyramid(struct world *world, enum material material, vec colour, vec centre, vec half, float turn);
struct shape *add_hull(struct world *world, enum material material, vec colour, vec centre, vec half, float turn);
struct shape *add_sail(struct world *world, vec colour, vec centre, vec half, float turn);
struct shape *add_ellipsoid(struct world *world, enum material material, vec colour, vec centre, vec half);
struct shape *add_cone(struct world *world, enum material material, vec colour, vec centre, float half_height,
                       float bottom, float top);

/* Call once after the last shape. */
void world_build(struct world *world);

/* The nearest shape closer than hit->t, which the caller sets; whether any is closer than `distance`. */
bool world_hit(const struct world *world, vec origin, vec direction, struct hit *hit);
bool world_blocked(const struct world *world, vec origin, vec direction, float distance);

#endif
