/* libnst: options. SPDX-License-Identifier: MIT
 *
 * Everything that can be chosen about a run is one entry of one table, reachable by name and by index: the command's flags and help,
 * the Python properties, the man page and docs/options.md are made from it. Names are written with '-' ('_' is accepted).
 * Numbers are read and written without regard to the locale. Errors: nst_options_error(). One thread at a time.
 */
#ifndef NST_OPTIONS_H
#define NST_OPTIONS_H

#include <nst/types.h>

NST_BEGIN_DECLS

typedef enum nst_option_type {
    NST_OPTION_INT = 1,    /* int64 between minimum and maximum */
    NST_OPTION_FLOAT = 2,  /* finite double between minimum and maximum */
    NST_OPTION_BOOL = 3,   /* "true"/"false", also 1/0, yes/no, on/off */
    NST_OPTION_CHOICE = 4, /* one of `choices` */
    NST_OPTION_LAYERS = 5, /* name[:weight],... : a layer list; without a weight the dialect's own applies */
    NST_OPTION_FLOATS = 6, /* number,... : each between minimum and maximum; [layer][/size:]number,...;... : groups of them (doc) */
    NST_OPTION_STRING = 7
} nst_option_type;

/* When a change of the option takes effect in a running session. */
typedef enum nst_option_change {
    NST_CHANGE_LIVE = 1,    /* at the next step, nothing else happens */
    NST_CHANGE_RESTART = 2, /* at the next step; the objective changes, so the optimiser's memory restarts */
    NST_CHANGE_PLAN = 3,    /* at the next step; network, targets or sizes are prepared anew, the image stays */
    NST_CHANGE_FIXED = 4    /* only before the session is made */
} nst_option_change;

typedef struct nst_option_info {
    uint32_t size;   /* sizeof(nst_option_info) */
    int32_t type;    /* nst_option_type */
    int32_t change;  /* nst_option_change */
    uint32_t since;  /* API version that introduced it */
    const char *key; /* all strings static */
    const char *default_text; /* what nst_options_get_str() answers before it is set; "auto" where another option decides */
    const char *choices;      /* CHOICE: "a|b|c", else "" */
    const char *unit;         /* "pixels", "iterations", ... or ""; numbers of "bytes" may be written as 1.5G */
    const char *group;        /* "objective", "start", "optimiser", "schedule", "network", "memory" */
    const char *doc;          /* one or two sentences */
    double minimum, maximum;  /* INT, FLOAT, FLOATS */
    uint64_t reserved[2];
} nst_option_info;

/* The table. nst_option_info_by_index() and _by_key() answer NST_ERR_NOT_FOUND past the end and for unknown keys. Any thread. */
NST_API uint32_t nst_option_count(void);
NST_API int32_t nst_option_info_by_index(uint32_t index, nst_option_info *info);
NST_API int32_t nst_option_info_by_key(const char *key, nst_option_info *info);

/* A set of options, all at their defaults. */
NST_API int32_t nst_options_new(nst_ctx *ctx, nst_options **out);
NST_API int32_t nst_options_copy(const nst_options *options, nst_options **out);
NST_API void nst_options_free(nst_options *options);

/* The text form works for every type; the others for their own type (get_f64 also reads INT, get_i64 also BOOL and CHOICE, where
 * it is the index of the choice). An invalid value changes nothing: NST_ERR_INVALID_ARG; an unknown key: NST_ERR_NOT_FOUND. */
NST_API int32_t nst_options_set_str(nst_options *options, const char *key, const char *value);
NST_API int32_t nst_options_set_i64(nst_options *options, const char *key, int64_t value);
NST_API int32_t nst_options_set_f64(nst_options *options, const char *key, double value);
NST_API const char *nst_options_get_str(const nst_options *options, const char *key); /* NULL: unknown key; valid until changed */
NST_API int32_t nst_options_get_i64(const nst_options *options, const char *key, int64_t *value);
NST_API int32_t nst_options_get_f64(const nst_options *options, const char *key, double *value);
/* Non-zero if the option was set (rather than left at its default). unset() goes back to the default. */
NST_API int32_t nst_options_is_set(const nst_options *options, const char *key);
NST_API int32_t nst_options_unset(nst_options *options, const char *key);

/* JSON: one object of key -> value, numbers as numbers, the rest as strings. from_json() is all or nothing and refuses unknown keys
 * (NST_ERR_PARAMS_FORMAT); "nst:" members are ignored. to_json() writes what was set, or everything if `all`, into `buffer`
 * (NUL-terminated, at most `capacity` bytes) and stores the full length without the NUL in *length. */
NST_API int32_t nst_options_from_json(nst_options *options, const char *text, uint64_t length);
NST_API int32_t nst_options_to_json(const nst_options *options, int32_t all, char *buffer, uint64_t capacity, uint64_t *length);

/* The sentence of the latest failed call on these options; "" before any failure. Valid until the next failure. */
NST_API const char *nst_options_error(const nst_options *options);

NST_END_DECLS

#endif
