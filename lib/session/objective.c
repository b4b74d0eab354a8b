#include "session/objective.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "session/picture.h"
#include "session/previous.h"
#include "session/schedule.h"

/* Whose features a loss holds the picture's against. */
typedef enum loss_source { OF_CONTENT, OF_STYLES, OF_PREVIOUS } loss_source;

/* A loss at a place: a layer, or the pixels. */
typedef struct part {
    nst_loss loss;
    loss_source source;
    size_t octave; /* 0: of the picture itself */
    size_t layer;  /* index in the network, or NST_PIXELS */
    size_t before; /* that the layer's convolution reads, where the loss looks at it as well */
    double layer_weight;
    void *own;   /* the target, where it is blended of several styles or of the previous frame */
    void *guide; /* what the loss's planes lie in */
} part;

/* The picture, halved `octave` times. */
typedef struct octave {
    size_t width, height;
    nst_real *picture, *gradient; /* (3, height, width); NULL at octave 0: those of the evaluation */
} octave;

struct nst_objective {
    nst_ctx *ctx;
    nst_targets *targets; /* holds some of their statistics, not the handle */
    nst_loss_tools tools;
    nst_exec exec;
    nst_network *network;
    bool tapped[NST_MAX_LAYERS], any_tapped;
    nst_walk *walk; /* NULL: no loss on features, or at rest */
    size_t room;
    size_t fronts;
    const _Atomic int *cancel;
    bool look_only, inside;
    double shares[NST_MAX_REGIONS];
    octave octaves[NST_MAX_OCTAVES];
    size_t octave_count, at; /* `at`: the one at work */
    part parts[NST_MAX_TERMS];
    size_t part_count;
    void *workspace;
    size_t width, height;
    const char *trouble;
};

/* ---- the losses ---- */

typedef struct loss_entry {
    const nst_loss_class *class;
    loss_source source;
    const nst_layer_choices *layers; /* NULL: on the pixels */
    double weight;
    size_t octaves; /* at which it is taken, each with an equal share of the weight */
    bool optional;  /* not there at all while its weight is 0 */
} loss_entry;

/* In the order of the option `style-statistics`. */
static const nst_loss_class *const style_classes[] = {&nst_loss_gram, &nst_loss_mean_std, &nst_loss_covariance, &nst_loss_shifted_gram,
                                                      &nst_loss_wasserstein, &nst_loss_chained};

static const nst_loss_class *style_class(const nst_settings *settings)
{
    return settings->guided ? &nst_loss_guided : style_classes[settings->statistics];
}

/* The one list of them. */
static void list_losses(const nst_settings *settings, size_t octaves, loss_entry losses[NST_LOSSES])
{
    const loss_entry all[NST_LOSSES] = {
        {&nst_loss_content, OF_CONTENT, &settings->content, settings->alpha, 1, false},
        {style_class(settings), OF_STYLES, &settings->style, settings->beta, octaves, false},
        {&nst_loss_histogram, OF_STYLES, &settings->histogram_layers, settings->histogram, 1, true},
        {&nst_loss_tv, OF_CONTENT, NULL, settings->tv, 1, false},
        {&nst_loss_laplacian, OF_CONTENT, NULL, settings->laplacian, 1, true},
        {&nst_loss_matting, OF_CONTENT, NULL, settings->matting, 1, true},
        {&nst_loss_temporal, OF_PREVIOUS, NULL, settings->temporal, 1, true},
    };
    memcpy(losses, all, sizeof all);
}

static size_t places_of(const loss_entry *entry)
{
    if (entry->optional && entry->weight == 0) return 0;
    return entry->layers ? entry->layers->count : 1;
}

/* A convolution that reads the image has no layer in front to be chained with: its features go with each other. */
static void chain(nst_objective *objective, part *p)
{
    if (!nst_network_before(objective->network, p->layer, &p->before)) {
        p->loss.class = &nst_loss_gram;
        return;
    }
    p->loss.tools.before_channels = objective->network->layers[p->before].channels;
    objective->tapped[p->before] = true;
}

static void add_part(nst_objective *objective, const loss_entry *entry, size_t at, size_t place)
{
    part *p = &objective->parts[objective->part_count++];
    const octave *o = &objective->octaves[at];
    size_t layer = entry->layers ? entry->layers->items[place].layer : NST_PIXELS;
    nst_shape shape = {3, o->height, o->width};
    if (layer != NST_PIXELS) shape = nst_network_shape(objective->network, layer, o->width, o->height);
    *p = (part){.loss = {.class = entry->class, .tools = objective->tools, .shape = shape}, .source = entry->source, .octave = at,
                .layer = layer};
    if (layer != NST_PIXELS) objective->tapped[layer] = objective->any_tapped = true;
    if (entry->class == &nst_loss_chained) chain(objective, p);
}

static void list_parts(nst_objective *objective, const nst_settings *settings)
{
    loss_entry losses[NST_LOSSES];
    list_losses(settings, objective->octave_count, losses);
    for (size_t i = 0; i < NST_LOSSES; i++)
        for (size_t at = 0; at < losses[i].octaves; at++)
            for (size_t place = 0; place < places_of(&losses[i]); place++) add_part(objective, &losses[i], at, place);
}

static void reweight_part(part *p, const nst_settings *settings, const loss_entry *entry, size_t place)
{
    double share = 1 / (double)entry->octaves;
    p->layer_weight = share * (entry->layers ? entry->layers->items[place].weight : 1);
    p->loss.dialect = settings->dialect;
    p->loss.factor = p->loss.class->factor(settings->dialect, p->loss.shape, p->loss.target);
    p->loss.weight = entry->weight * p->layer_weight;
}

/* The parts stand as list_parts() made them. */
void nst_objective_reweight(nst_objective *objective, const nst_settings *settings)
{
    loss_entry losses[NST_LOSSES];
    part *p = objective->parts;
    list_losses(settings, objective->octave_count, losses);
    for (size_t i = 0; i < NST_LOSSES; i++)
        for (size_t at = 0; at < losses[i].octaves; at++)
            for (size_t place = 0; place < places_of(&losses[i]); place++) reweight_part(p++, settings, &losses[i], place);
}

/* ---- making ---- */

/* `smaller`: room for the extents of all octaves but the first, which the configuration refers to. */
static nst_pass_config walk_config(const nst_objective *objective, nst_extent smaller[NST_MAX_OCTAVES])
{
    for (size_t i = 1; i < objective->octave_count; i++)
        smaller[i - 1] = (nst_extent){objective->octaves[i].width, objective->octaves[i].height};
    return (nst_pass_config){.ctx = objective->ctx, .kernels = objective->tools.kernels, .exec = objective->tools.exec,
                             .network = objective->network, .width = objective->width, .height = objective->height,
                             .tapped = objective->tapped, .backward = !objective->look_only, .fronts = objective->fronts,
                             .cancel = objective->cancel, .others = smaller, .other_count = objective->octave_count - 1};
}

static int32_t make_walk(nst_objective *objective, nst_error *error)
{
    nst_extent smaller[NST_MAX_OCTAVES];
    nst_pass_config config = walk_config(objective, smaller);
    return objective->any_tapped ? nst_walk_new(&config, objective->room, &objective->walk, error) : NST_OK;
}

static size_t workspace_bytes(const nst_objective *objective)
{
    size_t largest = 0;
    for (size_t i = 0; i < objective->part_count; i++) {
        const nst_loss *loss = &objective->parts[i].loss;
        size_t wanted = loss->class->workspace_bytes(&loss->tools, loss->shape);
        if (wanted > largest) largest = wanted;
    }
    return largest;
}

static int32_t take_states(nst_objective *objective, nst_error *error)
{
    for (size_t i = 0; i < objective->part_count; i++) {
        nst_loss *loss = &objective->parts[i].loss;
        loss->state = nst_alloc(&objective->ctx->memory, loss->class->state_bytes(&loss->tools, loss->shape));
        if (!loss->state) return nst_fail_nomem(error, "the losses");
    }
    objective->workspace = nst_alloc(&objective->ctx->memory, workspace_bytes(objective));
    if (!objective->workspace) return nst_fail_nomem(error, "the losses");
    for (size_t i = 0; i < objective->part_count; i++) objective->parts[i].loss.workspace = objective->workspace;
    return NST_OK;
}

/* Through which a part's loss sees the picture. NULL: none. */
static const nst_guides *guides_of(const nst_objective *objective, const nst_targets *targets, const part *p)
{
    if (p->loss.class == &nst_loss_guided) return targets->guides;
    return objective->tools.weighted && p->loss.class == &nst_loss_content ? targets->weights : NULL;
}

static nst_guide_place guide_place(const nst_objective *objective, const part *p)
{
    bool inside = objective->inside && p->source == OF_STYLES;
    return (nst_guide_place){objective->network, p->layer, objective->width, objective->height, p->octave, inside};
}

static size_t guide_bytes(const nst_objective *objective, const nst_targets *targets, const part *p)
{
    const nst_guides *guides = guides_of(objective, targets, p);
    nst_guide_place place = guide_place(objective, p);
    return guides ? nst_guides_bytes(guides, &guides->content, &place) : 0;
}

static int32_t make_guides(nst_objective *objective, const nst_targets *targets, nst_error *error)
{
    for (size_t i = 0; i < objective->part_count; i++) {
        part *p = &objective->parts[i];
        const nst_guides *guides = guides_of(objective, targets, p);
        nst_guide_place place = guide_place(objective, p);
        if (!guides) continue;
        p->guide = nst_alloc(&objective->ctx->memory, guide_bytes(objective, targets, p));
        if (!p->guide) return nst_fail_nomem(error, "a guide");
        p->loss.tools.guide = nst_guides_planes(guides, &guides->content, &place, p->guide);
    }
    return NST_OK;
}

static size_t octave_bytes(const octave *o)
{
    return nst_picture_bytes(o->width, o->height);
}

static int32_t take_octaves(nst_objective *objective, nst_error *error)
{
    for (size_t i = 1; i < objective->octave_count; i++) {
        octave *o = &objective->octaves[i];
        o->picture = nst_alloc(&objective->ctx->memory, octave_bytes(o));
        if (!objective->look_only) o->gradient = nst_alloc(&objective->ctx->memory, octave_bytes(o));
        if (!o->picture || (!o->gradient && !objective->look_only)) return nst_fail_nomem(error, "smaller copies of the picture");
    }
    return NST_OK;
}

/* ---- targets ---- */

/* What is asked of one image at one octave, and for whom: parts[i] wants requests[i]. */
typedef struct order {
    nst_target_request requests[NST_MAX_TERMS];
    size_t parts[NST_MAX_TERMS];
    nst_target_job job;
} order;

/* `image`: NST_CONTENT_IMAGE or a style. */
static void make_order(const nst_objective *objective, const nst_targets *targets, const nst_settings *settings, int image, size_t at,
                       order *o)
{
    loss_source source = image == NST_CONTENT_IMAGE ? OF_CONTENT : OF_STYLES;
    o->job = (nst_target_job){.tools = &objective->tools, .network = objective->network, .image = image, .width = objective->width,
                              .height = objective->height, .halvings = at, .room = objective->room, .fronts = objective->fronts,
                              .requests = o->requests,
                              .colours = settings->colours,
                              .inside = settings->guided && settings->inside && source == OF_STYLES};
    if (source == OF_STYLES)
        nst_schedule_style_size(targets->styles[image], settings->style_scale, objective->width, objective->height, &o->job.width,
                                &o->job.height);
    for (size_t i = 0; i < objective->part_count; i++) {
        if (objective->parts[i].source != source || objective->parts[i].octave != at) continue;
        o->parts[o->job.count] = i;
        o->requests[o->job.count++] = (nst_target_request){objective->parts[i].loss.class, objective->parts[i].layer};
    }
}

static void set_targets(nst_objective *objective, nst_targets *targets, const order *o)
{
    for (size_t i = 0; i < o->job.count; i++)
        objective->parts[o->parts[i]].loss.target = nst_targets_find(targets, &o->job, i);
}

static size_t target_bytes(const part *p)
{
    return p->loss.class->target_bytes(&p->loss.tools, p->loss.shape);
}

static int32_t blend_style(nst_objective *objective, nst_targets *targets, const order *o, const nst_blend *blend)
{
    for (size_t i = 0; i < o->job.count; i++) {
        part *p = &objective->parts[o->parts[i]];
        double weight;
        if (!p->own) p->loss.target = p->own = nst_alloc_zero(&objective->ctx->memory, target_bytes(p));
        if (!p->own) return NST_ERR_NOMEM;
        weight = nst_blend_at(blend, p->layer, p->octave)[o->job.image];
        p->loss.class->target_blend(p->loss.shape, weight, nst_targets_find(targets, &o->job, i), p->own);
    }
    return NST_OK;
}

static int32_t prepare_image(nst_objective *objective, nst_targets *targets, const nst_settings *settings, int image, size_t at,
                             nst_error *error)
{
    order o;
    int32_t status;
    make_order(objective, targets, settings, image, at, &o);
    status = nst_targets_prepare(targets, &o.job, objective->cancel, error);
    if (status < 0) return status;
    if (image == NST_CONTENT_IMAGE || targets->style_count == 1) {
        set_targets(objective, targets, &o);
        return NST_OK;
    }
    status = blend_style(objective, targets, &o, &settings->blend);
    for (size_t i = 0; i < o.job.count; i++) nst_targets_release(targets, nst_targets_find(targets, &o.job, i));
    return status < 0 ? nst_fail_nomem(error, "blended styles") : NST_OK;
}

static int32_t prepare_previous(nst_objective *objective, const nst_objective_config *config, nst_error *error)
{
    int32_t status = NST_OK;
    for (size_t i = 0; i < objective->part_count && status >= 0; i++) {
        part *p = &objective->parts[i];
        if (p->source != OF_PREVIOUS) continue;
        p->loss.target = p->own = nst_alloc_zero(&objective->ctx->memory, target_bytes(p));
        status = p->own ? nst_previous_target(config->previous, config->settings->colours, &objective->tools, p->loss.shape, p->own, error)
                        : nst_fail_nomem(error, "the previous frame");
    }
    return status;
}

static void describe(nst_objective *objective, const nst_objective_config *config)
{
    objective->ctx = config->targets->ctx;
    objective->targets = config->targets;
    objective->exec = *config->exec;
    objective->tools = (nst_loss_tools){.kernels = config->kernels, .exec = &objective->exec, .narrow = config->settings->narrow,
                                        .laplacian_pool = config->settings->laplacian_pool, .weighted = config->settings->weighted};
    if (config->settings->guided) {
        objective->tools.regions = config->targets->guides->regions;
        memcpy(objective->shares, config->targets->guides->shares, sizeof objective->shares);
        objective->tools.shares = objective->shares;
    }
    objective->inside = config->settings->inside;
    objective->network = config->network;
    objective->width = config->width;
    objective->height = config->height;
    objective->room = config->room;
    objective->fronts = config->settings->fronts;
    objective->cancel = config->cancel;
    objective->look_only = config->look_only;
    objective->octave_count = config->octaves;
    for (size_t i = 0; i < config->octaves; i++) objective->octaves[i] = (octave){config->width >> i, config->height >> i, NULL, NULL};
    list_parts(objective, config->settings);
}

/* At which something is asked of an image. */
static size_t octaves_of(const nst_objective *objective, int image)
{
    return image == NST_CONTENT_IMAGE ? 1 : objective->octave_count;
}

static int32_t build(nst_objective *objective, const nst_objective_config *config, nst_error *error)
{
    int32_t status = NST_OK;
    int styles = (int)config->targets->style_count;
    for (int image = config->targets->content ? NST_CONTENT_IMAGE : 0; image < styles && status >= 0; image++)
        for (size_t at = 0; at < octaves_of(objective, image) && status >= 0; at++)
            status = prepare_image(objective, config->targets, config->settings, image, at, error);
    if (status >= 0) status = take_states(objective, error);
    if (status >= 0) status = make_guides(objective, config->targets, error);
    if (status >= 0) status = take_octaves(objective, error);
    if (status >= 0) status = prepare_previous(objective, config, error);
    if (status >= 0) status = make_walk(objective, error); /* last: by now the walks over the targets have gone */
    if (status >= 0) nst_objective_reweight(objective, config->settings);
    return status;
}

int32_t nst_objective_new(const nst_objective_config *config, nst_objective **out, nst_error *error)
{
    nst_objective *objective = nst_alloc_zero(&config->targets->ctx->memory, sizeof *objective);
    int32_t status;
    *out = NULL;
    if (!objective) return nst_fail_nomem(error, "the objective");
    describe(objective, config);
    nst_network_ref(objective->network);
    status = build(objective, config, error);
    if (status < 0) nst_objective_free(objective);
    else *out = objective;
    return status;
}

static int32_t foretell_image(const nst_objective *objective, const nst_objective_config *config, int image, size_t at, nst_ledger *ledger,
                              nst_target_idle *idle, nst_objective_size *size, nst_error *error)
{
    order o;
    int32_t status;
    make_order(objective, config->targets, config->settings, image, at, &o);
    status = nst_targets_foretell(config->targets, &o.job, ledger, error);
    for (size_t i = 0; i < o.job.count; i++) {
        size_t bytes = nst_targets_bytes(&o.job, i);
        if (image != NST_CONTENT_IMAGE && config->targets->style_count > 1)
            nst_targets_foretell_release(config->targets, bytes, idle, ledger);
        else size->held[size->held_count++] = bytes;
    }
    return status;
}

static size_t own_bytes(const nst_objective *objective, const nst_targets *targets)
{
    size_t bytes = workspace_bytes(objective);
    for (size_t i = 0; i < objective->part_count; i++) {
        const part *p = &objective->parts[i];
        bytes += p->loss.class->state_bytes(&p->loss.tools, p->loss.shape);
        bytes += guide_bytes(objective, targets, p);
        if (p->source == OF_PREVIOUS || (p->source == OF_STYLES && targets->style_count > 1)) bytes += target_bytes(p);
    }
    for (size_t i = 1; i < objective->octave_count; i++) bytes += (objective->look_only ? 1 : 2) * octave_bytes(&objective->octaves[i]);
    return bytes;
}

static void foretell_previous(const nst_objective_config *config, nst_ledger *ledger)
{
    size_t bytes = config->settings->temporal != 0 ? nst_previous_bytes(config->previous, config->width, config->height) : 0;
    nst_ledger_take(ledger, NST_FOR_IMAGES, bytes);
    nst_ledger_give(ledger, NST_FOR_IMAGES, bytes);
}

/* In the order in which build() takes it. */
int32_t nst_objective_foretell(const nst_objective_config *config, nst_ledger *ledger, nst_target_idle *idle,
                               nst_objective_size *size, nst_error *error)
{
    nst_objective objective = {.ctx = NULL};
    int styles = (int)config->targets->style_count;
    int32_t status = NST_OK;
    nst_extent smaller[NST_MAX_OCTAVES];
    nst_pass_config walk;
    describe(&objective, config);
    *size = (nst_objective_size){.losses = sizeof objective};
    nst_ledger_take(ledger, NST_FOR_LOSSES, sizeof objective);
    for (int image = config->targets->content ? NST_CONTENT_IMAGE : 0; image < styles && status >= 0; image++)
        for (size_t at = 0; at < octaves_of(&objective, image) && status >= 0; at++)
            status = foretell_image(&objective, config, image, at, ledger, idle, size, error);
    nst_ledger_take(ledger, NST_FOR_LOSSES, own_bytes(&objective, config->targets));
    size->losses += own_bytes(&objective, config->targets);
    foretell_previous(config, ledger);
    walk = walk_config(&objective, smaller);
    if (objective.any_tapped && status >= 0) status = nst_walk_make_plan(&walk, config->room, &size->walk, error);
    nst_ledger_take(ledger, NST_FOR_FEATURES, size->walk.bytes);
    return status;
}

void nst_objective_foretell_free(const nst_objective_config *config, const nst_objective_size *size, nst_target_idle *idle,
                                 nst_ledger *ledger)
{
    for (size_t i = 0; i < size->held_count; i++) nst_targets_foretell_release(config->targets, size->held[i], idle, ledger);
    nst_ledger_give(ledger, NST_FOR_LOSSES, size->losses);
}

void nst_objective_rest(nst_objective *objective)
{
    nst_walk_free(objective->walk);
    objective->walk = NULL;
}

void nst_objective_free(nst_objective *objective)
{
    nst_memory *memory;
    if (!objective) return;
    memory = &objective->ctx->memory;
    for (size_t i = 0; i < objective->part_count; i++) {
        if (!objective->parts[i].own) nst_targets_release(objective->targets, objective->parts[i].loss.target);
        nst_free(memory, objective->parts[i].own);
        nst_free(memory, objective->parts[i].guide);
        nst_free(memory, objective->parts[i].loss.state);
    }
    for (size_t i = 1; i < objective->octave_count; i++) {
        nst_free(memory, objective->octaves[i].picture);
        nst_free(memory, objective->octaves[i].gradient);
    }
    nst_free(memory, objective->workspace);
    nst_walk_free(objective->walk);
    nst_network_free(objective->network);
    nst_free(memory, objective);
}

/* ---- loss and gradient ---- */

static bool at_work(const nst_objective *objective, const part *p, size_t layer)
{
    return p->octave == objective->at && p->layer == layer;
}

/* Whether it has a gradient at the layer, which its own layer's convolution reads. */
static bool at_work_behind(const nst_objective *objective, const part *p, size_t layer)
{
    return p->octave == objective->at && p->loss.class->seed_before && p->before == layer;
}

static void show_before(const nst_objective *objective, part *p)
{
    if (p->loss.class->seed_before) p->loss.tools.before = nst_walk_features(objective->walk, p->before);
}

/* A loss is begun before and finished after all tiles of its layer. */
static int32_t observe(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    nst_objective *objective = user;
    for (size_t i = 0; i < objective->part_count; i++) {
        part *p = &objective->parts[i];
        if (!at_work(objective, p, layer)) continue;
        show_before(objective, p);
        p->loss.class->accumulate(&p->loss, tile, features);
    }
    return NST_OK;
}

/* Losses share one workspace but keep their states, so that all gradients can be taken on the way back. */
static int32_t inject(void *user, size_t layer, const nst_tile *tile, const void *features, void *gradient)
{
    nst_objective *objective = user;
    for (size_t i = 0; i < objective->part_count; i++) {
        part *p = &objective->parts[i];
        if (at_work_behind(objective, p, layer))
            nst_loss_seed_before(&p->loss, tile, nst_walk_features(objective->walk, p->layer), gradient);
        if (!at_work(objective, p, layer)) continue;
        show_before(objective, p);
        nst_loss_seed(&p->loss, tile, features, gradient);
    }
    return NST_OK;
}

static void begin_losses(nst_objective *objective)
{
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].octave == objective->at) objective->parts[i].loss.class->begin(&objective->parts[i].loss);
}

static double finish_losses(nst_objective *objective)
{
    double sum = 0;
    for (size_t i = 0; i < objective->part_count; i++)
        if (objective->parts[i].octave == objective->at) sum += nst_loss_finish(&objective->parts[i].loss);
    return sum;
}

static nst_tile pixels_of(const nst_objective *objective)
{
    const octave *o = &objective->octaves[objective->at];
    return nst_tile_whole((nst_shape){3, o->height, o->width});
}

static bool finite_picture(const nst_objective *objective, const nst_real *x)
{
    for (size_t i = 0; i < 3 * objective->width * objective->height; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Whatever is wrong with the picture or the numbers of the octave at work: *f is NaN, and the evaluation has worked. */
static int32_t troubled(nst_objective *objective, const nst_real *picture, double *f)
{
    const char *layer = objective->walk ? nst_walk_non_finite_layer(objective->walk, picture) : NULL;
    objective->trouble = layer ? layer : "the loss";
    *f = (double)NAN;
    return objective->cancel && atomic_load(objective->cancel) ? NST_ERR_CANCELLED : NST_OK; /* then the search has stopped as well */
}

/* Adds the losses of an octave of the picture to *f. */
static int32_t look_at(nst_objective *objective, size_t at, const nst_real *picture, double *f)
{
    nst_tile pixels;
    int32_t status = NST_OK;
    objective->at = at;
    pixels = pixels_of(objective);
    begin_losses(objective);
    observe(objective, NST_PIXELS, &pixels, picture);
    if (objective->walk) status = nst_walk_turn_to(objective->walk, at);
    if (objective->walk && status >= 0) status = nst_walk_forward(objective->walk, picture, observe, objective);
    if (status >= 0) *f += finish_losses(objective);
    return status < 0 || isfinite(*f) ? status : troubled(objective, picture, f);
}

/* After look_at() of the same; overwrites the gradient. */
static int32_t go_back(nst_objective *objective, const nst_real *picture, nst_real *gradient)
{
    nst_tile pixels = pixels_of(objective);
    int32_t status = NST_OK;
    if (objective->walk) status = nst_walk_backward(objective->walk, picture, inject, objective, gradient);
    else memset(gradient, 0, nst_shape_count(pixels.shape) * sizeof *gradient);
    return status < 0 ? status : inject(objective, NST_PIXELS, &pixels, picture, gradient);
}

static void make_octaves(nst_objective *objective, const nst_real *x)
{
    octave *o = objective->octaves;
    for (size_t i = 1; i < objective->octave_count; i++)
        nst_picture_halve(i == 1 ? x : o[i - 1].picture, o[i - 1].width, o[i - 1].height, o[i].picture);
}

/* The octaves' gradients go through the halvings to the picture's own. */
static void gather_octaves(nst_objective *objective, nst_real *gradient)
{
    const octave *o = objective->octaves;
    for (size_t i = objective->octave_count; i-- > 1;)
        nst_picture_halve_backward(o[i].gradient, o[i - 1].width, o[i - 1].height, i == 1 ? gradient : o[i - 1].gradient);
}

int32_t nst_objective_look(nst_objective *objective, const nst_real *x, double *f)
{
    int32_t status = NST_OK;
    objective->trouble = NULL;
    *f = 0;
    make_octaves(objective, x);
    for (size_t at = objective->octave_count; at-- > 0 && status >= 0 && !objective->trouble;)
        status = look_at(objective, at, at == 0 ? x : objective->octaves[at].picture, f);
    return status;
}

/* The smallest octave first, so that the gradient is not written before the whole loss is known. */
int32_t nst_objective_evaluate(void *user, const nst_real *x, double *f, nst_real *gradient)
{
    nst_objective *objective = user;
    nst_error unused;
    int32_t status = objective->walk ? NST_OK : make_walk(objective, &unused); /* it was at rest */
    objective->trouble = NULL;
    *f = 0;
    make_octaves(objective, x);
    for (size_t at = objective->octave_count; at-- > 0 && status >= 0;) {
        const octave *o = &objective->octaves[at];
        status = look_at(objective, at, at == 0 ? x : o->picture, f);
        if (status < 0 || objective->trouble) return status;
        status = go_back(objective, at == 0 ? x : o->picture, at == 0 ? gradient : o->gradient);
    }
    if (status < 0) return status;
    gather_octaves(objective, gradient);
    if (!finite_picture(objective, gradient)) objective->trouble = "the gradient"; /* f stays: it tells that the gradient was written */
    return NST_OK;
}

double nst_objective_retention(const nst_objective *objective)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < objective->part_count; i++) {
        const part *p = &objective->parts[i];
        double retention;
        if (p->loss.class != &nst_loss_content) continue;
        retention = nst_content_retention(&p->loss);
        if (strcmp(objective->network->layers[p->layer].name, "relu4_2") == 0) return retention;
        sum += retention;
        count++;
    }
    return count > 0 ? sum / (double)count : (double)NAN;
}

/* ---- terms ---- */

size_t nst_objective_term_count(const nst_objective *objective)
{
    return objective->part_count;
}

nst_objective_term nst_objective_get_term(const nst_objective *objective, size_t index)
{
    const part *p = &objective->parts[index];
    const char *name = p->layer == NST_PIXELS ? "pixels" : objective->network->layers[p->layer].name;
    nst_objective_term term = {.kind = p->loss.class->kind, .weight = p->layer_weight * p->loss.factor, .value = p->loss.value};
    if (p->octave == 0) snprintf(term.layer, sizeof term.layer, "%s", name);
    else snprintf(term.layer, sizeof term.layer, "%s/%d", name, 1 << p->octave);
    return term;
}

const nst_loss *nst_objective_loss(const nst_objective *objective, size_t index, size_t *layer)
{
    *layer = objective->parts[index].layer;
    return &objective->parts[index].loss;
}

const char *nst_objective_trouble(const nst_objective *objective)
{
    return objective->trouble;
}
