#define _GNU_SOURCE /* realpath, strerror_r that returns text */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"

static int32_t fail_errno(nst_error *error, const char *action, const char *path)
{
    char reason[128] = "";
    return nst_fail(error, errno == ENOENT ? NST_ERR_NOT_FOUND : NST_ERR_IO, "cannot %s '%s': %s", action, path,
                    strerror_r(errno, reason, sizeof reason));
}

/* ---- whole files ---- */

typedef struct input {
    int descriptor, failure; /* errno of a failed read */
} input;

static int64_t read_descriptor(void *user, void *buffer, uint64_t count)
{
    input *in = user;
    ssize_t got;
    do got = read(in->descriptor, buffer, count < SSIZE_MAX ? (size_t)count : SSIZE_MAX);
    while (got < 0 && errno == EINTR);
    if (got < 0) in->failure = errno;
    return got;
}

static int32_t grow(nst_ctx *ctx, unsigned char **data, size_t *capacity, size_t limit, nst_error *error)
{
    size_t wanted = *capacity ? *capacity * 2 : 1u << 16;
    unsigned char *grown;
    if (wanted > limit && *capacity < limit) wanted = limit;
    grown = nst_realloc(&ctx->memory, *data, wanted);
    if (!grown) return nst_fail_nomem(error, "the bytes of a file");
    *data = grown;
    *capacity = wanted;
    return NST_OK;
}

int32_t nst_reader_read_all(nst_ctx *ctx, const nst_reader *reader, size_t limit, void **out, size_t *length, nst_error *error)
{
    unsigned char *data = NULL;
    size_t used = 0, capacity = 0;
    int32_t status = NST_OK;
    limit = limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4;
    for (;;) {
        int64_t got;
        if (used == capacity && (status = grow(ctx, &data, &capacity, limit + 1, error)) < 0) break;
        got = reader->read(reader->user, data + used, capacity - used);
        if (got == 0) break;
        if (got < 0 || (uint64_t)got > capacity - used) status = nst_fail(error, NST_ERR_IO, "reading failed");
        else if ((used += (size_t)got) > limit) status = nst_fail(error, NST_ERR_LIMIT, "more than the allowed %zu bytes", limit);
        if (status < 0) break;
    }
    if (status < 0) {
        nst_free(&ctx->memory, data);
        return status;
    }
    *out = data;
    *length = used;
    return NST_OK;
}

int32_t nst_file_use(const char *path, nst_use_fn use, void *user, nst_error *error)
{
    input in = {open(path, O_RDONLY | O_CLOEXEC), 0};
    nst_reader reader = {sizeof reader, 0, read_descriptor, &in};
    struct stat info;
    int32_t status;
    if (in.descriptor < 0) return fail_errno(error, "open", path);
    if (fstat(in.descriptor, &info) < 0 || !S_ISDIR(info.st_mode)) status = use(user, &reader, error);
    else status = nst_fail(error, NST_ERR_IO, "'%s' is a directory", path);
    close(in.descriptor);
    if (!in.failure) return status;
    errno = in.failure;
    return fail_errno(error, "read", path);
}

typedef struct whole_file {
    nst_ctx *ctx;
    size_t limit;
    void **data;
    size_t *length;
} whole_file;

static int32_t read_whole(void *user, const nst_reader *reader, nst_error *error)
{
    const whole_file *file = user;
    return nst_reader_read_all(file->ctx, reader, file->limit, file->data, file->length, error);
}

int32_t nst_file_read_all(nst_ctx *ctx, const char *path, size_t limit, void **data, size_t *length, nst_error *error)
{
    whole_file file = {ctx, limit, data, length};
    return nst_file_use(path, read_whole, &file, error);
}

/* ---- random access ---- */

int32_t nst_bytes_open(nst_bytes *bytes, const char *path, size_t limit, nst_error *error)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return fail_errno(error, "open", path);
    if (fstat(descriptor, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(descriptor);
        return nst_fail(error, NST_ERR_IO, "'%s' is not a regular file", path);
    }
    if ((uintmax_t)info.st_size > limit) {
        close(descriptor);
        return nst_fail(error, NST_ERR_LIMIT, "'%s' has %jd bytes, the limit is %zu", path, (intmax_t)info.st_size, limit);
    }
    *bytes = (nst_bytes){.length = (size_t)info.st_size, .memory = NULL, .descriptor = descriptor};
    return NST_OK;
}

void nst_bytes_from_memory(nst_bytes *bytes, const void *memory, size_t length)
{
    *bytes = (nst_bytes){.length = length, .memory = memory, .descriptor = -1};
}

void nst_bytes_close(nst_bytes *bytes)
{
    if (bytes->descriptor >= 0) close(bytes->descriptor);
    bytes->descriptor = -1;
}

int32_t nst_bytes_read(const nst_bytes *bytes, size_t offset, void *buffer, size_t count, nst_error *error)
{
    unsigned char *to = buffer;
    if (offset > bytes->length || count > bytes->length - offset)
        return nst_fail(error, NST_ERR_IO, "the file ends before byte %zu", offset + count);
    if (bytes->memory) {
        memcpy(buffer, bytes->memory + offset, count);
        return NST_OK;
    }
    while (count > 0) {
        ssize_t got = pread(bytes->descriptor, to, count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return nst_fail(error, NST_ERR_IO, "reading failed at byte %zu", offset);
        to += got;
        offset += (size_t)got;
        count -= (size_t)got;
    }
    return NST_OK;
}

/* ---- atomic replacement ---- */

typedef struct output {
    int descriptor, failure; /* errno of the first failed write */
} output;

static int32_t write_descriptor(void *user, const void *data, uint64_t count)
{
    output *out = user;
    const char *from = data;
    while (count > 0) {
        ssize_t put = write(out->descriptor, from, (size_t)count);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            out->failure = put < 0 ? errno : EIO;
            return -1;
        }
        from += put;
        count -= (uint64_t)put;
    }
    return 0;
}

/* Devices and pipes cannot be renamed over: they are written straight through. */
static int32_t write_through(const char *path, nst_produce_fn produce, void *user, nst_error *error)
{
    output out = {open(path, O_WRONLY | O_CLOEXEC), 0};
    nst_writer writer = {sizeof writer, 0, write_descriptor, &out};
    int32_t status;
    if (out.descriptor < 0) return fail_errno(error, "write", path);
    status = produce(user, &writer, error);
    if (close(out.descriptor) < 0 && !out.failure) out.failure = errno;
    if (!out.failure) return status;
    errno = out.failure;
    return fail_errno(error, "write", path);
}

static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    char *slash;
    int descriptor;
    snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (!slash) snprintf(folder, sizeof folder, ".");
    else slash[slash == folder] = '\0';
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    fsync(descriptor); /* some file systems refuse; the rename has happened all the same */
    close(descriptor);
}

/* A short name of its own in the target's folder: the target's with an ending could be too long. O_EXCL with the process's own
 * umask; a name left behind by a crash is stepped over. `temporary` holds the target's path and gets the name here. */
static int open_temporary(char *temporary, size_t capacity)
{
    char *slash = strrchr(temporary, '/');
    size_t folder = slash ? (size_t)(slash + 1 - temporary) : 0;
    int descriptor = -1;
    for (int attempt = 0; attempt < 1000 && descriptor < 0; attempt++) {
        snprintf(temporary + folder, capacity - folder, ".nst-%ld-%d.tmp", (long)getpid(), attempt);
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST) break;
    }
    return descriptor;
}

/* The new file belongs to whom the old one did, as far as this process may give files away, and has its mode. */
static bool keep_owner_and_mode(int descriptor, const struct stat *existing)
{
    struct stat own;
    if (fstat(descriptor, &own) < 0) return false;
    if ((own.st_uid != existing->st_uid || own.st_gid != existing->st_gid) &&
        fchown(descriptor, existing->st_uid, existing->st_gid) < 0 && errno != EPERM && errno != EINVAL)
        return false;
    return fchmod(descriptor, existing->st_mode & 07777) == 0;
}

static int32_t write_temporary(char *temporary, size_t capacity, const char *path, const struct stat *existing,
                               nst_produce_fn produce, void *user, nst_error *error)
{
    output out = {open_temporary(temporary, capacity), 0};
    nst_writer writer = {sizeof writer, 0, write_descriptor, &out};
    int32_t status;
    if (out.descriptor < 0) return fail_errno(error, "create a file beside", path);
    status = produce(user, &writer, error);
    if (status >= 0 && existing && !keep_owner_and_mode(out.descriptor, existing)) out.failure = errno;
    if (status >= 0 && !out.failure && fsync(out.descriptor) < 0) out.failure = errno;
    if (close(out.descriptor) < 0 && !out.failure) out.failure = errno;
    if (out.failure) {
        errno = out.failure;
        status = fail_errno(error, "write", path);
    }
    if (status < 0) unlink(temporary);
    return status;
}

/* link() fails where a target exists, so that two processes cannot both create it; rename() replaces. */
static int32_t move_into_place(const char *temporary, const char *target, bool overwrite, nst_error *error)
{
    int32_t status = NST_OK;
    if (overwrite) {
        if (rename(temporary, target) < 0) status = fail_errno(error, "replace", target);
    } else if (link(temporary, target) < 0) {
        if (errno == EEXIST) status = nst_fail(error, NST_ERR_EXISTS, "'%s' exists; it is not overwritten", target);
        else if (rename(temporary, target) < 0) status = fail_errno(error, "create", target); /* no hard links there */
        else return NST_OK;
    }
    if (!overwrite || status < 0) unlink(temporary);
    return status;
}

int32_t nst_file_replace(nst_ctx *ctx, const char *path, bool overwrite, nst_produce_fn produce, void *user, nst_error *error)
{
    char target[PATH_MAX], temporary[PATH_MAX + 32];
    struct stat info;
    bool exists = stat(path, &info) == 0;
    int32_t status;
    (void)ctx;
    if (!path[0]) return nst_fail(error, NST_ERR_INVALID_ARG, "the path of the file to write is empty");
    if (exists && S_ISDIR(info.st_mode)) return nst_fail(error, NST_ERR_IO, "'%s' is a directory", path);
    if (exists && !S_ISREG(info.st_mode)) return write_through(path, produce, user, error);
    if (exists && !overwrite) return nst_fail(error, NST_ERR_EXISTS, "'%s' exists; it is not overwritten", path);
    if (exists && access(path, W_OK) < 0) return fail_errno(error, "overwrite", path);
    if (strlen(path) >= sizeof target) return nst_fail(error, NST_ERR_INVALID_ARG, "the path is too long");
    if (!exists || !realpath(path, target)) snprintf(target, sizeof target, "%s", path);
    snprintf(temporary, sizeof temporary, "%s", target);
    status = write_temporary(temporary, sizeof temporary, path, exists ? &info : NULL, produce, user, error);
    if (status >= 0) status = move_into_place(temporary, target, overwrite, error);
    if (status >= 0) sync_folder(target);
    return status;
}
