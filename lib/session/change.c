/* Options that change while a session runs. */
#include <string.h>

#include "session/picture.h"
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
    if (change == NST_CHANGE_RESTART) session->restart_pending = true;
    if (change == NST_CHANGE_PLAN) session->plan_pending = true;
    if (change == NST_CHANGE_PLAN && session->optimizer) return NST_OK; /* settings and sizes change with the plan */
    session->settings = settings;
    session->schedule = schedule;
    if (session->optimizer) nst_optimizer_configure(session->optimizer, &settings.optim);
    return NST_OK;
}

/* The picture in the hands of the optimiser, resized to the new plan's size. */
static int32_t carry_picture(const nst_session *session, const nst_schedule *schedule, size_t scale, nst_real **picture,
                             nst_error *error)
{
    size_t width = schedule->scales[scale].width, height = schedule->scales[scale].height;
    *picture = nst_alloc_array(&session->ctx->memory, nst_picture_values(width, height), sizeof **picture);
    if (!*picture) return nst_fail_nomem(error, "the picture");
    return nst_picture_resample(session->ctx, nst_optimizer_x(session->optimizer), nst_session_width(session),
                                nst_session_height(session), *picture, width, height, false, error);
}

/* Everything is made anew around the picture. The new plan opens beside the old one, which stays if anything fails. */
static int32_t replan(nst_session *session, nst_error *error)
{
    nst_session old = *session;
    nst_settings settings;
    nst_schedule schedule;
    nst_real *picture = NULL;
    size_t scale = session->scale;
    int32_t status = nst_session_resolve(session, session->options, &settings, &schedule, error);
    if (status < 0) return status;
    if (scale >= schedule.count) scale = schedule.count - 1;
    status = carry_picture(session, &schedule, scale, &picture, error);
    if (status >= 0) {
        session->settings = settings;
        session->schedule = schedule;
        session->past_evaluations = nst_session_evaluations(session);
        session->scale = scale;
        session->optimizer = NULL;
        session->objective = NULL;
        session->bounded = false;
        session->early = NST_STOP_NONE;
        status = nst_session_open_scale(session, picture, error);
    }
    nst_free(&old.ctx->memory, picture);
    if (status < 0) {
        session->settings = old.settings;
        session->schedule = old.schedule;
        session->past_evaluations = old.past_evaluations;
        session->scale = old.scale;
        session->optimizer = old.optimizer;
        session->objective = old.objective;
        session->bounded = old.bounded;
        session->early = old.early;
        return status;
    }
    nst_optimizer_free(old.optimizer);
    nst_objective_free(old.objective);
    return nst_optimizer_begin(session->optimizer);
}

int32_t nst_session_apply_changes(nst_session *session, nst_error *error)
{
    int32_t status = NST_OK;
    if (session->optimizer && session->plan_pending) {
        status = replan(session, error);
    } else if (session->optimizer && session->restart_pending) {
        nst_objective_reweight(session->objective, &session->settings);
        nst_optimizer_restart(session->optimizer);
    }
    if (status < 0) return status;
    session->plan_pending = session->restart_pending = false;
    return NST_OK;
}
