#include "session/pyramid.h"

#include <string.h>

enum { LEVELS = 5, LEAST_SIDE = 2 };
static const nst_real fall = (nst_real)0.5; /* of the weight from level to level */

typedef struct level {
    size_t width, height;
    nst_real *values; /* (3, height, width); NULL at level 0 */
} level;

struct nst_pyramid {
    nst_memory *memory;
    nst_exec exec;
    level levels[LEVELS];
    size_t count;
    nst_real *lines; /* (3, 2, width): at work, of every colour */
    nst_real *v;
};

static size_t half(size_t side)
{
    return (side + 1) / 2;
}

static size_t list_levels(size_t width, size_t height, level levels[LEVELS])
{
    size_t count = 0;
    for (; count < LEVELS && (count == 0 || (width >= LEAST_SIDE && height >= LEAST_SIDE)); count++) {
        levels[count] = (level){width, height, NULL};
        width = half(width);
        height = half(height);
    }
    return count;
}

static size_t values_of(const level *l)
{
    return 3 * l->width * l->height; /* of a picture that exists: no overflow */
}

static size_t line_values(size_t width)
{
    return 2 * width;
}

size_t nst_pyramid_bytes(size_t width, size_t height)
{
    level levels[LEVELS];
    size_t count = list_levels(width, height, levels), bytes = sizeof(nst_pyramid) + 3 * line_values(width) * sizeof(nst_real);
    for (size_t i = 1; i < count; i++) bytes += values_of(&levels[i]) * sizeof(nst_real);
    return bytes;
}

nst_pyramid *nst_pyramid_new(nst_memory *memory, const nst_exec *exec, size_t width, size_t height)
{
    nst_pyramid *p = nst_alloc_zero(memory, sizeof *p);
    bool taken;
    if (!p) return NULL;
    p->memory = memory;
    p->exec = *exec;
    p->count = list_levels(width, height, p->levels);
    p->lines = nst_alloc_array(memory, 3 * line_values(width), sizeof *p->lines);
    taken = p->lines != NULL;
    for (size_t i = 1; i < p->count && taken; i++)
        taken = (p->levels[i].values = nst_alloc_array(memory, values_of(&p->levels[i]), sizeof *p->lines)) != NULL;
    if (taken) return p;
    nst_pyramid_free(p);
    return NULL;
}

void nst_pyramid_free(nst_pyramid *p)
{
    if (!p) return;
    for (size_t i = 1; i < p->count; i++) nst_free(p->memory, p->levels[i].values);
    nst_free(p->memory, p->lines);
    nst_free(p->memory, p);
}

/* ---- between two levels ---- */

/* The two coarse lines or columns that a fine one sees: the one it lies in with 3/4, its neighbour on that side with 1/4. What would lie
 * beyond the border is the border. */
static void seen_from(size_t fine, size_t coarse_side, size_t *near, size_t *far)
{
    *near = fine / 2;
    if (fine % 2) *far = *near + 1 < coarse_side ? *near + 1 : *near;
    else *far = *near > 0 ? *near - 1 : 0;
}

static void gather_line(const nst_real *fine, size_t width, nst_real *coarse)
{
    size_t near, far;
    memset(coarse, 0, half(width) * sizeof *coarse);
    for (size_t x = 0; x < width; x++) {
        seen_from(x, half(width), &near, &far);
        coarse[near] += fine[x] * 3 / 4;
        coarse[far] += fine[x] / 4;
    }
}

static void spread_line(const nst_real *coarse, size_t width, nst_real *fine)
{
    size_t near, far;
    for (size_t x = 0; x < width; x++) {
        seen_from(x, half(width), &near, &far);
        fine[x] = coarse[near] * 3 / 4 + coarse[far] / 4;
    }
}

/* coarse = Uᵀ fine, of one colour */
static void gather(const nst_real *fine, size_t width, size_t height, nst_real *coarse, nst_real *line)
{
    size_t coarse_width = half(width), coarse_height = half(height), near, far;
    memset(coarse, 0, coarse_width * coarse_height * sizeof *coarse);
    for (size_t y = 0; y < height; y++) {
        gather_line(fine + y * width, width, line);
        seen_from(y, coarse_height, &near, &far);
        for (size_t x = 0; x < coarse_width; x++) coarse[near * coarse_width + x] += line[x] * 3 / 4;
        for (size_t x = 0; x < coarse_width; x++) coarse[far * coarse_width + x] += line[x] / 4;
    }
}

/* fine = weight fine + U coarse, of one colour */
static void spread(const nst_real *coarse, size_t width, size_t height, nst_real weight, nst_real *fine, nst_real *line)
{
    size_t coarse_width = half(width), near, far;
    nst_real *mixed = line + width;
    for (size_t y = 0; y < height; y++) {
        seen_from(y, half(height), &near, &far);
        for (size_t x = 0; x < coarse_width; x++) mixed[x] = coarse[near * coarse_width + x] * 3 / 4 + coarse[far * coarse_width + x] / 4;
        spread_line(mixed, width, line);
        for (size_t x = 0; x < width; x++) fine[y * width + x] = weight * fine[y * width + x] + line[x];
    }
}

/* ---- all levels ---- */

static nst_real *plane_of(const nst_pyramid *p, size_t index, size_t colour)
{
    const level *l = &p->levels[index];
    return (index == 0 ? p->v : l->values) + colour * l->width * l->height;
}

static void apply_to_colour(void *data, uint32_t colour)
{
    const nst_pyramid *p = data;
    nst_real *line = p->lines + colour * line_values(p->levels[0].width), weight = 1;
    for (size_t i = 1; i < p->count; i++, weight *= fall)
        gather(plane_of(p, i - 1, colour), p->levels[i - 1].width, p->levels[i - 1].height, plane_of(p, i, colour), line);
    for (size_t i = p->count; i-- > 1; weight /= fall) {
        const level *fine = &p->levels[i - 1];
        if (i == p->count - 1) /* the coarsest has no other to add */
            for (size_t k = 0; k < p->levels[i].width * p->levels[i].height; k++) plane_of(p, i, colour)[k] *= weight;
        spread(plane_of(p, i, colour), fine->width, fine->height, weight / fall, plane_of(p, i - 1, colour), line);
    }
}

void nst_pyramid_apply(void *pyramid, nst_real *v)
{
    nst_pyramid *p = pyramid;
    p->v = v;
    p->exec.run(p->exec.user, apply_to_colour, p, 3);
}
