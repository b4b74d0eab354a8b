/* The image object: planar float, sRGB-encoded 0..1. Codecs fill it row by row and know nothing of its layout. */
#ifndef NST_IMAGE_INTERNAL_H
#define NST_IMAGE_INTERNAL_H

#include <stdbool.h>

#include "base/context.h"
#include "nst/image.h"

#define NST_MAX_SIDE 65535
#define NST_MAX_TEXTS 16
#define NST_MAX_TEXT_LENGTH ((size_t)1 << 20)

typedef struct nst_pixels nst_pixels; /* shared, reference counted planes */

struct nst_image {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    uint32_t width, height;
    bool has_alpha;
    uint32_t source_bits;
    char *file; /* that it was read from, for sentences about it; NULL: from elsewhere, or a copy */
    nst_pixels *pixels;
    char *texts[NST_MAX_TEXTS][2]; /* key, value */
    int text_count;
};

/* NST_ERR_LIMIT or NST_ERR_INVALID_ARG for sides that no image of this context may have. */
int32_t nst_image_check_size(const nst_ctx *ctx, size_t width, size_t height, nst_error *error);
/* A new image with undefined pixels. Checks sides and max_pixels before taking memory. */
int32_t nst_image_create(nst_ctx *ctx, size_t width, size_t height, bool alpha, nst_image **out, nst_error *error);
/* What an image takes, without texts. */
size_t nst_image_bytes(size_t width, size_t height, bool alpha);
/* Plane 0..2: red, green, blue; 3: alpha (NULL without). width*height values, rows without gaps. Writable only while the image
 * has one owner: before it is handed out. */
float *nst_image_plane(nst_image *image, int plane);
const float *nst_image_plane_const(const nst_image *image, int plane);

/* For a sentence: the file in quotation marks, where there is one, else `otherwise`. Returns `buffer`. */
enum { NST_IMAGE_NAME = 300 };
const char *nst_image_name(const nst_image *image, const char *otherwise, char buffer[NST_IMAGE_NAME]);

/* Another image object over the same pixels, with copies of the texts. */
int32_t nst_image_share(const nst_image *image, nst_image **out, nst_error *error);
/* Adds or replaces a text entry of an image that is not handed out yet. */
int32_t nst_image_set_text(nst_image *image, const char *key, const char *value, nst_error *error);
/* The same for a text out of a file: what is not UTF-8 is taken as Latin-1, control characters become blanks, and an entry that
 * cannot be kept (too long, too many, a key that exists) is dropped. */
int32_t nst_image_keep_text(nst_image *image, const char *key, const char *value, nst_error *error);
/* NULL where there is none. */
const char *nst_image_find_text(const nst_image *image, const char *key);
int32_t nst_image_copy_texts(nst_image *to, const nst_image *from, nst_error *error);

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
/* Asks the first bytes before taking the rest: an endless or foreign stream is refused at once. */
int32_t nst_image_decode_reader(nst_ctx *ctx, const nst_reader *reader, nst_image **out, nst_error *error);
/* NST_FILE_PNG or NST_FILE_JPEG by the ending of a name; NST_FILE_AUTO where there is none of these. */
nst_file_type nst_image_type_of_name(const char *path);
int32_t nst_image_encode(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error);

/* As nst_image_warp(): flow (2, height, width) in pixels. `inside` may be NULL. */
int32_t nst_image_warped(const nst_image *image, const float *flow, nst_image **out, nst_image **inside, nst_error *error);

/* Lanczos-3, antialiased, alpha-weighted (where the result is fully transparent its colour is black). Texts are kept. */
int32_t nst_image_resample(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error);
/* What nst_image_resample() takes while it works, beside the image it makes; nothing for a mere copy. */
size_t nst_image_resample_bytes(const nst_image *image, size_t width, size_t height);
/* The image itself, referenced once more, where it has that size; else as nst_image_resample(). */
int32_t nst_image_at_size(const nst_image *image, size_t width, size_t height, nst_image **out, nst_error *error);
/* One plane of reals from (from_h, from_w) to (to_h, to_w) with the same filter, for planes that are not images (gradients,
 * optimiser moments). `bilinear`: triangle filter instead, which keeps signs and never overshoots. */
int32_t nst_plane_resample(nst_ctx *ctx, const float *from, size_t from_width, size_t from_height, float *to, size_t to_width,
                           size_t to_height, bool bilinear, nst_error *error);
size_t nst_plane_resample_bytes(size_t from_width, size_t from_height, size_t to_width, size_t to_height, bool bilinear);

/* Filters of three planes (3, H, W) in place, towards an image of the same size; results are not clipped. `..._bytes`: what they take
 * while they work. */
int32_t nst_planes_guided(nst_ctx *ctx, float *planes, const float *guide, size_t width, size_t height, size_t radius, double epsilon,
                          nst_error *error);
size_t nst_planes_guided_bytes(size_t width, size_t height); /* add_detail()'s as well */
/* `detailed` is the guide with more detail: the planes get that, each as the guided filter takes it for an affine function of the guide. */
int32_t nst_planes_add_detail(nst_ctx *ctx, float *planes, const float *guide, const float *detailed, size_t width, size_t height,
                              size_t radius, double epsilon, nst_error *error);
int32_t nst_planes_screen(nst_ctx *ctx, float *planes, const float *content, size_t width, size_t height, double luma, double chroma,
                          nst_error *error);
size_t nst_planes_screen_bytes(size_t width, size_t height);

/* What is done to a finished picture. As nst_image_guided_filter() and nst_image_screened_poisson(), on an image with one owner. */
typedef enum nst_filter_kind { NST_FILTER_NONE, NST_FILTER_POISSON, NST_FILTER_GUIDED } nst_filter_kind;
typedef struct nst_filter {
    nst_filter_kind kind;
    size_t radius;
    double epsilon;      /* guided */
    double luma, chroma; /* poisson */
} nst_filter;
int32_t nst_image_apply_filter(nst_image *image, const nst_image *towards, const nst_filter *filter, nst_error *error);
size_t nst_image_filter_bytes(size_t width, size_t height, const nst_filter *filter);
int32_t nst_image_filtered(const nst_image *image, const nst_image *towards, const nst_filter *filter, nst_image **out,
                           nst_error *error);

#endif
