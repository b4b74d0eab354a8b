/* How several styles are blended, at each layer and size of the picture: what the option style-weights comes to.
 *
 * Its value is groups of numbers, separated by ';': "1,0" is for everywhere, "relu1_1:1,0" for a layer, "/4:1,0" for the picture at a
 * quarter of its size, "relu1_1/4:1,0" for both. Of those that fit, the one with layer and size counts, then that with the layer, then
 * that with the size. */
#ifndef NST_SESSION_BLEND_H
#define NST_SESSION_BLEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "weights/topology.h"

#define NST_MAX_STYLES 64
#define NST_MAX_OCTAVES 4
#define NST_MAX_BLENDS 64          /* groups */
#define NST_MAX_BLEND_NUMBERS 1024 /* of all groups */
#define NST_EVERY SIZE_MAX         /* layer or octave */

/* As it is written. */
typedef struct nst_blend_place {
    char layer[16]; /* "": every layer */
    size_t octave;  /* halvings of the picture, or NST_EVERY */
} nst_blend_place;

typedef struct nst_blend_group {
    size_t layer, octave; /* index in the network; halvings; or NST_EVERY */
} nst_blend_group;

typedef struct nst_blend {
    size_t styles, count;
    nst_blend_group groups[NST_MAX_BLENDS];
    double weights[NST_MAX_BLEND_NUMBERS]; /* of each group, one behind the other; sum 1 */
} nst_blend;

/* Reads the place at the beginning of a group and leaves *group behind it; false where it is none. */
bool nst_blend_read_place(const char **group, nst_blend_place *place);

/* `list`: the option's value, checked when it was set. NST_ERR_NOT_FOUND for a layer that the model does not have, NST_ERR_INVALID_ARG for
 * a group given twice, all zero, or with another number of styles, NST_ERR_LIMIT for more than there is room for. */
int32_t nst_blend_resolve(const char *list, const nst_weights *weights, size_t styles, nst_blend *out, nst_error *error);

/* Of each style, at a layer of the picture halved `octave` times. */
const double *nst_blend_at(const nst_blend *blend, size_t layer, size_t octave);

/* As it is for the picture's half as the whole. */
void nst_blend_halve(nst_blend *blend);

#endif
