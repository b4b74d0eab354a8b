/* Writes JSON into a growing text: ASCII only, numbers as short as they read back the same, non-finite numbers as null. */
#ifndef NST_TOOLS_JSON_H
#define NST_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_writer {
    char *text; /* NUL-terminated; free() it */
    size_t length, capacity;
    bool comma; /* a value stands before: the next one needs a comma */
    bool line;  /* a line break is due */
} json_writer;

/* bracket: '{' or '[', '}' or ']'. key may be NULL (in arrays and at the top). */
void jw_open(json_writer *writer, const char *key, char bracket);
void jw_close(json_writer *writer, char bracket);
void jw_text(json_writer *writer, const char *key, const char *value); /* NULL: null */
void jw_number(json_writer *writer, const char *key, double value);
void jw_int(json_writer *writer, const char *key, int64_t value);
void jw_bool(json_writer *writer, const char *key, bool value);
/* `value` is JSON already. */
void jw_raw(json_writer *writer, const char *key, const char *value);
/* Members that another writer wrote: "a": 1, "b": 2. */
void jw_members(json_writer *writer, const char *members);
/* A line break before what comes next, for files people look into. */
void jw_newline(json_writer *writer);

#endif
