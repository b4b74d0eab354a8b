/* A picture that was painted smaller than it is wanted: how it is made larger when it is handed out. */
#ifndef NST_SESSION_ENLARGE_H
#define NST_SESSION_ENLARGE_H

#include "base/real.h"
#include "image/image.h"

/* A picture painted at 1/factor of the size. */
typedef struct nst_enlarging {
    const nst_image *content;       /* of any size */
    size_t from_width, from_height; /* as painted */
    size_t width, height;
} nst_enlarging;

static inline bool nst_enlarges(const nst_enlarging *e)
{
    return e->from_width != e->width || e->from_height != e->height;
}

/* picture (3, from_height, from_width) becomes an image of the whole size, with the content's alpha. */
int32_t nst_enlarge(const nst_enlarging *e, const nst_real *picture, nst_image **out, nst_error *error);
/* What that takes at most, the image included. */
size_t nst_enlarge_bytes(const nst_enlarging *e);

#endif
