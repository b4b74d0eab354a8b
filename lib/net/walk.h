/* A picture through a network, forward and backward: in one pass, or in tiles where one pass would take more memory than there is
 * room for. Both give the same sums and the same gradient but for rounding. All memory is taken when the walk is made. */
#ifndef NST_NET_WALK_H
#define NST_NET_WALK_H

#include "net/pass.h"
#include "net/tiling.h"

typedef struct nst_walk nst_walk;

/* As those of a pass; the features of a layer come in tiles that cover the picture once (observe), or that may overlap where their
 * gradient is wanted (inject). */
typedef int32_t (*nst_walk_observe_fn)(void *user, size_t layer, const nst_tile *tile, const void *features);
typedef int32_t (*nst_walk_inject_fn)(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient);

typedef struct nst_walk_plan {
    nst_tiling features; /* of the way that only looks */
    nst_tiling gradient; /* of the way there and back */
    size_t width, height; /* of the largest tile */
    size_t bytes;         /* what the walk takes */
    size_t recomputed;    /* layers computed again on the way back */
} nst_walk_plan;

static inline bool nst_walk_tiled(const nst_walk_plan *plan)
{
    return nst_tiling_count(&plan->gradient) > 1;
}

/* The largest tiles whose memory fits into `room` (SIZE_MAX: no limit). NST_ERR_LIMIT where even the smallest do not fit: plan->bytes
 * is then what those take. The errors of nst_pass_new(). */
int32_t nst_walk_make_plan(const nst_pass_config *config, size_t room, nst_walk_plan *plan, nst_error *error);

/* Pixels that go through the network in an evaluation, the way back counting twice. */
double nst_walk_work(const nst_walk_plan *plan);

int32_t nst_walk_new(const nst_pass_config *config, size_t room, nst_walk **out, nst_error *error);
void nst_walk_free(nst_walk *walk);

int32_t nst_walk_forward(nst_walk *walk, const nst_real *image, nst_walk_observe_fn observe, void *user);
/* After forward() of the same image. */
int32_t nst_walk_backward(nst_walk *walk, const nst_real *image, nst_walk_inject_fn inject, void *user, nst_real *gradient);

/* Name of the first layer whose features are not all finite, after forward() of the same image, or NULL. */
const char *nst_walk_non_finite_layer(nst_walk *walk, const nst_real *image);

#endif
