/* safetensors, in both directions; also the container of checkpoints. */
#ifndef NST_WEIGHTS_SAFETENSORS_H
#define NST_WEIGHTS_SAFETENSORS_H

#include "weights/weights.h"

#define NST_SAFETENSORS_MAX_HEADER ((size_t)8 << 20)

/* A tensor to write: `data` holds the values, little endian. */
typedef struct nst_tensor_data {
    const char *name;
    const char *dtype; /* "F32", "F64", "U8" */
    int rank;
    size_t shape[NST_MAX_RANK];
    const void *data;
    size_t bytes;
} nst_tensor_data;

/* Writes header and data in the given order; metadata is `pairs` times key, value. The header is padded so that data begins at a
 * multiple of 64 bytes. */
int32_t nst_safetensors_write(nst_ctx *ctx, const nst_writer *writer, const nst_tensor_data *tensors, size_t count,
                              const char *const (*metadata)[2], size_t pairs, nst_error *error);

/* The metadata of a safetensors header whole: values may be long (checkpoints keep options there). `*value` is a new block
 * (nst_free) or NULL where the key is missing. */
int32_t nst_safetensors_metadata(nst_ctx *ctx, const nst_bytes *bytes, const char *key, char **value, nst_error *error);

#endif
