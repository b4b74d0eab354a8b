#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- before the run ---- */

static bool is_jpeg_name(const char *path)
{
    return cli_has_ending(path, ".jpg") || cli_has_ending(path, ".jpeg");
}

static bool is_special_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static int choose_type(cli_output *output, const cli_args *args, bool png_only)
{
    bool jpeg = !output->to_stdout && is_jpeg_name(output->path);
    bool png = output->to_stdout || cli_has_ending(output->path, ".png") || is_special_file(output->path);
    if (png_only && !png) return cli_usage(args, "--output '%s' must end in .png", output->path);
    if (!jpeg && !png) return cli_usage(args, "--output '%s' must end in .png, .jpg or .jpeg", output->path);
    if (jpeg && args->values[FLAG_BITS] && strcmp(args->values[FLAG_BITS], "16") == 0)
        return cli_usage(args, "a JPEG has 8 bits; write a .png for --bits 16");
    if (!jpeg && args->values[FLAG_QUALITY]) return cli_usage(args, "--quality is for JPEG; a PNG loses nothing");
    output->params.type = jpeg ? NST_FILE_JPEG : NST_FILE_PNG;
    return CLI_OK;
}

int output_prepare(cli_output *output, const cli_args *args, bool png_only)
{
    memset(output, 0, sizeof *output);
    NST_INIT(output->params);
    output->path = args->values[FLAG_OUTPUT];
    if (!output->path) return cli_usage(args, "where shall the result go? Say -o out.png");
    output->to_stdout = strcmp(output->path, "-") == 0;
    if (output->to_stdout && png_only) return cli_usage(args, "a sweep writes two files: say -o GRID.png");
    if (output->to_stdout && isatty(STDOUT_FILENO))
        return cli_usage(args, "a picture is not written to a terminal: say -o out.png");
    if (output->to_stdout && args->values[FLAG_SAVE_EVERY]) return cli_usage(args, "--save-every needs a file name in --output");
    output->params.bits = (int32_t)cli_int(args, FLAG_BITS, 0);
    output->params.quality = (int32_t)cli_int(args, FLAG_QUALITY, 0);
    output->params.overwrite = args->values[FLAG_OVERWRITE] != NULL;
    output->params.strip = args->values[FLAG_STRIP] != NULL;
    return choose_type(output, args, png_only);
}

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return cli_format(".");
    return slash == path ? cli_format("/") : cli_format("%.*s", (int)(slash - path), path);
}

/* Permission bits do not tell of full or read-only file systems: only making a file does. */
static int try_folder(const char *path)
{
    char *folder = folder_of(path), *probe = cli_format("%s/.nst-%ld.tmp", folder, (long)getpid());
    int descriptor = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int problem = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(probe);
    } else if (problem != EEXIST) say_error("cannot write '%s': the folder '%s' refuses: %s", path, folder, strerror(problem));
    free(probe);
    free(folder);
    return descriptor >= 0 || problem == EEXIST ? CLI_OK : CLI_ERROR;
}

int output_check_path(const char *path, bool overwrite, const char *const *inputs, int count)
{
    struct stat info;
    for (int i = 0; i < count; i++)
        if (inputs[i] && same_file(path, inputs[i])) {
            say_error("'%s' is the same file as the input '%s'; choose another name", path, inputs[i]);
            return CLI_USAGE;
        }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        say_error("'%s' is a folder; add a file name", path);
        return CLI_ERROR;
    }
    if (is_special_file(path)) return CLI_OK;
    if (stat(path, &info) == 0 && !overwrite) {
        say_error("'%s' exists; choose another name or add --overwrite", path);
        return CLI_ERROR;
    }
    return try_folder(path);
}

int output_check(const cli_output *output, const char *const *inputs, int count)
{
    return output->to_stdout ? CLI_OK : output_check_path(output->path, output->params.overwrite, inputs, count);
}

/* ---- saving ---- */

static int32_t write_stdout(void *user, const void *data, uint64_t count)
{
    const char *from = data;
    (void)user;
    while (count > 0) {
        ssize_t put = write(STDOUT_FILENO, from, count < SSIZE_MAX ? (size_t)count : SSIZE_MAX);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        from += put;
        count -= (uint64_t)put;
    }
    return 0;
}

static int32_t save_stdout(const cli_output *output, const nst_image *image)
{
    nst_writer writer;
    NST_INIT(writer);
    writer.write = write_stdout;
    errno = 0;
    return nst_image_save_writer(image, &writer, &output->params);
}

static bool rescue_to(const cli_output *output, const nst_image *image, char *path)
{
    nst_save_params params = output->params;
    bool saved;
    params.overwrite = 0;
    saved = nst_image_save(image, path, &params) >= 0;
    if (saved) say_error("the picture was kept as '%s'", path);
    free(path);
    return saved;
}

/* Beside the target, in $TMPDIR, in the working folder: the hours of work are worth the trouble. */
static void rescue(const cli_output *output, const nst_image *image)
{
    const char *set = getenv("TMPDIR"), *temporary = set && *set ? set : "/tmp";
    const char *ending = output->params.type == NST_FILE_JPEG ? "jpg" : "png";
    long id = (long)getpid();
    char suffix[48];
    snprintf(suffix, sizeof suffix, "-rescued-%ld", id);
    if (!output->to_stdout && !is_special_file(output->path) && rescue_to(output, image, cli_sibling(output->path, suffix, NULL)))
        return;
    if (rescue_to(output, image, cli_format("%s/nst-rescued-%ld.%s", temporary, id, ending))) return;
    if (rescue_to(output, image, cli_format("nst-rescued-%ld.%s", id, ending))) return;
    say_error("the picture could not be kept anywhere else either");
}

int output_save(const cli_output *output, nst_ctx *ctx, const nst_image *image)
{
    int32_t status = output->to_stdout ? save_stdout(output, image) : nst_image_save(image, output->path, &output->params);
    if (status >= 0) return CLI_OK;
    if (output->to_stdout) say_error("cannot write to standard output: %s", errno ? strerror(errno) : nst_ctx_error(ctx));
    else say_error("%s", nst_ctx_error(ctx));
    rescue(output, image);
    return CLI_ERROR;
}

void output_save_frame(const cli_output *output, nst_ctx *ctx, const nst_image *image, uint32_t iteration)
{
    char suffix[32];
    char *path;
    snprintf(suffix, sizeof suffix, "_%06u", iteration);
    path = cli_sibling(output->path, suffix, NULL);
    if (nst_image_save(image, path, &output->params) < 0) say_warning("%s", nst_ctx_error(ctx));
    else say_verbose("saved '%s'", path);
    free(path);
}

int output_save_text(const char *path, const char *text)
{
    char *temporary = cli_format("%s.%ld.tmp", path, (long)getpid());
    bool special = is_special_file(path);
    FILE *file = fopen(special ? path : temporary, "wb");
    bool good = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0;
    if (file && fclose(file) != 0) good = false;
    if (good && !special && rename(temporary, path) != 0) good = false;
    if (!good) say_error("cannot write '%s': %s", path, strerror(errno));
    if (!good && !special) unlink(temporary);
    free(temporary);
    return good ? CLI_OK : CLI_ERROR;
}
