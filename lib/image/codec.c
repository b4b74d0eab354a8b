/* Which codec: by content when reading, by request or name when writing. */
#include <string.h>

#include "base/file.h"
#include "base/size.h"
#include "image/image.h"

enum { HEAD = 64 }; /* bytes that are enough to know a file by */

static const nst_codec *const codecs[] = {&nst_codec_png, &nst_codec_jpeg};
enum { CODECS = sizeof codecs / sizeof codecs[0] };

/* Files people mistake for PNG or JPEG, by what stands at an offset. */
static const struct {
    size_t offset, length;
    const char *bytes, *name;
} foreign[] = {
    {8, 4, "WEBP", "a WebP file"},
    {0, 4, "GIF8", "a GIF file"},
    {0, 4, "II*\0", "a TIFF file"},
    {0, 4, "MM\0*", "a TIFF file"},
    {0, 2, "BM", "a BMP file"},
    {4, 8, "ftypheic", "a HEIC file"},
    {4, 8, "ftypheix", "a HEIC file"},
    {4, 8, "ftypmif1", "a HEIF file"},
    {4, 8, "ftypavif", "an AVIF file"},
    {0, 2, "\xff\x0a", "a JPEG XL file"},
    {4, 8, "JXL \r\n\x87\n", "a JPEG XL file"},
    {4, 8, "jP  \r\n\x87\n", "a JPEG 2000 file"},
    {0, 4, "8BPS", "a Photoshop file"},
    {0, 5, "%PDF-", "a PDF file"},
    {0, 2, "P6", "a PPM file"},
    {0, 2, "PK", "a zip file"},
    {0, 2, "\x1f\x8b", "a gzip file"},
    {0, 5, "<?xml", "an XML or SVG file"},
    {0, 4, "<svg", "an SVG file"},
    {0, 9, "<!DOCTYPE", "an HTML page"},
    {0, 9, "<!doctype", "an HTML page"},
    {0, 5, "<html", "an HTML page"},
    {0, 5, "<HTML", "an HTML page"},
    {0, 11, "version htt", "a git-lfs pointer (fetch the file itself with 'git lfs pull')"},
};

static int32_t refuse(const unsigned char *head, size_t length, nst_error *error)
{
    if (length == 0) return nst_fail(error, NST_ERR_IMAGE_FORMAT, "the image is empty (0 bytes)");
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (length >= foreign[i].offset + foreign[i].length &&
            memcmp(head + foreign[i].offset, foreign[i].bytes, foreign[i].length) == 0)
            return nst_fail(error, NST_ERR_IMAGE_FORMAT, "this is %s; libnst reads PNG and JPEG", foreign[i].name);
    return nst_fail(error, NST_ERR_IMAGE_FORMAT, "neither PNG nor JPEG (it begins with the bytes %02x %02x %02x %02x)", head[0],
                    length > 1 ? head[1] : 0, length > 2 ? head[2] : 0, length > 3 ? head[3] : 0);
}

static const nst_codec *recognise(const unsigned char *head, size_t length)
{
    for (int i = 0; i < CODECS; i++)
        if (codecs[i]->recognise(head, length)) return codecs[i];
    return NULL;
}

int32_t nst_image_decode(nst_ctx *ctx, const void *data, size_t length, nst_image **out, nst_error *error)
{
    const nst_codec *codec = recognise(data, length);
    return codec ? codec->decode(ctx, data, length, out, error) : refuse(data, length, error);
}

/* ---- streams ---- */

typedef struct headed_reader {
    const nst_reader *inner;
    unsigned char head[HEAD];
    size_t length, at; /* of the head: what there is, what has been handed on */
} headed_reader;

static int32_t read_head(headed_reader *headed, nst_error *error)
{
    while (headed->length < HEAD) {
        int64_t got = headed->inner->read(headed->inner->user, headed->head + headed->length, HEAD - headed->length);
        if (got == 0) break;
        if (got < 0 || got > (int64_t)(HEAD - headed->length)) return nst_fail(error, NST_ERR_IO, "reading the image failed");
        headed->length += (size_t)got;
    }
    return NST_OK;
}

static int64_t read_headed(void *user, void *buffer, uint64_t count)
{
    headed_reader *headed = user;
    size_t left = headed->length - headed->at;
    if (left == 0) return headed->length < HEAD ? 0 : headed->inner->read(headed->inner->user, buffer, count);
    if (count > left) count = left;
    memcpy(buffer, headed->head + headed->at, (size_t)count);
    headed->at += (size_t)count;
    return (int64_t)count;
}

/* No honest file is longer than its pixels in 16-bit RGBA and some room for metadata. */
static size_t longest_file(const nst_ctx *ctx)
{
    size_t limit;
    return nst_size_mul(ctx->max_pixels, 8, &limit) && nst_size_add(limit, (size_t)64 << 20, &limit) ? limit : SIZE_MAX;
}

int32_t nst_image_decode_reader(nst_ctx *ctx, const nst_reader *reader, nst_image **out, nst_error *error)
{
    headed_reader headed = {.inner = reader};
    nst_reader whole = {sizeof whole, 0, read_headed, &headed};
    void *data = NULL;
    size_t length = 0;
    int32_t status = read_head(&headed, error);
    if (status < 0) return status;
    if (!recognise(headed.head, headed.length)) return refuse(headed.head, headed.length, error);
    status = nst_reader_read_all(ctx, &whole, longest_file(ctx), &data, &length, error);
    if (status < 0) return status;
    status = nst_image_decode(ctx, data, length, out, error);
    nst_free(&ctx->memory, data);
    return status;
}

/* ---- writing ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    if (length < tail) return false;
    for (size_t i = 0; i < tail; i++)
        if (lower(path[length - tail + i]) != ending[i]) return false;
    return true;
}

nst_file_type nst_image_type_of_name(const char *path)
{
    for (int i = 0; i < CODECS; i++)
        for (const char *const *ending = codecs[i]->endings; *ending; ending++)
            if (ends_with(path, *ending)) return codecs[i]->type;
    return NST_FILE_AUTO;
}

int32_t nst_image_encode(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error)
{
    const nst_codec *codec = params->type == NST_FILE_JPEG ? &nst_codec_jpeg : &nst_codec_png;
    return codec->encode(image, params, writer, error);
}
