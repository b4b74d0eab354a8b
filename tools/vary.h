/* --vary OPTION=VALUES: the axes of a sweep. */
#ifndef NST_TOOLS_VARY_H
#define NST_TOOLS_VARY_H

#include "cli.h"

enum { VARY_AXES = 16, VARY_CELLS = 4096 };

typedef struct vary_axis {
    char *key;
    char **values;
    int count;
} vary_axis;

typedef struct cli_vary {
    vary_axis axes[VARY_AXES];
    int axis_count, cell_count;
} cli_vary;

/* CLI_OK or CLI_USAGE with the reason said. vary_clear() takes a vary in any state that vary_parse() left. */
int vary_parse(cli_vary *vary, const cli_args *args);
void vary_clear(cli_vary *vary);
/* The value that axis `axis` has in cell `cell`; the first axis runs fastest. */
const char *vary_value(const cli_vary *vary, int axis, int cell);

#endif
