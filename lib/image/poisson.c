/* Screened Poisson equation (Bhat et al., ECCV 2008; for style transfer Mechrez, Shechtman, Zelnik-Manor, "Photorealistic style transfer
 * with screened Poisson equation", BMVC 2017): the picture x that is near an image s in its values and near another, c, in its gradients,
 *
 *     min over x of  sum (x - s)^2 + w^2 sum |grad x - grad c|^2        (I + w^2 A) (x - c) = s - c
 *
 * with A the five-point Laplacian (positive, nothing flows over the border). What is slower than about 2 pi w pixels comes from s, what is
 * faster from c. Luma and the two differences of colour to it are solved for apart, each with its w.
 *
 * The system is solved by multigrid: red-black Gauss-Seidel, cells merged two by two along each side, the last one alone where a side is
 * odd. Coarse cells have their true widths (finite volumes), so that any size will do, and what goes down is the sum of what is left in
 * a cell's parts, what comes up is the same for all of them. A cycle leaves a hundredth (w 5) to a twentieth (w 1000) of the residual. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "image/image.h"
#include "image/rows.h"

enum { LEVELS = 18, SWEEPS = 2, CYCLES = 30, AGAIN = 2 };

static const double tolerance = 1e-6; /* of the largest value on the right side */

typedef struct level {
    size_t width, height;
    double *u, *f;          /* (H, W): the unknown, and the right side summed over each cell */
    double *wide, *high;    /* sides of the columns (W) and of the rows (H) */
    double *across, *down;  /* w^2 over the distance to the column or row before; 0 for the first, and for one behind the last */
} level;

/* ---- levels ---- */

static size_t half(size_t side)
{
    return side - side / 2;
}

static bool is_last(size_t width, size_t height)
{
    return width == 1 && height == 1;
}

/* Doubles of all levels; no overflow: sides are at most 65535. */
static size_t total_values(size_t width, size_t height)
{
    size_t values = 0;
    for (;; width = half(width), height = half(height)) {
        values += 2 * width * height + 2 * (width + height + 1);
        if (is_last(width, height)) return values;
    }
}

static double *lay_out(level *l, size_t width, size_t height, double *memory)
{
    l->width = width;
    l->height = height;
    l->u = memory;
    l->f = l->u + width * height;
    l->wide = l->f + width * height;
    l->high = l->wide + width;
    l->across = l->high + height;
    l->down = l->across + width + 1;
    return l->down + height + 1;
}

static void merge_sides(const double *fine, size_t count, double *coarse)
{
    for (size_t i = 0; i < half(count); i++) coarse[i] = fine[2 * i] + (2 * i + 1 < count ? fine[2 * i + 1] : 0);
}

static size_t make_levels(level levels[LEVELS], size_t width, size_t height, double *memory)
{
    size_t count = 0;
    for (;; count++, width = half(width), height = half(height)) {
        level *l = &levels[count];
        memory = lay_out(l, width, height, memory);
        if (count > 0) {
            merge_sides(l[-1].wide, l[-1].width, l->wide);
            merge_sides(l[-1].high, l[-1].height, l->high);
        } else {
            for (size_t i = 0; i < width; i++) l->wide[i] = 1;
            for (size_t i = 0; i < height; i++) l->high[i] = 1;
        }
        if (is_last(width, height)) return count + 1;
    }
}

static void connect(const double *sides, size_t count, double weight, double *couplings)
{
    couplings[0] = couplings[count] = 0;
    for (size_t i = 1; i < count; i++) couplings[i] = weight * weight * 2 / (sides[i - 1] + sides[i]);
}

/* ---- one level ---- */

/* What flows into a cell from its neighbours, but for its own part; *own is what it is multiplied by. */
static double inflow(const level *l, size_t x, size_t y, double *own)
{
    const double *u = l->u + y * l->width + x;
    double left = l->across[x] * l->high[y], right = l->across[x + 1] * l->high[y];
    double above = l->down[y] * l->wide[x], below = l->down[y + 1] * l->wide[x], sum = 0;
    *own = l->wide[x] * l->high[y] + left + right + above + below;
    if (x > 0) sum += left * u[-1];
    if (x + 1 < l->width) sum += right * u[1];
    if (y > 0) sum += above * u[-(ptrdiff_t)l->width];
    if (y + 1 < l->height) sum += below * u[l->width];
    return sum;
}

static void relax(const level *l, size_t colour)
{
    for (size_t y = 0; y < l->height; y++)
        for (size_t x = (y + colour) % 2; x < l->width; x += 2) {
            double own, sum = inflow(l, x, y, &own);
            l->u[y * l->width + x] = (l->f[y * l->width + x] + sum) / own;
        }
}

static double left_over(const level *l, size_t x, size_t y)
{
    double own, sum = inflow(l, x, y, &own);
    return l->f[y * l->width + x] + sum - own * l->u[y * l->width + x];
}

static void go_down(const level *fine, const level *coarse)
{
    memset(coarse->u, 0, coarse->width * coarse->height * sizeof *coarse->u);
    memset(coarse->f, 0, coarse->width * coarse->height * sizeof *coarse->f);
    for (size_t y = 0; y < fine->height; y++)
        for (size_t x = 0; x < fine->width; x++) coarse->f[y / 2 * coarse->width + x / 2] += left_over(fine, x, y);
}

static void come_up(const level *coarse, const level *fine)
{
    for (size_t y = 0; y < fine->height; y++)
        for (size_t x = 0; x < fine->width; x++) fine->u[y * fine->width + x] += coarse->u[y / 2 * coarse->width + x / 2];
}

/* A W-cycle: what is the same for all parts of a cell is a poor answer, and is asked for twice. */
static void cycle(const level *l, size_t count)
{
    if (count == 1) {
        relax(l, 0);
        return;
    }
    for (int i = 0; i < SWEEPS; i++) relax(l, 0), relax(l, 1);
    for (int i = 0; i < AGAIN; i++) {
        go_down(l, l + 1);
        cycle(l + 1, count - 1);
        come_up(l + 1, l);
        relax(l, 1), relax(l, 0);
    }
    for (int i = 1; i < SWEEPS; i++) relax(l, 1), relax(l, 0);
}

/* ---- a plane ---- */

static double largest(const level *l, double (*of)(const level *l, size_t x, size_t y))
{
    double most = 0;
    for (size_t y = 0; y < l->height; y++)
        for (size_t x = 0; x < l->width; x++) most = fmax(most, fabs(of(l, x, y)));
    return most;
}

static double right_side(const level *l, size_t x, size_t y)
{
    return l->f[y * l->width + x];
}

static void solve_plane(const level *levels, size_t count, double weight, float *plane)
{
    const level *first = levels;
    size_t values = first->width * first->height;
    double enough;
    for (size_t i = 0; i < count; i++) {
        connect(levels[i].wide, levels[i].width, weight, levels[i].across);
        connect(levels[i].high, levels[i].height, weight, levels[i].down);
    }
    for (size_t i = 0; i < values; i++) first->u[i] = first->f[i] = (double)plane[i];
    enough = tolerance * largest(first, right_side);
    for (int i = 0; i < CYCLES && largest(first, left_over) > enough; i++) cycle(first, count);
    for (size_t i = 0; i < values; i++) plane[i] = (float)first->u[i];
}

/* ---- three planes ---- */

/* s becomes luma, red - luma, blue - luma of s - c, and back. */
static void to_difference(float *planes, const float *content, size_t count)
{
    float *red = planes, *green = planes + count, *blue = planes + 2 * count;
    for (size_t i = 0; i < count; i++) {
        float r = red[i] - content[i], g = green[i] - content[count + i], b = blue[i] - content[2 * count + i];
        float luma = (float)nst_luma((nst_real)r, (nst_real)g, (nst_real)b);
        red[i] = luma;
        green[i] = r - luma;
        blue[i] = b - luma;
    }
}

static void from_difference(float *planes, const float *content, size_t count)
{
    float *red = planes, *green = planes + count, *blue = planes + 2 * count;
    for (size_t i = 0; i < count; i++) {
        float luma = red[i], r = luma + green[i], b = luma + blue[i];
        green[i] = content[count + i] + (luma - 0.299f * r - 0.114f * b) / 0.587f;
        red[i] = content[i] + r;
        blue[i] = content[2 * count + i] + b;
    }
}

size_t nst_planes_screen_bytes(size_t width, size_t height)
{
    return total_values(width, height) * sizeof(double);
}

int32_t nst_planes_screen(nst_ctx *ctx, float *planes, const float *content, size_t width, size_t height, double luma, double chroma,
                          nst_error *error)
{
    level levels[LEVELS];
    double *memory = nst_alloc_array(&ctx->memory, total_values(width, height), sizeof *memory);
    size_t levels_made, count = width * height;
    if (!memory) return nst_fail_nomem(error, "the screened Poisson equation");
    levels_made = make_levels(levels, width, height, memory);
    to_difference(planes, content, count);
    for (size_t c = 0; c < 3; c++) solve_plane(levels, levels_made, c == 0 ? luma : chroma, planes + c * count);
    from_difference(planes, content, count);
    nst_free(&ctx->memory, memory);
    return NST_OK;
}
