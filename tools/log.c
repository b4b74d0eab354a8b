#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

bool log_open(run_log *log, const char *path, bool append)
{
    *log = (run_log){path, NULL, false};
    if (!path) return true;
    log->file = fopen(path, append ? "ab" : "wb");
    if (!log->file) say_error("cannot write the log '%s': %s", path, strerror(errno));
    return log->file != NULL;
}

static void note_failure(run_log *log)
{
    if (!log->failed) say_warning("cannot write the log '%s': %s; the run goes on", log->path, strerror(errno));
    log->failed = true;
}

void log_write(run_log *log, const nst_session *session, const nst_progress *progress)
{
    json_writer json = {0};
    if (!log->file || log->failed) return;
    jw_open(&json, NULL, '{');
    jw_int(&json, "iteration", progress->iteration);
    jw_int(&json, "evaluations", progress->evaluations);
    jw_int(&json, "scale", progress->scale);
    jw_int(&json, "width", progress->width);
    jw_int(&json, "height", progress->height);
    jw_number(&json, "loss", progress->loss);
    jw_number(&json, "content", progress->content);
    jw_number(&json, "style", progress->style);
    jw_number(&json, "tv", progress->tv);
    report_layers(&json, session);
    jw_number(&json, "grad_norm", progress->gradient_norm);
    report_strength(&json, session);
    jw_number(&json, "seconds", progress->seconds);
    jw_close(&json, '}');
    if (fputs(json.text, log->file) < 0 || fputc('\n', log->file) < 0 || fflush(log->file) != 0) note_failure(log);
    free(json.text);
}

void log_close(run_log *log)
{
    if (log->file && fclose(log->file) != 0) note_failure(log);
    log->file = NULL;
}
