/* Paints a little film, a window that moves over a photograph: video PHOTO PAINTING OUT [OPTIONS.json-text]
 * Writes OUT1.png, OUT2.png and OUT3.png. Each frame is held to the one before, which the flow brings to its place; here the flow is known,
 * in a film it comes from a program for optical flow. */
#include <nst/nst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 3 };

typedef struct film {
    nst_ctx *ctx;
    nst_model *model;
    nst_image *painting, *last; /* the last frame's result */
    nst_options *options;
    float *photo; /* interleaved RGB */
    uint32_t width, height, window_width, window_height, step_x, step_y;
} film;

/* The photograph's pixels, and a window that goes over an eighth of it in two steps. */
static int32_t read_photo(film *f, const char *path)
{
    nst_image *image = NULL;
    nst_image_desc desc;
    int32_t status = nst_image_load(f->ctx, path, &image);
    NST_INIT(desc);
    if (status >= 0) status = nst_image_get_desc(image, &desc);
    if (status >= 0) {
        size_t bytes = (size_t)desc.width * desc.height * 3 * sizeof *f->photo;
        desc.channels = 3;
        f->width = desc.width;
        f->height = desc.height;
        f->step_x = desc.width / 16;
        f->step_y = desc.height / 16;
        f->window_width = desc.width - (FRAMES - 1) * f->step_x;
        f->window_height = desc.height - (FRAMES - 1) * f->step_y;
        f->photo = malloc(bytes);
        status = f->photo ? nst_image_read(image, &desc, f->photo, bytes) : NST_ERR_NOMEM;
    }
    nst_image_unref(image);
    return status;
}

static int32_t new_window(const film *f, uint32_t frame, nst_image **out)
{
    nst_image_desc desc;
    NST_INIT(desc);
    desc.format = NST_FORMAT_F32;
    desc.width = f->window_width;
    desc.height = f->window_height;
    desc.channels = 3;
    desc.stride = (uint64_t)f->width * 3 * sizeof *f->photo;
    return nst_image_new(f->ctx, &desc, f->photo + 3 * ((size_t)frame * f->step_y * f->width + (size_t)frame * f->step_x), out);
}

/* From a frame back to the one before, in pixels of the result, which may be smaller than the window. */
static int32_t warp_last(const film *f, nst_image **warped, nst_image **inside)
{
    nst_image_desc desc;
    float *flow;
    size_t count;
    int32_t status;
    NST_INIT(desc);
    status = nst_image_get_desc(f->last, &desc);
    if (status < 0) return status;
    count = (size_t)desc.width * desc.height;
    flow = malloc(2 * count * sizeof *flow);
    if (!flow) return NST_ERR_NOMEM;
    for (size_t i = 0; i < count; i++) {
        flow[i] = (float)f->step_x * (float)desc.width / (float)f->window_width;
        flow[count + i] = (float)f->step_y * (float)desc.height / (float)f->window_height;
    }
    status = nst_image_warp(f->last, flow, desc.width, desc.height, warped, inside);
    free(flow);
    return status;
}

/* The first frame finds the content weight for the others, so that they all keep as much. */
static int32_t keep_weight(const film *f, const nst_session *session)
{
    nst_strength_info info;
    int32_t status;
    NST_INIT(info);
    status = nst_session_get_strength(session, &info);
    if (status < 0 || !info.in_use) return status;
    status = nst_options_unset(f->options, "strength");
    return status < 0 ? status : nst_options_set_f64(f->options, "alpha", info.content_weight);
}

static int32_t paint(film *f, nst_image *content, nst_image *previous, nst_image *weights)
{
    nst_targets *targets = NULL;
    nst_session *session = NULL;
    int32_t status = nst_targets_new(f->model, content, &f->painting, 1, &targets);
    if (status >= 0) status = nst_session_new(targets, f->options, NULL, &session);
    if (status >= 0) status = nst_session_set_previous(session, previous, weights);
    if (status >= 0) status = nst_session_run(session, NULL, NULL);
    if (status >= 0 && !previous) status = keep_weight(f, session);
    nst_image_unref(f->last);
    f->last = NULL;
    if (status >= 0) status = nst_session_get_image(session, &f->last);
    if (status < 0 && session) fprintf(stderr, "%s\n", nst_session_error(session));
    nst_session_free(session);
    nst_targets_unref(targets);
    return status;
}

static int32_t make_frame(film *f, uint32_t frame, const char *out)
{
    nst_image *content = NULL, *previous = NULL, *inside = NULL;
    nst_save_params params;
    char path[1024];
    int32_t status = new_window(f, frame, &content);
    NST_INIT(params);
    params.overwrite = 1;
    snprintf(path, sizeof path, "%s%u.png", out, (unsigned)frame + 1);
    if (status >= 0 && f->last) status = warp_last(f, &previous, &inside);
    if (status >= 0) status = paint(f, content, previous, inside);
    if (status >= 0) status = nst_image_save(f->last, path, &params);
    nst_image_unref(content);
    nst_image_unref(previous);
    nst_image_unref(inside);
    return status;
}

int main(int argc, char **argv)
{
    film f = {NULL};
    int32_t status;
    if (argc < 4) {
        fprintf(stderr, "usage: %s PHOTO PAINTING OUT [OPTIONS.json-text]\n", argv[0]);
        return 2;
    }
    if (nst_ctx_new(NULL, &f.ctx) < 0) return 1;
    status = nst_model_open(f.ctx, NULL, &f.model);
    if (status >= 0) status = read_photo(&f, argv[1]);
    if (status >= 0) status = nst_image_load(f.ctx, argv[2], &f.painting);
    if (status >= 0) status = nst_options_new(f.ctx, &f.options);
    if (status >= 0 && argc > 4) status = nst_options_from_json(f.options, argv[4], strlen(argv[4]));
    for (uint32_t frame = 0; frame < FRAMES && status >= 0; frame++) status = make_frame(&f, frame, argv[3]);
    if (status < 0) {
        const char *sentence = f.options ? nst_options_error(f.options) : "";
        fprintf(stderr, "%s: %s\n", nst_status_name(status), *sentence ? sentence : nst_ctx_error(f.ctx));
    }

    nst_options_free(f.options);
    nst_image_unref(f.last);
    nst_image_unref(f.painting);
    nst_model_unref(f.model);
    nst_ctx_unref(f.ctx);
    free(f.photo);
    return status < 0;
}
