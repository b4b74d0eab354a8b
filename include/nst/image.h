/* libnst: images. SPDX-License-Identifier: MIT
 *
 * An image is immutable once made, reference counted and may be shared between threads. Inside it is sRGB-encoded red, green, blue
 * in 32-bit float, 0..1, with an optional straight (not premultiplied) alpha. Gray and palette files become RGB; files with an
 * embedded colour profile are converted to sRGB where the build has lcms2; EXIF orientation is applied. Errors: nst_ctx_error().
 */
#ifndef NST_IMAGE_H
#define NST_IMAGE_H

#include <nst/types.h>

NST_BEGIN_DECLS

typedef enum nst_format {
    NST_FORMAT_U8 = 1,  /* 0..255 */
    NST_FORMAT_U16 = 2, /* 0..65535, native byte order */
    NST_FORMAT_F32 = 3  /* 0..1; values outside are clipped on the way in, NaN is refused */
} nst_format;

/* Pixels in the caller's memory: rows top to bottom, channels interleaved: 1 gray, 2 gray+alpha, 3 RGB, 4 RGBA. */
typedef struct nst_image_desc {
    uint32_t size;   /* sizeof(nst_image_desc) */
    uint32_t format; /* nst_format */
    uint32_t width, height;
    uint32_t channels; /* 1 to 4 */
    uint32_t source_bits; /* out only: bits per channel of the file the image came from, 0 if none */
    uint64_t stride;      /* bytes from row to row; 0: tightly packed */
    uint64_t reserved[2]; /* 0 */
} nst_image_desc;

typedef enum nst_file_type { NST_FILE_AUTO = 0, NST_FILE_PNG = 1, NST_FILE_JPEG = 2 } nst_file_type;

typedef struct nst_save_params {
    uint32_t size;      /* sizeof(nst_save_params) */
    int32_t type;       /* nst_file_type; AUTO: by the name's ending (.png, .jpg, .jpeg), PNG for memory and writers */
    int32_t bits;       /* PNG: 8 or 16; 0: 8 */
    int32_t quality;    /* JPEG: 1..100; 0: 95 */
    int32_t overwrite;  /* non-zero: an existing file is replaced; zero: NST_ERR_EXISTS */
    int32_t strip;      /* non-zero: no text entries are written */
    uint64_t reserved[2]; /* 0 */
} nst_save_params;

/* Copies the caller's pixels. `pixels` holds desc->height rows. NST_ERR_LIMIT above the context's max_pixels. */
NST_API int32_t nst_image_new(nst_ctx *ctx, const nst_image_desc *desc, const void *pixels, nst_image **out);

/* Decode PNG or JPEG, told apart by content, never by name. Limits (SECURITY.md) are checked before memory is taken.
 * `path` is passed to the operating system as it is. NST_ERR_IO, NST_ERR_IMAGE_FORMAT, NST_ERR_LIMIT, NST_ERR_UNSUPPORTED. */
NST_API int32_t nst_image_load(nst_ctx *ctx, const char *path, nst_image **out);
NST_API int32_t nst_image_load_memory(nst_ctx *ctx, const void *data, uint64_t length, nst_image **out);
NST_API int32_t nst_image_load_reader(nst_ctx *ctx, const nst_reader *reader, nst_image **out);

/* One more reference; gives one back. NULL is allowed. Any thread. */
NST_API nst_image *nst_image_ref(nst_image *image);
NST_API void nst_image_unref(nst_image *image);

/* What the image is: width, height, channels (3 or 4), format NST_FORMAT_F32, source_bits. `desc->size` set by the caller. */
NST_API int32_t nst_image_get_desc(const nst_image *image, nst_image_desc *desc);

/* Copies the pixels out in the form desc describes (format, channels, stride; width and height must be the image's). Gray is Rec.601
 * luma; missing alpha reads as opaque; alpha not asked for is dropped. `capacity` is the buffer's size in bytes; nothing is
 * written beyond it. U8 and U16 round to nearest. */
NST_API int32_t nst_image_read(const nst_image *image, const nst_image_desc *desc, void *pixels, uint64_t capacity);

/* A resized copy: Lanczos with three lobes, widened when shrinking (antialiased, as Pillow's LANCZOS), alpha-weighted. */
NST_API int32_t nst_image_resize(const nst_image *image, uint32_t width, uint32_t height, nst_image **out);

typedef enum nst_colour_method {
    NST_COLOUR_SYMMETRIC = 0, /* moves colours least */
    NST_COLOUR_CHOLESKY = 1   /* takes red first, then green, then blue */
} nst_colour_method;

/* A copy in the colours of another image: by a linear map it gets the mean and the covariance of the reference's red, green and blue;
 * what falls outside 0..1 is clipped. `method` is an nst_colour_method; images may be of different contexts. Transparent pixels have no
 * say as far as they are transparent; alpha and texts stay. */
NST_API int32_t nst_image_match_colour(const nst_image *image, const nst_image *reference, int32_t method, nst_image **out);

/* Filters that bring an image nearer to another of the same size (docs/photo.md): a copy with the alpha and the texts of `image`. Colours
 * are taken as they are, also where alpha hides them. NST_ERR_INVALID_ARG for images of different sizes.
 * guided_filter(): the image as a locally affine recolouring of `guide` (He, Sun, Tang): in boxes of `radius` to all sides, with
 *   `epsilon` (at least 1e-9) for the variance below which the guide's detail is not followed.
 * screened_poisson(): the colours of the image with the gradients of `content`, which count `luma` (0 to 1000) times as much for
 *   brightness and `chroma` times as much for colour; 0 is the image as it is, and what is slower than about 6 times the weight, in
 *   pixels, stays. */
NST_API int32_t nst_image_guided_filter(const nst_image *image, const nst_image *guide, uint32_t radius, double epsilon,
                                        nst_image **out);
NST_API int32_t nst_image_screened_poisson(const nst_image *image, const nst_image *content, double luma, double chroma,
                                           nst_image **out);

/* A copy as it is seen in the next frame of a film: pixel (x, y) is the image at (x + dx, y + dy), bilinear between pixel centres. `flow`
 * is two planes of `width` x `height` floats, rows top to bottom, all dx and then all dy, in pixels: the backward flow, from the new frame
 * to the image. Its size must be the image's. Where it leads outside or is not finite, the nearest pixel inside stands and the mask
 * `inside` (may be NULL) is black, else white: give both to nst_session_set_previous(), with the mask darkened where something is
 * hidden in one of the frames (docs/guide.md). */
NST_API int32_t nst_image_warp(const nst_image *image, const float *flow, uint32_t width, uint32_t height, nst_image **out,
                               nst_image **inside);

/* Text entries (key 1..79 printable ASCII characters, value UTF-8 without control characters other than newline). They are stored in
 * PNG files and read back. The library itself uses keys that begin with "nst:". with_text() makes a copy that has the entry
 * added or, where it exists, replaced; the pixels are shared. get_text() returns NULL where there is none. */
NST_API int32_t nst_image_with_text(nst_image *image, const char *key, const char *value, nst_image **out);
NST_API const char *nst_image_get_text(const nst_image *image, const char *key);

/* Encode. A path is written atomically: a temporary file beside it, fsync, rename; on any failure an existing target is untouched.
 * `params` may be NULL. JPEG drops alpha over white and text. */
NST_API int32_t nst_image_save(const nst_image *image, const char *path, const nst_save_params *params);
NST_API int32_t nst_image_save_writer(const nst_image *image, const nst_writer *writer, const nst_save_params *params);

NST_END_DECLS

#endif
