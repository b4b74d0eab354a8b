#include "session/blend.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "session/settings.h"

/* ---- places ---- */

static void skip_blanks(const char **text)
{
    while (**text == ' ') ++*text;
}

static bool read_layer(const char **text, char *layer, size_t capacity)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    size_t length = strspn(*text, letters);
    if (length >= capacity) return false;
    memcpy(layer, *text, length);
    layer[length] = '\0';
    *text += length;
    return true;
}

/* "/4" */
static bool read_octave(const char **text, size_t *octave)
{
    *octave = NST_EVERY;
    if (**text != '/') return true;
    for (size_t i = 0; i < NST_MAX_OCTAVES; i++) {
        char written[16];
        size_t length = (size_t)snprintf(written, sizeof written, "/%zu", (size_t)1 << i);
        if (strncmp(*text, written, length) != 0 || ((*text)[length] != ':' && (*text)[length] != ' ')) continue;
        *text += length;
        *octave = i;
        return true;
    }
    return false;
}

bool nst_blend_read_place(const char **group, nst_blend_place *place)
{
    const char *text = *group;
    *place = (nst_blend_place){"", NST_EVERY};
    if (!memchr(text, ':', strcspn(text, ",;"))) return true; /* numbers alone */
    skip_blanks(&text);
    if (!read_layer(&text, place->layer, sizeof place->layer) || !read_octave(&text, &place->octave)) return false;
    skip_blanks(&text);
    if (*text != ':' || (!place->layer[0] && place->octave == NST_EVERY)) return false;
    *group = text + 1;
    return true;
}

/* " of relu4_1/2", for a sentence. */
static const char *name_place(const nst_blend_place *place, char text[40])
{
    char size[16] = "";
    if (place->octave != NST_EVERY) snprintf(size, sizeof size, "/%u", 1u << place->octave);
    snprintf(text, 40, "%s%s%s", place->layer[0] || size[0] ? " of " : "", place->layer, size);
    return text;
}

/* ---- groups ---- */

static double *numbers_of(nst_blend *blend, size_t group)
{
    return blend->weights + group * blend->styles;
}

static const nst_blend_group *find(const nst_blend *blend, const nst_blend_group *wanted)
{
    for (size_t i = 0; i < blend->count; i++)
        if (blend->groups[i].layer == wanted->layer && blend->groups[i].octave == wanted->octave) return &blend->groups[i];
    return NULL;
}

static bool has_room(const nst_blend *blend)
{
    return blend->count < NST_MAX_BLENDS && (blend->count + 1) * blend->styles <= NST_MAX_BLEND_NUMBERS;
}

static void scale(size_t styles, double sum, double *weights)
{
    for (size_t i = 0; i < styles; i++) weights[i] /= sum;
}

/* The numbers of a group, up to its ';' or the end, where *list is left. */
static int32_t read_numbers(const char **list, const char *where, nst_blend *blend, nst_error *error)
{
    double *weights = numbers_of(blend, blend->count), sum = 0;
    size_t count = 0;
    for (bool more = true; more; count++) {
        char item[64];
        double number = 0;
        size_t length = strcspn(*list, ",;");
        snprintf(item, sizeof item, "%.*s", (int)length, *list);
        nst_parse_f64(item, &number); /* checked when the option was set */
        if (count < blend->styles) sum += weights[count] = number;
        *list += length;
        more = **list == ',';
        *list += more;
    }
    if (count != blend->styles)
        return nst_fail(error, NST_ERR_INVALID_ARG, "style-weights%s has %zu numbers for %zu style images", where, count, blend->styles);
    if (!(sum > 0)) return nst_fail(error, NST_ERR_INVALID_ARG, "style-weights%s are all zero", where);
    scale(blend->styles, sum, weights);
    return NST_OK;
}

static int32_t read_group(const char **list, const nst_weights *weights, nst_blend *blend, nst_error *error)
{
    nst_blend_place place;
    nst_blend_group group = {NST_EVERY, NST_EVERY};
    char where[40];
    int32_t status = NST_OK;
    nst_blend_read_place(list, &place); /* checked when the option was set */
    name_place(&place, where);
    group.octave = place.octave;
    if (place.layer[0]) status = nst_settings_find_layer(weights, "style-weights", place.layer, &group.layer, error);
    if (status < 0) return status;
    if (find(blend, &group))
        return nst_fail(error, NST_ERR_INVALID_ARG, "style-weights%s are given twice", where[0] ? where : " for everything else");
    if (!has_room(blend))
        return nst_fail(error, NST_ERR_LIMIT, "style-weights has more than %d groups or %d numbers", NST_MAX_BLENDS, NST_MAX_BLEND_NUMBERS);
    status = read_numbers(list, where, blend, error);
    if (status >= 0) blend->groups[blend->count++] = group;
    return status;
}

/* Where nothing else is said. */
static int32_t add_equal(nst_blend *blend, nst_error *error)
{
    const nst_blend_group everywhere = {NST_EVERY, NST_EVERY};
    if (blend->styles == 0 || find(blend, &everywhere)) return NST_OK;
    if (!has_room(blend))
        return nst_fail(error, NST_ERR_LIMIT, "style-weights has more than %d groups or %d numbers", NST_MAX_BLENDS, NST_MAX_BLEND_NUMBERS);
    for (size_t i = 0; i < blend->styles; i++) numbers_of(blend, blend->count)[i] = 1;
    scale(blend->styles, (double)blend->styles, numbers_of(blend, blend->count));
    blend->groups[blend->count++] = everywhere;
    return NST_OK;
}

int32_t nst_blend_resolve(const char *list, const nst_weights *weights, size_t styles, nst_blend *out, nst_error *error)
{
    int32_t status = NST_OK;
    bool more = strcmp(list, "auto") != 0;
    out->styles = styles <= NST_MAX_STYLES ? styles : NST_MAX_STYLES;
    out->count = 0;
    while (more && status >= 0) {
        status = read_group(&list, weights, out, error);
        more = status >= 0 && *list == ';';
        list += more;
    }
    return status < 0 ? status : add_equal(out, error);
}

/* ---- looking ---- */

const double *nst_blend_at(const nst_blend *blend, size_t layer, size_t octave)
{
    size_t best = 0;
    int most = -1;
    for (size_t i = 0; i < blend->count; i++) {
        const nst_blend_group *group = &blend->groups[i];
        int fit = 2 * (group->layer == layer) + (group->octave == octave);
        bool fits = (group->layer == layer || group->layer == NST_EVERY) && (group->octave == octave || group->octave == NST_EVERY);
        if (fits && fit > most) most = fit, best = i;
    }
    return blend->weights + best * blend->styles;
}

void nst_blend_halve(nst_blend *blend)
{
    size_t kept = 0;
    for (size_t i = 0; i < blend->count; i++) {
        nst_blend_group group = blend->groups[i];
        if (group.octave == 0) continue; /* of the whole, which is no longer there */
        if (group.octave != NST_EVERY) group.octave--;
        memmove(numbers_of(blend, kept), numbers_of(blend, i), blend->styles * sizeof *blend->weights);
        blend->groups[kept++] = group;
    }
    blend->count = kept;
}
