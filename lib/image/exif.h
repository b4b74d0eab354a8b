/* The one thing wanted from EXIF: how the picture stands. */
#ifndef NST_IMAGE_EXIF_H
#define NST_IMAGE_EXIF_H

#include <stddef.h>

/* `data`: a TIFF structure, with or without the "Exif\0\0" of a JPEG in front. 1..8; 1 where there is none or it is damaged. */
int nst_exif_orientation(const void *data, size_t length);

#endif
