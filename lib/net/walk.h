/* A picture through a network, forward and backward: in one pass, or in tiles where one pass would take more memory than there is
 * room for. Both give the same sums and the same gradient but for rounding. All memory is taken when the walk is made. */
#ifndef NST_NET_WALK_H
#define NST_NET_WALK_H

#include "net/pass.h"
#include "net/tiling.h"

typedef struct nst_walk nst_walk;

/* Pictures of one walk: the one it is made for, and smaller ones (config->others). */
#define NST_WALK_PICTURES 8

/* One picture's tiles. */
typedef struct nst_way {
    nst_tiling features; /* of the way that only looks */
    nst_tiling gradient; /* of the way there and back */
} nst_way;

typedef struct nst_walk_plan {
    nst_way ways[NST_WALK_PICTURES];
    size_t way_count;
    size_t width, height; /* of the largest tile */
    size_t bytes;         /* what the walk takes */
    size_t recomputed;    /* layers computed again on the way back */
} nst_walk_plan;

static inline bool nst_way_tiled(const nst_way *way)
{
    return nst_tiling_count(&way->gradient) > 1;
}

static inline bool nst_walk_tiled(const nst_walk_plan *plan)
{
    return nst_way_tiled(&plan->ways[0]);
}

/* The largest tiles whose memory fits into `room` (SIZE_MAX: no limit). NST_ERR_LIMIT where even the smallest do not fit: plan->bytes
 * is then what those take. The errors of nst_pass_new(). config->others are further pictures that the walk will turn to. */
int32_t nst_walk_make_plan(const nst_pass_config *config, size_t room, nst_walk_plan *plan, nst_error *error);

/* Pixels that go through the network in an evaluation of all its pictures, the way back counting twice. */
double nst_walk_work(const nst_walk_plan *plan);

int32_t nst_walk_new(const nst_pass_config *config, size_t room, nst_walk **out, nst_error *error);
void nst_walk_free(nst_walk *walk);

/* From now on goes over its picture `index`: 0 is the one it was made for, 1 the first of config->others. */
int32_t nst_walk_turn_to(nst_walk *walk, size_t index);

int32_t nst_walk_forward(nst_walk *walk, const nst_real *image, nst_observe_fn observe, void *user);
/* After forward() of the same image, with no other in between. */
int32_t nst_walk_backward(nst_walk *walk, const nst_real *image, nst_inject_fn inject, void *user, nst_real *gradient);

/* As that of a pass, of the tile at work. */
const void *nst_walk_features(nst_walk *walk, size_t layer);

/* Name of the first layer whose features are not all finite, after forward() of the same image, or NULL. */
const char *nst_walk_non_finite_layer(nst_walk *walk, const nst_real *image);

#endif
