#include "session/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/number.h"
#include "session/strength.h"

#define DEFAULT_STRENGTH 0.5
#define DEFAULT_DETAIL 0.5 /* docs/quality.md */

/* ---- layer lists ---- */

static int32_t unknown_layer(const nst_weights *weights, const char *key, const char *name, nst_error *error)
{
    nst_layer layers[NST_MAX_LAYERS];
    const char *names[NST_MAX_LAYERS], *nearest;
    char valid[600];
    size_t count = 0, length = 0;
    _Static_assert(sizeof valid > NST_MAX_LAYERS * sizeof layers->name, "every name with a blank before it");
    for (; nst_topology_layer(weights, count, &layers[count]); count++) {
        names[count] = layers[count].name;
        length += (size_t)snprintf(valid + length, sizeof valid - length, " %s", names[count]);
    }
    nearest = nst_nearest(name, names, count);
    return nst_fail(error, NST_ERR_NOT_FOUND, "%s: this model has no layer '%s'%s%s%s has:%s", key, name,
                    nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "? It" : "; it", valid);
}

int32_t nst_settings_find_layer(const nst_weights *weights, const char *key, const char *name, size_t *index, nst_error *error)
{
    nst_layer layer;
    for (*index = 0; nst_topology_layer(weights, *index, &layer); ++*index)
        if (strcmp(layer.name, name) == 0) return NST_OK;
    return unknown_layer(weights, key, name, error);
}

/* The next item of a comma-separated list, without surrounding blanks; false at the end. */
static bool next_item(const char **list, char *item, size_t capacity)
{
    size_t length = strcspn(*list, ",");
    const char *start = *list;
    if (!*start) return false;
    *list += length + (start[length] == ',');
    while (length && *start == ' ') start++, length--;
    while (length && start[length - 1] == ' ') length--;
    if (length >= capacity) length = capacity - 1;
    memcpy(item, start, length);
    item[length] = '\0';
    return true;
}

static int32_t parse_layer(const nst_weights *weights, const char *key, char *item, nst_layer_choice *choice, nst_error *error)
{
    char *colon = strchr(item, ':');
    choice->weight_given = colon != NULL;
    if (colon) {
        *colon = '\0';
        nst_parse_f64(colon + 1, &choice->weight); /* checked when the option was set */
    }
    return nst_settings_find_layer(weights, key, item, &choice->layer, error);
}

static int32_t parse_layers(const nst_options *options, nst_option_id id, const nst_weights *weights, nst_layer_choices *out,
                            nst_error *error)
{
    const char *key = nst_option_entry(id)->key, *list = nst_option_text(options, id);
    char item[64];
    while (next_item(&list, item, sizeof item)) {
        nst_layer_choice choice;
        int32_t status = parse_layer(weights, key, item, &choice, error);
        if (status < 0) return status;
        for (size_t i = 0; i < out->count; i++)
            if (out->items[i].layer == choice.layer)
                return nst_fail(error, NST_ERR_INVALID_ARG, "%s: layer %s is named twice", key, item);
        out->items[out->count++] = choice; /* distinct layers: no more than the model has */
    }
    return NST_OK;
}

bool nst_settings_list_names(const char *list, const char *layer)
{
    char item[64];
    while (next_item(&list, item, sizeof item)) {
        item[strcspn(item, ":")] = '\0';
        if (strcmp(item, layer) == 0) return true;
    }
    return false;
}

/* Also after a change of dialect: weights that were not given follow it. */
static void default_layer_weights(nst_dialect dialect, nst_layer_choices *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        if (!choices->items[i].weight_given) choices->items[i].weight = nst_dialect_layer_weight(dialect, choices->count);
}

static void include_deepest(const nst_layer_choices *choices, size_t *deepest)
{
    for (size_t i = 0; i < choices->count; i++)
        if (choices->items[i].layer > *deepest) *deepest = choices->items[i].layer;
}

static int32_t resolve_layers(const nst_options *options, const nst_weights *weights, bool has_content, size_t style_count,
                              nst_settings *out, nst_error *error)
{
    int32_t status = NST_OK;
    if (has_content) status = parse_layers(options, NST_OPT_CONTENT_LAYERS, weights, &out->content, error);
    if (status >= 0 && style_count > 0) status = parse_layers(options, NST_OPT_STYLE_LAYERS, weights, &out->style, error);
    if (status >= 0 && out->histogram != 0)
        status = parse_layers(options, NST_OPT_HISTOGRAM_LAYERS, weights, &out->histogram_layers, error);
    default_layer_weights(out->dialect, &out->content);
    default_layer_weights(out->dialect, &out->style);
    default_layer_weights(out->dialect, &out->histogram_layers);
    include_deepest(&out->content, &out->deepest);
    include_deepest(&out->style, &out->deepest);
    include_deepest(&out->histogram_layers, &out->deepest);
    return status;
}

/* A pooling has no filters that read another layer. */
static int32_t check_chained(const nst_weights *weights, const nst_settings *settings, nst_error *error)
{
    for (size_t i = 0; i < settings->style.count && settings->statistics == NST_STATISTICS_CHAINED; i++) {
        nst_layer layer;
        nst_topology_layer(weights, settings->style.items[i].layer, &layer);
        if (layer.kind == NST_LAYER_POOL)
            return nst_fail(error, NST_ERR_UNSUPPORTED,
                            "style-statistics: chained compares features with those that their convolution has read, and %s of "
                            "the style's layers is a pooling: name a relu or conv layer", layer.name);
    }
    return NST_OK;
}

/* ---- the rest ---- */

static bool has_layer(const nst_layer_choices *choices, size_t layer)
{
    size_t place = 0;
    while (place < choices->count && choices->items[place].layer != layer) place++;
    return place < choices->count;
}

int32_t nst_settings_check_blend(const nst_settings *settings, const nst_weights *weights, nst_error *error)
{
    for (size_t i = 0; i < settings->blend.count; i++) {
        size_t layer = settings->blend.groups[i].layer, octave = settings->blend.groups[i].octave;
        nst_layer named;
        if (octave != NST_EVERY && octave >= settings->octaves) /* a small picture may have fewer: that is no mistake */
            return nst_fail(error, NST_ERR_INVALID_ARG, "style-weights has a group for /%d, but octaves is %zu", 1 << octave,
                            settings->octaves);
        if (layer == NST_EVERY || has_layer(&settings->style, layer) || has_layer(&settings->histogram_layers, layer)) continue;
        nst_topology_layer(weights, layer, &named);
        return nst_fail(error, NST_ERR_INVALID_ARG, "style-weights has a group for %s, which is not in style-layers", named.name);
    }
    return NST_OK;
}

void nst_settings_mean_blend(const nst_settings *settings, size_t octaves, double weights[NST_MAX_STYLES])
{
    const nst_blend *blend = &settings->blend;
    double places = (double)(settings->style.count * octaves);
    if (blend->count == 1) { /* the very numbers, without the rounding of a mean */
        memcpy(weights, nst_blend_at(blend, NST_EVERY, NST_EVERY), blend->styles * sizeof *weights);
        return;
    }
    for (size_t i = 0; i < blend->styles; i++) {
        weights[i] = 0;
        for (size_t k = 0; k < settings->style.count; k++)
            for (size_t octave = 0; octave < octaves; octave++)
                weights[i] += nst_blend_at(blend, settings->style.items[k].layer, octave)[i] / places;
    }
}

static int32_t resolve_network(const nst_options *options, const nst_weights *weights, nst_network_config *out, nst_error *error)
{
    static const nst_pad_mode pads[] = {[NST_PADDING_ZERO] = NST_PAD_ZERO, [NST_PADDING_REFLECT] = NST_PAD_REFLECT,
                                        [NST_PADDING_REPLICATE] = NST_PAD_REPLICATE};
    int padding = (int)nst_option_number(options, NST_OPT_PADDING); /* choices in the enum's order, auto first */
    int preprocessing = (int)nst_option_number(options, NST_OPT_PREPROCESSING);
    if (padding == NST_PADDING_AUTO) padding = weights->padding == NST_PADDING_AUTO ? NST_PADDING_ZERO : (int)weights->padding;
    if (preprocessing == 0) preprocessing = (int)weights->preprocessing;
    if (preprocessing == NST_PREPROCESSING_UNKNOWN)
        return nst_fail(error, NST_ERR_PREPROCESSING,
                        "it is not known what pixels the weights '%s' expect: set the option preprocessing to torch (RGB, mean and "
                        "deviation) or caffe (BGR 0..255 minus mean)", weights->source);
    out->pack = true;
    out->padding = pads[padding];
    out->preprocessing = (nst_preprocessing)preprocessing;
    out->pooling = (nst_pool_mode)nst_option_number(options, NST_OPT_POOLING);
    out->pooling_rescale = nst_option_number(options, NST_OPT_POOLING_RESCALE) != 0;
    return NST_OK;
}

static void resolve_optimizer(const nst_options *options, nst_optim_config *out)
{
    out->kind = (nst_optimizer_kind)nst_option_number(options, NST_OPT_OPTIMIZER);
    out->history = (int)nst_option_number(options, NST_OPT_HISTORY);
    out->line_search = (nst_line_search)nst_option_number(options, NST_OPT_LINE_SEARCH);
    out->learning_rate = nst_option_number(options, NST_OPT_LEARNING_RATE);
    out->lower = 0;
    out->upper = 1;
}

static bool has_bf16(int level)
{
    return nst_kernels_for(level, NST_PRECISION_BF16) != nst_kernels_for(level, NST_PRECISION_FP32);
}

#define BF16_NOISE 1e-4 /* of a loss, relative (docs/precision.md) */

enum { AUTO, FP32, BF16 }; /* the choices' order */

/* Gradients of a network in 16 bits carry noise far above what rounding the pairs adds, and memory is what it saves. */
static nst_precision history_precision(const nst_options *options, nst_precision precision)
{
    int choice = (int)nst_option_number(options, NST_OPT_HISTORY_PRECISION);
    if (choice == AUTO) return precision;
    return choice == BF16 ? NST_PRECISION_BF16 : NST_PRECISION_FP32;
}

static int32_t resolve_precision(const nst_options *options, int level, nst_precision *out, nst_error *error)
{
    int choice = (int)nst_option_number(options, NST_OPT_PRECISION);
    *out = choice != FP32 && has_bf16(level) ? NST_PRECISION_BF16 : NST_PRECISION_FP32;
    if (choice != BF16 || *out == NST_PRECISION_BF16) return NST_OK;
    return nst_fail(error, NST_ERR_UNSUPPORTED,
                    "precision bf16: the kernels of level %s compute in fp32 alone; precision auto takes what there is",
                    nst_cpu_level_name((nst_cpu_level)level));
}

static double number_or(const nst_options *options, nst_option_id id, double automatic)
{
    double value = nst_option_number(options, id);
    return isnan(value) ? automatic : value;
}

/* From a thirtieth to thirty: at 1/2 a window that nothing of the content explains weighs as much as all of the style. */
static double matting_weight(double photo)
{
    return photo > 0 ? pow(10, 3 * photo - 1.5) : 0;
}

static bool is_given(const nst_options *options, nst_option_id id)
{
    return strcmp(nst_option_text(options, id), "auto") != 0;
}

/* strength chooses alpha, and speaks of the share of content that normalised losses keep. */
static int32_t resolve_strength(const nst_options *options, bool possible, nst_settings *out, nst_error *error)
{
    bool raw = is_given(options, NST_OPT_ALPHA) || is_given(options, NST_OPT_BETA);
    bool normalised = out->dialect == NST_DIALECT_NORMALISED;
    out->strength = possible && normalised && !raw ? number_or(options, NST_OPT_STRENGTH, DEFAULT_STRENGTH) : (double)NAN;
    if (!is_given(options, NST_OPT_STRENGTH) || (normalised && !raw)) return NST_OK;
    if (raw) return nst_fail(error, NST_ERR_INVALID_ARG, "strength chooses alpha and beta by itself: give either it or them");
    return nst_fail(error, NST_ERR_INVALID_ARG, "strength is for the dialect normalised; with %s give alpha and beta",
                    nst_dialect_name(out->dialect));
}

/* After the network: a smoothing weight chosen for features of pixels in 0..255 drowns those of networks that see smaller numbers. */
static void resolve_weights(const nst_options *options, nst_settings *out)
{
    nst_dialect_defaults defaults = nst_dialect_get_defaults(out->dialect);
    out->alpha = isnan(out->strength) ? number_or(options, NST_OPT_ALPHA, defaults.alpha) : nst_strength_first_weight(out->strength);
    out->beta = number_or(options, NST_OPT_BETA, defaults.beta);
    out->tv = number_or(options, NST_OPT_TV, out->network.preprocessing == NST_PREPROCESSING_CAFFE ? defaults.tv : 0);
    out->laplacian = nst_option_number(options, NST_OPT_LAPLACIAN);
    out->laplacian_pool = (size_t)nst_option_number(options, NST_OPT_LAPLACIAN_POOL);
    out->histogram = nst_option_number(options, NST_OPT_HISTOGRAM);
    out->statistics = (nst_statistics)nst_option_number(options, NST_OPT_STYLE_STATISTICS);
    out->style_scale = nst_option_number(options, NST_OPT_STYLE_SCALE);
    out->inside = nst_option_number(options, NST_OPT_GUIDE_MODE) == 1;
    out->colours = (nst_colours)nst_option_number(options, NST_OPT_COLOUR);
    out->octaves = (size_t)number_or(options, NST_OPT_OCTAVES, out->dialect == NST_DIALECT_NORMALISED ? 3 : 1);
}

static void resolve_start(const nst_options *options, bool has_content, bool has_styles, nst_settings *out)
{
    bool normalised = out->dialect == NST_DIALECT_NORMALISED;
    bool matched = normalised && has_styles && out->colours == NST_COLOURS_NONE; /* else the content's colours are wanted */
    out->init = (nst_init)nst_option_number(options, NST_OPT_INIT);
    if (out->init == NST_INIT_AUTO)
        out->init = !has_content ? NST_INIT_NOISE : matched ? NST_INIT_MATCHED : NST_INIT_CONTENT;
    out->finish = (nst_filter_kind)nst_option_number(options, NST_OPT_FINISH); /* the enum's order */
    out->init_noise = nst_option_number(options, NST_OPT_INIT_NOISE);
    out->seed = (uint64_t)nst_option_number(options, NST_OPT_SEED);
    out->detail = number_or(options, NST_OPT_DETAIL,
                            normalised && (out->init == NST_INIT_CONTENT || out->init == NST_INIT_MATCHED) ? DEFAULT_DETAIL : 0);
    if (!has_content) out->detail = 0;
}

/* What enlarges hangs on options that plan anew alone: a live one must not change the size of a scale at work. `stylises`: there are
 * content and style; a reconstruction shall not get back what the network has lost. */
static void resolve_schedule(const nst_options *options, bool stylises, nst_settings *out)
{
    bool normalised = out->dialect == NST_DIALECT_NORMALISED;
    out->preset = (nst_preset)nst_option_number(options, NST_OPT_PRESET);
    out->size = (size_t)nst_option_number(options, NST_OPT_SIZE);
    out->scales = (size_t)number_or(options, NST_OPT_SCALES, normalised ? 0 : 1);
    out->by_preset = normalised && !is_given(options, NST_OPT_ITERATIONS);
    out->iterations = (uint32_t)number_or(options, NST_OPT_ITERATIONS, 500);
    out->enlarge = (size_t)number_or(options, NST_OPT_ENLARGE, stylises && normalised && out->preset == NST_PRESET_DRAFT ? 0 : 1);
    out->tolerance = nst_option_number(options, NST_OPT_TOLERANCE);
    out->memory_limit = (size_t)nst_option_number(options, NST_OPT_MEMORY_LIMIT);
}

/* The order of the choices: auto, none, pyramid. A pyramid hurts where the losses are not normalised (docs/optimisers.md). */
static void resolve_preconditioner(const nst_options *options, nst_settings *out)
{
    int choice = (int)nst_option_number(options, NST_OPT_PRECONDITIONER);
    out->pyramid = out->optim.kind == NST_OPTIMIZER_LBFGS && (choice == 2 || (choice == 0 && out->dialect == NST_DIALECT_NORMALISED));
}

static int32_t resolve_shape(const nst_options *options, bool has_content, nst_settings *out, nst_error *error)
{
    out->width = (size_t)nst_option_number(options, NST_OPT_WIDTH);
    out->height = (size_t)nst_option_number(options, NST_OPT_HEIGHT);
    if (out->width == 0 && out->height == 0) return NST_OK;
    if (has_content)
        return nst_fail(error, NST_ERR_INVALID_ARG, "width and height are for pictures without a content image; with one, its shape and "
                        "size give them");
    if (out->width == 0 || out->height == 0)
        return nst_fail(error, NST_ERR_INVALID_ARG, "width and height go together: %s is not given", out->width ? "height" : "width");
    out->size = out->width > out->height ? out->width : out->height;
    return NST_OK;
}

static void note_automatic(bool has_content, size_t style_count, nst_settings *out)
{
    if (isnan(out->strength)) {
        if (has_content) nst_format_f64(out->alpha, out->alpha_text);
        nst_format_f64(out->beta, out->beta_text);
    } else nst_format_f64(out->strength, out->strength_text);
    if (has_content) nst_format_f64(out->detail, out->detail_text);
    snprintf(out->octaves_text, sizeof out->octaves_text, "%zu", out->octaves);
    nst_format_f64(out->tv, out->tv_text);
    for (size_t i = 0; i < style_count && i < NST_MAX_STYLES; i++) memcpy(out->style_weights_text + 2 * i, ",1", 2);
}

void nst_settings_add_previous(const nst_options *options, nst_settings *settings)
{
    settings->temporal = number_or(options, NST_OPT_TEMPORAL, nst_dialect_get_defaults(settings->dialect).temporal);
    settings->from_previous = nst_option_number(options, NST_OPT_INIT) == NST_INIT_AUTO;
    nst_format_f64(settings->temporal, settings->temporal_text);
}

const char *nst_settings_automatic(const nst_settings *settings, nst_option_id id)
{
    static const char *const paddings[] = {[NST_PAD_ZERO] = "zero", [NST_PAD_REFLECT] = "reflect", [NST_PAD_REPLICATE] = "replicate"};
    static const char *const preprocessings[] = {
        [NST_PREPROCESSING_TORCH] = "torch", [NST_PREPROCESSING_CAFFE] = "caffe", [NST_PREPROCESSING_UNIT] = "unit"};
    static const char *const inits[] = {[NST_INIT_AUTO] = "auto", [NST_INIT_CONTENT] = "content", [NST_INIT_NOISE] = "noise",
                                        [NST_INIT_GRAY] = "gray", [NST_INIT_STYLE] = "style", [NST_INIT_IMAGE] = "image",
                                        [NST_INIT_MATCHED] = "matched"};
    switch (id) {
    case NST_OPT_STRENGTH: return settings->strength_text[0] ? settings->strength_text : "auto";
    case NST_OPT_ALPHA: return settings->alpha_text[0] ? settings->alpha_text : "auto";
    case NST_OPT_BETA: return settings->beta_text[0] ? settings->beta_text : "auto";
    case NST_OPT_TV: return settings->tv_text;
    case NST_OPT_TEMPORAL: return settings->temporal_text[0] ? settings->temporal_text : "auto";
    case NST_OPT_OCTAVES: return settings->octaves_text;
    case NST_OPT_INIT: return inits[settings->init];
    case NST_OPT_DETAIL: return settings->detail_text[0] ? settings->detail_text : "auto";
    case NST_OPT_PRECONDITIONER: return settings->pyramid ? "pyramid" : "none";
    case NST_OPT_STYLE_WEIGHTS: return settings->style_weights_text[0] ? settings->style_weights_text + 1 : "auto";
    case NST_OPT_PADDING: return paddings[settings->network.padding];
    case NST_OPT_PREPROCESSING: return preprocessings[settings->network.preprocessing];
    case NST_OPT_HISTORY_PRECISION: return settings->optim.history_precision == NST_PRECISION_BF16 ? "bf16" : "fp32";
    case NST_OPT_PRECISION: return settings->precision == NST_PRECISION_BF16 ? "bf16" : "fp32";
    default: return "auto";
    }
}

bool nst_settings_needs_content(const nst_options *options, nst_option_id id)
{
    static const nst_option_id ids[] = {NST_OPT_STRENGTH, NST_OPT_ALPHA, NST_OPT_CONTENT_LAYERS, NST_OPT_LAPLACIAN, NST_OPT_LAPLACIAN_POOL,
                                        NST_OPT_PHOTO, NST_OPT_DETAIL, NST_OPT_FINISH};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i] == id) return strcmp(nst_option_text(options, id), nst_option_entry(id)->default_text) != 0;
    return false;
}

int32_t nst_settings_resolve(const nst_options *options, const nst_model *model, bool has_content, size_t style_count,
                             nst_settings *out, nst_error *error)
{
    int32_t status;
    memset(out, 0, sizeof *out);
    resolve_optimizer(options, &out->optim);
    status = resolve_network(options, &model->weights, &out->network, error);
    if (status >= 0) status = resolve_precision(options, (int)model->ctx->level, &out->precision, error);
    out->optim.noise = out->precision == NST_PRECISION_BF16 ? BF16_NOISE : 0;
    out->optim.history_precision = history_precision(options, out->precision);
    /* where products are fast, moving features is what costs; elsewhere bands cost some percent (docs/memory.md) */
    out->fronts = out->precision == NST_PRECISION_BF16 ? NST_MOST_FRONTS : 0;
    if (status < 0) return status;
    out->dialect = (nst_dialect)nst_option_number(options, NST_OPT_DIALECT);
    status = resolve_strength(options, has_content && style_count > 0, out, error);
    resolve_weights(options, out);
    resolve_start(options, has_content, style_count > 0, out);
    resolve_schedule(options, has_content && style_count > 0, out);
    resolve_preconditioner(options, out);
    if (!has_content) out->laplacian = 0;
    if (style_count == 0) out->histogram = 0;
    if (has_content) out->matting = matting_weight(nst_option_number(options, NST_OPT_PHOTO));
    out->photo = out->matting > 0 && out->dialect == NST_DIALECT_NORMALISED ? nst_option_number(options, NST_OPT_PHOTO) : 0;
    if (status >= 0) status = resolve_layers(options, &model->weights, has_content, style_count, out, error);
    if (status >= 0) status = check_chained(&model->weights, out, error);
    if (status >= 0) status = resolve_shape(options, has_content, out, error);
    if (status >= 0 && out->enlarge > 1 && !has_content)
        status = nst_fail(error, NST_ERR_INVALID_ARG, "enlarge is %zu, but there is no content image whose detail it could take",
                          out->enlarge);
    if (status >= 0 && out->colours != NST_COLOURS_NONE && !has_content)
        status = nst_fail(error, NST_ERR_INVALID_ARG, "colour is %s, but there is no content image whose colours it could be",
                          nst_option_text(options, NST_OPT_COLOUR));
    if (status >= 0)
        status = nst_blend_resolve(nst_option_text(options, NST_OPT_STYLE_WEIGHTS), &model->weights, style_count, &out->blend, error);
    if (status >= 0) note_automatic(has_content, style_count, out);
    return status;
}
