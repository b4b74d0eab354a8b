#include "net/walk.h"

#include "base/size.h"

struct nst_walk {
    nst_memory *memory;
    const nst_network *network;
    nst_walk_plan plan;
    nst_pass *pass;
    const nst_way *way;           /* of the picture at work */
    size_t width, height;         /* of the picture at work */
    nst_real *picture, *gradient; /* (3, h, w) of a tile; NULL where there are none */
};

/* ---- the plan ---- */

static size_t grid_of(const nst_pass_config *config)
{
    return NST_TILING_GRID * nst_tiling_unit(config->network, nst_pass_depth(config));
}

/* A tile's pixels, and the gradient on them where it is wanted: less than the plan of its size has counted for features. */
static size_t buffer_bytes(const nst_pass_config *config, size_t width, size_t height)
{
    return 3 * width * height * sizeof(nst_real) * (config->backward ? 2 : 1);
}

/* The way that only looks needs less around its cores: in tiles of the same size they can be larger. */
static size_t wider_core(size_t core, size_t side, size_t gain)
{
    return core >= side || side - core <= gain ? side : core + gain;
}

static nst_way make_way(const nst_pass_config *config, size_t width, size_t height, size_t core_width, size_t core_height)
{
    size_t depth = nst_pass_depth(config), unit = nst_tiling_unit(config->network, depth);
    size_t reach = nst_tiling_reach(config->network, 0, depth);
    nst_way way;
    size_t gain;
    way.gradient = nst_tiling_make(width, height, core_width, core_height, config->backward ? 2 * reach : reach, unit);
    way.features = nst_tiling_make(width, height, core_width, core_height, reach, unit);
    gain = 2 * (way.gradient.halo - way.features.halo);
    way.features = nst_tiling_make(width, height, wider_core(way.gradient.core_width, width, gain),
                                   wider_core(way.gradient.core_height, height, gain), reach, unit);
    return way;
}

static void set_tiles(const nst_pass_config *config, size_t core_width, size_t core_height, nst_walk_plan *plan)
{
    plan->ways[0] = make_way(config, config->width, config->height, core_width, core_height);
    plan->way_count = 1 + config->other_count;
    for (size_t i = 1; i < plan->way_count; i++)
        plan->ways[i] = make_way(config, config->others[i - 1].width, config->others[i - 1].height, core_width, core_height);
}

/* Pixels of all tiles. */
static double way_of(const nst_tiling *tiling)
{
    double across = 0, down = 0;
    for (size_t i = 0; i < tiling->columns; i++) {
        nst_cut cut = nst_tiling_get(tiling, i);
        across += (double)(cut.whole.column1 - cut.whole.column0);
    }
    for (size_t i = 0; i < tiling->rows; i++) {
        nst_cut cut = nst_tiling_get(tiling, i * tiling->columns);
        down += (double)(cut.whole.row1 - cut.whole.row0);
    }
    return across * down;
}

double nst_walk_work(const nst_walk_plan *plan)
{
    double work = 0;
    for (size_t i = 0; i < plan->way_count; i++) {
        double there = way_of(&plan->ways[i].features), back = way_of(&plan->ways[i].gradient);
        /* in one piece the features are still there on the way back; the gradient costs as much as the features again */
        work += nst_way_tiled(&plan->ways[i]) ? there + 2 * back : there + back;
    }
    return work;
}

static size_t core_for(size_t side, size_t parts, size_t grid)
{
    return ((side + parts - 1) / parts + grid - 1) / grid * grid;
}

/* The different sizes of the tiles of all pictures: few, since all but those at borders are alike. */
enum { MOST_SIDES = 16, MOST_SIZES = 2 * MOST_SIDES * MOST_SIDES };

typedef struct sizes {
    nst_extent list[MOST_SIZES];
    size_t count;
} sizes;

static size_t note_side(size_t *sides, size_t count, size_t side)
{
    for (size_t i = 0; i < count; i++)
        if (sides[i] == side) return count;
    if (count < MOST_SIDES) sides[count++] = side;
    return count;
}

static void note_size(sizes *s, size_t width, size_t height)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].width == width && s->list[i].height == height) return;
    if (s->count < MOST_SIZES) s->list[s->count++] = (nst_extent){width, height};
}

static void note_sizes(const nst_tiling *tiling, sizes *s)
{
    size_t widths[MOST_SIDES], heights[MOST_SIDES], across = 0, down = 0;
    for (size_t i = 0; i < tiling->columns; i++) {
        nst_cut cut = nst_tiling_get(tiling, i);
        across = note_side(widths, across, cut.whole.column1 - cut.whole.column0);
    }
    for (size_t i = 0; i < tiling->rows; i++) {
        nst_cut cut = nst_tiling_get(tiling, i * tiling->columns);
        down = note_side(heights, down, cut.whole.row1 - cut.whole.row0);
    }
    for (size_t i = 0; i < across; i++)
        for (size_t k = 0; k < down; k++) note_size(s, widths[i], heights[k]);
}

static void list_sizes(const nst_walk_plan *plan, sizes *s)
{
    s->count = 0;
    for (size_t i = 0; i < plan->way_count; i++) {
        note_sizes(&plan->ways[i].gradient, s);
        note_sizes(&plan->ways[i].features, s);
    }
}

/* The pass for the tiles of a plan. `s` must live as long as it is made from that. */
static nst_pass_config pass_config(const nst_pass_config *config, const nst_walk_plan *plan, const sizes *s)
{
    nst_pass_config sized = *config;
    sized.width = plan->width;
    sized.height = plan->height;
    sized.others = s->list;
    sized.other_count = s->count;
    return sized;
}

static int32_t measure(const nst_pass_config *config, size_t core_width, size_t core_height, nst_walk_plan *plan, nst_error *error)
{
    nst_pass_config sized;
    sizes s;
    size_t more;
    int32_t status;
    set_tiles(config, core_width, core_height, plan);
    list_sizes(plan, &s);
    plan->width = plan->height = 0;
    for (size_t i = 0; i < s.count; i++) {
        if (s.list[i].width > plan->width) plan->width = s.list[i].width;
        if (s.list[i].height > plan->height) plan->height = s.list[i].height;
    }
    sized = pass_config(config, plan, &s);
    status = nst_pass_bytes(&sized, &plan->bytes, &plan->recomputed, error);
    if (status < 0) return status;
    more = sizeof(nst_walk) + (nst_walk_tiled(plan) ? buffer_bytes(config, plan->width, plan->height) : 0);
    if (!nst_size_add(plan->bytes, more, &plan->bytes)) plan->bytes = SIZE_MAX; /* fits nowhere */
    return NST_OK;
}

/* The fewest rows of tiles that fit, for a number of columns. Memory grows with a tile's height. */
static int32_t fewest_rows(const nst_pass_config *config, size_t core_width, size_t room, nst_walk_plan *plan, nst_error *error)
{
    size_t grid = grid_of(config), low = 1, high = (config->height + grid - 1) / grid;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int32_t status = measure(config, core_width, core_for(config->height, middle, grid), plan, error);
        if (status < 0) return status;
        if (plan->bytes <= room) high = middle;
        else low = middle + 1;
    }
    return measure(config, core_width, core_for(config->height, low, grid), plan, error);
}

int32_t nst_walk_make_plan(const nst_pass_config *config, size_t room, nst_walk_plan *plan, nst_error *error)
{
    int32_t status = measure(config, 0, 0, plan, error); /* also checks that something is tapped, and the sizes */
    size_t grid = grid_of(config), most, last = 0;
    nst_walk_plan best = *plan;
    if (status < 0 || plan->bytes <= room) return status;
    best.bytes = SIZE_MAX;
    most = (config->width + grid - 1) / grid;
    for (size_t columns = 1; columns <= most; columns++) {
        size_t core_width = core_for(config->width, columns, grid);
        if (core_width == last) continue;
        last = core_width;
        status = fewest_rows(config, core_width, room, plan, error);
        if (status < 0) return status;
        if (best.bytes > room ? plan->bytes < best.bytes : plan->bytes <= room && nst_walk_work(plan) < nst_walk_work(&best)) best = *plan;
    }
    *plan = best;
    return best.bytes <= room ? NST_OK : NST_ERR_LIMIT;
}

/* ---- making ---- */

static bool take_buffers(nst_walk *walk, const nst_pass_config *config)
{
    size_t bytes = 3 * walk->plan.width * walk->plan.height * sizeof(nst_real);
    if (!nst_walk_tiled(&walk->plan)) return true;
    walk->picture = nst_alloc(walk->memory, bytes);
    if (config->backward) walk->gradient = nst_alloc(walk->memory, bytes);
    return walk->picture && (walk->gradient || !config->backward);
}

int32_t nst_walk_new(const nst_pass_config *config, size_t room, nst_walk **out, nst_error *error)
{
    nst_walk_plan plan;
    nst_pass_config sized;
    sizes s;
    nst_walk *walk;
    int32_t status = nst_walk_make_plan(config, room, &plan, error);
    *out = NULL;
    if (status < 0) return status;
    walk = nst_alloc_zero(&config->ctx->memory, sizeof *walk);
    if (!walk) return nst_fail_nomem(error, "the network's features");
    walk->memory = &config->ctx->memory;
    walk->network = config->network;
    walk->plan = plan;
    walk->way = walk->plan.ways;
    walk->width = config->width;
    walk->height = config->height;
    list_sizes(&plan, &s);
    sized = pass_config(config, &plan, &s);
    status = nst_pass_new(&sized, &walk->pass, error);
    if (status >= 0 && !take_buffers(walk, config)) status = nst_fail_nomem(error, "the tiles");
    if (status < 0) nst_walk_free(walk);
    else *out = walk;
    return status;
}

void nst_walk_free(nst_walk *walk)
{
    if (!walk) return;
    nst_pass_free(walk->pass);
    nst_free(walk->memory, walk->picture);
    nst_free(walk->memory, walk->gradient);
    nst_free(walk->memory, walk);
}

/* ---- one tile ---- */

/* What the pass's callbacks need to know about the tile at work. */
typedef struct visit {
    const nst_walk *walk;
    nst_cut cut;
    nst_observe_fn observe;
    nst_inject_fn inject;
    void *user;
} visit;

static int32_t observe_tile(void *user, size_t layer, const nst_tile *part, const void *features)
{
    const visit *v = user;
    nst_tile tile = nst_cut_tile(&v->cut, nst_network_pools(v->walk->network, layer), part, true);
    if (!v->observe || nst_region_empty(tile.region)) return NST_OK;
    return v->observe(v->user, layer, &tile, features);
}

static int32_t inject_tile(void *user, size_t layer, const nst_tile *part, const void *features, void *gradient)
{
    const visit *v = user;
    nst_tile tile = nst_cut_tile(&v->cut, nst_network_pools(v->walk->network, layer), part, false);
    return v->inject(v->user, layer, &tile, features, gradient);
}

static int32_t forward_tile(nst_walk *walk, visit *v, const nst_real *image)
{
    int32_t status = nst_pass_resize(walk->pass, nst_cut_width(&v->cut), nst_cut_height(&v->cut));
    if (status < 0) return status;
    nst_tiling_cut_out(&walk->way->features, &v->cut, image, walk->picture);
    return nst_pass_forward(walk->pass, walk->picture, observe_tile, v);
}

/* ---- all tiles ---- */

int32_t nst_walk_turn_to(nst_walk *walk, size_t index)
{
    walk->way = &walk->plan.ways[index];
    walk->width = walk->way->features.width;
    walk->height = walk->way->features.height;
    return nst_way_tiled(walk->way) ? NST_OK : nst_pass_resize(walk->pass, walk->width, walk->height);
}

int32_t nst_walk_forward(nst_walk *walk, const nst_real *image, nst_observe_fn observe, void *user)
{
    visit v = {walk, nst_tiling_get(&walk->way->features, 0), observe, NULL, user};
    int32_t status = NST_OK;
    if (!nst_way_tiled(walk->way)) return nst_pass_forward(walk->pass, image, observe_tile, &v);
    for (size_t i = 0; i < nst_tiling_count(&walk->way->features) && status >= 0; i++) {
        v.cut = nst_tiling_get(&walk->way->features, i);
        status = forward_tile(walk, &v, image);
    }
    return status;
}

int32_t nst_walk_backward(nst_walk *walk, const nst_real *image, nst_inject_fn inject, void *user, nst_real *gradient)
{
    visit v = {walk, nst_tiling_get(&walk->way->gradient, 0), NULL, inject, user};
    int32_t status = NST_OK;
    if (!nst_way_tiled(walk->way)) return nst_pass_backward(walk->pass, image, inject_tile, &v, gradient);
    for (size_t i = 0; i < nst_tiling_count(&walk->way->gradient) && status >= 0; i++) {
        v.cut = nst_tiling_get(&walk->way->gradient, i);
        status = forward_tile(walk, &v, image);
        if (status >= 0) status = nst_pass_backward(walk->pass, walk->picture, inject_tile, &v, walk->gradient);
        if (status >= 0) nst_tiling_put_core_back(&walk->way->gradient, &v.cut, walk->gradient, gradient);
    }
    return status;
}

const void *nst_walk_features(nst_walk *walk, size_t layer)
{
    return nst_pass_features(walk->pass, layer);
}

const char *nst_walk_non_finite_layer(nst_walk *walk, const nst_real *image)
{
    visit v = {.walk = walk};
    const char *name = NULL;
    if (!nst_way_tiled(walk->way)) return nst_pass_non_finite_layer(walk->pass, image);
    for (size_t i = 0; i < nst_tiling_count(&walk->way->features) && !name; i++) {
        v.cut = nst_tiling_get(&walk->way->features, i);
        if (forward_tile(walk, &v, image) < 0) return NULL;
        name = nst_pass_non_finite_layer(walk->pass, walk->picture);
    }
    return name;
}
