/* Memory told beforehand and obeyed: the run on a ledger, in the order in which session.c takes and gives back, and the ladder of
 * savings that a limit makes it climb. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "session/finish.h"
#include "session/picture.h"
#include "session/previous.h"
#include "session/session.h"

/* What the process takes beside what is counted, code, stacks and other libraries, is kept out of a limit's reach. */
static const size_t largest_allowance = (size_t)32 << 20;
enum { ALLOWANCE_SHARE = 16, LEAST_HISTORY = 2, PROBE_SIDE = 256, PROBE_STEPS = 3 };

/* A run as it would be with these settings. */
typedef struct forecast {
    const nst_session *session;
    const nst_settings *settings;
    const nst_schedule *schedule;
    const nst_kernels *kernels;
    nst_network network; /* described */
    nst_ledger ledger;
    /* of every scale, but for the handing out */
    size_t peaks[sizeof ((nst_schedule *)0)->scales / sizeof ((nst_schedule *)0)->scales[0]];
    size_t peak_scale;
    nst_objective_size size; /* of the scale at work */
    nst_target_idle idle;
    nst_error *error;
} forecast;

/* ---- the run, told ---- */

static size_t own_bytes(const nst_session *session)
{
    size_t bytes = sizeof *session + sizeof *session->options;
    for (int id = 0; id < NST_OPT_COUNT; id++)
        if (session->options->values[id]) bytes += strlen(session->options->values[id]) + 1;
    return bytes;
}

static size_t image_bytes(const nst_image *image)
{
    return nst_image_bytes(image->width, image->height, image->has_alpha);
}

static const nst_image *start_image(const forecast *f)
{
    const nst_session *session = f->session;
    switch (f->settings->init) {
    case NST_INIT_CONTENT:
    case NST_INIT_MATCHED: return session->targets->content;
    case NST_INIT_STYLE: return session->targets->style_count > 0 ? session->targets->styles[0] : NULL;
    case NST_INIT_IMAGE: return session->init;
    default: return NULL;
    }
}

static void pass_through(nst_ledger *ledger, nst_purpose purpose, size_t bytes)
{
    nst_ledger_take(ledger, purpose, bytes);
    nst_ledger_give(ledger, purpose, bytes);
}

static size_t optimizer_bytes(const forecast *f, size_t scale)
{
    size_t width = f->schedule->scales[scale].width, height = f->schedule->scales[scale].height;
    size_t pyramid = f->settings->pyramid ? nst_pyramid_bytes(width, height) : 0;
    return pyramid + nst_optimizer_bytes(&f->settings->optim, nst_picture_values(width, height), f->settings->pyramid);
}

static nst_objective_config objective_config(forecast *f, size_t scale)
{
    return (nst_objective_config){.targets = f->session->targets, .previous = f->session->previous, .settings = f->settings,
                                  .network = &f->network, .kernels = f->kernels,
                                  .exec = &f->session->exec, .width = f->schedule->scales[scale].width,
                                  .height = f->schedule->scales[scale].height, .octaves = f->schedule->scales[scale].octaves,
                                  .room = f->schedule->scales[scale].room};
}

static size_t detail_bytes(const forecast *f, size_t width, size_t height)
{
    return f->settings->detail > 0 || f->settings->from_previous ? nst_picture_bytes(width, height) : 0;
}

static void enter_detail(forecast *f, size_t width, size_t height)
{
    nst_ledger_take(&f->ledger, NST_FOR_IMAGES, detail_bytes(f, width, height));
    if (f->settings->detail > 0)
        pass_through(&f->ledger, NST_FOR_IMAGES, nst_picture_from_image_bytes(f->session->targets->content, width, height));
    if (f->settings->from_previous) pass_through(&f->ledger, NST_FOR_IMAGES, nst_previous_bytes(f->session->previous, width, height));
}

/* A scale grows out of the one before. */
static void enter_growth(forecast *f, size_t scale)
{
    size_t width = f->schedule->scales[scale].width, height = f->schedule->scales[scale].height;
    size_t before_width = f->schedule->scales[scale - 1].width, before_height = f->schedule->scales[scale - 1].height;
    enter_detail(f, before_width, before_height);
    pass_through(&f->ledger, NST_FOR_IMAGES, nst_picture_resample_bytes(before_width, before_height, width, height, false));
    nst_ledger_give(&f->ledger, NST_FOR_IMAGES, detail_bytes(f, before_width, before_height));
    enter_detail(f, width, height);
    nst_ledger_give(&f->ledger, NST_FOR_IMAGES, detail_bytes(f, width, height));
}

/* Where the picture of a scale comes from. */
static void enter_start(forecast *f, size_t scale)
{
    const nst_image *image = start_image(f);
    size_t width = f->schedule->scales[0].width, height = f->schedule->scales[0].height;
    if (scale > 0) {
        enter_growth(f, scale);
        return;
    }
    if (image) pass_through(&f->ledger, NST_FOR_IMAGES, nst_picture_from_image_bytes(image, width, height));
    if (f->settings->from_previous) pass_through(&f->ledger, NST_FOR_IMAGES, nst_previous_bytes(f->session->previous, width, height));
}

/* The optimiser of the scale before brings its moments. */
static size_t carry_bytes(const forecast *f, size_t scale)
{
    if (scale == 0 || f->settings->optim.kind != NST_OPTIMIZER_ADAM) return 0;
    return nst_picture_resample_bytes(f->schedule->scales[scale - 1].width, f->schedule->scales[scale - 1].height,
                                      f->schedule->scales[scale].width, f->schedule->scales[scale].height, true);
}

/* The search for a strength begins with the start picture again. */
static void enter_restart(forecast *f, size_t picture)
{
    nst_ledger_take(&f->ledger, NST_FOR_IMAGES, picture);
    enter_start(f, 0);
    nst_ledger_give(&f->ledger, NST_FOR_IMAGES, picture);
}

static void enter_look_at_content(forecast *f, size_t scale, size_t picture)
{
    const nst_targets *targets = f->session->targets;
    size_t width = f->schedule->scales[scale].width, height = f->schedule->scales[scale].height;
    if (!nst_session_looks_at_content(targets, f->settings, f->schedule, scale)) return;
    pass_through(&f->ledger, NST_FOR_IMAGES, picture + nst_picture_from_image_bytes(targets->content, width, height));
}

static int32_t open_scale(forecast *f, size_t scale)
{
    size_t picture = nst_picture_bytes(f->schedule->scales[scale].width, f->schedule->scales[scale].height);
    nst_objective_size before = f->size;
    nst_objective_config config = objective_config(f, scale);
    nst_ledger *ledger = &f->ledger;
    int32_t status;
    nst_ledger_give(ledger, NST_FOR_FEATURES, before.walk.bytes);
    nst_ledger_take(ledger, NST_FOR_IMAGES, picture);
    enter_start(f, scale);
    if (scale == 0) nst_ledger_take(ledger, NST_FOR_NETWORK, nst_network_bytes(&f->network, f->session->targets->model, f->kernels));
    status = nst_objective_foretell(&config, ledger, &f->idle, &f->size, f->error);
    enter_look_at_content(f, scale, picture);
    nst_ledger_give(ledger, NST_FOR_IMAGES, picture); /* it becomes the optimiser's */
    nst_ledger_take(ledger, NST_FOR_OPTIMIZER, optimizer_bytes(f, scale));
    pass_through(ledger, NST_FOR_IMAGES, carry_bytes(f, scale));
    if (scale == 0 && f->schedule->search_share > 0) enter_restart(f, picture);
    if (scale == 0) return status;
    nst_ledger_give(ledger, NST_FOR_OPTIMIZER, optimizer_bytes(f, scale - 1));
    nst_objective_foretell_free(&config, &before, &f->idle, ledger);
    return status;
}

static size_t making_bytes(const nst_targets *targets, const nst_schedule *schedule)
{
    nst_enlarging e = nst_enlarging_of(targets, schedule);
    return nst_enlarges(&e) ? nst_enlarge_bytes(&e) : nst_picture_to_image_bytes(e.width, e.height, targets->content);
}

/* The finished picture goes out. Under a limit the features rest meanwhile (nst_session_image()). */
static void hand_out(forecast *f)
{
    const nst_targets *targets = f->session->targets;
    size_t width = f->schedule->width, height = f->schedule->height;
    size_t image = nst_image_bytes(width, height, targets->content && targets->content->has_alpha);
    size_t resting = f->settings->memory_limit > 0 ? f->size.walk.bytes : 0;
    nst_ledger_give(&f->ledger, NST_FOR_FEATURES, resting);
    pass_through(&f->ledger, NST_FOR_IMAGES, making_bytes(targets, f->schedule));
    pass_through(&f->ledger, NST_FOR_IMAGES, image + nst_colour_result_bytes(targets, f->settings->colours, width, height));
    pass_through(&f->ledger, NST_FOR_IMAGES, image + nst_finish_bytes(f->settings->finish, targets->content, width, height));
    nst_ledger_take(&f->ledger, NST_FOR_FEATURES, resting);
}

static int32_t tell_run(forecast *f)
{
    size_t last = f->schedule->count - 1;
    int32_t status = NST_OK;
    nst_ledger_take(&f->ledger, NST_FOR_NETWORK, own_bytes(f->session));
    if (f->session->previous) nst_ledger_take(&f->ledger, NST_FOR_IMAGES, image_bytes(f->session->previous));
    for (size_t scale = 0; scale <= last && status >= 0; scale++) {
        size_t peak = f->ledger.peak;
        f->ledger.peak = f->ledger.used; /* this scale's own */
        status = open_scale(f, scale);
        f->peaks[scale] = f->ledger.peak;
        if (scale == last) hand_out(f);
        if (f->ledger.peak >= peak) f->peak_scale = scale;
        else f->ledger.peak = peak;
    }
    return status;
}

static int32_t tell(forecast *f, const nst_session *session, const nst_settings *settings, const nst_schedule *schedule,
                    bool with_features, nst_error *error)
{
    int32_t status;
    memset(f, 0, sizeof *f);
    f->session = session;
    f->settings = settings;
    f->schedule = schedule;
    f->error = error;
    f->kernels = nst_kernels_for((int)session->ctx->level, settings->precision);
    f->ledger.skipped[NST_FOR_FEATURES] = !with_features;
    status = nst_network_describe(session->targets->model, &settings->network, settings->deepest, f->kernels, &f->network, error);
    return status < 0 ? status : tell_run(f);
}

/* ---- the ladder ---- */

static size_t available(const nst_session *session, const nst_settings *settings)
{
    size_t limit = settings->memory_limit, allowance = limit / ALLOWANCE_SHARE;
    if (allowance > largest_allowance) allowance = largest_allowance;
    limit -= allowance;
    return limit > session->beside ? limit - session->beside : 0;
}

/* One saving more, the one that costs least; false: there is none left. */
static bool save_more(nst_settings *settings)
{
    bool lbfgs = settings->optim.kind == NST_OPTIMIZER_LBFGS;
    if (lbfgs && settings->optim.history > 1 && settings->optim.history_precision == NST_PRECISION_FP32)
        settings->optim.history_precision = NST_PRECISION_BF16;
    else if (lbfgs && settings->optim.history > LEAST_HISTORY) settings->optim.history--;
    else if (settings->network.pack) settings->network.pack = false;
    else if (settings->fronts < NST_MOST_FRONTS) settings->fronts++;
    else return false;
    return true;
}

/* What all but the ways through the network takes at every scale leaves the rest for them. */
static int32_t give_room(const nst_session *session, const nst_settings *settings, nst_schedule *schedule, size_t limit,
                         size_t *needed, nst_error *error)
{
    forecast f;
    int32_t status;
    for (size_t i = 0; i < schedule->count; i++) schedule->scales[i].room = SIZE_MAX;
    status = tell(&f, session, settings, schedule, false, error);
    if (status < 0) return status;
    *needed = f.ledger.peak;
    for (size_t i = 0; i < schedule->count; i++) schedule->scales[i].room = f.peaks[i] < limit ? limit - f.peaks[i] : 0;
    status = tell(&f, session, settings, schedule, true, error);
    if (f.ledger.peak > *needed) *needed = f.ledger.peak;
    return status == NST_OK && f.ledger.peak > limit ? NST_ERR_LIMIT : status;
}

/* NST_ERR_LIMIT without a sentence: it cannot be done, at least `needed` bytes are wanted. */
static int32_t obey(const nst_session *session, nst_settings *settings, nst_schedule *schedule, size_t *needed, nst_error *error)
{
    size_t limit = available(session, settings);
    int32_t status;
    do {
        forecast f;
        status = tell(&f, session, settings, schedule, true, error);
        if (status < 0) return status;
        if (f.ledger.peak <= limit) return NST_OK;
    } while (save_more(settings));
    status = give_room(session, settings, schedule, limit, needed, error);
    if (status != NST_ERR_LIMIT) return status;
    settings->narrow = true;
    return give_room(session, settings, schedule, limit, needed, error);
}

static const nst_image *shape_giver(const nst_session *session)
{
    return session->targets->content ? session->targets->content : session->targets->styles[0];
}

static int32_t obey_at(const nst_session *session, const nst_settings *settings, size_t size)
{
    nst_settings smaller = *settings;
    nst_schedule schedule;
    nst_error unused;
    size_t needed;
    smaller.size = size;
    nst_schedule_make(&smaller, shape_giver(session), &schedule);
    return obey(session, &smaller, &schedule, &needed, &unused);
}

/* The largest size, in steps of 16, that the limit allows; 0: none. */
static size_t possible_size(const nst_session *session, const nst_settings *settings, const nst_schedule *schedule)
{
    size_t low = 0, high = (schedule->width > schedule->height ? schedule->width : schedule->height) / 16;
    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;
        if (obey_at(session, settings, 16 * middle) != NST_ERR_LIMIT) low = middle; /* it may be too small for the layers */
        else high = middle - 1;
    }
    return low > 0 && obey_at(session, settings, 16 * low) == NST_OK ? 16 * low : 0;
}

static void advise(const nst_session *session, const nst_settings *settings, size_t size, char *advice, size_t capacity)
{
    nst_settings smaller = *settings;
    nst_schedule schedule;
    smaller.size = size;
    if (size == 0) snprintf(advice, capacity, "no size fits into it");
    else if (settings->width == 0) snprintf(advice, capacity, "try size %zu, which fits", size);
    else {
        nst_schedule_make(&smaller, shape_giver(session), &schedule);
        snprintf(advice, capacity, "try width %zu and height %zu, which fits", schedule.width, schedule.height);
    }
}

static int32_t refuse(const nst_session *session, const nst_settings *settings, const nst_schedule *schedule, size_t needed,
                      nst_error *error)
{
    char need[NST_NUMBER_TEXT], limit[NST_NUMBER_TEXT], advice[80];
    size_t size = possible_size(session, settings, schedule);
    /* with the allowance that comes on top */
    double least = (double)needed + (double)session->beside, share = least / (ALLOWANCE_SHARE - 1);
    least += share < (double)largest_allowance ? share : (double)largest_allowance;
    advise(session, settings, size, advice, sizeof advice);
    return nst_fail(error, NST_ERR_LIMIT, "memory-limit: a picture of %zux%zu needs at least %s, in tiles and with every saving, and the "
                    "limit is %s; %s", schedule->width, schedule->height, nst_format_bytes(least, need),
                    nst_format_bytes((double)settings->memory_limit, limit), advice);
}

int32_t nst_session_plan_memory(const nst_session *session, nst_settings *settings, nst_schedule *schedule, nst_error *error)
{
    nst_settings asked = *settings;
    size_t needed = 0;
    int32_t status;
    if (settings->memory_limit == 0) return NST_OK;
    error->text[0] = '\0';
    status = obey(session, settings, schedule, &needed, error);
    return status == NST_ERR_LIMIT && !error->text[0] ? refuse(session, &asked, schedule, needed, error) : status;
}

/* ---- telling ---- */

static void describe_choices(const forecast *f, nst_estimate *e)
{
    size_t last = f->schedule->count - 1;
    const nst_tiling *tiling = &f->size.walk.ways[0].gradient;
    bool tiled = nst_walk_tiled(&f->size.walk);
    e->width = (uint32_t)f->schedule->width;
    e->height = (uint32_t)f->schedule->height;
    e->tiles = tiled ? (uint32_t)nst_tiling_count(tiling) : 1;
    e->tile_width = tiled ? (uint32_t)tiling->core_width : (uint32_t)f->schedule->scales[last].width;
    e->tile_height = tiled ? (uint32_t)tiling->core_height : (uint32_t)f->schedule->scales[last].height;
    if (f->settings->optim.kind == NST_OPTIMIZER_LBFGS) {
        e->history = (uint32_t)f->settings->optim.history;
        e->history_bits = f->settings->optim.history_precision == NST_PRECISION_BF16 ? 16 : 32;
    }
    e->packed = f->settings->network.pack;
    e->target_bits = f->settings->narrow || !f->kernels->narrow_bytes ? 16 : 32;
    e->recomputed = (uint32_t)f->size.walk.recomputed;
    snprintf(e->precision, sizeof e->precision, "%s", nst_settings_automatic(f->settings, NST_OPT_PRECISION));
}

int32_t nst_session_foretell(const nst_session *session, nst_estimate *e, nst_error *error)
{
    forecast f;
    int32_t status = tell(&f, session, &session->settings, &session->schedule, true, error);
    if (status < 0) return status;
    e->scale = (uint32_t)f.peak_scale + 1;
    e->bytes = f.ledger.peak;
    e->beside = session->beside;
    e->limit = session->settings.memory_limit;
    e->network = f.ledger.at_peak[NST_FOR_NETWORK];
    e->features = f.ledger.at_peak[NST_FOR_FEATURES];
    e->losses = f.ledger.at_peak[NST_FOR_LOSSES];
    e->targets = f.ledger.at_peak[NST_FOR_TARGETS];
    e->optimizer = f.ledger.at_peak[NST_FOR_OPTIMIZER];
    e->images = f.ledger.at_peak[NST_FOR_IMAGES];
    e->seconds_per_iteration = -1;
    describe_choices(&f, e);
    return NST_OK;
}

/* ---- the probe ---- */

typedef struct probe {
    nst_objective *objective;
    nst_optimizer *optimizer;
    double seconds; /* of an iteration */
} probe;

static int32_t evaluate(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    return nst_objective_evaluate(((probe *)user)->objective, x, f, gradient);
}

static int32_t take_time(probe *p)
{
    int32_t status = nst_optimizer_step(p->optimizer); /* pages and caches are fetched */
    double start = nst_clock_seconds();
    for (int i = 0; i < PROBE_STEPS && status >= 0; i++) status = nst_optimizer_step(p->optimizer);
    p->seconds = (nst_clock_seconds() - start) / PROBE_STEPS;
    return status < 0 ? status : NST_OK;
}

/* With targets of its own: what is measured must not stay in the session's. */
static int32_t run_probe(nst_session *session, nst_targets *targets, size_t width, size_t height, probe *p, nst_error *error)
{
    size_t values = nst_picture_values(width, height);
    nst_real *picture = nst_alloc(&session->ctx->memory, nst_picture_bytes(width, height));
    size_t last = session->schedule.count - 1;
    nst_objective_config config = {.targets = targets, .previous = session->previous, .settings = &session->settings,
                                   .network = session->network,
                                   .kernels = session->kernels, .exec = &session->exec, .width = width, .height = height,
                                   .octaves = 1, .room = session->schedule.scales[last].room, .cancel = &session->cancel};
    nst_problem problem = {.n = values, .evaluate = evaluate, .user = p};
    int32_t status = picture ? NST_OK : nst_fail_nomem(error, "a probe");
    if (status >= 0) nst_picture_fill(picture, values, (nst_real)0.5);
    if (status >= 0) nst_picture_blend_noise(picture, values, 1, 1);
    if (status >= 0) status = nst_objective_new(&config, &p->objective, error);
    if (status >= 0)
        status = nst_optimizer_new(session->ctx, session->kernels, &session->exec, &session->settings.optim, &problem, &picture,
                                   &p->optimizer, error);
    if (status >= 0) status = take_time(p);
    nst_optimizer_free(p->optimizer);
    nst_objective_free(p->objective);
    nst_free(&session->ctx->memory, picture);
    return status;
}

static size_t probe_side(size_t side, double factor, size_t least)
{
    size_t scaled = (size_t)((double)side * factor);
    if (scaled < least) scaled = least;
    return scaled < side ? scaled : side;
}

int32_t nst_session_probe(nst_session *session, double *seconds, nst_error *error)
{
    size_t last = session->schedule.count - 1, width = session->schedule.scales[last].width, height = session->schedule.scales[last].height;
    double area = (double)width * (double)height, factor = PROBE_SIDE / sqrt(area);
    size_t small_width = probe_side(width, factor, 32), small_height = probe_side(height, factor, 32);
    nst_targets *own = session->targets, *targets;
    probe p = {NULL, NULL, 0};
    forecast f;
    int32_t status = tell(&f, session, &session->settings, &session->schedule, true, error);
    if (status >= 0) status = nst_session_prepare_network(session, error);
    if (status >= 0) status = nst_targets_create(own->model, own->content, own->styles, own->style_count, &targets, error);
    if (status < 0) return status;
    targets->guides = nst_guides_ref(own->guides);
    targets->weights = nst_guides_ref(own->weights);
    status = run_probe(session, targets, small_width, small_height, &p, error);
    nst_targets_unref(targets);
    if (status == NST_ERR_CANCELLED) atomic_store(&session->cancel, 0); /* it has been delivered */
    *seconds = p.seconds * nst_walk_work(&f.size.walk) / (2.0 * (double)small_width * (double)small_height);
    return status;
}
