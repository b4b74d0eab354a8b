#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* uselocale() switches the calling thread only; glibc and musl answer newlocale("C") without allocating. */
static locale_t enter_c_locale(locale_t *previous)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    *previous = c ? uselocale(c) : (locale_t)0;
    return c;
}

static void leave_c_locale(locale_t c, locale_t previous)
{
    if (!c) return;
    uselocale(previous);
    freelocale(c);
}

static bool only_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    return *text == '\0';
}

/* A finite number at the beginning of `text`; *end is behind it. */
static bool parse_front(const char *text, double *out, const char **end)
{
    locale_t previous, c = enter_c_locale(&previous);
    char *behind;
    *out = strtod(text, &behind);
    leave_c_locale(c, previous);
    *end = behind;
    return behind != text && isfinite(*out);
}

bool nst_parse_f64(const char *text, double *out)
{
    const char *end;
    double value;
    if (!parse_front(text, &value, &end) || !only_blanks(end)) return false;
    *out = value;
    return true;
}

bool nst_parse_bytes(const char *text, double *out)
{
    static const char letters[] = "kmgt";
    const char *end, *letter;
    double value, base = 1000;
    if (!parse_front(text, &value, &end)) return false;
    while (*end == ' ') end++;
    letter = *end ? strchr(letters, *end | 0x20) : NULL; /* lower case, in ASCII */
    if (letter) {
        if (*++end == 'i') base = 1024, end++;
        value *= pow(base, (double)(letter - letters + 1));
    }
    if (*end == 'B') end++;
    if (!only_blanks(end)) return false;
    *out = value;
    return true;
}

static void format(double value, int digits, char buffer[NST_NUMBER_TEXT])
{
    locale_t previous, c = enter_c_locale(&previous);
    snprintf(buffer, NST_NUMBER_TEXT, "%.*g", digits, value);
    leave_c_locale(c, previous);
}

const char *nst_format_f64(double value, char buffer[NST_NUMBER_TEXT])
{
    for (int digits = 15; digits <= 17; digits++) { /* fewer would turn 10 into 1e+01 */
        double back;
        format(value, digits, buffer);
        if (!isfinite(value) || (nst_parse_f64(buffer, &back) && back == value)) break;
    }
    return buffer;
}

const char *nst_format_bytes(double bytes, char buffer[NST_NUMBER_TEXT])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = bytes;
    size_t unit = 0, length;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) value /= 1000, unit++;
    format(value, 3, buffer);
    length = strlen(buffer);
    snprintf(buffer + length, NST_NUMBER_TEXT - length, " %s", units[unit]);
    return buffer;
}
