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

/* Insertions, deletions, replacements and exchanged neighbours, two rows at a time plus the one before. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 40 };
    size_t rows[3][LONGEST + 1], n = strlen(a), m = strlen(b);
    if (n > LONGEST || m > LONGEST) return LONGEST;
    for (size_t j = 0; j <= m; j++) rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (exchanged && above2[j - 2] + 1 < best) best = above2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

const char *cli_nearest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word), best_distance = length < 6 ? 1 : length < 9 ? 2 : 3; /* a third of the word may be wrong */
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, words[i]);
        if (distance < best_distance || (distance == best_distance && !best)) {
            best_distance = distance;
            best = words[i];
        }
    }
    return best;
}
