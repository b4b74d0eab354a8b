/* Structs that callers pass in, read and checked; the sentence of a failure names the struct. */
#ifndef NST_API_STRUCTS_H
#define NST_API_STRUCTS_H

#include "base/error.h"
#include "nst/nst.h"

/* For what nst_abi_read() and nst_abi_write() answered about `what`. Returns `status`. */
int32_t nst_fail_struct(nst_error *error, int32_t status, const char *what);

int32_t nst_read_reader(const nst_reader *given, nst_reader *reader, nst_error *error);
int32_t nst_read_writer(const nst_writer *given, nst_writer *writer, nst_error *error);
/* `given` may be NULL: all defaults. */
int32_t nst_read_save_params(const nst_save_params *given, nst_save_params *params, nst_error *error);
/* With the length of a row and the whole size in bytes; a stride of 0 has become that of a packed image. */
int32_t nst_read_image_desc(const nst_image_desc *given, nst_image_desc *desc, size_t *row, size_t *total, nst_error *error);

#endif
