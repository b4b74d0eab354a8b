/* Flags and arguments. --flag value, --flag=value, -f value, -fvalue, "--" ends the flags; '_' reads as '-' in a flag's name.
 * Session options are flags of their own names; a bool is --name, --no-name or --name=yes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli.h"

enum { NAME_LENGTH = 64 };

int cli_usage(const cli_args *args, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    say_error("%s", text);
    if (args && args->command) say_error("see 'nst %s --help'", args->command->name);
    else say_error("see 'nst --help'");
    return CLI_USAGE;
}

/* ---- looking names up ---- */

/* A name may be one flag for one command and another for others: `commands` says whose is meant. */
static const cli_flag *find_flag(const char *name, unsigned commands)
{
    for (int i = 0; i < FLAG_COUNT; i++)
        if (strcmp(cli_flags[i].name, name) == 0 && (cli_flags[i].commands & commands)) return &cli_flags[i];
    return NULL;
}

static const cli_flag *find_letter(const cli_args *args, char letter)
{
    for (int i = 0; i < FLAG_COUNT; i++)
        if (cli_flags[i].short_name == letter && (cli_flags[i].commands & cli_command_bit(args->command))) return &cli_flags[i];
    return NULL;
}

bool cli_option_info(const char *name, nst_option_info *info)
{
    for (const cli_alias *alias = cli_aliases; alias->alias; alias++)
        if (strcmp(alias->alias, name) == 0) name = alias->key;
    NST_INIT(*info);
    return nst_option_info_by_key(name, info) == NST_OK;
}

typedef struct word_list {
    const char *words[FLAG_COUNT + 256];
    size_t count;
} word_list;

static void add_word(word_list *list, const char *word)
{
    if (list->count < sizeof list->words / sizeof list->words[0]) list->words[list->count++] = word;
}

static void add_option_words(word_list *list, const cli_command *command)
{
    for (uint32_t i = 0; i < nst_option_count(); i++) {
        nst_option_info info;
        NST_INIT(info);
        if (nst_option_info_by_index(i, &info) == NST_OK && cli_takes_option(command, info.key)) add_word(list, info.key);
    }
    for (const cli_alias *alias = cli_aliases; alias->alias; alias++)
        if (cli_takes_option(command, alias->key)) add_word(list, alias->alias);
}

static int unknown_flag(const cli_args *args, const char *written, const char *name)
{
    word_list list = {.count = 0};
    const char *nearest;
    for (int i = 0; i < FLAG_COUNT; i++)
        if (cli_flags[i].commands & cli_command_bit(args->command)) add_word(&list, cli_flags[i].name);
    add_option_words(&list, args->command);
    nearest = nst_nearest(name, list.words, list.count);
    if (nearest) return cli_usage(args, "there is no flag '%s'; did you mean --%s?", written, nearest);
    return cli_usage(args, "there is no flag '%s'", written);
}

int cli_unknown_option(const cli_args *args, const char *name)
{
    word_list list = {.count = 0};
    const char *nearest;
    add_option_words(&list, args->command);
    nearest = nst_nearest(name, list.words, list.count);
    if (nearest) return cli_usage(args, "there is no option '%s'; did you mean %s?", name, nearest);
    return cli_usage(args, "there is no option '%s'; 'nst options' lists them", name);
}

/* ---- storing ---- */

int64_t cli_int(const cli_args *args, cli_flag_id flag, int64_t otherwise)
{
    return args->values[flag] ? strtoll(args->values[flag], NULL, 10) : otherwise;
}

static int check_int(const cli_args *args, const cli_flag *flag, const char *value)
{
    char *end;
    long long number;
    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end || errno == ERANGE || number < flag->minimum || number > flag->maximum)
        return cli_usage(args, "--%s: '%s' is not a whole number between %lld and %lld", flag->name, value,
                         (long long)flag->minimum, (long long)flag->maximum);
    return CLI_OK;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (;; choices++) {
        size_t word = strcspn(choices, "|");
        if (word == length && memcmp(choices, value, length) == 0) return true;
        choices += word;
        if (!*choices) return false;
    }
}

static void append(cli_list *list, const char *value)
{
    list->items = cli_realloc(list->items, (size_t)list->count + 1, sizeof *list->items);
    list->items[list->count++] = value;
}

static int store_flag(cli_args *args, const cli_flag *flag, const char *value)
{
    cli_flag_id id = (cli_flag_id)(flag - cli_flags);
    int status = CLI_OK;
    if (flag->value == VALUE_INT) status = check_int(args, flag, value);
    else if (flag->value == VALUE_CHOICE && !is_choice(flag->choices, value))
        status = cli_usage(args, "--%s: '%s' is not one of %s", flag->name, value, flag->choices);
    else if (flag->value != VALUE_NONE && !*value) status = cli_usage(args, "--%s needs a value that is not empty", flag->name);
    if (status != CLI_OK) return status;
    args->values[id] = value;
    if (cli_flag_repeats(id)) append(&args->repeated[id], value);
    return CLI_OK;
}

static void store_setting(cli_args *args, const char *key, const char *value)
{
    args->settings = cli_realloc(args->settings, (size_t)args->setting_count + 1, sizeof *args->settings);
    args->settings[args->setting_count++] = (cli_setting){cli_format("%s", key), value};
}

static void store_argument(cli_args *args, const char *argument)
{
    args->arguments = cli_realloc(args->arguments, (size_t)args->argument_count + 1, sizeof *args->arguments);
    args->arguments[args->argument_count++] = argument;
}

/* ---- one word of the command line ---- */

typedef struct word_line {
    int count, next;
    char **list;
} word_line;

/* The value behind '=' or the next word. */
static const char *take_value(word_line *line, const char *attached)
{
    if (attached) return attached;
    return line->next < line->count ? line->list[line->next++] : NULL;
}

static int take_flag(cli_args *args, word_line *line, const cli_flag *flag, const char *written, const char *attached)
{
    const char *value = "";
    if (!(flag->commands & cli_command_bit(args->command)))
        return cli_usage(args, "'nst %s' does not take %s", args->command->name, written);
    if (flag->value == VALUE_NONE && attached) return cli_usage(args, "--%s takes no value", flag->name);
    if (flag->value != VALUE_NONE) value = take_value(line, attached);
    if (!value) return cli_usage(args, "%s needs a value: %s", written, flag->argument);
    return store_flag(args, flag, value);
}

static int take_option(cli_args *args, word_line *line, const nst_option_info *info, const char *written, const char *attached)
{
    const char *value = info->type == NST_OPTION_BOOL && !attached ? "true" : take_value(line, attached);
    if (!cli_takes_option(args->command, info->key))
        return cli_usage(args, "'nst %s' does not take %s", args->command->name, written);
    if (!value) return cli_usage(args, "%s needs a value", written);
    store_setting(args, info->key, value);
    return CLI_OK;
}

/* The name between the dashes and '=', with '_' as '-'; too long a name is cut, and then unknown. */
static const char *flag_name(const char *word, char name[NAME_LENGTH])
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    if (length >= NAME_LENGTH) length = NAME_LENGTH - 1;
    for (size_t i = 0; i < length; i++) name[i] = word[i] == '_' ? '-' : word[i];
    name[length] = '\0';
    return equals ? equals + 1 : NULL;
}

static int take_long(cli_args *args, word_line *line, const char *word)
{
    char name[NAME_LENGTH];
    const char *attached = flag_name(word + 2, name);
    const cli_flag *flag = find_flag(name, cli_command_bit(args->command));
    nst_option_info info;
    if (flag) return take_flag(args, line, flag, word, attached);
    if (cli_option_info(name, &info)) return take_option(args, line, &info, word, attached);
    if (strncmp(name, "no-", 3) == 0 && !attached && cli_option_info(name + 3, &info) && info.type == NST_OPTION_BOOL)
        return take_option(args, line, &info, word, "false");
    flag = find_flag(name, CMD_ALL);
    if (flag) return take_flag(args, line, flag, word, attached); /* says that this command does not take it */
    return unknown_flag(args, word, name);
}

/* A long name behind one dash, '-strength', which would be taken for '-s trength'. */
static bool lacks_a_dash(const char *word, char name[NAME_LENGTH])
{
    nst_option_info info;
    flag_name(word + 1, name);
    return name[0] && name[1] && (find_flag(name, CMD_ALL) || cli_option_info(name, &info));
}

static int take_short(cli_args *args, word_line *line, const char *word)
{
    const cli_flag *flag;
    char name[NAME_LENGTH];
    if (lacks_a_dash(word, name)) return unknown_flag(args, word, name);
    for (const char *letter = word + 1; *letter; letter++) {
        char written[3] = {'-', *letter, '\0'};
        int status;
        for (const cli_alias *alias = cli_aliases; alias->alias; alias++) {
            nst_option_info info;
            if (alias->short_name == *letter && cli_takes_option(args->command, alias->key) && cli_option_info(alias->key, &info))
                return take_option(args, line, &info, written, letter[1] ? letter + 1 : NULL);
        }
        flag = find_letter(args, *letter);
        if (!flag) return unknown_flag(args, word, name);
        if (flag->value != VALUE_NONE) return take_flag(args, line, flag, written, letter[1] ? letter + 1 : NULL);
        status = take_flag(args, line, flag, written, NULL);
        if (status != CLI_OK) return status;
    }
    return CLI_OK;
}

static int take_words(cli_args *args, word_line *line)
{
    bool flags = true;
    while (line->next < line->count) {
        const char *word = line->list[line->next++];
        int status = CLI_OK;
        if (flags && strcmp(word, "--") == 0) flags = false;
        else if (flags && strncmp(word, "--", 2) == 0) status = take_long(args, line, word);
        else if (flags && word[0] == '-' && word[1]) status = take_short(args, line, word);
        else store_argument(args, word);
        if (status != CLI_OK) return status;
        if (args->values[FLAG_HELP] || args->values[FLAG_HELP_ALL] || args->values[FLAG_VERSION]) return CLI_OK;
    }
    return CLI_OK;
}

/* ---- the whole line ---- */

/* Why the arguments do not fit. */
static int check_arguments(const cli_args *args)
{
    const cli_command *command = args->command;
    if (args->argument_count < command->minimum)
        return cli_usage(args, "'nst %s' needs more arguments: nst %s %s", command->name, command->name, command->arguments);
    if (command->maximum >= 0 && args->argument_count > command->maximum)
        return cli_usage(args, "'%s' is one argument too many: nst %s %s", args->arguments[command->maximum], command->name,
                         command->arguments);
    return CLI_OK;
}

/* A lone word that is no file but nearly a command was meant as one. */
static int check_command_word(const char *word)
{
    const char *names[16], *nearest;
    if (word[0] == '-' || access(word, F_OK) == 0) return CLI_OK;
    for (int i = 0; i < cli_command_count; i++) names[i] = cli_commands[i].name;
    nearest = nst_nearest(word, names, (size_t)cli_command_count);
    return nearest ? cli_usage(NULL, "there is no command '%s'; did you mean '%s'?", word, nearest) : CLI_OK;
}

int cli_parse(cli_args *args, int argc, char **argv)
{
    word_line line = {argc, 1, argv};
    int status;
    memset(args, 0, sizeof *args);
    if (argc < 2) return cli_usage(NULL, "what shall be done? For example: nst photo.jpg painting.jpg -o out.png");
    args->command = cli_command_find(argv[1]);
    if (args->command) line.next++;
    else {
        args->command = &cli_commands[0];
        status = check_command_word(argv[1]);
        if (status != CLI_OK) return status;
    }
    status = take_words(args, &line);
    if (status != CLI_OK || args->values[FLAG_HELP] || args->values[FLAG_HELP_ALL] || args->values[FLAG_VERSION]) return status;
    return check_arguments(args);
}

void cli_args_clear(cli_args *args)
{
    for (int i = 0; i < args->setting_count; i++) free(args->settings[i].key);
    free(args->settings);
    for (int i = 0; i < FLAG_COUNT; i++) free(args->repeated[i].items);
    free(args->arguments);
}
