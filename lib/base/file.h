/* Files: reading with a limit, random access for big ones, and atomic replacement. The only file (file.c) that opens
 * files, but for the quota of the cgroup (cpu.c). */
#ifndef NST_BASE_FILE_H
#define NST_BASE_FILE_H

#include <stdbool.h>

#include "base/context.h"
#include "nst/types.h"

/* Reads everything into one block (nst_free it). NST_ERR_LIMIT beyond `limit` bytes, also for endless devices. */
int32_t nst_file_read_all(nst_ctx *ctx, const char *path, size_t limit, void **data, size_t *length, nst_error *error);
int32_t nst_reader_read_all(nst_ctx *ctx, const nst_reader *reader, size_t limit, void **data, size_t *length, nst_error *error);

/* Opens `path` and gives its bytes, front to back, to `use`. A directory is refused; pipes and devices are fine. */
typedef int32_t (*nst_use_fn)(void *user, const nst_reader *reader, nst_error *error);
int32_t nst_file_use(const char *path, nst_use_fn use, void *user, nst_error *error);

/* Random access to bytes that lie in a regular file or in memory. Never mapped: a mapped file that is truncated while we read is
 * a SIGBUS, a short read is an error code. */
typedef struct nst_bytes {
    size_t length;
    const unsigned char *memory; /* NULL: file */
    int descriptor;
} nst_bytes;

int32_t nst_bytes_open(nst_bytes *bytes, const char *path, size_t limit, nst_error *error);
void nst_bytes_from_memory(nst_bytes *bytes, const void *memory, size_t length);
void nst_bytes_close(nst_bytes *bytes);
/* Exactly `count` bytes from `offset`; NST_ERR_IO if they are not all there. */
int32_t nst_bytes_read(const nst_bytes *bytes, size_t offset, void *buffer, size_t count, nst_error *error);

/* Writes a file so that `path` holds either its old content or all of the new: a temporary file in the same folder, fsync,
 * rename, fsync of the folder. A symlink to a file is followed, one that leads nowhere is replaced; mode and, where allowed,
 * owner of an existing file are kept; a hard link to it keeps the old content. Devices and pipes are written straight through.
 * `produce` writes to the nst_writer it gets. */
typedef int32_t (*nst_produce_fn)(void *user, const nst_writer *writer, nst_error *error);
int32_t nst_file_replace(nst_ctx *ctx, const char *path, bool overwrite, nst_produce_fn produce, void *user, nst_error *error);

#endif
