/* Maps that a user draws, and what they come to at a layer: which region of a picture takes which region of the styles, and where the
 * content counts. Maps are kept as a byte a pixel; the planes that losses see are made of them when an objective or a target is. */
#ifndef NST_SESSION_GUIDES_H
#define NST_SESSION_GUIDES_H

#include "image/image.h"
#include "net/network.h"

#define NST_MAX_REGIONS 16

typedef struct nst_map {
    size_t width, height;
    uint8_t *values; /* numbers of regions; of a gray map 255: white */
} nst_map;

typedef struct nst_guides {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    bool gray;  /* white is region 0, black 1, gray in between both; else each pixel is of one region */
    bool roots; /* weights of the content: one region, of which losses see the square root */
    size_t regions;
    double shares[NST_MAX_REGIONS]; /* of the content's map; 0: a region that does not count */
    nst_map content, *styles;
    uint32_t style_count;
} nst_guides;

/* Of maps whose colours tell the regions, or that are all gray. NST_ERR_INVALID_ARG names the colour that is wrong. */
int32_t nst_guides_new(nst_ctx *ctx, const nst_image *content, nst_image *const *styles, uint32_t style_count, nst_guides **out,
                       nst_error *error);
int32_t nst_guides_new_weights(nst_ctx *ctx, const nst_image *map, nst_guides **out, nst_error *error);
nst_guides *nst_guides_ref(nst_guides *guides);
void nst_guides_unref(nst_guides *guides);

/* Where planes are wanted: a layer of an image of width x height that has been halved `halvings` times. */
typedef struct nst_guide_place {
    const nst_network *network;
    size_t layer, width, height, halvings;
    bool inside; /* count units alone that see nothing but the region */
} nst_guide_place;

/* Memory for the planes (regions, H, W) of a map, and for making them. */
size_t nst_guides_bytes(const nst_guides *guides, const nst_map *map, const nst_guide_place *place);
/* The planes, in `memory`. */
const nst_real *nst_guides_planes(const nst_guides *guides, const nst_map *map, const nst_guide_place *place, void *memory);

#endif
