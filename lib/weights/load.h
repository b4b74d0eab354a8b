/* From matched tensors to numbers in memory. */
#ifndef NST_WEIGHTS_LOAD_H
#define NST_WEIGHTS_LOAD_H

#include "weights/match.h"

int32_t nst_conv_weights_alloc(nst_ctx *ctx, size_t out_channels, size_t in_channels, size_t size, nst_conv_weights *conv,
                               nst_error *error);

/* Reads and converts every matched tensor to OIHW float32. NST_ERR_NUMERIC: NaN or infinity. On failure `out` still wants a
 * clear. */
int32_t nst_weights_load(const nst_bytes *bytes, const nst_match *match, bool hwio, nst_weights *out, nst_error *error);

/* What a file that is no weights file seems to be: NST_ERR_WEIGHTS_FORMAT with the sentence. */
int32_t nst_weights_diagnose(const nst_bytes *bytes, const unsigned char *head, size_t head_length, const char *label,
                             nst_error *error);

#endif
