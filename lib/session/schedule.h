/* The schedule: which sizes, how many iterations at each. Coarse to fine by a factor of two. */
#ifndef NST_SESSION_SCHEDULE_H
#define NST_SESSION_SCHEDULE_H

#include "image/image.h"
#include "session/settings.h"

typedef struct nst_schedule {
    size_t width, height; /* of the picture that is handed out; it is painted at the last scale's, and enlarged where that is smaller */
    size_t count;
    uint32_t search_share; /* nst_strength_begin(); 0: no search */
    struct {
        size_t width, height;
        size_t octaves;      /* of the picture at which style is compared, itself included */
        uint32_t iterations; /* at most */
        size_t room;         /* bytes that a way through the network may take; SIZE_MAX: no limit */
    } scales[12];            /* coarse first */
} nst_schedule;

/* The picture has the shape of the settings, else that of `model_image` (the content, or the first style); its longer side is
 * settings->size (0: as the image). All but the octaves, which are 1. */
void nst_schedule_make(const nst_settings *settings, const nst_image *model_image, nst_schedule *out);
/* A style image's longer side is `scale` times that of the picture (width x height); its shape stays. */
void nst_schedule_style_size(const nst_image *style, double scale, size_t width, size_t height, size_t *style_width,
                             size_t *style_height);
/* The octaves of a picture, `wanted` at most: all of them, and as often halved each style image, must have a position at the deepest
 * style layer, behind `pools` poolings. */
size_t nst_schedule_octaves(size_t wanted, int pools, size_t width, size_t height, const nst_image *const *styles, size_t style_count,
                            double style_scale);

#endif
