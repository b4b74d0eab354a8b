/* Checkpoints: the whole state of a session as a safetensors file, read back by the same hardened reader as weights.
 *
 * Tensors: "optimizer/<name>" for every array of the optimiser, "session/<name>" and "optimizer/<name>" of one F64 for every scalar,
 * "session/previous" (3 or 4, H, W) for the previous frame of a film, if there is one: nobody needs to bring it again.
 * Metadata: the options, and what the state belongs to (model, images, arithmetic), so that a wrong one is told apart. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "session/picture.h"
#include "session/session.h"
#include "weights/safetensors.h"
#include "weights/sha256.h"

#define CHECKPOINT_VERSION "1"
#define PREVIOUS "session/previous"

/* ---- the session's own scalars ---- */

/* What is not a number has no place in a checkpoint. */
static int32_t visit_retention(nst_session *session, const nst_state_visitor *visitor)
{
    bool known = !isnan(session->retention);
    double value = known ? session->retention : 0;
    uint32_t flag = known;
    int32_t status = nst_visit_count(visitor, "session/retention_known", 1, &flag);
    if (status >= 0) status = visitor->scalar(visitor->user, "session/retention", &value);
    if (status >= 0) session->retention = flag ? value : (double)NAN;
    return status;
}

static int32_t visit_strength(nst_session *session, const nst_state_visitor *visitor)
{
    nst_strength *s = &session->strength;
    const struct {
        const char *name;
        uint32_t limit, *value;
    } counts[] = {{"phase", NST_STRENGTH_FROZEN, &s->phase}, {"share", UINT32_MAX, &s->share}, {"round", UINT32_MAX, &s->round},
                  {"done", UINT32_MAX, &s->done}, {"from", UINT32_MAX, &s->from}, {"length", UINT32_MAX, &s->length},
                  {"mark", NST_STRENGTH_MARKS, &s->mark}, {"below_round", UINT32_MAX, &s->below_round},
                  {"above_round", UINT32_MAX, &s->above_round}, {"clamped", NST_CLAMPED_FLAT, &s->clamped}};
    const struct {
        const char *name;
        double *value;
    } numbers[] = {{"target", &s->target}, {"floor", &s->floor}, {"weight", &s->weight}, {"latest", &s->latest},
                   {"last_weight", &s->last_weight}, {"last_logit", &s->last_logit},
                   {"trend", &s->trend}, {"below_weight", &s->below_weight}, {"below_logit", &s->below_logit},
                   {"above_weight", &s->above_weight}, {"above_logit", &s->above_logit}};
    int32_t status = visit_retention(session, visitor);
    char name[48];
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status >= 0; i++) {
        snprintf(name, sizeof name, "session/strength_%s", counts[i].name);
        status = nst_visit_count(visitor, name, counts[i].limit, counts[i].value);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && status >= 0; i++) {
        snprintf(name, sizeof name, "session/strength_%s", numbers[i].name);
        status = visitor->scalar(visitor->user, name, numbers[i].value);
    }
    return status;
}

static int32_t visit_restraint(nst_session *session, const nst_state_visitor *visitor)
{
    nst_restraint *r = &session->restraint;
    int32_t status = nst_visit_count(visitor, "session/restraint_mark", NST_RESTRAINT_MARKS, &r->mark);
    if (status >= 0) status = nst_visit_count(visitor, "session/restraint_from", UINT32_MAX, &r->from);
    if (status >= 0) status = nst_visit_count(visitor, "session/restraint_length", UINT32_MAX, &r->length);
    if (status >= 0) status = nst_visit_count(visitor, "session/restraint_latest", UINT32_MAX, &r->latest);
    if (status >= 0) status = visitor->scalar(visitor->user, "session/restraint_weight", &r->weight);
    if (status >= 0) nst_restraint_restore(r, session->settings.photo);
    return status;
}

/* Reads or writes every scalar of the session; the one list of them. */
static int32_t visit_session(nst_session *session, const nst_state_visitor *visitor)
{
    struct {
        const char *name;
        uint32_t limit, value;
    } counts[] = {
        {"session/scale", (uint32_t)session->schedule.count - 1, (uint32_t)session->scale},
        {"session/scale_iteration", UINT32_MAX, session->scale_iteration},
        {"session/iteration", UINT32_MAX, session->iteration},
        {"session/coarse_end", UINT32_MAX, session->coarse_end},
        {"session/start_over", 1, session->start_over_pending},
        {"session/past_evaluations", UINT32_MAX, session->past_evaluations},
        {"session/bounded_left", NST_BOUNDED_PHOTO_ITERATIONS, session->bounded_left},
        {"session/early", NST_STOP_NUMERIC, (uint32_t)session->early},
        {"session/window_count", UINT32_MAX, session->window_count},
    };
    int32_t status = visitor->scalar(visitor->user, "session/seconds", &session->seconds);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status >= 0; i++)
        status = nst_visit_count(visitor, counts[i].name, counts[i].limit, &counts[i].value);
    for (size_t i = 0; i <= NST_TOLERANCE_WINDOW && status >= 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "session/window%zu", i);
        status = visitor->scalar(visitor->user, name, &session->window[i]);
    }
    if (status < 0) return status;
    session->scale = counts[0].value;
    session->scale_iteration = counts[1].value;
    session->iteration = counts[2].value;
    session->coarse_end = counts[3].value;
    session->start_over_pending = counts[4].value != 0;
    session->past_evaluations = counts[5].value;
    session->bounded_left = counts[6].value;
    session->early = (nst_stop_reason)counts[7].value;
    session->window_count = counts[8].value;
    status = visit_strength(session, visitor);
    if (status >= 0) status = visit_restraint(session, visitor);
    if (status >= 0) nst_session_take_weights(session);
    return status;
}

static int32_t visit_terms(nst_session *session, const nst_state_visitor *visitor)
{
    int32_t status = NST_OK;
    for (size_t i = 0; i < session->term_count && status >= 0; i++) {
        char name[48];
        snprintf(name, sizeof name, "session/term%zu", i);
        status = visitor->scalar(visitor->user, name, &session->terms[i].value);
    }
    return status;
}

/* ---- what a checkpoint belongs to ---- */

#define IDENTITY_TEXT ((NST_MAX_STYLES + 3) * NST_SHA256_HEX)

static void hash_image(const nst_image *image, char hex[NST_SHA256_HEX])
{
    nst_sha256 hash;
    uint32_t size[2] = {image->width, image->height};
    size_t plane_bytes = (size_t)image->width * image->height * sizeof(float);
    nst_sha256_init(&hash);
    nst_sha256_update(&hash, size, sizeof size);
    for (int plane = 0; plane < (image->has_alpha ? 4 : 3); plane++)
        nst_sha256_update(&hash, nst_image_plane_const(image, plane), plane_bytes);
    nst_sha256_final(&hash, hex);
}

static void hash_maps(const nst_guides *guides, char hex[NST_SHA256_HEX])
{
    nst_sha256 hash;
    nst_sha256_init(&hash);
    for (uint32_t i = 0; i <= guides->style_count; i++) {
        const nst_map *map = i == 0 ? &guides->content : &guides->styles[i - 1];
        uint32_t head[3] = {(uint32_t)map->width, (uint32_t)map->height, guides->gray};
        nst_sha256_update(&hash, head, sizeof head);
        nst_sha256_update(&hash, map->values, map->width * map->height);
    }
    nst_sha256_final(&hash, hex);
}

/* "content hash,style hash,...", with "none" where there is no content image; then the maps', where there are any. */
static void identify_images(const nst_targets *targets, char text[IDENTITY_TEXT])
{
    char hex[NST_SHA256_HEX] = "none";
    size_t length;
    if (targets->content) hash_image(targets->content, hex);
    length = (size_t)snprintf(text, IDENTITY_TEXT, "%s", hex);
    for (uint32_t i = 0; i < targets->style_count; i++) {
        hash_image(targets->styles[i], hex);
        length += (size_t)snprintf(text + length, IDENTITY_TEXT - length, ",%s", hex);
    }
    for (int i = 0; i < 2; i++) {
        const nst_guides *maps = i == 0 ? targets->guides : targets->weights;
        if (!maps) continue;
        hash_maps(maps, hex);
        length += (size_t)snprintf(text + length, IDENTITY_TEXT - length, "%c%s", i == 0 ? '/' : '*', hex);
    }
}

/* The same weights can be told to expect something else by their file. */
static void describe_network(const nst_settings *settings, char text[32])
{
    snprintf(text, 32, "%s %s", nst_settings_automatic(settings, NST_OPT_PREPROCESSING),
             nst_settings_automatic(settings, NST_OPT_PADDING));
}

/* ---- writing ---- */

typedef struct collector {
    nst_memory *memory;
    nst_tensor_data *tensors;
    struct {
        char name[48];
        double value;
    } *own; /* names, and the values of scalars, which visitors only lend */
    size_t count, capacity;
    const char *prefix;
} collector;

static int32_t grow(collector *c)
{
    size_t capacity = c->capacity ? 2 * c->capacity : 128;
    void *tensors = nst_realloc(c->memory, c->tensors, capacity * sizeof *c->tensors);
    void *own;
    if (!tensors) return NST_ERR_NOMEM;
    c->tensors = tensors;
    own = nst_realloc(c->memory, c->own, capacity * sizeof *c->own);
    if (!own) return NST_ERR_NOMEM;
    c->own = own;
    c->capacity = capacity;
    return NST_OK;
}

static int32_t collect(collector *c, const char *name, const char *dtype, const void *data, size_t count, size_t bytes)
{
    nst_tensor_data *tensor;
    if (c->count == c->capacity && grow(c) < 0) return NST_ERR_NOMEM;
    snprintf(c->own[c->count].name, sizeof c->own[c->count].name, "%s%s", c->prefix, name);
    tensor = &c->tensors[c->count++];
    *tensor = (nst_tensor_data){.dtype = dtype, .rank = 1, .shape = {count}, .data = data, .bytes = bytes};
    return NST_OK;
}

static int32_t collect_array(void *user, const char *name, nst_real *values, size_t count)
{
    return collect(user, name, NST_REAL_DTYPE, values, count, count * sizeof *values);
}

static int32_t collect_bfloats(void *user, const char *name, uint16_t *values, size_t count)
{
    return collect(user, name, "BF16", values, count, count * sizeof *values);
}

static int32_t collect_scalar(void *user, const char *name, double *value)
{
    collector *c = user;
    int32_t status = collect(c, name, "F64", NULL, 1, sizeof *value);
    if (status >= 0) c->own[c->count - 1].value = *value;
    return status;
}

/* Its planes lie one after the other. */
static int32_t collect_previous(const nst_image *previous, collector *c)
{
    size_t channels = previous->has_alpha ? 4 : 3, count = channels * previous->width * previous->height;
    int32_t status = collect(c, PREVIOUS, "F32", nst_image_plane_const(previous, 0), count, count * sizeof(float));
    nst_tensor_data *tensor;
    if (status < 0) return status;
    tensor = &c->tensors[c->count - 1];
    tensor->rank = 3;
    tensor->shape[0] = channels;
    tensor->shape[1] = previous->height;
    tensor->shape[2] = previous->width;
    return NST_OK;
}

/* The collector's arrays have stopped moving: now pointers into them hold. */
static void settle(collector *c)
{
    for (size_t i = 0; i < c->count; i++) {
        c->tensors[i].name = c->own[i].name;
        if (!c->tensors[i].data) c->tensors[i].data = &c->own[i].value;
    }
}

static int32_t collect_state(nst_session *session, collector *c)
{
    nst_state_visitor visitor = {collect_array, collect_bfloats, collect_scalar, c};
    int32_t status;
    c->prefix = "";
    status = visit_session(session, &visitor);
    if (status >= 0) status = visit_terms(session, &visitor);
    if (status >= 0 && session->previous) status = collect_previous(session->previous, c);
    c->prefix = "optimizer/";
    if (status >= 0) status = nst_optimizer_visit_state(session->optimizer, &visitor);
    settle(c);
    return status;
}

typedef struct writing {
    nst_ctx *ctx;
    const collector *state;
    const char *(*metadata)[2];
    size_t pairs;
} writing;

static int32_t produce(void *user, const nst_writer *writer, nst_error *error)
{
    writing *w = user;
    return nst_safetensors_write(w->ctx, writer, w->state->tensors, w->state->count, (const char *const(*)[2])w->metadata, w->pairs,
                                 error);
}

static int32_t write_state(nst_session *session, const collector *state, const char *options, const char *path, nst_error *error)
{
    char images[IDENTITY_TEXT], network[32];
    const char *metadata[][2] = {{"nst:checkpoint", CHECKPOINT_VERSION},
                                 {"nst:options", options},
                                 {"nst:real", NST_REAL_NAME},
                                 {"nst:model", session->targets->model->weights.fingerprint},
                                 {"nst:network", network},
                                 {"nst:images", images}};
    writing w = {session->ctx, state, metadata, sizeof metadata / sizeof metadata[0]};
    identify_images(session->targets, images);
    describe_network(&session->settings, network);
    return nst_file_replace(session->ctx, path, true, produce, &w, error);
}

int32_t nst_session_write_checkpoint(nst_session *session, const char *path, nst_error *error)
{
    collector state = {.memory = &session->ctx->memory};
    size_t length = nst_options_write_json(session->options, true, NULL, 0);
    char *options;
    int32_t status;
    if (!session->optimizer)
        return nst_fail(error, NST_ERR_STATE, "there is nothing to save before the first step");
    status = nst_session_apply_changes(session, error);
    if (status == NST_ERR_CANCELLED) nst_fail(error, status, "cancelled before a changed option took effect; nothing was saved");
    if (status < 0) return status;
    options = nst_alloc(&session->ctx->memory, length + 1);
    if (!options) return nst_fail_nomem(error, "a checkpoint");
    nst_options_write_json(session->options, true, options, length + 1);
    status = collect_state(session, &state);
    if (status < 0) nst_fail_nomem(error, "a checkpoint");
    else status = write_state(session, &state, options, path, error);
    nst_free(state.memory, state.tensors);
    nst_free(state.memory, state.own);
    nst_free(state.memory, options);
    return status;
}

/* ---- reading ---- */

typedef struct restoring {
    nst_ctx *ctx;
    nst_bytes bytes;
    nst_tensor_list list;
    const char *path, *prefix;
    nst_error *error;
} restoring;

static int32_t bad(const restoring *r, const char *what, const char *name)
{
    return nst_fail(r->error, NST_ERR_CHECKPOINT_FORMAT, "the checkpoint '%s' %s%s", r->path, what, name);
}

static int32_t restore(restoring *r, const char *name, nst_dtype dtype, void *to, size_t count, size_t bytes)
{
    char full[64];
    const nst_tensor_entry *entry;
    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    entry = nst_tensor_list_find(&r->list, full);
    if (!entry) return bad(r, "lacks ", full);
    if (entry->dtype != dtype || entry->rank != 1 || entry->shape[0] != count || entry->bytes != bytes)
        return bad(r, "has another size or type for ", full);
    return nst_bytes_read(&r->bytes, entry->offset, to, bytes, r->error);
}

static int32_t restore_array(void *user, const char *name, nst_real *values, size_t count)
{
    nst_dtype dtype = sizeof *values == sizeof(double) ? NST_DTYPE_F64 : NST_DTYPE_F32;
    int32_t status = restore(user, name, dtype, values, count, count * sizeof *values);
    for (size_t i = 0; i < count && status >= 0; i++)
        if (!isfinite(values[i])) status = bad(user, "holds NaN or infinity in optimizer/", name);
    return status;
}

static int32_t restore_bfloats(void *user, const char *name, uint16_t *values, size_t count)
{
    const uint16_t exponent = 0x7f80; /* all of it set: no number */
    int32_t status = restore(user, name, NST_DTYPE_BF16, values, count, count * sizeof *values);
    for (size_t i = 0; i < count && status >= 0; i++)
        if ((values[i] & exponent) == exponent) status = bad(user, "holds NaN or infinity in optimizer/", name);
    return status;
}

static int32_t restore_scalar(void *user, const char *name, double *value)
{
    int32_t status = restore(user, name, NST_DTYPE_F64, value, 1, sizeof *value);
    return status >= 0 && !isfinite(*value) ? bad(user, "holds NaN or infinity in ", name) : status;
}

static int32_t expect(restoring *r, const char *key, const char *expected, const char *complaint)
{
    char *value = NULL;
    int32_t status = nst_safetensors_metadata(r->ctx, &r->bytes, key, &value, r->error);
    if (status >= 0 && (!value || strcmp(value, expected) != 0)) status = bad(r, complaint, "");
    nst_free(&r->ctx->memory, value);
    return status;
}

static int32_t check_identity(restoring *r, const nst_targets *targets)
{
    char images[IDENTITY_TEXT];
    int32_t status;
    identify_images(targets, images);
    status = expect(r, "nst:checkpoint", CHECKPOINT_VERSION, "is not one of libnst, or of another version");
    if (status >= 0) status = expect(r, "nst:real", NST_REAL_NAME, "was made in another arithmetic");
    if (status >= 0) status = expect(r, "nst:model", targets->model->weights.fingerprint, "belongs to other weights");
    if (status >= 0) status = expect(r, "nst:images", images, "belongs to other images or maps");
    return status;
}

static int32_t read_options(restoring *r, nst_options *options)
{
    char *text = NULL;
    int32_t status = nst_safetensors_metadata(r->ctx, &r->bytes, "nst:options", &text, r->error);
    if (status >= 0 && !text) status = bad(r, "has no options", "");
    if (status >= 0) status = nst_options_parse_json(options, text, strlen(text), r->error);
    nst_free(&r->ctx->memory, text);
    return status;
}

static int32_t read_planes(restoring *r, const nst_tensor_entry *entry, nst_image *image)
{
    size_t count = entry->bytes / sizeof(float);
    float *values = nst_image_plane(image, 0);
    int32_t status = nst_bytes_read(&r->bytes, entry->offset, values, entry->bytes, r->error);
    for (size_t i = 0; i < count && status >= 0; i++)
        if (!(values[i] >= 0 && values[i] <= 1)) status = bad(r, "holds something else than 0..1 in ", PREVIOUS);
    return status;
}

/* Before the settings are used for anything. */
static int32_t read_previous(restoring *r, nst_session *session)
{
    const nst_tensor_entry *entry = nst_tensor_list_find(&r->list, PREVIOUS);
    nst_image *image = NULL;
    int32_t status;
    if (!entry) return NST_OK;
    if (entry->dtype != NST_DTYPE_F32 || entry->rank != 3 || (entry->shape[0] != 3 && entry->shape[0] != 4))
        return bad(r, "has another size or type for ", PREVIOUS);
    status = nst_image_create(r->ctx, (size_t)entry->shape[2], (size_t)entry->shape[1], entry->shape[0] == 4, &image, r->error);
    if (status >= 0) status = read_planes(r, entry, image);
    if (status >= 0) status = nst_session_take_previous(session, image, r->error);
    if (status < 0) nst_image_unref(image);
    return status;
}

/* Under a limit the plan chose how many pairs there are and of how many bits, and where other things lie in memory it might choose
 * otherwise: the file decides. */
static void adopt_pairs(const restoring *r, nst_session *session)
{
    nst_optim_config *config = &session->settings.optim;
    const nst_tensor_entry *first = nst_tensor_list_find(&r->list, "optimizer/s0");
    int count = first != NULL;
    if (session->settings.memory_limit == 0 || config->kind != NST_OPTIMIZER_LBFGS || !first) return;
    for (int most = (int)nst_option_number(session->options, NST_OPT_HISTORY); count < most; count++) {
        char name[32];
        snprintf(name, sizeof name, "optimizer/s%d", count);
        if (!nst_tensor_list_find(&r->list, name)) break;
    }
    config->history = count;
    config->history_precision = first->dtype == NST_DTYPE_BF16 ? NST_PRECISION_BF16 : NST_PRECISION_FP32;
}

/* What the options ask for must lie in the file before memory is taken for it. */
static int32_t check_demand(const restoring *r, const nst_session *session)
{
    size_t values = nst_picture_values(nst_session_width(session), nst_session_height(session));
    const nst_tensor_entry *x = nst_tensor_list_find(&r->list, "optimizer/x");
    const nst_optim_config *config = &session->settings.optim;
    size_t each = config->history_precision == NST_PRECISION_BF16 ? sizeof(uint16_t) : sizeof(nst_real);
    if (!x || x->rank != 1 || x->shape[0] != values) return bad(r, "has another size than its options for ", "optimizer/x");
    if (config->kind == NST_OPTIMIZER_LBFGS && (size_t)config->history > r->bytes.length / (2 * values * each))
        return bad(r, "is too short for its history: it lacks optimizer/ pairs", "");
    return NST_OK;
}

/* The optimiser is made around a blank picture, which the state then replaces. */
static int32_t open_blank(nst_session *session, nst_error *error)
{
    size_t values = nst_picture_values(nst_session_width(session), nst_session_height(session));
    nst_real *blank = nst_alloc_array(&session->ctx->memory, values, sizeof *blank);
    int32_t status;
    if (!blank) return nst_fail_nomem(error, "the picture");
    memset(blank, 0, values * sizeof *blank);
    status = nst_session_open_scale(session, &blank, error);
    nst_free(&session->ctx->memory, blank);
    return status;
}

/* Names and weights are the objective's; the values are what was saved. */
static int32_t read_terms(nst_session *session, const nst_state_visitor *visitor)
{
    int32_t status;
    session->term_count = nst_objective_term_count(session->objective);
    for (size_t i = 0; i < session->term_count; i++) session->terms[i] = nst_objective_get_term(session->objective, i);
    status = visit_terms(session, visitor);
    nst_session_note_style(session);
    nst_session_note_share(session);
    return status;
}

static int32_t read_state(restoring *r, nst_session *session)
{
    nst_state_visitor visitor = {restore_array, restore_bfloats, restore_scalar, r};
    uint32_t past;
    int32_t status;
    r->prefix = "";
    status = visit_session(session, &visitor);
    if (status < 0) return status;
    past = session->past_evaluations;
    adopt_pairs(r, session);
    status = check_demand(r, session);
    if (status >= 0) status = open_blank(session, r->error);
    session->past_evaluations = past;
    if (status >= 0) status = read_terms(session, &visitor);
    r->prefix = "optimizer/";
    if (status >= 0) status = nst_optimizer_visit_state(session->optimizer, &visitor);
    return status;
}

static int32_t restore_session(restoring *r, nst_targets *targets, nst_session **out)
{
    nst_options *options = NULL;
    nst_session *session = NULL;
    char network[32];
    int32_t status = nst_options_new(r->ctx, &options);
    if (status < 0) return nst_fail_nomem(r->error, "options");
    status = read_options(r, options);
    if (status >= 0) status = nst_session_create(targets, options, NULL, true, &session, r->error);
    nst_options_free(options);
    if (status < 0) return status;
    status = read_previous(r, session);
    describe_network(&session->settings, network);
    if (status >= 0) status = expect(r, "nst:network", network, "belongs to weights of another preprocessing or padding");
    if (status >= 0) status = read_state(r, session);
    if (status == NST_ERR_CHECKPOINT_FORMAT && !r->error->text[0]) bad(r, "has a count out of range", "");
    if (status < 0) nst_session_destroy(session);
    else *out = session;
    return status;
}

/* Whatever does not hold together in here is the checkpoint's fault, but not memory and reading. */
static int32_t blame_checkpoint(const restoring *r, int32_t status, nst_error *error)
{
    if (status >= 0) return status;
    *error = *r->error;
    if (status == NST_ERR_NOMEM || status == NST_ERR_IO || status == NST_ERR_CHECKPOINT_FORMAT) return status;
    return nst_fail(error, NST_ERR_CHECKPOINT_FORMAT, "the checkpoint '%.300s' cannot be used: %.600s", r->path, r->error->text);
}

int32_t nst_session_read_checkpoint(nst_targets *targets, const char *path, nst_session **out, nst_error *error)
{
    nst_error reason = {""};
    restoring r = {.ctx = targets->ctx, .path = path, .prefix = "", .error = &reason};
    int32_t status = nst_bytes_open(&r.bytes, path, SIZE_MAX, error);
    if (status < 0) return status;
    nst_tensor_list_init(&r.list, targets->ctx);
    status = nst_container_safetensors.list(&r.bytes, &r.list, &reason);
    if (status >= 0) status = check_identity(&r, targets);
    if (status >= 0) status = restore_session(&r, targets, out);
    nst_tensor_list_clear(&r.list);
    nst_bytes_close(&r.bytes);
    return blame_checkpoint(&r, status, error);
}
