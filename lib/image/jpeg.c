/* JPEG through libjpeg: the only file that includes jpeglib.h. As in png.c, libjpeg's errors jump, and all that a call owns lies
 * in one struct on the heap. */
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE */
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* after jpeglib.h: the numbers of its messages depend on what that configures */

#include "image/exif.h"
#include "image/icc.h"
#include "image/rows.h"

enum { MAX_SCANS = 100, MAX_WARNINGS = 100, MAX_LOGGED = 8, BUFFER = 1 << 16, ICC_HEADER = 14 };

static bool recognise(const unsigned char *head, size_t length)
{
    return length >= 3 && head[0] == 0xff && head[1] == 0xd8 && head[2] == 0xff;
}

/* ---- errors ---- */

typedef struct jpeg_state {
    struct jpeg_error_mgr manager; /* first: libjpeg points at it */
    jmp_buf jump;
    nst_ctx *ctx;
    nst_error *error;
    int32_t status;
} jpeg_state;

static int32_t code_of(int message)
{
    switch (message) {
    case JERR_OUT_OF_MEMORY: return NST_ERR_NOMEM;
    case JERR_IMAGE_TOO_BIG: return NST_ERR_LIMIT;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
#if JPEG_LIB_VERSION < 70
    case JERR_ARITH_NOTIMPL:
#endif
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED: return NST_ERR_UNSUPPORTED;
    default: return NST_ERR_IMAGE_FORMAT;
    }
}

static void on_error(j_common_ptr info)
{
    jpeg_state *state = (jpeg_state *)(void *)info->err;
    char text[JMSG_LENGTH_MAX];
    if (state->status >= 0) {
        info->err->format_message(info, text);
        state->status = nst_fail(state->error, code_of(info->err->msg_code), "damaged JPEG: %s", text);
    }
    longjmp(state->jump, 1);
}

/* Warnings that mean pixels are lost or wrong. The rest (bytes between segments, odd version numbers) harms nothing. */
static bool is_damage(int message)
{
    switch (message) {
#if JPEG_LIB_VERSION >= 70 || defined(D_ARITH_CODING_SUPPORTED)
    case JWRN_ARITH_BAD_CODE:
#endif
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL: return true;
    default: return false;
    }
}

static void on_message(j_common_ptr info, int level)
{
    jpeg_state *state = (jpeg_state *)(void *)info->err;
    char text[JMSG_LENGTH_MAX];
    if (level >= 0) return; /* trace */
    if (is_damage(info->err->msg_code) || ++info->err->num_warnings > MAX_WARNINGS) on_error(info);
    info->err->format_message(info, text);
    if (info->err->num_warnings <= MAX_LOGGED) nst_log(state->ctx, NST_LOG_WARNING, "JPEG: %s", text);
}

static void drop_message(j_common_ptr info)
{
    (void)info;
}

static struct jpeg_error_mgr *init_errors(jpeg_state *state, nst_ctx *ctx, nst_error *error)
{
    state->ctx = ctx;
    state->error = error;
    jpeg_std_error(&state->manager);
    state->manager.error_exit = on_error;
    state->manager.emit_message = on_message;
    state->manager.output_message = drop_message;
    return &state->manager;
}

/* ---- reading ---- */

typedef struct decoder {
    jpeg_state state; /* first */
    struct jpeg_decompress_struct info;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    nst_image *image;
    nst_rows rows;
    nst_icc *icc;
    unsigned char *row, *profile;
    size_t profile_length;
    float *colours;      /* one row of RGB made from CMYK */
    uint16_t *converted; /* one row out of the colour profile */
} decoder;

static void free_decoder(decoder *d)
{
    nst_memory *memory = &d->state.ctx->memory;
    jpeg_destroy_decompress(&d->info); /* harmless on zeros */
    nst_icc_free(d->icc);
    nst_free(memory, d->row);
    nst_free(memory, d->profile);
    nst_free(memory, d->colours);
    nst_free(memory, d->converted);
    nst_image_unref(d->image);
    nst_free(memory, d);
}

static void no_source(j_decompress_ptr info)
{
    (void)info;
}

static boolean end_of_source(j_decompress_ptr info)
{
    ERREXIT(info, JERR_INPUT_EOF);
    return FALSE;
}

static void skip_source(j_decompress_ptr info, long count)
{
    if (count <= 0) return;
    if ((size_t)count > info->src->bytes_in_buffer) ERREXIT(info, JERR_INPUT_EOF);
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

/* Each scan of a progressive file costs a pass over all coefficients: a small file can ask for thousands. */
static void count_scans(j_common_ptr common)
{
    decoder *d = (decoder *)(void *)common->err;
    if (!common->is_decompressor || d->info.input_scan_number <= MAX_SCANS) return;
    d->state.status = nst_fail(d->state.error, NST_ERR_LIMIT, "the JPEG has more than %d scans", MAX_SCANS);
    longjmp(d->state.jump, 1);
}

static void open_jpeg(decoder *d, const void *data, size_t length)
{
    d->info.err = &d->state.manager;
    jpeg_create_decompress(&d->info);
    d->source = (struct jpeg_source_mgr){.next_input_byte = data, .bytes_in_buffer = length, .init_source = no_source,
                                         .fill_input_buffer = end_of_source, .skip_input_data = skip_source,
                                         .resync_to_restart = jpeg_resync_to_restart, .term_source = no_source};
    d->info.src = &d->source;
    d->progress.progress_monitor = count_scans;
    d->info.progress = &d->progress;
    jpeg_save_markers(&d->info, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&d->info, JPEG_APP0 + 2, 0xffff);
}

/* A Huffman-coded unit of blocks takes a bit at least: a short file that promises many pixels is refused before memory is taken
 * for them. */
static int32_t check_length(const decoder *d, size_t length)
{
    size_t across = (d->info.image_width - 1) / (8 * (size_t)d->info.max_h_samp_factor) + 1;
    size_t down = (d->info.image_height - 1) / (8 * (size_t)d->info.max_v_samp_factor) + 1;
    if (d->info.arith_code || length >= across * down / 8) return NST_OK;
    return nst_fail(d->state.error, NST_ERR_IMAGE_FORMAT, "damaged JPEG: %zu bytes cannot hold %u x %u pixels", length,
                    d->info.image_width, d->info.image_height);
}

static int32_t choose_colours(decoder *d)
{
    switch (d->info.jpeg_color_space) {
    case JCS_GRAYSCALE: d->info.out_color_space = JCS_GRAYSCALE; return NST_OK;
    case JCS_RGB:
    case JCS_YCbCr: d->info.out_color_space = JCS_RGB; return NST_OK;
    case JCS_CMYK:
    case JCS_YCCK: d->info.out_color_space = JCS_CMYK; return NST_OK;
    default:
        return nst_fail(d->state.error, NST_ERR_UNSUPPORTED, "the JPEG has %d components of an unknown colour space",
                        d->info.num_components);
    }
}

static int orientation(const decoder *d)
{
    for (jpeg_saved_marker_ptr marker = d->info.marker_list; marker; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
            return nst_exif_orientation(marker->data, marker->data_length);
    return 1;
}

static bool is_profile(jpeg_saved_marker_ptr marker)
{
    return marker->marker == JPEG_APP0 + 2 && marker->data_length >= ICC_HEADER && memcmp(marker->data, "ICC_PROFILE", 12) == 0;
}

/* A profile is cut into numbered parts, from 1. Any that is missing, doubled or of another total makes it damaged. */
static bool find_parts(const decoder *d, jpeg_saved_marker_ptr parts[256], int *count, size_t *length)
{
    *count = 0;
    *length = 0;
    for (jpeg_saved_marker_ptr marker = d->info.marker_list; marker; marker = marker->next) {
        int number, total;
        if (!is_profile(marker)) continue;
        number = marker->data[12];
        total = marker->data[13];
        if (*count == 0) *count = total;
        if (number == 0 || number > total || total != *count || parts[number]) return false;
        parts[number] = marker;
        *length += marker->data_length - ICC_HEADER;
    }
    for (int i = 1; i <= *count; i++)
        if (!parts[i]) return false;
    return true;
}

static int32_t read_profile(decoder *d)
{
    jpeg_saved_marker_ptr parts[256] = {NULL};
    nst_icc_profile profile = {.bits = 8, .inverted = d->info.saw_Adobe_marker != 0};
    int count;
    if (!find_parts(d, parts, &count, &d->profile_length)) {
        nst_log(d->state.ctx, NST_LOG_WARNING, "the embedded colour profile is damaged; sRGB is assumed");
        return NST_OK;
    }
    if (count == 0) return NST_OK;
    d->profile = nst_alloc(&d->state.ctx->memory, d->profile_length);
    if (!d->profile) return nst_fail_nomem(d->state.error, "a colour profile");
    for (size_t i = 1, at = 0; i <= (size_t)count; i++) {
        memcpy(d->profile + at, parts[i]->data + ICC_HEADER, parts[i]->data_length - ICC_HEADER);
        at += parts[i]->data_length - ICC_HEADER;
    }
    profile.data = d->profile;
    profile.length = d->profile_length;
    profile.space = d->info.out_color_space == JCS_GRAYSCALE ? NST_ICC_GRAY
                                                             : d->info.out_color_space == JCS_RGB ? NST_ICC_RGB : NST_ICC_CMYK;
    profile.inverted = profile.inverted && profile.space == NST_ICC_CMYK;
    return nst_icc_new(d->state.ctx, &profile, &d->icc, d->state.error);
}

static int32_t read_header(decoder *d, size_t length)
{
    nst_ctx *ctx = d->state.ctx;
    nst_error *error = d->state.error;
    size_t width, height;
    int turn;
    int32_t status;
    jpeg_read_header(&d->info, TRUE);
    width = d->info.image_width;
    height = d->info.image_height;
    status = nst_image_check_size(ctx, width, height, error);
    if (status >= 0) status = check_length(d, length);
    if (status >= 0) status = choose_colours(d);
    if (status < 0) return status;
    turn = orientation(d);
    status = nst_image_create(ctx, turn >= 5 ? height : width, turn >= 5 ? width : height, false, &d->image, error);
    if (status < 0) return status;
    d->image->source_bits = 8;
    nst_rows_init(&d->rows, d->image, turn);
    d->row = nst_alloc_array(&ctx->memory, width, 4);
    d->colours = nst_alloc_array(&ctx->memory, width, 3 * sizeof *d->colours);
    d->converted = nst_alloc_array(&ctx->memory, width, 3 * sizeof *d->converted);
    if (!d->row || !d->colours || !d->converted) return nst_fail_nomem(error, "the rows of a JPEG file");
    return read_profile(d);
}

/* Without a profile: light that neither the ink nor the black has taken. Adobe stores the light, others the ink. */
static void cmyk_to_rgb(const unsigned char *cmyk, bool inverted, float *rgb, size_t pixels)
{
    for (size_t x = 0; x < pixels; x++) {
        float black = (float)(inverted ? cmyk[4 * x + 3] : 255 - cmyk[4 * x + 3]) / 255.0f;
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = (float)(inverted ? cmyk[4 * x + c] : 255 - cmyk[4 * x + c]) / 255.0f * black;
    }
}

static void put_row(const decoder *d, size_t y)
{
    if (d->icc) {
        nst_icc_convert(d->icc, d->row, d->converted, d->rows.width);
        nst_rows_put(&d->rows, y, NST_FORMAT_U16, 3, d->converted);
    } else if (d->info.out_color_space == JCS_CMYK) {
        cmyk_to_rgb(d->row, d->info.saw_Adobe_marker != 0, d->colours, d->rows.width);
        nst_rows_put(&d->rows, y, NST_FORMAT_F32, 3, d->colours);
    } else {
        nst_rows_put(&d->rows, y, NST_FORMAT_U8, d->info.out_color_space == JCS_RGB ? 3 : 1, d->row);
    }
}

/* The function that libjpeg jumps back into: no locals but `d`. */
static void run_decoder(decoder *d, const void *data, size_t length)
{
    if (setjmp(d->state.jump) != 0) return;
    open_jpeg(d, data, length);
    d->state.status = read_header(d, length);
    if (d->state.status < 0) return;
    jpeg_start_decompress(&d->info);
    while (d->info.output_scanline < d->info.output_height) {
        jpeg_read_scanlines(&d->info, &d->row, 1);
        put_row(d, d->info.output_scanline - 1);
    }
    jpeg_finish_decompress(&d->info);
}

static int32_t decode(nst_ctx *ctx, const void *data, size_t length, nst_image **out, nst_error *error)
{
    decoder *d = nst_alloc_zero(&ctx->memory, sizeof *d);
    int32_t status;
    if (!d) return nst_fail_nomem(error, "a JPEG file");
    init_errors(&d->state, ctx, error);
    run_decoder(d, data, length);
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
    jpeg_state state; /* first */
    struct jpeg_compress_struct info;
    struct jpeg_destination_mgr destination;
    const nst_image *image;
    const nst_writer *writer;
    int quality;
    float *rgba; /* one row */
    unsigned char *row;
    unsigned char buffer[BUFFER];
} encoder;

static void free_encoder(encoder *e)
{
    nst_memory *memory = &e->state.ctx->memory;
    jpeg_destroy_compress(&e->info); /* harmless on zeros */
    nst_free(memory, e->rgba);
    nst_free(memory, e->row);
    nst_free(memory, e);
}

static void write_out(encoder *e, size_t count)
{
    if (count > 0 && e->writer->write(e->writer->user, e->buffer, count) != 0) {
        e->state.status = nst_fail(e->state.error, NST_ERR_IO, "the writer gave up while a JPEG file was written");
        longjmp(e->state.jump, 1);
    }
    e->destination.next_output_byte = e->buffer;
    e->destination.free_in_buffer = BUFFER;
}

static void begin_output(j_compress_ptr info)
{
    write_out((encoder *)(void *)info->err, 0);
}

static boolean full_output(j_compress_ptr info)
{
    write_out((encoder *)(void *)info->err, BUFFER);
    return TRUE;
}

static void end_output(j_compress_ptr info)
{
    encoder *e = (encoder *)(void *)info->err;
    write_out(e, BUFFER - e->destination.free_in_buffer);
}

static void set_parameters(encoder *e)
{
    e->info.image_width = e->image->width;
    e->info.image_height = e->image->height;
    e->info.input_components = 3;
    e->info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->info);
    jpeg_set_quality(&e->info, e->quality, TRUE);
    e->info.optimize_coding = TRUE;
    if (e->quality < 90) return;
    e->info.comp_info[0].h_samp_factor = e->info.comp_info[0].v_samp_factor = 1; /* colour at full resolution */
}

/* Alpha is laid over white. */
static void get_row(const encoder *e, size_t y)
{
    nst_rows_get(e->image, y, NST_FORMAT_F32, 4, e->rgba);
    for (size_t x = 0; x < e->image->width; x++)
        for (size_t c = 0; c < 3; c++) {
            float alpha = e->rgba[4 * x + 3];
            e->row[3 * x + c] = (unsigned char)((e->rgba[4 * x + c] * alpha + (1 - alpha)) * 255.0f + 0.5f);
        }
}

static void run_encoder(encoder *e)
{
    if (setjmp(e->state.jump) != 0) return;
    e->info.err = &e->state.manager;
    jpeg_create_compress(&e->info);
    e->destination = (struct jpeg_destination_mgr){.init_destination = begin_output, .empty_output_buffer = full_output,
                                                   .term_destination = end_output};
    e->info.dest = &e->destination;
    set_parameters(e);
    jpeg_start_compress(&e->info, TRUE);
    while (e->info.next_scanline < e->info.image_height) {
        get_row(e, e->info.next_scanline);
        jpeg_write_scanlines(&e->info, &e->row, 1);
    }
    jpeg_finish_compress(&e->info);
}

static int32_t encode(const nst_image *image, const nst_save_params *params, const nst_writer *writer, nst_error *error)
{
    nst_ctx *ctx = image->ctx;
    encoder *e = nst_alloc_zero(&ctx->memory, sizeof *e);
    int32_t status;
    if (!e) return nst_fail_nomem(error, "a JPEG file");
    init_errors(&e->state, ctx, error);
    e->image = image;
    e->writer = writer;
    e->quality = params->quality ? params->quality : 95;
    e->rgba = nst_alloc_array(&ctx->memory, image->width, 4 * sizeof *e->rgba);
    e->row = nst_alloc_array(&ctx->memory, image->width, 3);
    if (e->rgba && e->row) run_encoder(e);
    else e->state.status = nst_fail_nomem(error, "a JPEG file");
    status = e->state.status;
    free_encoder(e);
    return status;
}

static const char *const endings[] = {".jpg", ".jpeg", NULL};

const nst_codec nst_codec_jpeg = {"JPEG", NST_FILE_JPEG, endings, recognise, decode, encode};
