/* The JSON writer. */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void put(json_writer *writer, const char *bytes, size_t count)
{
    if (writer->length + count + 1 > writer->capacity) {
        writer->capacity = (writer->length + count + 1) * 2;
        writer->text = cli_realloc(writer->text, writer->capacity, 1);
    }
    memcpy(writer->text + writer->length, bytes, count);
    writer->length += count;
    writer->text[writer->length] = '\0';
}

static void put_text(json_writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

/* One code point of UTF-8; a byte that is not UTF-8 (file names need not be) reads as U+FFFD. */
static uint32_t next_code_point(const unsigned char **text)
{
    const unsigned char *p = *text;
    int more = p[0] < 0x80 ? 0 : p[0] >= 0xF0 && p[0] < 0xF5 ? 3 : p[0] >= 0xE0 ? 2 : p[0] >= 0xC2 ? 1 : -1;
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    uint32_t code = more <= 0 ? p[0] : p[0] & (0x3Fu >> more);
    if (p[0] >= 0xF5) more = -1;
    for (int i = 1; more > 0 && i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) more = -1;
        else code = code << 6 | (p[i] & 0x3F);
    }
    if (more > 0 && (code < smallest[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))) more = -1;
    *text += more < 0 ? 1 : more + 1;
    return more < 0 ? 0xFFFD : code;
}

static void put_escaped(json_writer *writer, uint32_t code)
{
    char text[16];
    if (code == '"' || code == '\\') snprintf(text, sizeof text, "\\%c", (int)code);
    else if (code == '\n') snprintf(text, sizeof text, "\\n");
    else if (code >= 32 && code < 127) snprintf(text, sizeof text, "%c", (int)code);
    else if (code < 0x10000) snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
    else {
        code -= 0x10000;
        snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xD800 + (code >> 10)), (unsigned)(0xDC00 + (code & 0x3FF)));
    }
    put_text(writer, text);
}

static void put_string(json_writer *writer, const char *value)
{
    const unsigned char *p = (const unsigned char *)value;
    put_text(writer, "\"");
    while (*p) put_escaped(writer, next_code_point(&p));
    put_text(writer, "\"");
}

static void put_line(json_writer *writer)
{
    if (writer->line) put_text(writer, "\n");
    writer->line = false;
}

static void begin_value(json_writer *writer, const char *key)
{
    if (writer->comma) put_text(writer, writer->line ? "," : ", ");
    put_line(writer);
    if (key) {
        put_string(writer, key);
        put_text(writer, ": ");
    }
    writer->comma = true;
}

void jw_open(json_writer *writer, const char *key, char bracket)
{
    begin_value(writer, key);
    put(writer, &bracket, 1);
    writer->comma = false;
}

void jw_close(json_writer *writer, char bracket)
{
    put_line(writer);
    put(writer, &bracket, 1);
    writer->comma = true;
}

void jw_text(json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    if (value) put_string(writer, value);
    else put_text(writer, "null");
}

void jw_number(json_writer *writer, const char *key, double value)
{
    char text[40] = "null";
    for (int digits = 15; isfinite(value) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    jw_raw(writer, key, text);
}

void jw_int(json_writer *writer, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    jw_raw(writer, key, text);
}

void jw_bool(json_writer *writer, const char *key, bool value)
{
    jw_raw(writer, key, value ? "true" : "false");
}

void jw_raw(json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    put_text(writer, value);
}

void jw_members(json_writer *writer, const char *members)
{
    begin_value(writer, NULL);
    put_text(writer, members);
}

void jw_newline(json_writer *writer)
{
    writer->line = true;
}
