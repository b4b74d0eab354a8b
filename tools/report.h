/* What a run has to tell, as JSON: for the log, for the texts in a PNG and for the sheet of a sweep. */
#ifndef NST_TOOLS_REPORT_H
#define NST_TOOLS_REPORT_H

#include "job.h"
#include "json.h"

/* The weighted losses behind a sum, those that are not 0: "content 0.05, style 0.03, matting 0.02". */
void report_kinds(const nst_session *session, char *text, size_t capacity);
/* "layers": {name: weighted loss}. A layer of both losses appears as content:NAME and style:NAME. */
void report_layers(json_writer *json, const nst_session *session);
/* Members retention and content_weight, and where the strength is in use also strength, target and clamped. */
void report_strength(json_writer *json, const nst_session *session);
/* Sizes of the image and of what was painted, iterations, evaluations, losses, layers, why it stopped, and the strength's. `image` may be
 * NULL. */
void report_losses(json_writer *json, const nst_session *session, const nst_progress *progress, const nst_image *image);
/* Every option's value in the session, as an object that --params and nst_options_from_json() read. free() it. */
char *report_params(const cli_job *job, const nst_session *session);
/* A copy of `image` with the texts nst:params and nst:result; NULL when memory ends. `what` names the kind of run. */
nst_image *report_attach(const cli_job *job, const nst_session *session, nst_image *image, const char *what);
/* "iterations", "tolerance", ...; `interrupted` wins. */
const char *report_stop_name(int32_t reason);

#endif
