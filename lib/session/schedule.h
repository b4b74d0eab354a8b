/* The schedule: which sizes, how many iterations at each. Coarse to fine by a factor of two. */
#ifndef NST_SESSION_SCHEDULE_H
#define NST_SESSION_SCHEDULE_H

#include "image/image.h"
#include "session/settings.h"

typedef struct nst_schedule {
    size_t count;
    struct {
        size_t width, height;
        size_t room; /* bytes that a way through the network may take; SIZE_MAX: no limit */
    } scales[12];    /* coarse first */
} nst_schedule;

/* The picture has the shape of `model_image` (the content, or the first style), its longer side settings->size (0: as the image). */
void nst_schedule_make(const nst_settings *settings, const nst_image *model_image, nst_schedule *out);
/* A style image's longer side is `scale` times that of the picture (width x height); its shape stays. */
void nst_schedule_style_size(const nst_image *style, double scale, size_t width, size_t height, size_t *style_width,
                             size_t *style_height);
/* Iterations of one scale: the total is shared evenly, what is left over goes to the coarse scales. */
uint32_t nst_schedule_iterations(const nst_schedule *schedule, uint32_t total, size_t scale);

#endif
