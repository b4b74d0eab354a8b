/* Numbers as text without regard to the locale of the host program. */
#ifndef NST_BASE_NUMBER_H
#define NST_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NST_NUMBER_TEXT 40 /* enough for any number and its NUL */

/* The whole of `text` (leading and trailing blanks allowed) as a finite number. */
bool nst_parse_f64(const char *text, double *out);

/* The same with a unit of bytes behind the number: k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti (of 1024), each also with B. */
bool nst_parse_bytes(const char *text, double *out);

/* The shortest text that reads back as the same double ("0.1", "1e-05", "nan", "inf"). Returns `buffer`. */
const char *nst_format_f64(double value, char buffer[NST_NUMBER_TEXT]);

/* Bytes for people: "812 MB", "1.46 GB". Returns `buffer`. */
const char *nst_format_bytes(double bytes, char buffer[NST_NUMBER_TEXT]);

#endif
