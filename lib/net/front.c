#include "net/front.h"

#include <string.h>

#include "net/plan.h"
#include "net/tiling.h"

/* Bands of a picture, and the rows of features that are worth their surroundings: 8 beside 64 are an eighth more work, by Winograd 16. */
enum { BANDS = 8, LEAST_ROWS = 64, MOST_EXTENTS = 1536 };

struct nst_front {
    nst_pass_config config; /* of the whole pass; `tapped` is the front's own copy */
    bool tapped[NST_MAX_LAYERS];
    size_t begin, end;            /* layers */
    nst_tiling bands;             /* of the size at work, in the picture's pixels */
    nst_pass *pass;               /* that a band goes through */
    /* Lent: (3, h, w) of a band twice, where the stage begins with the image; features; a band's notes, where they are not kept. */
    nst_real *picture, *gradient;
    unsigned char *features, *own_notes;
    size_t planes, work, own_notes_bytes; /* bytes of the first two each, of the features, of these notes */
    unsigned char *notes; /* of every band; NULL: a band goes forward again before it goes back */
    size_t stride, most_bands; /* bytes from one band's notes to the next one's; bands that there is room for */
};

size_t nst_front_end(const nst_pass_config *config, size_t begin)
{
    size_t depth = nst_pass_depth(config);
    if (begin > 0 && config->tapped[begin - 1]) return 0;
    for (size_t i = begin; i + 1 < depth; i++)
        if (config->network->layers[i].kind == NST_LAYER_POOL) return i + 1;
    return 0;
}

/* ---- the plan ---- */

/* Whole picture wide. Where a kernel computes rows together, bands begin with the first of them, and have as many more rows around: what
 * counts of a band is then rounded as it is in the whole picture. */
static nst_tiling bands_of(const nst_pass_config *config, size_t begin, size_t width, size_t height)
{
    const nst_network *network = config->network;
    size_t end = nst_front_end(config, begin), unit = nst_tiling_unit(network, end), pools = (size_t)network->layers[begin].pools;
    size_t together = config->kernels->rows_together << pools, least = (size_t)LEAST_ROWS << pools, rows = (height + BANDS - 1) / BANDS;
    size_t halo = nst_tiling_reach(network, begin, end) * (config->backward ? 2 : 1);
    nst_tiling bands;
    if (config->kernels->rows_together > 1) halo = (halo + 2 * together - 1) / together * together;
    bands = nst_tiling_make(width, height, 0, rows > least ? rows : least, halo, unit);
    bands.grid = together > unit ? together : unit;
    return bands;
}

typedef struct band_plan {
    nst_pass_config config; /* of the pass for bands; refers to what follows */
    bool tapped[NST_MAX_LAYERS];
    nst_extent extents[MOST_EXTENTS];
    bool all;      /* sizes of bands have found room there */
    size_t bands;  /* most of a size */
    size_t stride; /* bytes of a band's notes; 0: they are not enough for a way back, or there is none */
    size_t planes, work, notes; /* bytes of a band's pixels, features, and notes that are not kept */
} band_plan;

static void add_extent(band_plan *plan, size_t width, size_t height)
{
    nst_pass_config *config = &plan->config;
    for (size_t i = 0; i < config->other_count; i++)
        if (plan->extents[i].width == width && plan->extents[i].height == height) return;
    plan->all = plan->all && config->other_count < MOST_EXTENTS;
    if (plan->all) plan->extents[config->other_count++] = (nst_extent){width, height};
    if (width > config->width) config->width = width;
    if (height > config->height) config->height = height;
}

static void add_bands(const nst_tiling *bands, band_plan *plan)
{
    size_t count = nst_tiling_count(bands);
    if (count > plan->bands) plan->bands = count;
    for (size_t i = 0; i < count; i++) {
        nst_cut cut = nst_tiling_get(bands, i);
        add_extent(plan, bands->width, nst_cut_height(&cut));
    }
}

/* All bands of all sizes that the pass is made for. */
static void list_bands(const nst_pass_config *config, size_t begin, band_plan *plan)
{
    nst_tiling bands = bands_of(config, begin, config->width, config->height);
    add_bands(&bands, plan);
    for (size_t i = 0; i < config->other_count; i++) {
        bands = bands_of(config, begin, config->others[i].width, config->others[i].height);
        add_bands(&bands, plan);
    }
}

/* Planes and features in one piece: sizes are such that those of the whole picture can be counted (plan.c). */
static void measure_band(band_plan *plan, const nst_plan *steps)
{
    const nst_pass_config *config = &plan->config;
    size_t planes = 3 * config->width * config->height * sizeof(nst_real);
    bool kept = config->backward && nst_plan_returns(config, steps);
    plan->planes = config->begin > 0 ? 0 : nst_place_bytes(planes);
    plan->work = nst_plan_work_bytes(steps);
    plan->stride = kept ? nst_plan_notes_bytes(steps) : 0;
    plan->notes = kept ? 0 : nst_plan_notes_bytes(steps);
}

/* `plan` must stay where it is. */
static int32_t make_plan(const nst_pass_config *config, size_t begin, band_plan *plan, nst_error *error)
{
    size_t end = nst_front_end(config, begin);
    nst_plan steps;
    int32_t status;
    plan->config = *config;
    plan->config.width = plan->config.height = plan->config.other_count = 0;
    plan->config.tapped = plan->tapped;
    plan->config.others = plan->extents;
    plan->config.begin = begin;
    plan->config.fronts = 0;
    plan->config.recompute = true;
    plan->config.lent = true;
    plan->bands = 0;
    plan->all = true;
    for (size_t i = 0; i < config->network->layer_count; i++)
        plan->tapped[i] = i + 1 == end || (i >= begin && i < end && config->tapped[i]);
    list_bands(config, begin, plan);
    if (!plan->all) return nst_fail(error, NST_ERR_INTERNAL, "a picture in more than %d sizes of bands", (int)MOST_EXTENTS);
    status = nst_plan_make(&plan->config, &steps, error);
    if (status >= 0) measure_band(plan, &steps);
    return status;
}

int32_t nst_front_measure(const nst_pass_config *config, size_t begin, nst_front_size *size, nst_error *error)
{
    band_plan plan;
    int32_t status = make_plan(config, begin, &plan, error);
    if (status >= 0) status = nst_pass_bytes(&plan.config, &size->own, &size->recomputed, error);
    if (status < 0) return status;
    size->own += sizeof(nst_front) + plan.bands * plan.stride;
    size->work = 2 * plan.planes + plan.work + plan.notes;
    if (config->backward && plan.stride == 0) size->recomputed = nst_front_end(config, begin) - begin;
    return NST_OK;
}

/* ---- making ---- */

static bool take_memory(nst_front *front, const band_plan *plan)
{
    front->stride = plan->stride;
    front->most_bands = plan->bands;
    front->planes = plan->planes;
    front->work = plan->work;
    front->own_notes_bytes = plan->notes;
    return plan->stride == 0 || (front->notes = nst_alloc(&front->config.ctx->memory, plan->bands * plan->stride));
}

size_t nst_front_work(const nst_front *front)
{
    return 2 * front->planes + front->work + front->own_notes_bytes;
}

void nst_front_lend(nst_front *front, void *work)
{
    unsigned char *bytes = work;
    front->picture = (nst_real *)(void *)bytes;
    front->gradient = (nst_real *)(void *)(bytes + front->planes);
    front->features = bytes + 2 * front->planes;
    front->own_notes = front->features + front->work;
}

int32_t nst_front_new(const nst_pass_config *config, size_t begin, nst_front **out, nst_error *error)
{
    band_plan plan;
    nst_front *front;
    int32_t status = make_plan(config, begin, &plan, error);
    *out = NULL;
    if (status < 0) return status;
    front = nst_alloc_zero(&config->ctx->memory, sizeof *front);
    if (!front) return nst_fail_nomem(error, "the network's features");
    front->config = *config;
    memcpy(front->tapped, config->tapped, config->network->layer_count * sizeof *config->tapped);
    front->config.tapped = front->tapped;
    front->begin = begin;
    front->end = nst_front_end(config, begin);
    status = nst_pass_new(&plan.config, &front->pass, error);
    if (status >= 0 && !take_memory(front, &plan)) status = nst_fail_nomem(error, "the network's features");
    if (status >= 0) status = nst_front_resize(front, config->width, config->height);
    if (status < 0) nst_front_free(front);
    else *out = front;
    return status;
}

void nst_front_free(nst_front *front)
{
    nst_memory *memory;
    if (!front) return;
    memory = &front->config.ctx->memory;
    nst_pass_free(front->pass);
    nst_free(memory, front->notes);
    nst_free(memory, front);
}

int32_t nst_front_resize(nst_front *front, size_t width, size_t height)
{
    nst_tiling bands = bands_of(&front->config, front->begin, width, height);
    if (nst_tiling_count(&bands) > front->most_bands) return NST_ERR_INTERNAL;
    front->config.width = width;
    front->config.height = height;
    front->bands = bands;
    return NST_OK;
}

/* ---- one band ---- */

/* What the pass's callbacks need to know about the band at work. */
typedef struct visit {
    nst_front *front;
    nst_cut cut;
    nst_observe_fn observe;
    nst_inject_fn inject;
    void *user;
    void *output;     /* of the last layer, whole; NULL: not wanted */
    const void *back; /* the gradient at it */
} visit;

static nst_shape whole_shape(const nst_front *front, size_t layer)
{
    return nst_network_shape(front->config.network, layer, front->config.width, front->config.height);
}

static nst_tile tile_of(const visit *v, size_t layer, const nst_tile *part, bool core)
{
    return nst_cut_tile(&v->cut, nst_network_pools(v->front->config.network, layer), part, core);
}

/* Of a layer, the band's features, with their surroundings or without. */
static nst_tile band_of(const visit *v, size_t layer, bool core)
{
    nst_tile whole = nst_tile_whole(nst_network_shape(v->front->config.network, layer, nst_cut_width(&v->cut), nst_cut_height(&v->cut)));
    return tile_of(v, layer, &whole, core);
}

/* From the features of a whole layer to those of the band, and back. */
static void copy_in(const visit *v, size_t layer, const void *whole, void *band)
{
    const nst_pass_config *config = &v->front->config;
    nst_tile tile = band_of(v, layer, false);
    nst_region region = {tile.row, tile.row + tile.shape.height, tile.column, tile.column + tile.shape.width};
    nst_place place = {tile.shape, 0, 0, false};
    config->kernels->copy_region(config->exec, whole_shape(v->front, layer), region, whole, &place, band);
}

static void copy_core_back(const visit *v, size_t layer, const void *band, void *whole)
{
    const nst_pass_config *config = &v->front->config;
    nst_tile core = band_of(v, layer, true);
    nst_place place = {whole_shape(v->front, layer), core.row, core.column, false};
    if (!nst_region_empty(core.region)) config->kernels->copy_region(config->exec, core.shape, core.region, band, &place, whole);
}

static int32_t observe_band(void *user, size_t layer, const nst_tile *part, const void *features)
{
    const visit *v = user;
    nst_tile core = tile_of(v, layer, part, true);
    if (layer + 1 == v->front->end && v->output) copy_core_back(v, layer, features, v->output);
    if (layer + 1 == v->front->end || !v->observe || nst_region_empty(core.region)) return NST_OK;
    return v->observe(v->user, layer, &core, features);
}

static int32_t inject_band(void *user, size_t layer, const nst_tile *part, const void *features, void *gradient)
{
    const visit *v = user;
    nst_tile tile = tile_of(v, layer, part, false);
    if (layer + 1 < v->front->end) return v->inject(v->user, layer, &tile, features, gradient);
    copy_in(v, layer, v->back, gradient);
    return NST_OK;
}

/* The band's pixels or features, and where its notes lie. */
static int32_t turn_to(visit *v, size_t index, const void *input)
{
    nst_front *front = v->front;
    int32_t status;
    v->cut = nst_tiling_get(&front->bands, index);
    status = nst_pass_resize(front->pass, nst_cut_width(&v->cut), nst_cut_height(&v->cut));
    if (status < 0) return status;
    nst_pass_lend(front->pass, front->features, front->notes ? front->notes + index * front->stride : front->own_notes);
    if (front->begin > 0) copy_in(v, front->begin - 1, input, nst_pass_entry(front->pass));
    else nst_tiling_cut_out(&front->bands, &v->cut, input, front->picture);
    return NST_OK;
}

/* ---- all bands ---- */

int32_t nst_front_forward(nst_front *front, const void *input, nst_observe_fn observe, void *user, void *output)
{
    visit v = {.front = front, .observe = observe, .user = user, .output = output};
    int32_t status = NST_OK;
    for (size_t i = 0; i < nst_tiling_count(&front->bands) && status >= 0; i++) {
        status = turn_to(&v, i, input);
        if (status >= 0) status = nst_pass_forward(front->pass, front->picture, observe_band, &v);
    }
    return status;
}

static int32_t ready_to_go_back(visit *v)
{
    nst_front *front = v->front;
    if (!front->notes) return nst_pass_forward(front->pass, front->picture, observe_band, v);
    nst_pass_return_to(front->pass, front->picture);
    return NST_OK;
}

static void hand_back(const visit *v, void *gradient)
{
    const nst_front *front = v->front;
    if (front->begin > 0) copy_core_back(v, front->begin - 1, nst_pass_gradient(front->pass), gradient);
    else nst_tiling_put_core_back(&front->bands, &v->cut, front->gradient, gradient);
}

int32_t nst_front_backward(nst_front *front, const void *input, const void *back, nst_inject_fn inject, void *user, void *gradient)
{
    visit v = {.front = front, .inject = inject, .user = user, .back = back};
    int32_t status = NST_OK;
    for (size_t i = 0; i < nst_tiling_count(&front->bands) && status >= 0; i++) {
        status = turn_to(&v, i, input);
        if (status >= 0) status = ready_to_go_back(&v);
        if (status >= 0) status = nst_pass_backward(front->pass, front->picture, inject_band, &v, front->gradient);
        if (status >= 0) hand_back(&v, gradient);
    }
    return status;
}

const void *nst_front_features(nst_front *front, size_t layer)
{
    return nst_pass_features(front->pass, layer);
}

const char *nst_front_non_finite_layer(nst_front *front, const void *input)
{
    visit v = {.front = front};
    const char *name = NULL;
    for (size_t i = 0; i < nst_tiling_count(&front->bands) && !name; i++)
        if (turn_to(&v, i, input) >= 0) name = nst_pass_non_finite_layer(front->pass, front->picture);
    return name;
}
