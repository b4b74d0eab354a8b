/* --log: one JSON object a line. */
#ifndef NST_TOOLS_LOG_H
#define NST_TOOLS_LOG_H

#include <nst/nst.h>
#include <stdbool.h>
#include <stdio.h>

typedef struct run_log {
    const char *path; /* NULL: no log */
    FILE *file;
    bool failed; /* a line was lost; said once */
} run_log;

/* false with the reason said. `append` continues a log. */
bool log_open(run_log *log, const char *path, bool append);
void log_write(run_log *log, const nst_session *session, const nst_progress *progress);
void log_close(run_log *log);

#endif
