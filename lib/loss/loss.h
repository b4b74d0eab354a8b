/* Losses: one file each behind one small streaming interface.
 *
 * A loss compares the features of the picture at one layer with a target. It touches features only through the kernel table, tile by
 * tile (nst_tile: bands of rows, or any other rectangles), so that the features need never exist as a whole:
 *
 *     begin(), accumulate(tile) ..., finish() -> value          then          seed(tile) ... adds the gradient
 *
 * Targets are statistics of a target image's features at the same layer, made by the same streaming (target_accumulate(tile) ...,
 * target_finish()), kept apart from any session and shared. A new loss is one file with an nst_loss_class, and one line where
 * the objective lists the losses (session/objective.c: whose features, which layers, what weight). Formulas: docs/objective.md.
 */
#ifndef NST_LOSS_H
#define NST_LOSS_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "loss/dialect.h"

typedef struct nst_loss_tools {
    const nst_kernels *kernels;
    const nst_exec *exec;
    bool narrow; /* features of targets are kept in 16 bits, where the kernels can */
    size_t laplacian_pool; /* side of the cells that the Laplacian loss averages over; others do without */
    /* Parts of a picture (bands.h). */
    size_t regions;        /* that the guided style loss tells apart */
    bool weighted;         /* the content loss counts more here than there */
    const nst_real *guide; /* at the loss's layer, 0..1: (regions, H, W) in the guided loss, (H, W) in the content loss; NULL: all is 1 */
    const double *shares;  /* of the regions in the picture */
    /* What the layer's convolution has read, (before_channels, H, W): for losses that look at it as well, in accumulate() and seed(). */
    size_t before_channels;
    const void *before;
} nst_loss_tools;

typedef struct nst_loss nst_loss;

typedef struct nst_loss_class {
    const char *kind; /* "content", "style", "histogram", "tv", "laplacian", "matting", "temporal" */

    /* Bytes of a target's statistics and of the workspace that both ways need, for a layer of features (C, H, W) and tiles of it. */
    size_t (*target_bytes)(const nst_loss_tools *tools, nst_shape shape);
    size_t (*workspace_bytes)(const nst_loss_tools *tools, nst_shape shape);
    /* `target` begins zeroed; `shape` is the whole layer's. */
    void (*target_accumulate)(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace);
    void (*target_finish)(nst_shape shape, void *target); /* NULL: nothing left to do */
    /* to += weight * from. Every loss on style images has it, since they may be several; NULL: on the content image. */
    void (*target_blend)(nst_shape shape, double weight, const void *from, void *to);

    /* The constant of the formula in a dialect: the loss is factor times the plain sum that the class computes. */
    double (*factor)(nst_dialect dialect, nst_shape shape, const void *target);
    size_t (*state_bytes)(const nst_loss_tools *tools, nst_shape shape);
    void (*begin)(nst_loss *loss);
    void (*accumulate)(nst_loss *loss, const nst_tile *tile, const void *features);
    double (*finish)(nst_loss *loss); /* the plain sum */
    /* gradient += scale * d(plain sum of the tile's part)/d(features); `gradient` lies as the features do. After finish() of the same
     * features. */
    void (*seed)(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient);
    /* Of losses that look at what the layer's convolution has read: the same by that, where `gradient` lies. NULL: it does not look. */
    void (*seed_before)(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient);
} nst_loss_class;

struct nst_loss {
    const nst_loss_class *class;
    nst_loss_tools tools;
    nst_shape shape;    /* of the picture's features at the layer, the whole of it */
    const void *target; /* lent */
    void *state;        /* state_bytes() */
    void *workspace;    /* workspace_bytes(); may be shared by losses that are not at work at the same time */
    nst_dialect dialect;
    double factor;      /* class->factor() */
    double weight;      /* alpha, beta or tv, times the layer's weight */
    double value;       /* weight * factor * plain sum, of the latest features */
};

extern const nst_loss_class nst_loss_content, nst_loss_tv, nst_loss_laplacian, nst_loss_matting;
/* On the previous frame of a film. */
extern const nst_loss_class nst_loss_temporal;
/* On styles: one of them compares features' statistics. */
extern const nst_loss_class nst_loss_gram, nst_loss_guided, nst_loss_mean_std, nst_loss_covariance, nst_loss_shifted_gram,
    nst_loss_wasserstein, nst_loss_chained;
/* Beside these. */
extern const nst_loss_class nst_loss_histogram;

/* Of a content loss, after finish(): the centred cosine of F and P, Σ_c cov(F_c, P_c) / sqrt(Σ_c var F_c · Σ_c var P_c): how much of the
 * content is kept, whatever its contrast; NaN where either is flat. */
double nst_content_retention(const nst_loss *loss);
/* Of its target: Σ P^2. */
double nst_content_power(const void *target);

/* For classes that need none, and for those whose state is the plain sum, a double, and nothing else. */
size_t nst_loss_no_workspace(const nst_loss_tools *tools, nst_shape shape);
size_t nst_sum_bytes(const nst_loss_tools *tools, nst_shape shape);
void nst_sum_begin(nst_loss *loss);
double nst_sum_finish(nst_loss *loss);

/* Stores and returns loss->value, after begin() and accumulate() of all tiles. */
double nst_loss_finish(nst_loss *loss);
/* gradient += d value / d features of a tile. */
void nst_loss_seed(nst_loss *loss, const nst_tile *tile, const void *features, void *gradient);
/* gradient += d value / d what the layer's convolution has read; `features` are the layer's. */
void nst_loss_seed_before(nst_loss *loss, const nst_tile *tile, const void *features, void *gradient);

/* Whole features at once: begin, accumulate, finish; seed. */
double nst_loss_evaluate(nst_loss *loss, const void *features);
void nst_loss_differentiate(nst_loss *loss, const void *features, void *gradient);

#endif
