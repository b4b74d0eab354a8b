/* Which set of weights this is, and with it: preprocessing and padding. */
#ifndef NST_WEIGHTS_IDENTITY_H
#define NST_WEIGHTS_IDENTITY_H

#include "weights/weights.h"

/* Fills fingerprint, name, preprocessing and padding of weights whose numbers and metadata are loaded: by the file's own metadata,
 * the numbers themselves, an input convolution, or the hash of the whole file, in this order; else they stay unknown.
 * NST_ERR_WEIGHTS_FORMAT when the metadata has a fingerprint that the numbers do not have. */
int32_t nst_weights_decide(nst_weights *weights, const nst_bytes *bytes, nst_error *error);

/* SHA-256 over kernel and bias of every convolution in order, the input convolution first. */
void nst_weights_make_fingerprint(nst_weights *weights);

const char *nst_preprocessing_name(nst_preprocessing preprocessing); /* "torch", "caffe", "unit", "unknown" */
const char *nst_padding_name(nst_padding padding);

#endif
