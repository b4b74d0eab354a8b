#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

bool nst_parse_f64(const char *text, double *out)
{
    locale_t previous, c = enter_c_locale(&previous);
    char *end;
    double value = strtod(text, &end);
    leave_c_locale(c, previous);
    if (end == text || !only_blanks(end) || !isfinite(value)) return false;
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
