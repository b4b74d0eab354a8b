/* What a pass does, step by step, and what memory it takes: known before any is taken. */
#ifndef NST_NET_PLAN_H
#define NST_NET_PLAN_H

#include "base/size.h"
#include "net/pass.h"

/* What one call, or two on the way back, computes: a layer, or a few that nobody looks into. */
typedef enum nst_step_kind { NST_STEP_CONV, NST_STEP_CONV_RELU, NST_STEP_CONV_RELU_POOL, NST_STEP_RELU, NST_STEP_POOL } nst_step_kind;

/* Buffers of a pass. Features nobody needs again take turns in two of them, as do the gradients on the way back. */
enum {
    NST_BUFFER_NONE, /* not wanted */
    NST_BUFFER_TURN0,
    NST_BUFFER_TURN1,
    NST_BUFFER_WORKSPACE,
    NST_BUFFER_KEPT, /* the first of those that are kept for the way back */
    NST_MAX_BUFFERS = NST_BUFFER_KEPT + 2 * NST_MAX_LAYERS
};

typedef struct nst_step {
    nst_step_kind kind;
    size_t first, last; /* layers computed; what is between is not there */
    size_t from, to;    /* buffers of the input and of the output */
    size_t notes;       /* buffer of a ReLU's mask or of a maximum pooling's codes, for the way back */
    bool again;         /* the output is not kept but computed once more on the way back */
} nst_step;

/* A stage that goes in bands (front.h): its layers, and the buffer of its output. */
typedef struct nst_plan_front {
    size_t begin, end, to;
} nst_plan_front;

typedef struct nst_plan {
    nst_plan_front fronts[NST_MOST_FRONTS]; /* before the steps */
    size_t front_count;
    size_t begin;   /* the first layer computed by the steps */
    size_t depth;   /* behind the last one: the deepest tapped one */
    size_t entered; /* buffer of what the first step reads: the preprocessed image, features that the pass begins with, a front's output */
    nst_step steps[NST_MAX_LAYERS];
    size_t step_count;
    size_t bytes[NST_MAX_BUFFERS]; /* of every buffer; of NST_BUFFER_NONE: 0 */
    size_t buffer_count;
} nst_plan;

/* Takes no memory. As nst_pass_new(). */
int32_t nst_plan_make(const nst_pass_config *config, nst_plan *plan, nst_error *error);
/* All buffers together. */
size_t nst_plan_bytes(const nst_plan *plan);
/* In one piece, each at an address as an allocator gives them: the buffers of masks and codes, and all others. */
size_t nst_plan_notes_bytes(const nst_plan *plan);
size_t nst_plan_work_bytes(const nst_plan *plan);
bool nst_plan_is_note(const nst_plan *plan, size_t buffer);
/* What a buffer takes in such a piece; a plan's are small enough to be rounded up. */
static inline size_t nst_place_bytes(size_t bytes)
{
    nst_size_round_up(bytes, NST_ALIGNMENT, &bytes);
    return bytes;
}
/* Whether the way back needs notes and nothing else of what a plan with a way back keeps, but for the last layer's features. */
bool nst_plan_returns(const nst_pass_config *config, const nst_plan *plan);

#endif
