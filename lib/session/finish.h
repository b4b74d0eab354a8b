/* What is done to a picture when it is handed out. */
#ifndef NST_SESSION_FINISH_H
#define NST_SESSION_FINISH_H

#include "image/image.h"

/* `kind`: a choice of the option `finish`. `content` (NULL: nothing is done) of any size. On failure the image stays as it is. */
int32_t nst_finish_image(nst_filter_kind kind, const nst_image *content, nst_image *image, nst_error *error);
/* What it takes while it works. */
size_t nst_finish_bytes(nst_filter_kind kind, const nst_image *content, size_t width, size_t height);

#endif
