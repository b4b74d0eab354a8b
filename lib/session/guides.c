#include "session/guides.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/rows.h"
#include "net/tiling.h"

enum {
    BUCKETS = 1 << 15, /* of colours: five bits each of red, green and blue */
    NEAR_EXACT = 8,    /* colours that differ by less in every channel are one, in maps without noise */
    NEAR = 48,         /* in maps with noise: JPEG, edges that were smoothed */
    GRAY_CHROMA = 16,  /* between the largest and the smallest channel of what is gray */
    GRAY_EDGE = 4      /* so near to white or black is white or black */
};
static const double least_region = 0.001;  /* of a map: less does not count */
static const double least_colour = 0.005;  /* of a map with noise, that a colour must fill to be a region's */
static const double most_unclear = 0.1;    /* of a map, that may be near no region's colour */
static const double most_coloured = 0.001; /* of a gray map */
static const double inside_share = 0.99;   /* of what a unit sees */

/* ---- the handle ---- */

nst_guides *nst_guides_ref(nst_guides *guides)
{
    if (guides) atomic_fetch_add(&guides->references, 1);
    return guides;
}

void nst_guides_unref(nst_guides *guides)
{
    nst_ctx *ctx;
    if (!guides || atomic_fetch_sub(&guides->references, 1) != 1) return;
    ctx = guides->ctx;
    for (uint32_t i = 0; i < guides->style_count; i++) nst_free(&ctx->memory, guides->styles[i].values);
    nst_free(&ctx->memory, guides->styles);
    nst_free(&ctx->memory, guides->content.values);
    nst_free(&ctx->memory, guides);
    nst_ctx_unref(ctx);
}

static nst_guides *make(nst_ctx *ctx)
{
    nst_guides *guides = nst_alloc_zero(&ctx->memory, sizeof *guides);
    if (!guides) return NULL;
    atomic_init(&guides->references, 1);
    guides->ctx = nst_ctx_ref(ctx);
    return guides;
}

/* ---- pixels ---- */

static size_t pixels_of(const nst_image *image)
{
    return (size_t)image->width * image->height;
}

/* 0xrrggbb, over white. */
static uint32_t colour_at(const nst_image *image, size_t i)
{
    const float *alpha = nst_image_plane_const(image, 3);
    uint32_t colour = 0;
    for (int c = 0; c < 3; c++) {
        float value = nst_image_plane_const(image, c)[i];
        if (alpha) value = (float)nst_over_white(value, alpha[i]);
        colour = colour << 8 | (uint32_t)(value * 255 + 0.5f);
    }
    return colour;
}

static int channel(uint32_t colour, int c)
{
    return (int)(colour >> 8 * c & 255);
}

static bool is_gray(uint32_t colour)
{
    int low = 255, high = 0;
    for (int c = 0; c < 3; c++) {
        if (channel(colour, c) < low) low = channel(colour, c);
        if (channel(colour, c) > high) high = channel(colour, c);
    }
    return high - low <= GRAY_CHROMA;
}

static bool is_gray_map(const nst_image *image)
{
    size_t coloured = 0;
    for (size_t i = 0; i < pixels_of(image); i++) coloured += !is_gray(colour_at(image, i));
    return (double)coloured <= most_coloured * (double)pixels_of(image);
}

static int32_t make_map(nst_ctx *ctx, const nst_image *image, nst_map *map, nst_error *error)
{
    *map = (nst_map){image->width, image->height, nst_alloc(&ctx->memory, pixels_of(image))};
    return map->values ? NST_OK : nst_fail_nomem(error, "a map of regions");
}

static int32_t make_gray_map(nst_ctx *ctx, const nst_image *image, nst_map *map, nst_error *error)
{
    int32_t status = make_map(ctx, image, map, error);
    for (size_t i = 0; i < pixels_of(image) && status >= 0; i++) {
        uint32_t colour = colour_at(image, i);
        int level = (channel(colour, 0) + channel(colour, 1) + channel(colour, 2) + 1) / 3;
        map->values[i] = (uint8_t)(level < GRAY_EDGE ? 0 : level > 255 - GRAY_EDGE ? 255 : level);
    }
    return status;
}

/* ---- the colours that stand for regions ---- */

typedef struct bucket {
    uint32_t count, colour, votes; /* the colour that most of them have, by the rule of Boyer and Moore */
} bucket;

typedef struct palette {
    bucket *buckets; /* of the map at hand */
    bool exact;      /* no map has more colours than there may be regions */
    uint32_t colours[NST_MAX_REGIONS];
    size_t count;
} palette;

static void count_colours(palette *p, const nst_image *image)
{
    memset(p->buckets, 0, BUCKETS * sizeof *p->buckets);
    for (size_t i = 0; i < pixels_of(image); i++) {
        uint32_t colour = colour_at(image, i);
        bucket *b = &p->buckets[(colour >> 19 & 31) << 10 | (colour >> 11 & 31) << 5 | (colour >> 3 & 31)];
        b->count++;
        if (b->votes == 0) b->colour = colour;
        if (b->colour == colour) b->votes++;
        else b->votes--;
    }
}

static bool has_few_colours(const palette *p)
{
    size_t used = 0;
    for (size_t i = 0; i < BUCKETS; i++) used += p->buckets[i].count > 0;
    return used <= NST_MAX_REGIONS;
}

static int distance(uint32_t a, uint32_t b)
{
    int largest = 0;
    for (int c = 0; c < 3; c++) {
        int difference = abs(channel(a, c) - channel(b, c));
        if (difference > largest) largest = difference;
    }
    return largest;
}

static bool is_known(const palette *p, uint32_t colour)
{
    for (size_t i = 0; i < p->count; i++)
        if (distance(p->colours[i], colour) < (p->exact ? NEAR_EXACT : NEAR)) return true;
    return false;
}

/* The most frequent colour of the map at hand that no region has, and how many pixels all such have; NULL: there is none. */
static const bucket *most_unknown(const palette *p, size_t *all)
{
    const bucket *most = NULL;
    *all = 0;
    for (const bucket *b = p->buckets; b < p->buckets + BUCKETS; b++) {
        if (b->count == 0 || is_known(p, b->colour)) continue;
        *all += b->count;
        if (!most || b->count > most->count) most = b;
    }
    return most;
}

/* Image 0 is the content's map. */
static const char *name_of(const nst_image *image, uint32_t index, char buffer[NST_IMAGE_NAME])
{
    char otherwise[40] = "the content's map";
    if (index > 0) snprintf(otherwise, sizeof otherwise, "the map of style %u", index);
    return nst_image_name(image, otherwise, buffer);
}

static int32_t learn_colours(palette *p, const nst_image *image, uint32_t index, nst_error *error)
{
    char name[NST_IMAGE_NAME];
    double pixels = (double)pixels_of(image);
    const bucket *b;
    size_t unknown;
    count_colours(p, image);
    while ((b = most_unknown(p, &unknown)) != NULL && (p->exact || (double)b->count >= least_colour * pixels)) {
        if (p->count == NST_MAX_REGIONS)
            return nst_fail(error, NST_ERR_INVALID_ARG, "%s: maps of regions have more than %d colours; one too many is #%06x",
                            name_of(image, index, name), NST_MAX_REGIONS, (unsigned)b->colour);
        p->colours[p->count++] = b->colour;
    }
    if (b && (double)unknown > most_unclear * pixels)
        return nst_fail(error, NST_ERR_INVALID_ARG, "%s is no map of regions: %zu of its pixels have no region's colour, such as #%06x",
                        name_of(image, index, name), unknown, (unsigned)b->colour);
    return NST_OK;
}

static uint8_t nearest(const palette *p, uint32_t colour)
{
    size_t best = 0;
    int least = 4 * 255 * 255;
    for (size_t i = 0; i < p->count; i++) {
        int squares = 0;
        for (int c = 0; c < 3; c++) {
            int difference = channel(p->colours[i], c) - channel(colour, c);
            squares += difference * difference;
        }
        if (squares < least) least = squares, best = i;
    }
    return (uint8_t)best;
}

static int32_t make_colour_map(nst_ctx *ctx, const palette *p, const nst_image *image, nst_map *map, nst_error *error)
{
    int32_t status = make_map(ctx, image, map, error);
    uint32_t colour = 0;
    uint8_t region = nearest(p, colour);
    for (size_t i = 0; i < pixels_of(image) && status >= 0; i++) {
        uint32_t here = colour_at(image, i);
        if (here != colour) colour = here, region = nearest(p, here);
        map->values[i] = region;
    }
    return status;
}

/* ---- maps together ---- */

/* How much of region `index` a value is. */
static void fill_levels(const nst_guides *guides, size_t index, double levels[256])
{
    for (int value = 0; value < 256; value++) {
        double white = value / 255.0;
        if (guides->roots) levels[value] = white;
        else if (guides->gray) levels[value] = index == 0 ? white : 1 - white;
        else levels[value] = value == (int)index;
    }
}

static double share_in(const nst_guides *guides, const nst_map *map, size_t index)
{
    double levels[256], sum = 0;
    size_t pixels = map->width * map->height;
    fill_levels(guides, index, levels);
    for (size_t i = 0; i < pixels; i++) sum += levels[map->values[i]];
    return sum / (double)pixels;
}

static bool some_style_has(const nst_guides *guides, size_t index)
{
    for (uint32_t i = 0; i < guides->style_count; i++)
        if (share_in(guides, &guides->styles[i], index) >= least_region) return true;
    return false;
}

static int32_t lacks(const nst_guides *guides, const palette *p, size_t index, const nst_image *content, const nst_image *style,
                     nst_error *error)
{
    char what[40], of_content[NST_IMAGE_NAME], of_style[NST_IMAGE_NAME];
    if (guides->gray) snprintf(what, sizeof what, "%s", index == 0 ? "white" : "black");
    else snprintf(what, sizeof what, "the colour #%06x", (unsigned)p->colours[index]);
    name_of(content, 0, of_content);
    if (guides->style_count == 1)
        return nst_fail(error, NST_ERR_INVALID_ARG, "%s has %s, which %s lacks: every region of the content needs one of a style",
                        of_content, what, name_of(style, 1, of_style));
    return nst_fail(error, NST_ERR_INVALID_ARG, "%s has %s, which no map of a style has: every region of the content needs one of a "
                    "style", of_content, what);
}

static int32_t match_regions(nst_guides *guides, const palette *p, const nst_image *content, nst_image *const *styles, nst_error *error)
{
    for (size_t i = 0; i < guides->regions; i++) {
        double share = share_in(guides, &guides->content, i);
        guides->shares[i] = share >= least_region ? share : 0;
        if (guides->shares[i] > 0 && !some_style_has(guides, i)) return lacks(guides, p, i, content, styles[0], error);
    }
    return NST_OK;
}

static const nst_image *image_of(const nst_image *content, nst_image *const *styles, uint32_t index)
{
    return index == 0 ? content : styles[index - 1];
}

static nst_map *map_of(nst_guides *guides, uint32_t index)
{
    return index == 0 ? &guides->content : &guides->styles[index - 1];
}

static int32_t learn_palette(palette *p, const nst_image *content, nst_image *const *styles, uint32_t style_count, nst_error *error)
{
    int32_t status = NST_OK;
    p->exact = true;
    for (uint32_t i = 0; i <= style_count && p->exact; i++) {
        count_colours(p, image_of(content, styles, i));
        p->exact = has_few_colours(p);
    }
    for (uint32_t i = 0; i <= style_count && status >= 0; i++) status = learn_colours(p, image_of(content, styles, i), i, error);
    return status;
}

static int32_t read_maps(nst_guides *guides, palette *p, const nst_image *content, nst_image *const *styles, uint32_t style_count,
                         nst_error *error)
{
    int32_t status = NST_OK;
    guides->gray = true;
    for (uint32_t i = 0; i <= style_count && guides->gray; i++) guides->gray = is_gray_map(image_of(content, styles, i));
    if (!guides->gray) status = learn_palette(p, content, styles, style_count, error);
    guides->regions = guides->gray ? 2 : p->count;
    for (uint32_t i = 0; i <= style_count && status >= 0; i++) {
        const nst_image *image = image_of(content, styles, i);
        guides->style_count = i;
        status = guides->gray ? make_gray_map(guides->ctx, image, map_of(guides, i), error)
                              : make_colour_map(guides->ctx, p, image, map_of(guides, i), error);
    }
    return status < 0 ? status : match_regions(guides, p, content, styles, error);
}

int32_t nst_guides_new(nst_ctx *ctx, const nst_image *content, nst_image *const *styles, uint32_t style_count, nst_guides **out,
                       nst_error *error)
{
    nst_guides *guides = make(ctx);
    palette p = {.buckets = nst_alloc_array(&ctx->memory, BUCKETS, sizeof *p.buckets)};
    int32_t status;
    if (guides) guides->styles = nst_alloc_zero(&ctx->memory, style_count * sizeof *guides->styles);
    if (!guides || !guides->styles || !p.buckets) status = nst_fail_nomem(error, "maps of regions");
    else status = read_maps(guides, &p, content, styles, style_count, error);
    nst_free(&ctx->memory, p.buckets);
    if (status < 0) nst_guides_unref(guides);
    else *out = guides;
    return status;
}

int32_t nst_guides_new_weights(nst_ctx *ctx, const nst_image *map, nst_guides **out, nst_error *error)
{
    char name[NST_IMAGE_NAME];
    nst_guides *guides;
    int32_t status;
    if (!is_gray_map(map))
        return nst_fail(error, NST_ERR_INVALID_ARG, "%s has colours, but where the content counts is told in gray: is it a map of regions?",
                        nst_image_name(map, "the map of content weights", name));
    guides = make(ctx);
    if (!guides) return nst_fail_nomem(error, "a map of weights");
    guides->roots = true;
    guides->regions = 1;
    guides->shares[0] = 1;
    status = make_gray_map(ctx, map, &guides->content, error);
    if (status < 0) nst_guides_unref(guides);
    else *out = guides;
    return status;
}

/* ---- at a layer ---- */

/* Cells along one side, in pixels of the map: cell i is seen from i * size - reach to (i + 1) * size + reach. */
typedef struct cells {
    double size, reach;
    size_t side; /* of the map */
} cells;

static cells cells_of(const nst_guide_place *place, size_t map_side, size_t image_side)
{
    double scale = (double)map_side / (double)image_side;
    size_t cell = (size_t)1 << nst_network_pools(place->network, place->layer) << place->halvings;
    size_t reach = place->inside ? nst_tiling_reach(place->network, 0, place->layer + 1) << place->halvings : 0;
    return (cells){scale * (double)cell, scale * (double)reach, map_side};
}

static void span_of(const cells *c, size_t index, double *begin, double *end)
{
    *begin = fmax((double)index * c->size - c->reach, 0);
    *end = fmin((double)(index + 1) * c->size + c->reach, (double)c->side);
}

/* line[x + 1]: of the columns up to x the means over the rows from `begin` to `end`, added up. */
static void add_up(const nst_map *map, const double levels[256], double begin, double end, double *line)
{
    size_t last = (size_t)ceil(end);
    memset(line, 0, (map->width + 1) * sizeof *line);
    for (size_t y = (size_t)begin; y < last; y++) {
        double covered = fmin(end, (double)(y + 1)) - fmax(begin, (double)y);
        const uint8_t *values = map->values + y * map->width;
        for (size_t x = 0; x < map->width; x++) line[x + 1] += covered * levels[values[x]];
    }
    for (size_t x = 0; x < map->width; x++) line[x + 1] = line[x] + line[x + 1] / (end - begin);
}

static double up_to(const double *line, double x)
{
    size_t whole = (size_t)x;
    double part = x - (double)whole;
    return part > 0 ? line[whole] + part * (line[whole + 1] - line[whole]) : line[whole];
}

static nst_shape shape_of(const nst_guide_place *place)
{
    return nst_network_shape(place->network, place->layer, place->width >> place->halvings, place->height >> place->halvings);
}

static nst_real weight_of(const nst_guides *guides, bool inside, double mean)
{
    if (guides->roots) return (nst_real)sqrt(mean);
    if (inside) return mean >= inside_share;
    return (nst_real)mean;
}

static void fill_plane(const nst_guides *guides, const nst_map *map, size_t index, const nst_guide_place *place, double *line,
                       nst_real *plane)
{
    cells across = cells_of(place, map->width, place->width), down = cells_of(place, map->height, place->height);
    nst_shape shape = shape_of(place);
    double levels[256], begin, end;
    fill_levels(guides, index, levels);
    for (size_t y = 0; y < shape.height; y++) {
        span_of(&down, y, &begin, &end);
        add_up(map, levels, begin, end, line);
        for (size_t x = 0; x < shape.width; x++) {
            span_of(&across, x, &begin, &end);
            *plane++ = weight_of(guides, place->inside, (up_to(line, end) - up_to(line, begin)) / (end - begin));
        }
    }
}

static size_t line_bytes(const nst_map *map)
{
    return (map->width + 1) * sizeof(double);
}

size_t nst_guides_bytes(const nst_guides *guides, const nst_map *map, const nst_guide_place *place)
{
    return line_bytes(map) + guides->regions * nst_shape_positions(shape_of(place)) * sizeof(nst_real);
}

/* Regions that do not count are zeros, which cost nothing. */
const nst_real *nst_guides_planes(const nst_guides *guides, const nst_map *map, const nst_guide_place *place, void *memory)
{
    nst_real *planes = (nst_real *)(void *)((char *)memory + line_bytes(map));
    size_t positions = nst_shape_positions(shape_of(place));
    for (size_t i = 0; i < guides->regions; i++) {
        if (guides->shares[i] > 0) fill_plane(guides, map, i, place, memory, planes + i * positions);
        else memset(planes + i * positions, 0, positions * sizeof *planes);
    }
    return planes;
}
