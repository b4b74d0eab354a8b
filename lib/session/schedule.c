#include "session/schedule.h"

#include <math.h>

static size_t scaled(size_t side, double factor)
{
    double result = floor((double)side * factor + 0.5);
    return result < 1 ? 1 : (size_t)result;
}

int32_t nst_schedule_make(const nst_settings *settings, const nst_image *model_image, nst_schedule *out, nst_error *error)
{
    size_t width = model_image->width, height = model_image->height, longer = width > height ? width : height;
    double full = settings->size ? (double)settings->size / (double)longer : 1;
    out->count = settings->scales;
    for (size_t i = 0; i < out->count; i++) {
        double factor = full / (double)((size_t)1 << (out->count - 1 - i));
        out->scales[i].width = scaled(width, factor);
        out->scales[i].height = scaled(height, factor);
    }
    if (out->scales[out->count - 1].width > NST_MAX_SIDE || out->scales[out->count - 1].height > NST_MAX_SIDE)
        return nst_fail(error, NST_ERR_LIMIT, "a side of the output would be longer than %d pixels", NST_MAX_SIDE);
    return NST_OK;
}

uint32_t nst_schedule_iterations(const nst_schedule *schedule, uint32_t total, size_t scale)
{
    uint32_t count = (uint32_t)schedule->count;
    return total / count + (scale < total % count);
}
