/* Which tensors of a file are the convolutions of a VGG network. */
#ifndef NST_WEIGHTS_MATCH_H
#define NST_WEIGHTS_MATCH_H

#include "weights/weights.h"

typedef struct nst_conv_match {
    const nst_tensor_entry *weight, *bias;
    const nst_tensor_entry *scale; /* for a kernel of 8-bit integers: one factor per output channel; else NULL */
    size_t in_channels, out_channels, size;
} nst_conv_match;

typedef struct nst_match {
    nst_conv_match input; /* weight NULL: none */
    nst_conv_match convs[NST_MAX_CONVS];
    size_t count;
    bool vgg16;
} nst_match;

/* Goes by order and shape, whatever the names; NST_ERR_WEIGHTS_FORMAT tells what the file seems to be instead. */
int32_t nst_match_vgg(const nst_tensor_list *list, const nst_container *container, nst_match *out, nst_error *error);

#endif
