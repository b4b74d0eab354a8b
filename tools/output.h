/* The picture's way out: what can go wrong is looked for before a run, and after it nothing is lost. */
#ifndef NST_TOOLS_OUTPUT_H
#define NST_TOOLS_OUTPUT_H

#include "cli.h"

typedef struct cli_output {
    const char *path;
    bool to_stdout;
    nst_save_params params;
} cli_output;

/* Reads -o, --bits, --quality, --strip, --overwrite. `png_only`: contact sheets. */
int output_prepare(cli_output *output, const cli_args *args, bool png_only);
/* Whether `path` can be written, and is none of the `inputs`; an existing file counts against it unless `overwrite`. */
int output_check_path(const char *path, bool overwrite, const char *const *inputs, int count);
int output_check(const cli_output *output, const char *const *inputs, int count);

/* The final save. If it fails the picture goes elsewhere, and the exit code is not CLI_OK. */
int output_save(const cli_output *output, nst_ctx *ctx, const nst_image *image);
/* A picture on the way, NAME_000123.png. A failure is a warning. */
void output_save_frame(const cli_output *output, nst_ctx *ctx, const nst_image *image, uint32_t iteration);
/* A text and a newline into a file, whole or not at all. */
int output_save_text(const char *path, const char *text);

#endif
