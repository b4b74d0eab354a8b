/* The command nst: what its files share. It uses the public API alone, as any other program would.
 *
 *   nst.c         main, the table of commands                  say.c      messages, the progress line
 *   flags.c       the table of the command's own flags         parse.c    flags and arguments -> cli_args
 *   job.c         context, options, model, images of a run     output.c   checks before a run, saving after it
 *   run.c         the loop over nst_session_step()             log.c      --log
 *   masks.c       --content-mask, --style-mask, --content-weights
 *   estimate.c    --estimate
 *   stylize.c reconstruct.c texture.c sweep.c weights.c info.c options.c bench.c measure.c one command each
 *
 * The process never calls setlocale(), so printf() and strtod() work in the C locale.
 */
#ifndef NST_TOOLS_CLI_H
#define NST_TOOLS_CLI_H

#include <nst/nst.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,
    CLI_USAGE = 2,
    CLI_FORMAT = 3, /* an input, the weights, parameters or a checkpoint cannot be used */
    CLI_LIMIT = 4,
    CLI_INTERRUPTED = 130
} cli_exit;

/* ---- commands ---- */

typedef struct cli_args cli_args;

typedef struct cli_command {
    const char *name;
    const char *arguments; /* as in the synopsis */
    const char *summary;   /* one sentence without a full stop */
    const char *about;     /* a paragraph for its help and the man page */
    const char *examples;  /* lines */
    int minimum, maximum;  /* how many arguments */
    const char *option_keys; /* session options it takes: "" none, "*" all, or "key,key" */
    int (*run)(const cli_args *args);
    const char *const (*defaults)[2]; /* its own defaults of session options: {"photo", "1"}, ...; NULL ends them, NULL: none */
} cli_command;

enum { CMD_STYLIZE = 1, CMD_RECONSTRUCT = 2, CMD_TEXTURE = 4, CMD_SWEEP = 8, CMD_WEIGHTS = 16, CMD_INFO = 32, CMD_OPTIONS = 64,
       CMD_BENCH = 128, CMD_MEASURE = 256, CMD_PHOTO = 512, CMD_ALL = 1023,
       CMD_RUNS = CMD_STYLIZE | CMD_RECONSTRUCT | CMD_TEXTURE | CMD_PHOTO,
       CMD_PICTURES = CMD_RUNS | CMD_SWEEP };

extern const cli_command cli_commands[];
extern const int cli_command_count; /* the bit of command i in a mask is 1 << i */
const cli_command *cli_command_find(const char *name);
unsigned cli_command_bit(const cli_command *command);
/* The command's own default of an option, or NULL. */
const char *cli_command_default(const cli_command *command, const char *key);

int cli_stylize(const cli_args *args);
int cli_reconstruct(const cli_args *args);
int cli_texture(const cli_args *args);
int cli_sweep(const cli_args *args);
int cli_weights(const cli_args *args);
int cli_info(const cli_args *args);
int cli_options(const cli_args *args);
int cli_bench(const cli_args *args);
int cli_measure(const cli_args *args);

/* ---- flags ---- */

typedef enum cli_flag_id {
    FLAG_OUTPUT,
    FLAG_CONTENT,
    FLAG_STYLE,
    FLAG_CONTENT_MASK,
    FLAG_STYLE_MASK,
    FLAG_CONTENT_WEIGHTS,
    FLAG_WEIGHTS,
    FLAG_PARAMS,
    FLAG_LAYERS,
    FLAG_VARY,
    FLAG_OVERWRITE,
    FLAG_BITS,
    FLAG_QUALITY,
    FLAG_STRIP,
    FLAG_SAVE_EVERY,
    FLAG_LOG,
    FLAG_CHECKPOINT,
    FLAG_CHECKPOINT_EVERY,
    FLAG_RESUME,
    FLAG_ESTIMATE,
    FLAG_THREADS,
    FLAG_MAX_PIXELS,
    FLAG_LICENSE,
    FLAG_SIZE,
    FLAG_STEPS,
    FLAG_LEVEL,
    FLAG_JSON_FILE,
    FLAG_JSON,
    FLAG_MARKDOWN,
    FLAG_MAN,
    FLAG_COMPLETION,
    FLAG_NO_PROGRESS,
    FLAG_QUIET,
    FLAG_VERBOSE,
    FLAG_HELP,
    FLAG_HELP_ALL,
    FLAG_VERSION,
    FLAG_COUNT
} cli_flag_id;

typedef enum cli_value { VALUE_NONE, VALUE_TEXT, VALUE_FILE, VALUE_INT, VALUE_CHOICE } cli_value;

typedef struct cli_flag {
    const char *name;
    char short_name; /* 0: none */
    unsigned commands;
    cli_value value;
    const char *argument; /* what stands for the value in help, "" for VALUE_NONE */
    const char *choices;  /* VALUE_CHOICE: "a|b" */
    int64_t minimum, maximum;
    const char *doc;
} cli_flag;

extern const cli_flag cli_flags[FLAG_COUNT];

/* Words of other tools, and short letters, for session options. `alias` NULL ends the table. */
typedef struct cli_alias {
    const char *alias;
    const char *key;
    char short_name;
} cli_alias;
extern const cli_alias cli_aliases[];

/* Whether `command` takes the session option `key`: one of its flags may have that name instead. */
bool cli_takes_option(const cli_command *command, const char *key);
/* Whether all values of a flag that is given several times count, and not the last one alone. */
bool cli_flag_repeats(cli_flag_id flag);
/* The alias names of an option, written behind one another with ", --" between; `buffer` is returned. */
const char *cli_alias_names(const char *key, char *buffer, size_t capacity);
char cli_option_letter(const char *key);

/* ---- arguments ---- */

typedef struct cli_setting {
    char *key;
    const char *value;
} cli_setting;

typedef struct cli_list {
    const char **items;
    int count;
} cli_list;

struct cli_args {
    const cli_command *command;
    const char **arguments;
    int argument_count;
    const char *values[FLAG_COUNT]; /* NULL: not given; "" for a flag without value; the last one counts */
    cli_list repeated[FLAG_COUNT];  /* all of them, of flags that repeat */
    cli_setting *settings; /* session options in the order given */
    int setting_count;
};

/* CLI_OK or CLI_USAGE with the reason said. A flag for help or version ends the checks. */
int cli_parse(cli_args *args, int argc, char **argv);
void cli_args_clear(cli_args *args);
/* The value of a VALUE_INT flag, or `otherwise`. */
int64_t cli_int(const cli_args *args, cli_flag_id flag, int64_t otherwise);

/* Help for one command, or for all if NULL, to standard output. */
void cli_print_help(const cli_command *command, bool all);

/* The session option a name, an alias or a name with '_' stands for. */
bool cli_option_info(const char *name, nst_option_info *info);
/* Says that there is none, and which one is near. Returns CLI_USAGE. */
int cli_unknown_option(const cli_args *args, const char *name);

/* Prints to standard error what is wrong and where help is. Returns CLI_USAGE. */
int cli_usage(const cli_args *args, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- memory and text: exits with a sentence when memory ends ---- */

void *cli_alloc(size_t count, size_t size); /* zeroed */
void *cli_realloc(void *memory, size_t count, size_t size);
char *cli_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The part of a path behind the last '/'. */
const char *cli_base_name(const char *path);
/* "path/picture.png" -> "path/picture" + suffix + ending; an ending of NULL keeps the path's own. */
char *cli_sibling(const char *path, const char *suffix, const char *ending);
/* Whether a path ends in `ending`, in any case of letters. */
bool cli_has_ending(const char *path, const char *ending);

/* ---- messages (standard error) ---- */

typedef enum say_level { SAY_QUIET = -1, SAY_NORMAL = 0, SAY_VERBOSE = 1 } say_level;
void say_setup(int level, bool progress);
/* "nst: ..." in every case; "nst: warning: ..." in every case; unless quiet; only if verbose. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Library log lines end here. */
void say_log(void *user, int32_t level, const char *message);
/* The progress line: drawn on a terminal only, at most ten times a second, and wiped before any message. */
void say_progress(const nst_progress *progress, const char *before);
void say_progress_end(void);

/* Says a sentence of the library and gives the exit code that fits the status. */
int cli_fail(int32_t status, const char *sentence);
/* With the file's name in front, unless the sentence names it. */
int cli_fail_file(int32_t status, const char *path, const char *sentence);
int cli_exit_code(int32_t status);

#endif
