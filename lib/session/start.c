/* Where pictures come from: the start, and what a larger picture gets beside the smaller one that it grows out of. */
#include "image/colour.h"
#include "session/picture.h"
#include "session/previous.h"
#include "session/session.h"

/* ---- the start ---- */

/* The content in the colours of the styles together; not where the result is to have its own. The map is that of the images themselves:
 * resized ones have lost contrast, each its own share. */
static void match_styles(const nst_session *session, nst_real *picture, size_t count)
{
    nst_colour_moments of_styles[NST_MAX_STYLES], together, of_content;
    double weights[NST_MAX_STYLES];
    nst_colour_map map;
    if (session->settings.colours != NST_COLOURS_NONE) return;
    for (uint32_t i = 0; i < session->targets->style_count; i++) nst_colour_of_image(session->targets->styles[i], &of_styles[i]);
    nst_settings_mean_blend(&session->settings, session->schedule.scales[session->schedule.count - 1].octaves, weights);
    nst_colour_blend(of_styles, weights, session->targets->style_count, &together);
    nst_colour_of_image(session->targets->content, &of_content);
    nst_colour_solve(NST_COLOUR_SYMMETRIC, &of_content, &together, &map);
    nst_colour_apply(&map, picture, count);
}

int32_t nst_session_fill_start(const nst_session *session, nst_real *picture, nst_error *error)
{
    const nst_settings *settings = &session->settings;
    size_t width = nst_session_width(session), height = nst_session_height(session), values = nst_picture_values(width, height);
    const nst_image *image = NULL;
    int32_t status = NST_OK;
    switch (settings->init) {
    case NST_INIT_CONTENT:
    case NST_INIT_MATCHED: image = session->targets->content; break;
    case NST_INIT_STYLE: image = session->targets->styles[0]; break;
    case NST_INIT_IMAGE: image = session->init; break;
    case NST_INIT_NOISE:
    case NST_INIT_GRAY:
    case NST_INIT_AUTO: break;
    }
    if (image) status = nst_picture_from_image(image, width, height, picture, error);
    else nst_picture_fill(picture, values, (nst_real)0.5);
    if (status >= 0 && settings->init == NST_INIT_MATCHED) match_styles(session, picture, values / 3);
    if (status >= 0 && settings->init == NST_INIT_NOISE) nst_picture_blend_noise(picture, values, 1, settings->seed);
    if (status >= 0 && settings->from_previous) status = nst_previous_start(session->previous, width, height, picture, error);
    if (status >= 0) nst_picture_blend_noise(picture, values, settings->init_noise, settings->seed);
    if (status >= 0) nst_colour_start(settings->colours, picture, width * height);
    return status;
}

/* ---- growing ---- */

/* What gives a larger picture its fine detail: the previous frame where it can be seen, elsewhere as much of the content as is wanted. */
static int32_t make_detail(const nst_session *session, size_t width, size_t height, nst_real *detail, nst_error *error)
{
    const nst_settings *settings = &session->settings;
    size_t values = nst_picture_values(width, height);
    int32_t status = NST_OK;
    if (settings->detail > 0) status = nst_picture_from_image(session->targets->content, width, height, detail, error);
    else nst_picture_fill(detail, values, 0);
    for (size_t i = 0; status >= 0 && settings->detail > 0 && i < values; i++) detail[i] *= (nst_real)settings->detail;
    if (status >= 0 && settings->from_previous) status = nst_previous_start(session->previous, width, height, detail, error);
    if (status >= 0) nst_colour_start(settings->colours, detail, width * height);
    return status;
}

static int32_t new_detail(const nst_session *session, size_t width, size_t height, nst_real **detail, nst_error *error)
{
    *detail = nst_alloc(&session->ctx->memory, nst_picture_bytes(width, height));
    return *detail ? make_detail(session, width, height, *detail, error) : nst_fail_nomem(error, "fine detail");
}

/* Growing takes fine detail from nowhere else: picture = up(x - down(detail)) + detail, which is up(x) + detail - up(down(detail))
 * (STROTSS, of the content). */
int32_t nst_session_grow(const nst_session *session, const nst_real *x, nst_extent from, nst_extent to, nst_real *picture, nst_error *error)
{
    bool detailed = to.width > from.width && (session->settings.detail > 0 || session->settings.from_previous);
    nst_real *without = NULL, *detail = NULL;
    int32_t status = detailed ? new_detail(session, from.width, from.height, &without, error) : NST_OK;
    for (size_t i = 0; detailed && status >= 0 && i < nst_picture_values(from.width, from.height); i++) without[i] = x[i] - without[i];
    if (status >= 0)
        status = nst_picture_resample(session->ctx, without ? without : x, from.width, from.height, picture, to.width, to.height, false,
                                      error);
    nst_free(&session->ctx->memory, without);
    if (detailed && status >= 0) status = new_detail(session, to.width, to.height, &detail, error);
    for (size_t i = 0; detailed && status >= 0 && i < nst_picture_values(to.width, to.height); i++) picture[i] += detail[i];
    nst_free(&session->ctx->memory, detail);
    return status;
}
