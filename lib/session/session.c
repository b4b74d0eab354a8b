/* The run: scales, iterations, when to stop. */
#include "session/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "session/finish.h"
#include "session/picture.h"
#include "session/previous.h"

/* ---- making and freeing ---- */

static int32_t check_start(const nst_session *session, const nst_settings *settings, nst_error *error)
{
    const char *init = nst_settings_automatic(settings, NST_OPT_INIT);
    bool of_content = settings->init == NST_INIT_CONTENT || settings->init == NST_INIT_MATCHED;
    bool of_style = settings->init == NST_INIT_STYLE || settings->init == NST_INIT_MATCHED;
    if (of_content && !session->targets->content)
        return nst_fail(error, NST_ERR_INVALID_ARG, "init is %s, but there is no content image", init);
    if (of_style && session->targets->style_count == 0)
        return nst_fail(error, NST_ERR_INVALID_ARG, "init is %s, but there is no style image", init);
    if (settings->init == NST_INIT_IMAGE && !session->init)
        return nst_fail(error, NST_ERR_INVALID_ARG, "init is image, but no start image was given");
    return NST_OK;
}

static void find_deepest(const nst_session *session, const nst_layer_choices *choices, nst_layer *deepest)
{
    size_t index = 0;
    for (size_t i = 0; i < choices->count; i++)
        if (choices->items[i].layer > index) index = choices->items[i].layer;
    nst_topology_layer(&session->targets->model->weights, index, deepest);
}

/* Behind how many poolings its features are. */
static int pools_of(const nst_layer *layer)
{
    return layer->pools + (layer->kind == NST_LAYER_POOL);
}

/* Of those at which features are held against a style's. */
static void find_deepest_of_styles(const nst_session *session, const nst_settings *settings, nst_layer *deepest)
{
    nst_layer of_histograms;
    find_deepest(session, &settings->style, deepest);
    find_deepest(session, &settings->histogram_layers, &of_histograms);
    if (pools_of(&of_histograms) > pools_of(deepest)) *deepest = of_histograms;
}

/* The layer must have at least one position. */
static int32_t check_smallest(const char *what, const nst_layer *deepest, size_t width, size_t height, nst_error *error)
{
    size_t smallest = (size_t)1 << pools_of(deepest);
    if (width >= smallest && height >= smallest) return NST_OK;
    return nst_fail(error, NST_ERR_INVALID_ARG, "%s of %zux%zu is too small for layer %s, which needs at least %zux%zu", what, width,
                    height, deepest->name, smallest, smallest);
}

static int32_t check_picture(const nst_session *session, const nst_settings *settings, const nst_schedule *schedule, nst_error *error)
{
    const char *what = schedule->count > 1 ? "the coarsest scale" : "a picture";
    nst_layer content, style;
    int32_t status = nst_image_check_size(session->ctx, schedule->width, schedule->height, error);
    find_deepest(session, &settings->content, &content);
    find_deepest_of_styles(session, settings, &style);
    if (status >= 0) status = check_smallest(what, &content, schedule->scales[0].width, schedule->scales[0].height, error);
    if (status >= 0) status = check_smallest(what, &style, schedule->scales[0].width, schedule->scales[0].height, error);
    return status;
}

static int32_t check_style(const nst_session *session, const nst_settings *settings, const nst_schedule *schedule,
                           const nst_image *style, nst_error *error)
{
    nst_error reason = {""};
    nst_layer deepest;
    size_t width, height, last = schedule->count - 1;
    int32_t status;
    find_deepest_of_styles(session, settings, &deepest);
    nst_schedule_style_size(style, settings->style_scale, schedule->scales[0].width, schedule->scales[0].height, &width, &height);
    status = check_smallest("a style image", &deepest, width, height, &reason);
    nst_schedule_style_size(style, settings->style_scale, schedule->scales[last].width, schedule->scales[last].height, &width, &height);
    if (status >= 0) status = nst_image_check_size(session->ctx, width, height, &reason);
    return status < 0 ? nst_fail(error, status, "style-scale: %.400s", reason.text) : NST_OK;
}

static void choose_octaves(const nst_session *session, const nst_settings *settings, nst_schedule *schedule)
{
    const nst_targets *targets = session->targets;
    nst_layer deepest; /* that any loss looks at: every octave goes all the way there */
    nst_topology_layer(&targets->model->weights, settings->deepest, &deepest);
    for (size_t i = 0; i < schedule->count && targets->style_count > 0; i++)
        schedule->scales[i].octaves = nst_schedule_octaves(
            settings->octaves, pools_of(&deepest), schedule->scales[i].width, schedule->scales[i].height,
            (const nst_image *const *)targets->styles, targets->style_count, settings->style_scale);
}

static int32_t resolve_maps(const nst_targets *targets, nst_settings *settings, nst_error *error)
{
    settings->guided = targets->guides && targets->style_count > 0;
    settings->weighted = targets->weights && targets->content;
    if (settings->guided && settings->histogram != 0)
        return nst_fail(error, NST_ERR_UNSUPPORTED, "histogram: with maps of regions there is no such loss, since it knows no regions");
    if (!settings->guided || settings->statistics == NST_STATISTICS_GRAM) return NST_OK;
    return nst_fail(error, NST_ERR_UNSUPPORTED, "style-statistics: with maps of regions there is only gram");
}

int32_t nst_session_resolve(const nst_session *session, const nst_options *options, nst_settings *settings, nst_schedule *schedule,
                            nst_error *error)
{
    const nst_targets *targets = session->targets;
    int32_t status = nst_settings_resolve(options, targets->model, targets->content != NULL, targets->style_count, settings, error);
    if (status >= 0) status = nst_settings_check_blend(settings, &targets->model->weights, error);
    if (status >= 0) status = resolve_maps(targets, settings, error);
    if (status < 0) return status;
    if (session->previous) nst_settings_add_previous(options, settings);
    nst_schedule_make(settings, targets->content ? targets->content : targets->styles[0], schedule);
    status = check_picture(session, settings, schedule, error);
    for (uint32_t i = 0; i < targets->style_count && status >= 0; i++)
        status = check_style(session, settings, schedule, targets->styles[i], error);
    if (status >= 0 && !session->optimizer && !session->resuming) status = check_start(session, settings, error);
    if (status >= 0) choose_octaves(session, settings, schedule);
    return status < 0 ? status : nst_session_plan_memory(session, settings, schedule, error);
}

void nst_session_tell_idle(const nst_session *session, int first, int count)
{
    char list[400] = "";
    size_t length = 0;
    if (session->targets->content) return;
    for (int id = first; id < first + count && length < sizeof list; id++)
        if (nst_settings_needs_content(session->options, (nst_option_id)id))
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", length ? ", " : "", nst_option_entry(id)->key);
    if (length > 0) nst_log(session->ctx, NST_LOG_WARNING, "there is no content image, so that these options do nothing: %s", list);
}

int32_t nst_session_create(nst_targets *targets, const nst_options *options, nst_image *init, bool resuming, nst_session **out,
                           nst_error *error)
{
    size_t beside = (size_t)nst_ctx_memory_used(targets->ctx);
    nst_session *session = nst_alloc_zero(&targets->ctx->memory, sizeof *session);
    int32_t status;
    *out = NULL;
    if (!session) return nst_fail_nomem(error, "a session");
    session->ctx = nst_ctx_ref(targets->ctx);
    session->targets = nst_targets_ref(targets);
    nst_targets_use(targets);
    session->init = nst_image_ref(init);
    session->resuming = resuming;
    session->beside = beside;
    session->exec = nst_network_exec(targets->ctx);
    status = options ? nst_options_copy(options, &session->options) : nst_options_new(targets->ctx, &session->options);
    if (status < 0) nst_fail_nomem(error, "options");
    else status = nst_session_resolve(session, session->options, &session->settings, &session->schedule, error);
    session->retention = session->content_style = session->style_left = session->matting_share = (double)NAN;
    session->coarse_end = UINT32_MAX;
    session->kernels = nst_kernels_for((int)targets->ctx->level, session->settings.precision);
    if (status >= 0 && !resuming) nst_session_tell_idle(session, 0, NST_OPT_COUNT);
    if (status < 0) nst_session_destroy(session);
    else *out = session;
    return status;
}

void nst_session_destroy(nst_session *session)
{
    nst_ctx *ctx;
    if (!session) return;
    ctx = session->ctx;
    nst_session_close_scale(session);
    nst_network_free(session->network);
    nst_options_free(session->options);
    nst_image_unref(session->init);
    nst_image_unref(session->previous);
    nst_targets_unref(session->targets);
    nst_free(&ctx->memory, session);
    nst_ctx_unref(ctx);
}

int32_t nst_session_take_previous(nst_session *session, nst_image *previous, nst_error *error)
{
    nst_image *before = session->previous;
    nst_settings settings;
    nst_schedule schedule;
    int32_t status;
    session->previous = previous;
    status = nst_session_resolve(session, session->options, &settings, &schedule, error);
    if (status < 0) {
        session->previous = before;
        return status;
    }
    session->settings = settings;
    session->schedule = schedule;
    nst_image_unref(before);
    return NST_OK;
}

size_t nst_session_width(const nst_session *session)
{
    return session->schedule.scales[session->scale].width;
}

size_t nst_session_height(const nst_session *session)
{
    return session->schedule.scales[session->scale].height;
}

uint32_t nst_session_scale_iterations(const nst_session *session, size_t scale)
{
    uint32_t planned = session->schedule.scales[scale].iterations;
    bool cut = scale == 0 && session->settings.by_preset && session->coarse_end < planned;
    return cut ? session->coarse_end : planned;
}

uint32_t nst_session_planned(const nst_session *session)
{
    uint32_t total = 0;
    for (size_t i = 0; i < session->schedule.count; i++) total += nst_session_scale_iterations(session, i);
    return total;
}

uint32_t nst_session_evaluations(const nst_session *session)
{
    return session->past_evaluations + (session->optimizer ? nst_optimizer_evaluations(session->optimizer) : 0);
}

/* ---- the picture ---- */

int32_t nst_session_new_picture(const nst_session *session, nst_real **picture, nst_error *error)
{
    *picture = nst_alloc_array(&session->ctx->memory, nst_picture_values(nst_session_width(session), nst_session_height(session)),
                               sizeof **picture);
    return *picture ? NST_OK : nst_fail_nomem(error, "the picture");
}

/* Where no scale is open yet, the start picture, a new block in `*owned`. */
static int32_t find_picture(nst_session *session, const nst_real **picture, nst_real **owned, nst_error *error)
{
    int32_t status;
    *owned = NULL;
    if (session->optimizer) {
        *picture = nst_optimizer_result(session->optimizer);
        return NST_OK;
    }
    status = nst_session_new_picture(session, owned, error);
    if (status >= 0) status = nst_session_fill_start(session, *owned, error);
    *picture = *owned;
    return status;
}

nst_enlarging nst_enlarging_of(const nst_targets *targets, const nst_schedule *schedule)
{
    size_t last = schedule->count - 1;
    return (nst_enlarging){targets->content, schedule->scales[last].width, schedule->scales[last].height, schedule->width,
                           schedule->height};
}

/* On the way to the last scale pictures are handed out as they are. */
static int32_t make_image(const nst_session *session, const nst_real *picture, nst_image **out, nst_error *error)
{
    nst_enlarging e = nst_enlarging_of(session->targets, &session->schedule);
    if (nst_session_at_last_scale(session) && nst_enlarges(&e)) return nst_enlarge(&e, picture, out, error);
    return nst_picture_to_image(session->ctx, picture, nst_session_width(session), nst_session_height(session), session->targets->content,
                                out, error);
}

int32_t nst_session_image(nst_session *session, nst_image **out)
{
    const nst_real *picture;
    nst_real *owned;
    int32_t status = find_picture(session, &picture, &owned, &session->error);
    if (session->objective && session->settings.memory_limit > 0) nst_objective_rest(session->objective);
    if (status >= 0) status = make_image(session, picture, out, &session->error);
    if (status >= 0) status = nst_colour_result(session->targets, session->settings.colours, out, &session->error);
    if (status >= 0) status = nst_finish_image(session->settings.finish, session->targets->content, *out, &session->error);
    if (status < 0) nst_image_unref(*out), *out = NULL;
    nst_free(&session->ctx->memory, owned);
    return status;
}

/* ---- one scale ---- */

static int32_t evaluate(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    nst_session *session = user;
    nst_journal_entry *entry = &session->journal[session->journal_count++ % NST_JOURNAL];
    size_t terms = nst_objective_term_count(session->objective);
    int32_t status = nst_objective_evaluate(session->objective, x, f, gradient);
    entry->f = status < 0 ? (double)NAN : *f;
    entry->retention = status < 0 ? (double)NAN : nst_objective_retention(session->objective);
    for (size_t i = 0; status >= 0 && i < terms; i++) entry->values[i] = nst_objective_get_term(session->objective, i).value;
    return status;
}

int32_t nst_session_prepare_network(nst_session *session, nst_error *error)
{
    const nst_settings *settings = &session->settings;
    const nst_kernels *kernels = nst_kernels_for((int)session->ctx->level, settings->precision);
    nst_network *network = session->network;
    int32_t status;
    if (network && kernels == session->kernels && network->config.pack == settings->network.pack &&
        network->layer_count == settings->deepest + 1 && nst_network_config_equal(&network->config, &settings->network))
        return NST_OK;
    status = nst_network_new(session->ctx, session->targets->model, &settings->network, settings->deepest, kernels, &session->exec,
                             &network, error);
    if (status < 0) return status;
    nst_network_free(session->network);
    session->network = network;
    session->kernels = kernels;
    return NST_OK;
}

static int32_t make_objective(nst_session *session, nst_error *error)
{
    nst_objective_config config = {.targets = session->targets, .previous = session->previous, .settings = &session->settings,
                                   .network = session->network,
                                   .kernels = session->kernels, .exec = &session->exec, .width = nst_session_width(session),
                                   .height = nst_session_height(session), .octaves = session->schedule.scales[session->scale].octaves,
                                   .room = session->schedule.scales[session->scale].room, .cancel = &session->cancel};
    return nst_objective_new(&config, &session->objective, error);
}

static int32_t make_optimizer(nst_session *session, nst_real **picture, nst_error *error)
{
    size_t width = nst_session_width(session), height = nst_session_height(session);
    nst_problem problem = {.n = nst_picture_values(width, height), .evaluate = evaluate, .user = session};
    if (session->settings.pyramid) {
        session->pyramid = nst_pyramid_new(&session->ctx->memory, &session->exec, width, height);
        if (!session->pyramid) return nst_fail_nomem(error, "the optimiser's preconditioner");
        problem.precondition = nst_pyramid_apply;
        problem.preconditioner = session->pyramid;
    }
    return nst_optimizer_new(session->ctx, session->kernels, &session->exec, &session->settings.optim, &problem, picture,
                             &session->optimizer, error);
}

int32_t nst_session_open_scale(nst_session *session, nst_real **picture, nst_error *error)
{
    int32_t status = nst_session_prepare_network(session, error);
    if (status >= 0) status = make_objective(session, error);
    if (status >= 0) status = nst_session_look_at_content(session, error);
    if (status >= 0) status = make_optimizer(session, picture, error);
    if (status < 0) nst_session_close_scale(session);
    return status;
}

void nst_session_close_scale(nst_session *session)
{
    session->past_evaluations = nst_session_evaluations(session);
    nst_optimizer_free(session->optimizer);
    nst_pyramid_free(session->pyramid);
    nst_objective_free(session->objective);
    session->optimizer = NULL;
    session->pyramid = NULL;
    session->objective = NULL;
}

/* ---- iterations ---- */

bool nst_session_at_last_scale(const nst_session *session)
{
    return session->scale + 1 == session->schedule.count;
}

/* At this scale. The last one takes what the others have left, so that the total is what was asked for also when the plan has
 * changed on the way. */
uint32_t nst_session_iterations_left(const nst_session *session)
{
    uint32_t total = nst_session_planned(session), left = total > session->iteration ? total - session->iteration : 0;
    uint32_t planned = nst_session_scale_iterations(session, session->scale);
    uint32_t here = planned > session->scale_iteration ? planned - session->scale_iteration : 0;
    return nst_session_at_last_scale(session) || left < here ? left : here;
}

/* The terms that belong to the accepted iterate. */
static void take_terms(nst_session *session)
{
    double f = nst_optimizer_f(session->optimizer);
    uint32_t kept = session->journal_count < NST_JOURNAL ? session->journal_count : NST_JOURNAL;
    for (uint32_t back = 1; back <= kept; back++) {
        const nst_journal_entry *entry = &session->journal[(session->journal_count - back) % NST_JOURNAL];
        if (entry->f != f) continue;
        session->retention = entry->retention;
        session->term_count = nst_objective_term_count(session->objective);
        for (size_t i = 0; i < session->term_count; i++) {
            session->terms[i] = nst_objective_get_term(session->objective, i);
            session->terms[i].value = entry->values[i];
        }
        nst_session_note_style(session);
        nst_session_note_share(session);
        return;
    }
}

void nst_session_note_share(nst_session *session)
{
    session->matting_share = (double)NAN;
    for (size_t i = 0; i < session->term_count; i++)
        if (strcmp(session->terms[i].kind, nst_loss_matting.kind) == 0)
            session->matting_share = session->terms[i].value / session->settings.matting;
}

static void note_loss(nst_session *session)
{
    session->window[session->window_count++ % (NST_TOLERANCE_WINDOW + 1)] = nst_optimizer_f(session->optimizer);
    take_terms(session);
}

static bool fell_too_little(const nst_session *session)
{
    double now, then;
    if (session->settings.tolerance <= 0 || session->window_count <= NST_TOLERANCE_WINDOW) return false;
    now = session->window[(session->window_count - 1) % (NST_TOLERANCE_WINDOW + 1)];
    then = session->window[session->window_count % (NST_TOLERANCE_WINDOW + 1)];
    return then - now < session->settings.tolerance * fabs(now);
}

static uint32_t bounded_iterations(const nst_session *session)
{
    return session->settings.matting > 0 ? NST_BOUNDED_PHOTO_ITERATIONS : NST_BOUNDED_ITERATIONS;
}

/* L-BFGS runs free, because clamping its iterates spoils the curvature, and ends with a few iterations inside 0..1, so that what is
 * delivered is feasible and near the optimum of the box. */
static bool wants_bounds(const nst_session *session)
{
    return session->settings.optim.kind == NST_OPTIMIZER_LBFGS && nst_session_at_last_scale(session) &&
           (session->early != NST_STOP_NONE || nst_session_iterations_left(session) <= bounded_iterations(session));
}

/* After an iteration: is there a reason to stop before the planned count? */
static void judge(nst_session *session, bool converged, bool bounded)
{
    if (session->early != NST_STOP_NONE) {
        session->bounded_left = converged || session->bounded_left == 0 ? 0 : session->bounded_left - 1;
        return;
    }
    if (converged) session->early = NST_STOP_CONVERGED;
    else if (fell_too_little(session)) session->early = NST_STOP_TOLERANCE;
    session->bounded_left = wants_bounds(session) && !bounded ? bounded_iterations(session) : 0;
}

static nst_stop_reason scale_over(const nst_session *session)
{
    if (session->early != NST_STOP_NONE && session->bounded_left == 0) return session->early;
    if (nst_strength_found(&session->strength) && session->scale == 0 && !nst_session_at_last_scale(session)) return NST_STOP_ITERATIONS;
    if (nst_session_iterations_left(session) == 0) return session->early != NST_STOP_NONE ? session->early : NST_STOP_ITERATIONS;
    return NST_STOP_NONE;
}

nst_stop_reason nst_session_over(const nst_session *session)
{
    return session->optimizer && nst_session_at_last_scale(session) ? scale_over(session) : NST_STOP_NONE;
}

static int32_t numeric_failure(nst_session *session)
{
    const char *trouble = nst_objective_trouble(session->objective);
    session->stop = NST_STOP_NUMERIC;
    return nst_fail(&session->error, NST_ERR_NUMERIC,
                    "non-finite numbers in %s after %u iterations: the picture of the last good iteration is kept; weights may be too "
                    "large", trouble ? trouble : "the loss", session->iteration);
}

int32_t nst_session_begin(nst_session *session)
{
    int32_t status = nst_optimizer_begin(session->optimizer);
    if (status < 0) return status;
    if (status == NST_STEP_NUMERIC) return numeric_failure(session);
    session->window_count = 0;
    note_loss(session);
    return NST_CONTINUE;
}

/* ---- the first scale ---- */

static void begin_strength(nst_session *session)
{
    nst_strength *strength = &session->strength;
    if (!isnan(session->settings.strength) && strength->phase == NST_STRENGTH_OFF)
        nst_strength_begin(strength, session->settings.strength, session->schedule.search_share, nst_session_iterations_left(session));
}

static int32_t open_first_scale(nst_session *session, nst_error *error)
{
    nst_strength before = session->strength;
    nst_restraint held = session->restraint;
    nst_real *picture;
    int32_t status;
    begin_strength(session);
    nst_restraint_begin(&session->restraint, session->settings.photo, session->settings.matting);
    nst_restraint_follow(&session->restraint, 0, nst_session_scale_iterations(session, 0));
    nst_session_take_weights(session);
    status = nst_session_new_picture(session, &picture, error);
    if (status >= 0) status = nst_session_fill_start(session, picture, error);
    if (status >= 0) status = nst_session_open_scale(session, &picture, error);
    nst_free(&session->ctx->memory, picture);
    if (status >= 0) status = nst_session_begin(session);
    if (status >= 0) return status;
    nst_session_close_scale(session);
    session->strength = before; /* options may be others when it is tried again */
    session->restraint = held;
    return status;
}

/* ---- one iteration ---- */

/* Clipping moves the picture: its loss is noted at once, so that all is of one piece should the iteration be cancelled. */
static int32_t take_bounds(nst_session *session, bool bounded)
{
    int32_t status;
    nst_optimizer_set_bounded(session->optimizer, bounded);
    status = nst_optimizer_begin(session->optimizer);
    if (status == NST_STEP_OK) take_terms(session);
    return status;
}

static int32_t iterate(nst_session *session)
{
    bool bounded = wants_bounds(session);
    int32_t status = take_bounds(session, bounded);
    if (status == NST_STEP_OK) status = nst_optimizer_step(session->optimizer);
    if (status < 0) return status;
    if (status == NST_STEP_NUMERIC) return numeric_failure(session);
    session->iteration++;
    session->scale_iteration++;
    note_loss(session);
    judge(session, status == NST_STEP_CONVERGED, bounded);
    return nst_session_keep_weights(session);
}

/* ---- from one scale or plan to another ---- */

/* What is made anew then. */
typedef struct stand {
    nst_settings settings;
    nst_schedule schedule;
    size_t scale;
    nst_objective *objective;
    nst_optimizer *optimizer;
    nst_pyramid *pyramid;
    uint32_t past_evaluations;
    double content_style;
} stand;

static stand stand_of(const nst_session *session)
{
    return (stand){session->settings, session->schedule, session->scale, session->objective, session->optimizer,
                   session->pyramid, session->past_evaluations, session->content_style};
}

static void move_to(nst_session *session, const stand *to)
{
    session->settings = to->settings;
    session->schedule = to->schedule;
    session->scale = to->scale;
    session->objective = to->objective;
    session->optimizer = to->optimizer;
    session->pyramid = to->pyramid;
    session->past_evaluations = to->past_evaluations;
    session->content_style = to->content_style;
}

typedef struct resampling {
    nst_ctx *ctx;
    size_t from_width, from_height, width, height;
    nst_error *error;
} resampling;

static int32_t resample_moments(void *user, const nst_real *from, nst_real *to)
{
    const resampling *r = user;
    return nst_picture_resample(r->ctx, from, r->from_width, r->from_height, to, r->width, r->height, true, r->error);
}

static int32_t open_around(nst_session *session, const nst_optimizer *old, resampling *sizes)
{
    nst_real *picture;
    int32_t status = nst_session_new_picture(session, &picture, sizes->error);
    if (status >= 0)
        status = nst_session_grow(session, nst_optimizer_result(old), (nst_extent){sizes->from_width, sizes->from_height},
                                  (nst_extent){sizes->width, sizes->height}, picture, sizes->error);
    if (status >= 0) status = nst_session_open_scale(session, &picture, sizes->error);
    nst_free(&session->ctx->memory, picture);
    return status < 0 ? status : nst_optimizer_carry_over(session->optimizer, old, resample_moments, sizes);
}

int32_t nst_session_reopen(nst_session *session, const nst_settings *settings, const nst_schedule *schedule, size_t scale,
                           nst_error *error)
{
    stand old = stand_of(session), new = {*settings, *schedule, scale, NULL, NULL, NULL, nst_session_evaluations(session),
                                          (double)NAN};
    resampling sizes = {session->ctx, nst_session_width(session), nst_session_height(session), schedule->scales[scale].width,
                        schedule->scales[scale].height, error};
    int32_t status;
    move_to(session, &new);
    nst_objective_rest(old.objective);
    status = open_around(session, old.optimizer, &sizes);
    if (status >= 0) status = nst_session_begin(session);
    if (status < 0) {
        nst_session_close_scale(session);
        move_to(session, &old);
        return status;
    }
    nst_optimizer_free(old.optimizer);
    nst_pyramid_free(old.pyramid);
    nst_objective_free(old.objective);
    session->early = NST_STOP_NONE;
    return NST_OK;
}

/* ---- one step ---- */

static int32_t open_next_scale(nst_session *session)
{
    nst_strength before = session->strength;
    uint32_t length = session->schedule.scales[session->scale + 1].iterations;
    int32_t status;
    nst_strength_follow(&session->strength, 0, length);
    nst_session_take_weights(session);
    status = nst_session_reopen(session, &session->settings, &session->schedule, session->scale + 1, &session->error);
    if (status >= 0) {
        session->scale_iteration = 0;
        nst_session_follow(session); /* the last scale has what others have spared as well */
        return status;
    }
    session->strength = before;
    return status;
}

static int32_t advance(nst_session *session)
{
    int32_t status = nst_session_apply_changes(session, &session->error);
    nst_stop_reason over;
    if (status < 0) return status;
    if (!session->optimizer) return open_first_scale(session, &session->error);
    if (session->start_over_pending) return nst_session_start_over(session);
    over = scale_over(session);
    if (over != NST_STOP_NONE && !nst_session_at_last_scale(session)) return open_next_scale(session);
    session->stop = over;
    return over != NST_STOP_NONE ? NST_DONE : iterate(session);
}

int32_t nst_session_advance(nst_session *session)
{
    double start = nst_clock_seconds();
    int32_t status;
    session->stop = NST_STOP_NONE;
    status = atomic_load(&session->cancel) ? NST_ERR_CANCELLED : advance(session);
    if (status == NST_ERR_CANCELLED) {
        atomic_store(&session->cancel, 0);
        session->stop = NST_STOP_CANCELLED;
        nst_fail(&session->error, status, "cancelled after %u iterations; a further step goes on", session->iteration);
    }
    session->seconds += nst_clock_seconds() - start;
    return status;
}
