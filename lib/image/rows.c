#include "image/rows.h"

#include <math.h>
#include <string.h>

size_t nst_sample_size(uint32_t format)
{
    return format == NST_FORMAT_U8 ? 1 : format == NST_FORMAT_U16 ? 2 : format == NST_FORMAT_F32 ? 4 : 0;
}

/* Orientations 5 to 8 exchange the axes; 2, 3, 7, 8 run backwards along the file's rows, 3, 4, 6, 7 along its columns. */
void nst_rows_init(nst_rows *rows, nst_image *image, int orientation)
{
    bool exchanged = orientation >= 5 && orientation <= 8;
    bool mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    *rows = (nst_rows){image, image->width, image->height, 0, 1, (ptrdiff_t)image->width};
    if (exchanged) *rows = (nst_rows){image, image->height, image->width, 0, (ptrdiff_t)image->width, 1};
    if (mirrored) {
        rows->origin += (ptrdiff_t)(rows->width - 1) * rows->step;
        rows->step = -rows->step;
    }
    if (flipped) {
        rows->origin += (ptrdiff_t)(rows->height - 1) * rows->pitch;
        rows->pitch = -rows->pitch;
    }
}

static inline float load(uint32_t format, const unsigned char *from)
{
    uint16_t word;
    float real;
    if (format == NST_FORMAT_U8) return (float)from[0] / 255.0f;
    if (format == NST_FORMAT_U16) {
        memcpy(&word, from, sizeof word);
        return (float)word / 65535.0f;
    }
    memcpy(&real, from, sizeof real);
    return (float)nst_clip_unit(real);
}

static inline void store(uint32_t format, unsigned char *to, float value)
{
    uint16_t word;
    value = (float)nst_clip_unit(value);
    if (format == NST_FORMAT_U8) {
        to[0] = (unsigned char)(value * 255.0f + 0.5f);
    } else if (format == NST_FORMAT_U16) {
        word = (uint16_t)(value * 65535.0f + 0.5f);
        memcpy(to, &word, sizeof word);
    } else {
        memcpy(to, &value, sizeof value);
    }
}

static void put_plane(const nst_rows *rows, size_t y, int plane, uint32_t format, uint32_t channels, const unsigned char *from)
{
    float *to = nst_image_plane(rows->image, plane) + rows->origin + (ptrdiff_t)y * rows->pitch;
    size_t stride = channels * nst_sample_size(format);
    ptrdiff_t step = rows->step;
    if (format == NST_FORMAT_U8)
        for (size_t x = 0; x < rows->width; x++) to[(ptrdiff_t)x * step] = load(NST_FORMAT_U8, from + x * stride);
    else if (format == NST_FORMAT_U16)
        for (size_t x = 0; x < rows->width; x++) to[(ptrdiff_t)x * step] = load(NST_FORMAT_U16, from + x * stride);
    else
        for (size_t x = 0; x < rows->width; x++) to[(ptrdiff_t)x * step] = load(NST_FORMAT_F32, from + x * stride);
}

static void fill_plane(const nst_rows *rows, size_t y, int plane, float value)
{
    float *to = nst_image_plane(rows->image, plane) + rows->origin + (ptrdiff_t)y * rows->pitch;
    for (size_t x = 0; x < rows->width; x++) to[(ptrdiff_t)x * rows->step] = value;
}

void nst_rows_put(const nst_rows *rows, size_t y, uint32_t format, uint32_t channels, const void *row)
{
    const unsigned char *from = row;
    size_t sample = nst_sample_size(format);
    for (int plane = 0; plane < 3; plane++)
        put_plane(rows, y, plane, format, channels, from + (channels >= 3 ? (size_t)plane : 0) * sample);
    if (!rows->image->has_alpha) return;
    if (channels % 2 == 0) put_plane(rows, y, 3, format, channels, from + (channels - 1) * sample);
    else fill_plane(rows, y, 3, 1.0f);
}

static void get_channel(const float *from, size_t width, uint32_t format, size_t stride, unsigned char *to)
{
    if (format == NST_FORMAT_U8)
        for (size_t x = 0; x < width; x++) store(NST_FORMAT_U8, to + x * stride, from[x]);
    else if (format == NST_FORMAT_U16)
        for (size_t x = 0; x < width; x++) store(NST_FORMAT_U16, to + x * stride, from[x]);
    else
        for (size_t x = 0; x < width; x++) store(NST_FORMAT_F32, to + x * stride, from[x]);
}

static void get_luma(const nst_image *image, size_t y, uint32_t format, size_t stride, unsigned char *to)
{
    const float *red = nst_image_plane_const(image, 0) + y * image->width;
    const float *green = nst_image_plane_const(image, 1) + y * image->width;
    const float *blue = nst_image_plane_const(image, 2) + y * image->width;
    for (size_t x = 0; x < image->width; x++) store(format, to + x * stride, (float)nst_luma(red[x], green[x], blue[x]));
}

void nst_rows_get(const nst_image *image, size_t y, uint32_t format, uint32_t channels, void *row)
{
    unsigned char *to = row;
    size_t sample = nst_sample_size(format), stride = channels * sample;
    int colours = channels >= 3 ? 3 : 0;
    for (int plane = 0; plane < colours; plane++)
        get_channel(nst_image_plane_const(image, plane) + y * image->width, image->width, format, stride,
                    to + (size_t)plane * sample);
    if (channels < 3) get_luma(image, y, format, stride, to);
    if (channels % 2 != 0) return;
    to += (channels - 1) * sample;
    if (image->has_alpha) get_channel(nst_image_plane_const(image, 3) + y * image->width, image->width, format, stride, to);
    else
        for (size_t x = 0; x < image->width; x++) store(format, to + x * stride, 1.0f);
}

bool nst_row_has_nan(const void *row, size_t samples)
{
    const unsigned char *from = row;
    bool found = false;
    for (size_t i = 0; i < samples; i++) {
        float value;
        memcpy(&value, from + i * sizeof value, sizeof value);
        found |= isnan(value);
    }
    return found;
}
