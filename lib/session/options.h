/* The option table and a set of values. options.c holds the one table from which flags, help, man page, Python properties and
 * docs/options.md are made; settings.h turns the texts into what the engine works with. */
#ifndef NST_SESSION_OPTIONS_H
#define NST_SESSION_OPTIONS_H

#include <stdbool.h>

#include "base/context.h"
#include "nst/options.h"

/* Index into the table; the order is the table's. */
typedef enum nst_option_id {
    NST_OPT_STRENGTH,
    NST_OPT_DIALECT,
    NST_OPT_ALPHA,
    NST_OPT_BETA,
    NST_OPT_TV,
    NST_OPT_LAPLACIAN,
    NST_OPT_LAPLACIAN_POOL,
    NST_OPT_TEMPORAL,
    NST_OPT_CONTENT_LAYERS,
    NST_OPT_STYLE_LAYERS,
    NST_OPT_STYLE_STATISTICS,
    NST_OPT_HISTOGRAM,
    NST_OPT_HISTOGRAM_LAYERS,
    NST_OPT_STYLE_WEIGHTS,
    NST_OPT_STYLE_SCALE,
    NST_OPT_GUIDE_MODE,
    NST_OPT_COLOUR,
    NST_OPT_PHOTO,
    NST_OPT_OCTAVES,
    NST_OPT_INIT,
    NST_OPT_INIT_NOISE,
    NST_OPT_SEED,
    NST_OPT_PRESET,
    NST_OPT_SIZE,
    NST_OPT_WIDTH,
    NST_OPT_HEIGHT,
    NST_OPT_SCALES,
    NST_OPT_ENLARGE,
    NST_OPT_DETAIL,
    NST_OPT_ITERATIONS,
    NST_OPT_TOLERANCE,
    NST_OPT_OPTIMIZER,
    NST_OPT_LEARNING_RATE,
    NST_OPT_HISTORY,
    NST_OPT_HISTORY_PRECISION,
    NST_OPT_LINE_SEARCH,
    NST_OPT_PRECONDITIONER,
    NST_OPT_POOLING,
    NST_OPT_POOLING_RESCALE,
    NST_OPT_PADDING,
    NST_OPT_PREPROCESSING,
    NST_OPT_PRECISION,
    NST_OPT_MEMORY_LIMIT,
    NST_OPT_FINISH,
    NST_OPT_COUNT
} nst_option_id;

struct nst_options {
    nst_ctx *ctx;
    char *values[NST_OPT_COUNT]; /* canonical text; NULL: default */
    nst_error error;
};

const nst_option_info *nst_option_entry(nst_option_id id);
/* -1 for an unknown key; '_' and '-' are the same. */
int nst_option_find(const char *key);
/* The same, with NST_ERR_NOT_FOUND and a sentence that lists the options there are. */
int32_t nst_option_require(const char *key, nst_error *error);
/* The canonical text of an option, set or default. */
const char *nst_option_text(const nst_options *options, nst_option_id id);
/* For INT, FLOAT, BOOL and CHOICE (its index); `value` is NaN for "auto". */
double nst_option_number(const nst_options *options, nst_option_id id);

/* Checks `value` and stores its canonical form. */
int32_t nst_option_store(nst_options *options, nst_option_id id, const char *value, nst_error *error);
int32_t nst_options_parse_json(nst_options *options, const char *text, size_t length, nst_error *error);
/* As nst_options_to_json() in the public header. */
size_t nst_options_write_json(const nst_options *options, bool all, char *buffer, size_t capacity);

#endif
