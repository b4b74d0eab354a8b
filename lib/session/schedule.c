#include "session/schedule.h"

#include <math.h>

static size_t scaled(size_t side, double factor)
{
    double result = floor((double)side * factor + 0.5);
    return result < 1 ? 1 : (size_t)result;
}

void nst_schedule_make(const nst_settings *settings, const nst_image *model_image, nst_schedule *out)
{
    size_t width = model_image->width, height = model_image->height, longer = width > height ? width : height;
    double full = settings->size ? (double)settings->size / (double)longer : 1;
    out->count = settings->scales;
    for (size_t i = 0; i < out->count; i++) {
        double factor = full / (double)((size_t)1 << (out->count - 1 - i));
        out->scales[i].width = scaled(width, factor);
        out->scales[i].height = scaled(height, factor);
        out->scales[i].room = SIZE_MAX;
    }
}

void nst_schedule_style_size(const nst_image *style, double scale, size_t width, size_t height, size_t *style_width,
                             size_t *style_height)
{
    double longer = scale * (double)(width > height ? width : height);
    double own = style->width > style->height ? style->width : style->height;
    *style_width = scaled(style->width, longer / own);
    *style_height = scaled(style->height, longer / own);
}

uint32_t nst_schedule_iterations(const nst_schedule *schedule, uint32_t total, size_t scale)
{
    uint32_t count = (uint32_t)schedule->count;
    return total / count + (scale < total % count);
}
