/* nst: neural style transfer from the command line. SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* What keeps a photograph a photograph (docs/photo.md). */
static const char *const photo_defaults[][2] = {
    {"photo", "0.85"},
    {"finish", "poisson"},
    {"dialect", "normalised"},
    {"alpha", "0.02"},
    {"style-layers", "relu1_1,relu2_1,relu3_1,relu4_1"},
    {"init", "content"},
    {NULL, NULL},
};

const cli_command cli_commands[] = {
    {"stylize", "CONTENT STYLE [STYLE...] -o OUT [options]", "paint one picture in the style of others",
     "Paints CONTENT in the style of one or several STYLE images. The word stylize may be left out.",
     "nst photo.jpg painting.jpg -o out.png\n"
     "nst photo.jpg painting.jpg -o out.png --size 1024 --scales 3 --beta 200\n"
     "nst photo.jpg a.jpg b.jpg -o out.png --style-weights 1,3 --init noise --seed 7\n"
     "nst photo.jpg painting.jpg -o - --quiet | display\n",
     2, -1, "*", cli_stylize, NULL},
    {"reconstruct", "content|style IMAGE [--layers LAYER[,LAYER...]] -o OUT [options]",
     "make a picture from what the network keeps of an image",
     "Starts from noise and finds a picture with the same content features (content) or the same style statistics (style, a "
     "texture) as IMAGE at the given layers.",
     "nst reconstruct content photo.jpg --layers relu4_2 -o out.png\n"
     "nst reconstruct style painting.jpg --layers relu1_1,relu2_1,relu3_1 -o texture.png --size 256\n",
     2, 2, "*", cli_reconstruct, NULL},
    {"texture", "STYLE [STYLE...] -o OUT [--width N --height N | --size N] [options]", "make a texture of any size from style images",
     "Starts from noise and finds a picture with the style of the images and no content. --width and --height give its size; --size "
     "is its longer side in the shape of the first image. A style smaller than the output is not enlarged, so that a larger output shows "
     "more of the same texture; --style-scale says otherwise. Options about a content, such as --strength, do nothing and are a warning.",
     "nst texture painting.jpg -o texture.png --size 512\n"
     "nst texture painting.jpg -o banner.png --width 1200 --height 300 --scales 2\n"
     "nst texture a.jpg b.jpg -o mixed.png --style-weights 1,3 --seed 7\n",
     1, -1, "*", cli_texture, NULL},
    {"sweep", "CONTENT STYLE [STYLE...] -o GRID.png --vary OPTION=VALUES [--vary ...] [options]",
     "compare settings on one labelled sheet",
     "Runs every combination of the varied options, sharing the features of the images, and writes one contact sheet in PNG "
     "with the losses and the measures (nst measure) of each cell in a JSON file of the same name beside it. All cells are measured "
     "with the settings that are not varied, so that their numbers compare; retention, edges and style are printed on the sheet.",
     "nst sweep photo.jpg painting.jpg -o grid.png --vary alpha=1,5,25 --vary beta=10,100 --size 256\n"
     "nst sweep photo.jpg painting.jpg -o grid.png --vary 'layers=relu2_2;relu4_2;relu4_2,relu5_2'\n"
     "nst sweep photo.jpg painting.jpg -o grid.png --vary init=content,noise --vary seed=1,2\n",
     2, -1, "*", cli_sweep, NULL},
    {"weights", "[list | convert IN -o OUT | verify FILE]", "find, convert and check network weights",
     "list, the default, shows where weights are looked for, which are there, and where to get them; without any, the small network "
     "in the library is used. convert writes the "
     "convolutions of any file that can be read as a small safetensors file. verify compares a file with the published ones.",
     "nst weights\n"
     "nst weights convert vgg19-dcbb9e9d.pth -o ~/.local/share/nst/vgg19.safetensors\n"
     "nst weights verify vgg19.safetensors\n",
     0, 2, "preprocessing", cli_weights, NULL},
    {"info", "[FILE|NAME] [--json]", "say what a file or a network is, or what this program is",
     "For a picture that nst wrote, prints the parameters and the result of the run; for other images, weights and "
     "checkpoints, what they are or why they are refused; for builtin, the network in the library, and other files with metadata, "
     "their origin, training data and licence too. Without FILE, the version, what was built in, the processor and the "
     "weights found.",
     "nst info out.png\n"
     "nst info vgg19.safetensors --json\n"
     "nst info builtin\n",
     0, 1, "", cli_info, NULL},
    {"options", "[--markdown | --man | --json | --completion bash|zsh|fish]", "print the table of options",
     "Prints every option with its default, range and meaning: as text, or as the source of the documentation and the "
     "completions.",
     "nst options\n"
     "nst options --json\n",
     0, 0, "", cli_options, NULL},
    {"bench", "[--size N[,N...]] [--json FILE] [options]", "measure speed and memory on this machine",
     "Paints generated pictures of the given sizes and tells the seconds of an evaluation of loss and gradient, what of it the "
     "network, the losses and L-BFGS take (by difference to runs without them), the seconds before the first one is done, and the "
     "peak memory of the library and of the process. The anchor is a fixed piece of arithmetic, timed between the steps: figures "
     "with different anchors do not compare. With --iterations N a whole run of N iterations is timed as well.",
     "nst bench\n"
     "nst bench --size 256,512,1024,2048 --weights vgg19.safetensors --json bench.json\n"
     "nst bench --size 512 --level cblas --threads 1 --iterations 100\n",
     0, 0, "*", cli_bench, NULL},
    {"measure", "RESULT [--content FILE] [--style FILE ...] [--json]", "say how near a picture is to its content and its style",
     "Compares RESULT, whatever made it, with the picture whose content and the ones whose style it should have: the features at "
     "every ReLU of the network, also at those that no objective has seen, structural similarity, edges, and the share of fine "
     "detail. docs/measure.md has the formulas.",
     "nst measure out.png --content photo.jpg --style painting.jpg\n"
     "nst measure out.png --content photo.jpg --style painting.jpg --weights vgg19.safetensors --json\n"
     "nst measure out.png --style painting.jpg --style-scale 2\n"
     "nst measure mixed.png --style a.jpg --style b.jpg --style-weights 1,3\n",
     1, 1, "content-layers,style-layers,style-weights,style-scale,pooling,pooling-rescale,padding,preprocessing,precision",
     cli_measure, NULL},
    {"photo", "CONTENT STYLE [STYLE...] -o OUT [options]", "give a photograph the light and colours of others",
     "Does what stylize does, with defaults for pictures that shall look photographed and not painted: colours change smoothly, edges and "
     "detail are those of CONTENT. STYLE is best a photograph of something alike.",
     "nst photo noon.jpg sunset.jpg -o out.png\n"
     "nst photo noon.jpg sunset.jpg -o out.png --photo 0.7 --finish none\n",
     2, -1, "*", cli_stylize, photo_defaults},
};

const int cli_command_count = (int)(sizeof cli_commands / sizeof cli_commands[0]);

const cli_command *cli_command_find(const char *name)
{
    for (int i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0) return &cli_commands[i];
    return NULL;
}

unsigned cli_command_bit(const cli_command *command)
{
    return 1u << (command - cli_commands);
}

const char *cli_command_default(const cli_command *command, const char *key)
{
    for (int i = 0; command->defaults && command->defaults[i][0]; i++)
        if (strcmp(command->defaults[i][0], key) == 0) return command->defaults[i][1];
    return NULL;
}

/* A descriptor that is closed would be given to the next file opened, and messages would end up in it. The stand-in refuses
 * what the stream is for, so that output to a closed stdout is still an error. */
static void open_standard_streams(void)
{
    for (int descriptor = 0; descriptor < 3; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) (void)open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

static int print_version(void)
{
    nst_ctx *ctx = NULL;
    printf("nst %s (libnst %s)\n%s\n", NST_VERSION_STRING, nst_version(), nst_build_info());
    if (nst_ctx_new(NULL, &ctx) == NST_OK) printf("processor level: %s\n", nst_ctx_cpu_level(ctx));
    nst_ctx_unref(ctx);
    return CLI_OK;
}

static int run_command(const cli_args *args, bool named)
{
    bool all = args->values[FLAG_HELP_ALL];
    if (args->values[FLAG_VERSION]) return print_version();
    if (args->values[FLAG_HELP] || all) {
        cli_print_help(named ? args->command : NULL, all);
        return CLI_OK;
    }
    say_setup(args->values[FLAG_QUIET] ? SAY_QUIET : args->values[FLAG_VERBOSE] ? SAY_VERBOSE : SAY_NORMAL,
              !args->values[FLAG_NO_PROGRESS]);
    return args->command->run(args);
}

int main(int argc, char **argv)
{
    cli_args args;
    int status;
    open_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write, not the end of the process */
    signal(SIGXFSZ, SIG_IGN);
    say_setup(SAY_NORMAL, false);
    status = cli_parse(&args, argc, argv);
    if (status == CLI_OK) status = run_command(&args, argc > 1 && cli_command_find(argv[1]));
    cli_args_clear(&args);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK) {
        say_error("cannot write to standard output: %s", strerror(errno));
        status = CLI_ERROR;
    }
    return status;
}
