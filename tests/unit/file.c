/* Files: whole or not at all. Run in a folder of its own, with what can be refused refused: space, size, permission,
 * descriptors. */
#define _GNU_SOURCE /* mkdtemp, mount, scandir */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

enum { NOBODY = 65534 };

static nst_ctx *ctx;
static nst_error error;
static char folder[64];

/* ---- what a produce function is told to do ---- */

typedef struct content {
    size_t parts, part_size;
    int32_t result; /* after all parts are written */
} content;

static int32_t produce(void *user, const nst_writer *writer, nst_error *out_error)
{
    static char part[1 << 16];
    const content *c = user;
    memset(part, 'n', sizeof part);
    for (size_t i = 0; i < c->parts; i++)
        if (writer->write(writer->user, part, c->part_size) != 0) return nst_fail(out_error, NST_ERR_IO, "the writer gave up");
    return c->result < 0 ? nst_fail(out_error, c->result, "told to fail") : NST_OK;
}

static int32_t replace(const char *path, bool overwrite, size_t parts, size_t part_size, int32_t result)
{
    content c = {parts, part_size, result};
    error.text[0] = '\0';
    return nst_file_replace(ctx, path, overwrite, produce, &c, &error);
}

/* ---- looking ---- */

static void write_old(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("old", 1, 3, file), 3);
    assert_int_equal(fclose(file), 0);
}

static void assert_old(const char *path)
{
    void *data;
    size_t length;
    assert_int_equal(nst_file_read_all(ctx, path, 100, &data, &length, &error), NST_OK);
    assert_int_equal(length, 3);
    assert_memory_equal(data, "old", 3);
    nst_free(&ctx->memory, data);
}

static size_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}

static int not_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Files in the current folder, hidden ones too. */
static int count_files(const char *where)
{
    struct dirent **entries;
    int count = scandir(where, &entries, not_dots, NULL);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return count;
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/nst-file-XXXXXX");
    if (nst_ctx_new(NULL, &ctx) < 0 || !mkdtemp(folder) || chmod(folder, 0755) < 0) return -1;
    return chdir(folder);
}

static int teardown(void **state)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, not_dots, NULL);
    (void)state;
    for (int i = 0; i < count; i++) {
        if (remove(entries[i]->d_name) < 0) return -1;
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    nst_ctx_unref(ctx);
    return chdir("/") < 0 || rmdir(folder) < 0 ? -1 : 0;
}

/* ---- writing ---- */

static void creates_and_replaces(void **state)
{
    (void)state;
    assert_int_equal(replace("a", false, 3, 1000, 0), NST_OK);
    assert_int_equal(size_of("a"), 3000);
    assert_int_equal(replace("a", false, 1, 1, 0), NST_ERR_EXISTS);
    assert_int_equal(size_of("a"), 3000);
    assert_int_equal(replace("a", true, 2, 65536, 0), NST_OK);
    assert_int_equal(size_of("a"), 131072);
    assert_int_equal(replace("a", true, 0, 0, 0), NST_OK);
    assert_int_equal(size_of("a"), 0);
    assert_int_equal(count_files("."), 1);
}

static void a_failed_producer_changes_nothing(void **state)
{
    (void)state;
    write_old("a");
    assert_int_equal(replace("a", true, 3, 1000, NST_ERR_NOMEM), NST_ERR_NOMEM);
    assert_string_equal(error.text, "told to fail");
    assert_old("a");
    assert_int_equal(replace("b", false, 3, 1000, NST_ERR_CANCELLED), NST_ERR_CANCELLED);
    assert_int_equal(count_files("."), 1);
}

static void mode_is_kept_and_umask_obeyed(void **state)
{
    struct stat info;
    mode_t before = umask(027);
    (void)state;
    assert_int_equal(replace("new", false, 1, 1, 0), NST_OK);
    assert_int_equal(stat("new", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    umask(before);
    assert_int_equal(chmod("new", 0604), 0);
    assert_int_equal(replace("new", true, 1, 1, 0), NST_OK);
    assert_int_equal(stat("new", &info), 0);
    assert_int_equal(info.st_mode & 07777, 0604);
}

static void owner_is_kept(void **state)
{
    struct stat info;
    (void)state;
    if (geteuid() != 0) skip();
    write_old("a");
    assert_int_equal(chown("a", NOBODY, NOBODY), 0);
    assert_int_equal(replace("a", true, 1, 1, 0), NST_OK);
    assert_int_equal(stat("a", &info), 0);
    assert_int_equal(info.st_uid, NOBODY);
    assert_int_equal(info.st_gid, NOBODY);
}

static void symlinks_are_followed(void **state)
{
    struct stat info;
    (void)state;
    write_old("real");
    assert_int_equal(symlink("real", "name"), 0);
    assert_int_equal(replace("name", false, 1, 1, 0), NST_ERR_EXISTS);
    assert_int_equal(replace("name", true, 1, 10, 0), NST_OK);
    assert_int_equal(lstat("name", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(size_of("real"), 10);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(replace("dangling", false, 1, 1, 0), NST_ERR_EXISTS);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_true(replace("loop", false, 1, 1, 0) < 0);
    assert_int_equal(count_files("."), 4);
}

static void bad_targets(void **state)
{
    char path[5000];
    (void)state;
    assert_int_equal(replace("", true, 1, 1, 0), NST_ERR_INVALID_ARG);
    assert_int_equal(mkdir("directory", 0755), 0);
    assert_int_equal(replace("directory", true, 1, 1, 0), NST_ERR_IO);
    assert_int_equal(count_files("directory"), 0);
    assert_int_equal(replace("nowhere/a", true, 1, 1, 0), NST_ERR_NOT_FOUND);
    assert_non_null(strstr(error.text, "nowhere/a"));
    write_old("file");
    assert_int_equal(replace("file/a", true, 1, 1, 0), NST_ERR_IO);
    assert_true(replace("/proc/nst.png", true, 1, 1, 0) < 0);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_true(replace(path, true, 1, 1, 0) < 0);
    path[256] = '\0';
    assert_true(replace(path, true, 1, 1, 0) < 0);
    path[255] = '\0'; /* as long as a name may be */
    assert_int_equal(replace(path, false, 1, 1, 0), NST_OK);
    assert_int_equal(replace(path, true, 1, 1, 0), NST_OK);
    assert_old("file");
    assert_int_equal(count_files("."), 3);
}

static void names_left_by_a_crash_do_not_block(void **state)
{
    char name[64];
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, ".nst-%ld-%d.tmp", (long)getpid(), i);
        write_old(name);
    }
    assert_int_equal(replace("a", false, 1, 5, 0), NST_OK);
    assert_int_equal(size_of("a"), 5);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, ".nst-%ld-%d.tmp", (long)getpid(), i);
        assert_old(name);
    }
    assert_int_equal(count_files("."), 4);
}

/* ---- what the system refuses ---- */

static void full_device(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) < 0) skip();
    assert_int_equal(replace("/dev/full", false, 1, 1000, 0), NST_ERR_IO);
    assert_non_null(strstr(error.text, "No space left"));
}

/* The limit on the size of a file stands in for a disk that fills up after any number of bytes: writes come back short, then
 * fail. */
static void file_size_limit(void **state)
{
    struct rlimit before, limit;
    (void)state;
    write_old("a");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t most = 0; most < 5000; most += 499) {
        limit = (struct rlimit){most, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        assert_int_equal(replace("a", true, 5, 1000, 0), NST_ERR_IO);
        assert_int_equal(replace("b", false, 5, 1000, 0), NST_ERR_IO);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_non_null(strstr(error.text, "'b': File too large"));
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_old("a");
    assert_int_equal(count_files("."), 1);
}

static void full_file_system(void **state)
{
    (void)state;
    assert_int_equal(mkdir("mounted", 0755), 0);
    if (mount("tmpfs", "mounted", "tmpfs", 0, "size=64k") < 0) skip();
    write_old("mounted/a");
    assert_int_equal(replace("mounted/a", true, 5, 60000, 0), NST_ERR_IO);
    assert_non_null(strstr(error.text, "No space left"));
    assert_old("mounted/a");
    assert_int_equal(count_files("mounted"), 1);
    assert_int_equal(umount("mounted"), 0);
}

/* In a child that is nobody. Returns its exit status: 0 if the write was refused. */
static int refused_for_nobody(const char *path)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0) _exit(3);
        _exit(replace(path, true, 1, 10, 0) == NST_ERR_IO && strstr(error.text, "Permission denied") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void permissions(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    write_old("a"); /* neither this file nor this folder is nobody's */
    assert_int_equal(refused_for_nobody("a"), 0);
    assert_int_equal(refused_for_nobody("b"), 0);
    assert_int_equal(chmod(folder, 0777), 0); /* the folder could be changed, but the file says no */
    assert_int_equal(refused_for_nobody("a"), 0);
    assert_old("a");
    assert_int_equal(count_files("."), 1);
    assert_int_equal(chmod("a", 0666), 0);
    assert_int_equal(refused_for_nobody("a"), 1);
    assert_int_equal(size_of("a"), 10);
}

static void no_descriptors_left(void **state)
{
    struct rlimit before, none;
    void *data;
    size_t length;
    int32_t read_status, write_status;
    (void)state;
    write_old("a");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    read_status = nst_file_read_all(ctx, "a", 100, &data, &length, &error);
    write_status = replace("a", true, 1, 1, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(read_status, NST_ERR_IO);
    assert_int_equal(write_status, NST_ERR_IO);
    assert_old("a");
}

static int open_descriptors(void)
{
    return count_files("/proc/self/fd");
}

static void descriptors_are_closed(void **state)
{
    void *data;
    size_t length;
    int before;
    (void)state;
    if (access("/proc/self/fd", R_OK) < 0) skip();
    write_old("a");
    before = open_descriptors();
    assert_int_equal(replace("a", true, 1, 1, 0), NST_OK);
    assert_int_equal(replace("a", true, 1, 1, NST_ERR_NOMEM), NST_ERR_NOMEM);
    assert_int_equal(replace("a", false, 1, 1, 0), NST_ERR_EXISTS);
    assert_int_equal(nst_file_read_all(ctx, ".", 100, &data, &length, &error), NST_ERR_IO);
    assert_int_equal(nst_file_read_all(ctx, "a", 0, &data, &length, &error), NST_ERR_LIMIT);
    assert_int_equal(open_descriptors(), before);
}

/* A pipe cannot be replaced: it gets the bytes, and a reader that is slower than we are loses none. */
static void pipes_are_written_through(void **state)
{
    int status;
    pid_t child;
    struct stat info;
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static char buffer[1000];
        size_t total = 0;
        ssize_t got;
        int pipe_end = open("pipe", O_RDONLY);
        while ((got = read(pipe_end, buffer, sizeof buffer)) > 0) total += (size_t)got;
        _exit(total == 5 * 65536 ? 0 : 1);
    }
    assert_int_equal(replace("pipe", false, 5, 65536, 0), NST_OK);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(lstat("pipe", &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
}

/* ---- reading ---- */

static void reading_whole_files(void **state)
{
    void *data;
    size_t length;
    (void)state;
    assert_int_equal(replace("a", false, 3, 65536, 0), NST_OK);
    assert_int_equal(nst_file_read_all(ctx, "a", 3 * 65536, &data, &length, &error), NST_OK);
    assert_int_equal(length, 3 * 65536);
    nst_free(&ctx->memory, data);
    assert_int_equal(nst_file_read_all(ctx, "a", 3 * 65536 - 1, &data, &length, &error), NST_ERR_LIMIT);
    assert_int_equal(nst_file_read_all(ctx, "/dev/zero", 100000, &data, &length, &error), NST_ERR_LIMIT);
    assert_int_equal(nst_file_read_all(ctx, "nowhere", 100, &data, &length, &error), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_file_read_all(ctx, "", 100, &data, &length, &error), NST_ERR_NOT_FOUND);
    assert_int_equal(nst_file_read_all(ctx, "/dev/null", 100, &data, &length, &error), NST_OK);
    assert_int_equal(length, 0);
    nst_free(&ctx->memory, data);
}

static void random_access(void **state)
{
    nst_bytes bytes;
    char buffer[4] = "";
    (void)state;
    write_old("a");
    assert_int_equal(nst_bytes_open(&bytes, "a", 2, &error), NST_ERR_LIMIT);
    assert_int_equal(nst_bytes_open(&bytes, ".", 100, &error), NST_ERR_IO);
    assert_int_equal(nst_bytes_open(&bytes, "/dev/zero", 100, &error), NST_ERR_IO);
    assert_int_equal(nst_bytes_open(&bytes, "a", 3, &error), NST_OK);
    assert_int_equal(nst_bytes_read(&bytes, 1, buffer, 2, &error), NST_OK);
    assert_memory_equal(buffer, "ld", 2);
    assert_int_equal(nst_bytes_read(&bytes, 2, buffer, 2, &error), NST_ERR_IO);
    assert_int_equal(nst_bytes_read(&bytes, SIZE_MAX, buffer, 2, &error), NST_ERR_IO);
    assert_int_equal(nst_bytes_read(&bytes, 3, buffer, 0, &error), NST_OK);
    assert_int_equal(truncate("a", 1), 0); /* by someone else, while we read */
    assert_int_equal(nst_bytes_read(&bytes, 0, buffer, 3, &error), NST_ERR_IO);
    nst_bytes_close(&bytes);
    nst_bytes_close(&bytes);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(creates_and_replaces),
        IN_FOLDER(a_failed_producer_changes_nothing),
        IN_FOLDER(mode_is_kept_and_umask_obeyed),
        IN_FOLDER(owner_is_kept),
        IN_FOLDER(symlinks_are_followed),
        IN_FOLDER(bad_targets),
        IN_FOLDER(names_left_by_a_crash_do_not_block),
        IN_FOLDER(full_device),
        IN_FOLDER(file_size_limit),
        IN_FOLDER(full_file_system),
        IN_FOLDER(permissions),
        IN_FOLDER(no_descriptors_left),
        IN_FOLDER(descriptors_are_closed),
        IN_FOLDER(pipes_are_written_through),
        IN_FOLDER(reading_whole_files),
        IN_FOLDER(random_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
