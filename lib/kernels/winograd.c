#include "kernels/winograd.h"

#include <string.h>

#include "kernels/masks.h"
#include "kernels/padding.h"
#include "kernels/parts.h"

enum {
    TILE = 4,              /* outputs of a tile, in each direction */
    PATCH = 6,             /* inputs it reads */
    POINTS = PATCH * PATCH, /* products of a tile and a pair of channels */
    BAND_BYTES = 12 << 20, /* of transformed tiles, in and out: they stay in a shared cache */
    FEWEST_CHANNELS = 16,
    FEWEST_TILES = 32
};

/* One call's shapes and buffers. U (POINTS, out, in): filters; V (POINTS, in, tiles): inputs; M (POINTS, out, tiles): products, of
 * the tiles of rows [tile_row0, tile_row1). */
typedef struct band {
    const nst_winograd *job;
    size_t in, out, tile_columns, tile_row0, tile_row1, tiles;
    const nst_real *from, *u;
    nst_real *to, *v, *m;
} band;

static size_t tiles_along(size_t length)
{
    return nst_ceil_div(length, TILE);
}

int nst_winograd_serves(const nst_conv *conv, int backward)
{
    return conv->size == 3 && conv->in_channels >= FEWEST_CHANNELS && conv->out_channels >= FEWEST_CHANNELS &&
           !(backward && conv->pad != NST_PAD_ZERO);
}

int nst_winograd_fits(const nst_conv *conv, size_t height, size_t width, int backward)
{
    return nst_winograd_serves(conv, backward) && tiles_along(height) * tiles_along(width) >= FEWEST_TILES;
}

static size_t band_tile_rows(const nst_conv *conv, size_t height, size_t width)
{
    size_t columns = tiles_along(width), rows = tiles_along(height);
    size_t tiles = BAND_BYTES / (POINTS * (conv->in_channels + conv->out_channels) * sizeof(nst_real));
    size_t fit = tiles / columns;
    if (fit == 0) return 1;
    return fit < rows ? fit : rows;
}

size_t nst_winograd_packed_bytes(const nst_conv *conv)
{
    return POINTS * conv->in_channels * conv->out_channels * sizeof(nst_real);
}

size_t nst_winograd_workspace(const nst_conv *conv, size_t height, size_t width)
{
    size_t tiles = band_tile_rows(conv, height, width) * tiles_along(width);
    size_t bands = POINTS * (conv->in_channels + conv->out_channels) * tiles * sizeof(nst_real);
    bool forward_packed = conv->packed[NST_FORWARD] || !nst_winograd_serves(conv, 0);
    bool backward_packed = conv->packed[NST_BACKWARD] || !nst_winograd_serves(conv, 1);
    return bands + (forward_packed && backward_packed ? 0 : nst_winograd_packed_bytes(conv));
}

/* Transforms work on RUN tiles or filters at a time, value by value in arrays along the run, so that the compiler can use vectors. */
enum { RUN = 32, LINE = TILE * RUN + PATCH - TILE };
typedef nst_real run[RUN];

static size_t run_length(size_t total, size_t begin)
{
    return total - begin < RUN ? total - begin : RUN;
}

/* ---- filters: U = G g G^T ---- */

static void transform_filter_line(size_t n, const run g[3], run u[PATCH])
{
    for (size_t i = 0; i < n; i++) {
        nst_real even = (g[0][i] + g[2][i]) / 6, wide = g[0][i] / 24 + g[2][i] / 6, odd = g[1][i] / 6, wide_odd = g[1][i] / 12;
        u[0][i] = g[0][i] / 4;
        u[1][i] = -even - odd;
        u[2][i] = -even + odd;
        u[3][i] = wide + wide_odd;
        u[4][i] = wide - wide_odd;
        u[5][i] = g[2][i];
    }
}

/* n filters (3, 3) that lie `filter_stride` apart; on the way back they turn by 180 degrees. Results for point p go to u + p *
 * point_stride. */
static void transform_filters(size_t n, const nst_real *g, size_t filter_stride, int turned, nst_real *u, size_t point_stride)
{
    run line[3], rows[3][PATCH], column[3], result[PATCH];
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3; c++) {
            int tap = turned ? 8 - 3 * r - c : 3 * r + c;
            for (size_t i = 0; i < n; i++) line[c][i] = g[i * filter_stride + (size_t)tap];
        }
        transform_filter_line(n, (const run *)line, rows[r]);
    }
    for (int c = 0; c < PATCH; c++) {
        for (int r = 0; r < 3; r++) memcpy(column[r], rows[r][c], n * sizeof(nst_real));
        transform_filter_line(n, (const run *)column, result);
        for (int r = 0; r < PATCH; r++) memcpy(u + (size_t)(PATCH * r + c) * point_stride, result[r], n * sizeof(nst_real));
    }
}

typedef struct packing {
    const nst_conv *conv;
    int backward;
    size_t in, out;
    nst_real *u;
} packing;

/* One row of U at every point. On the way back in and out change places. */
static void filters_task(void *data, uint32_t out)
{
    const packing *p = data;
    const nst_conv *conv = p->conv;
    size_t step = p->backward ? 9 * conv->in_channels : 9, first = p->backward ? 9 * (size_t)out : 9 * out * conv->in_channels;
    for (size_t in = 0; in < p->in; in += RUN)
        transform_filters(run_length(p->in, in), conv->weight + first + in * step, step, p->backward, p->u + out * p->in + in,
                          p->out * p->in);
}

void nst_winograd_pack(const nst_exec *exec, const nst_conv *conv, int backward, nst_real *packed)
{
    packing p = {conv, backward, backward ? conv->out_channels : conv->in_channels, backward ? conv->in_channels : conv->out_channels,
                 packed};
    exec->run(exec->user, filters_task, &p, (uint32_t)p.out);
}

/* ---- inputs: V = B^T d B ---- */

/* Where position `at` - 1 of a line of `length` values is read: tiles begin one before the edge and may end beyond it. */
static size_t source_of(size_t at, size_t length, nst_pad_mode pad)
{
    if (at == 0) return nst_pad_source(0, -1, length, pad);
    if (at <= length) return at - 1;
    return at == length + 1 ? nst_pad_source(length - 1, 1, length, pad) : NST_PAD_NOTHING;
}

/* `count` values of a line from position `column` - 1 on. */
static void load_line(const nst_real *line, size_t length, size_t column, size_t count, nst_pad_mode pad, nst_real *to)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = column + i, inside = length + 1 > at ? length + 1 - at : 0; /* values up to the edge */
        if (at > 0 && inside > 0) {
            if (inside > count - i) inside = count - i;
            memcpy(to + i, line + at - 1, inside * sizeof *to);
            i += inside - 1;
        } else {
            size_t from = source_of(at, length, pad);
            to[i] = from == NST_PAD_NOTHING ? 0 : line[from];
        }
    }
}

/* What the mask (of the channel) has not set becomes 0: d holds `count` values of line `from`, from position `column` - 1 on. The
 * padding is 0, or there is no mask. */
static void mask_line(const band *b, const unsigned char *mask, size_t from, size_t column, size_t count, nst_real *d)
{
    size_t width = b->job->width, first = column == 0, begin = column + first - 1;
    size_t inside = begin < width ? width - begin : 0;
    if (inside > count - first) inside = count - first;
    nst_mask_keep(from * width + begin, inside, mask, d + first, d + first);
}

static void load_lines(const band *b, size_t channel, size_t row, size_t column, size_t count, nst_real d[PATCH][LINE])
{
    nst_pad_mode pad = b->job->conv->pad;
    size_t positions = b->job->height * b->job->width;
    const nst_real *plane = b->from + channel * positions;
    const unsigned char *mask = b->job->mask ? b->job->mask + channel * nst_mask_stride(positions) : NULL;
    for (size_t r = 0; r < PATCH; r++) {
        size_t from = source_of(row + r, b->job->height, pad);
        if (from == NST_PAD_NOTHING) memset(d[r], 0, count * sizeof **d);
        else load_line(plane + from * b->job->width, b->job->width, column, count, pad, d[r]);
        if (mask && from != NST_PAD_NOTHING) mask_line(b, mask, from, column, count, d[r]);
    }
}

static void transform_down(size_t count, nst_real d[PATCH][LINE])
{
    for (size_t i = 0; i < count; i++) {
        nst_real even = d[4][i] - 4 * d[2][i], odd = d[3][i] - 4 * d[1][i], wide = d[4][i] - d[2][i], wide_odd = 2 * (d[3][i] - d[1][i]);
        nst_real first = 4 * d[0][i] - 5 * d[2][i] + d[4][i], last = 4 * d[1][i] - 5 * d[3][i] + d[5][i];
        d[0][i] = first;
        d[1][i] = even + odd;
        d[2][i] = even - odd;
        d[3][i] = wide + wide_odd;
        d[4][i] = wide - wide_odd;
        d[5][i] = last;
    }
}

/* Tile j reads d[4 j] .. d[4 j + 5]; its results for the six points of the line go to v[j], v[point_stride + j], ... */
static void transform_across(size_t n, const nst_real d[LINE], nst_real *v, size_t point_stride)
{
    nst_real d0[RUN + 1], d1[RUN + 1], d2[RUN], d3[RUN];
    nst_real *v0 = v, *v1 = v0 + point_stride, *v2 = v1 + point_stride, *v3 = v2 + point_stride, *v4 = v3 + point_stride,
             *v5 = v4 + point_stride;
    for (size_t j = 0; j < n; j++) {
        d0[j] = d[TILE * j];
        d1[j] = d[TILE * j + 1];
        d2[j] = d[TILE * j + 2];
        d3[j] = d[TILE * j + 3];
    }
    d0[n] = d[TILE * n];
    d1[n] = d[TILE * n + 1];
    for (size_t j = 0; j < n; j++) {
        nst_real even = d0[j + 1] - 4 * d2[j], odd = d3[j] - 4 * d1[j], wide = d0[j + 1] - d2[j], wide_odd = 2 * (d3[j] - d1[j]);
        v0[j] = 4 * d0[j] - 5 * d2[j] + d0[j + 1];
        v1[j] = even + odd;
        v2[j] = even - odd;
        v3[j] = wide + wide_odd;
        v4[j] = wide - wide_odd;
        v5[j] = 4 * d1[j] - 5 * d3[j] + d1[j + 1];
    }
}

/* All tiles of the band of one input channel. */
static void inputs_task(void *data, uint32_t channel)
{
    const band *b = data;
    nst_real *v = b->v + channel * b->tiles, d[PATCH][LINE];
    for (size_t row = b->tile_row0; row < b->tile_row1; row++) {
        for (size_t column = 0; column < b->tile_columns; column += RUN) {
            size_t n = run_length(b->tile_columns, column), count = TILE * n + PATCH - TILE;
            load_lines(b, channel, TILE * row, TILE * column, count, d);
            transform_down(count, d);
            for (size_t r = 0; r < PATCH; r++) transform_across(n, d[r], v + PATCH * r * b->in * b->tiles, b->in * b->tiles);
            v += n;
        }
    }
}

/* ---- outputs: A^T m A ---- */

static void transform_output_line(size_t n, const nst_real *const m[PATCH], run y[TILE])
{
    for (size_t i = 0; i < n; i++) {
        nst_real near = m[1][i] + m[2][i], odd = m[1][i] - m[2][i], far = m[3][i] + m[4][i], far_odd = m[3][i] - m[4][i];
        y[0][i] = m[0][i] + near + far;
        y[1][i] = odd + 2 * far_odd;
        y[2][i] = near + 4 * far;
        y[3][i] = odd + 8 * far_odd + m[5][i];
    }
}

/* n tiles side by side, the first at (row, column) of the plane; what lies beyond the edge is cut off. */
static void store_tiles(const band *b, nst_real *plane, size_t row, size_t column, size_t n, size_t r, nst_real bias,
                        const run values[TILE])
{
    nst_real *to = plane + (row + r) * b->job->width + column;
    size_t columns = b->job->width - column, whole = columns / TILE < n ? columns / TILE : n;
    for (size_t j = 0; j < whole; j++)
        for (size_t c = 0; c < TILE; c++) to[TILE * j + c] = values[c][j] + bias;
    for (size_t c = 0; whole < n && TILE * whole + c < columns; c++) to[TILE * whole + c] = values[c][whole] + bias;
}

static void transform_run(const band *b, const nst_real *m, size_t n, nst_real *plane, size_t row, size_t column, nst_real bias)
{
    size_t stride = b->out * b->tiles, rows = b->job->height - row;
    run down[TILE][PATCH], across[TILE], result[TILE];
    const nst_real *line[PATCH];
    for (size_t c = 0; c < PATCH; c++) {
        for (size_t r = 0; r < PATCH; r++) line[r] = m + (PATCH * r + c) * stride;
        transform_output_line(n, line, result);
        for (size_t r = 0; r < TILE; r++) memcpy(down[r][c], result[r], n * sizeof(nst_real));
    }
    for (size_t r = 0; r < TILE && r < rows; r++) {
        for (size_t c = 0; c < PATCH; c++) line[c] = down[r][c];
        transform_output_line(n, line, across);
        store_tiles(b, plane, row, column, n, r, bias, (const run *)across);
    }
}

/* All tiles of the band of one output channel. */
static void outputs_task(void *data, uint32_t channel)
{
    const band *b = data;
    nst_real *plane = b->to + channel * b->job->height * b->job->width;
    nst_real bias = b->job->backward ? 0 : b->job->conv->bias[channel];
    const nst_real *m = b->m + channel * b->tiles;
    for (size_t row = b->tile_row0; row < b->tile_row1; row++) {
        for (size_t column = 0; column < b->tile_columns; column += RUN) {
            size_t n = run_length(b->tile_columns, column);
            transform_run(b, m, n, plane, TILE * row, TILE * column, bias);
            m += n;
        }
    }
}

/* ---- all of it ---- */

static void run_band(const nst_exec *exec, band *b)
{
    exec->run(exec->user, inputs_task, b, (uint32_t)b->in);
    for (size_t point = 0; point < POINTS; point++)
        b->job->product(b->out, b->tiles, b->in, b->u + point * b->out * b->in, b->v + point * b->in * b->tiles,
                        b->m + point * b->out * b->tiles);
    exec->run(exec->user, outputs_task, b, (uint32_t)b->out);
}

/* Filters made before, or made now at the beginning of the workspace, whose rest is moved on. */
static const nst_real *filters_of(const nst_exec *exec, const nst_winograd *job, nst_real **workspace)
{
    const nst_conv *conv = job->conv;
    nst_real *made = *workspace;
    if (conv->packed[job->backward ? NST_BACKWARD : NST_FORWARD]) return conv->packed[job->backward ? NST_BACKWARD : NST_FORWARD];
    nst_winograd_pack(exec, conv, job->backward, made);
    *workspace += POINTS * conv->in_channels * conv->out_channels;
    return made;
}

void nst_winograd_run(const nst_exec *exec, const nst_winograd *job, const nst_real *from, nst_real *to, nst_real *workspace)
{
    const nst_conv *conv = job->conv;
    size_t rows = tiles_along(job->height), step = band_tile_rows(conv, job->height, job->width);
    band b = {.job = job, .in = job->backward ? conv->out_channels : conv->in_channels,
              .out = job->backward ? conv->in_channels : conv->out_channels, .tile_columns = tiles_along(job->width), .from = from,
              .to = to};
    b.u = filters_of(exec, job, &workspace);
    b.v = workspace;
    for (size_t row = 0; row < rows; row += step) {
        b.tile_row0 = row;
        b.tile_row1 = row + step < rows ? row + step : rows;
        b.tiles = (b.tile_row1 - row) * b.tile_columns;
        b.m = b.v + POINTS * b.in * b.tiles;
        run_band(exec, &b);
    }
}
