/* Runs a fuzz target over files and folders of files, in the order of their names, without libFuzzer. */
#define _GNU_SOURCE /* scandir, asprintf */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ran;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;
    if (!file) return perror(path), 1;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    data = malloc(size > 0 ? (size_t)size : 1); /* of the exact size, so that a sanitizer sees a read past the end */
    if (!data || size < 0 || fread(data, 1, (size_t)size, file) != (size_t)size) return fclose(file), free(data), perror(path), 1;
    fclose(file);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    ran++;
    return 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run_path(const char *path)
{
    struct dirent **entries;
    int failures = 0, count = scandir(path, &entries, visible, alphasort);
    if (count < 0) return run_file(path);
    for (int i = 0; i < count; i++) {
        char *name = NULL;
        if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0) return 1;
        failures += run_file(name);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;
    for (int i = 1; i < argc; i++) failures += run_path(argv[i]);
    printf("%d inputs\n", ran);
    return failures > 0 || ran == 0;
}
