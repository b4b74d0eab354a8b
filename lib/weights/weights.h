/* Weights: from a file's tensors to the convolutions of a VGG network.
 *
 *   container (safetensors.c, pth_zip.c, pth_legacy.c, h5.c)  ->  nst_tensor_list: names, shapes, dtype, where the bytes lie
 *   match.c: which tensors are the convolutions, by order and shape
 *   load.c: numbers of any kind, 8-bit integers times their scales too  ->  nst_weights: OIHW float32
 *   identity.c: fingerprints, known files, preprocessing and padding
 *
 * A new container: one file with an nst_container, one line in open.c.
 */
#ifndef NST_WEIGHTS_H
#define NST_WEIGHTS_H

#include <stdbool.h>

#include "base/context.h"
#include "base/file.h"
#include "nst/model.h"

#define NST_MAX_CONVS 16
#define NST_MAX_RANK 8
#define NST_MAX_TENSOR_NAME 128

typedef enum nst_dtype { NST_DTYPE_F32, NST_DTYPE_F64, NST_DTYPE_F16, NST_DTYPE_BF16, NST_DTYPE_I8, NST_DTYPE_OTHER } nst_dtype;

/* One tensor of a container: `offset` is where its little-endian, contiguous, row-major values begin in the file. */
typedef struct nst_tensor_entry {
    char name[NST_MAX_TENSOR_NAME];
    nst_dtype dtype;
    int rank;
    size_t shape[NST_MAX_RANK];
    size_t offset, bytes;
    bool has_crc; /* zip only: the values are exactly one record, whose CRC-32 this is */
    uint32_t crc;
} nst_tensor_entry;

/* What a file says about itself: `count` pairs in one block, key NUL value NUL key NUL ... */
typedef struct nst_metadata {
    char *texts;
    size_t count;
} nst_metadata;

const char *nst_metadata_find(const nst_metadata *metadata, const char *key); /* NULL: missing */

typedef struct nst_tensor_list {
    nst_ctx *ctx;
    nst_tensor_entry *entries; /* in file order */
    size_t count, capacity;
    nst_metadata metadata; /* safetensors only */
} nst_tensor_list;

void nst_tensor_list_init(nst_tensor_list *list, nst_ctx *ctx);
void nst_tensor_list_clear(nst_tensor_list *list);
/* A zeroed entry to fill, or NULL. */
nst_tensor_entry *nst_tensor_list_add(nst_tensor_list *list);
const nst_tensor_entry *nst_tensor_list_find(const nst_tensor_list *list, const char *name);

/* A file format. recognise() looks at the first `length` bytes (at most 64). list() fills the tensors. */
typedef struct nst_container {
    const char *name;
    bool kernels_are_hwio; /* Keras: (height, width, in, out) */
    bool order_is_network; /* state_dict: the tensors stand in network order */
    bool (*recognise)(const unsigned char *head, size_t length);
    int32_t (*list)(const nst_bytes *bytes, nst_tensor_list *list, nst_error *error);
} nst_container;

extern const nst_container nst_container_safetensors, nst_container_pth_zip, nst_container_pth_legacy, nst_container_h5;

/* One convolution: weight (out, in, size, size) and bias (out), float32. */
typedef struct nst_conv_weights {
    size_t in_channels, out_channels, size;
    float *weight, *bias;
} nst_conv_weights;

/* The convolutions of a VGG network: 3x3, in order conv1_1, conv1_2, ...; a file that ends early has fewer. */
typedef struct nst_weights {
    nst_ctx *ctx;
    bool vgg16;              /* 13 convolutions instead of 16 */
    bool has_input_conv;     /* a 1x1, 3 -> 3 convolution before conv1_1 */
    nst_conv_weights input_conv;
    nst_conv_weights convs[NST_MAX_CONVS];
    size_t conv_count;
    nst_preprocessing preprocessing;
    nst_padding padding;     /* AUTO never: decided when loaded */
    char name[64], fingerprint[72];
    char source[256]; /* what it was opened by */
    nst_metadata metadata;
} nst_weights;

/* Reads the convolutions out of any known container; never executes anything. `label` stands in messages. */
int32_t nst_weights_read(nst_ctx *ctx, const nst_bytes *bytes, const char *label, nst_weights *out, nst_error *error);
/* The network that is compiled in. */
int32_t nst_weights_builtin(nst_ctx *ctx, nst_weights *out, nst_error *error);
int32_t nst_weights_untrained(nst_ctx *ctx, size_t width, uint64_t seed, nst_weights *out, nst_error *error);
void nst_weights_clear(nst_weights *weights);

/* By file, known name, or NULL: what nst_model_open() says. */
int32_t nst_weights_open(nst_ctx *ctx, const char *name, nst_weights *out, nst_error *error);

int32_t nst_weights_write(const nst_weights *weights, const char *path, nst_preprocessing preprocessing, const char *license,
                          bool overwrite, nst_error *error);

/* Calls back every candidate path for a name, best first, until the callback returns other than 0 (search.c). */
int32_t nst_weights_candidates(nst_ctx *ctx, const char *name, nst_weights_fn callback, void *user, nst_error *error);
int32_t nst_weights_identify_file(nst_ctx *ctx, const char *path, nst_weights_identity *identity, nst_error *error);

#endif
