/* Errors inside the library: a code travels as the return value, the sentence in an nst_error that the API entry provides. */
#ifndef NST_BASE_ERROR_H
#define NST_BASE_ERROR_H

#include <stdint.h>

#include "nst/error.h"

#define NST_ERROR_TEXT 1024

typedef struct nst_error {
    char text[NST_ERROR_TEXT];
} nst_error;

/* Formats the sentence, replaces control bytes (hostile names must not reach a terminal) and returns `code`. `error` may be NULL.
 * Numbers with a fraction go through nst_format_f64() and %s: %f and %g follow the host's locale. */
int32_t nst_fail(nst_error *error, int32_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The one sentence for a refused allocation. */
int32_t nst_fail_nomem(nst_error *error, const char *what);

/* Makes text safe to print: control bytes become '?'. */
void nst_make_printable(char *text);

#endif
