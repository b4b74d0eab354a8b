/* Matting loss: how far the picture is from a recolouring of the content image that is affine in every 3x3 window (Levin, Lischinski,
 * Weiss 2008; as a loss Luan et al. 2017, "Deep photo style transfer"). Plain sum, over the colours p of the picture:
 *
 *     p' L p = sum over windows k of  min over a, b of  sum over i in k of (p_i - a . I_i - b)^2 + eps |a|^2
 *
 * with I the content image's colours, which is the energy of the matting Laplacian L of I (He, Sun, Tang 2010). The matrix is never
 * made. With d_i = I_i - mean and q_i = p_i - mean over a window's nine positions, its best a solves
 *
 *     (sum of d d' + eps) a = sum of d q,        r_i = q_i - a . d_i,        2 L p = 2 sum over windows of r
 *
 * where the last holds because at the minimum only the explicit p counts, and the sum of r is zero. The energy is a sum of squares: never
 * negative, also after rounding. eps is a hundred-thousandth, and colours of a grey window leave nothing else on two of three diagonals:
 * the nine differences are taken first and multiplied then, in double, and the system is solved by elimination, not by cofactors.
 *
 * It works on the picture itself, planar reals (3, H, W); `features` below are these. A tile must have one more row and column on either
 * side of its region where the picture goes on, and the gradient of these gets its share too. The target keeps the content image alone,
 * 12 bytes a position, and every window's system is made anew: factors and means would be 9 numbers more, to save a few hundred
 * operations where the network does a million. */
#include <string.h>

#include "kernels/parts.h"
#include "loss/loss.h"

enum { LANES = 8, WINDOW = 9, ROWS_PER_PART = 8 };

/* Luan et al. have 1e-7, which lets the blocks of a JPEG file's sky be pulled apart as if they were detail; 1e-5 does not. */
static const double epsilon = 1e-5;
static const double dpst_weight = 1e4; /* lambda of Luan et al., beside alpha 5 and beta 100 */

/* Followed by the content image (3, H, W). */
typedef struct matting_target {
    double energy; /* of the content image's colours around their windows' means */
    double power;  /* what it is at least taken for */
    char padding[48];
} matting_target;

static nst_real *content_of(const void *target)
{
    return (nst_real *)(void *)((char *)(uintptr_t)target + sizeof(matting_target));
}

static size_t target_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    return sizeof(matting_target) + nst_shape_count(shape) * sizeof(nst_real);
}

/* ---- windows, LANES side by side ---- */

typedef double lanes[LANES];

/* Planes (3, height, width) of which a window's middle is at a row and a column. */
typedef struct planes {
    const nst_real *values;
    size_t height, width;
} planes;

/* One colour of the windows whose middles are at (row, column), (row, column + 1), ...: `count` of them, the last one repeated. Returned
 * are the differences to each window's mean. */
static void load_window(const planes *from, size_t colour, size_t row, size_t column, size_t count, lanes out[WINDOW])
{
    lanes mean = {0};
    for (size_t j = 0; j < WINDOW; j++) {
        const nst_real *at = from->values + (colour * from->height + row + j / 3 - 1) * from->width + column + j % 3 - 1;
        for (size_t l = 0; l < LANES; l++) out[j][l] = (double)at[l < count ? l : count - 1];
        for (size_t l = 0; l < LANES; l++) mean[l] += out[j][l] / WINDOW;
    }
    for (size_t j = 0; j < WINDOW; j++)
        for (size_t l = 0; l < LANES; l++) out[j][l] -= mean[l];
}

/* sum of d d' + eps = U' D U with ones on the diagonal of U. */
typedef struct fit {
    lanes d[3][WINDOW];
    lanes u01, u02, u12, inverse[3];
} fit;

static void dot(lanes a[WINDOW], lanes b[WINDOW], double start, lanes out)
{
    for (size_t l = 0; l < LANES; l++) out[l] = start;
    for (size_t j = 0; j < WINDOW; j++)
        for (size_t l = 0; l < LANES; l++) out[l] += a[j][l] * b[j][l];
}

static void factorise(fit *f)
{
    lanes m00, m01, m02, m11, m12, m22;
    dot(f->d[0], f->d[0], epsilon, m00);
    dot(f->d[0], f->d[1], 0, m01);
    dot(f->d[0], f->d[2], 0, m02);
    dot(f->d[1], f->d[1], epsilon, m11);
    dot(f->d[1], f->d[2], 0, m12);
    dot(f->d[2], f->d[2], epsilon, m22);
    for (size_t l = 0; l < LANES; l++) {
        double second, third, rest;
        f->inverse[0][l] = 1 / m00[l];
        f->u01[l] = m01[l] * f->inverse[0][l];
        f->u02[l] = m02[l] * f->inverse[0][l];
        second = m11[l] - m01[l] * f->u01[l];
        f->inverse[1][l] = 1 / second;
        rest = m12[l] - m01[l] * f->u02[l];
        f->u12[l] = rest * f->inverse[1][l];
        third = m22[l] - m02[l] * f->u02[l] - rest * f->u12[l];
        f->inverse[2][l] = 1 / third;
    }
}

static void open_fit(const planes *content, size_t row, size_t column, size_t count, fit *f)
{
    for (size_t colour = 0; colour < 3; colour++) load_window(content, colour, row, column, count, f->d[colour]);
    factorise(f);
}

/* q becomes r; the energies of the windows. */
static void residual(fit *f, lanes q[WINDOW], lanes energy)
{
    lanes a[3];
    for (size_t c = 0; c < 3; c++) dot(f->d[c], q, 0, a[c]);
    for (size_t l = 0; l < LANES; l++) {
        a[1][l] -= f->u01[l] * a[0][l];
        a[2][l] -= f->u02[l] * a[0][l] + f->u12[l] * a[1][l];
        a[2][l] *= f->inverse[2][l];
        a[1][l] = a[1][l] * f->inverse[1][l] - f->u12[l] * a[2][l];
        a[0][l] = a[0][l] * f->inverse[0][l] - f->u01[l] * a[1][l] - f->u02[l] * a[2][l];
        energy[l] = epsilon * (a[0][l] * a[0][l] + a[1][l] * a[1][l] + a[2][l] * a[2][l]);
    }
    for (size_t j = 0; j < WINDOW; j++)
        for (size_t l = 0; l < LANES; l++) {
            q[j][l] -= a[0][l] * f->d[0][j][l] + a[1][l] * f->d[1][j][l] + a[2][l] * f->d[2][j][l];
            energy[l] += q[j][l] * q[j][l];
        }
}

/* ---- all windows of a tile ---- */

typedef struct tile_job {
    planes picture, content; /* the content's begin where the tile's do */
    nst_region middles;      /* of the tile's windows */
    uint32_t parts;
    double sums[NST_PARTS];
    double scale;
    nst_real *gradient;
} tile_job;

/* What of the tile's region is the middle of a whole window. */
static nst_region middles_of(nst_shape whole, const nst_tile *tile)
{
    nst_region r = tile->region;
    bool last_row = tile->row + (r.row1 - r.row0) == whole.height, last_column = tile->column + (r.column1 - r.column0) == whole.width;
    if (tile->row == 0) r.row0++;
    if (tile->column == 0) r.column0++;
    if (last_row) r.row1--;
    if (last_column) r.column1--;
    return r;
}

static tile_job make_job(nst_shape whole, const nst_tile *tile, const void *features, const nst_real *content)
{
    tile_job job = {.picture = {features, tile->shape.height, tile->shape.width}, .content = {content, whole.height, whole.width},
                    .middles = middles_of(whole, tile)};
    if (content)
        job.content.values += (tile->row - tile->region.row0) * whole.width + tile->column - tile->region.column0;
    return job;
}

/* Tasks share rows; where they begin follows from their number alone. */
static void share_rows(tile_job *job, const nst_exec *exec, size_t rows, void (*task)(void *data, uint32_t index))
{
    size_t parts = nst_ceil_div(rows, ROWS_PER_PART);
    job->parts = parts < NST_PARTS ? (uint32_t)parts : NST_PARTS;
    exec->run(exec->user, task, job, job->parts);
}

static double sum_lanes(lanes values, size_t count)
{
    double sum = 0;
    for (size_t l = 0; l < count; l++) sum += values[l];
    return sum;
}

static size_t lanes_at(const tile_job *job, size_t column)
{
    return nst_least(LANES, job->middles.column1 - column);
}

static double row_energy(const tile_job *job, size_t row)
{
    double sum = 0;
    for (size_t column = job->middles.column0; column < job->middles.column1; column += LANES) {
        size_t count = lanes_at(job, column);
        fit f;
        open_fit(&job->content, row, column, count, &f);
        for (size_t colour = 0; colour < 3; colour++) {
            lanes q[WINDOW], energy;
            load_window(&job->picture, colour, row, column, count, q);
            residual(&f, q, energy);
            sum += sum_lanes(energy, count);
        }
    }
    return sum;
}

/* Of the picture's own colours around their means. */
static double row_variance(const tile_job *job, size_t row)
{
    double sum = 0;
    for (size_t column = job->middles.column0; column < job->middles.column1; column += LANES) {
        size_t count = lanes_at(job, column);
        for (size_t colour = 0; colour < 3; colour++) {
            lanes q[WINDOW], energy;
            load_window(&job->picture, colour, row, column, count, q);
            dot(q, q, 0, energy);
            sum += sum_lanes(energy, count);
        }
    }
    return sum;
}

static void sum_rows(tile_job *job, uint32_t index, double (*of_row)(const tile_job *job, size_t row))
{
    size_t rows = job->middles.row1 - job->middles.row0, end = nst_part_begin(rows, job->parts, index + 1);
    double sum = 0;
    for (size_t row = nst_part_begin(rows, job->parts, index); row < end; row++) sum += of_row(job, job->middles.row0 + row);
    job->sums[index] = sum;
}

static void energy_task(void *data, uint32_t index)
{
    sum_rows(data, index, row_energy);
}

static void variance_task(void *data, uint32_t index)
{
    sum_rows(data, index, row_variance);
}

static double sum_windows(tile_job *job, const nst_exec *exec, void (*task)(void *data, uint32_t index))
{
    if (nst_region_empty(job->middles)) return 0;
    share_rows(job, exec, job->middles.row1 - job->middles.row0, task);
    return nst_sum_parts(job->sums, job->parts);
}

/* ---- the target ---- */

static double power(const nst_tile *tile, const nst_real *x)
{
    double sum = 0;
    for (size_t c = 0; c < tile->shape.channels; c++)
        for (size_t row = tile->region.row0; row < tile->region.row1; row++) {
            const nst_real *line = x + (c * tile->shape.height + row) * tile->shape.width;
            sum += nst_sum_products(tile->region.column1 - tile->region.column0, line + tile->region.column0, line + tile->region.column0);
        }
    return sum;
}

static void copy_tile(nst_shape whole, const nst_tile *tile, const nst_real *x, nst_real *content)
{
    size_t bytes = (tile->region.column1 - tile->region.column0) * sizeof *x;
    for (size_t c = 0; c < tile->shape.channels; c++)
        for (size_t row = tile->region.row0; row < tile->region.row1; row++)
            memcpy(content + (c * whole.height + tile->row + row - tile->region.row0) * whole.width + tile->column,
                   x + (c * tile->shape.height + row) * tile->shape.width + tile->region.column0, bytes);
}

static void target_accumulate(const nst_loss_tools *tools, nst_shape shape, const nst_tile *tile, const void *features, void *target,
                              void *workspace)
{
    matting_target *t = target;
    tile_job job = make_job(shape, tile, features, NULL);
    (void)workspace;
    copy_tile(shape, tile, features, content_of(target));
    t->energy += sum_windows(&job, tools->exec, variance_task);
    t->power += 1e-3 * WINDOW * power(tile, features);
}

/* normalised: relative to what the content image itself has in its windows, so that 1 is a picture as rich in detail as the content and
 * none of it the content's. Others: as in Luan et al., whose sum beside means depends on the size. */
static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    const matting_target *t = target;
    double reference = t ? (t->energy > t->power ? t->energy : t->power) : 0;
    if (dialect != NST_DIALECT_NORMALISED) return dpst_weight;
    return reference > 0 ? 1 / reference : 1 / (WINDOW * (double)nst_shape_count(shape));
}

/* ---- the picture ---- */

static void accumulate(nst_loss *loss, const nst_tile *tile, const void *features)
{
    tile_job job = make_job(loss->shape, tile, features, content_of(loss->target));
    *(double *)loss->state += sum_windows(&job, loss->tools.exec, energy_task);
}

/* r of one row of windows, to the rows [row0, row1) of the gradient. */
static void spread_row(const tile_job *job, size_t middle, size_t row0, size_t row1)
{
    for (size_t column = job->middles.column0; column < job->middles.column1; column += LANES) {
        size_t count = lanes_at(job, column);
        fit f;
        open_fit(&job->content, middle, column, count, &f);
        for (size_t colour = 0; colour < 3; colour++) {
            lanes q[WINDOW], energy;
            load_window(&job->picture, colour, middle, column, count, q);
            residual(&f, q, energy);
            for (size_t j = 0; j < WINDOW; j++) {
                size_t row = middle + j / 3 - 1;
                nst_real *to = job->gradient + (colour * job->picture.height + row) * job->picture.width + column + j % 3 - 1;
                if (row < row0 || row >= row1) continue;
                for (size_t l = 0; l < count; l++) to[l] += (nst_real)(job->scale * q[j][l]);
            }
        }
    }
}

/* Every task writes rows of its own and looks at all windows that reach into them. */
static void gradient_task(void *data, uint32_t index)
{
    const tile_job *job = data;
    const nst_region *m = &job->middles;
    size_t first = m->row0 - 1, rows = m->row1 - m->row0 + 2;
    size_t row0 = first + nst_part_begin(rows, job->parts, index), row1 = first + nst_part_begin(rows, job->parts, index + 1);
    for (size_t middle = row0 > m->row0 ? row0 - 1 : m->row0; middle < m->row1 && middle <= row1; middle++)
        spread_row(job, middle, row0, row1);
}

static void seed(nst_loss *loss, const nst_tile *tile, double scale, const void *features, void *gradient)
{
    tile_job job = make_job(loss->shape, tile, features, content_of(loss->target));
    job.scale = 2 * scale;
    job.gradient = gradient;
    if (!nst_region_empty(job.middles))
        share_rows(&job, loss->tools.exec, job.middles.row1 - job.middles.row0 + 2, gradient_task);
}

const nst_loss_class nst_loss_matting = {
    .kind = "matting",
    .target_bytes = target_bytes,
    .workspace_bytes = nst_loss_no_workspace,
    .target_accumulate = target_accumulate,
    .factor = factor,
    .state_bytes = nst_sum_bytes,
    .begin = nst_sum_begin,
    .accumulate = accumulate,
    .finish = nst_sum_finish,
    .seed = seed,
};
