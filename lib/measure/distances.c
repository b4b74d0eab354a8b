#include "measure/distances.h"

#include <math.h>

/* The picture's moments at a layer: sum of each channel (C), then sum of squares of each (C). */
typedef struct watch {
    size_t layer;
    nst_shape shape;
    double *moments;
} watch;

/* Layers measured in one way through the network. */
typedef struct group {
    const nst_objective_config *config;
    nst_settings settings;
    nst_objective *objective;
    watch watches[NST_MAX_LAYERS];
    size_t watch_count;
    double *moments; /* of all watches */
} group;

/* ---- which layers ---- */

/* Layers `first` to the result - 1 hold no more of the content than there is room for, or just one layer does. */
static size_t end_of_group(const nst_objective_config *config, size_t first)
{
    const nst_layer_choices *content = &config->settings->content;
    nst_loss_tools tools = {config->kernels, config->exec, config->settings->narrow};
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

/* The normalised style loss is the distance itself. */
static void make_group(const nst_objective_config *config, size_t first, size_t end, group *g)
{
    *g = (group){.config = config, .settings = *config->settings};
    g->settings.dialect = NST_DIALECT_NORMALISED;
    g->settings.alpha = g->settings.beta = 1;
    g->settings.tv = 0;
    choose(&config->settings->content, first, end, &g->settings.content);
    choose(&config->settings->style, first, end, &g->settings.style);
}

/* ---- the picture's moments ---- */

static int32_t watch_content(group *g, nst_error *error)
{
    const nst_objective_config *config = g->config;
    size_t values = 0;
    double *at;
    for (size_t i = 0; i < g->settings.content.count; i++) {
        size_t layer = g->settings.content.items[i].layer;
        nst_shape shape = nst_network_shape(config->network, layer, config->width, config->height);
        g->watches[g->watch_count++] = (watch){layer, shape, NULL};
        values += 2 * shape.channels;
    }
    at = g->moments = nst_alloc_zero(&config->targets->ctx->memory, values * sizeof *g->moments);
    if (!at) return nst_fail_nomem(error, "moments of features");
    for (size_t i = 0; i < g->watch_count; at += 2 * g->watches[i++].shape.channels) g->watches[i].moments = at;
    return NST_OK;
}

static const watch *find_watch(const group *g, size_t layer)
{
    for (size_t i = 0; i < g->watch_count; i++)
        if (g->watches[i].layer == layer) return &g->watches[i];
    return NULL;
}

static int32_t add_moments(void *user, size_t layer, const nst_tile *tile, const void *features)
{
    const group *g = user;
    const watch *w = find_watch(g, layer);
    if (w)
        g->config->kernels->moments(g->config->exec, tile->shape, tile->region, features, w->moments, w->moments + w->shape.channels);
    return NST_OK;
}

/* ---- the numbers ---- */

static double sum_of(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* Sum over channels of (sum a)(sum b)/M: what centring takes from an inner product of features. */
static double mean_product(nst_shape shape, const double *a, const double *b)
{
    double sum = 0;
    for (size_t c = 0; c < shape.channels; c++) sum += a[c] * b[c];
    return sum / (double)nst_shape_positions(shape);
}

/* Covariance over the root of both variances, summed over channels. <F,P> comes from |F - P|^2, so that features are read once. */
static double centred_cosine(nst_shape shape, const double *f, const double *p, double squared_difference)
{
    const double rounding = 1e-12; /* of the power; less variance than that is none */
    double power_f = sum_of(f + shape.channels, shape.channels), power_p = sum_of(p + shape.channels, shape.channels);
    double variance_f = power_f - mean_product(shape, f, f), variance_p = power_p - mean_product(shape, p, p);
    double covariance = (power_f + power_p - squared_difference) / 2 - mean_product(shape, f, p);
    if (!(variance_f > rounding * power_f) || !(variance_p > rounding * power_p)) return (double)NAN;
    return covariance / sqrt(variance_f * variance_p);
}

static void read_content(const nst_loss *loss, const watch *w, nst_distance *distance)
{
    const double *of_content = nst_content_moments(loss->target);
    double squared_difference = loss->value / loss->factor, power = sum_of(of_content + w->shape.channels, w->shape.channels);
    distance->content = power > 0 ? squared_difference / power : squared_difference;
    distance->retention = centred_cosine(w->shape, w->moments, of_content, squared_difference);
}

static void read_distances(const group *g, nst_distance *distances)
{
    for (size_t i = 0; i < nst_objective_term_count(g->objective); i++) {
        size_t layer;
        const nst_loss *loss = nst_objective_loss(g->objective, i, &layer);
        if (loss->class == &nst_loss_content) read_content(loss, find_watch(g, layer), &distances[layer]);
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
    config.look_only = true;
    status = nst_objective_new(&config, &g->objective, error);
    if (status < 0) return status;
    status = nst_objective_look(g->objective, picture, add_moments, g, &f);
    if (status < 0) return nst_fail(error, status, "the network's pass: %s", nst_strerror(status));
    if (!isfinite(f))
        return nst_fail(error, NST_ERR_NUMERIC, "non-finite numbers in %s: weights may be too large",
                        nst_objective_trouble(g->objective));
    read_distances(g, distances);
    return NST_OK;
}

static int32_t measure_group(group *g, const nst_real *picture, nst_distance *distances, nst_error *error)
{
    int32_t status = watch_content(g, error);
    if (status >= 0) status = look(g, picture, distances, error);
    nst_objective_free(g->objective);
    nst_free(&g->config->targets->ctx->memory, g->moments);
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
