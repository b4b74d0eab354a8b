/* Histogram loss on styles, beside the one on Gram matrices (Risser, Wilmot, Barnes 2017): each channel of the picture's features is held
 * against itself with the style's histogram,
 *
 *     sum over channels of the mean of (F - R(F))^2        and its gradient  2 / M (F - R(F))
 *
 * R, the histogram match, is held constant in the gradient. With the exact match the value is the squared Wasserstein distance of the two
 * distributions, and that is no approximation: of all matches R is the nearest one, so that to first order a change of it is nothing.
 *
 * Features are looked at once, and come in bins that know no range beforehand (kernels/bins.h). Of a bin b of the picture, a share n of
 * all positions with mean m and variance v, the style's features that stand at the same place in the order, quantiles from u to u + n,
 * have a mean t: whole bins of the style with their sums, parts of one as if it were even on both sides of its mean. In the bin
 *
 *     R(o) = t + s (o - m),     sum of n (m - t)^2 + (1 - s)^2 n v     is the value, without looking again
 *
 * s is the largest slope that keeps R within the style's quantiles u and u + n from the bin's begin to its end. So R never falls, its mean
 * is the style's, an atom, as the zeros of a ReLU are, goes to the mean of what stands in its place, and a picture with the style's bins
 * has R(o) = o and no loss at all. */
#include <math.h>
#include <string.h>

#include "loss/moments.h"

/* Of all positions: no feature has so small a share, sums of shares differ by less. */
static const double sliver = 1e-12;

/* A target: bins (C, NST_BINS), divided by the number of positions. */
static size_t bin_count(nst_shape shape)
{
    return shape.channels * NST_BINS;
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return bin_count(shape) * sizeof(nst_bin);
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    (void)shape;
    (void)workspace;
    tools->kernels->histogram(tools->exec, tile->shape, tile->region, features, target);
}

static size_t value_count(nst_shape shape)
{
    return bin_count(shape) * sizeof(nst_bin) / sizeof(double);
}

static void target_finish(nst_shape shape, void *target)
{
    nst_values_divide(value_count(shape), (double)nst_shape_positions(shape), target);
}

static void target_blend(nst_shape shape, double weight, const void *from, void *to)
{
    nst_values_add(value_count(shape), weight, from, to);
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const nst_bin *bins = target;
    double power = 0;
    for (size_t i = 0; i < bin_count(shape); i++) power += bins[i].squares;
    return nst_first_factor(dialect, shape, power);
}

/* ---- a channel's match ---- */

/* Where the values of a bin lie. Zeros are zeros; the outermost bins have no end: where their mean is beyond, as much lies there. */
typedef struct span {
    double low, mean, high;
} span;

static span span_of(const nst_bin *bin, const double *edge)
{
    double mean = bin->sum / bin->count;
    if (bin->squares == 0) return (span){0, 0, 0};
    if (mean > edge[1]) return (span){edge[0], mean, 2 * mean - edge[0]};
    if (mean < edge[0]) return (span){2 * mean - edge[1], mean, edge[1]};
    return (span){edge[0], mean, edge[1]};
}

/* The value that a share v of a bin lies under, when as much is even below its mean as above it, and the mean is what it is. */
static double quantile(const span *s, double v)
{
    double below = s->high > s->low ? (s->high - s->mean) / (s->high - s->low) : 1;
    if (v < below) return s->low + (s->mean - s->low) * v / below;
    return below < 1 ? s->mean + (s->high - s->mean) * (v - below) / (1 - below) : s->mean;
}

/* Integral of quantile() from v to w. */
static double quantile_sum(const span *s, double v, double w)
{
    double below = s->high > s->low ? (s->high - s->mean) / (s->high - s->low) : 1;
    if (w <= below || v >= below) return (w - v) * (quantile(s, v) + quantile(s, w)) / 2;
    return ((below - v) * (quantile(s, v) + s->mean) + (w - below) * (s->mean + quantile(s, w))) / 2;
}

/* On the way through the style's bins of a channel, the smallest values first. */
typedef struct passage {
    const nst_bin *bins;
    const double *edges;
    size_t bin;   /* NST_BINS: past the last */
    double left;  /* of the bin, a share of all positions */
    double value; /* that was reached */
} passage;

/* On to the next that has anything. */
static void enter_bin(passage *p, size_t bin)
{
    while (bin < NST_BINS && !(p->bins[bin].count > sliver)) bin++;
    p->bin = bin;
    p->left = bin < NST_BINS ? p->bins[bin].count : 0;
}

/* How much of the bin has been passed, 0 to 1. */
static double passed(const passage *p)
{
    return 1 - p->left / p->bins[p->bin].count;
}

/* The value from here on: a gap between bins is behind. */
static double begin_value(const passage *p)
{
    span s;
    if (p->bin == NST_BINS) return p->value;
    s = span_of(&p->bins[p->bin], p->edges + p->bin);
    return quantile(&s, passed(p));
}

/* Goes on by up to `share` in the bin; returns by how much, and the sum of the values there. */
static double pass_in_bin(passage *p, double share, double *sum)
{
    const nst_bin *bin = &p->bins[p->bin];
    span s = span_of(bin, p->edges + p->bin);
    double from = passed(p), part = share < p->left ? share : p->left;
    bool whole = part == bin->count;
    p->left -= part;
    *sum += whole ? bin->sum : bin->count * quantile_sum(&s, from, passed(p));
    p->value = quantile(&s, passed(p));
    if (p->left <= sliver) enter_bin(p, p->bin + 1);
    return part;
}

/* Goes on by `share`; returns the mean of the values there. */
static double pass_share(passage *p, double share)
{
    double left = share, sum = 0;
    while (left > sliver && p->bin < NST_BINS) left -= pass_in_bin(p, left, &sum);
    return share - left > sliver ? sum / (share - left) : p->value;
}

/* The largest that keeps a line through (mean, t) between `first` at the bin's begin and `last` at its end. */
static double slope_between(const span *s, double t, double first, double last)
{
    double above = s->high > s->mean ? (last - t) / (s->high - s->mean) : (double)INFINITY;
    double below = s->mean > s->low ? (t - first) / (s->mean - s->low) : (double)INFINITY;
    double slope = fmin(above, below);
    return slope > 0 && slope < (double)INFINITY ? slope : 0;
}

/* In place of the sum and the squares of a bin come the constant and the slope of the derivative. Returns the bin's part of the value. */
static double match_bin(passage *p, const double *edge, nst_bin *bin)
{
    span s = span_of(bin, edge);
    double first = begin_value(p), t = pass_share(p, bin->count), rest = 1 - slope_between(&s, t, first, p->value);
    double variance = fmax(bin->squares - bin->sum * s.mean, 0), distance = s.mean - t;
    *bin = (nst_bin){bin->count, 2 * (distance - rest * s.mean), 2 * rest};
    return bin->count * distance * distance + rest * rest * variance;
}

typedef struct match_task {
    double edges[NST_BINS + 1];
    nst_bin *own;
    const nst_bin *wanted;
    double *sums; /* of channels */
} match_task;

static void match_channel(void *data, uint32_t channel)
{
    const match_task *task = data;
    nst_bin *own = task->own + (size_t)channel * NST_BINS;
    passage p = {.bins = task->wanted + (size_t)channel * NST_BINS, .edges = task->edges};
    double sum = 0;
    enter_bin(&p, 0);
    for (size_t bin = 0; bin < NST_BINS; bin++)
        if (own[bin].count != 0) sum += match_bin(&p, task->edges + bin, &own[bin]);
    task->sums[channel] = sum;
}

/* ---- the picture ---- */

/* State: bins as in a target; after finish() their shares, and the derivative in each. Then the channels' sums, and the derivative as the
 * kernels want it. */
static size_t state_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    return target_bytes(tools, shape) + shape.channels * sizeof(double) + bin_count(shape) * sizeof(nst_bin_map);
}

static double *sums_in(const nst_loss *loss)
{
    return (double *)(void *)((nst_bin *)loss->state + bin_count(loss->shape));
}

static void begin(nst_loss *loss)
{
    memset(loss->state, 0, target_bytes(&loss->tools, loss->shape));
}

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    target_accumulate(&loss->tools, loss->shape, tile, features, loss->state, NULL);
}

static double finish(nst_loss *loss)
{
    const nst_exec *exec = loss->tools.exec;
    match_task task = {.own = loss->state, .wanted = loss->target, .sums = sums_in(loss)};
    double sum = 0;
    for (size_t i = 0; i <= NST_BINS; i++) task.edges[i] = nst_bin_edge(i);
    target_finish(loss->shape, loss->state);
    exec->run(exec->user, match_channel, &task, (uint32_t)loss->shape.channels);
    for (size_t c = 0; c < loss->shape.channels; c++) sum += task.sums[c];
    return sum;
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    const nst_bin *bins = loss->state;
    nst_bin_map *maps = (nst_bin_map *)(void *)(sums_in(loss) + loss->shape.channels);
    double each = scale / (double)nst_shape_positions(loss->shape);
    for (size_t i = 0; i < bin_count(loss->shape); i++)
        maps[i] = (nst_bin_map){(nst_real)(each * bins[i].sum), (nst_real)(each * bins[i].squares)};
    loss->tools.kernels->histogram_backward(loss->tools.exec, tile->shape, tile->region, maps, features, gradient);
}

const nst_loss_class nst_loss_histogram = {
    .kind = "histogram",
    .target_bytes = target_bytes,
    .workspace_bytes = nst_loss_no_workspace,
    .target_accumulate = target_accumulate,
    .target_finish = target_finish,
    .target_blend = target_blend,
    .factor = factor,
    .state_bytes = state_bytes,
    .begin = begin,
    .accumulate = accumulate,
    .finish = finish,
    .seed = seed,
};
