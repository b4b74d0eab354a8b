#include "job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signals.h"

/* Whoever makes pictures hears which network is in use: the library's only message at the level info. */
static int32_t wanted_log_level(const cli_args *args)
{
    bool paints = cli_command_bit(args->command) & CMD_PICTURES;
    return paints || args->values[FLAG_VERBOSE] ? NST_LOG_INFO : NST_LOG_WARNING;
}

int job_make_context(const cli_args *args, nst_ctx **ctx)
{
    nst_ctx_config config;
    int32_t status;
    NST_INIT(config);
    config.threads = (int32_t)cli_int(args, FLAG_THREADS, 0);
    config.log_level = wanted_log_level(args);
    config.log = say_log;
    config.max_pixels = (uint64_t)cli_int(args, FLAG_MAX_PIXELS, 0);
    status = nst_ctx_new(&config, ctx);
    if (status == NST_ERR_INVALID_ARG && getenv("NST_CPU")) {
        say_error("NST_CPU='%s' is not a processor level that this library has and this machine can run", getenv("NST_CPU"));
        return CLI_USAGE;
    }
    return status < 0 ? cli_fail(status, NULL) : CLI_OK;
}

/* ---- options ---- */

static bool is_start_choice(const char *value)
{
    nst_option_info info;
    NST_INIT(info);
    if (nst_option_info_by_key("init", &info) < 0) return false;
    for (const char *choice = info.choices; *choice; choice += strcspn(choice, "|"), choice += *choice == '|')
        if (strlen(value) == strcspn(choice, "|") && strncmp(choice, value, strlen(value)) == 0) return true;
    return false;
}

int job_set_option(nst_options *options, const char *key, const char *value, const char **init_path)
{
    int32_t status;
    if (strcmp(key, "init") == 0) {
        *init_path = is_start_choice(value) ? NULL : value;
        if (*init_path && access(value, R_OK) != 0) {
            nst_options_set_str(options, key, value); /* for its sentence */
            say_error("%s, and no file of that name can be read", nst_options_error(options));
            return CLI_USAGE;
        }
        if (*init_path) value = "image";
    }
    status = nst_options_set_str(options, key, value);
    return status < 0 ? cli_fail(status, nst_options_error(options)) : CLI_OK;
}

static char *read_text(const char *path, size_t *length)
{
    enum { LARGEST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = cli_alloc(LARGEST + 1, 1);
    if (file) *length = fread(text, 1, LARGEST + 1, file);
    if (!file || ferror(file)) say_error("cannot read '%s': %s", path, strerror(errno));
    else if (*length > LARGEST) say_error("'%s' is too large for parameters: more than %d bytes", path, (int)LARGEST);
    else {
        fclose(file);
        return text;
    }
    if (file) fclose(file);
    free(text);
    return NULL;
}

/* The parameters that a PNG of an earlier run carries. */
static int read_params_of_picture(cli_job *job, const char *path)
{
    nst_image *image = NULL;
    const char *text;
    int32_t status = nst_image_load(job->ctx, path, &image);
    if (status < 0) return cli_fail_file(status, path, nst_ctx_error(job->ctx));
    text = nst_image_get_text(image, "nst:params");
    if (text) status = nst_options_from_json(job->options, text, strlen(text));
    if (!text) say_error("'%s' carries no parameters of nst", path);
    else if (status < 0) say_error("'%s': %s", path, nst_options_error(job->options));
    nst_image_unref(image);
    return text && status >= 0 ? CLI_OK : CLI_FORMAT;
}

static int read_params(cli_job *job, const char *path)
{
    static const char png[] = "\x89PNG";
    size_t length = 0;
    char *text;
    FILE *file = fopen(path, "rb");
    char head[4] = "";
    bool picture = file && fread(head, 1, 4, file) == 4 && memcmp(head, png, 4) == 0;
    int32_t status;
    if (file) fclose(file);
    if (picture) return read_params_of_picture(job, path);
    text = read_text(path, &length);
    if (!text) return CLI_ERROR;
    status = nst_options_from_json(job->options, text, length);
    free(text);
    if (status >= 0) return CLI_OK;
    say_error("'%s': %s", path, nst_options_error(job->options));
    return cli_exit_code(status);
}

static bool is_set_by_flag(const cli_args *args, const char *key)
{
    for (int i = 0; i < args->setting_count; i++)
        if (strcmp(args->settings[i].key, key) == 0) return true;
    return false;
}

/* A strength chooses alpha by itself: where it is given, a default of that is none. */
static bool gives_way(const cli_args *args, const char *key)
{
    return strcmp(key, "alpha") == 0 && is_set_by_flag(args, "strength");
}

/* A checkpoint's own options stand where those of a command would. */
static int apply_defaults(cli_job *job)
{
    const char *const (*defaults)[2] = job->args->command->defaults;
    int code = CLI_OK;
    if (!defaults || job->args->values[FLAG_RESUME]) return CLI_OK;
    for (; (*defaults)[0] && code == CLI_OK; defaults++)
        if (!gives_way(job->args, (*defaults)[0])) code = job_set_option(job->options, (*defaults)[0], (*defaults)[1], &job->init_path);
    return code;
}

static int apply_options(cli_job *job)
{
    const cli_args *args = job->args;
    int code = apply_defaults(job);
    if (code != CLI_OK) return code;
    if (args->values[FLAG_PARAMS]) code = read_params(job, args->values[FLAG_PARAMS]);
    for (int i = 0; i < args->setting_count && code == CLI_OK; i++)
        code = job_set_option(job->options, args->settings[i].key, args->settings[i].value, &job->init_path);
    return code;
}

int job_open(cli_job *job, const cli_args *args)
{
    int32_t status;
    int code;
    memset(job, 0, sizeof *job);
    job->args = args;
    signals_install();
    code = job_make_context(args, &job->ctx);
    if (code != CLI_OK) return code;
    status = nst_options_new(job->ctx, &job->options);
    if (status < 0) return cli_fail(status, nst_ctx_error(job->ctx));
    return apply_options(job);
}

/* ---- images ---- */

int job_load_images(cli_job *job, const char *const *paths, int count)
{
    job->paths = cli_alloc((size_t)count, sizeof *job->paths);
    job->images = cli_alloc((size_t)count, sizeof *job->images);
    job->image_count = count;
    for (int i = 0; i < count; i++) {
        int32_t status = nst_image_load(job->ctx, paths[i], &job->images[i]);
        job->paths[i] = paths[i];
        if (status < 0) return cli_fail_file(status, paths[i], nst_ctx_error(job->ctx));
    }
    return CLI_OK;
}

int job_load_init(const cli_job *job, const nst_options *options, const char *init_path, nst_image **init)
{
    int32_t status;
    *init = NULL;
    if (strcmp(nst_options_get_str(options, "init"), "image") != 0) return CLI_OK;
    if (!init_path) {
        say_error("init is 'image', but which one? Say --init FILE");
        return CLI_USAGE;
    }
    status = nst_image_load(job->ctx, init_path, init);
    return status < 0 ? cli_fail_file(status, init_path, nst_ctx_error(job->ctx)) : CLI_OK;
}

/* ---- the network ---- */

int job_load_model(cli_job *job)
{
    const char *wanted = job->args->values[FLAG_WEIGHTS];
    int32_t status = nst_model_open(job->ctx, wanted, &job->model);
    NST_INIT(job->model_info);
    if (status >= 0) status = nst_model_get_info(job->model, &job->model_info);
    if (status == NST_ERR_NOT_FOUND) {
        say_error("%s", nst_ctx_error(job->ctx));
        say_error("'nst weights' lists the places and where to get a file; --weights builtin works without one");
        return CLI_FORMAT;
    }
    if (status < 0) return cli_fail(status, nst_ctx_error(job->ctx));
    return CLI_OK;
}

void job_close(cli_job *job)
{
    signals_guard(false);
    for (int i = 0; i < job->image_count; i++) nst_image_unref(job->images[i]);
    free(job->images);
    free(job->paths);
    nst_image_unref(job->init);
    nst_model_unref(job->model);
    nst_options_free(job->options);
    nst_ctx_unref(job->ctx);
}
