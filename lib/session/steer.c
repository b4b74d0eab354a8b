/* What strength and restraint say is done: weights between iterations, and the start picture where it is wanted again. */
#include "session/session.h"

void nst_session_take_weights(nst_session *session)
{
    if (session->strength.phase != NST_STRENGTH_OFF) session->settings.alpha = session->strength.weight;
    if (session->restraint.target > 0) session->settings.matting = session->restraint.weight;
}

int32_t nst_session_reweight(nst_session *session)
{
    nst_session_take_weights(session);
    nst_objective_reweight(session->objective, &session->settings);
    nst_optimizer_restart(session->optimizer);
    session->window_count = 0; /* also where the evaluation is cancelled */
    return nst_session_begin(session);
}

/* The start picture takes the present one's place; the scale stays. */
int32_t nst_session_start_over(nst_session *session)
{
    nst_real *picture;
    int32_t status = nst_session_new_picture(session, &picture, &session->error);
    if (status >= 0) status = nst_session_fill_start(session, picture, &session->error);
    if (status >= 0) nst_optimizer_jump(session->optimizer, picture);
    nst_free(&session->ctx->memory, picture);
    if (status < 0) return status;
    session->start_over_pending = false;
    return nst_session_reweight(session);
}

void nst_session_follow(nst_session *session)
{
    uint32_t left = nst_session_iterations_left(session);
    bool found = nst_strength_found(&session->strength) && !nst_session_at_last_scale(session); /* such a scale is about to end */
    if (!found && !nst_strength_searching(&session->strength)) nst_strength_follow(&session->strength, session->scale_iteration, left);
    nst_restraint_follow(&session->restraint, session->scale_iteration, left);
}

/* Iterations that were planned for more rounds are spared, where the user did not ask for them by number; a last scale keeps some for
 * corrections and for its bounded ones. What is not spared goes on at this scale where it is the only one, else at the last. */
static void settle(nst_session *session)
{
    uint32_t left = nst_session_iterations_left(session);
    uint32_t still = nst_session_at_last_scale(session) ? nst_strength_afterwards(session->strength.share) : 0;
    session->coarse_end = session->scale_iteration + (left < still ? left : still);
    if (nst_session_at_last_scale(session)) nst_session_follow(session);
}

/* A search has other weights in every round: the picture is held to its share once that is over. */
static bool corrects_restraint(nst_session *session)
{
    if (nst_strength_searching(&session->strength) || session->early != NST_STOP_NONE) return false;
    return nst_restraint_note(&session->restraint, session->scale_iteration, session->matting_share);
}

/* Strength and restraint look at the iteration together, so that two corrections cost one evaluation. */
int32_t nst_session_keep_weights(nst_session *session)
{
    bool over = session->early != NST_STOP_NONE, restrained;
    nst_strength_move move = nst_strength_note(&session->strength, session->scale_iteration, session->retention, over);
    if (move == NST_STRENGTH_SETTLED) settle(session);
    restrained = corrects_restraint(session);
    if (move != NST_STRENGTH_START_OVER && move != NST_STRENGTH_REWEIGHT) return restrained ? nst_session_reweight(session) : NST_CONTINUE;
    session->early = NST_STOP_NONE;
    session->bounded_left = 0;
    session->start_over_pending = move == NST_STRENGTH_START_OVER;
    return session->start_over_pending ? nst_session_start_over(session) : nst_session_reweight(session);
}
