/* Memory and text for the command. It has nothing to lose when memory ends before or after a run, so it just leaves. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli.h"

static void *or_exit(void *memory)
{
    if (memory) return memory;
    say_error("out of memory");
    exit(CLI_ERROR);
}

void *cli_alloc(size_t count, size_t size)
{
    return or_exit(calloc(count ? count : 1, size));
}

void *cli_realloc(void *memory, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return or_exit(NULL);
    return or_exit(realloc(memory, count > 0 && size > 0 ? count * size : 1));
}

char *cli_format(const char *format, ...)
{
    va_list values;
    int length;
    char *text;
    va_start(values, format);
    length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    text = cli_alloc((size_t)length + 1, 1);
    va_start(values, format);
    vsnprintf(text, (size_t)length + 1, format, values);
    va_end(values);
    return text;
}

const char *cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *cli_sibling(const char *path, const char *suffix, const char *ending)
{
    const char *name = cli_base_name(path), *dot = strrchr(name, '.');
    int stem = dot && dot > name ? (int)(dot - path) : (int)strlen(path);
    return cli_format("%.*s%s%s", stem, path, suffix, ending ? ending : path + stem);
}

bool cli_has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}
