/* Style distance of a picture seen from further away: at half and at a quarter of its size, where the large forms of a style show. */
#ifndef NST_MEASURE_OCTAVES_H
#define NST_MEASURE_OCTAVES_H

#include "session/objective.h"

enum { NST_OCTAVES = 2 };

/* The image over white, then each pixel the mean of 2x2; odd rows and columns at the end are left out. */
int32_t nst_octave_halve(const nst_image *image, nst_image **out, nst_error *error);

/* The mean style distance over config->settings->style, between picture and styles box-filtered by 2 and by 4: NaN where one of them has
 * no position left at one of the layers, or there is no layer. config->width x config->height is the picture's own size, and styles are
 * prepared for it before they are filtered. */
int32_t nst_octaves_measure(const nst_objective_config *config, nst_image *picture, double distances[NST_OCTAVES], nst_error *error);

#endif
