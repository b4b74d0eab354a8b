#include "measure/distances.h"

#include <math.h>

/* Layers measured in one way through the network. */
typedef struct group {
    const nst_objective_config *config;
    nst_settings settings;
    nst_objective *objective;
} group;

/* ---- which layers ---- */

/* Layers `first` to the result - 1 hold no more of the content than there is room for, or just one layer does. */
static size_t end_of_group(const nst_objective_config *config, size_t first)
{
    const nst_layer_choices *content = &config->settings->content;
    nst_loss_tools tools = {.kernels = config->kernels, .exec = config->exec, .narrow = config->settings->narrow};
    size_t held = 0;
    for (size_t i = 0; i < content->count; i++) {
        size_t layer = content->items[i].layer, bytes;
        if (layer < first) continue;
        bytes = nst_loss_content.target_bytes(&tools, nst_network_shape(config->network, layer, config->width, config->height));
        if (held > 0 && (bytes > config->room || held > config->room - bytes)) return layer;
        held += bytes;
    }
    return config->network->layer_count;
}

static void choose(const nst_layer_choices *from, size_t first, size_t end, nst_layer_choices *to)
{
    to->count = 0;
    for (size_t i = 0; i < from->count; i++)
        if (from->items[i].layer >= first && from->items[i].layer < end)
            to->items[to->count++] = (nst_layer_choice){from->items[i].layer, 1, true};
}

/* The normalised style loss on Gram matrices is the distance itself. */
static void make_group(const nst_objective_config *config, size_t first, size_t end, group *g)
{
    *g = (group){.config = config, .settings = *config->settings};
    g->settings.dialect = NST_DIALECT_NORMALISED;
    g->settings.alpha = g->settings.beta = 1;
    g->settings.tv = g->settings.laplacian = g->settings.histogram = 0;
    g->settings.statistics = NST_STATISTICS_GRAM;
    choose(&config->settings->content, first, end, &g->settings.content);
    choose(&config->settings->style, first, end, &g->settings.style);
}

/* ---- the numbers ---- */

static void read_content(const nst_loss *loss, nst_distance *distance)
{
    double squared_difference = loss->value / loss->factor, power = nst_content_power(loss->target);
    distance->content = power > 0 ? squared_difference / power : squared_difference;
    distance->retention = nst_content_retention(loss);
}

static void read_distances(const group *g, nst_distance *distances)
{
    for (size_t i = 0; i < nst_objective_term_count(g->objective); i++) {
        size_t layer;
        const nst_loss *loss = nst_objective_loss(g->objective, i, &layer);
        if (loss->class == &nst_loss_content) read_content(loss, &distances[layer]);
        if (loss->class == &nst_loss_gram) distances[layer].style = loss->value;
    }
}

/* ---- measuring ---- */

static int32_t look(group *g, const nst_real *picture, nst_distance *distances, nst_error *error)
{
    nst_objective_config config = *g->config;
    double f;
    int32_t status;
    config.settings = &g->settings;
    config.octaves = 1;
    config.look_only = true;
    status = nst_objective_new(&config, &g->objective, error);
    if (status < 0) return status;
    status = nst_objective_look(g->objective, picture, &f);
    if (status < 0) return nst_fail(error, status, "the network's pass: %s", nst_strerror(status));
    if (!isfinite(f))
        return nst_fail(error, NST_ERR_NUMERIC, "non-finite numbers in %s: weights may be too large",
                        nst_objective_trouble(g->objective));
    read_distances(g, distances);
    return NST_OK;
}

static int32_t measure_group(group *g, const nst_real *picture, nst_distance *distances, nst_error *error)
{
    int32_t status = look(g, picture, distances, error);
    nst_objective_free(g->objective);
    return status;
}

int32_t nst_distances_measure(const nst_objective_config *config, const nst_real *picture, nst_distance *distances, nst_error *error)
{
    int32_t status = NST_OK;
    for (size_t i = 0; i < config->network->layer_count; i++)
        distances[i] = (nst_distance){(double)NAN, (double)NAN, (double)NAN};
    for (size_t first = 0, end; first < config->network->layer_count && status >= 0; first = end) {
        group g;
        end = end_of_group(config, first);
        make_group(config, first, end, &g);
        status = measure_group(&g, picture, distances, error);
    }
    return status;
}
