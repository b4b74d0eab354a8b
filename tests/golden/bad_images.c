/* Files found broken in the wild (imagetestsuite) and pictures in all orientations. A broken file must decode or say clearly why
 * not, within bounded memory and without a leak; orientations must give one picture. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/failing_allocator.h"
#include "../support/test_data.h"
#include "nst/nst.h"

static failing_allocator memory;
static nst_ctx *ctx;
static int failures;

static void fail(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    failures++;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* A picture and the file's bytes are all that may be held, and a little more. */
static void check_file(const char *path, int *good, int *refused)
{
    enum { SLACK = 4 << 20 };
    nst_image *image = NULL;
    nst_image_desc desc;
    uint64_t idle = memory.bytes, live = memory.live, most = SLACK;
    struct stat info;
    int32_t status;
    memory.peak = idle;
    status = nst_image_load(ctx, path, &image);
    NST_INIT(desc);
    if (status == NST_OK) {
        ++*good;
        nst_image_get_desc(image, &desc);
    } else {
        ++*refused;
        if (status != NST_ERR_IMAGE_FORMAT && status != NST_ERR_UNSUPPORTED && status != NST_ERR_LIMIT)
            fail(path, nst_status_name(status));
        if (image || strlen(nst_ctx_error(ctx)) < 10) fail(path, "no sentence");
    }
    if (stat(path, &info) == 0) most += 4 * (uint64_t)info.st_size;
    most += (uint64_t)desc.width * desc.height * (16 + 8); /* planes, and all rows of an interlaced file */
    if (status == NST_OK && memory.peak - idle > most) fail(path, "too much memory");
    if (status != NST_OK && memory.peak - idle > (256 << 20)) fail(path, "too much memory for a refusal");
    nst_image_unref(image);
    if (memory.live != live) fail(path, "leak");
}

static void check_folder(const char *name)
{
    char folder[1024], path[2048];
    struct dirent **entries;
    int count, good = 0, refused = 0;
    if (!test_data_path(folder, sizeof folder, name) || (count = scandir(folder, &entries, visible, alphasort)) < 0) {
        fail(name, "missing");
        return;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        check_file(path, &good, &refused);
        free(entries[i]);
    }
    free(entries);
    printf("%s: %d decoded, %d refused with a reason\n", name, good, refused);
}

static nst_image *load_orientation(const char *kind, int turn)
{
    char name[128], path[1024];
    nst_image *image = NULL;
    snprintf(name, sizeof name, "badimages/exif-orientation/%s_%d.jpg", kind, turn);
    test_data_path(path, sizeof path, name);
    if (nst_image_load(ctx, path, &image) < 0) fail(name, nst_ctx_error(ctx));
    return image;
}

/* Each file has its number drawn in, so the mean difference is a few levels; wrongly turned it is above thirty. */
static double mean_difference(const nst_image *a, const nst_image *b)
{
    nst_image_desc desc, other;
    unsigned char *pixels[2];
    double sum = 0;
    size_t count;
    NST_INIT(desc);
    NST_INIT(other);
    nst_image_get_desc(a, &desc);
    nst_image_get_desc(b, &other);
    if (desc.width != other.width || desc.height != other.height) return 255;
    desc.format = NST_FORMAT_U8;
    count = (size_t)desc.width * desc.height * 3;
    for (int i = 0; i < 2; i++) {
        pixels[i] = malloc(count);
        if (!pixels[i] || nst_image_read(i ? b : a, &desc, pixels[i], count) < 0) return 255;
    }
    for (size_t i = 0; i < count; i++) sum += abs(pixels[0][i] - pixels[1][i]);
    free(pixels[0]);
    free(pixels[1]);
    return sum / (double)count;
}

static void check_orientations(const char *kind)
{
    nst_image *upright = load_orientation(kind, 1);
    double worst = 0;
    for (int turn = 0; turn <= 8 && upright; turn++) {
        nst_image *image = load_orientation(kind, turn);
        double difference = image ? mean_difference(upright, image) : 255;
        if (difference > 5) fail(kind, "an orientation differs from the upright picture");
        if (difference > worst) worst = difference;
        nst_image_unref(image);
    }
    nst_image_unref(upright);
    printf("%s: orientations 0 to 8 differ from the upright picture by at most %d/10 of a level on average\n", kind,
           (int)(worst * 10));
}

int main(void)
{
    char path[1024];
    nst_allocator hooks = failing_allocator_hooks(&memory);
    nst_ctx_config config;
    if (!test_data_path(path, sizeof path, "badimages")) {
        printf("skipped: no badimages in the test data (NST_TEST_DATA)\n");
        return 77;
    }
    NST_INIT(config);
    config.allocator = &hooks;
    if (nst_ctx_new(&config, &ctx) < 0) return 1;
    check_folder("badimages/imagetestsuite/png");
    check_folder("badimages/imagetestsuite/jpg");
    check_orientations("Landscape");
    check_orientations("Portrait");
    nst_ctx_unref(ctx);
    if (memory.live) fail("the context", "leak");
    return failures > 0;
}
