/* Makes the example pictures: pictures scene|pattern OUT.png|OUT.jpg [LONGER_SIDE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nst/nst.h>

#include "pictures.h"

struct subject {
    const char *name;
    int width, height; /* of the committed picture */
    bool (*paint)(int width, int height, float *rgb);
};

static const struct subject subjects[] = {{"scene", 768, 512, picture_scene}, {"pattern", 768, 614, picture_pattern}};

static int save(const float *rgb, int width, int height, const char *path)
{
    nst_ctx *ctx = NULL;
    nst_image *image = NULL;
    nst_image_desc desc;
    nst_save_params params;
    int32_t status = nst_ctx_new(NULL, &ctx);
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = (uint32_t)width;
    desc.height = (uint32_t)height;
    desc.channels = 3;
    NST_INIT(params);
    params.quality = 88;
    params.overwrite = 1;
    if (status == NST_OK) status = nst_image_new(ctx, &desc, rgb, &image);
    if (status == NST_OK) status = nst_image_save(image, path, &params);
    if (status < 0) fprintf(stderr, "pictures: %s\n", ctx ? nst_ctx_error(ctx) : nst_strerror(status));
    nst_image_unref(image);
    nst_ctx_unref(ctx);
    return status < 0;
}

static int make(const struct subject *subject, const char *path, int side)
{
    int width = side, height = (side * subject->height + subject->width / 2) / subject->width, failed;
    float *rgb = malloc(sizeof *rgb * 3 * (size_t)width * (size_t)height);
    failed = !rgb || !subject->paint(width, height, rgb);
    if (failed) fprintf(stderr, "pictures: out of memory\n");
    else failed = save(rgb, width, height, path);
    free(rgb);
    return failed;
}

int main(int argc, char **argv)
{
    int side = argc > 3 ? atoi(argv[3]) : 768;
    for (size_t i = 0; argc >= 3 && side >= 16 && side <= 8192 && i < sizeof subjects / sizeof subjects[0]; i++)
        if (strcmp(argv[1], subjects[i].name) == 0) return make(&subjects[i], argv[2], side);
    fprintf(stderr, "usage: pictures scene|pattern OUT.png|OUT.jpg [LONGER_SIDE 16..8192]\n");
    return 2;
}
