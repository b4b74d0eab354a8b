/* Glue of nst/options.h. */
#include <math.h>
#include <string.h>

#include "base/abi.h"
#include "base/number.h"
#include "session/options.h"

uint32_t nst_option_count(void)
{
    return NST_OPT_COUNT;
}

int32_t nst_option_info_by_index(uint32_t index, nst_option_info *info)
{
    if (index >= NST_OPT_COUNT) return NST_ERR_NOT_FOUND;
    return nst_abi_write(info, nst_option_entry((nst_option_id)index), sizeof *info, NST_OPTION_INFO_FIRST_SIZE);
}

int32_t nst_option_info_by_key(const char *key, nst_option_info *info)
{
    int id = nst_option_find(key);
    return id < 0 ? NST_ERR_NOT_FOUND : nst_option_info_by_index((uint32_t)id, info);
}

int32_t nst_options_new(nst_ctx *ctx, nst_options **out)
{
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!ctx) return NST_ERR_INVALID_ARG;
    *out = nst_alloc_zero(&ctx->memory, sizeof **out);
    if (!*out) {
        nst_error error;
        return nst_ctx_keep_error(ctx, nst_fail_nomem(&error, "options"), &error);
    }
    (*out)->ctx = nst_ctx_ref(ctx);
    return NST_OK;
}

int32_t nst_options_copy(const nst_options *options, nst_options **out)
{
    nst_error error;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!options) return NST_ERR_INVALID_ARG;
    status = nst_options_new(options->ctx, out);
    for (int id = 0; status >= 0 && id < NST_OPT_COUNT; id++) {
        if (!options->values[id]) continue;
        (*out)->values[id] = nst_strdup(&options->ctx->memory, options->values[id]);
        if (!(*out)->values[id]) status = NST_ERR_NOMEM;
    }
    if (status >= 0) return NST_OK;
    nst_options_free(*out);
    *out = NULL;
    return nst_ctx_keep_error(options->ctx, nst_fail_nomem(&error, "options"), &error);
}

void nst_options_free(nst_options *options)
{
    nst_ctx *ctx = options ? options->ctx : NULL;
    if (!options) return;
    for (int id = 0; id < NST_OPT_COUNT; id++) nst_free(&ctx->memory, options->values[id]);
    nst_free(&ctx->memory, options);
    nst_ctx_unref(ctx);
}

int32_t nst_options_set_str(nst_options *options, const char *key, const char *value)
{
    int32_t id;
    if (!options || !value) return NST_ERR_INVALID_ARG;
    id = nst_option_require(key, &options->error);
    return id < 0 ? id : nst_option_store(options, (nst_option_id)id, value, &options->error);
}

int32_t nst_options_set_i64(nst_options *options, const char *key, int64_t value)
{
    char text[NST_NUMBER_TEXT];
    if (value > (INT64_C(1) << 53) || value < -(INT64_C(1) << 53)) {
        if (!options) return NST_ERR_INVALID_ARG;
        return nst_fail(&options->error, NST_ERR_INVALID_ARG, "%s: beyond 2^53", key ? key : "(null)");
    }
    return nst_options_set_str(options, key, nst_format_f64((double)value, text));
}

int32_t nst_options_set_f64(nst_options *options, const char *key, double value)
{
    char text[NST_NUMBER_TEXT];
    return nst_options_set_str(options, key, nst_format_f64(value, text));
}

const char *nst_options_get_str(const nst_options *options, const char *key)
{
    int id = options ? nst_option_find(key) : -1;
    return id < 0 ? NULL : nst_option_text(options, (nst_option_id)id);
}

int32_t nst_options_get_f64(const nst_options *options, const char *key, double *value)
{
    int id = nst_option_find(key);
    double number;
    if (!options || !value) return NST_ERR_INVALID_ARG;
    if (id < 0) return NST_ERR_NOT_FOUND;
    number = nst_option_number(options, (nst_option_id)id);
    if (isnan(number)) return NST_ERR_INVALID_ARG; /* "auto", or not a number at all */
    *value = number;
    return NST_OK;
}

int32_t nst_options_get_i64(const nst_options *options, const char *key, int64_t *value)
{
    double number;
    int32_t status = value ? nst_options_get_f64(options, key, &number) : NST_ERR_INVALID_ARG;
    if (status < 0) return status;
    if (number != floor(number) || fabs(number) > 9007199254740992.0) return NST_ERR_INVALID_ARG;
    *value = (int64_t)number;
    return NST_OK;
}

int32_t nst_options_is_set(const nst_options *options, const char *key)
{
    int id = options ? nst_option_find(key) : -1;
    return id >= 0 && options->values[id] != NULL;
}

int32_t nst_options_unset(nst_options *options, const char *key)
{
    int32_t id;
    if (!options) return NST_ERR_INVALID_ARG;
    id = nst_option_require(key, &options->error);
    if (id < 0) return id;
    nst_free(&options->ctx->memory, options->values[id]);
    options->values[id] = NULL;
    return NST_OK;
}

int32_t nst_options_from_json(nst_options *options, const char *text, uint64_t length)
{
    if (!options || !text) return NST_ERR_INVALID_ARG;
    return nst_options_parse_json(options, text, (size_t)length, &options->error);
}

int32_t nst_options_to_json(const nst_options *options, int32_t all, char *buffer, uint64_t capacity, uint64_t *length)
{
    if (!options || !length || (!buffer && capacity > 0)) return NST_ERR_INVALID_ARG;
    *length = nst_options_write_json(options, all != 0, buffer, (size_t)capacity);
    return NST_OK;
}

const char *nst_options_error(const nst_options *options)
{
    return options ? options->error.text : "";
}
