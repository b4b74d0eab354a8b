/* For tests of weights that need files: a folder of their own, made and removed around a group of tests. */
#ifndef NST_TESTS_WEIGHTS_FOLDER_H
#define NST_TESTS_WEIGHTS_FOLDER_H

#include "weights_support.h"

static char folder[] = "/tmp/nst-weights-XXXXXX";

static inline const char *in_folder(const char *name)
{
    static char path[4][512];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static inline void write_file(const char *path, const blob *file)
{
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    assert_int_equal(fwrite(file->data, 1, file->length, to), file->length);
    fclose(to);
}

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

#endif
