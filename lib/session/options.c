/* The option table. Everything a user can choose is one entry here and nowhere else. */
#include "session/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "session/blend.h"

#define SINCE_0_1 ((0u << 16) | 1u)
#define ENTRY sizeof(nst_option_info)
static const double max_int = 9007199254740992.0; /* 2^53: exact in JSON and in a double */

/* size, type, change, since, key, default, choices, unit, group, doc, minimum, maximum */
static const nst_option_info table[NST_OPT_COUNT] = {
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_RESTART, SINCE_0_1, "strength", "auto", "", "", "objective",
     "How far the picture goes from the content to the style, the same for every pair of images, size and network: 0 barely touches the "
     "content, 1 leaves little of it. The content weight alpha is found by measuring, so that as much of the content stays as the "
     "strength says (docs/objective.md). When not given: 0.5, or no such search where alpha, beta or another dialect than normalised "
     "is.", 0, 1, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "dialect", "normalised",
     "neural-style|gatys-paper|gatys-code|normalised", "", "objective",
     "Whose loss formulas and defaults apply, so that weights known from another tool mean the same here (docs/objective.md). Those of "
     "normalised do not depend on size, layers or network.", 0, 0, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_RESTART, SINCE_0_1, "alpha", "auto", "", "", "objective",
     "Weight of the content loss. When not given: what strength finds, or the dialect's own: neural-style 5, gatys-paper 1, gatys-code "
     "1, normalised 0.005.", 0, 1e30, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_RESTART, SINCE_0_1, "beta", "auto", "", "", "objective",
     "Weight of the style loss. The dialect's own when not given: neural-style 100, gatys-paper 1000, gatys-code 1000, normalised 1.",
     0, 1e30, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_RESTART, SINCE_0_1, "tv", "auto", "", "", "objective",
     "Weight of the total variation loss, which smooths. When not given: 0.001 in the dialect neural-style with weights that see "
     "pixels in 0..255 (preprocessing caffe), else 0.", 0,
     1e30, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_PLAN, SINCE_0_1, "laplacian", "0", "", "", "objective",
     "Weight of the Laplacian loss, which keeps the edges of the content image in place (docs/objective.md). 0 does without; in the "
     "dialect normalised 0.05 is a little and 1 much, in neural-style 100 is its authors' choice.", 0, 1e30, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "laplacian-pool", "4", "", "pixels", "objective",
     "Side of the squares that the Laplacian loss averages over before it looks for edges; larger leaves finer detail to the style.", 1,
     256, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_PLAN, SINCE_0_1, "temporal", "auto", "", "", "objective",
     "Weight of the temporal loss, which holds a frame of a film to the previous one where a program has given that "
     "(nst_session_set_previous()); without one it is nothing. The dialect's own when not given: normalised 1, the others 1000.", 0, 1e30,
     {0}},
    {ENTRY, NST_OPTION_LAYERS, NST_CHANGE_PLAN, SINCE_0_1, "content-layers", "relu4_2", "", "", "objective",
     "Layers whose features the picture shares with the content image, each with an optional weight: relu4_2:1,relu3_1:0.5.", 0,
     1e30, {0}},
    {ENTRY, NST_OPTION_LAYERS, NST_CHANGE_PLAN, SINCE_0_1, "style-layers", "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", "", "",
     "objective", "Layers whose statistics the picture shares with the style images, each with an optional weight.", 0, 1e30,
     {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "style-statistics", "gram",
     "gram|mean-std|covariance|shifted-gram|wasserstein|chained", "", "objective",
     "What of the features at the style layers is shared with the style images: Gram matrices; means and deviations alone, which is the "
     "quickest and knows least; covariances and means; Gram matrices of features shifted by their mean activation; the distance "
     "between normal distributions, which is slow where there are many channels; or Gram matrices of features with those that the layer's "
     "convolution has read (docs/objective.md).", 0, 0, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_PLAN, SINCE_0_1, "histogram", "0", "", "", "objective",
     "Weight of the histogram loss, which gives each channel of features the style's distribution of values, beside what style-statistics "
     "compares (docs/objective.md). 0 does without; in the dialect normalised 0.3 is a little and 1 much.", 0, 1e30, {0}},
    {ENTRY, NST_OPTION_LAYERS, NST_CHANGE_PLAN, SINCE_0_1, "histogram-layers", "relu1_1,relu4_1", "", "", "objective",
     "Layers of the histogram loss, each with an optional weight.", 0, 1e30, {0}},
    {ENTRY, NST_OPTION_FLOATS, NST_CHANGE_PLAN, SINCE_0_1, "style-weights", "auto", "", "", "objective",
     "How several style images are blended, one number each; they are scaled to sum to 1. Equal when not given. Groups separated by "
     "';' may say where they apply: 'relu1_1:1,0' at that layer, '/4:0,1' where the picture is compared at a quarter of its size (/1 is "
     "its own), 'relu4_1/2:0,1' at both; the most particular one counts. '1,0;/4:0,1' takes large shapes of the second, strokes of the "
     "first.", 0, 1e30, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_PLAN, SINCE_0_1, "style-scale", "1", "", "", "objective",
     "Size of the style images: their longer side is this many times the output's longer side. Larger means larger strokes.", 0.01,
     16, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "guide-mode", "simple", "simple|inside", "", "objective",
     "With maps of regions, what of a region counts at a layer: all of it, or only what lies so far inside that the layer sees nothing "
     "else, which keeps styles from running into each other and leaves small regions out at deep layers.", 0, 0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "colour", "none", "none|match|luminance|keep", "", "objective",
     "Whose colours the result has. none: the style's, as far as it brings them. The others keep the content's: match gives the style "
     "images the content's mean and covariance of colours before they are looked at; luminance paints brightness alone, in gray; keep "
     "paints in colour and puts the content's back at the end (neural-style's original_colors).", 0, 0, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_PLAN, SINCE_0_1, "photo", "0", "", "", "objective",
     "How far the picture stays a photograph: a loss that allows the content image to be recoloured, smoothly, and nothing to be painted "
     "(docs/photo.md). In the dialect normalised its weight is corrected on the way until 0.1 * 10^(-2.2 photo) of the variation in the "
     "picture is painted; in others it is 10^(3 photo - 1.5). 0 is none.", 0, 1, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "octaves", "auto", "", "", "objective",
     "Sizes at which the style is compared, the picture's own, half of it and so on: more than one gives large strokes to large "
     "areas. When not given: 3 in the dialect normalised, else 1. Sizes under 64 pixels are left out.", 1, 4, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_FIXED, SINCE_0_1, "init", "auto", "auto|content|noise|gray|style|image|matched", "", "start",
     "The picture the optimisation starts from; matched is the content in the style's colours. The command also takes a file name, which "
     "means image. When not given: matched in the dialect normalised, where a style's colours are wanted, else content; noise where there "
     "is no content.", 0, 0, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_FIXED, SINCE_0_1, "init-noise", "0", "", "", "start",
     "Blends the start picture with noise: 0 is the picture, 1 is noise alone.", 0, 1, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_FIXED, SINCE_0_1, "seed", "0", "", "", "start", "Seed of the noise.", 0, 9007199254740992.0,
     {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "preset", "default", "draft|default|quality", "", "schedule",
     "How much work goes into the picture in the dialect normalised, where iterations is not given: from the coarsest scale on 60, 25, 10, "
     "10 iterations, 80, 50, 30, 20, or 150, 100, 100, 60. draft also sets enlarge.", 0, 0, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "size", "512", "", "pixels", "schedule",
     "Longer side of the output; 0 keeps the size of the content image.", 0, 65535, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "width", "0", "", "pixels", "schedule",
     "Width of an output that has no content image to take its shape from; with height, and in place of size. 0: the shape of the first "
     "style image.", 0, 65535, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "height", "0", "", "pixels", "schedule",
     "Height of an output that has no content image, with width.", 0, 65535, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "scales", "auto", "", "", "schedule",
     "Work from coarse to fine over this many sizes, each twice the one before; 1 is the final size alone. When not given: from about 128 "
     "pixels on in the dialect normalised, the shorter side no less than 32, else 1.", 1, 12, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "enlarge", "auto", "", "", "schedule",
     "The picture is painted so many times smaller and enlarged when it is handed out, with the content's edges: 2 takes a third of the "
     "time at large sizes and has coarser strokes. When not given: 2 with preset draft from size 512 on, where a content is stylised in "
     "the dialect normalised, else 1. More than 1 needs a content image.", 1, 4, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_LIVE, SINCE_0_1, "detail", "auto", "", "", "schedule",
     "How much of the content's fine detail is put back when the picture grows to the next scale. When not given: 0.5 in the dialect "
     "normalised where the start is the content, else 0.", 0, 1, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_LIVE, SINCE_0_1, "iterations", "auto", "", "iterations", "schedule",
     "Iterations in total, shared evenly by the scales. When not given: what preset says in the dialect normalised, and up to twice that "
     "at the coarsest scale, two and a half times where it is the only one, to find what strength asks for; else 500.", 0, 1000000, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_LIVE, SINCE_0_1, "tolerance", "0", "", "", "schedule",
     "Ends a scale when the loss has fallen by less than this fraction over 20 iterations; 0 never does. 0.002 suits most pictures.",
     0, 1, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "optimizer", "lbfgs", "lbfgs|adam", "", "optimiser",
     "L-BFGS needs fewer evaluations; Adam needs less memory.", 0, 0, {0}},
    {ENTRY, NST_OPTION_FLOAT, NST_CHANGE_LIVE, SINCE_0_1, "learning-rate", "0.02", "", "", "optimiser",
     "Adam: step length in units of the full brightness range. L-BFGS: its first step has a twentieth of that as root mean square.",
     1e-6, 10, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "history", "10", "", "", "optimiser",
     "Curvature pairs that L-BFGS keeps; each takes as much memory as two pictures.", 1, 1000, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "history-precision", "auto", "auto|fp32|bf16", "", "optimiser",
     "Numbers in which L-BFGS keeps its curvature pairs; bf16 (16 bits) takes half the memory and half the time to read. auto: as "
     "precision.", 0, 0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_LIVE, SINCE_0_1, "line-search", "armijo", "armijo|strong-wolfe", "", "optimiser",
     "How L-BFGS chooses its step length: safeguarded backtracking or the strong Wolfe conditions.", 0, 0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "preconditioner", "auto", "auto|none|pyramid", "", "optimiser",
     "What L-BFGS takes the inverse Hessian for before it has learnt: a multiple of the identity, or of a pyramid, under which coarse "
     "structure moves first. auto is pyramid in the dialect normalised, else none.", 0, 0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "pooling", "max", "max|average|l2", "", "network",
     "Pooling of the network. The weights were trained with max; average gives smoother gradients.", 0, 0, {0}},
    {ENTRY, NST_OPTION_BOOL, NST_CHANGE_PLAN, SINCE_0_1, "pooling-rescale", "false", "", "", "network",
     "Multiplies average pooling by 2 and L2 pooling by 0.78, which restores the activations' magnitude under max pooling.", 0, 1,
     {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "padding", "auto", "auto|zero|reflect|replicate", "", "network",
     "How convolutions see beyond the border; auto is what the weights file says or is known for, else zero.", 0, 0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "preprocessing", "auto", "auto|torch|caffe|unit", "", "network",
     "What the weights expect of a pixel: RGB mean and deviation, BGR 0..255 minus mean, or RGB 0..1; auto asks the file.", 0, 0,
     {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "precision", "auto", "auto|fp32|bf16", "", "network",
     "Arithmetic of the network: 32-bit, or 16-bit (bf16) with 32-bit sums. auto is the fastest whose result looks the same: bf16 "
     "where the processor has instructions for it, else fp32.", 0, 0, {0}},
    {ENTRY, NST_OPTION_INT, NST_CHANGE_PLAN, SINCE_0_1, "memory-limit", "0", "", "bytes", "memory",
     "Most memory that a run may take, images and weights included: 800M, 1.5G; Mi and Gi count in 1024s. To stay below, the plan "
     "keeps fewer curvature pairs, then does work again instead of keeping it, then goes over the picture in tiles, which gives the "
     "same loss and gradient (docs/memory.md). 0 is no limit.", 0, 9007199254740992.0, {0}},
    {ENTRY, NST_OPTION_CHOICE, NST_CHANGE_PLAN, SINCE_0_1, "finish", "none", "none|poisson|guided", "", "result",
     "What is done to a picture that is handed out, for photographs (docs/photo.md): poisson gives it the content image's gradients, "
     "guided makes it a locally affine recolouring of the content image. The optimisation does not know of it.", 0, 0, {0}},
};

const nst_option_info *nst_option_entry(nst_option_id id)
{
    return &table[id];
}

static bool same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !(*a == '_' && *b == '-')) return false;
    return *a == *b;
}

int nst_option_find(const char *key)
{
    for (int id = 0; key && id < NST_OPT_COUNT; id++)
        if (same_key(key, table[id].key)) return id;
    return -1;
}

int32_t nst_option_require(const char *key, nst_error *error)
{
    char list[NST_ERROR_TEXT / 2] = "";
    size_t length = 0;
    int id = nst_option_find(key);
    if (id >= 0) return id;
    for (id = 0; id < NST_OPT_COUNT && length < sizeof list; id++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", id ? ", " : "", table[id].key);
    return nst_fail(error, NST_ERR_NOT_FOUND, "there is no option '%.80s'; there are: %s", key ? key : "(null)", list);
}

const char *nst_option_text(const nst_options *options, nst_option_id id)
{
    return options->values[id] ? options->values[id] : table[id].default_text;
}

/* The index of `value` (of `length` bytes) in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (int index = 0;; index++) {
        size_t word = strcspn(choices, "|");
        if (word == length && memcmp(choices, value, length) == 0) return index;
        if (!choices[word]) return -1;
        choices += word + 1;
    }
}

static int bool_value(const char *value)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};
    for (int i = 0; i < 8; i++)
        if (strcmp(value, words[i]) == 0) return i & 1;
    return -1;
}

double nst_option_number(const nst_options *options, nst_option_id id)
{
    const char *text = nst_option_text(options, id);
    double value;
    if (table[id].type == NST_OPTION_BOOL) return bool_value(text);
    if (table[id].type == NST_OPTION_CHOICE) return choice_index(table[id].choices, text);
    return nst_parse_f64(text, &value) ? value : (double)NAN;
}

/* ---- checking a value ---- */

static int32_t out_of_range(const nst_option_info *entry, const char *value, nst_error *error)
{
    char low[NST_NUMBER_TEXT], high[NST_NUMBER_TEXT];
    return nst_fail(error, NST_ERR_INVALID_ARG, "%s: '%s' is not %s between %s and %s", entry->key, value,
                    entry->type == NST_OPTION_INT ? "a whole number" : "a number", nst_format_f64(entry->minimum, low),
                    nst_format_f64(entry->maximum, high));
}

static bool in_range(const nst_option_info *entry, double value)
{
    return value >= entry->minimum && value <= entry->maximum;
}

/* With these alone an item needs no escaping in JSON, PNG text or a terminal. The first is for places alone. */
static const char item_characters[] = "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.+- ";

/* `name` or `name:number`, without which *number is NULL. */
static int32_t check_layer(const nst_option_info *entry, const char *item, const char **number, nst_error *error)
{
    *number = strchr(item, ':');
    if (*number == item) return nst_fail(error, NST_ERR_INVALID_ARG, "%s: an item has no layer name", entry->key);
    if (*number) ++*number;
    return NST_OK;
}

/* Where the numbers of a group belong to stands before its first: `place:number`. */
static int32_t check_place(const nst_option_info *entry, const char *item, bool first, const char **number, nst_error *error)
{
    nst_blend_place place;
    *number = item;
    if (!first || nst_blend_read_place(number, &place)) return NST_OK;
    return nst_fail(error, NST_ERR_INVALID_ARG, "%s: '%s' does not begin with a layer, a size that is /1, /2 and so on to /%u, or both as "
                    "in relu4_1/2", entry->key, item, 1u << (NST_MAX_OCTAVES - 1));
}

/* A comma-separated list of layers, or of numbers, of which there may be several groups with ';' between. */
static int32_t check_items(const nst_option_info *entry, const char *value, nst_error *error)
{
    bool layers = entry->type == NST_OPTION_LAYERS, first = true;
    const char *item = value;
    for (;;) {
        size_t length = strcspn(item, layers ? "," : ",;");
        char text[64];
        const char *number;
        double parsed;
        int32_t status;
        if (length == 0 || length >= sizeof text || strspn(item, item_characters + layers) < length)
            return nst_fail(error, NST_ERR_INVALID_ARG, "%s: '%s' has an item that is empty, too long or has odd characters",
                            entry->key, value);
        memcpy(text, item, length);
        text[length] = '\0';
        status = layers ? check_layer(entry, text, &number, error) : check_place(entry, text, first, &number, error);
        if (status < 0) return status;
        if (number && (!nst_parse_f64(number, &parsed) || !in_range(entry, parsed))) return out_of_range(entry, text, error);
        if (!item[length]) return NST_OK;
        first = item[length] == ';';
        item += length + 1;
    }
}

/* Counts of bytes may be written as 1.5G, and need not come to whole bytes then. */
static bool parse_number(const nst_option_info *entry, const char *value, double *number)
{
    if (strcmp(entry->unit, "bytes") != 0) return nst_parse_f64(value, number);
    if (!nst_parse_bytes(value, number)) return false;
    *number = floor(*number);
    return true;
}

static int32_t check_number(const nst_option_info *entry, const char *value, char canonical[NST_NUMBER_TEXT], nst_error *error)
{
    double number;
    if (!parse_number(entry, value, &number) || !in_range(entry, number)) return out_of_range(entry, value, error);
    if (entry->type == NST_OPTION_INT && (number != floor(number) || fabs(number) > max_int))
        return out_of_range(entry, value, error);
    nst_format_f64(number == 0 ? 0 : number, canonical); /* JSON knows no -0 */
    if (entry->type == NST_OPTION_INT) { /* 1e+06 is a number but not how people write a count */
        int64_t whole = (int64_t)number;
        char *p = canonical + NST_NUMBER_TEXT - 1;
        bool negative = whole < 0;
        *p = '\0';
        do *--p = (char)('0' + (negative ? -(whole % 10) : whole % 10));
        while ((whole /= 10) != 0);
        if (negative) *--p = '-';
        memmove(canonical, p, strlen(p) + 1);
    }
    return NST_OK;
}

/* Leaves in *canonical what is to be stored: `value` itself or the text in `number`. */
static int32_t check_value(const nst_option_info *entry, const char *value, char number[NST_NUMBER_TEXT], const char **canonical,
                           nst_error *error)
{
    *canonical = value;
    switch (entry->type) {
    case NST_OPTION_INT:
    case NST_OPTION_FLOAT: *canonical = number; return check_number(entry, value, number, error);
    case NST_OPTION_BOOL:
        if (bool_value(value) < 0) return nst_fail(error, NST_ERR_INVALID_ARG, "%s: '%s' is neither true nor false", entry->key, value);
        *canonical = bool_value(value) ? "true" : "false";
        return NST_OK;
    case NST_OPTION_CHOICE:
        if (choice_index(entry->choices, value) >= 0) return NST_OK;
        return nst_fail(error, NST_ERR_INVALID_ARG, "%s: '%s' is not one of %s", entry->key, value, entry->choices);
    default: return check_items(entry, value, error);
    }
}

int32_t nst_option_store(nst_options *options, nst_option_id id, const char *value, nst_error *error)
{
    const nst_option_info *entry = &table[id];
    char number[NST_NUMBER_TEXT], *copy = NULL;
    const char *canonical;
    if (strcmp(value, "auto") != 0 || strcmp(entry->default_text, "auto") != 0) {
        int32_t status = check_value(entry, value, number, &canonical, error);
        if (status < 0) return status;
        copy = nst_strdup(&options->ctx->memory, canonical);
        if (!copy) return nst_fail_nomem(error, "an option");
    }
    nst_free(&options->ctx->memory, options->values[id]);
    options->values[id] = copy;
    return NST_OK;
}
