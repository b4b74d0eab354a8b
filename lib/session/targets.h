/* Targets: the images to resemble, and a cache of their statistics, computed at first use and shared by sessions.
 *
 * Statistics are held by the objectives that use them. Those that nobody holds any more stay for the next session, the latest first,
 * as long as they fit NST_TARGETS_IDLE bytes together; what does not fit is freed, and computed again should it be asked for.
 *
 * The lock is never held while something is computed: nobody waits for another session's forward pass, and every session can be
 * cancelled in its own. Two that want the same at the same moment both compute it, and the first to finish serves both. */
#ifndef NST_SESSION_TARGETS_H
#define NST_SESSION_TARGETS_H

#include "image/image.h"
#include "loss/loss.h"
#include "base/ledger.h"
#include "net/walk.h"
#include "nst/session.h"
#include "session/colour.h"
#include "session/guides.h"

#define NST_PIXELS SIZE_MAX /* the "layer" of losses on the picture itself */
#define NST_CONTENT_IMAGE (-1) /* else: index of a style image */

/* Enough for a run's scales at ordinary sizes (at 512 pixels: content at relu4_2 and five Gram matrices are 10 MB). To compute
 * statistics anew costs a third of one iteration. */
#define NST_TARGETS_IDLE ((size_t)64 << 20)

typedef struct nst_target_entry nst_target_entry;

struct nst_targets {
    _Atomic uint32_t references;
    nst_ctx *ctx;
    nst_model *model;
    nst_image *content; /* may be NULL */
    nst_image **styles;
    uint32_t style_count;
    nst_guides *guides, *weights; /* maps of regions and of the content's weights; may be NULL */
    bool in_use;     /* by a session: the maps stay as they are */
    nst_mutex *lock; /* guards `entries`, and the maps until they are in use */
    nst_target_entry *entries; /* the latest to be let go first */
    size_t idle_limit;
};

typedef struct nst_target_request {
    const nst_loss_class *class;
    size_t layer; /* index in the network, or NST_PIXELS */
} nst_target_request;

/* As nst_targets_new(); the arguments are checked. */
int32_t nst_targets_create(nst_model *model, nst_image *content, nst_image *const *styles, uint32_t style_count, nst_targets **out,
                           nst_error *error);

/* As nst_targets_set_guides() and nst_targets_set_content_weights(); the arguments are checked. */
int32_t nst_targets_guide(nst_targets *targets, const nst_image *content, nst_image *const *styles, nst_error *error);
int32_t nst_targets_weigh(nst_targets *targets, const nst_image *map, nst_error *error);
/* A session is made from them. */
void nst_targets_use(nst_targets *targets);
/* The map of an image's regions. */
const nst_map *nst_targets_map(const nst_targets *targets, int image);

const nst_image *nst_targets_image(const nst_targets *targets, int image);

/* Which statistics of which image. */
typedef struct nst_target_job {
    const nst_loss_tools *tools;
    const nst_network *network;
    int image;
    size_t width, height; /* to which it is resized */
    size_t halvings;      /* of that, by boxes of four pixels, as the picture's octaves are made */
    size_t room, fronts;  /* that the way through the network may take (nst_walk_new), and its stages in bands */
    const nst_target_request *requests;
    size_t count;
    nst_colours colours;
    bool inside; /* of regions counts what lies inside alone */
} nst_target_job;

/* Sees to it that the statistics are there; one walk through the network computes all that are missing. On success each request is held
 * until nst_targets_release(); after a failure nothing is. */
int32_t nst_targets_prepare(nst_targets *targets, const nst_target_job *job, const _Atomic int *cancel, nst_error *error);
/* The statistics of the job's request `index`, or NULL if they are not there. They stay as long as they are held. */
const void *nst_targets_find(nst_targets *targets, const nst_target_job *job, size_t index);
/* Gives one hold back; NULL is allowed. */
void nst_targets_release(nst_targets *targets, const void *statistics);

/* ---- told beforehand ---- */

#define NST_MAX_IDLE 2048

/* Bytes of statistics that nobody would hold any more, the latest to be let go last. */
typedef struct nst_target_idle {
    size_t bytes[NST_MAX_IDLE];
    size_t count;
} nst_target_idle;

/* Enters what prepare() takes when nothing is there yet. */
int32_t nst_targets_foretell(const nst_targets *targets, const nst_target_job *job, nst_ledger *ledger, nst_error *error);
/* What one request's statistics take. */
size_t nst_targets_bytes(const nst_target_job *job, size_t index);
/* Enters what release() gives back. */
void nst_targets_foretell_release(const nst_targets *targets, size_t bytes, nst_target_idle *idle, nst_ledger *ledger);

#endif
