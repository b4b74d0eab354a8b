#include "measure/octaves.h"

#include <math.h>

#include "measure/distances.h"
#include "session/picture.h"
#include "session/schedule.h"

/* ---- halves ---- */

int32_t nst_octave_halve(const nst_image *image, nst_image **out, nst_error *error)
{
    nst_ctx *ctx = image->ctx;
    nst_extent extent = {image->width, image->height};
    nst_real *picture = nst_alloc(&ctx->memory, nst_picture_bytes(extent.width, extent.height));
    int32_t status = picture ? NST_OK : nst_fail_nomem(error, "a picture at half its size");
    if (status >= 0) status = nst_picture_from_image(image, extent.width, extent.height, picture, error);
    if (status >= 0) {
        nst_picture_halve(picture, extent.width, extent.height, picture);
        status = nst_picture_to_image(ctx, picture, extent.width / 2, extent.height / 2, NULL, out, error);
    }
    nst_free(&ctx->memory, picture);
    return status;
}

/* ---- one octave ---- */

typedef struct octave {
    const nst_objective_config *whole; /* of the picture in its own size */
    nst_image *picture, *styles[NST_MAX_STYLES]; /* prepared: nothing is to be resized any more */
    uint32_t style_count;
} octave;

static nst_extent extent_of(const nst_image *image)
{
    return (nst_extent){image->width, image->height};
}

/* Every layer has a position in the half of an image of that extent. */
static bool half_is_enough(const octave *o, nst_extent extent)
{
    const nst_settings *settings = o->whole->settings;
    if (extent.width < 2 || extent.height < 2) return false;
    for (size_t i = 0; i < settings->style.count; i++) {
        size_t pools = o->whole->network->layers[settings->style.items[i].layer].pools;
        if (extent.width / 2 >> pools == 0 || extent.height / 2 >> pools == 0) return false;
    }
    return settings->style.count > 0 && o->style_count > 0;
}

static bool can_be_halved(const octave *o)
{
    for (uint32_t i = 0; i < o->style_count; i++)
        if (!half_is_enough(o, extent_of(o->styles[i]))) return false;
    return half_is_enough(o, extent_of(o->picture));
}

static int32_t halve_image(nst_image **image, nst_error *error)
{
    nst_image *half = NULL;
    int32_t status = nst_octave_halve(*image, &half, error);
    if (status < 0) return status;
    nst_image_unref(*image);
    *image = half;
    return NST_OK;
}

static int32_t halve(octave *o, nst_error *error)
{
    int32_t status = halve_image(&o->picture, error);
    for (uint32_t i = 0; i < o->style_count && status >= 0; i++) status = halve_image(&o->styles[i], error);
    return status;
}

static size_t longer_side(const nst_image *image)
{
    return image->width > image->height ? image->width : image->height;
}

static double mean_style(const nst_settings *settings, const nst_distance *distances)
{
    double sum = 0;
    for (size_t i = 0; i < settings->style.count; i++) sum += distances[settings->style.items[i].layer].style;
    return sum / (double)settings->style.count;
}

/* With targets of its own, whose style images are taken at the very size that they have. */
static int32_t measure_octave(const octave *o, int halvings, double *distance, nst_error *error)
{
    nst_objective_config config = *o->whole;
    nst_settings settings = *config.settings;
    nst_distance distances[NST_MAX_LAYERS];
    nst_ctx *ctx = config.targets->ctx;
    nst_targets *targets = NULL;
    nst_extent extent = extent_of(o->picture);
    nst_real *picture = nst_alloc(&ctx->memory, nst_picture_bytes(extent.width, extent.height));
    int32_t status = picture ? NST_OK : nst_fail_nomem(error, "a picture at half its size");
    settings.content.count = 0;
    for (int i = 0; i < halvings; i++) nst_blend_halve(&settings.blend);
    settings.style_scale = (double)longer_side(o->styles[0]) / (double)longer_side(o->picture);
    if (status >= 0) status = nst_picture_from_image(o->picture, extent.width, extent.height, picture, error);
    if (status >= 0) status = nst_targets_create(config.targets->model, NULL, o->styles, o->style_count, &targets, error);
    config.targets = targets;
    config.settings = &settings;
    config.width = extent.width;
    config.height = extent.height;
    if (status >= 0) status = nst_distances_measure(&config, picture, distances, error);
    if (status >= 0) *distance = mean_style(&settings, distances);
    nst_targets_unref(targets);
    nst_free(&ctx->memory, picture);
    return status;
}

/* ---- all ---- */

static int32_t prepare_styles(octave *o, nst_error *error)
{
    const nst_objective_config *config = o->whole;
    int32_t status = NST_OK;
    for (; o->style_count < config->targets->style_count && status >= 0; o->style_count += status >= 0) {
        const nst_image *style = config->targets->styles[o->style_count];
        nst_extent extent;
        nst_schedule_style_size(style, config->settings->style_scale, config->width, config->height, &extent.width, &extent.height);
        status = nst_image_resample(style, extent.width, extent.height, &o->styles[o->style_count], error);
    }
    return status;
}

int32_t nst_octaves_measure(const nst_objective_config *config, nst_image *picture, double distances[NST_OCTAVES], nst_error *error)
{
    octave o = {.whole = config, .picture = nst_image_ref(picture)};
    int32_t status = prepare_styles(&o, error);
    for (int i = 0; i < NST_OCTAVES; i++) distances[i] = (double)NAN;
    for (int i = 0; i < NST_OCTAVES && status >= 0 && can_be_halved(&o); i++) {
        status = halve(&o, error);
        if (status >= 0) status = measure_octave(&o, i + 1, &distances[i], error);
    }
    for (uint32_t i = 0; i < o.style_count; i++) nst_image_unref(o.styles[i]);
    nst_image_unref(o.picture);
    return status;
}
