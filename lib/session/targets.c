#include "session/targets.h"

#include <string.h>

#include "session/picture.h"

struct nst_target_entry {
    nst_target_entry *next;
    nst_target_request request;
    nst_network_config config;
    int image;
    size_t width, height;
    nst_shape shape;
    uint32_t holds; /* by objectives; at 0 it stays only while there is room */
    size_t bytes; /* with its own: a loss may need no target data at all */
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

/* ---- the cache ---- */

static nst_target_entry *find_entry(nst_target_entry *entry, const nst_network_config *config, int image, size_t width,
                                    size_t height, const nst_target_request *request)
{
    for (; entry; entry = entry->next)
        if (entry->request.class == request->class && entry->request.layer == request->layer && entry->image == image &&
            entry->width == width && entry->height == height && nst_network_config_equal(&entry->config, config))
            return entry;
    return NULL;
}

const void *nst_targets_find(nst_targets *targets, const nst_network_config *config, int image, size_t width, size_t height,
                             const nst_target_request *request)
{
    const nst_target_entry *entry;
    nst_mutex_lock(targets->lock);
    entry = find_entry(targets->entries, config, image, width, height, request);
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

/* ---- computing what is missing ---- */

/* One image at one size. New entries gather in `fresh`, which no other thread sees, and join the cache only when all are complete. */
typedef struct job {
    nst_targets *targets;
    const nst_loss_tools *tools;
    const nst_network *network;
    int image;
    size_t width, height;
    const _Atomic int *cancel;
    nst_error *error;
    nst_target_entry *fresh;
    bool tapped[NST_MAX_LAYERS];
    bool any_tapped;
} job;

static int32_t add_entry(job *work, const nst_target_request *request, nst_error *error)
{
    nst_memory *memory = &work->targets->ctx->memory;
    nst_target_entry *entry = nst_alloc_zero(memory, sizeof *entry);
    nst_shape shape = {3, work->height, work->width};
    size_t bytes;
    if (!entry) return nst_fail_nomem(error, "target statistics");
    if (request->layer != NST_PIXELS) {
        shape = nst_network_shape(work->network, request->layer, work->width, work->height);
        work->tapped[request->layer] = work->any_tapped = true;
    }
    bytes = request->class->target_bytes(work->tools->kernels, shape);
    *entry = (nst_target_entry){.next = work->fresh, .request = *request, .config = work->network->config, .image = work->image,
                                .width = work->width, .height = work->height, .shape = shape,
                                .bytes = sizeof *entry + bytes};
    work->fresh = entry;
    entry->data = nst_alloc_zero(memory, bytes);
    return entry->data ? NST_OK : nst_fail_nomem(error, "target statistics");
}

static nst_target_entry *find_in(const job *work, nst_target_entry *entries, const nst_target_request *request)
{
    return find_entry(entries, &work->network->config, work->image, work->width, work->height, request);
}

static int32_t add_missing(job *work, const nst_target_request *requests, size_t count, nst_error *error)
{
    int32_t status = NST_OK;
    for (size_t i = 0; i < count && status >= 0; i++)
        if (!find_in(work, work->targets->entries, &requests[i]) && !find_in(work, work->fresh, &requests[i]))
            status = add_entry(work, &requests[i], error);
    return status;
}

static int32_t compute_entry(job *work, nst_target_entry *entry, const void *features)
{
    const nst_loss_class *class = entry->request.class;
    nst_memory *memory = &work->targets->ctx->memory;
    void *workspace = nst_alloc(memory, class->workspace_bytes(work->tools, entry->shape));
    nst_tile whole = nst_tile_whole(entry->shape);
    if (!workspace) return nst_fail_nomem(work->error, "target statistics");
    class->target_accumulate(work->tools, entry->shape, &whole, features, entry->data, workspace);
    if (class->target_finish) class->target_finish(entry->shape, entry->data);
    nst_free(memory, workspace);
    return NST_OK;
}

static int32_t observe(void *user, size_t layer, nst_shape shape, const void *features)
{
    job *work = user;
    int32_t status = NST_OK;
    (void)shape;
    for (nst_target_entry *entry = work->fresh; entry && status >= 0; entry = entry->next)
        if (entry->request.layer == layer) status = compute_entry(work, entry, features);
    return status;
}

static int32_t run_pass(job *work, const nst_real *picture, nst_error *error)
{
    nst_pass_config config = {work->targets->ctx, work->tools->kernels, work->tools->exec, work->network, work->width, work->height,
                              work->tapped, false, work->cancel};
    nst_pass *pass;
    int32_t status = nst_pass_new(&config, &pass, error);
    if (status < 0) return status;
    status = nst_pass_forward(pass, picture, observe, work);
    nst_pass_free(pass);
    return status;
}

static int32_t compute(job *work, nst_error *error)
{
    nst_memory *memory = &work->targets->ctx->memory;
    nst_real *picture = nst_alloc_array(memory, nst_picture_values(work->width, work->height), sizeof *picture);
    int32_t status;
    if (!picture) return nst_fail_nomem(error, "a target image");
    status = nst_picture_from_image(nst_targets_image(work->targets, work->image), work->width, work->height, picture, error);
    if (status >= 0) status = observe(work, NST_PIXELS, (nst_shape){3, work->height, work->width}, picture);
    if (status >= 0 && work->any_tapped) status = run_pass(work, picture, error);
    nst_free(memory, picture);
    return status;
}

static void drop_fresh(job *work)
{
    while (work->fresh) {
        nst_target_entry *entry = work->fresh;
        work->fresh = entry->next;
        free_entry(&work->targets->ctx->memory, entry);
    }
}

/* Where another session was faster, its equal statistics serve. */
static void join(job *work)
{
    nst_target_entry *entry = work->fresh;
    work->fresh = NULL;
    while (entry) {
        nst_target_entry *next = entry->next;
        nst_target_entry *known = find_in(work, work->targets->entries, &entry->request);
        if (known) {
            known->holds += entry->holds;
            free_entry(&work->targets->ctx->memory, entry);
        } else {
            entry->next = work->targets->entries;
            work->targets->entries = entry;
        }
        entry = next;
    }
}

static void hold_all(job *work, const nst_target_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nst_target_entry *entry = find_in(work, work->fresh, &requests[i]);
        if (!entry) entry = find_in(work, work->targets->entries, &requests[i]);
        entry->holds++;
    }
}

static void give_up(job *work, const nst_target_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!find_in(work, work->fresh, &requests[i])) let_go(work->targets, find_in(work, work->targets->entries, &requests[i]));
    drop_fresh(work);
}

/* What is there is held before the lock is left, so that it is still there when the rest has been computed. */
int32_t nst_targets_prepare(nst_targets *targets, const nst_loss_tools *tools, const nst_network *network, int image, size_t width,
                            size_t height, const nst_target_request *requests, size_t count, const _Atomic int *cancel,
                            nst_error *error)
{
    job work = {.targets = targets, .tools = tools, .network = network, .image = image, .width = width, .height = height,
                .cancel = cancel, .error = error};
    int32_t status;
    nst_mutex_lock(targets->lock);
    status = add_missing(&work, requests, count, error);
    if (status >= 0) hold_all(&work, requests, count);
    nst_mutex_unlock(targets->lock);
    if (status < 0) {
        drop_fresh(&work);
        return status;
    }
    if (work.fresh) status = compute(&work, error);
    nst_mutex_lock(targets->lock);
    if (status >= 0) join(&work);
    else give_up(&work, requests, count);
    nst_mutex_unlock(targets->lock);
    return status;
}
