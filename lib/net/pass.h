/* One image size through a network, forward and backward. All memory is taken when the pass is made, as plan.h says.
 *
 * Gradients can enter at any layer: the layers of interest are "tapped". forward() hands the features of every tapped layer to
 * observe(); backward() goes from the deepest tapped layer to the pixels and lets inject() add to the gradient at each. */
#ifndef NST_NET_PASS_H
#define NST_NET_PASS_H

#include <stdatomic.h>

#include "net/network.h"

typedef struct nst_pass nst_pass;

/* `layer` indexes the network's layers; `features` lie in the kernel table's layout, `tile` says what they are of the picture's. Tiles
 * cover a layer once (observe), or may overlap where their gradient is wanted (inject). Without a way back features are there for the
 * time of the call only. */
typedef int32_t (*nst_observe_fn)(void *user, size_t layer, const nst_tile *tile, const void *features);
typedef int32_t (*nst_inject_fn)(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient);

/* Of an image, or a tile of one. */
typedef struct nst_extent {
    size_t width, height;
} nst_extent;

#define NST_MOST_FRONTS 2 /* a third would cost more than it saves: its surroundings are twice as wide, its features half as large */

typedef struct nst_pass_config {
    nst_ctx *ctx;
    const nst_kernels *kernels;
    const nst_exec *exec;
    const nst_network *network;
    size_t width, height;
    const bool *tapped; /* one per layer of the network */
    bool backward;      /* false: nothing is kept for a way back */
    size_t fronts;      /* how many of the stages between poolings, from the first on, go in bands (front.h); at most NST_MOST_FRONTS */
    size_t begin;       /* the layers before this one are someone else's: nst_pass_entry() */
    bool recompute;     /* the first step's features are computed again on the way back instead of kept, where that takes less */
    bool lent;          /* the pass takes no memory for features: nst_pass_lend() */
    const _Atomic int *cancel; /* polled before every layer; NULL: never */
    const nst_extent *others;  /* sizes that the pass will be resized to, none larger than `width` or `height` */
    size_t other_count;
} nst_pass_config;

/* Layers down to the deepest tapped one; 0: none is tapped. */
static inline size_t nst_pass_depth(const nst_pass_config *config)
{
    size_t depth = config->network->layer_count;
    while (depth > 0 && !config->tapped[depth - 1]) depth--;
    return depth;
}

/* Bytes that a pass takes, and layers whose features it computes again. The errors of nst_pass_new(). */
int32_t nst_pass_bytes(const nst_pass_config *config, size_t *bytes, size_t *recomputed, nst_error *error);
/* NST_ERR_INVALID_ARG, naming the smallest size, if the image is too small for the deepest layer. */
int32_t nst_pass_new(const nst_pass_config *config, nst_pass **out, nst_error *error);
void nst_pass_free(nst_pass *pass);
/* From now on images of another size, one of those it was made for (else NST_ERR_INTERNAL, where there is not enough memory for it). */
int32_t nst_pass_resize(nst_pass *pass, size_t width, size_t height);

/* image (3, height, width): RGB 0..1, planar. NST_ERR_CANCELLED, or what observe() returned if negative. */
int32_t nst_pass_forward(nst_pass *pass, const nst_real *image, nst_observe_fn observe, void *user);
/* gradient (3, height, width) = d loss / d image; after forward() of the same image. */
int32_t nst_pass_backward(nst_pass *pass, const nst_real *image, nst_inject_fn inject, void *user, nst_real *gradient);

/* With config->begin, images and the gradient at one mean nothing: where the features of the layer before are put, before forward() or
 * return_to(); and, after backward(), the gradient at them, until the pass goes anywhere again. */
void *nst_pass_entry(nst_pass *pass);
const void *nst_pass_gradient(const nst_pass *pass);

/* With config->lent: where features (nst_plan_work_bytes()) and masks and codes (nst_plan_notes_bytes()) lie from now on. Not kept over a
 * resize. */
void nst_pass_lend(nst_pass *pass, void *work, void *notes);
/* In place of forward(), where nst_plan_returns(): makes ready for the way back of an image that has gone forward before, and whose notes
 * are lent again. */
void nst_pass_return_to(nst_pass *pass, const nst_real *image);

/* The features of another layer, the same tile of them, for the time of the call: in observe(), of the one that the layer's convolution
 * has read (nst_network_before()); in inject(), of that, and of one whose convolution has read the layer. Both are to be tapped. */
const void *nst_pass_features(nst_pass *pass, size_t layer);

/* Name of the first layer whose features are not all finite, or NULL: computes the image's features once more, layer by layer. */
const char *nst_pass_non_finite_layer(nst_pass *pass, const nst_real *image);

#endif
