/* Options that change while a session runs. */
#include <math.h>

#include "session/session.h"

/* The values a session would have with the change; the session itself stays as it is until they are known to be good. */
static int32_t try_change(const nst_session *session, nst_option_id id, const char *value, nst_options **options,
                          nst_settings *settings, nst_schedule *schedule, nst_error *error)
{
    int32_t status = nst_options_copy(session->options, options);
    if (status < 0) return nst_fail_nomem(error, "an option");
    status = nst_option_store(*options, id, value, error);
    return status < 0 ? status : nst_session_resolve(session, *options, settings, schedule, error);
}

/* The search goes on where it is, towards another retention; without a strength there is none. One that was not there from the start begins
 * with what is known of an average pair. */
static void follow_strength(nst_session *session, const nst_settings *settings)
{
    nst_strength *strength = &session->strength;
    if (isnan(settings->strength)) *strength = (nst_strength){.phase = NST_STRENGTH_OFF};
    else if (strength->phase == NST_STRENGTH_OFF) {
        if (!session->optimizer) return; /* it begins with the first scale */
        nst_strength_begin(strength, settings->strength, 0, 0);
        nst_strength_follow(strength, session->scale_iteration, nst_session_iterations_left(session));
    } else if (nst_strength_target(settings->strength) != nst_strength_target(session->settings.strength))
        nst_strength_change(strength, settings->strength);
}

/* Everything else a change brings comes at the next step. */
static void take_over(nst_session *session, nst_option_id id, const nst_settings *settings, const nst_schedule *schedule)
{
    follow_strength(session, settings);
    session->settings = *settings;
    nst_session_take_weights(session);
    session->schedule = *schedule;
    if (session->optimizer) nst_optimizer_configure(session->optimizer, &settings->optim);
    if (id == NST_OPT_ITERATIONS && session->optimizer) nst_session_follow(session);
    if (id == NST_OPT_TOLERANCE && session->early == NST_STOP_TOLERANCE) session->early = NST_STOP_NONE;
}

int32_t nst_session_change(nst_session *session, nst_option_id id, const char *value, nst_error *error)
{
    nst_options *options = NULL;
    nst_settings settings;
    nst_schedule schedule;
    int32_t status, change = nst_option_entry(id)->change;
    if (change == NST_CHANGE_FIXED && session->optimizer)
        return nst_fail(error, NST_ERR_STATE, "%s can only be chosen before the session begins", nst_option_entry(id)->key);
    status = try_change(session, id, value, &options, &settings, &schedule, error);
    if (status < 0) {
        nst_options_free(options);
        return status;
    }
    nst_options_free(session->options);
    session->options = options;
    nst_session_tell_idle(session, id, 1);
    if (change == NST_CHANGE_RESTART) session->restart_pending = true;
    if (change == NST_CHANGE_PLAN) session->plan_pending = true;
    /* With a plan to come, settings and sizes are those of the plan at work until then. */
    if (!session->optimizer || !session->plan_pending) take_over(session, id, &settings, &schedule);
    return NST_OK;
}

/* The scale as far from the final one as the present scale is; where there are fewer, the coarsest. */
static size_t matching_scale(const nst_session *session, const nst_schedule *schedule)
{
    size_t to_go = session->schedule.count - 1 - session->scale;
    return to_go < schedule->count ? schedule->count - 1 - to_go : 0;
}

/* A search that a plan breaks off begins anew at the coarsest scale, from the picture as it is; at finer ones the weight is corrected. */
static void carry_strength(nst_session *session, nst_settings *settings, const nst_schedule *schedule, size_t scale)
{
    nst_strength *s = &session->strength;
    bool searching = nst_strength_searching(s);
    uint32_t planned = schedule->scales[scale].iterations, done = session->scale_iteration;
    follow_strength(session, settings);
    if (s->phase == NST_STRENGTH_OFF) return;
    if (searching && scale == 0 && schedule->search_share > 0)
        nst_strength_begin(s, settings->strength, schedule->search_share, planned);
    else nst_strength_follow(s, done, planned > done ? planned - done : 0);
    settings->alpha = s->weight;
}

/* The weight that was found stays, where the share that is wanted does. */
static void carry_restraint(nst_session *session, nst_settings *settings)
{
    nst_restraint *r = &session->restraint;
    if (settings->photo != session->settings.photo)
        nst_restraint_begin(r, settings->photo, settings->matting);
    if (r->target > 0) settings->matting = r->weight;
}

static int32_t replan(nst_session *session, nst_error *error)
{
    nst_settings settings;
    nst_schedule schedule;
    nst_strength before = session->strength;
    nst_restraint held = session->restraint;
    bool pending = session->start_over_pending;
    size_t scale;
    int32_t status = nst_session_resolve(session, session->options, &settings, &schedule, error);
    if (status < 0) return status;
    scale = matching_scale(session, &schedule);
    carry_strength(session, &settings, &schedule, scale);
    carry_restraint(session, &settings);
    session->start_over_pending = false;
    status = nst_session_reopen(session, &settings, &schedule, scale, error);
    if (status >= 0) {
        nst_session_follow(session);
        return status;
    }
    session->strength = before;
    session->restraint = held;
    session->start_over_pending = pending;
    return status;
}

/* The picture is evaluated at once, so that loss and terms are those of the new objective also where the run is over. */
int32_t nst_session_apply_changes(nst_session *session, nst_error *error)
{
    int32_t status = NST_OK;
    if (!session->plan_pending && !session->restart_pending) return NST_OK;
    if (session->optimizer && session->plan_pending) status = replan(session, error);
    else if (session->optimizer) {
        session->early = NST_STOP_NONE;
        status = nst_session_reweight(session);
    }
    if (status < 0) return status;
    session->plan_pending = session->restart_pending = false;
    return NST_OK;
}
