/* Targets: the images to resemble, and a cache of their statistics, computed at first use and shared by sessions. */
#ifndef NST_SESSION_TARGETS_H
#define NST_SESSION_TARGETS_H

#include "image/image.h"
#include "loss/loss.h"
#include "net/pass.h"
#include "nst/session.h"

#define NST_PIXELS SIZE_MAX /* the "layer" of losses on the picture itself */
#define NST_CONTENT_IMAGE (-1) /* else: index of a style image */

typedef struct nst_target_entry nst_target_entry;

struct nst_targets {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    nst_model *model;
    nst_image *content; /* may be NULL */
    nst_image **styles;
    uint32_t style_count;
    nst_mutex *lock; /* guards `entries`, and is held while statistics are computed: a second session waits instead of repeating */
    nst_target_entry *entries;
};

typedef struct nst_target_request {
    const nst_loss_class *class;
    size_t layer; /* index in the network, or NST_PIXELS */
} nst_target_request;

/* As nst_targets_new(); the arguments are checked. */
int32_t nst_targets_create(nst_model *model, nst_image *content, nst_image *const *styles, uint32_t style_count, nst_targets **out,
                           nst_error *error);

const nst_image *nst_targets_image(const nst_targets *targets, int image);

/* Sees to it that the statistics of an image at width x height are there; one forward pass computes all that are missing. */
int32_t nst_targets_prepare(nst_targets *targets, const nst_loss_tools *tools, const nst_network *network, int image, size_t width,
                            size_t height, const nst_target_request *requests, size_t count, const _Atomic int *cancel,
                            nst_error *error);
/* The statistics, or NULL if they were not prepared. They live as long as the targets. */
const void *nst_targets_find(nst_targets *targets, const nst_network_config *config, int image, size_t width, size_t height,
                             const nst_target_request *request);

#endif
