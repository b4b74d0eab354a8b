/* The session's inside, shared by session.c (the run), steer.c (the weights on the way), start.c (where pictures come from), reached.c (how
 * near the style is), change.c (options while it runs) and checkpoint.c (save and resume). */
#ifndef NST_SESSION_INTERNAL_H
#define NST_SESSION_INTERNAL_H

#include "session/enlarge.h"
#include "session/objective.h"
#include "session/pyramid.h"
#include "session/schedule.h"
#include "session/restraint.h"
#include "session/strength.h"

#define NST_TOLERANCE_WINDOW 20 /* iterations over which the relative fall of the loss is judged */
/* L-BFGS runs free and ends with so many iterations inside 0..1; with more where the picture shall be a recolouring of the content, which
 * clipping spoils and which comes back slowly. */
enum { NST_BOUNDED_ITERATIONS = 5, NST_BOUNDED_PHOTO_ITERATIONS = 15 };
#define NST_JOURNAL 32

/* What an evaluation found, so that the terms of the accepted one are known when a line search made several. */
typedef struct nst_journal_entry {
    double f, retention;
    double values[NST_MAX_TERMS];
} nst_journal_entry;

struct nst_session {
    nst_ctx *ctx;
    nst_targets *targets;
    nst_options *options;
    nst_image *init; /* may be NULL */
    nst_image *previous; /* frame (previous.h); may be NULL */
    bool resuming;
    nst_settings settings;
    nst_schedule schedule;
    const nst_kernels *kernels;
    nst_exec exec;
    size_t beside;        /* bytes that the context held before */
    nst_network *network; /* of the settings at work; NULL until a scale is opened */

    /* The scale at work; both NULL until the start picture has been evaluated. */
    size_t scale; /* index into the schedule */
    nst_objective *objective;
    nst_optimizer *optimizer;
    nst_pyramid *pyramid; /* the optimiser's preconditioner; NULL: none */
    uint32_t scale_iteration; /* iterations done at this scale */
    nst_stop_reason early;    /* why the scale ends before its planned iterations, or NONE */
    uint32_t bounded_left;    /* bounded iterations still to do after an early stop */
    double window[NST_TOLERANCE_WINDOW + 1]; /* losses of the latest iterations, as a ring */
    uint32_t window_count;    /* losses noted since the objective was last another */

    uint32_t iteration;        /* over all scales */
    uint32_t coarse_end;       /* iterations of the coarsest scale, where the search for the strength did not need all; UINT32_MAX: as
                                  planned */
    bool start_over_pending;   /* the search wants the start picture again */
    uint32_t past_evaluations; /* of scales and optimisers that are gone */
    nst_strength strength;
    nst_restraint restraint;
    double matting_share; /* of the latest accepted iteration: the matting loss's plain value; NaN: none, or not known */
    double retention; /* of the latest accepted iteration; NaN: not measured */
    double content_style; /* style loss of the content as it is, at the last scale, where beta is 1; NaN: not known */
    double style_left;    /* share of that in the latest accepted iteration; NaN: not known */
    nst_stop_reason stop; /* as told to the caller */
    double seconds;
    int32_t callback_result;
    nst_journal_entry journal[NST_JOURNAL];
    uint32_t journal_count;
    nst_objective_term terms[NST_MAX_TERMS]; /* of the latest accepted iteration */
    size_t term_count;

    bool restart_pending, plan_pending; /* options changed */
    _Atomic int cancel, busy;
    unsigned floating_point; /* the caller's, while busy */
    nst_error error;
};

/* A session that has checked everything and computed nothing. `resuming`: the picture will come from a checkpoint, so no start
 * picture is needed. */
int32_t nst_session_create(nst_targets *targets, const nst_options *options, nst_image *init, bool resuming, nst_session **out,
                           nst_error *error);
/* Where there is no content image, says in the log which of `count` options from `first` on ask for what is nothing then. */
void nst_session_tell_idle(const nst_session *session, int first, int count);
/* What `options` come to for the session's targets, if a run with them is possible. */
int32_t nst_session_resolve(const nst_session *session, const nst_options *options, nst_settings *settings, nst_schedule *schedule,
                            nst_error *error);
void nst_session_destroy(nst_session *session);
/* Takes the previous frame over on success (previous.h; NULL: none); no scale may be open yet. */
int32_t nst_session_take_previous(nst_session *session, nst_image *previous, nst_error *error);

/* Notes the matting loss's plain value in the latest terms. */
void nst_session_note_share(nst_session *session);

/* One iteration, or the evaluation of a scale's start. The caller holds `busy`. */
int32_t nst_session_advance(nst_session *session);

/* Network, targets and optimiser of the present scale, with `*picture` (of the scale's size) as the iterate: once the optimiser has
 * it, it is NULL. */
int32_t nst_session_open_scale(nst_session *session, nst_real **picture, nst_error *error);
/* Opens a scale of a plan around the present picture and evaluates it there. A failure (out of memory, cancelled, numeric) leaves all
 * as it was. */
int32_t nst_session_reopen(nst_session *session, const nst_settings *settings, const nst_schedule *schedule, size_t scale,
                           nst_error *error);
/* Evaluates the picture, where that has not been done for the present objective, and notes its loss. */
int32_t nst_session_begin(nst_session *session);
void nst_session_close_scale(nst_session *session);
bool nst_session_at_last_scale(const nst_session *session);
/* From the last scale to the picture that is handed out. */
nst_enlarging nst_enlarging_of(const nst_targets *targets, const nst_schedule *schedule);
/* Room for a picture of the present scale. */
int32_t nst_session_new_picture(const nst_session *session, nst_real **picture, nst_error *error);
size_t nst_session_width(const nst_session *session);
size_t nst_session_height(const nst_session *session);
uint32_t nst_session_evaluations(const nst_session *session);
/* Iterations planned at a scale, and over all of them. */
uint32_t nst_session_scale_iterations(const nst_session *session, size_t scale);
uint32_t nst_session_planned(const nst_session *session);
/* At the present scale, still to do. */
uint32_t nst_session_iterations_left(const nst_session *session);
/* The picture in the session's hands: the optimiser's, or the start picture where no scale is open yet. Under a limit the features make
 * room for it, and the next evaluation takes them again. */
int32_t nst_session_image(nst_session *session, nst_image **out);

/* The network that the settings want: the one at work, or a new one. */
int32_t nst_session_prepare_network(nst_session *session, nst_error *error);

/* Why the last scale is done with the present picture; NONE: it is not, or there are further scales. */
nst_stop_reason nst_session_over(const nst_session *session);

/* reached.c */
/* Whether the content is looked at when that scale is opened. */
bool nst_session_looks_at_content(const nst_targets *targets, const nst_settings *settings, const nst_schedule *schedule, size_t scale);
/* Learns content_style from the scale's objective, if it is the last one. */
int32_t nst_session_look_at_content(nst_session *session, nst_error *error);
/* Learns style_left from the terms. */
void nst_session_note_style(nst_session *session);
/* Whether the finished picture has far less of the style than was asked for. */
bool nst_session_style_incomplete(const nst_session *session);

/* steer.c */
/* Into the settings, the weights that strength and restraint have come to. */
void nst_session_take_weights(nst_session *session);
/* Evaluates the picture with the weights as they are now; what the optimiser had learnt is forgotten. As nst_session_begin(). */
int32_t nst_session_reweight(nst_session *session);
/* Corrections of both from here to the end of the scale; a search goes on. */
void nst_session_follow(nst_session *session);
/* The start picture takes the present one's place; the scale stays. */
int32_t nst_session_start_over(nst_session *session);
/* After an iteration: what strength and restraint make of it. */
int32_t nst_session_keep_weights(nst_session *session);

/* start.c */
/* The start picture (3, height, width) of the present scale. */
int32_t nst_session_fill_start(const nst_session *session, nst_real *picture, nst_error *error);
/* x (3, from.height, from.width) as a picture of another size, with fine detail where it grows. */
int32_t nst_session_grow(const nst_session *session, const nst_real *x, nst_extent from, nst_extent to, nst_real *picture,
                         nst_error *error);

/* budget.c */
/* Chooses what a run keeps and how it goes through pictures, so that it stays within settings->memory_limit: settings->optim.history,
 * network.pack, fronts, narrow, and schedule->scales[].room. NST_ERR_LIMIT where nothing fits. Takes no memory. */
int32_t nst_session_plan_memory(const nst_session *session, nst_settings *settings, nst_schedule *schedule, nst_error *error);
/* All but the seconds. */
int32_t nst_session_foretell(const nst_session *session, nst_estimate *estimate, nst_error *error);
/* Seconds of an iteration at the last scale, by a few iterations at a small one. */
int32_t nst_session_probe(nst_session *session, double *seconds, nst_error *error);

/* change.c */
int32_t nst_session_change(nst_session *session, nst_option_id id, const char *value, nst_error *error);
int32_t nst_session_apply_changes(nst_session *session, nst_error *error);

/* checkpoint.c */
int32_t nst_session_write_checkpoint(nst_session *session, const char *path, nst_error *error);
int32_t nst_session_read_checkpoint(nst_targets *targets, const char *path, nst_session **out, nst_error *error);

#endif
