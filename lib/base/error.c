#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int32_t code;
    const char *name, *text;
} codes[] = {
    {NST_OK, "NST_OK", "success"},
    {NST_DONE, "NST_DONE", "the run has ended"},
    {NST_ERR_INVALID_ARG, "NST_ERR_INVALID_ARG", "invalid argument"},
    {NST_ERR_NOMEM, "NST_ERR_NOMEM", "out of memory"},
    {NST_ERR_IO, "NST_ERR_IO", "input or output failed"},
    {NST_ERR_STATE, "NST_ERR_STATE", "the call does not fit the state of the handle"},
    {NST_ERR_BUSY, "NST_ERR_BUSY", "the session is inside a step"},
    {NST_ERR_CANCELLED, "NST_ERR_CANCELLED", "cancelled"},
    {NST_ERR_UNSUPPORTED, "NST_ERR_UNSUPPORTED", "not supported"},
    {NST_ERR_LIMIT, "NST_ERR_LIMIT", "a limit would be exceeded"},
    {NST_ERR_NOT_FOUND, "NST_ERR_NOT_FOUND", "not found"},
    {NST_ERR_EXISTS, "NST_ERR_EXISTS", "the file exists"},
    {NST_ERR_IMAGE_FORMAT, "NST_ERR_IMAGE_FORMAT", "not a readable image"},
    {NST_ERR_WEIGHTS_FORMAT, "NST_ERR_WEIGHTS_FORMAT", "not a readable weights file"},
    {NST_ERR_PREPROCESSING, "NST_ERR_PREPROCESSING", "the preprocessing of the weights is unknown"},
    {NST_ERR_PARAMS_FORMAT, "NST_ERR_PARAMS_FORMAT", "not a readable parameter text"},
    {NST_ERR_CHECKPOINT_FORMAT, "NST_ERR_CHECKPOINT_FORMAT", "not a usable checkpoint"},
    {NST_ERR_NUMERIC, "NST_ERR_NUMERIC", "non-finite numbers"},
    {NST_ERR_STRUCT_SIZE, "NST_ERR_STRUCT_SIZE", "a struct's size member is wrong"},
    {NST_ERR_STRUCT_VERSION, "NST_ERR_STRUCT_VERSION", "a struct uses members this library does not know"},
    {NST_ERR_INTERNAL, "NST_ERR_INTERNAL", "internal error"},
};

static int find(int32_t status)
{
    for (int i = 0; i < (int)(sizeof codes / sizeof codes[0]); i++)
        if (codes[i].code == status) return i;
    return -1;
}

const char *nst_strerror(int32_t status)
{
    int i = find(status);
    return i < 0 ? "unknown status" : codes[i].text;
}

const char *nst_status_name(int32_t status)
{
    int i = find(status);
    return i < 0 ? NULL : codes[i].name;
}

void nst_make_printable(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f) *p = '?';
}

int32_t nst_fail(nst_error *error, int32_t code, const char *format, ...)
{
    va_list arguments;
    if (!error) return code;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    nst_make_printable(error->text);
    return code;
}

int32_t nst_fail_nomem(nst_error *error, const char *what)
{
    return nst_fail(error, NST_ERR_NOMEM, "out of memory for %s", what);
}
