#include "session/targets.h"

#include <string.h>

#include "session/picture.h"

struct nst_target_entry {
    nst_target_entry *next;
    nst_target_request request;
    const nst_kernels *kernels; /* their layout, their arithmetic */
    bool narrow;
    size_t laplacian_pool;
    bool inside;
    nst_network_config config;
    int image;
    nst_colours colours;
    size_t width, height, halvings;
    nst_shape shape;
    uint32_t holds; /* by objectives; at 0 it stays only while there is room */
    size_t bytes; /* with its own: a loss may need no target data at all */
    void *guide; /* while it is computed: what `planes` lies in */
    const nst_real *planes;
    void *data;
};

/* ---- the handle ---- */

static int32_t take_references(nst_targets *targets, nst_model *model, nst_image *content, nst_image *const *styles,
                               uint32_t style_count, nst_error *error)
{
    targets->ctx = nst_ctx_ref(model->ctx);
    targets->model = nst_model_ref(model);
    targets->content = nst_image_ref(content);
    targets->lock = nst_mutex_new(&model->ctx->memory);
    targets->styles = nst_alloc_array(&model->ctx->memory, style_count, sizeof *targets->styles);
    if (!targets->lock || !targets->styles) return nst_fail_nomem(error, "targets");
    for (; targets->style_count < style_count; targets->style_count++)
        targets->styles[targets->style_count] = nst_image_ref(styles[targets->style_count]);
    return NST_OK;
}

int32_t nst_targets_create(nst_model *model, nst_image *content, nst_image *const *styles, uint32_t style_count, nst_targets **out,
                           nst_error *error)
{
    nst_targets *targets = nst_alloc_zero(&model->ctx->memory, sizeof *targets);
    int32_t status;
    if (!targets) return nst_fail_nomem(error, "targets");
    atomic_init(&targets->references, 1);
    targets->idle_limit = NST_TARGETS_IDLE;
    status = take_references(targets, model, content, styles, style_count, error);
    if (status < 0) nst_targets_unref(targets);
    else *out = targets;
    return status;
}

nst_targets *nst_targets_ref(nst_targets *targets)
{
    if (targets) atomic_fetch_add(&targets->references, 1);
    return targets;
}

static void free_entry(nst_memory *memory, nst_target_entry *entry)
{
    if (!entry) return;
    nst_free(memory, entry->guide);
    nst_free(memory, entry->data);
    nst_free(memory, entry);
}

void nst_targets_unref(nst_targets *targets)
{
    nst_ctx *ctx;
    if (!targets || atomic_fetch_sub(&targets->references, 1) != 1) return;
    ctx = targets->ctx;
    while (targets->entries) {
        nst_target_entry *entry = targets->entries;
        targets->entries = entry->next;
        free_entry(&ctx->memory, entry);
    }
    for (uint32_t i = 0; i < targets->style_count; i++) nst_image_unref(targets->styles[i]);
    nst_free(&ctx->memory, targets->styles);
    nst_guides_unref(targets->guides);
    nst_guides_unref(targets->weights);
    nst_mutex_free(&ctx->memory, targets->lock);
    nst_image_unref(targets->content);
    nst_model_unref(targets->model);
    nst_free(&ctx->memory, targets);
    nst_ctx_unref(ctx);
}

const nst_image *nst_targets_image(const nst_targets *targets, int image)
{
    return image == NST_CONTENT_IMAGE ? targets->content : targets->styles[image];
}

/* ---- maps ---- */

const nst_map *nst_targets_map(const nst_targets *targets, int image)
{
    return image == NST_CONTENT_IMAGE ? &targets->guides->content : &targets->guides->styles[image];
}

void nst_targets_use(nst_targets *targets)
{
    nst_mutex_lock(targets->lock);
    targets->in_use = true;
    nst_mutex_unlock(targets->lock);
}

/* `maps` is the targets' from now on, in place of those in `*place`. */
static int32_t take_maps(nst_targets *targets, nst_guides *maps, nst_guides **place, nst_error *error)
{
    nst_guides *old = maps;
    nst_mutex_lock(targets->lock);
    if (!targets->in_use) old = *place, *place = maps;
    nst_mutex_unlock(targets->lock);
    nst_guides_unref(old);
    return old == maps ? nst_fail(error, NST_ERR_STATE, "maps are given before a session is made from the targets") : NST_OK;
}

int32_t nst_targets_guide(nst_targets *targets, const nst_image *content, nst_image *const *styles, nst_error *error)
{
    nst_guides *maps;
    int32_t status = nst_guides_new(targets->ctx, content, styles, targets->style_count, &maps, error);
    return status < 0 ? status : take_maps(targets, maps, &targets->guides, error);
}

int32_t nst_targets_weigh(nst_targets *targets, const nst_image *map, nst_error *error)
{
    nst_guides *maps;
    int32_t status = nst_guides_new_weights(targets->ctx, map, &maps, error);
    return status < 0 ? status : take_maps(targets, maps, &targets->weights, error);
}

/* ---- the cache ---- */

static nst_target_entry *find_entry(nst_target_entry *entry, const nst_target_job *job, const nst_target_request *request)
{
    for (; entry; entry = entry->next)
        if (entry->request.class == request->class && entry->request.layer == request->layer && entry->image == job->image &&
            entry->width == job->width && entry->height == job->height && entry->halvings == job->halvings &&
            entry->inside == job->inside && entry->kernels == job->tools->kernels && entry->narrow == job->tools->narrow &&
            entry->laplacian_pool == job->tools->laplacian_pool && entry->colours == nst_colour_of_target(job->colours, job->image) &&
            nst_network_config_equal(&entry->config, &job->network->config))
            return entry;
    return NULL;
}

const void *nst_targets_find(nst_targets *targets, const nst_target_job *job, size_t index)
{
    const nst_target_entry *entry;
    nst_mutex_lock(targets->lock);
    entry = find_entry(targets->entries, job, &job->requests[index]);
    nst_mutex_unlock(targets->lock);
    return entry ? entry->data : NULL;
}

/* Of what nobody holds, the latest stay as far as the limit goes. */
static void trim(nst_targets *targets)
{
    nst_target_entry **link = &targets->entries;
    size_t room = targets->idle_limit;
    while (*link) {
        nst_target_entry *entry = *link;
        size_t wanted = entry->holds > 0 ? 0 : entry->bytes;
        if (wanted > room) {
            *link = entry->next;
            free_entry(&targets->ctx->memory, entry);
            room = 0;
            continue;
        }
        room -= wanted;
        link = &entry->next;
    }
}

/* The entry that was let go last stands first. */
static void move_to_front(nst_targets *targets, nst_target_entry *entry)
{
    nst_target_entry **link = &targets->entries;
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    entry->next = targets->entries;
    targets->entries = entry;
}

static void let_go(nst_targets *targets, nst_target_entry *entry)
{
    if (--entry->holds > 0) return;
    move_to_front(targets, entry);
    trim(targets);
}

void nst_targets_release(nst_targets *targets, const void *statistics)
{
    nst_target_entry *entry;
    if (!statistics) return;
    nst_mutex_lock(targets->lock);
    for (entry = targets->entries; entry && entry->data != statistics; entry = entry->next) continue;
    if (entry && entry->holds > 0) let_go(targets, entry);
    nst_mutex_unlock(targets->lock);
}

/* ---- what it takes ---- */

/* Of the picture that is looked at. */
static nst_extent extent_of(const nst_target_job *job)
{
    return (nst_extent){job->width >> job->halvings, job->height >> job->halvings};
}

static nst_shape shape_of(const nst_target_job *job, const nst_target_request *request)
{
    nst_extent extent = extent_of(job);
    if (request->layer == NST_PIXELS) return (nst_shape){3, extent.height, extent.width};
    return nst_network_shape(job->network, request->layer, extent.width, extent.height);
}

/* Whether the loss looks at what the layer's convolution has read as well. */
static bool find_before(const nst_network *network, const nst_target_request *request, size_t *before)
{
    return request->class->seed_before && nst_network_before(network, request->layer, before);
}

/* As the request's loss wants them, but for what is there only while features are. */
static nst_loss_tools tools_of(const nst_target_job *job, const nst_target_request *request)
{
    nst_loss_tools tools = *job->tools;
    size_t before;
    if (find_before(job->network, request, &before)) tools.before_channels = job->network->layers[before].channels;
    return tools;
}

static size_t data_bytes(const nst_target_job *job, const nst_target_request *request)
{
    nst_loss_tools tools = tools_of(job, request);
    return request->class->target_bytes(&tools, shape_of(job, request));
}

static size_t workspace_bytes(const nst_target_job *job, const nst_target_request *request)
{
    nst_loss_tools tools = tools_of(job, request);
    return request->class->workspace_bytes(&tools, shape_of(job, request));
}

/* 0 where there is no guide. */
static size_t guide_bytes(const nst_targets *targets, const nst_target_job *job, const nst_target_request *request)
{
    nst_guide_place place = {job->network, request->layer, job->width, job->height, job->halvings, job->inside};
    if (request->class != &nst_loss_guided) return 0;
    return nst_guides_bytes(targets->guides, nst_targets_map(targets, job->image), &place);
}

/* False: no layer is looked at. */
static bool list_taps(const nst_network *network, const nst_target_request *requests, size_t count, bool tapped[NST_MAX_LAYERS])
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        size_t before;
        if (requests[i].layer != NST_PIXELS) any = tapped[requests[i].layer] = true;
        if (find_before(network, &requests[i], &before)) tapped[before] = true;
    }
    return any;
}

static nst_pass_config walk_config(const nst_targets *targets, const nst_target_job *job, const bool *tapped,
                                   const _Atomic int *cancel)
{
    return (nst_pass_config){.ctx = targets->ctx, .kernels = job->tools->kernels, .exec = job->tools->exec, .network = job->network,
                             .width = extent_of(job).width, .height = extent_of(job).height, .tapped = tapped,
                             .fronts = job->fronts, .cancel = cancel};
}

size_t nst_targets_bytes(const nst_target_job *job, size_t index)
{
    return sizeof(nst_target_entry) + data_bytes(job, &job->requests[index]);
}

/* As trim() does. */
void nst_targets_foretell_release(const nst_targets *targets, size_t bytes, nst_target_idle *idle, nst_ledger *ledger)
{
    size_t room = targets->idle_limit, kept = 0;
    if (idle->count == NST_MAX_IDLE) memmove(idle->bytes, idle->bytes + 1, --idle->count * sizeof *idle->bytes);
    idle->bytes[idle->count++] = bytes;
    while (kept < idle->count && idle->bytes[idle->count - 1 - kept] <= room) room -= idle->bytes[idle->count - 1 - kept++];
    for (size_t i = 0; i + kept < idle->count; i++) nst_ledger_give(ledger, NST_FOR_TARGETS, idle->bytes[i]);
    memmove(idle->bytes, idle->bytes + idle->count - kept, kept * sizeof *idle->bytes);
    idle->count = kept;
}

int32_t nst_targets_foretell(const nst_targets *targets, const nst_target_job *job, nst_ledger *ledger, nst_error *error)
{
    const nst_image *image = nst_targets_image(targets, job->image);
    size_t picture = nst_picture_bytes(job->width, job->height);
    size_t resizing = nst_picture_from_image_bytes(image, job->width, job->height), workspace = 0, guides = 0;
    bool tapped[NST_MAX_LAYERS] = {false}, any = list_taps(job->network, job->requests, job->count, tapped);
    nst_pass_config config = walk_config(targets, job, tapped, NULL);
    nst_walk_plan plan = {.bytes = 0};
    int32_t status = NST_OK;
    for (size_t i = 0; i < job->count; i++) {
        size_t wanted = workspace_bytes(job, &job->requests[i]);
        if (wanted > workspace) workspace = wanted;
        guides += guide_bytes(targets, job, &job->requests[i]);
        nst_ledger_take(ledger, NST_FOR_TARGETS, nst_targets_bytes(job, i));
    }
    nst_ledger_take(ledger, NST_FOR_LOSSES, guides);
    nst_ledger_take(ledger, NST_FOR_IMAGES, picture + resizing);
    nst_ledger_give(ledger, NST_FOR_IMAGES, resizing);
    nst_ledger_take(ledger, NST_FOR_LOSSES, workspace);
    if (any) status = nst_walk_make_plan(&config, job->room, &plan, error);
    nst_ledger_take(ledger, NST_FOR_FEATURES, plan.bytes);
    nst_ledger_give(ledger, NST_FOR_FEATURES, plan.bytes);
    nst_ledger_give(ledger, NST_FOR_LOSSES, workspace + guides);
    nst_ledger_give(ledger, NST_FOR_IMAGES, picture);
    return status;
}

/* ---- computing what is missing ---- */

/* New entries gather in `fresh`, which no other thread sees, and join the cache only when all are complete. */
typedef struct work {
    nst_targets *targets;
    const nst_target_job *job;
    const _Atomic int *cancel;
    nst_error *error;
    nst_target_entry *fresh;
    void *workspace; /* they share it */
    nst_walk *walk;  /* while features go by */
} work;

static int32_t add_entry(work *w, const nst_target_request *request)
{
    nst_memory *memory = &w->targets->ctx->memory;
    const nst_target_job *job = w->job;
    nst_target_entry *entry = nst_alloc_zero(memory, sizeof *entry);
    if (!entry) return nst_fail_nomem(w->error, "target statistics");
    *entry = (nst_target_entry){.next = w->fresh, .request = *request, .kernels = job->tools->kernels,
                                .narrow = job->tools->narrow, .laplacian_pool = job->tools->laplacian_pool,
                                .config = job->network->config,
                                .image = job->image, .colours = nst_colour_of_target(job->colours, job->image),
                                .width = job->width, .height = job->height, .halvings = job->halvings, .inside = job->inside,
                                .shape = shape_of(job, request), .bytes = sizeof *entry + data_bytes(job, request)};
    w->fresh = entry;
    entry->data = nst_alloc_zero(memory, data_bytes(job, request));
    return entry->data ? NST_OK : nst_fail_nomem(w->error, "target statistics");
}

static nst_target_entry *find_in(const work *w, nst_target_entry *entries, size_t index)
{
    return find_entry(entries, w->job, &w->job->requests[index]);
}

static int32_t add_missing(work *w)
{
    int32_t status = NST_OK;
    for (size_t i = 0; i < w->job->count && status >= 0; i++)
        if (!find_in(w, w->targets->entries, i) && !find_in(w, w->fresh, i)) status = add_entry(w, &w->job->requests[i]);
    return status;
}

static int32_t observe(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    const work *w = user;
    for (nst_target_entry *entry = w->fresh; entry; entry = entry->next)
        if (entry->request.layer == layer) {
            nst_loss_tools tools = tools_of(w->job, &entry->request);
            size_t before;
            tools.guide = entry->planes;
            if (find_before(w->job->network, &entry->request, &before)) tools.before = nst_walk_features(w->walk, before);
            entry->request.class->target_accumulate(&tools, entry->shape, tile, features, entry->data, w->workspace);
        }
    return NST_OK;
}

static int32_t walk_through(work *w, const nst_real *picture)
{
    bool tapped[NST_MAX_LAYERS] = {false}, any = false;
    nst_pass_config config = walk_config(w->targets, w->job, tapped, w->cancel);
    int32_t status;
    for (const nst_target_entry *entry = w->fresh; entry; entry = entry->next)
        any = list_taps(w->job->network, &entry->request, 1, tapped) || any;
    if (!any) return NST_OK;
    status = nst_walk_new(&config, w->job->room, &w->walk, w->error);
    if (status < 0) return status;
    status = nst_walk_forward(w->walk, picture, observe, w);
    nst_walk_free(w->walk);
    return status;
}

static int32_t look_at(work *w, nst_real *picture)
{
    const nst_target_job *job = w->job;
    nst_tile pixels = nst_tile_whole((nst_shape){3, extent_of(job).height, extent_of(job).width});
    int32_t status = nst_picture_from_image(nst_targets_image(w->targets, job->image), job->width, job->height, picture, w->error);
    if (status >= 0) nst_colour_target(w->targets, job->colours, job->image, picture, job->width * job->height);
    for (size_t i = 0; i < job->halvings && status >= 0; i++)
        nst_picture_halve(picture, job->width >> i, job->height >> i, picture);
    if (status >= 0) status = observe(w, NST_PIXELS, &pixels, picture);
    if (status >= 0) status = walk_through(w, picture);
    for (nst_target_entry *entry = w->fresh; entry && status >= 0; entry = entry->next)
        if (entry->request.class->target_finish) entry->request.class->target_finish(entry->shape, entry->data);
    return status;
}

static int32_t make_guides(work *w)
{
    const nst_target_job *job = w->job;
    for (nst_target_entry *entry = w->fresh; entry; entry = entry->next) {
        nst_guide_place place = {job->network, entry->request.layer, job->width, job->height, job->halvings, job->inside};
        size_t bytes = guide_bytes(w->targets, job, &entry->request);
        if (bytes == 0) continue;
        entry->guide = nst_alloc(&w->targets->ctx->memory, bytes);
        if (!entry->guide) return nst_fail_nomem(w->error, "a guide");
        entry->planes = nst_guides_planes(w->targets->guides, nst_targets_map(w->targets, job->image), &place, entry->guide);
    }
    return NST_OK;
}

static void drop_guides(work *w)
{
    for (nst_target_entry *entry = w->fresh; entry; entry = entry->next) {
        nst_free(&w->targets->ctx->memory, entry->guide);
        entry->guide = NULL;
    }
}

static size_t largest_workspace(const work *w)
{
    size_t largest = 0;
    for (const nst_target_entry *entry = w->fresh; entry; entry = entry->next) {
        size_t wanted = workspace_bytes(w->job, &entry->request);
        if (wanted > largest) largest = wanted;
    }
    return largest;
}

static int32_t compute(work *w)
{
    nst_memory *memory = &w->targets->ctx->memory;
    nst_real *picture = nst_alloc(memory, nst_picture_bytes(w->job->width, w->job->height));
    int32_t status;
    w->workspace = nst_alloc(memory, largest_workspace(w));
    if (!picture || !w->workspace) status = nst_fail_nomem(w->error, "a target image");
    else status = make_guides(w);
    if (status >= 0) status = look_at(w, picture);
    drop_guides(w);
    nst_free(memory, w->workspace);
    nst_free(memory, picture);
    return status;
}

static void drop_fresh(work *w)
{
    while (w->fresh) {
        nst_target_entry *entry = w->fresh;
        w->fresh = entry->next;
        free_entry(&w->targets->ctx->memory, entry);
    }
}

/* Where another session was faster, its equal statistics serve. */
static void join(work *w)
{
    nst_target_entry *entry = w->fresh;
    w->fresh = NULL;
    while (entry) {
        nst_target_entry *next = entry->next;
        nst_target_entry *known = find_entry(w->targets->entries, w->job, &entry->request);
        if (known) {
            known->holds += entry->holds;
            free_entry(&w->targets->ctx->memory, entry);
        } else {
            entry->next = w->targets->entries;
            w->targets->entries = entry;
        }
        entry = next;
    }
}

static void hold_all(work *w)
{
    for (size_t i = 0; i < w->job->count; i++) {
        nst_target_entry *entry = find_in(w, w->fresh, i);
        if (!entry) entry = find_in(w, w->targets->entries, i);
        entry->holds++;
    }
}

static void give_up(work *w)
{
    for (size_t i = 0; i < w->job->count; i++)
        if (!find_in(w, w->fresh, i)) let_go(w->targets, find_in(w, w->targets->entries, i));
    drop_fresh(w);
}

/* What is there is held before the lock is left, so that it is still there when the rest has been computed. */
int32_t nst_targets_prepare(nst_targets *targets, const nst_target_job *job, const _Atomic int *cancel, nst_error *error)
{
    work w = {.targets = targets, .job = job, .cancel = cancel, .error = error};
    int32_t status;
    nst_mutex_lock(targets->lock);
    status = add_missing(&w);
    if (status >= 0) hold_all(&w);
    nst_mutex_unlock(targets->lock);
    if (status < 0) {
        drop_fresh(&w);
        return status;
    }
    if (w.fresh) status = compute(&w);
    nst_mutex_lock(targets->lock);
    if (status >= 0) join(&w);
    else give_up(&w);
    nst_mutex_unlock(targets->lock);
    return status;
}
