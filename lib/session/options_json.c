/* Options as JSON, in both directions. */
#include <jansson.h>
#include <string.h>

#include "base/number.h"
#include "session/options.h"

static int32_t store_json_value(nst_options *options, int id, const json_t *value, nst_error *error)
{
    char number[NST_NUMBER_TEXT];
    if (json_is_string(value)) return nst_option_store(options, (nst_option_id)id, json_string_value(value), error);
    if (json_is_boolean(value)) return nst_option_store(options, (nst_option_id)id, json_is_true(value) ? "true" : "false", error);
    if (json_is_number(value))
        return nst_option_store(options, (nst_option_id)id, nst_format_f64(json_number_value(value), number), error);
    return nst_fail(error, NST_ERR_PARAMS_FORMAT, "the value of '%s' must be a number, a string, true or false",
                    nst_option_entry((nst_option_id)id)->key);
}

/* Into a scratch set first: a bad member must leave nothing half changed. */
static int32_t store_members(nst_options *scratch, json_t *root, nst_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach (root, key, value) {
        int id = nst_option_find(key);
        int32_t status;
        if (strncmp(key, "nst:", 4) == 0) continue;
        if (id < 0) return nst_fail(error, NST_ERR_PARAMS_FORMAT, "there is no option '%s'", key);
        status = store_json_value(scratch, id, value, error);
        if (status == NST_ERR_INVALID_ARG) status = NST_ERR_PARAMS_FORMAT;
        if (status < 0) return status;
    }
    return NST_OK;
}

static void swap_values(nst_options *a, nst_options *b)
{
    char *values[NST_OPT_COUNT];
    memcpy(values, a->values, sizeof values);
    memcpy(a->values, b->values, sizeof values);
    memcpy(b->values, values, sizeof values);
}

int32_t nst_options_parse_json(nst_options *options, const char *text, size_t length, nst_error *error)
{
    json_error_t problem;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    nst_options *scratch = NULL;
    int32_t status;
    if (!root) return nst_fail(error, NST_ERR_PARAMS_FORMAT, "not JSON: %s, line %d", problem.text, problem.line);
    if (!json_is_object(root)) {
        json_decref(root);
        return nst_fail(error, NST_ERR_PARAMS_FORMAT, "parameters must be one JSON object");
    }
    status = nst_options_copy(options, &scratch);
    if (status < 0) nst_fail_nomem(error, "parameters");
    else status = store_members(scratch, root, error);
    if (status >= 0) swap_values(options, scratch);
    nst_options_free(scratch);
    json_decref(root);
    return status;
}

/* Appends to a buffer that may be too small: counts on, writes what fits. */
typedef struct sink {
    char *buffer;
    size_t capacity, length;
} sink;

static void put(sink *out, const char *text)
{
    for (; *text; text++, out->length++)
        if (out->length + 1 < out->capacity) out->buffer[out->length] = *text;
}

static void put_member(sink *out, const nst_option_info *entry, const char *text)
{
    bool plain = (entry->type == NST_OPTION_INT || entry->type == NST_OPTION_FLOAT || entry->type == NST_OPTION_BOOL) &&
                 strcmp(text, "auto") != 0;
    put(out, "\"");
    put(out, entry->key);
    put(out, plain ? "\": " : "\": \"");
    put(out, text); /* what the checks let through needs no escaping */
    if (!plain) put(out, "\"");
}

size_t nst_options_write_json(const nst_options *options, bool all, char *buffer, size_t capacity)
{
    sink out = {buffer, buffer ? capacity : 0, 0};
    bool first = true;
    put(&out, "{");
    for (int id = 0; id < NST_OPT_COUNT; id++) {
        if (!all && !options->values[id]) continue;
        if (!first) put(&out, ", ");
        put_member(&out, nst_option_entry((nst_option_id)id), nst_option_text(options, (nst_option_id)id));
        first = false;
    }
    put(&out, "}");
    if (out.capacity > 0) out.buffer[out.length < out.capacity ? out.length : out.capacity - 1] = '\0';
    return out.length;
}
