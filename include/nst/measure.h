/* libnst: measures: how near a picture is to its content and to its style, whatever made it. SPDX-License-Identifier: MIT
 *
 * The numbers do not depend on the objective that a picture was made with, so that pictures of other settings, sizes, networks and
 * programs can be compared; docs/measure.md has every formula. A measure is computed when it is made and never changes: any thread
 * may read it. What could not be measured is NaN: there is no content or no style image, the network ends before, or the picture is
 * too small. Errors: nst_ctx_error().
 *
 *     nst_measure *measure; nst_measure_summary summary; NST_INIT(summary);
 *     nst_measure_new(targets, picture, NULL, &measure);
 *     nst_measure_get_summary(measure, &summary);
 */
#ifndef NST_MEASURE_H
#define NST_MEASURE_H

#include <nst/types.h>

NST_BEGIN_DECLS

/* R is the picture, C the content image resized to R's size, S the style image prepared for that size as sessions prepare it.
 * Structure is measured on luma (Rec.601), which runs from 0 to 1. */
typedef struct nst_measure_summary {
    uint32_t size;          /* sizeof(nst_measure_summary) */
    uint32_t layers;        /* that nst_measure_get_layer() can tell */
    uint32_t width, height; /* of R, pixels */
    double held_out_style;  /* mean style distance at relu1_2, relu2_2, relu3_4 and relu4_3, where they are and style-layers leaves
                               them out: 0 is the style's own */
    double retention;       /* at relu4_2: how much of C's content is kept, 1 all of it */
    double ssim;            /* of the lumas of R and C, mean, 1 for equal ones */
    double edge_ssim;       /* the same of their gradient magnitudes */
    double edge_correlation; /* of these magnitudes, -1 to 1 */
    double high_frequency;  /* share of R's energy at or above 1/4 cycle a pixel, 0 to about 1 */
    double high_frequency_content; /* of C's */
    double high_frequency_style;   /* of S's, of several styles the largest */
    char precision[12];     /* of the features: "fp32", "bf16" */
    uint32_t held_out;      /* layers in the mean of held_out_style */
    double held_out_style_half;    /* held_out_style with R and S seen at half their size, box-filtered */
    double held_out_style_quarter; /* and at a quarter */
    double self_similarity; /* how much else is alike in R than in C: 0 nothing, 2 at most (docs/measure.md) */
    double erosion;         /* 1 - edge_correlation retention, neither below 0: 0 where C is untouched, 1 where it is gone */
    uint64_t reserved[4];
} nst_measure_summary;

/* F: features; G: their Gram matrix divided by the number of positions, of several styles blended as style-weights say. */
typedef struct nst_measure_layer {
    uint32_t size;                 /* sizeof(nst_measure_layer) */
    uint32_t content_in_objective; /* 1: content-layers names it; 0: held out */
    char layer[16];                /* "relu1_1", ... */
    uint32_t style_in_objective;   /* 1: style-layers names it; 0: held out */
    uint32_t reserved0;
    double content;   /* |F(R) - F(C)|^2 / |F(C)|^2; where F(C) is zero, not divided */
    double style;     /* |G(R) - G(S)|^2 / |G(S)|^2; likewise */
    double retention; /* centred cosine of F(R) and F(C) */
    uint64_t reserved[2];
} nst_measure_layer;

/* Measures `picture`, in its own size, against targets: at every ReLU that the network has and the picture is large enough for.
 * `options` may be NULL; of those that are set, these count: style-scale, style-weights, pooling, pooling-rescale, padding,
 * preprocessing, precision (auto is fp32 here), and content-layers and style-layers, which say what is held out. Statistics of the
 * targets stay with them for the next picture of that size, as after a session. Blocks until all is computed. */
NST_API int32_t nst_measure_new(nst_targets *targets, nst_image *picture, const nst_options *options, nst_measure **out);
/* NULL is allowed. */
NST_API void nst_measure_free(nst_measure *measure);

NST_API int32_t nst_measure_get_summary(const nst_measure *measure, nst_measure_summary *summary);
/* The layers in the network's order; NST_ERR_NOT_FOUND past the end. */
NST_API int32_t nst_measure_get_layer(const nst_measure *measure, uint32_t index, nst_measure_layer *layer);

NST_END_DECLS

#endif
