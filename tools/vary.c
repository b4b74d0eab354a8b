#include "vary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists have ',' in their values, and groups of numbers ';' as well. */
static const char *separator_of(const nst_option_info *info, const char *values)
{
    bool list = info->type == NST_OPTION_LAYERS || info->type == NST_OPTION_FLOATS;
    if (info->type == NST_OPTION_FLOATS && (strchr(values, '|') || strchr(values, ':'))) return "|";
    return list || strchr(values, ';') ? ";" : ",";
}

/* The option behind "layers", "alpha", "content_weight", ... as --vary writes it. */
static int find_option(const cli_args *args, const char *word, size_t length, nst_option_info *info)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    if (cli_option_info(strcmp(name, "layers") == 0 ? "content-layers" : name, info)) return CLI_OK;
    return cli_unknown_option(args, name);
}

static void add_value(vary_axis *axis, const char *text, size_t length)
{
    axis->values = cli_realloc(axis->values, (size_t)axis->count + 1, sizeof *axis->values);
    axis->values[axis->count++] = cli_format("%.*s", (int)length, text);
}

static int parse_axis(cli_vary *vary, const cli_args *args, const char *text)
{
    vary_axis *axis = &vary->axes[vary->axis_count];
    const char *equals = strchr(text, '='), *separator;
    nst_option_info info;
    int code;
    if (!equals || equals == text) return cli_usage(args, "--vary %s: write OPTION=VALUE,VALUE,...", text);
    code = find_option(args, text, (size_t)(equals - text), &info);
    if (code != CLI_OK) return code;
    for (int i = 0; i < vary->axis_count; i++)
        if (strcmp(vary->axes[i].key, info.key) == 0) return cli_usage(args, "--vary names %s twice", info.key);
    separator = separator_of(&info, equals);
    axis->key = cli_format("%s", info.key);
    vary->axis_count++;
    for (const char *value = equals + 1;;) {
        size_t length = strcspn(value, separator);
        if (length == 0) return cli_usage(args, "--vary %s: a value is empty", text);
        add_value(axis, value, length);
        if (!value[length]) return CLI_OK;
        value += length + 1;
    }
}

int vary_parse(cli_vary *vary, const cli_args *args)
{
    const cli_list *axes = &args->repeated[FLAG_VARY];
    int code = CLI_OK;
    memset(vary, 0, sizeof *vary);
    if (axes->count == 0) return cli_usage(args, "what shall be varied? For example --vary alpha=1,5,25 --vary beta=10,100");
    if (axes->count > VARY_AXES) return cli_usage(args, "more than %d --vary", VARY_AXES);
    for (int i = 0; i < axes->count && code == CLI_OK; i++) code = parse_axis(vary, args, axes->items[i]);
    vary->cell_count = 1;
    for (int i = 0; i < vary->axis_count && code == CLI_OK; i++) {
        if (vary->axes[i].count > VARY_CELLS / vary->cell_count) code = cli_usage(args, "more than %d combinations", VARY_CELLS);
        else vary->cell_count *= vary->axes[i].count;
    }
    return code;
}

void vary_clear(cli_vary *vary)
{
    for (int i = 0; i < vary->axis_count; i++) {
        for (int k = 0; k < vary->axes[i].count; k++) free(vary->axes[i].values[k]);
        free(vary->axes[i].values);
        free(vary->axes[i].key);
    }
}

const char *vary_value(const cli_vary *vary, int axis, int cell)
{
    for (int i = 0; i < axis; i++) cell /= vary->axes[i].count;
    return vary->axes[axis].values[cell % vary->axes[axis].count];
}
