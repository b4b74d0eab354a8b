#include "session/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "session/schedule.h"

/* Whose features a loss holds the picture's against. */
typedef enum loss_source { OF_CONTENT, OF_STYLES } loss_source;

/* A loss at a place: a layer, or the pixels. */
typedef struct part {
    nst_loss loss;
    loss_source source;
    size_t layer; /* index in the network, or NST_PIXELS */
    double layer_weight;
} part;

struct nst_objective {
    nst_ctx *ctx;
    nst_targets *targets; /* holds some of their statistics, not the handle */
    nst_loss_tools tools;
    nst_exec exec;
    nst_network *network;
    nst_pass *pass; /* NULL when there is no loss on features */
    part parts[NST_MAX_TERMS];
    size_t part_count;
    void *blended[NST_MAX_TERMS]; /* targets blended of several styles */
    size_t blended_count;
    void *workspace;
    size_t width, height;
    double sum; /* of the evaluation in progress */
    const char *trouble;
};

/* ---- the losses ---- */

typedef struct loss_entry {
    const nst_loss_class *class;
    loss_source source;
    const nst_layer_choices *layers; /* NULL: on the pixels */
    double weight;
} loss_entry;

/* The one list of them. */
static void list_losses(const nst_settings *settings, loss_entry losses[NST_LOSSES])
{
    const loss_entry all[NST_LOSSES] = {
        {&nst_loss_content, OF_CONTENT, &settings->content, settings->alpha},
        {&nst_loss_gram, OF_STYLES, &settings->style, settings->beta},
        {&nst_loss_tv, OF_CONTENT, NULL, settings->tv},
    };
    memcpy(losses, all, sizeof all);
}

static size_t places_of(const loss_entry *entry)
{
    return entry->layers ? entry->layers->count : 1;
}

static void add_part(nst_objective *objective, const loss_entry *entry, size_t place)
{
    size_t layer = entry->layers ? entry->layers->items[place].layer : NST_PIXELS;
    nst_shape shape = {3, objective->height, objective->width};
    if (layer != NST_PIXELS) shape = nst_network_shape(objective->network, layer, objective->width, objective->height);
    objective->parts[objective->part_count++] =
        (part){.loss = {.class = entry->class, .tools = objective->tools, .shape = shape}, .source = entry->source, .layer = layer};
}

static void list_parts(nst_objective *objective, const nst_settings *settings)
{
    loss_entry losses[NST_LOSSES];
    list_losses(settings, losses);
    for (size_t i = 0; i < NST_LOSSES; i++)
        for (size_t place = 0; place < places_of(&losses[i]); place++) add_part(objective, &losses[i], place);
}

/* The parts stand as list_parts() made them. */
void nst_objective_reweight(nst_objective *objective, const nst_settings *settings)
{
    loss_entry losses[NST_LOSSES];
    part *p = objective->parts;
    list_losses(settings, losses);
    for (size_t i = 0; i < NST_LOSSES; i++)
        for (size_t place = 0; place < places_of(&losses[i]); place++, p++) {
            p->layer_weight = losses[i].layers ? losses[i].layers->items[place].weight : 1;
            p->loss.factor = p->loss.class->factor(settings->dialect, p->loss.shape, p->loss.target);
            p->loss.weight = losses[i].weight * p->layer_weight;
        }
}

/* ---- making ---- */

static int32_t make_pass(nst_objective *objective, const _Atomic int *cancel, nst_error *error)
{
    bool tapped[NST_MAX_LAYERS] = {false}, any = false;
    nst_pass_config config = {objective->ctx, objective->tools.kernels, objective->tools.exec, objective->network, objective->width,
                              objective->height, tapped, true, cancel};
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].layer != NST_PIXELS) any = tapped[objective->parts[i].layer] = true;
    return any ? nst_pass_new(&config, &objective->pass, error) : NST_OK;
}

static int32_t take_states(nst_objective *objective, nst_error *error)
{
    size_t workspace = 0;
    for (size_t i = 0; i < objective->part_count; i++) {
        nst_loss *loss = &objective->parts[i].loss;
        size_t wanted = loss->class->workspace_bytes(&objective->tools, loss->shape);
        loss->state = nst_alloc(&objective->ctx->memory, loss->class->state_bytes(loss->shape));
        if (!loss->state) return nst_fail_nomem(error, "the losses");
        if (wanted > workspace) workspace = wanted;
    }
    objective->workspace = nst_alloc(&objective->ctx->memory, workspace);
    if (!objective->workspace) return nst_fail_nomem(error, "the losses");
    for (size_t i = 0; i < objective->part_count; i++) objective->parts[i].loss.workspace = objective->workspace;
    return NST_OK;
}

/* ---- targets ---- */

static size_t list_requests(const nst_objective *objective, loss_source source, nst_target_request requests[NST_MAX_TERMS])
{
    size_t count = 0;
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].source == source)
            requests[count++] = (nst_target_request){objective->parts[i].loss.class, objective->parts[i].layer};
    return count;
}

static void set_targets(nst_objective *objective, nst_targets *targets, loss_source source, int image, size_t width, size_t height)
{
    for (size_t i = 0; i < objective->part_count; i++) {
        part *p = &objective->parts[i];
        nst_target_request request = {p->loss.class, p->layer};
        if (p->source == source)
            p->loss.target = nst_targets_find(targets, &objective->network->config, image, width, height, &request);
    }
}

static int32_t prepare_content(nst_objective *objective, nst_targets *targets, const _Atomic int *cancel, nst_error *error)
{
    nst_target_request requests[NST_MAX_TERMS];
    size_t count = list_requests(objective, OF_CONTENT, requests);
    int32_t status = nst_targets_prepare(targets, &objective->tools, objective->network, NST_CONTENT_IMAGE, objective->width,
                                         objective->height, requests, count, cancel, error);
    if (status >= 0) set_targets(objective, targets, OF_CONTENT, NST_CONTENT_IMAGE, objective->width, objective->height);
    return status;
}

static int32_t blend_style(nst_objective *objective, nst_targets *targets, int image, double weight, size_t width, size_t height)
{
    size_t slot = 0;
    for (size_t i = 0; i < objective->part_count; i++) {
        part *p = &objective->parts[i];
        nst_target_request request = {p->loss.class, p->layer};
        if (p->source != OF_STYLES) continue;
        if (!p->loss.target) {
            void *blank = nst_alloc_zero(&objective->ctx->memory, p->loss.class->target_bytes(objective->tools.kernels, p->loss.shape));
            if (!blank) return NST_ERR_NOMEM;
            objective->blended[objective->blended_count++] = blank;
            p->loss.target = blank;
        }
        p->loss.class->target_blend(p->loss.shape, weight,
                                    nst_targets_find(targets, &objective->network->config, image, width, height, &request),
                                    objective->blended[slot++]);
    }
    return NST_OK;
}

static int32_t prepare_style(nst_objective *objective, nst_targets *targets, const nst_settings *settings, uint32_t image,
                             const _Atomic int *cancel, nst_error *error)
{
    nst_target_request requests[NST_MAX_TERMS];
    size_t count = list_requests(objective, OF_STYLES, requests), width, height;
    int32_t status;
    nst_schedule_style_size(targets->styles[image], settings->style_scale, objective->width, objective->height, &width, &height);
    status = nst_targets_prepare(targets, &objective->tools, objective->network, (int)image, width, height, requests, count, cancel,
                                 error);
    if (status < 0) return status;
    if (targets->style_count == 1) {
        set_targets(objective, targets, OF_STYLES, (int)image, width, height);
        return NST_OK;
    }
    status = blend_style(objective, targets, (int)image, settings->style_weights[image], width, height);
    for (size_t i = 0; i < count; i++)
        nst_targets_release(targets, nst_targets_find(targets, &objective->network->config, (int)image, width, height, &requests[i]));
    return status < 0 ? nst_fail_nomem(error, "blended styles") : NST_OK;
}

static int32_t build(nst_objective *objective, nst_targets *targets, const nst_settings *settings, const _Atomic int *cancel,
                     nst_error *error)
{
    int32_t status = nst_network_new(objective->ctx, targets->model, &settings->network, settings->deepest, objective->tools.kernels,
                                     objective->tools.exec, &objective->network, error);
    if (status < 0) return status;
    list_parts(objective, settings);
    if (targets->content) status = prepare_content(objective, targets, cancel, error);
    for (uint32_t i = 0; i < targets->style_count && status >= 0; i++)
        status = prepare_style(objective, targets, settings, i, cancel, error);
    if (status >= 0) status = take_states(objective, error);
    if (status >= 0) status = make_pass(objective, cancel, error); /* last: by now the passes over the targets have gone */
    if (status >= 0) nst_objective_reweight(objective, settings);
    return status;
}

int32_t nst_objective_new(nst_targets *targets, const nst_settings *settings, const nst_kernels *kernels, const nst_exec *exec,
                          size_t width, size_t height, const _Atomic int *cancel, nst_objective **out, nst_error *error)
{
    nst_objective *objective = nst_alloc_zero(&targets->ctx->memory, sizeof *objective);
    int32_t status;
    *out = NULL;
    if (!objective) return nst_fail_nomem(error, "the objective");
    objective->ctx = targets->ctx;
    objective->targets = targets;
    objective->exec = *exec;
    objective->tools = (nst_loss_tools){kernels, &objective->exec};
    objective->width = width;
    objective->height = height;
    status = build(objective, targets, settings, cancel, error);
    if (status < 0) nst_objective_free(objective);
    else *out = objective;
    return status;
}

void nst_objective_free(nst_objective *objective)
{
    nst_memory *memory;
    if (!objective) return;
    memory = &objective->ctx->memory;
    for (size_t i = 0; i < objective->part_count; i++) {
        bool blended = objective->parts[i].source == OF_STYLES && objective->targets->style_count > 1;
        if (!blended) nst_targets_release(objective->targets, objective->parts[i].loss.target);
        nst_free(memory, objective->parts[i].loss.state);
    }
    for (size_t i = 0; i < objective->blended_count; i++) nst_free(memory, objective->blended[i]);
    nst_free(memory, objective->workspace);
    nst_pass_free(objective->pass);
    nst_network_free(objective->network);
    nst_free(memory, objective);
}

/* ---- loss and gradient ---- */

static int32_t observe(void *user, size_t layer, nst_shape shape, const void *features)
{
    nst_objective *objective = user;
    (void)shape;
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].layer == layer) objective->sum += nst_loss_evaluate(&objective->parts[i].loss, features);
    return NST_OK;
}

/* Losses share one workspace but keep their states, so that all gradients can be taken on the way back. */
static int32_t inject(void *user, size_t layer, nst_shape shape, const void *features, void *gradient)
{
    nst_objective *objective = user;
    (void)shape;
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].layer == layer) nst_loss_differentiate(&objective->parts[i].loss, features, gradient);
    return NST_OK;
}

static bool finite_picture(const nst_objective *objective, const nst_real *x)
{
    for (size_t i = 0; i < 3 * objective->width * objective->height; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static const char *find_trouble(const nst_objective *objective, const nst_real *x)
{
    const char *layer = objective->pass ? nst_pass_non_finite_layer(objective->pass, x) : NULL;
    return layer ? layer : "the loss";
}

int32_t nst_objective_evaluate(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    nst_objective *objective = user;
    nst_shape pixels = {3, objective->height, objective->width};
    int32_t status = NST_OK;
    objective->sum = 0;
    objective->trouble = NULL;
    observe(objective, NST_PIXELS, pixels, x);
    if (objective->pass) status = nst_pass_forward(objective->pass, x, observe, objective);
    if (status < 0) return status;
    *f = objective->sum;
    if (!isfinite(*f)) {
        objective->trouble = find_trouble(objective, x);
        *f = (double)NAN;
        return NST_OK;
    }
    if (objective->pass) status = nst_pass_backward(objective->pass, inject, objective, gradient);
    else memset(gradient, 0, 3 * objective->width * objective->height * sizeof *gradient);
    if (status < 0) return status;
    inject(objective, NST_PIXELS, pixels, x, gradient);
    if (!finite_picture(objective, gradient)) {
        objective->trouble = "the gradient";
        *f = (double)NAN;
    }
    return NST_OK;
}

/* ---- terms ---- */

size_t nst_objective_term_count(const nst_objective *objective)
{
    return objective->part_count;
}

nst_objective_term nst_objective_get_term(const nst_objective *objective, size_t index)
{
    const part *p = &objective->parts[index];
    nst_objective_term term = {.kind = p->loss.class->kind, .weight = p->layer_weight * p->loss.factor, .value = p->loss.value};
    snprintf(term.layer, sizeof term.layer, "%s", p->layer == NST_PIXELS ? "pixels" : objective->network->layers[p->layer].name);
    return term;
}

const char *nst_objective_trouble(const nst_objective *objective)
{
    return objective->trouble;
}
