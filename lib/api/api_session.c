/* Glue of nst/session.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/abi.h"
#include "session/picture.h"
#include "session/previous.h"
#include "session/session.h"

/* ---- targets ---- */

int32_t nst_targets_new(nst_model *model, nst_image *content, nst_image *const *styles, uint32_t style_count, nst_targets **out)
{
    nst_error error = {""};
    int32_t status;
    if (out) *out = NULL;
    if (!out || !model || (style_count > 0 && !styles)) return NST_ERR_INVALID_ARG;
    for (uint32_t i = 0; i < style_count && i < NST_MAX_STYLES; i++)
        if (!styles[i]) return NST_ERR_INVALID_ARG;
    if (!content && style_count == 0)
        status = nst_fail(&error, NST_ERR_INVALID_ARG, "targets need a content image, a style image or both");
    else if (style_count > NST_MAX_STYLES)
        status = nst_fail(&error, NST_ERR_LIMIT, "%u style images; %d are the most", style_count, NST_MAX_STYLES);
    else
        status = nst_targets_create(model, content, styles, style_count, out, &error);
    return nst_ctx_keep_error(model->ctx, status, &error);
}

int32_t nst_targets_set_guides(nst_targets *targets, nst_image *content_map, nst_image *const *style_maps, uint32_t count)
{
    nst_error error = {""};
    int32_t status;
    if (!targets || !content_map || !style_maps) return NST_ERR_INVALID_ARG;
    for (uint32_t i = 0; i < count && i < targets->style_count; i++)
        if (!style_maps[i]) return NST_ERR_INVALID_ARG;
    if (targets->style_count == 0)
        status = nst_fail(&error, NST_ERR_INVALID_ARG, "maps of regions are for styles, and there is no style image");
    else if (count != targets->style_count)
        status = nst_fail(&error, NST_ERR_INVALID_ARG, "%u style maps for %u style images: each needs its own", count,
                          targets->style_count);
    else status = nst_targets_guide(targets, content_map, style_maps, &error);
    return nst_ctx_keep_error(targets->ctx, status, &error);
}

int32_t nst_targets_set_content_weights(nst_targets *targets, nst_image *map)
{
    nst_error error = {""};
    int32_t status;
    if (!targets || !map) return NST_ERR_INVALID_ARG;
    if (!targets->content) status = nst_fail(&error, NST_ERR_INVALID_ARG, "content weights are for a content image, and there is none");
    else status = nst_targets_weigh(targets, map, &error);
    return nst_ctx_keep_error(targets->ctx, status, &error);
}

/* ---- making sessions ---- */

int32_t nst_session_new(nst_targets *targets, const nst_options *options, nst_image *init, nst_session **out)
{
    nst_error error = {""};
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!targets) return NST_ERR_INVALID_ARG;
    return nst_ctx_keep_error(targets->ctx, nst_session_create(targets, options, init, false, out, &error), &error);
}

static int32_t set_unless_set(nst_options *options, nst_option_id id, const char *value, nst_error *error)
{
    return options->values[id] ? NST_OK : nst_option_store(options, id, value, error);
}

/* A reconstruction is a session with one kind of loss, from noise, unsmoothed. */
static int32_t reconstruction_options(nst_options *options, int32_t kind, const char *layers, nst_error *error)
{
    nst_option_id list = kind == NST_RECONSTRUCT_CONTENT ? NST_OPT_CONTENT_LAYERS : NST_OPT_STYLE_LAYERS;
    int32_t status = nst_option_store(options, list, layers, error);
    if (status >= 0) status = set_unless_set(options, NST_OPT_INIT, "noise", error);
    if (status >= 0) status = set_unless_set(options, NST_OPT_TV, "0", error);
    return status;
}

static int32_t make_reconstruction(nst_model *model, nst_image *image, int32_t kind, const char *layers, const nst_options *given,
                                   nst_session **out, nst_error *error)
{
    bool content = kind == NST_RECONSTRUCT_CONTENT;
    nst_targets *targets = NULL;
    nst_options *options = NULL;
    int32_t status = given ? nst_options_copy(given, &options) : nst_options_new(model->ctx, &options);
    if (status < 0) return nst_fail_nomem(error, "options");
    status = reconstruction_options(options, kind, layers, error);
    if (status >= 0) status = nst_targets_create(model, content ? image : NULL, content ? NULL : &image, content ? 0 : 1, &targets, error);
    if (status >= 0) status = nst_session_create(targets, options, NULL, false, out, error);
    nst_targets_unref(targets);
    nst_options_free(options);
    return status;
}

int32_t nst_session_new_reconstruction(nst_model *model, nst_image *image, int32_t kind, const char *layers,
                                       const nst_options *options, nst_session **out)
{
    nst_error error = {""};
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!model || !image || !layers || (kind != NST_RECONSTRUCT_CONTENT && kind != NST_RECONSTRUCT_STYLE)) return NST_ERR_INVALID_ARG;
    return nst_ctx_keep_error(model->ctx, make_reconstruction(model, image, kind, layers, options, out, &error), &error);
}

int32_t nst_session_resume(nst_targets *targets, const char *path, nst_session **out)
{
    nst_error error = {""};
    unsigned floating_point;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!targets || !path) return NST_ERR_INVALID_ARG;
    floating_point = nst_cpu_enter_flush();
    status = nst_session_read_checkpoint(targets, path, out, &error);
    nst_cpu_leave_flush(floating_point);
    return nst_ctx_keep_error(targets->ctx, status, &error);
}

/* ---- running ---- */

/* Marks the session as at work; false if it already is, in this or another thread. Whatever may compute has the floating-point state
 * of the library's own threads, so that the bytes are the same wherever it is done. */
static bool enter(nst_session *session)
{
    int idle = 0;
    if (!atomic_compare_exchange_strong(&session->busy, &idle, 1)) return false;
    session->floating_point = nst_cpu_enter_flush();
    return true;
}

static void leave(nst_session *session)
{
    nst_cpu_leave_flush(session->floating_point);
    atomic_store(&session->busy, 0);
}

static int32_t set_previous(nst_session *session, nst_image *previous, nst_image *weights, nst_error *error)
{
    nst_image *copy = NULL;
    int32_t status = NST_OK;
    if (session->optimizer)
        return nst_fail(error, NST_ERR_STATE, "the previous frame can only be given before the first step");
    if (weights && !previous) return nst_fail(error, NST_ERR_INVALID_ARG, "there are weights, but no previous frame");
    if (previous) status = nst_previous_new(previous, weights, &copy, error);
    if (status >= 0) status = nst_session_take_previous(session, copy, error);
    if (status < 0) nst_image_unref(copy);
    return status;
}

int32_t nst_session_set_previous(nst_session *session, nst_image *previous, nst_image *weights)
{
    int32_t status;
    if (!session) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    status = set_previous(session, previous, weights, &session->error);
    leave(session);
    return status;
}

void nst_session_free(nst_session *session)
{
    nst_session_destroy(session);
}

int32_t nst_session_step(nst_session *session)
{
    int32_t status;
    if (!session) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    status = nst_session_advance(session);
    leave(session);
    return status;
}

int32_t nst_session_run(nst_session *session, nst_progress_fn callback, void *user)
{
    int32_t status;
    if (!session) return NST_ERR_INVALID_ARG;
    session->callback_result = 0;
    while ((status = nst_session_step(session)) == NST_CONTINUE) {
        nst_progress progress;
        if (!callback) continue;
        NST_INIT(progress);
        nst_session_get_progress(session, &progress);
        session->callback_result = callback(user, session, &progress);
        if (session->callback_result == 0) continue;
        session->stop = NST_STOP_CANCELLED;
        return nst_fail(&session->error, NST_ERR_CANCELLED, "the callback stopped the run after %u iterations", session->iteration);
    }
    return status;
}

int32_t nst_session_callback_result(const nst_session *session)
{
    return session ? session->callback_result : 0;
}

void nst_session_cancel(nst_session *session)
{
    if (session) atomic_store(&session->cancel, 1);
}

/* ---- foretelling ---- */

int32_t nst_session_estimate(nst_session *session, int32_t probe, nst_estimate *estimate)
{
    nst_estimate own;
    int32_t status = NST_OK;
    if (!session) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    NST_INIT(own);
    status = nst_session_foretell(session, &own, &session->error);
    if (probe && status >= 0) status = nst_session_probe(session, &own.seconds_per_iteration, &session->error);
    leave(session);
    return status < 0 ? status : nst_abi_write(estimate, &own, sizeof own, NST_ESTIMATE_FIRST_SIZE);
}

/* ---- looking ---- */

/* Mean time of an iteration so far, scaled by area for the scales to come. */
static double seconds_left(const nst_session *session)
{
    double area = 0, done = 0, each;
    const nst_schedule *schedule = &session->schedule;
    for (size_t i = 0; i < schedule->count; i++) {
        double pixels = (double)schedule->scales[i].width * (double)schedule->scales[i].height;
        uint32_t planned = nst_session_scale_iterations(session, i), finished = 0;
        if (i < session->scale) finished = planned;
        if (i == session->scale) finished = session->scale_iteration;
        done += pixels * finished;
        if (planned > finished) area += pixels * (planned - finished);
    }
    if (session->iteration == 0 || done <= 0) return -1;
    each = session->seconds / done;
    return session->stop != NST_STOP_NONE ? 0 : each * area;
}

static double sum_of(const nst_session *session, const char *kind)
{
    double sum = 0;
    for (size_t i = 0; i < session->term_count; i++)
        if (strcmp(session->terms[i].kind, kind) == 0) sum += session->terms[i].value;
    return sum;
}

int32_t nst_session_get_progress(const nst_session *session, nst_progress *progress)
{
    nst_progress own;
    if (!session) return NST_ERR_INVALID_ARG;
    NST_INIT(own);
    own.stop_reason = (int32_t)session->stop;
    own.iteration = session->iteration;
    own.iterations = nst_session_planned(session);
    own.evaluations = nst_session_evaluations(session);
    own.scale = (uint32_t)session->scale + 1;
    own.scales = (uint32_t)session->schedule.count;
    own.width = (uint32_t)nst_session_width(session);
    own.height = (uint32_t)nst_session_height(session);
    own.terms = (uint32_t)session->term_count;
    own.content = sum_of(session, "content");
    own.style = sum_of(session, "style");
    own.tv = sum_of(session, "tv");
    if (session->optimizer) {
        size_t n = nst_picture_values(own.width, own.height);
        const nst_real *gradient = nst_optimizer_gradient(session->optimizer);
        own.loss = nst_optimizer_f(session->optimizer);
        own.gradient_norm = gradient ? sqrt(session->kernels->dot(&session->exec, n, gradient, gradient)) : (double)NAN;
    }
    own.seconds = session->seconds;
    own.seconds_left = seconds_left(session);
    return nst_abi_write(progress, &own, sizeof own, NST_PROGRESS_FIRST_SIZE);
}

static void tell_restraint(const nst_session *session, nst_strength_info *info)
{
    bool in_use = session->settings.photo > 0;
    info->photo_target = in_use ? nst_restraint_target(session->settings.photo) : (double)NAN;
    info->photo_share = in_use ? session->matting_share : (double)NAN;
    info->photo_weight = in_use ? session->settings.matting : (double)NAN;
}

int32_t nst_session_get_strength(const nst_session *session, nst_strength_info *info)
{
    nst_strength_info own;
    const nst_strength *s;
    if (!session) return NST_ERR_INVALID_ARG;
    NST_INIT(own);
    s = &session->strength;
    own.in_use = !isnan(session->settings.strength);
    own.clamped = s->clamped;
    own.settled = s->phase >= NST_STRENGTH_FOLLOW;
    own.strength = session->settings.strength;
    own.target = !own.in_use ? (double)NAN : s->phase == NST_STRENGTH_OFF ? nst_strength_target(own.strength) : s->target;
    own.retention = session->retention;
    own.content_weight = session->settings.alpha;
    own.floor = s->floor > 0 ? s->floor : (double)NAN;
    tell_restraint(session, &own);
    own.style_left = session->style_left;
    own.style_incomplete = nst_session_style_incomplete(session);
    return nst_abi_write(info, &own, sizeof own, NST_STRENGTH_INFO_FIRST_SIZE);
}

int32_t nst_session_get_term(const nst_session *session, uint32_t index, nst_loss_term *term)
{
    nst_loss_term own;
    if (!session) return NST_ERR_INVALID_ARG;
    if (index >= session->term_count) return NST_ERR_NOT_FOUND;
    NST_INIT(own);
    snprintf(own.kind, sizeof own.kind, "%s", session->terms[index].kind);
    snprintf(own.layer, sizeof own.layer, "%s", session->terms[index].layer);
    own.weight = session->terms[index].weight;
    own.value = session->terms[index].value;
    return nst_abi_write(term, &own, sizeof own, NST_LOSS_TERM_FIRST_SIZE);
}

int32_t nst_session_get_image(nst_session *session, nst_image **out)
{
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!session) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    status = nst_session_image(session, out);
    leave(session);
    return status;
}

int32_t nst_session_get_gradient(const nst_session *session, float *gradient, uint64_t capacity)
{
    const nst_real *from;
    size_t values;
    if (!session || !gradient) return NST_ERR_INVALID_ARG;
    if (!session->optimizer) return NST_ERR_STATE;
    values = nst_picture_values(nst_session_width(session), nst_session_height(session));
    if (capacity < values * sizeof *gradient) return NST_ERR_INVALID_ARG;
    from = nst_optimizer_gradient(session->optimizer);
    if (!from) return NST_ERR_STATE;
    for (size_t i = 0; i < values; i++) gradient[i] = (float)from[i];
    return NST_OK;
}

/* ---- changing and saving ---- */

const char *nst_session_get_option(const nst_session *session, const char *key)
{
    int id = session ? nst_option_find(key) : -1;
    const char *text = id < 0 ? NULL : nst_option_text(session->options, (nst_option_id)id);
    return text && strcmp(text, "auto") == 0 ? nst_settings_automatic(&session->settings, (nst_option_id)id) : text;
}

int32_t nst_session_set_option(nst_session *session, const char *key, const char *value)
{
    int32_t status;
    if (!session || !value) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    status = nst_option_require(key, &session->error);
    if (status >= 0) status = nst_session_change(session, (nst_option_id)status, value, &session->error);
    leave(session);
    return status;
}

int32_t nst_session_save(nst_session *session, const char *path)
{
    int32_t status;
    if (!session || !path) return NST_ERR_INVALID_ARG;
    if (!enter(session)) return NST_ERR_BUSY;
    status = nst_session_write_checkpoint(session, path, &session->error);
    leave(session);
    return status;
}

const char *nst_session_error(const nst_session *session)
{
    return session ? session->error.text : "";
}
