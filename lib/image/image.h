/* The image object: planar float, sRGB-encoded 0..1. Codecs fill it row by row and know nothing of its layout. */
#ifndef NST_IMAGE_INTERNAL_H
#define NST_IMAGE_INTERNAL_H

#include <stdbool.h>

#include "base/context.h"
#include "nst/image.h"

#define NST_MAX_SIDE 65535
#define NST_MAX_TEXTS 16

typedef struct nst_pixels nst_pixels; /* shared, reference counted planes */

struct nst_image {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    uint32_t width, height;
    bool has_alpha;
    uint32_t source_bits;
    nst_pixels *pixels;
    char *texts[NST_MAX_TEXTS][2]; /* key, value */
    int text_count;
};

/* A new image with undefined pixels. Checks sides and max_pixels before taking memory. */
int32_t nst_image_create(nst_ctx *ctx, size_t width, size_t height, bool alpha, nst_image **out, nst_error *error);
/* Plane 0..2: red, green, blue; 3: alpha (NULL without). width*height values, rows without gaps. Writable only while the image has
 * one owner: before it is handed out. */
float *nst_image_plane(nst_image *image, int plane);
const float *nst_image_plane_const(const nst_image *image, int plane);

/* Decoders and encoders: the codec's own errors stay in its file. */
typedef struct nst_codec {
    const char *name;
    nst_file_type type;
    const char *const *endings; /* ".png", NULL */
    bool (*recognise)(const unsigned char *head, size_t length);
    int32_t (*decode)(nst_ctx *ctx, const void *data, size_t length, nst_image **out, nst_error *error);
    int32_t (*encode)(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error);
} nst_codec;

extern const nst_codec nst_codec_png, nst_codec_jpeg;

int32_t nst_image_decode(nst_ctx *ctx, const void *data, size_t length, nst_image **out, nst_error *error);
int32_t nst_image_encode(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error);

/* Lanczos-3, antialiased, alpha-weighted. */
int32_t nst_image_resample(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error);
/* One plane of reals from (from_h, from_w) to (to_h, to_w) with the same filter, for planes that are not images (gradients,
 * optimiser moments). `bilinear`: triangle filter instead, which keeps signs and never overshoots. */
int32_t nst_plane_resample(nst_ctx *ctx, const float *from, size_t from_width, size_t from_height, float *to, size_t to_width,
                           size_t to_height, bool bilinear, nst_error *error);

#endif
