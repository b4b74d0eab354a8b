/* PNG through libpng: the only file that includes png.h. libpng leaves by longjmp; all that a call owns lies in one struct on the
 * heap, freed by one function, so that no local variable matters after the jump. */
#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/size.h"
#include "image/exif.h"
#include "image/icc.h"
#include "image/rows.h"

enum { MAX_LOGGED = 8 };
static const size_t chunk_memory = (size_t)8 << 20;

static bool recognise(const unsigned char *head, size_t length)
{
    return length >= 8 && png_sig_cmp(head, 0, 8) == 0;
}

/* ---- what reading and writing share ---- */

typedef struct codec_state {
    nst_ctx *ctx;
    nst_error *error;
    int32_t status; /* the reason of a jump that was not libpng's own */
    int warnings;
    bool out_of_memory;
} codec_state;

static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    codec_state *state = png_get_mem_ptr(png);
    void *block;
    if (size > 2 * chunk_memory) return NULL; /* libpng 1.6 does not hold its own limit for eXIf: the length in the file counts */
    block = nst_alloc(&state->ctx->memory, size);
    if (!block) state->out_of_memory = true;
    return block;
}

static void release(png_structp png, png_voidp block)
{
    codec_state *state = png_get_mem_ptr(png);
    nst_free(&state->ctx->memory, block);
}

static PNG_NORETURN void on_error(png_structp png, png_const_charp message)
{
    codec_state *state = png_get_error_ptr(png);
    if (state->out_of_memory) state->status = nst_fail_nomem(state->error, "a PNG file");
    else if (state->status >= 0) state->status = nst_fail(state->error, NST_ERR_IMAGE_FORMAT, "damaged PNG: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    codec_state *state = png_get_error_ptr(png);
    if (state->warnings++ < MAX_LOGGED) nst_log(state->ctx, NST_LOG_WARNING, "PNG: %s", message);
}

static bool is_little_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/* ---- reading ---- */

typedef struct decoder {
    codec_state state; /* first: libpng's pointers are to it */
    png_structp png;
    png_infop info;
    const unsigned char *data;
    size_t length, at;
    nst_image *image;
    nst_rows rows;
    uint32_t channels;
    int bits;
    nst_icc *icc;
    uint16_t *converted;  /* one row */
    unsigned char *pixels; /* one row, or all where the file is interlaced */
} decoder;

static void free_decoder(decoder *d)
{
    nst_memory *memory = &d->state.ctx->memory;
    png_destroy_read_struct(&d->png, &d->info, NULL);
    nst_icc_free(d->icc);
    nst_free(memory, d->converted);
    nst_free(memory, d->pixels);
    nst_image_unref(d->image);
    nst_free(memory, d);
}

static void read_memory(png_structp png, png_bytep to, size_t count)
{
    decoder *d = png_get_io_ptr(png);
    if (count > d->length - d->at) png_error(png, "the file ends too early");
    memcpy(to, d->data + d->at, count);
    d->at += count;
}

/* Only what is used is parsed: compressed text above all is not. gAMA and cHRM without a profile are ignored, as browsers and
 * Pillow do: the files that carry them mostly mean sRGB. */
static void ignore_other_chunks(png_structp png)
{
    static const char names[] = "bKGD\0cHRM\0gAMA\0hIST\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, (png_const_bytep)names, sizeof names / 5);
}

static void open_png(decoder *d)
{
    d->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, d, on_error, on_warning, d, allocate, release);
    if (d->png) d->info = png_create_info_struct(d->png);
    if (!d->info) d->state.status = nst_fail_nomem(d->state.error, "a PNG file");
}

static void configure(decoder *d)
{
    png_set_read_fn(d->png, d, read_memory);
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours are checked after the header */
    png_set_chunk_malloc_max(d->png, chunk_memory);
    png_set_chunk_cache_max(d->png, 100);
    ignore_other_chunks(d->png);
}

/* What libpng shall do: samples of 8 or 16 bits in native order, colours instead of palette indices, alpha instead of tRNS. */
static void set_transformations(decoder *d)
{
    png_set_palette_to_rgb(d->png);
    png_set_expand_gray_1_2_4_to_8(d->png);
    png_set_tRNS_to_alpha(d->png);
    if (is_little_endian()) png_set_swap(d->png);
    png_set_interlace_handling(d->png);
}

static int orientation(const decoder *d)
{
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 length = 0;
    if (png_get_eXIf_1(d->png, d->info, &length, &exif) != 0) return nst_exif_orientation(exif, length);
#endif
    (void)d;
    return 1;
}

static int32_t read_profile(decoder *d)
{
    nst_icc_profile profile = {.bits = d->bits, .alpha = d->channels % 2 == 0};
    png_charp name;
    png_bytep bytes;
    png_uint_32 length;
    int compression;
    if (png_get_iCCP(d->png, d->info, &name, &compression, &bytes, &length) == 0) return NST_OK;
    profile.data = bytes;
    profile.length = length;
    profile.space = d->channels >= 3 ? NST_ICC_RGB : NST_ICC_GRAY;
    return nst_icc_new(d->state.ctx, &profile, &d->icc, d->state.error);
}

static int32_t read_texts(decoder *d)
{
    png_textp texts = NULL;
    int count = png_get_text(d->png, d->info, &texts, NULL);
    int32_t status = NST_OK;
    for (int i = 0; i < count && status >= 0; i++)
        if (texts[i].compression == PNG_TEXT_COMPRESSION_NONE && texts[i].text)
            status = nst_image_keep_text(d->image, texts[i].key, texts[i].text, d->state.error);
    return status;
}

/* Deflate shrinks at most 1032 to 1: a short file that promises many pixels is refused before memory is taken for them. */
static int32_t check_length(const decoder *d)
{
    size_t width = png_get_image_width(d->png, d->info), height = png_get_image_height(d->png, d->info);
    size_t bits = (size_t)png_get_bit_depth(d->png, d->info) * png_get_channels(d->png, d->info);
    if (d->length >= height * ((width * bits + 7) / 8) / 1032) return NST_OK;
    return nst_fail(d->state.error, NST_ERR_IMAGE_FORMAT, "damaged PNG: %zu bytes cannot hold %zu x %zu pixels", d->length,
                    width, height);
}

/* Makes the image and the rows, once the sides are known to be allowed. */
static int32_t prepare_rows(decoder *d, size_t width, size_t height)
{
    nst_memory *memory = &d->state.ctx->memory;
    bool interlaced = png_get_interlace_type(d->png, d->info) != PNG_INTERLACE_NONE, alpha = d->channels % 2 == 0;
    size_t size;
    int turn = orientation(d);
    bool exchanged = turn >= 5;
    int32_t status = nst_image_create(d->state.ctx, exchanged ? height : width, exchanged ? width : height, alpha, &d->image,
                                      d->state.error);
    if (status < 0) return status;
    nst_rows_init(&d->rows, d->image, turn);
    if (!nst_size_mul(png_get_rowbytes(d->png, d->info), interlaced ? height : 1, &size))
        return nst_fail(d->state.error, NST_ERR_LIMIT, "the PNG is too large");
    d->pixels = nst_alloc(memory, size);
    d->converted = nst_alloc_array(memory, width, 4 * sizeof *d->converted);
    return d->pixels && d->converted ? NST_OK : nst_fail_nomem(d->state.error, "the rows of a PNG file");
}

static int32_t read_header(decoder *d)
{
    uint32_t source_bits;
    int32_t status;
    png_read_info(d->png, d->info);
    status = nst_image_check_size(d->state.ctx, png_get_image_width(d->png, d->info), png_get_image_height(d->png, d->info),
                                  d->state.error);
    if (status >= 0) status = check_length(d);
    if (status < 0) return status;
    source_bits = png_get_color_type(d->png, d->info) == PNG_COLOR_TYPE_PALETTE ? 8 : png_get_bit_depth(d->png, d->info);
    set_transformations(d);
    png_read_update_info(d->png, d->info);
    d->channels = png_get_channels(d->png, d->info);
    d->bits = png_get_bit_depth(d->png, d->info);
    status = prepare_rows(d, png_get_image_width(d->png, d->info), png_get_image_height(d->png, d->info));
    if (status < 0) return status;
    d->image->source_bits = source_bits;
    status = read_profile(d);
    return status < 0 ? status : read_texts(d);
}

static void put_row(const decoder *d, size_t y, const unsigned char *row)
{
    if (d->icc) {
        nst_icc_convert(d->icc, row, d->converted, d->rows.width);
        nst_rows_put(&d->rows, y, NST_FORMAT_U16, d->channels % 2 == 0 ? 4 : 3, d->converted);
    } else {
        nst_rows_put(&d->rows, y, d->bits == 16 ? NST_FORMAT_U16 : NST_FORMAT_U8, d->channels, row);
    }
}

static void read_rows(decoder *d)
{
    size_t row_bytes = png_get_rowbytes(d->png, d->info), height = d->rows.height;
    bool interlaced = png_get_interlace_type(d->png, d->info) != PNG_INTERLACE_NONE;
    int passes = interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1;
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++) {
            unsigned char *row = d->pixels + (interlaced ? y * row_bytes : 0);
            png_read_row(d->png, row, NULL);
            if (pass == passes - 1) put_row(d, y, row);
        }
}

/* The function that libpng jumps back into: no locals but `d`. */
static void run_decoder(decoder *d)
{
    if (setjmp(png_jmpbuf(d->png)) != 0) return;
    configure(d);
    d->state.status = read_header(d);
    if (d->state.status < 0) return;
    read_rows(d);
    png_read_end(d->png, NULL);
}

static int32_t decode(nst_ctx *ctx, const void *data, size_t length, nst_image **out, nst_error *error)
{
    decoder *d = nst_alloc_zero(&ctx->memory, sizeof *d);
    int32_t status;
    if (!d) return nst_fail_nomem(error, "a PNG file");
    d->state.ctx = ctx;
    d->state.error = error;
    d->data = data;
    d->length = length;
    open_png(d);
    if (d->state.status >= 0) run_decoder(d);
    if (d->state.status >= 0 && d->state.out_of_memory) d->state.status = nst_fail_nomem(error, "a PNG file");
    status = d->state.status;
    if (status >= 0) {
        *out = d->image;
        d->image = NULL;
    }
    free_decoder(d);
    return status;
}

/* ---- writing ---- */

typedef struct encoder {
    codec_state state; /* first */
    png_structp png;
    png_infop info;
    const nst_image *image;
    const nst_save_params *params;
    const nst_writer *writer;
    png_text texts[NST_MAX_TEXTS];
    unsigned char *row;
} encoder;

static void free_encoder(encoder *e)
{
    nst_memory *memory = &e->state.ctx->memory;
    png_destroy_write_struct(&e->png, &e->info);
    nst_free(memory, e->row);
    nst_free(memory, e);
}

static void write_out(png_structp png, png_bytep data, size_t count)
{
    encoder *e = png_get_io_ptr(png);
    if (e->writer->write(e->writer->user, data, count) == 0) return;
    e->state.status = nst_fail(e->state.error, NST_ERR_IO, "the writer gave up while a PNG file was written");
    png_error(png, "writing failed");
}

static void flush_out(png_structp png)
{
    (void)png;
}

static void write_header(encoder *e)
{
    const nst_image *image = e->image;
    int count = e->params->strip ? 0 : image->text_count;
    png_set_IHDR(e->png, e->info, image->width, image->height, e->params->bits == 16 ? 16 : 8,
                 image->has_alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(e->png, e->info, PNG_sRGB_INTENT_PERCEPTUAL);
    for (int i = 0; i < count; i++)
        e->texts[i] = (png_text){.compression = PNG_TEXT_COMPRESSION_NONE, .key = image->texts[i][0], .text = image->texts[i][1],
                                 .text_length = strlen(image->texts[i][1])};
    if (count > 0) png_set_text(e->png, e->info, e->texts, count);
    png_write_info(e->png, e->info);
    if (e->params->bits == 16 && is_little_endian()) png_set_swap(e->png);
}

static void run_encoder(encoder *e)
{
    if (setjmp(png_jmpbuf(e->png)) != 0) return;
    png_set_write_fn(e->png, e, write_out, flush_out);
    png_set_user_limits(e->png, NST_MAX_SIDE, NST_MAX_SIDE);
    write_header(e);
    for (uint32_t y = 0; y < e->image->height; y++) {
        nst_rows_get(e->image, y, e->params->bits == 16 ? NST_FORMAT_U16 : NST_FORMAT_U8, e->image->has_alpha ? 4 : 3, e->row);
        png_write_row(e->png, e->row);
    }
    png_write_end(e->png, e->info);
}

static int32_t encode(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error)
{
    nst_ctx *ctx = image->ctx;
    encoder *e = nst_alloc_zero(&ctx->memory, sizeof *e);
    int32_t status;
    if (!e) return nst_fail_nomem(error, "a PNG file");
    e->state.ctx = ctx;
    e->state.error = error;
    e->image = image;
    e->params = params;
    e->writer = writer;
    e->row = nst_alloc_array(&ctx->memory, image->width, 4 * sizeof(uint16_t));
    e->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, e, on_error, on_warning, e, allocate, release);
    if (e->png) e->info = png_create_info_struct(e->png);
    if (e->row && e->info) run_encoder(e);
    status = e->state.status;
    if (status >= 0 && (!e->row || !e->info || e->state.out_of_memory)) status = nst_fail_nomem(error, "a PNG file");
    free_encoder(e);
    return status;
}

static const char *const endings[] = {".png", NULL};

const nst_codec nst_codec_png = {"PNG", NST_FILE_PNG, endings, recognise, decode, encode};
