/* Options resolved against a model: names become layers, "auto" becomes a number. */
#ifndef NST_SESSION_SETTINGS_H
#define NST_SESSION_SETTINGS_H

#include "base/number.h"
#include "image/image.h"
#include "loss/dialect.h"
#include "net/pass.h"
#include "optim/optim.h"
#include "session/blend.h"
#include "session/colour.h"
#include "session/options.h"

typedef struct nst_layer_choice {
    size_t layer; /* index into the topology */
    double weight;
    bool weight_given; /* false: the dialect decides */
} nst_layer_choice;

typedef struct nst_layer_choices {
    nst_layer_choice items[NST_MAX_LAYERS];
    size_t count;
} nst_layer_choices;

/* In the order of the option `init`. */
typedef enum nst_init {
    NST_INIT_AUTO, /* in options alone */
    NST_INIT_CONTENT,
    NST_INIT_NOISE,
    NST_INIT_GRAY,
    NST_INIT_STYLE,
    NST_INIT_IMAGE,
    NST_INIT_MATCHED
} nst_init;

/* In the order of the option `preset`. */
typedef enum nst_preset { NST_PRESET_DRAFT, NST_PRESET_DEFAULT, NST_PRESET_QUALITY } nst_preset;

/* In the order of the option `style-statistics`. */
typedef enum nst_statistics {
    NST_STATISTICS_GRAM,
    NST_STATISTICS_MEAN_STD,
    NST_STATISTICS_COVARIANCE,
    NST_STATISTICS_SHIFTED_GRAM,
    NST_STATISTICS_WASSERSTEIN,
    NST_STATISTICS_CHAINED
} nst_statistics;

typedef struct nst_settings {
    nst_dialect dialect;
    double strength; /* NaN: alpha and beta are what they are */
    nst_statistics statistics;
    double alpha, beta, tv, laplacian;
    double histogram; /* 0: there is no such loss */
    double matting; /* 0: there is no such loss */
    double photo;   /* that restraint holds the picture to; 0: matting stays what it is */
    double temporal; /* 0: no previous frame */
    bool from_previous; /* the start is the previous frame where it can be seen */
    nst_layer_choices content, style, histogram_layers; /* empty where there is no image or no loss for them */
    nst_blend blend; /* of the styles */
    double style_scale;
    bool guided, weighted; /* the targets have maps of regions; of the content's weights */
    bool inside;           /* of regions counts what lies inside alone */
    nst_colours colours;
    size_t laplacian_pool;
    size_t octaves; /* at most */
    nst_init init;
    double init_noise;
    nst_filter_kind finish;
    uint64_t seed;
    nst_preset preset;
    size_t width, height; /* the shape, where no image gives it; else 0 */
    size_t size, scales; /* scales 0: from about 128 pixels on */
    size_t enlarge;      /* how many times larger than painted the picture is handed out; 0: as its size wants it */
    double detail;       /* of the content, put back where the picture grows */
    bool by_preset;      /* the preset tells the iterations of each scale */
    uint32_t iterations; /* else: in total */
    double tolerance;
    nst_optim_config optim;
    bool pyramid; /* preconditions L-BFGS */
    nst_network_config network;
    nst_precision precision;
    size_t fronts;  /* stages of the network that go in bands (net/front.h) */
    bool narrow;    /* features of the content image are kept in 16 bits */
    size_t memory_limit; /* bytes; 0: none */
    size_t deepest; /* layer that the network must reach */
    char strength_text[NST_NUMBER_TEXT], alpha_text[NST_NUMBER_TEXT], beta_text[NST_NUMBER_TEXT], tv_text[NST_NUMBER_TEXT];
    char temporal_text[NST_NUMBER_TEXT];
    char detail_text[NST_NUMBER_TEXT], octaves_text[8]; /* for nst_settings_automatic() */
    char style_weights_text[2 * NST_MAX_STYLES + 1];
} nst_settings;

/* NST_ERR_NOT_FOUND for a layer the model does not have (naming those it has), NST_ERR_INVALID_ARG for a layer named twice, what
 * nst_blend_resolve() has against the style weights, NST_ERR_PREPROCESSING. */
int32_t nst_settings_resolve(const nst_options *options, const nst_model *model, bool has_content, size_t style_count,
                             nst_settings *out, nst_error *error);

/* Whether an option asks for what is nothing without a content image. Those that would be a contradiction are refused instead. */
bool nst_settings_needs_content(const nst_options *options, nst_option_id id);

/* Adds what a previous frame of a film brings. */
void nst_settings_add_previous(const nst_options *options, nst_settings *settings);

/* A layer of the model by its name; `key` is the option that has it. NST_ERR_NOT_FOUND as above. */
int32_t nst_settings_find_layer(const nst_weights *weights, const char *key, const char *name, size_t *index, nst_error *error);

/* Whether the style weights speak of style and histogram layers, and of sizes that octaves allows, alone. */
int32_t nst_settings_check_blend(const nst_settings *settings, const nst_weights *weights, nst_error *error);

/* What the styles come to over all style layers and `octaves`: weights[i] of style i, sum 1. */
void nst_settings_mean_blend(const nst_settings *settings, size_t octaves, double weights[NST_MAX_STYLES]);

/* Whether the text of a list of layers names `layer`. */
bool nst_settings_list_names(const char *list, const char *layer);

/* What an option that was left at "auto" came to; "auto" where that is decided while the session runs, or is nothing. */
const char *nst_settings_automatic(const nst_settings *settings, nst_option_id id);

#endif
