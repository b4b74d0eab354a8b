/* PngSuite: every sample equal to the published decoding; every file that is broken on purpose an error. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../support/test_data.h"
#include "nst/nst.h"

static char folder[1024];
static int failures;

static void fail(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    failures++;
}

/* The published values are RGBA: 16 bits each for 16-bit files, else 8. */
static void compare(const char *name, const nst_image *image, const json_t *expected)
{
    nst_image_desc desc;
    uint16_t *pixels;
    size_t count;
    unsigned scale;
    NST_INIT(desc);
    nst_image_get_desc(image, &desc);
    count = (size_t)desc.width * desc.height * 4;
    scale = desc.source_bits == 16 ? 1 : 257;
    desc.format = NST_FORMAT_U16;
    desc.channels = 4;
    pixels = malloc(count * sizeof *pixels);
    if (!pixels || nst_image_read(image, &desc, pixels, count * sizeof *pixels) < 0 || json_array_size(expected) != count)
        fail(name, "another number of samples");
    else
        for (size_t i = 0; i < count; i++)
            if (pixels[i] != (unsigned)json_integer_value(json_array_get(expected, i)) * scale) {
                fprintf(stderr, "%s: sample %zu is %u, not %u\n", name, i, pixels[i],
                        (unsigned)json_integer_value(json_array_get(expected, i)) * scale);
                failures++;
                break;
            }
    free(pixels);
}

static void check_file(nst_ctx *ctx, const char *name, int *good, int *broken)
{
    char path[2048];
    nst_image *image = NULL;
    json_t *expected;
    int32_t status;
    snprintf(path, sizeof path, "%s/png/%s", folder, name);
    status = nst_image_load(ctx, path, &image);
    if (name[0] == 'x') {
        ++*broken;
        if (status != NST_ERR_IMAGE_FORMAT || image) fail(name, "broken on purpose, but no error");
        nst_image_unref(image);
        return;
    }
    if (status < 0) {
        fail(name, nst_ctx_error(ctx));
        return;
    }
    ++*good;
    snprintf(path, sizeof path, "%s/json/%.*s.json", folder, (int)strlen(name) - 4, name);
    expected = json_load_file(path, 0, NULL);
    if (expected) compare(name, image, expected);
    else fail(name, "no published pixels");
    json_decref(expected);
    nst_image_unref(image);
}

static int is_png(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".png") == 0;
}

int main(void)
{
    char png[1100];
    struct dirent **entries;
    nst_ctx *ctx;
    int count, good = 0, broken = 0;
    if (!test_data_path(folder, sizeof folder, "badimages/pngsuite")) {
        printf("skipped: no badimages/pngsuite in the test data (NST_TEST_DATA)\n");
        return 77;
    }
    snprintf(png, sizeof png, "%s/png", folder);
    count = scandir(png, &entries, is_png, alphasort);
    if (count < 0 || nst_ctx_new(NULL, &ctx) < 0) return 1;
    for (int i = 0; i < count; i++) {
        check_file(ctx, entries[i]->d_name, &good, &broken);
        free(entries[i]);
    }
    free(entries);
    nst_ctx_unref(ctx);
    printf("%d files equal their published pixels, %d broken ones refused, %d failures\n", good, broken, failures);
    return failures > 0 || good < 150 || broken < 10;
}
