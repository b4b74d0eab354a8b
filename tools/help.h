/* What help, manual page, markdown and completions share: options and flags seen alike, and the texts of the program itself. */
#ifndef NST_TOOLS_HELP_H
#define NST_TOOLS_HELP_H

#include "cli.h"

/* An own flag or a session option. */
typedef struct help_entry {
    char names[96];     /* "-s, --size" without aliases */
    char aliases[96];   /* "--image-size" or "" */
    char argument[160]; /* "N", "max|average|l2", ... or "" */
    char range[96];     /* "0 to 65535 pixels" or "" */
    char fallback[128]; /* default or "" */
    const char *name, *choices, *doc, *change;
    char letter;
    bool takes_file, repeats;
} help_entry;

void help_from_flag(const cli_flag *flag, help_entry *entry);
void help_from_option(const nst_option_info *info, help_entry *entry);
/* " Its own defaults: --photo 1 ... .", or "" where the command has none; `buffer` is returned. */
const char *help_own_defaults(const cli_command *command, char *buffer, size_t capacity);
/* The option at an index of the library's table. */
nst_option_info help_option(uint32_t index);
/* Whether the option opens a group in the table. */
bool help_opens_group(uint32_t index);

/* {"0", "success"}, ...; NULL ends it. */
extern const char *const help_exit_codes[][2];
extern const char *const help_environment[][2];
extern const char help_purpose[];

void help_markdown(void);
void help_man(void);
void help_json(void);
void help_completion(const char *shell);

#endif
