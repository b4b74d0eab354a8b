/* Help on the terminal, and what every form of help shares. */
#include "help.h"

#include <stdio.h>
#include <string.h>

const char help_purpose[] = "Neural style transfer on ordinary processors";

const char *const help_exit_codes[][2] = {
    {"0", "success"},
    {"1", "an error: a file is missing or cannot be read or written, memory ran out, the numbers were not finite"},
    {"2", "wrong use: unknown flags, values out of range, layers that do not exist"},
    {"3", "an image, weights, parameters or a checkpoint are damaged or of an unknown kind, or there are no such weights"},
    {"4", "a limit: an image or file is larger than allowed, or the memory limit cannot be kept"},
    {"130", "interrupted; the picture so far was saved"},
    {NULL, NULL},
};

const char *const help_environment[][2] = {
    {"NST_WEIGHTS", "the weights file, or the name of a network, to use when --weights is not given"},
    {"NST_CPU", "the highest level of processor instructions to use, for tests"},
    {"XDG_DATA_HOME, XDG_CACHE_HOME, HF_HUB_CACHE, HF_HOME, TORCH_HOME, KERAS_HOME",
     "folders in which weights are looked for; 'nst weights' lists the places"},
    {"TMPDIR", "where a picture is kept when its own place cannot be written"},
    {"TERM", "without it, or when it is dumb, there is no progress line"},
    {NULL, NULL},
};

/* What the short help of the commands that make pictures lists. */
static const char *const usual_options[] = {"size", "iterations", "alpha", "beta", "content-layers", "style-layers",
                                            "style-scale", "init", "seed", "scales", "dialect", "photo", "finish"};

static const char *change_word(int32_t change)
{
    switch (change) {
    case NST_CHANGE_LIVE: return "at once";
    case NST_CHANGE_RESTART: return "restarts the optimiser's memory";
    case NST_CHANGE_PLAN: return "prepares anew";
    default: return "no";
    }
}

void help_from_flag(const cli_flag *flag, help_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    if (flag->short_name) snprintf(entry->names, sizeof entry->names, "-%c, --%s", flag->short_name, flag->name);
    else snprintf(entry->names, sizeof entry->names, "--%s", flag->name);
    snprintf(entry->argument, sizeof entry->argument, "%s", flag->argument);
    entry->name = flag->name;
    entry->choices = flag->choices;
    entry->doc = flag->doc;
    entry->change = "";
    entry->letter = flag->short_name;
    entry->takes_file = flag->value == VALUE_FILE;
    entry->repeats = cli_flag_repeats((cli_flag_id)(flag - cli_flags));
}

static void describe_values(const nst_option_info *info, help_entry *entry)
{
    const char *argument = "";
    switch (info->type) {
    case NST_OPTION_INT: argument = "N"; break;
    case NST_OPTION_FLOAT: argument = "X"; break;
    case NST_OPTION_CHOICE: argument = info->choices; break;
    case NST_OPTION_LAYERS: argument = "LAYER[:WEIGHT],..."; break;
    case NST_OPTION_FLOATS: argument = "[[LAYER][/SIZE]:]X,X,...[;...]"; break;
    case NST_OPTION_STRING: argument = "TEXT"; break;
    default: break;
    }
    entry->takes_file = strcmp(info->key, "init") == 0;
    snprintf(entry->argument, sizeof entry->argument, "%s%s", argument, entry->takes_file ? "|FILE" : "");
    if (info->type == NST_OPTION_INT || info->type == NST_OPTION_FLOAT)
        snprintf(entry->range, sizeof entry->range, "%.16g to %.16g%s%s", info->minimum, info->maximum, *info->unit ? " " : "",
                 info->unit);
}

void help_from_option(const nst_option_info *info, help_entry *entry)
{
    char letter = cli_option_letter(info->key), aliases[sizeof entry->aliases - 2];
    memset(entry, 0, sizeof *entry);
    if (letter) snprintf(entry->names, sizeof entry->names, "-%c, --%s", letter, info->key);
    else snprintf(entry->names, sizeof entry->names, "--%s", info->key);
    cli_alias_names(info->key, aliases, sizeof aliases);
    if (aliases[0]) snprintf(entry->aliases, sizeof entry->aliases, "--%s", aliases);
    describe_values(info, entry);
    snprintf(entry->fallback, sizeof entry->fallback, "%s", info->default_text);
    entry->name = info->key;
    entry->choices = info->choices;
    entry->doc = info->doc;
    entry->change = change_word(info->change);
    entry->letter = letter;
}

/* With the command's own default. */
static void from_option_of(const cli_command *command, const nst_option_info *info, help_entry *entry)
{
    const char *own = cli_command_default(command, info->key);
    help_from_option(info, entry);
    if (own) snprintf(entry->fallback, sizeof entry->fallback, "%s", own);
}

const char *help_own_defaults(const cli_command *command, char *buffer, size_t capacity)
{
    size_t length = 0;
    buffer[0] = '\0';
    for (int i = 0; command->defaults && command->defaults[i][0] && length < capacity; i++)
        length += (size_t)snprintf(buffer + length, capacity - length, "%s--%s %s", i ? " " : " Its own defaults: ",
                                   command->defaults[i][0], command->defaults[i][1]);
    if (length > 0 && length + 1 < capacity) snprintf(buffer + length, capacity - length, ".");
    return buffer;
}

nst_option_info help_option(uint32_t index)
{
    nst_option_info info;
    NST_INIT(info);
    nst_option_info_by_index(index, &info);
    return info;
}

bool help_opens_group(uint32_t index)
{
    return index == 0 || strcmp(help_option(index).group, help_option(index - 1).group) != 0;
}

/* ---- on the terminal ---- */

enum { WIDTH = 80, INDENT = 26 };

/* Words from `column` on, continued at `indent`. */
static void print_wrapped(const char *text, int column, int indent)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_entry(const help_entry *entry)
{
    char head[300], text[1200];
    int column;
    snprintf(head, sizeof head, "%s%s%s%s", entry->letter ? "  " : "      ", entry->names, *entry->argument ? " " : "",
             entry->argument);
    column = printf("%s", head);
    if (column >= INDENT - 1) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", INDENT - column, "");
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", entry->doc, *entry->fallback ? " Default: " : "", entry->fallback,
             *entry->fallback ? "." : "", *entry->aliases ? " Also: " : "", entry->aliases, *entry->aliases ? "." : "");
    print_wrapped(text, INDENT, INDENT);
}

static void print_flags(unsigned commands)
{
    help_entry entry;
    for (int i = 0; i < FLAG_COUNT; i++) {
        if (!(cli_flags[i].commands & commands)) continue;
        help_from_flag(&cli_flags[i], &entry);
        print_entry(&entry);
    }
}

static void print_usual_options(const cli_command *command)
{
    help_entry entry;
    printf("\nThe usual options of the picture (--help-all lists all %u):\n", nst_option_count());
    for (size_t i = 0; i < sizeof usual_options / sizeof usual_options[0]; i++) {
        nst_option_info info;
        NST_INIT(info);
        if (!cli_takes_option(command, usual_options[i]) || nst_option_info_by_key(usual_options[i], &info) < 0) continue;
        from_option_of(command, &info, &entry);
        print_entry(&entry);
    }
}

static void print_all_options(const cli_command *command)
{
    help_entry entry;
    bool heading = false;
    for (uint32_t i = 0; i < nst_option_count(); i++) {
        nst_option_info info = help_option(i);
        if (help_opens_group(i)) heading = true;
        if (!cli_takes_option(command, info.key)) continue;
        if (heading) printf("\nOptions, %s:\n", info.group);
        heading = false;
        from_option_of(command, &info, &entry);
        print_entry(&entry);
    }
}

static void print_examples(const char *lines)
{
    printf("Examples:\n");
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        printf("  %.*s\n", length, lines);
        lines += length + 1;
    }
}

static void print_command_help(const cli_command *command, bool all)
{
    char text[1200], own[400];
    printf("Usage: nst %s %s\n\n", command->name, command->arguments);
    snprintf(text, sizeof text, "%s%s", command->about, help_own_defaults(command, own, sizeof own));
    print_wrapped(text, 0, 0);
    putchar('\n');
    print_examples(command->examples);
    printf("\nFlags:\n");
    print_flags(cli_command_bit(command));
    if (*command->option_keys == '\0') return;
    if (all || *command->option_keys != '*') print_all_options(command);
    else print_usual_options(command);
}

static void print_program_help(bool all)
{
    printf("nst: %s.\n\nUsage: nst CONTENT STYLE [STYLE...] -o OUT [options]\n       nst COMMAND ...\n\n", help_purpose);
    print_examples(cli_commands[0].examples);
    printf("\nCommands ('nst COMMAND --help' says more):\n");
    for (int i = 0; i < cli_command_count; i++) printf("  %-12s  %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf("\nFlags:\n");
    print_flags(all ? CMD_ALL : CMD_STYLIZE);
    if (all) print_all_options(&cli_commands[0]);
    else print_usual_options(&cli_commands[0]);
    printf("\nExit codes:\n");
    for (int i = 0; help_exit_codes[i][0]; i++) {
        printf("  %-4s", help_exit_codes[i][0]);
        print_wrapped(help_exit_codes[i][1], 6, 6);
    }
}

void cli_print_help(const cli_command *command, bool all)
{
    if (command) print_command_help(command, all);
    else print_program_help(all);
}
