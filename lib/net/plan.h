#ifndef NST_NET_PLAN_H
#define NST_NET_PLAN_H

#include "net/pass.h"

typedef struct nst_plan {
    size_t depth; /* layers computed: down to the deepest tapped one */
    size_t slot[NST_MAX_LAYERS];           /* where a layer's output lies */
    size_t slot_bytes[NST_MAX_LAYERS + 1];
    size_t slot_count;
    size_t widest;    /* bytes of the largest features: the gradients take turns in two buffers of that size */
    size_t workspace; /* bytes the convolutions want */
} nst_plan;

int32_t nst_plan_make(const nst_pass_config *config, nst_plan *plan, nst_error *error);

#endif
