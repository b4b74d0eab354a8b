/* PNG and JPEG: what is written comes back, and no file, however broken or hostile, does more than fail. */
#include <stdio.h>

#include <jpeglib.h>
#include <zlib.h>

#include "../support/failing_allocator.h"
#include "image_support.h"

enum { MEGABYTE = 1 << 20 };

/* A context whose memory is counted. */
typedef struct counted {
    failing_allocator memory;
    nst_ctx *ctx;
} counted;

static int counted_setup(void **state)
{
    static counted c;
    nst_allocator hooks;
    nst_ctx_config config;
    memset(&c, 0, sizeof c);
    hooks = failing_allocator_hooks(&c.memory);
    NST_INIT(config);
    config.allocator = &hooks;
    config.threads = 1;
    *state = &c;
    return nst_ctx_new(&config, &c.ctx) < 0 ? -1 : 0;
}

static int counted_teardown(void **state)
{
    counted *c = *state;
    nst_ctx_unref(c->ctx);
    return c->memory.live == 0 ? 0 : -1;
}

static int32_t load(counted *c, const void *data, size_t length, nst_image **out)
{
    c->memory.peak = c->memory.bytes;
    *out = NULL;
    return nst_image_load_memory(c->ctx, data, length, out);
}

/* ---- files made here ---- */

static memory_file file; /* the file under test */

static void put(const void *data, size_t length)
{
    assert_int_equal(memory_write(&file, data, length), 0);
}

static void put_u32(uint32_t value)
{
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                              (unsigned char)value};
    put(bytes, 4);
}

static void put_chunk(const char *kind, const void *data, size_t length)
{
    uLong sum = crc32(crc32(0, (const Bytef *)kind, 4), data, (uInt)length);
    put_u32((uint32_t)length);
    put(kind, 4);
    if (length) put(data, length);
    put_u32((uint32_t)(length ? sum : crc32(0, (const Bytef *)kind, 4)));
}

static void begin_png(uint32_t width, uint32_t height, int depth, int colour)
{
    unsigned char header[13] = {0};
    for (int i = 0; i < 4; i++) header[i] = (unsigned char)(width >> (24 - 8 * i));
    for (int i = 0; i < 4; i++) header[4 + i] = (unsigned char)(height >> (24 - 8 * i));
    header[8] = (unsigned char)depth;
    header[9] = (unsigned char)colour;
    file.length = 0;
    put("\x89PNG\r\n\x1a\n", 8);
    put_chunk("IHDR", header, sizeof header);
}

static void end_png(const void *scanlines, size_t length)
{
    static unsigned char packed[4096];
    uLongf size = sizeof packed;
    assert_int_equal(compress(packed, &size, scanlines, (uLong)length), Z_OK);
    put_chunk("IDAT", packed, size);
    put_chunk("IEND", "", 0);
}

/* 3 x 2 pixels of gray: 10 20 30 / 40 50 60. */
static const unsigned char six[] = {0, 10, 20, 30, 0, 40, 50, 60};

static void assert_grays(const nst_image *image, uint32_t width, uint32_t height, const unsigned char *expected)
{
    unsigned char gray[6];
    nst_image_desc desc = make_desc(NST_FORMAT_U8, width, height, 1);
    assert_int_equal(nst_image_read(image, &desc, gray, sizeof gray), NST_OK);
    assert_memory_equal(gray, expected, sizeof gray);
}

/* ---- round trips ---- */

static void png_round_trips(void **state)
{
    counted *c = *state;
    for (uint32_t channels = 3; channels <= 4; channels++)
        for (uint32_t format = NST_FORMAT_U8; format <= NST_FORMAT_U16; format++) {
            uint32_t width = 37, height = 11;
            nst_image_desc desc = make_desc(format, width, height, channels), seen;
            static unsigned char pixels[37 * 11 * 8];
            nst_image *image, *back;
            fill_random(pixels, sizeof pixels, 10 * channels + format);
            assert_int_equal(nst_image_new(c->ctx, &desc, pixels, &image), NST_OK);
            assert_int_equal(encode_image(image, NST_FILE_PNG, format == NST_FORMAT_U8 ? 0 : 16, &file), NST_OK);
            assert_int_equal(load(c, file.data, file.length, &back), NST_OK);
            assert_same_pixels(image, back);
            NST_INIT(seen);
            assert_int_equal(nst_image_get_desc(back, &seen), NST_OK);
            assert_int_equal(seen.channels, channels);
            assert_int_equal(seen.source_bits, format == NST_FORMAT_U8 ? 8 : 16);
            nst_image_unref(image);
            nst_image_unref(back);
        }
}

static void png_says_it_is_srgb(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 1, 1, 3, 1);
    bool found = false;
    assert_int_equal(encode_image(image, NST_FILE_AUTO, 0, &file), NST_OK);
    for (size_t i = 0; i + 4 < file.length; i++) found = found || memcmp(file.data + i, "sRGB", 4) == 0;
    assert_true(found);
    nst_image_unref(image);
}

/* A smooth picture survives JPEG within a few levels; full transparency turns white; the quality changes the size. */
static void jpeg_round_trips(void **state)
{
    enum { W = 45, H = 29 };
    static unsigned char pixels[W * H * 4], back[W * H * 3];
    counted *c = *state;
    nst_image_desc desc = make_desc(NST_FORMAT_U8, W, H, 4), rgb = make_desc(NST_FORMAT_U8, W, H, 3);
    nst_save_params params;
    nst_writer writer = {sizeof writer, 0, memory_write, &file};
    nst_image *image, *decoded;
    size_t good;
    for (size_t i = 0; i < W * H; i++) {
        pixels[4 * i] = (unsigned char)(i % W * 5);
        pixels[4 * i + 1] = (unsigned char)(i / W * 8);
        pixels[4 * i + 2] = 100;
        pixels[4 * i + 3] = i / W < 16 ? 255 : 0;
    }
    assert_int_equal(nst_image_new(c->ctx, &desc, pixels, &image), NST_OK);
    assert_int_equal(encode_image(image, NST_FILE_JPEG, 0, &file), NST_OK);
    good = file.length;
    assert_int_equal(load(c, file.data, file.length, &decoded), NST_OK);
    assert_int_equal(nst_image_read(decoded, &rgb, back, sizeof back), NST_OK);
    for (size_t i = 0; i < W * H; i++)
        for (size_t k = 0; k < 3; k++) {
            int expected = i / W < 16 ? pixels[4 * i + k] : 255;
            assert_in_range(abs(expected - back[3 * i + k]), 0, 5);
        }
    nst_image_unref(decoded);
    NST_INIT(params);
    params.type = NST_FILE_JPEG;
    params.quality = 20;
    file.length = 0;
    assert_int_equal(nst_image_save_writer(image, &writer, &params), NST_OK);
    assert_true(file.length < good);
    assert_int_equal(load(c, file.data, file.length, &decoded), NST_OK);
    nst_image_unref(decoded);
    nst_image_unref(image);
}

/* ---- PNG content ---- */

static void gray_palette_and_transparency(void **state)
{
    counted *c = *state;
    nst_image *image;
    nst_image_desc desc = make_desc(NST_FORMAT_U8, 3, 2, 4), seen;
    unsigned char rgba[24];
    static const unsigned char grays[] = {10, 20, 30, 40, 50, 60};
    static const unsigned char palette[] = {1, 2, 3, 40, 50, 60, 70, 80, 90}, alpha[] = {255, 7};
    static const unsigned char indices[] = {0, 0x18, 0, 0x84}; /* 0 1 2 / 2 0 1 */
    static const unsigned char expected[] = {1,  2,  3,  255, 40, 50, 60, 7,   70, 80, 90, 255,
                                             70, 80, 90, 255, 1,  2,  3,  255, 40, 50, 60, 7};
    begin_png(3, 2, 8, 0);
    end_png(six, sizeof six);
    assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
    assert_grays(image, 3, 2, grays);
    nst_image_unref(image);
    begin_png(3, 2, 2, 3);
    put_chunk("PLTE", palette, sizeof palette);
    put_chunk("tRNS", alpha, sizeof alpha);
    end_png(indices, sizeof indices);
    assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
    assert_int_equal(nst_image_read(image, &desc, rgba, sizeof rgba), NST_OK);
    assert_memory_equal(rgba, expected, sizeof rgba);
    NST_INIT(seen);
    assert_int_equal(nst_image_get_desc(image, &seen), NST_OK);
    assert_int_equal(seen.source_bits, 8);
    nst_image_unref(image);
}

static void exif_payload(unsigned char out[26], int orientation, bool big_endian)
{
    static const unsigned char little[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    memcpy(out, big_endian ? big : little, 26);
    out[big_endian ? 19 : 18] = (unsigned char)orientation;
}

/* The eight orientations by the definition of EXIF: which corner the first row and the first column lie at. */
static void orientations(void **state)
{
    counted *c = *state;
    static const unsigned char expected[9][6] = {
        {10, 20, 30, 40, 50, 60}, /* 0: not an orientation, ignored */
        {10, 20, 30, 40, 50, 60}, {30, 20, 10, 60, 50, 40}, {60, 50, 40, 30, 20, 10}, {40, 50, 60, 10, 20, 30},
        {10, 40, 20, 50, 30, 60}, {40, 10, 50, 20, 60, 30}, {60, 30, 50, 20, 40, 10}, {30, 60, 20, 50, 10, 40}};
    for (int turn = 0; turn <= 8; turn++)
        for (int big = 0; big < 2; big++) {
            unsigned char exif[26];
            nst_image *image;
            exif_payload(exif, turn, big);
            begin_png(3, 2, 8, 0);
            put_chunk("eXIf", exif, sizeof exif);
            end_png(six, sizeof six);
            assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
            assert_grays(image, turn >= 5 ? 2 : 3, turn >= 5 ? 3 : 2, expected[turn]);
            nst_image_unref(image);
        }
}

/* Every byte of a small EXIF block set to every value that hurts, and every length: the picture is there all the same. */
static void hostile_exif(void **state)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    counted *c = *state;
    for (size_t at = 4; at < 26; at++)
        for (size_t v = 0; v < 2 * sizeof values; v++) {
            unsigned char exif[26];
            nst_image *image;
            exif_payload(exif, 6, v % 2);
            exif[at] = values[v / 2];
            begin_png(3, 2, 8, 0);
            put_chunk("eXIf", exif, v == 0 ? at : sizeof exif);
            end_png(six, sizeof six);
            assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
            nst_image_unref(image);
        }
}

static void foreign_texts(void **state)
{
    counted *c = *state;
    nst_image *image;
    unsigned char bomb[4096];
    uLongf size = sizeof bomb - 9;
    static unsigned char zeros[MEGABYTE];
    char text[16];
    memcpy(bomb, "Comment\0", 9);
    assert_int_equal(compress(bomb + 9, &size, zeros, sizeof zeros), Z_OK);
    begin_png(3, 2, 8, 0);
    put_chunk("zTXt", bomb, 9 + size);
    put_chunk("tEXt", "Author\0caf\xe9\x1b[0m", 15);
    put_chunk("tEXt", "Author\0second", 13);
    put_chunk("tEXt", "no separator", 12);
    for (int i = 0; i < 1000; i++) put_chunk("tEXt", text, (size_t)snprintf(text, sizeof text, "k%d", i) + 1);
    end_png(six, sizeof six);
    assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
    assert_string_equal(nst_image_get_text(image, "Author"), "caf\xc3\xa9 [0m");
    assert_null(nst_image_get_text(image, "Comment"));
    assert_non_null(nst_image_get_text(image, "k0"));
    assert_null(nst_image_get_text(image, "k900"));
    assert_true(c->memory.peak < MEGABYTE);
    nst_image_unref(image);
}

static void profiles_that_are_none(void **state)
{
    counted *c = *state;
    nst_image *image;
    static const unsigned char grays[] = {10, 20, 30, 40, 50, 60};
    unsigned char profile[600] = "icc\0", packed[400] = {0, 0, 1, 0x90};
    uLongf size = sizeof profile - 5;
    memcpy(packed + 36, "acsp", 4);
    assert_int_equal(compress(profile + 5, &size, packed, sizeof packed), Z_OK);
    begin_png(3, 2, 8, 0);
    put_chunk("iCCP", profile, 5 + size);
    end_png(six, sizeof six);
    assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
    assert_grays(image, 3, 2, grays);
    nst_image_unref(image);
}

/* ---- hostile files ---- */

/* Compressed data that is changed, short or too long; the checksum of the chunk is right each time. */
static void damaged_png_data(void **state)
{
    counted *c = *state;
    unsigned char packed[64], longer[sizeof six + 20] = {0};
    nst_image *image;
    static const uLong lengths[] = {sizeof six, sizeof six, sizeof six - 1, sizeof longer};
    for (int damage = 0; damage < 4; damage++) {
        uLongf size = sizeof packed;
        memcpy(longer, six, sizeof six);
        assert_int_equal(compress(packed, &size, longer, lengths[damage]), Z_OK);
        if (damage == 1) packed[size - 1] ^= 1; /* zlib's own checksum */
        begin_png(3, 2, 8, 0);
        put_chunk("IDAT", packed, size);
        put_chunk("IEND", "", 0);
        assert_int_equal(load(c, file.data, file.length, &image), damage == 1 || damage == 2 ? NST_ERR_IMAGE_FORMAT : NST_OK);
        nst_image_unref(image);
    }
}

static unsigned char *small_jpeg(bool arithmetic, unsigned long *length)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL, row[16 * 3];
    JSAMPROW rows[1] = {row};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    *length = 0;
    jpeg_mem_dest(&info, &data, length);
    info.image_width = info.image_height = 16;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    info.arith_code = arithmetic;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < 16) {
        fill_random(row, sizeof row, info.next_scanline / 4);
        jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return data;
}

/* Another coding of the same coefficients. */
static void arithmetic_jpeg(void **state)
{
#ifdef C_ARITH_CODING_SUPPORTED
    counted *c = *state;
    nst_image *images[2];
    for (int arithmetic = 0; arithmetic < 2; arithmetic++) {
        unsigned long length;
        unsigned char *data = small_jpeg(arithmetic, &length);
        assert_int_equal(load(c, data, length, &images[arithmetic]), NST_OK);
        free(data);
    }
    assert_same_pixels(images[0], images[1]);
    nst_image_unref(images[0]);
    nst_image_unref(images[1]);
#else
    (void)state;
    skip();
#endif
}

static void sides_are_checked_first(void **state)
{
    counted *c = *state;
    static const struct {
        uint32_t width, height;
        int32_t expected;
    } cases[] = {{65535, 65535, NST_ERR_LIMIT},      {65536, 1, NST_ERR_LIMIT},       {0x7fffffff, 0x7fffffff, NST_ERR_LIMIT},
                 {0, 1, NST_ERR_IMAGE_FORMAT},       {1, 0, NST_ERR_IMAGE_FORMAT},    {0x80000000u, 1, NST_ERR_IMAGE_FORMAT},
                 {0xffffffffu, 1, NST_ERR_IMAGE_FORMAT}, {9999, 9999, NST_ERR_IMAGE_FORMAT}, {10001, 10000, NST_ERR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_image *image;
        begin_png(cases[i].width, cases[i].height, 8, 6);
        end_png(six, sizeof six);
        assert_int_equal(load(c, file.data, file.length, &image), cases[i].expected);
        assert_null(image);
        assert_true(c->memory.peak < MEGABYTE);
    }
}

static void jpeg_sides_are_checked_first(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 8, 8, 3, 1);
    static const struct {
        unsigned width, height;
        int32_t expected;
    } cases[] = {{65535, 65535, NST_ERR_LIMIT}, {65500, 65500, NST_ERR_LIMIT}, {0, 8, NST_ERR_IMAGE_FORMAT},
                 {8, 0, NST_ERR_IMAGE_FORMAT},  {9999, 9999, NST_ERR_IMAGE_FORMAT}};
    size_t at = 0;
    assert_int_equal(encode_image(image, NST_FILE_JPEG, 0, &file), NST_OK);
    nst_image_unref(image);
    while (file.data[at] != 0xff || file.data[at + 1] != 0xc0) at++;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        file.data[at + 5] = (unsigned char)(cases[i].height >> 8);
        file.data[at + 6] = (unsigned char)cases[i].height;
        file.data[at + 7] = (unsigned char)(cases[i].width >> 8);
        file.data[at + 8] = (unsigned char)cases[i].width;
        assert_int_equal(load(c, file.data, file.length, &image), cases[i].expected);
        assert_null(image);
        assert_true(c->memory.peak < MEGABYTE);
    }
}

/* As an image of a real size that was written whole, cut off anywhere, and with bytes after its end. */
static void cut_off_at_every_byte(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 9, 7, 4, 3), *back;
    for (int32_t type = NST_FILE_PNG; type <= NST_FILE_JPEG; type++) {
        assert_int_equal(encode_image(image, type, 0, &file), NST_OK);
        for (size_t length = 0; length < file.length; length++) {
            void *exact = malloc(length + 1);
            assert_non_null(exact);
            memcpy(exact, file.data, length);
            assert_int_equal(load(c, exact, length, &back), NST_ERR_IMAGE_FORMAT);
            assert_null(back);
            free(exact);
        }
        put("trailing bytes", 14);
        assert_int_equal(load(c, file.data, file.length, &back), NST_OK);
        nst_image_unref(back);
    }
    nst_image_unref(image);
}

static void every_byte_changed(void **state)
{
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 9, 7, 3, 3), *back;
    int refused = 0;
    for (int32_t type = NST_FILE_PNG; type <= NST_FILE_JPEG; type++) {
        assert_int_equal(encode_image(image, type, 0, &file), NST_OK);
        for (size_t at = 0; at < file.length; at++)
            for (size_t v = 0; v < sizeof values; v++) {
                unsigned char was = file.data[at];
                file.data[at] = values[v];
                refused += load(c, file.data, file.length, &back) < 0;
                assert_true(c->memory.peak < 64 * MEGABYTE);
                nst_image_unref(back);
                file.data[at] = was;
            }
    }
    assert_true(refused > 100);
    nst_image_unref(image);
}

/* A progressive file with one scan for each coefficient of each component: 1 + 3 * 63, all valid. */
static void too_many_scans(void **state)
{
    counted *c = *state;
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    static jpeg_scan_info scans[1 + 3 * 63];
    unsigned char *data = NULL, row[24];
    JSAMPROW rows[1] = {row};
    unsigned long length = 0;
    nst_image *image;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &data, &length);
    info.image_width = info.image_height = 8;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    scans[0] = (jpeg_scan_info){3, {0, 1, 2, 0}, 0, 0, 0, 0};
    for (int i = 0; i < 3 * 63; i++) scans[1 + i] = (jpeg_scan_info){1, {i % 3, 0, 0, 0}, 1 + i / 3, 1 + i / 3, 0, 0};
    info.scan_info = scans;
    for (int pass = 0; pass < 2; pass++) {
        info.num_scans = pass == 0 ? 100 : 1 + 3 * 63;
        jpeg_start_compress(&info, TRUE);
        fill_random(row, sizeof row, 1);
        while (info.next_scanline < 8) jpeg_write_scanlines(&info, rows, 1);
        jpeg_finish_compress(&info);
        assert_int_equal(load(c, data, length, &image), pass == 0 ? NST_OK : NST_ERR_LIMIT);
        nst_image_unref(image);
        free(data);
        data = NULL;
        jpeg_mem_dest(&info, &data, &length);
    }
    jpeg_destroy_compress(&info);
    free(data);
}

static void unsupported_jpegs(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 8, 8, 3, 1);
    size_t at = 0;
    assert_int_equal(encode_image(image, NST_FILE_JPEG, 0, &file), NST_OK);
    nst_image_unref(image);
    while (file.data[at] != 0xff || file.data[at + 1] != 0xc0) at++;
    file.data[at + 4] = 12; /* bits per sample */
    assert_int_equal(load(c, file.data, file.length, &image), NST_ERR_UNSUPPORTED);
    file.data[at + 4] = 8;
    file.data[at + 1] = 0xc3; /* lossless */
    assert_int_equal(load(c, file.data, file.length, &image), NST_ERR_UNSUPPORTED);
    file.data[at + 1] = 0xc0;
    assert_int_equal(load(c, file.data, file.length, &image), NST_OK);
    nst_image_unref(image);
}

/* Two components: no colour space has them. Written by libjpeg as JCS_UNKNOWN. */
static void two_components(void **state)
{
    counted *c = *state;
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL, row[16] = {0};
    JSAMPROW rows[1] = {row};
    unsigned long length = 0;
    nst_image *image;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &data, &length);
    info.image_width = info.image_height = 8;
    info.input_components = 2;
    info.in_color_space = JCS_UNKNOWN;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < 8) jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    assert_int_equal(load(c, data, length, &image), NST_ERR_UNSUPPORTED);
    assert_null(image);
    free(data);
}

static void others_are_named(void **state)
{
    counted *c = *state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *name;
    } cases[] = {{"RIFF\0\0\0\0WEBPVP8 ", 16, "WebP"}, {"GIF89a", 6, "GIF"}, {"II*\0abcd", 8, "TIFF"}, {"MM\0*", 4, "TIFF"},
                 {"BM123456", 8, "BMP"}, {"\0\0\0\x18""ftypheic", 12, "HEIC"}, {"%PDF-1.4", 8, "PDF"},
                 {"<!DOCTYPE html>", 15, "HTML"},
                 {"version https://git-lfs", 23, "git-lfs"}, {"random text", 11, "neither PNG nor JPEG"}, {"", 0, "empty"},
                 {"x", 1, "neither"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nst_image *image;
        assert_int_equal(load(c, cases[i].bytes, cases[i].length, &image), NST_ERR_IMAGE_FORMAT);
        assert_non_null(strstr(nst_ctx_error(c->ctx), cases[i].name));
    }
}

/* ---- readers and writers ---- */

typedef struct source {
    const unsigned char *data;
    size_t length, at, step, fail_at; /* at most `step` bytes a call; negative from fail_at on */
    bool lies;                        /* says it stored more than it was asked for */
} source;

static int64_t read_source(void *user, void *buffer, uint64_t count)
{
    source *s = user;
    size_t left = s->length - s->at;
    if (s->fail_at && s->at >= s->fail_at) return -1;
    if (s->lies) return (int64_t)count + 1;
    if (count > left) count = left;
    if (count > s->step) count = s->step;
    memcpy(buffer, s->data + s->at, (size_t)count);
    s->at += (size_t)count;
    return (int64_t)count;
}

static void readers(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 20, 20, 3, 3), *back;
    assert_int_equal(encode_image(image, NST_FILE_PNG, 0, &file), NST_OK);
    for (size_t step = 1; step < 200; step += 33) {
        source s = {file.data, file.length, 0, step, 0, false};
        nst_reader reader = {sizeof reader, 0, read_source, &s};
        assert_int_equal(nst_image_load_reader(c->ctx, &reader, &back), NST_OK);
        assert_same_pixels(image, back);
        nst_image_unref(back);
        s.at = 0;
        s.fail_at = 1 + step;
        assert_int_equal(nst_image_load_reader(c->ctx, &reader, &back), NST_ERR_IO);
        assert_null(back);
        s.at = 0;
        s.fail_at = 0;
        s.lies = true;
        assert_int_equal(nst_image_load_reader(c->ctx, &reader, &back), NST_ERR_IO);
    }
    nst_image_unref(image);
}

static int64_t endless(void *user, void *buffer, uint64_t count)
{
    memset(buffer, 'x', (size_t)count);
    *(uint64_t *)user += count;
    return (int64_t)count;
}

/* What is no picture is not read to its end, which may never come. */
static void endless_reader(void **state)
{
    counted *c = *state;
    uint64_t taken = 0;
    nst_reader reader = {sizeof reader, 0, endless, &taken};
    nst_image *image;
    assert_int_equal(nst_image_load_reader(c->ctx, &reader, &image), NST_ERR_IMAGE_FORMAT);
    assert_true(taken <= 64);
}

static void writers_that_fail(void **state)
{
    counted *c = *state;
    nst_image *image = noise_image(c->ctx, 40, 40, 3, 3);
    for (int32_t type = NST_FILE_PNG; type <= NST_FILE_JPEG; type++) {
        size_t whole;
        file.fail_after = 0;
        assert_int_equal(encode_image(image, type, 0, &file), NST_OK);
        whole = file.length;
        for (file.fail_after = 1; file.fail_after < whole; file.fail_after += 1 + whole / 50)
            assert_int_equal(encode_image(image, type, 0, &file), NST_ERR_IO);
        file.fail_after = 0;
    }
    nst_image_unref(image);
}

#define COUNTED(test) cmocka_unit_test_setup_teardown(test, counted_setup, counted_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COUNTED(png_round_trips),
        COUNTED(png_says_it_is_srgb),
        COUNTED(jpeg_round_trips),
        COUNTED(gray_palette_and_transparency),
        COUNTED(orientations),
        COUNTED(hostile_exif),
        COUNTED(foreign_texts),
        COUNTED(profiles_that_are_none),
        COUNTED(damaged_png_data),
        COUNTED(arithmetic_jpeg),
        COUNTED(sides_are_checked_first),
        COUNTED(jpeg_sides_are_checked_first),
        COUNTED(cut_off_at_every_byte),
        COUNTED(every_byte_changed),
        COUNTED(too_many_scans),
        COUNTED(unsupported_jpegs),
        COUNTED(two_components),
        COUNTED(others_are_named),
        COUNTED(readers),
        COUNTED(endless_reader),
        COUNTED(writers_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
