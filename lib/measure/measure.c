#include "measure/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/abi.h"
#include "measure/distances.h"
#include "measure/octaves.h"
#include "measure/similarity.h"
#include "measure/structure.h"
#include "session/picture.h"
#include "session/schedule.h"

/* Style layers that the default objective and that of Gatys et al. leave out, beside those that they take. */
static const char *const held_out[] = {"relu1_2", "relu2_2", "relu3_4", "relu4_3"};
static const char retention_layer[] = "relu4_2", similarity_layer[] = "relu4_1";

/* What is measured, with what. */
typedef struct job {
    nst_targets *targets;
    nst_image *picture;
    nst_options *options; /* the caller's, with every layer in both lists */
    nst_settings settings;
    nst_network *network;
    nst_error *error;
} job;

/* ---- which layers, with what settings ---- */

static void style_extent(const job *j, size_t style, nst_extent *extent)
{
    nst_schedule_style_size(j->targets->styles[style], nst_option_number(j->options, NST_OPT_STYLE_SCALE), j->picture->width,
                            j->picture->height, &extent->width, &extent->height);
}

static bool fits(nst_extent extent, const nst_layer *layer)
{
    return extent.width >> layer->pools > 0 && extent.height >> layer->pools > 0;
}

/* Every ReLU that has a position in an image of that extent, as a list for an option. */
static int32_t store_relus(const job *j, nst_option_id id, nst_extent extent)
{
    char list[NST_MAX_CONVS * sizeof ((nst_layer *)0)->name] = "";
    nst_layer layer;
    size_t length = 0;
    for (size_t i = 0; nst_topology_layer(&j->targets->model->weights, i, &layer); i++)
        if (layer.kind == NST_LAYER_RELU && fits(extent, &layer))
            length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", length ? "," : "", layer.name);
    return nst_option_store(j->options, id, list, j->error);
}

/* A layer must fit the picture and each of the style images. */
static int32_t choose_layers(const job *j)
{
    nst_extent extent = {j->picture->width, j->picture->height};
    int32_t status = store_relus(j, NST_OPT_CONTENT_LAYERS, extent);
    for (uint32_t i = 0; i < j->targets->style_count && status >= 0; i++) {
        nst_extent style;
        style_extent(j, i, &style);
        status = nst_image_check_size(j->targets->ctx, style.width, style.height, j->error);
        if (style.width < extent.width) extent.width = style.width;
        if (style.height < extent.height) extent.height = style.height;
    }
    return status < 0 ? status : store_relus(j, NST_OPT_STYLE_LAYERS, extent);
}

/* Images are what they are, and the picture has the size that it has. */
static int32_t ignore_options(const job *j)
{
    static const nst_option_id ids[] = {NST_OPT_COLOUR, NST_OPT_WIDTH, NST_OPT_HEIGHT, NST_OPT_ENLARGE};
    int32_t status = NST_OK;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0] && status >= 0; i++)
        status = nst_option_store(j->options, ids[i], nst_option_entry(ids[i])->default_text, j->error);
    return status;
}

static int32_t choose_settings(job *j, const nst_options *given)
{
    int32_t status = given ? nst_options_copy(given, &j->options) : nst_options_new(j->targets->ctx, &j->options);
    if (status < 0) return nst_fail_nomem(j->error, "options");
    if (strcmp(nst_option_text(j->options, NST_OPT_PRECISION), "auto") == 0)
        status = nst_option_store(j->options, NST_OPT_PRECISION, "fp32", j->error); /* the same judge on every processor */
    if (status >= 0) status = ignore_options(j);
    if (status >= 0) status = choose_layers(j);
    if (status < 0) return status;
    return nst_settings_resolve(j->options, j->targets->model, j->targets->content != NULL, j->targets->style_count, &j->settings,
                                j->error);
}

/* (3, height, width): a new block. */
static int32_t new_picture(const job *j, const nst_image *image, nst_extent extent, nst_real **picture)
{
    *picture = nst_alloc(&j->targets->ctx->memory, nst_picture_bytes(extent.width, extent.height));
    if (!*picture) return nst_fail_nomem(j->error, "a picture");
    return nst_picture_from_image(image, extent.width, extent.height, *picture, j->error);
}

/* ---- features ---- */

static bool is_held_out(const nst_measure_layer *layer)
{
    for (size_t i = 0; i < sizeof held_out / sizeof held_out[0]; i++)
        if (strcmp(layer->layer, held_out[i]) == 0) return !layer->style_in_objective;
    return false;
}

static void summarise(nst_measure_summary *summary, const nst_measure_layer *layer)
{
    if (is_held_out(layer) && !isnan(layer->style)) {
        summary->held_out_style += layer->style;
        summary->held_out++;
    }
    if (strcmp(layer->layer, retention_layer) == 0) summary->retention = layer->retention;
}

static const char *objective_layers(const nst_options *given, nst_option_id id)
{
    return given ? nst_option_text(given, id) : nst_option_entry(id)->default_text;
}

/* `given`: the caller's options, which say what is held out. */
static void list_layers(nst_measure *measure, const job *j, const nst_options *given, const nst_distance *distances)
{
    nst_measure_summary *summary = &measure->summary;
    nst_extent extent = {j->picture->width, j->picture->height};
    summary->held_out_style = 0;
    for (size_t i = 0; i < j->network->layer_count; i++) {
        const nst_layer *layer = &j->network->layers[i];
        nst_measure_layer *to = &measure->layers[summary->layers];
        if (layer->kind != NST_LAYER_RELU || !fits(extent, layer)) continue;
        NST_INIT(*to);
        memcpy(to->layer, layer->name, sizeof to->layer);
        to->content_in_objective = nst_settings_list_names(objective_layers(given, NST_OPT_CONTENT_LAYERS), layer->name);
        to->style_in_objective = nst_settings_list_names(objective_layers(given, NST_OPT_STYLE_LAYERS), layer->name);
        to->content = distances[i].content;
        to->style = distances[i].style;
        to->retention = distances[i].retention;
        summarise(summary, to);
        summary->layers++;
    }
    summary->held_out_style = summary->held_out ? summary->held_out_style / summary->held_out : (double)NAN;
}

/* The layers in the mean of held_out_style, as those of an objective. */
static void choose_held_out(const nst_measure *measure, const job *j, nst_layer_choices *choices)
{
    choices->count = 0;
    for (size_t i = 0; i < j->network->layer_count; i++)
        for (uint32_t k = 0; k < measure->summary.layers; k++) {
            const nst_measure_layer *layer = &measure->layers[k];
            if (strcmp(layer->layer, j->network->layers[i].name) == 0 && is_held_out(layer) && !isnan(layer->style))
                choices->items[choices->count++] = (nst_layer_choice){i, 1, true};
        }
}

static int32_t measure_octaves(nst_measure *measure, const job *j, const nst_objective_config *of_all)
{
    nst_objective_config config = *of_all;
    nst_settings settings = j->settings;
    double distances[NST_OCTAVES];
    int32_t status;
    config.settings = &settings;
    choose_held_out(measure, j, &settings.style);
    status = nst_octaves_measure(&config, j->picture, distances, j->error);
    measure->summary.held_out_style_half = distances[0];
    measure->summary.held_out_style_quarter = distances[1];
    return status;
}

static int32_t measure_similarity(nst_measure *measure, const job *j, const nst_objective_config *config, const nst_real *picture)
{
    nst_extent extent = {j->picture->width, j->picture->height};
    size_t layer = 0;
    nst_real *content;
    int32_t status;
    while (layer < j->network->layer_count && strcmp(j->network->layers[layer].name, similarity_layer) != 0) layer++;
    if (!j->targets->content || layer == j->network->layer_count || !fits(extent, &j->network->layers[layer])) return NST_OK;
    status = new_picture(j, j->targets->content, extent, &content);
    if (status >= 0)
        status = nst_similarity_measure(config, layer, picture, content, &measure->summary.self_similarity, j->error);
    nst_free(&measure->ctx->memory, content);
    return status;
}

static int32_t measure_features(nst_measure *measure, job *j, const nst_options *given, const nst_real *picture)
{
    const nst_kernels *kernels = nst_kernels_for((int)measure->ctx->level, j->settings.precision);
    nst_exec exec = nst_network_exec(measure->ctx);
    nst_distance distances[NST_MAX_LAYERS];
    int32_t status = nst_network_new(measure->ctx, j->targets->model, &j->settings.network, j->settings.deepest, kernels, &exec,
                                     &j->network, j->error);
    nst_objective_config config = {.targets = j->targets, .settings = &j->settings, .network = j->network, .kernels = kernels,
                                   .exec = &exec, .width = j->picture->width, .height = j->picture->height,
                                   .room = NST_DISTANCES_ROOM};
    if (status >= 0) status = nst_distances_measure(&config, picture, distances, j->error);
    if (status < 0) return status;
    list_layers(measure, j, given, distances);
    snprintf(measure->summary.precision, sizeof measure->summary.precision, "%s",
             nst_settings_automatic(&j->settings, NST_OPT_PRECISION));
    status = measure_octaves(measure, j, &config);
    return status < 0 ? status : measure_similarity(measure, j, &config, picture);
}

/* ---- structure ---- */

static int32_t new_plane(const job *j, size_t width, size_t height, nst_plane *plane)
{
    *plane = (nst_plane){width, height, nst_alloc_array(&j->targets->ctx->memory, width * height, sizeof *plane->values)};
    return plane->values ? NST_OK : nst_fail_nomem(j->error, "a plane of luma");
}

static void free_plane(const job *j, nst_plane *plane)
{
    nst_free(&j->targets->ctx->memory, plane->values);
    plane->values = NULL;
}

static int32_t luma_of_image(const job *j, const nst_image *image, nst_extent extent, nst_plane *luma)
{
    nst_real *picture;
    int32_t status = new_picture(j, image, extent, &picture);
    *luma = (nst_plane){0, 0, NULL};
    if (status >= 0) status = new_plane(j, extent.width, extent.height, luma);
    if (status >= 0) nst_plane_luma(picture, luma);
    nst_free(&j->targets->ctx->memory, picture);
    return status;
}

static int32_t new_scratch(const job *j, size_t width, double **scratch)
{
    *scratch = nst_alloc_array(&j->targets->ctx->memory, nst_structure_scratch(width), sizeof **scratch);
    return *scratch ? NST_OK : nst_fail_nomem(j->error, "measures of structure");
}

static int32_t measure_high_frequency(const job *j, const nst_plane *luma, double *share)
{
    double *scratch;
    int32_t status = new_scratch(j, luma->width, &scratch);
    if (status >= 0) *share = nst_structure_high_frequency(luma, scratch);
    nst_free(&j->targets->ctx->memory, scratch);
    return status;
}

static int32_t compare_edges(const job *j, const nst_plane *a, const nst_plane *b, double *scratch, nst_measure_summary *summary)
{
    nst_plane edges_a = {0, 0, NULL}, edges_b = {0, 0, NULL};
    int32_t status;
    if (a->width < 3 || a->height < 3) return NST_OK;
    status = new_plane(j, a->width - 2, a->height - 2, &edges_a);
    if (status >= 0) status = new_plane(j, a->width - 2, a->height - 2, &edges_b);
    if (status >= 0) {
        nst_plane_edges(a, &edges_a);
        nst_plane_edges(b, &edges_b);
        summary->edge_ssim = nst_structure_ssim(&edges_a, &edges_b, scratch);
        summary->edge_correlation = nst_structure_correlation(&edges_a, &edges_b);
    }
    free_plane(j, &edges_a);
    free_plane(j, &edges_b);
    return status;
}

static int32_t compare_with_content(const job *j, const nst_plane *luma, nst_measure_summary *summary)
{
    nst_plane content;
    double *scratch = NULL;
    int32_t status = luma_of_image(j, j->targets->content, (nst_extent){luma->width, luma->height}, &content);
    if (status >= 0) status = measure_high_frequency(j, &content, &summary->high_frequency_content);
    if (status >= 0) status = new_scratch(j, luma->width, &scratch);
    if (status >= 0) {
        summary->ssim = nst_structure_ssim(luma, &content, scratch);
        status = compare_edges(j, luma, &content, scratch, summary);
    }
    nst_free(&j->targets->ctx->memory, scratch);
    free_plane(j, &content);
    return status;
}

static int32_t look_at_styles(const job *j, nst_measure_summary *summary)
{
    int32_t status = NST_OK;
    for (uint32_t i = 0; i < j->targets->style_count && status >= 0; i++) {
        nst_plane luma;
        nst_extent extent;
        double share = (double)NAN;
        style_extent(j, i, &extent);
        status = luma_of_image(j, j->targets->styles[i], extent, &luma);
        if (status >= 0) status = measure_high_frequency(j, &luma, &share);
        if (!(share <= summary->high_frequency_style) && !isnan(share)) summary->high_frequency_style = share;
        free_plane(j, &luma);
    }
    return status;
}

static int32_t measure_structure(const job *j, const nst_real *picture, nst_measure_summary *summary)
{
    nst_plane luma;
    int32_t status = new_plane(j, j->picture->width, j->picture->height, &luma);
    if (status >= 0) {
        nst_plane_luma(picture, &luma);
        status = measure_high_frequency(j, &luma, &summary->high_frequency);
    }
    if (status >= 0 && j->targets->content) status = compare_with_content(j, &luma, summary);
    free_plane(j, &luma);
    return status < 0 ? status : look_at_styles(j, summary);
}

/* ---- all of it ---- */

/* Where both are negative nothing is kept either. */
static double erosion_of(const nst_measure_summary *summary)
{
    if (isnan(summary->edge_correlation) || isnan(summary->retention)) return (double)NAN;
    return 1 - fmax(summary->edge_correlation, 0) * fmax(summary->retention, 0);
}

static int32_t measure_picture(nst_measure *measure, job *j, const nst_options *given)
{
    nst_extent extent = {j->picture->width, j->picture->height};
    nst_real *picture = NULL;
    int32_t status = choose_settings(j, given);
    if (status >= 0) status = new_picture(j, j->picture, extent, &picture);
    if (status >= 0) status = measure_features(measure, j, given, picture);
    if (status >= 0) status = measure_structure(j, picture, &measure->summary);
    if (status >= 0) measure->summary.erosion = erosion_of(&measure->summary);
    nst_free(&measure->ctx->memory, picture);
    return status;
}

static void nothing_yet(nst_measure_summary *summary, const nst_image *picture)
{
    double nothing = (double)NAN;
    NST_INIT(*summary);
    summary->width = picture->width;
    summary->height = picture->height;
    summary->held_out_style = summary->held_out_style_half = summary->held_out_style_quarter = nothing;
    summary->retention = summary->self_similarity = summary->erosion = nothing;
    summary->ssim = summary->edge_ssim = summary->edge_correlation = nothing;
    summary->high_frequency = summary->high_frequency_content = summary->high_frequency_style = nothing;
}

int32_t nst_measure_create(nst_targets *targets, nst_image *picture, const nst_options *options, nst_measure **out,
                           nst_error *error)
{
    nst_measure *measure = nst_alloc_zero(&targets->ctx->memory, sizeof *measure);
    job j = {.targets = targets, .picture = picture, .error = error};
    int32_t status;
    if (!measure) return nst_fail_nomem(error, "a measure");
    measure->ctx = nst_ctx_ref(targets->ctx);
    nothing_yet(&measure->summary, picture);
    status = measure_picture(measure, &j, options);
    nst_network_free(j.network);
    nst_options_free(j.options);
    if (status < 0) nst_measure_destroy(measure);
    else *out = measure;
    return status;
}

void nst_measure_destroy(nst_measure *measure)
{
    nst_ctx *ctx;
    if (!measure) return;
    ctx = measure->ctx;
    nst_free(&ctx->memory, measure);
    nst_ctx_unref(ctx);
}
