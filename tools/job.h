/* What the commands that make pictures have in common: context, options, network, images. */
#ifndef NST_TOOLS_JOB_H
#define NST_TOOLS_JOB_H

#include "cli.h"

typedef struct cli_job {
    const cli_args *args;
    nst_ctx *ctx;
    nst_options *options;
    nst_model *model;
    nst_model_info model_info;
    const char *init_path; /* --init FILE, or NULL */
    nst_image *init;
    const char **paths; /* the content or the only image first */
    nst_image **images;
    int image_count;
} cli_job;

/* Every function returns an exit code, CLI_OK or what was said on standard error. job_close() takes a job in any state. */
int job_open(cli_job *job, const cli_args *args);
int job_load_images(cli_job *job, const char *const *paths, int count);
int job_load_model(cli_job *job);
void job_close(cli_job *job);

/* A context as the flags want it, for commands without a job. */
int job_make_context(const cli_args *args, nst_ctx **ctx);

/* Sets an option; for `init` a file name is taken too and stored in *init_path, which any other start clears. */
int job_set_option(nst_options *options, const char *key, const char *value, const char **init_path);
/* Loads the start picture of init=image, or answers NULL in *init. */
int job_load_init(const cli_job *job, const nst_options *options, const char *init_path, nst_image **init);

#endif
