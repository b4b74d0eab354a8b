/* Maps of regions and of the content's weights: their flags, and the way into the targets. */
#ifndef NST_TOOLS_MASKS_H
#define NST_TOOLS_MASKS_H

#include "run.h"

typedef struct cli_masks {
    const char *content, *weights; /* NULL: not given */
    char *list;                    /* what the styles' lie in */
    const char **styles;
    int style_count;
} cli_masks;

/* By the flags, for so many style images; CLI_USAGE where they do not go together. masks_close() takes masks in any state. */
int masks_read(cli_masks *masks, const cli_args *args, int styles);
void masks_close(cli_masks *masks);

/* All files that are given: these, then those of the masks. To be freed; *total tells how many. */
const char **masks_inputs(const cli_masks *masks, const char *const *paths, int count, int *total);

/* run_check() with all of them. */
int masks_check_run(const cli_masks *masks, const cli_args *args, cli_output *output);

int masks_give(const cli_masks *masks, const cli_job *job, nst_targets *targets);

#endif
