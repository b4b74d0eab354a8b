/* A measure: everything about one picture against its targets, computed when it is made. */
#ifndef NST_MEASURE_INTERNAL_H
#define NST_MEASURE_INTERNAL_H

#include "nst/measure.h"
#include "session/targets.h"

struct nst_measure {
    nst_ctx *ctx;
    nst_measure_summary summary;
    nst_measure_layer layers[NST_MAX_CONVS];
};

int32_t nst_measure_create(nst_targets *targets, nst_image *picture, const nst_options *options, nst_measure **out,
                           nst_error *error);
void nst_measure_destroy(nst_measure *measure);

#endif
