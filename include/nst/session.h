/* libnst: targets and sessions. SPDX-License-Identifier: MIT
 *
 * Targets are the content image and the style images together with a model; the content features and style statistics that a session
 * needs are computed at first use and shared by every session made from the same targets (the cells of a sweep, the sliders of a UI).
 * What no session uses any more is kept for the next one up to 64 MiB, the latest first. Targets are reference counted and may be used
 * from several threads at once.
 *
 * A session is one run: it owns the picture that is optimised. One thread at a time, except nst_session_cancel(). Typical use:
 *
 *     while ((status = nst_session_step(session)) == NST_CONTINUE) { ... nst_session_get_progress() ... }
 *     nst_session_get_image(session, &image);
 */
#ifndef NST_SESSION_H
#define NST_SESSION_H

#include <nst/types.h>

NST_BEGIN_DECLS

/* `content` may be NULL (texture from style alone) and `style_count` 0 (content reconstruction), not both. The images and the
 * model are referenced, not copied. A content image with alpha is seen over white; its alpha is put back on the result. */
NST_API int32_t nst_targets_new(nst_model *model, nst_image *content, nst_image *const *styles, uint32_t style_count,
                                nst_targets **out);
NST_API nst_targets *nst_targets_ref(nst_targets *targets);
NST_API void nst_targets_unref(nst_targets *targets);

/* Maps that divide images into regions: a region of the picture takes its style from the same region of the styles. `content_map` is the
 * picture's (also where there is no content image), style_maps[i] that of style image i, `count` the number of style images. Maps may
 * have any size; they are stretched over their image. Either each colour is a region, at most 16 (a pixel whose colour is none, from
 * JPEG or smoothed edges, counts to the nearest one), or all maps are gray: white is one region, black another, and gray belongs to
 * both. A region that the content's map has and no style's, and a map that has no clear regions, is NST_ERR_INVALID_ARG with the colour
 * named; a style that lacks a region leaves it to the others. Before any session is made from the targets, else NST_ERR_STATE; a second
 * call replaces the first. Copied. */
NST_API int32_t nst_targets_set_guides(nst_targets *targets, nst_image *content_map, nst_image *const *style_maps, uint32_t count);
/* Where the content counts: in full where the map is white, not at all where it is black. As above otherwise. What the option strength
 * measures is kept of the content as a whole. */
NST_API int32_t nst_targets_set_content_weights(nst_targets *targets, nst_image *map);

typedef enum nst_stop_reason {
    NST_STOP_NONE = 0,       /* still running */
    NST_STOP_ITERATIONS = 1, /* the iteration count was reached */
    NST_STOP_TOLERANCE = 2,  /* the loss fell by less than `tolerance` (relative) over 20 iterations */
    NST_STOP_CONVERGED = 3,  /* the gradient vanished or no step, however small, lowers the loss any more */
    NST_STOP_CANCELLED = 4,
    NST_STOP_NUMERIC = 5 /* non-finite values; the last finite image was kept */
} nst_stop_reason;

typedef struct nst_progress {
    uint32_t size;        /* sizeof(nst_progress) */
    int32_t stop_reason;  /* nst_stop_reason */
    uint32_t iteration;   /* done, counted on through all scales; 0: the start image was evaluated, no step yet */
    uint32_t iterations;  /* planned over all scales */
    uint32_t evaluations; /* of loss and gradient, over all scales */
    uint32_t scale, scales; /* 1-based number of the scale the values below belong to, and how many there are */
    uint32_t width, height; /* of that scale, pixels */
    uint32_t terms;         /* per-layer terms nst_session_get_term() can tell */
    double loss;            /* the objective: the sum of all terms, each weighted */
    double content, style, tv;
    double gradient_norm;   /* Euclidean, over the picture in 0..1 units; NaN where there is none (nst_session_get_gradient()) */
    double seconds;         /* of work since the session was made; time between steps does not count */
    double seconds_left;    /* estimate, < 0 while unknown */
    uint64_t reserved[4];
} nst_progress;

typedef struct nst_loss_term {
    uint32_t size; /* sizeof(nst_loss_term) */
    uint32_t reserved0;
    char kind[16];  /* "content", "style", "histogram", "tv", "laplacian", "matting", "temporal" */
    char layer[16]; /* "relu4_2", ... ; "relu4_2/2" of the picture at half its size; "pixels" for those on the picture itself */
    double weight;  /* everything `value` was multiplied by except alpha, beta, histogram, tv, laplacian, temporal or the weight of photo */
    double value;   /* weighted: the terms add up to nst_progress.loss */
    uint64_t reserved[2];
} nst_loss_term;

/* Why a picture cannot keep as much of its content as the strength asks for. */
typedef enum nst_clamped {
    NST_CLAMPED_NOT = 0,
    NST_CLAMPED_STYLE = 1, /* the style alone keeps more than that, or did in the few iterations it had: the target was raised */
    NST_CLAMPED_FLAT = 2   /* the content has nothing that could be measured: an average weight was taken */
} nst_clamped;

typedef struct nst_strength_info {
    uint32_t size;    /* sizeof(nst_strength_info) */
    uint32_t in_use;  /* 1: the content weight is found by the strength; 0: it is alpha */
    uint32_t clamped; /* nst_clamped */
    uint32_t settled; /* 1: the search at the coarsest scale is over */
    double strength;  /* 0..1; NaN: not in use */
    double target;    /* retention wanted, 0..1; NaN: not in use */
    double retention; /* of the latest iteration, at relu4_2, else the mean over the content layers: 1 keeps all of the content; NaN: not
                         known */
    double content_weight; /* of the normalised content loss: alpha */
    double floor;     /* retention that the style alone led to; NaN: not known */
    /* What the option photo came to in the dialect normalised (docs/photo.md); NaN: not in use, or not known yet. */
    double photo_target; /* share of the picture's variation that no recolouring of the content explains, as wanted */
    double photo_share;  /* and of the latest iteration */
    double photo_weight; /* of the matting loss */
    double style_left; /* style loss of the latest iteration, as a share of that of the content image as it is, at the last scale; NaN: not
                          known, at other scales and without content or style */
    uint32_t style_incomplete; /* 1: the run is over and more than 0.3 is left, though it had 50 iterations and no strength up to 0.25 asked
                                  for that: weight, layers, maps, photo or a previous frame hold too much of the content */
    uint32_t reserved0;
} nst_strength_info;

/* What a session takes. The parts are those of the moment at which most is held, and add up to `bytes`. */
typedef struct nst_estimate {
    uint32_t size;      /* sizeof(nst_estimate) */
    uint32_t scale;     /* 1-based number of the scale at which most is held */
    uint64_t bytes;     /* most that is held through the context's allocator from the session's making to its end, the targets'
                           statistics and one nst_session_get_image() included; images and model, which were there before, not */
    uint64_t beside;    /* what the context held before: images, model, other sessions */
    uint64_t limit;     /* the option memory-limit, on both together; 0: none */
    uint64_t network;   /* the session itself, the network and its filters in the form that the kernels want */
    uint64_t features;  /* of the network, kept for the way back, and the gradients on it */
    uint64_t losses;
    uint64_t targets;   /* statistics of content and style, of all scales */
    uint64_t optimizer;
    uint64_t images;    /* pictures on their way into the session and out of it */
    double seconds_per_iteration; /* at the last scale, measured where a probe was asked for; < 0: not measured */
    uint32_t width, height; /* of the picture as it is handed out */
    /* What was chosen for the last scale. */
    uint32_t tile_width, tile_height; /* pixels, without the surroundings; all of the last scale: not tiled */
    uint32_t tiles;                   /* 1: not tiled */
    uint32_t history;                 /* curvature pairs of L-BFGS; 0: another optimiser */
    uint32_t history_bits;            /* of a number in a pair: 32 or 16 */
    uint32_t packed;                  /* 1: the filters lie ready; 0: they are prepared in every call */
    uint32_t recomputed;              /* layers whose features are computed again on the way back instead of kept */
    char precision[12];               /* "fp32", "bf16" */
    uint64_t target_bits;             /* of a value of the content's features: 32 or 16 */
    uint64_t reserved[6];
} nst_estimate;

/* What the session will take; computes nothing and takes nothing, unless `probe` is not 0: then a few evaluations of a small picture
 * tell the seconds; what they take for that time comes on top of what the session holds, memory-limit or not. May be asked at any time
 * between steps. */
NST_API int32_t nst_session_estimate(nst_session *session, int32_t probe, nst_estimate *estimate);

/* Makes a session and evaluates nothing yet beyond checking every option against the model and the images: unknown, duplicate or
 * unreachable layers are NST_ERR_NOT_FOUND or NST_ERR_INVALID_ARG naming the valid ones; a memory-limit that cannot be kept is
 * NST_ERR_LIMIT, a precision that this processor or build has no kernels for NST_ERR_UNSUPPORTED. `init` is the start picture for the
 * option init=image and NULL otherwise; it is resized as needed. Options are copied. On failure the sentence is on the context.
 * Options that are nothing without a content image, such as strength, are a warning in the log where there is none. */
NST_API int32_t nst_session_new(nst_targets *targets, const nst_options *options, nst_image *init, nst_session **out);

/* A session that reconstructs one image from what the network keeps of it: from the content features at `layers` (a list as in the
 * option content-layers), or a texture from the style statistics at `layers`. Starts from noise unless options say otherwise. */
typedef enum nst_reconstruction { NST_RECONSTRUCT_CONTENT = 1, NST_RECONSTRUCT_STYLE = 2 } nst_reconstruction;
NST_API int32_t nst_session_new_reconstruction(nst_model *model, nst_image *image, int32_t kind, const char *layers,
                                               const nst_options *options, nst_session **out);

/* For films: the previous frame's result as it is seen in this frame (nst_image_warp()). The picture is held near it, as far as
 * `weights`, an image of the same size whose brightness is a weight for every pixel (NULL: 1 everywhere), and the option temporal say;
 * where init is auto it also starts from it. The images are copied, in any size, and resized to every scale; NULL takes the frame back.
 * Only before the first step, else NST_ERR_STATE; NST_ERR_LIMIT where memory-limit leaves no room. Checkpoints hold it: to resume takes
 * nothing but the targets. */
NST_API int32_t nst_session_set_previous(nst_session *session, nst_image *previous, nst_image *weights);

/* Cancels nothing: the session must not be inside a step. NULL is allowed. */
NST_API void nst_session_free(nst_session *session);

/* One iteration. The very first call, and the first at every scale, evaluates the start image instead of stepping (iteration
 * stays what it was), so that its losses can be read. NST_CONTINUE, NST_DONE, NST_ERR_CANCELLED (call again to go on),
 * NST_ERR_NOMEM (call again to retry), NST_ERR_NUMERIC, NST_ERR_BUSY. */
NST_API int32_t nst_session_step(nst_session *session);

/* step() until done. `callback` (may be NULL) runs after every step in the calling thread; it may use every getter, change options
 * and save, but not free the session. It stops the run by returning anything but 0: run() then returns NST_ERR_CANCELLED and
 * nst_session_callback_result() the value. */
typedef int32_t (*nst_progress_fn)(void *user, nst_session *session, const nst_progress *progress);
NST_API int32_t nst_session_run(nst_session *session, nst_progress_fn callback, void *user);
NST_API int32_t nst_session_callback_result(const nst_session *session);

/* From any thread and from signal handlers: the step in progress, or the next one, returns NST_ERR_CANCELLED at the next layer
 * boundary. The picture is the last finished iteration's; a later step goes on from there. */
NST_API void nst_session_cancel(nst_session *session);

NST_API int32_t nst_session_get_progress(const nst_session *session, nst_progress *progress);
/* What the option strength came to, how much of the content is kept, and how near the style is, which are measured with raw weights as
 * well. */
NST_API int32_t nst_session_get_strength(const nst_session *session, nst_strength_info *info);
/* Term `index` of the latest accepted iteration; NST_ERR_NOT_FOUND past the end. */
NST_API int32_t nst_session_get_term(const nst_session *session, uint32_t index, nst_loss_term *term);
/* The picture as it is now, clipped to 0..1, in the size of the present scale, with the content's alpha, and filtered as the option
 * finish says; at the last scale in the size of the result, which the option enlarge makes larger. */
NST_API int32_t nst_session_get_image(nst_session *session, nst_image **out);
/* The present value of an option, as nst_options_get_str(); "auto" defaults appear as what they came to. */
NST_API const char *nst_session_get_option(const nst_session *session, const char *key);
/* Changes an option while the session runs, in the way its nst_option_change says (FIXED: NST_ERR_STATE). */
NST_API int32_t nst_session_set_option(nst_session *session, const char *key, const char *value);

/* The gradient of the latest accepted picture, planar: 3 x height x width float, red first, for pixels in 0..1. For tests and
 * visualisation. `capacity` in bytes; NST_ERR_STATE where there is none: before the first step, and with Adam after a step that was
 * cancelled or has failed, until the next one. */
NST_API int32_t nst_session_get_gradient(const nst_session *session, float *gradient, uint64_t capacity);

/* Saves the whole state as a safetensors file (atomic). resume() makes a session that continues with the same bytes, given the
 * same targets, thread-independent; NST_ERR_CHECKPOINT_FORMAT says what differs otherwise. */
NST_API int32_t nst_session_save(nst_session *session, const char *path);
NST_API int32_t nst_session_resume(nst_targets *targets, const char *path, nst_session **out);

/* The sentence of the latest failed call on this session; "" before any failure. Valid until the next failure. */
NST_API const char *nst_session_error(const nst_session *session);

NST_END_DECLS

#endif
