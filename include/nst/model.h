/* libnst: models: the weights of a VGG network and what they expect. SPDX-License-Identifier: MIT
 *
 * A model is immutable, reference counted and may be shared between threads and sessions. Errors: nst_ctx_error().
 */
#ifndef NST_MODEL_H
#define NST_MODEL_H

#include <nst/types.h>

NST_BEGIN_DECLS

/* What the first convolution expects of RGB pixels in 0..1. */
typedef enum nst_preprocessing {
    NST_PREPROCESSING_UNKNOWN = 0, /* the file does not say: sessions refuse it until the option `preprocessing` does */
    NST_PREPROCESSING_TORCH = 1,   /* RGB, minus (.485,.456,.406), divided by (.229,.224,.225) */
    NST_PREPROCESSING_CAFFE = 2,   /* BGR, times 255, minus (103.939,116.779,123.68) */
    NST_PREPROCESSING_UNIT = 3     /* RGB 0..1 unchanged: files that carry their own 1x1 input convolution */
} nst_preprocessing;

typedef enum nst_padding {
    NST_PADDING_AUTO = 0, /* what the file says or is known for, else zero */
    NST_PADDING_ZERO = 1,
    NST_PADDING_REFLECT = 2,
    NST_PADDING_REPLICATE = 3
} nst_padding;

typedef struct nst_model_info {
    uint32_t size;          /* sizeof(nst_model_info) */
    int32_t preprocessing;  /* nst_preprocessing */
    int32_t padding;        /* nst_padding, never AUTO */
    uint32_t convolutions;  /* 3x3 convolutions held */
    uint64_t parameters;    /* weights and biases held */
    uint32_t has_input_convolution; /* 1: a 1x1 convolution stands before conv1_1 */
    uint32_t reserved0;
    char architecture[16]; /* "vgg19", "vgg16" */
    char name[64];         /* "vgg19-caffe", "builtin", "untrained", ... or "" for an unknown file */
    char fingerprint[72];  /* SHA-256, hex: over every convolution's weight (OIHW float32 little endian) and bias in order */
    char source[256];      /* path or name it was opened by */
    uint64_t reserved[4];
} nst_model_info;

/* Opens a model. `name` is a file, a known name ("vgg19", "vgg16": searched as docs/weights.md lists; "builtin": the small network
 * that is compiled into the library; "untrained": seeded random filters, He-scaled, made in memory), or NULL: $NST_WEIGHTS, else the
 * first "vgg19" found, else "builtin"; the log says which, at the level info. The format is told by content: safetensors, PyTorch
 * .pth (zip and legacy), Keras .h5. NST_ERR_NOT_FOUND, NST_ERR_WEIGHTS_FORMAT, NST_ERR_IO, NST_ERR_LIMIT, NST_ERR_NUMERIC (NaN or
 * infinity in the weights). */
NST_API int32_t nst_model_open(nst_ctx *ctx, const char *name, nst_model **out);
NST_API int32_t nst_model_load_memory(nst_ctx *ctx, const void *data, uint64_t length, nst_model **out);
NST_API int32_t nst_model_load_reader(nst_ctx *ctx, const nst_reader *reader, nst_model **out);

/* A seeded random network of the VGG-19 topology with He-scaled filters; `width` channels in block 1 (1..64), doubled per block up
 * to eight times as VGG does. Preprocessing TORCH. For tests. */
NST_API int32_t nst_model_new_untrained(nst_ctx *ctx, uint32_t width, uint64_t seed, nst_model **out);

/* One more reference; gives one back. NULL is allowed. Any thread. */
NST_API nst_model *nst_model_ref(nst_model *model);
NST_API void nst_model_unref(nst_model *model);

/* What the model is and expects. `info->size` set by the caller. Any thread. */
NST_API int32_t nst_model_get_info(const nst_model *model, nst_model_info *info);

/* A text that the model's file has about itself, as it stands there, UTF-8, or NULL: "license", "origin", "training" (the data),
 * "teacher" where the network was trained by this project, "source" where the file was converted (docs/weights.md); other programs
 * have other keys. Only safetensors files, and so "builtin", have any; of more than 64 the rest is left out. Lives as long as the
 * model. Any thread. */
NST_API const char *nst_model_get_metadata(const nst_model *model, const char *key);

/* The layers that options may name, in network order: conv1_1, relu1_1, ..., pool1, ... as far as the file goes.
 * name is NULL and channels 0 for an index out of range. */
NST_API uint32_t nst_model_layer_count(const nst_model *model);
NST_API const char *nst_model_layer_name(const nst_model *model, uint32_t index);
NST_API uint32_t nst_model_layer_channels(const nst_model *model, uint32_t index);

/* Writes the convolutions as a small safetensors file with preprocessing, padding, fingerprint, source and `license` in its
 * metadata (NULL: that of the model), and origin, training and teacher where the model has them. `preprocessing` overrides an
 * unknown one (0: keep). Atomic; NST_ERR_EXISTS unless `overwrite`. */
NST_API int32_t nst_model_save(const nst_model *model, const char *path, int32_t preprocessing, const char *license,
                               int32_t overwrite);

/* Walks the places where weights are looked for. The callback gets every candidate path and whether a file is there; it returns 0 to
 * go on. `name` as in nst_model_open(), which takes the first candidate that exists; "builtin" and "untrained" are candidates that
 * always do. */
typedef int32_t (*nst_weights_fn)(void *user, const char *path, int32_t exists, uint64_t length);
NST_API int32_t nst_weights_search(nst_ctx *ctx, const char *name, nst_weights_fn callback, void *user);

/* SHA-256 of a whole file as 64 hex digits and NUL, and the known file it is ("" if unknown). */
typedef struct nst_weights_identity {
    uint32_t size; /* sizeof(nst_weights_identity) */
    uint32_t known; /* 1: the hash is that of a published file */
    uint64_t length;
    char sha256[72];
    char name[64];
    char note[256];
    uint64_t reserved[2];
} nst_weights_identity;
NST_API int32_t nst_weights_identify(nst_ctx *ctx, const char *path, nst_weights_identity *identity);

NST_END_DECLS

#endif
