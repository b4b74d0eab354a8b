/* The example pair: a ray-traced harbour and a painted pattern. Both fill `rgb` (height, width, 3) with sRGB values in 0..1. */
#ifndef PICTURES_H
#define PICTURES_H

#include <stdbool.h>

bool picture_scene(int width, int height, float *rgb);
bool picture_pattern(int width, int height, float *rgb);

#endif
