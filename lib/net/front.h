/* Stages of a pass in bands. The layers before the first pooling, and before the second, work at sizes where features take more memory than
 * all others together. A stage, through its pooling, goes in bands of rows, forward and back, so that its features never exist as a
 * whole: a band sees a few rows more than it is for (tiling.h), hands out its part of the pooling's output, and on the way back computes
 * again what the losses look at. What ReLUs and poolings note for the way back, a bit or two a value, is kept for every band, where
 * that and the stage's first layer are enough; else the band goes forward again. */
#ifndef NST_NET_FRONT_H
#define NST_NET_FRONT_H

#include "net/pass.h"

typedef struct nst_front nst_front;

/* Behind the last layer of a stage that begins with layer `begin` and may go in bands; 0: there is none, since nothing behind its pooling
 * is tapped, or since what it begins with is, which would be looked at as a whole together with what is there in bands only. Does not
 * depend on the picture's size. */
size_t nst_front_end(const nst_pass_config *config, size_t begin);

typedef struct nst_front_size {
    size_t own, work;  /* bytes that nst_front_new() takes, and nst_front_work() */
    size_t recomputed; /* layers computed again on the way back */
} nst_front_size;

/* Of such a stage. The errors of nst_pass_bytes(). */
int32_t nst_front_measure(const nst_pass_config *config, size_t begin, nst_front_size *size, nst_error *error);
int32_t nst_front_new(const nst_pass_config *config, size_t begin, nst_front **out, nst_error *error);
/* NULL is allowed. */
void nst_front_free(nst_front *front);
/* Memory for a band, of no meaning between calls: how much it wants, and where it is. */
size_t nst_front_work(const nst_front *front);
void nst_front_lend(nst_front *front, void *work);
/* As nst_pass_resize(). */
int32_t nst_front_resize(nst_front *front, size_t width, size_t height);

/* From `input`, an image (3, height, width) of reals or the features of the layer before, to `output`, the features of the stage's last
 * layer, both whole. Tapped layers between are observed band by band; observe may be NULL. */
int32_t nst_front_forward(nst_front *front, const void *input, nst_observe_fn observe, void *user, void *output);
/* From `back`, the gradient at the output, to `gradient`, that at the input, both whole; after forward() of the same input. */
int32_t nst_front_backward(nst_front *front, const void *input, const void *back, nst_inject_fn inject, void *user, void *gradient);
/* As nst_pass_features(), of the band at work; and as nst_pass_non_finite_layer(). */
const void *nst_front_features(nst_front *front, size_t layer);
const char *nst_front_non_finite_layer(nst_front *front, const void *input);

#endif
