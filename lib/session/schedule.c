#include "session/schedule.h"

#include <math.h>

#include "session/strength.h"

/* The coarsest scale's longer side is at most this, and more than half of it. */
static const size_t largest_coarse = 181;
/* And its shorter side at least this, which leaves relu5_1 two positions: a panorama begins at a larger scale. */
static const size_t least_coarse = 32;
/* A draft is painted at half its size where that is at least this. */
static const size_t least_draft = 256;
/* An octave's longer side is at least this: smaller ones show a network little more than its own borders. */
static const size_t least_octave = 64;
enum { MOST_SCALES = sizeof ((nst_schedule *)0)->scales / sizeof ((nst_schedule *)0)->scales[0] };

static size_t scaled(size_t side, double factor)
{
    double result = floor((double)side * factor + 0.5);
    return result < 1 ? 1 : (size_t)result;
}

static size_t scales_down_from(double longer, double shorter)
{
    size_t count = 1;
    while (longer >= (double)(largest_coarse + 1) && shorter >= 2.0 * (double)least_coarse && count < MOST_SCALES)
        longer /= 2, shorter /= 2, count++;
    return count;
}

/* From the coarsest scale on; coarse ones cost little, and give what finer ones then only refine (docs/quality.md). */
static uint32_t iterations_by_preset(nst_preset preset, size_t scale)
{
    static const uint32_t table[][4] = {
        [NST_PRESET_DRAFT] = {60, 25, 10, 10}, [NST_PRESET_DEFAULT] = {80, 50, 30, 20}, [NST_PRESET_QUALITY] = {150, 100, 100, 60}};
    return table[preset][scale < 3 ? scale : 3];
}

/* A preset's iterations at the coarsest scale are those without a search, which takes their place; a number that the user gave holds it. A
 * start picture of the user's own is not thrown away, nor are Adam's moments: there the weight is only corrected on the way. */
static void plan_search(const nst_settings *settings, nst_schedule *out)
{
    uint32_t given = out->scales[0].iterations;
    bool alone = out->count == 1;
    if (settings->init == NST_INIT_IMAGE || settings->optim.kind != NST_OPTIMIZER_LBFGS) return;
    out->search_share = settings->by_preset ? given : nst_strength_share(given, alone);
    if (settings->by_preset) out->scales[0].iterations = nst_strength_budget(given, alone);
}

static void share_iterations(const nst_settings *settings, nst_schedule *out)
{
    uint32_t count = (uint32_t)out->count, total = settings->iterations;
    for (uint32_t i = 0; i < count; i++)
        out->scales[i].iterations = settings->by_preset ? iterations_by_preset(settings->preset, i) : total / count + (i < total % count);
    if (!isnan(settings->strength)) plan_search(settings, out);
}

static size_t enlarging(const nst_settings *settings, size_t longer)
{
    if (settings->enlarge > 0) return settings->enlarge;
    return longer >= 2 * least_draft ? 2 : 1;
}

void nst_schedule_make(const nst_settings *settings, const nst_image *model_image, nst_schedule *out)
{
    size_t width = settings->width ? settings->width : model_image->width;
    size_t height = settings->height ? settings->height : model_image->height;
    size_t longer = width > height ? width : height, shorter = width > height ? height : width;
    double full = settings->size ? (double)settings->size / (double)longer : 1;
    *out = (nst_schedule){.width = scaled(width, full), .height = scaled(height, full)};
    full /= (double)enlarging(settings, out->width > out->height ? out->width : out->height);
    out->count = settings->scales ? settings->scales : scales_down_from(full * (double)longer, full * (double)shorter);
    for (size_t i = 0; i < out->count; i++) {
        double factor = full / (double)((size_t)1 << (out->count - 1 - i));
        out->scales[i].width = scaled(width, factor);
        out->scales[i].height = scaled(height, factor);
        out->scales[i].octaves = 1;
        out->scales[i].room = SIZE_MAX;
    }
    share_iterations(settings, out);
}

void nst_schedule_style_size(const nst_image *style, double scale, size_t width, size_t height, size_t *style_width,
                             size_t *style_height)
{
    double longer = scale * (double)(width > height ? width : height);
    double own = style->width > style->height ? style->width : style->height;
    *style_width = scaled(style->width, longer / own);
    *style_height = scaled(style->height, longer / own);
}

static bool holds(size_t width, size_t height, size_t halvings, int pools)
{
    return width >> halvings >> pools > 0 && height >> halvings >> pools > 0;
}

static bool octave_fits(size_t halvings, int pools, size_t width, size_t height, const nst_image *const *styles, size_t style_count,
                        double style_scale)
{
    size_t longer = width > height ? width : height;
    bool fits = longer >> halvings >= least_octave && holds(width, height, halvings, pools);
    for (size_t i = 0; i < style_count && fits; i++) {
        size_t style_width, style_height;
        nst_schedule_style_size(styles[i], style_scale, width, height, &style_width, &style_height);
        fits = holds(style_width, style_height, halvings, pools);
    }
    return fits;
}

size_t nst_schedule_octaves(size_t wanted, int pools, size_t width, size_t height, const nst_image *const *styles, size_t style_count,
                            double style_scale)
{
    size_t count = 1;
    while (count < wanted && octave_fits(count, pools, width, height, styles, style_count, style_scale)) count++;
    return count;
}
