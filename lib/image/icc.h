/* Embedded colour profiles: rows of file samples to sRGB, by Little CMS where the build has it. */
#ifndef NST_IMAGE_ICC_H
#define NST_IMAGE_ICC_H

#include <stdbool.h>

#include "base/context.h"

typedef enum nst_icc_space { NST_ICC_GRAY = 1, NST_ICC_RGB = 3, NST_ICC_CMYK = 4 } nst_icc_space;

typedef struct nst_icc_profile {
    const void *data;
    size_t length;
    nst_icc_space space; /* of the file's samples, which it must be for too */
    int bits;            /* 8 or 16 */
    bool alpha;
    bool inverted; /* CMYK as Adobe stores it: 255 for no ink */
} nst_icc_profile;

typedef struct nst_icc nst_icc;

/* A converter from the profile's colours to 16-bit sRGB: rows of the file's samples, with alpha if it has that, become RGB or
 * RGBA. *out is NULL where pixels are to be taken as they are: the profile is sRGB, or damaged, or of another colour space, or
 * the build has no lcms2 (all but the first are logged as warnings). */
int32_t nst_icc_new(nst_ctx *ctx, const nst_icc_profile *profile, nst_icc **out, nst_error *error);
void nst_icc_free(nst_icc *icc);
void nst_icc_convert(const nst_icc *icc, const void *from, uint16_t *to, size_t pixels);

#endif
