/* The loop of one run that ends in one picture. */
#ifndef NST_TOOLS_RUN_H
#define NST_TOOLS_RUN_H

#include "job.h"
#include "output.h"

/* Flags, paths and folders, before anything is loaded: output, log, checkpoint. `inputs` are files that must survive. */
int run_check(cli_output *output, const cli_args *args, const char *const *inputs, int count);
/* Says why there is no session. */
int run_refused(const cli_job *job, int32_t status);
/* Applies what the command line says to a session made from a checkpoint. */
int run_override(const cli_job *job, nst_session *session);
/* A session of the targets, or the one that --resume names. */
int run_open(cli_job *job, nst_targets *targets, nst_session **session);
/* Steps until the end, writes log, frames and checkpoints, saves the picture. `what` names the kind of run. */
int run_session(const cli_job *job, nst_session *session, const cli_output *output, const char *what);

/* Prints what the run would take instead of making it. */
int run_estimate(nst_session *session);

#endif
