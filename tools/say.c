/* Messages on standard error, and the progress line. Nothing but '\r' and blanks moves the cursor, and only on a terminal. */
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static struct {
    int level;
    bool progress;
    int drawn;         /* characters of the progress line on the screen */
    double drawn_at;   /* seconds */
    uint32_t scale;    /* whose pace is measured */
    uint32_t since_iteration;
    double since_seconds;
} say;

void say_setup(int level, bool progress)
{
    const char *terminal = getenv("TERM");
    say.level = level;
    say.progress = progress && level >= SAY_NORMAL && isatty(STDERR_FILENO);
    if (!terminal || !*terminal || strcmp(terminal, "dumb") == 0) say.progress = false;
}

/* File names may hold anything; a terminal must not see it. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 32 || *text == 127) *text = '?';
}

static void wipe(void)
{
    if (say.drawn > 0) fprintf(stderr, "\r%*s\r", say.drawn, "");
    say.drawn = 0;
}

static void say_line(const char *prefix, const char *format, va_list values)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, values);
    make_printable(text);
    flockfile(stderr);
    wipe();
    fprintf(stderr, "nst: %s%s\n", prefix, text);
    funlockfile(stderr);
}

void say_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say_line("", format, values);
    va_end(values);
}

void say_warning(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say_line("warning: ", format, values);
    va_end(values);
}

void say_note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (say.level >= SAY_NORMAL) say_line("", format, values);
    va_end(values);
}

void say_verbose(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (say.level >= SAY_VERBOSE) say_line("", format, values);
    va_end(values);
}

void say_log(void *user, int32_t level, const char *message)
{
    (void)user;
    if (level == NST_LOG_WARNING) say_warning("%s", message);
    else if (level == NST_LOG_INFO) say_note("%s", message);
    else say_error("%s", message);
}

/* ---- progress ---- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void format_duration(double seconds, char *text, size_t capacity)
{
    long long whole = (long long)(seconds + 0.5);
    if (seconds < 0 || !(seconds < 1e9)) snprintf(text, capacity, "?");
    else if (whole < 3600) snprintf(text, capacity, "%lld:%02lld", whole / 60, whole % 60);
    else snprintf(text, capacity, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
}

/* Seconds per iteration at the present scale; coarse scales are much faster. */
static double pace(const nst_progress *progress)
{
    if (progress->scale != say.scale || progress->iteration < say.since_iteration) {
        say.scale = progress->scale;
        say.since_iteration = progress->iteration;
        say.since_seconds = progress->seconds;
    }
    if (progress->iteration == say.since_iteration) return NAN;
    return (progress->seconds - say.since_seconds) / (progress->iteration - say.since_iteration);
}

static void draw(const char *text)
{
    int columns = terminal_columns() - 1, previous;
    int length = (int)strlen(text);
    if (columns < 1) columns = 1;
    if (length > columns) length = columns;
    flockfile(stderr);
    previous = say.drawn < columns ? say.drawn : columns;
    fprintf(stderr, "\r%.*s%*s", length, text, previous > length ? previous - length : 0, "");
    fflush(stderr);
    say.drawn = length > previous ? length : previous;
    funlockfile(stderr);
}

void say_progress(const nst_progress *progress, const char *before)
{
    char text[256], left[32], each[32] = "?";
    double time = now(), seconds = pace(progress);
    if (!say.progress || (say.drawn > 0 && time - say.drawn_at < 0.1)) return;
    say.drawn_at = time;
    if (isfinite(seconds)) snprintf(each, sizeof each, "%.3g", seconds);
    format_duration(progress->seconds_left, left, sizeof left);
    snprintf(text, sizeof text, "%s%s%u/%u  loss %.5g  %s s/it  left %s  scale %u/%u %ux%u", before, *before ? "  " : "",
             progress->iteration, progress->iterations, progress->loss, each, left, progress->scale, progress->scales,
             progress->width, progress->height);
    make_printable(text);
    draw(text);
}

void say_progress_end(void)
{
    flockfile(stderr);
    wipe();
    fflush(stderr);
    funlockfile(stderr);
}

/* ---- statuses ---- */

int cli_exit_code(int32_t status)
{
    switch (status) {
    case NST_ERR_INVALID_ARG: return CLI_USAGE;
    case NST_ERR_LIMIT: return CLI_LIMIT;
    case NST_ERR_UNSUPPORTED:
    case NST_ERR_IMAGE_FORMAT:
    case NST_ERR_WEIGHTS_FORMAT:
    case NST_ERR_PREPROCESSING:
    case NST_ERR_PARAMS_FORMAT:
    case NST_ERR_CHECKPOINT_FORMAT: return CLI_FORMAT;
    case NST_ERR_CANCELLED: return CLI_INTERRUPTED;
    default: return status < 0 ? CLI_ERROR : CLI_OK;
    }
}

int cli_fail_file(int32_t status, const char *path, const char *sentence)
{
    if (strstr(sentence, path)) return cli_fail(status, sentence);
    say_error("%s: %s", path, sentence);
    return cli_exit_code(status);
}

int cli_fail(int32_t status, const char *sentence)
{
    say_error("%s", sentence && *sentence ? sentence : nst_strerror(status));
    return cli_exit_code(status);
}
