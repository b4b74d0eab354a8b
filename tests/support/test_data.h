/* Where test data lies that is not part of the repository: NST_TEST_DATA, else ../shared beside the source. Tests that need it
 * skip with exit status 77 when it is absent. */
#ifndef NST_TEST_DATA_H
#define NST_TEST_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* NST_SOURCE_ROOT comes from meson. False where there is no such file or folder. */
static inline int test_data_path(char *path, size_t capacity, const char *name)
{
    const char *root = getenv("NST_TEST_DATA");
    struct stat info;
    if (root && root[0]) snprintf(path, capacity, "%s/%s", root, name);
    else snprintf(path, capacity, "%s/../shared/%s", NST_SOURCE_ROOT, name);
    return stat(path, &info) == 0;
}

#endif
