/* How far the picture has come to the style. Weight, layers, maps, photo or temporal may hold so much of the content that the style cannot
 * be reached, and the loss alone does not tell: it is compared with that of the content image as it is, at the last scale. */
#include <math.h>
#include <string.h>

#include "session/picture.h"
#include "session/session.h"

static const double most_left = 0.3;        /* a usual run leaves 0.02 to 0.11, one with regions up to 0.25 (docs/objective.md) */
static const double near_enough = 0.05;     /* of the normalised loss: what a usual run comes to */
static const double gentle_strength = 0.25; /* up to here little style is what was asked for */
enum { LEAST_ITERATIONS = 50 };             /* fewer: it was not for the content that the style did not come */

bool nst_session_looks_at_content(const nst_targets *targets, const nst_settings *settings, const nst_schedule *schedule, size_t scale)
{
    return targets->content && targets->style_count > 0 && settings->beta > 0 && scale + 1 == schedule->count;
}

static double style_of(const nst_objective *objective)
{
    double sum = 0;
    for (size_t i = 0; i < nst_objective_term_count(objective); i++) {
        nst_objective_term term = nst_objective_get_term(objective, i);
        if (strcmp(term.kind, "style") == 0) sum += term.value;
    }
    return sum;
}

/* `picture`: room for it. */
static int32_t look_at_content(nst_session *session, nst_real *picture, nst_error *error)
{
    size_t width = nst_session_width(session), height = nst_session_height(session);
    double f;
    int32_t status = nst_picture_from_image(session->targets->content, width, height, picture, error);
    if (status < 0) return status;
    nst_colour_start(session->settings.colours, picture, width * height);
    status = nst_objective_look(session->objective, picture, &f);
    if (status < 0) return nst_fail(error, status, "the network's pass: %s", nst_strerror(status));
    if (isfinite(f) && style_of(session->objective) > 0) session->content_style = style_of(session->objective) / session->settings.beta;
    return NST_OK;
}

int32_t nst_session_look_at_content(nst_session *session, nst_error *error)
{
    nst_real *picture;
    int32_t status;
    session->content_style = (double)NAN;
    if (!nst_session_looks_at_content(session->targets, &session->settings, &session->schedule, session->scale)) return NST_OK;
    picture = nst_alloc(&session->ctx->memory, nst_picture_bytes(nst_session_width(session), nst_session_height(session)));
    status = picture ? look_at_content(session, picture, error) : nst_fail_nomem(error, "the content as it is");
    nst_free(&session->ctx->memory, picture);
    return status;
}

void nst_session_note_style(nst_session *session)
{
    double sum = 0;
    for (size_t i = 0; i < session->term_count; i++)
        if (strcmp(session->terms[i].kind, "style") == 0) sum += session->terms[i].value;
    session->style_left = session->settings.beta > 0 ? sum / (session->settings.beta * session->content_style) : (double)NAN;
}

/* Where the content is much like the style from the start, a large share of little is left. */
static bool is_far(const nst_session *session)
{
    bool near = session->settings.dialect == NST_DIALECT_NORMALISED && session->style_left * session->content_style <= near_enough;
    return session->style_left > most_left && !near; /* NaN: no */
}

bool nst_session_style_incomplete(const nst_session *session)
{
    nst_stop_reason over = nst_session_over(session);
    bool asked_for = session->settings.strength <= gentle_strength; /* NaN: no */
    bool worked = session->iteration >= LEAST_ITERATIONS || over == NST_STOP_CONVERGED || over == NST_STOP_TOLERANCE;
    return over != NST_STOP_NONE && worked && !asked_for && is_far(session);
}
