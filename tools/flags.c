/* The command's own flags. Everything about the picture itself is in the library's option table instead. */
#include <string.h>

#include "cli.h"

/* name, letter, commands, value, argument, choices, minimum, maximum, doc; in the order of cli_flag_id */
const cli_flag cli_flags[FLAG_COUNT] = {
    {"output", 'o', CMD_PICTURES | CMD_WEIGHTS, VALUE_FILE, "FILE", "", 0, 0,
     "Where the result goes: .png or .jpg; sweep: .png; weights convert: .safetensors. '-' writes PNG to standard output (not "
     "for sweep and weights)."},
    {"content", 0, CMD_MEASURE, VALUE_FILE, "FILE", "", 0, 0, "The picture whose content the result should have."},
    {"style", 0, CMD_MEASURE, VALUE_FILE, "FILE", "", 0, 0,
     "The picture whose style the result should have. Given several times: the blend of their styles, as --style-weights says."},
    {"content-mask", 0, CMD_STYLIZE | CMD_PHOTO | CMD_SWEEP | CMD_TEXTURE, VALUE_FILE, "FILE", "", 0, 0,
     "A map of the content's regions, for texture the output's, of any size: each takes its style from the same region of --style-mask. "
     "Either every colour is a region, or the maps are gray: white one region, black another, gray of both. --guide-mode inside keeps "
     "styles further apart."},
    {"style-mask", 0, CMD_STYLIZE | CMD_PHOTO | CMD_SWEEP | CMD_TEXTURE, VALUE_FILE, "FILE[,FILE...]", "", 0, 0,
     "The same of each style image, in their order."},
    {"content-weights", 0, CMD_STYLIZE | CMD_PHOTO | CMD_SWEEP, VALUE_FILE, "FILE", "", 0, 0,
     "A gray map of where the content counts: in full where it is white, not at all where it is black."},
    {"weights", 'w', CMD_PICTURES | CMD_BENCH | CMD_MEASURE, VALUE_FILE, "FILE|NAME", "", 0, 0,
     "The network: a .safetensors, .pth or .h5 file, or a name: vgg19, vgg16, builtin, untrained. Without it $NST_WEIGHTS, then the "
     "first vgg19 found where 'nst weights' looks, then builtin, the small network in the library."},
    {"params", 0, CMD_PICTURES | CMD_BENCH, VALUE_FILE, "FILE", "", 0, 0,
     "Options from a JSON file, or those stored in a PNG that nst wrote. Flags on the command line override them."},
    {"layers", 0, CMD_RECONSTRUCT, VALUE_TEXT, "LIST", "", 0, 0,
     "The layers to reconstruct from, each with an optional weight: relu4_2 or relu1_1,relu2_1:0.5. "
     "Without it the default of content-layers or style-layers."},
    {"vary", 0, CMD_SWEEP, VALUE_TEXT, "OPTION=VALUES", "", 0, 0,
     "An option and the values it takes, separated by ',', or by ';' for options that are lists themselves, or by '|' for style-weights "
     "with groups. The first makes the "
     "columns of the sheet, the others the rows. 'layers' means content-layers."},
    {"overwrite", 0, CMD_PICTURES | CMD_WEIGHTS, VALUE_NONE, "", "", 0, 0, "Replace the output if it exists."},
    {"bits", 0, CMD_RUNS, VALUE_CHOICE, "8|16", "8|16", 0, 0, "Bits per channel of a PNG; 8 if not given."},
    {"quality", 0, CMD_RUNS, VALUE_INT, "N", "", 1, 100, "Quality of a JPEG, 1 to 100; 95 if not given."},
    {"strip", 0, CMD_RUNS, VALUE_NONE, "", "", 0, 0, "Do not store the parameters and the result of the run in the PNG."},
    {"save-every", 0, CMD_RUNS, VALUE_INT, "N", "", 1, 1000000,
     "Also save the picture every N iterations, beside the output as NAME_000123.png."},
    {"log", 0, CMD_RUNS, VALUE_FILE, "FILE", "", 0, 0,
     "Write one JSON object a line for every iteration: iteration, evaluations, scale, width, height, loss, content, style, tv, "
     "layers, grad_norm, retention, content_weight, style_left, style_incomplete, with a strength also strength, target and "
     "clamped, with photo photo_target, photo_share and photo_weight, seconds. Losses are weighted. A layer that serves both "
     "losses is told apart as content:NAME and style:NAME. With --resume the file is continued."},
    {"checkpoint", 0, CMD_RUNS, VALUE_FILE, "FILE", "", 0, 0,
     "Save the whole state of the run now and then, when interrupted and at the end, for --resume. A checkpoint that cannot "
     "be written during the run is a warning."},
    {"checkpoint-every", 0, CMD_RUNS, VALUE_INT, "N", "", 1, 1000000, "Iterations between checkpoints; 50 if not given."},
    {"resume", 0, CMD_RUNS, VALUE_FILE, "FILE", "", 0, 0,
     "Go on from a checkpoint of a run with the same images and network. Its options apply; those given again override them "
     "where an option may change during a run."},
    {"estimate", 0, CMD_RUNS, VALUE_NONE, "", "", 0, 0,
     "Make no picture: print the memory that the run will take, what it consists of, how it was planned, and the seconds an "
     "iteration takes, measured on a small picture."},
    {"threads", 0, CMD_PICTURES | CMD_WEIGHTS | CMD_INFO | CMD_BENCH | CMD_MEASURE, VALUE_INT, "N", "", 0, 4096,
     "Threads to work with; 0, the default, is one per processor."},
    {"max-pixels", 0, CMD_PICTURES | CMD_INFO | CMD_MEASURE, VALUE_INT, "N", "", 1, INT64_MAX,
     "Largest image that is read or written, in pixels; 100000000 if not given."},
    {"license", 0, CMD_WEIGHTS, VALUE_TEXT, "TEXT", "", 0, 0, "Licence to note in the file that 'convert' writes."},
    {"size", 's', CMD_BENCH, VALUE_TEXT, "N[,N...]", "", 0, 0, "Sizes of the square pictures to measure with; 256,512 if not given."},
    {"steps", 0, CMD_BENCH, VALUE_INT, "N", "", 1, 1000, "Steps to measure per setting; 10 if not given."},
    {"level", 0, CMD_BENCH, VALUE_TEXT, "NAME", "", 0, 0,
     "The highest level of processor instructions to use, as NST_CPU in the environment."},
    {"json", 0, CMD_BENCH, VALUE_FILE, "FILE", "", 0, 0, "Also write what was measured as JSON. An existing file is replaced."},
    {"json", 0, CMD_WEIGHTS | CMD_INFO | CMD_OPTIONS | CMD_MEASURE, VALUE_NONE, "", "", 0, 0, "Print JSON."},
    {"markdown", 0, CMD_OPTIONS, VALUE_NONE, "", "", 0, 0, "Print docs/options.md."},
    {"man", 0, CMD_OPTIONS, VALUE_NONE, "", "", 0, 0, "Print the manual page nst.1."},
    {"completion", 0, CMD_OPTIONS, VALUE_CHOICE, "bash|zsh|fish", "bash|zsh|fish", 0, 0, "Print the completion of a shell."},
    {"no-progress", 0, CMD_PICTURES, VALUE_NONE, "", "", 0, 0, "No progress line, not even on a terminal."},
    {"quiet", 'q', CMD_PICTURES | CMD_WEIGHTS | CMD_BENCH | CMD_MEASURE, VALUE_NONE, "", "", 0, 0, "Only warnings and errors."},
    {"verbose", 'v', CMD_PICTURES | CMD_WEIGHTS | CMD_INFO | CMD_BENCH | CMD_MEASURE, VALUE_NONE, "", "", 0, 0,
     "Say more about what is done."},
    {"help", 'h', CMD_ALL, VALUE_NONE, "", "", 0, 0, "Print the usual options and exit."},
    {"help-all", 0, CMD_ALL, VALUE_NONE, "", "", 0, 0, "Print every option and exit."},
    {"version", 'V', CMD_ALL, VALUE_NONE, "", "", 0, 0, "Print the version and exit."},
};

const cli_alias cli_aliases[] = {
    {"content-weight", "alpha", 0},
    {"style-weight", "beta", 0},
    {"tv-weight", "tv", 0},
    {"num-iterations", "iterations", 'n'},
    {"image-size", "size", 's'},
    {"color", "colour", 0},
    {"style-blend-weights", "style-weights", 0},
    {"lbfgs-num-correction", "history", 0},
    {NULL, NULL, 0},
};

static bool lists(const char *keys, const char *key)
{
    size_t length = strlen(key);
    for (; *keys; keys += strcspn(keys, ","), keys += *keys == ',')
        if (strcspn(keys, ",") == length && memcmp(keys, key, length) == 0) return true;
    return false;
}

bool cli_takes_option(const cli_command *command, const char *key)
{
    for (int i = 0; i < FLAG_COUNT; i++)
        if ((cli_flags[i].commands & cli_command_bit(command)) && strcmp(cli_flags[i].name, key) == 0) return false;
    return strcmp(command->option_keys, "*") == 0 || lists(command->option_keys, key);
}

bool cli_flag_repeats(cli_flag_id flag)
{
    return flag == FLAG_VARY || flag == FLAG_STYLE;
}

const char *cli_alias_names(const char *key, char *buffer, size_t capacity)
{
    buffer[0] = '\0';
    for (const cli_alias *alias = cli_aliases; alias->alias; alias++) {
        if (strcmp(alias->key, key) != 0 || strlen(buffer) + strlen(alias->alias) + 5 > capacity) continue;
        if (buffer[0]) strcat(buffer, ", --");
        strcat(buffer, alias->alias);
    }
    return buffer;
}

char cli_option_letter(const char *key)
{
    for (const cli_alias *alias = cli_aliases; alias->alias; alias++)
        if (strcmp(alias->key, key) == 0 && alias->short_name) return alias->short_name;
    return 0;
}
