/* safetensors: u64 header length, JSON header (name -> dtype, shape, data_offsets), then the values without holes.
 * https://github.com/huggingface/safetensors#format; stricter than its text wherever two readers could see two different files.
 */
#include "weights/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define MAX_METADATA 64 /* entries kept; all are checked */

static const struct {
    const char *name;
    nst_dtype dtype;
    size_t bits;
} dtypes[] = {{"F32", NST_DTYPE_F32, 32},      {"F64", NST_DTYPE_F64, 64},      {"F16", NST_DTYPE_F16, 16},
              {"BF16", NST_DTYPE_BF16, 16},    {"BOOL", NST_DTYPE_OTHER, 8},    {"U8", NST_DTYPE_OTHER, 8},
              {"I8", NST_DTYPE_I8, 8},         {"F8_E4M3", NST_DTYPE_OTHER, 8}, {"F8_E5M2", NST_DTYPE_OTHER, 8},
              {"F8_E8M0", NST_DTYPE_OTHER, 8}, {"U16", NST_DTYPE_OTHER, 16},    {"I16", NST_DTYPE_OTHER, 16},
              {"U32", NST_DTYPE_OTHER, 32},    {"I32", NST_DTYPE_OTHER, 32},    {"U64", NST_DTYPE_OTHER, 64},
              {"I64", NST_DTYPE_OTHER, 64},    {"C64", NST_DTYPE_OTHER, 64}};

static uint64_t load_u64(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static bool recognise(const unsigned char *head, size_t length)
{
    bool text = true;
    for (size_t i = 0; i < 8 && i < length; i++) text = text && head[i] >= 0x20 && head[i] < 0x7f;
    if (length < 9 || text) return false;
    return head[8] == '{' || (load_u64(head) < UINT64_C(1) << 32 && head[8] != '\0' && strchr(" \t\r\n", head[8]));
}

/* ---- header ---- */

/* No number in a header is negative, but a JSON reader turns -0 into 0. */
static bool has_minus_outside_strings(const char *text, size_t length)
{
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string && text[i] == '\\') i++;
        else if (text[i] == '"') in_string = !in_string;
        else if (text[i] == '-' && !in_string) return true;
    }
    return false;
}

static int32_t parse_header(const char *text, size_t length, json_t **out, nst_error *error)
{
    json_error_t problem;
    json_t *root;
    if (has_minus_outside_strings(text, length))
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: the header holds a negative number");
    root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        bool memory = json_error_code(&problem) == json_error_out_of_memory;
        return nst_fail(error, memory ? NST_ERR_NOMEM : NST_ERR_WEIGHTS_FORMAT,
                        "safetensors: the header is not valid: %s at byte %d", problem.text, problem.position);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: the header is not a JSON object");
    }
    *out = root;
    return NST_OK;
}

/* *data_start is where the values begin. */
static int32_t read_header(nst_ctx *ctx, const nst_bytes *bytes, json_t **root, size_t *data_start, nst_error *error)
{
    unsigned char prefix[8];
    uint64_t length;
    char *text;
    int32_t status;
    if (bytes->length < 8)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: %zu bytes are too few for a header", bytes->length);
    status = nst_bytes_read(bytes, 0, prefix, 8, error);
    if (status < 0) return status;
    length = load_u64(prefix);
    if (length > NST_SAFETENSORS_MAX_HEADER)
        return nst_fail(error, NST_ERR_LIMIT, "safetensors: a header of %" PRIu64 " bytes; at most %zu are read", length,
                        NST_SAFETENSORS_MAX_HEADER);
    if (length > bytes->length - 8)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "safetensors: truncated: the header needs %" PRIu64 " bytes, the file has %zu", length + 8,
                        bytes->length);
    text = nst_alloc(&ctx->memory, (size_t)length);
    if (!text) return nst_fail_nomem(error, "a safetensors header");
    status = nst_bytes_read(bytes, 8, text, (size_t)length, error);
    if (status >= 0) status = parse_header(text, (size_t)length, root, error);
    nst_free(&ctx->memory, text);
    *data_start = 8 + (size_t)length;
    return status;
}

static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = (size_t)json_integer_value(value);
    return (json_int_t)*out == json_integer_value(value);
}

static int32_t read_dtype(const char *name, const json_t *value, nst_dtype *dtype, size_t *size, nst_error *error)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(text, dtypes[i].name) != 0) continue;
        *dtype = dtypes[i].dtype;
        *size = dtypes[i].bits / 8;
        return NST_OK;
    }
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' has no known dtype ('%s')", name, text ? text : "");
}

static int32_t read_shape(const json_t *value, nst_tensor_entry *entry, size_t *elements, nst_error *error)
{
    size_t rank = json_array_size(value);
    if (!json_is_array(value) || rank > NST_MAX_RANK)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' has no shape of at most %d dimensions", entry->name,
                        NST_MAX_RANK);
    entry->rank = (int)rank;
    *elements = 1;
    for (size_t i = 0; i < rank; i++)
        if (!read_size(json_array_get(value, i), &entry->shape[i]) || !nst_size_mul(*elements, entry->shape[i], elements))
            return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' has a bad or too large shape", entry->name);
    return NST_OK;
}

static int32_t read_entry(const char *name, const json_t *value, nst_tensor_entry *entry, nst_error *error)
{
    const json_t *offsets = json_object_get(value, "data_offsets");
    size_t elements = 0, size = 0, wanted, end;
    int32_t status;
    if (strlen(name) >= sizeof entry->name)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: a tensor name of %zu bytes", strlen(name));
    memcpy(entry->name, name, strlen(name) + 1);
    if (json_object_size(value) != 3 || json_array_size(offsets) != 2)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' needs exactly dtype, shape and data_offsets", name);
    if ((status = read_dtype(name, json_object_get(value, "dtype"), &entry->dtype, &size, error)) < 0) return status;
    if ((status = read_shape(json_object_get(value, "shape"), entry, &elements, error)) < 0) return status;
    if (!read_size(json_array_get(offsets, 0), &entry->offset) || !read_size(json_array_get(offsets, 1), &end) ||
        end < entry->offset)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' has bad data_offsets", name);
    entry->bytes = end - entry->offset;
    if (!nst_size_mul(elements, size, &wanted) || wanted != entry->bytes)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "safetensors: '%s' holds %zu bytes, its shape and dtype need another number", name, entry->bytes);
    return NST_OK;
}

static int32_t check_metadata(const json_t *object, size_t *kept_bytes, nst_error *error)
{
    size_t kept = 0;
    const char *key;
    json_t *value;
    if (!json_is_object(object)) return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: __metadata__ is not an object");
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (!json_is_string(value))
            return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: metadata '%s' is not a string", key);
        if (kept++ < MAX_METADATA) *kept_bytes += strlen(key) + json_string_length(value) + 2; /* less than the header has */
    }
    return NST_OK;
}

static char *append_text(char *to, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(to, text, size);
    return to + size;
}

static int32_t read_metadata(const json_t *object, nst_metadata *metadata, nst_ctx *ctx, nst_error *error)
{
    size_t bytes = 0;
    const char *key;
    json_t *value;
    char *to;
    int32_t status = check_metadata(object, &bytes, error);
    if (status < 0) return status;
    to = metadata->texts = nst_alloc(&ctx->memory, bytes + 1); /* there may be none */
    if (!to) return nst_fail_nomem(error, "metadata");
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (metadata->count == MAX_METADATA) break;
        to = append_text(append_text(to, key), json_string_value(value));
        metadata->count++;
    }
    return NST_OK;
}

static int32_t read_entries(json_t *root, nst_tensor_list *list, nst_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach (root, key, value) {
        int32_t status;
        if (strcmp(key, "__metadata__") == 0) {
            status = read_metadata(value, &list->metadata, list->ctx, error);
        } else {
            nst_tensor_entry *entry = nst_tensor_list_add(list);
            status = entry ? read_entry(key, value, entry, error) : nst_fail_nomem(error, "the list of tensors");
        }
        if (status < 0) return status;
    }
    return NST_OK;
}

/* ---- layout ---- */

static int compare_offsets(const void *a, const void *b)
{
    const nst_tensor_entry *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The values follow each other without holes or overlaps and fill the file: nothing can hide, nothing is read twice. */
static int32_t check_layout(nst_tensor_list *list, size_t data_start, size_t file_length, nst_error *error)
{
    size_t at = 0, available = file_length - data_start;
    qsort(list->entries, list->count, sizeof list->entries[0], compare_offsets);
    for (size_t i = 0; i < list->count; i++) {
        nst_tensor_entry *entry = &list->entries[i];
        if (entry->offset != at)
            return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: '%s' begins at byte %zu of the data instead of %zu",
                            entry->name, entry->offset, at);
        at += entry->bytes;
        entry->offset = data_start + (at - entry->bytes);
    }
    if (at > available)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "safetensors: truncated: the header promises %zu bytes of data, the file has %zu", at, available);
    if (at < available)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: %zu bytes too many after the last tensor", available - at);
    return NST_OK;
}

static int32_t list_tensors(const nst_bytes *bytes, nst_tensor_list *list, nst_error *error)
{
    json_t *root = NULL;
    size_t data_start = 0;
    int32_t status = read_header(list->ctx, bytes, &root, &data_start, error);
    if (status < 0) return status;
    status = read_entries(root, list, error);
    json_decref(root);
    if (status >= 0 && list->count == 0)
        status = nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "safetensors: the file holds no tensor");
    return status < 0 ? status : check_layout(list, data_start, bytes->length, error);
}

const nst_container nst_container_safetensors = {.name = "safetensors", .recognise = recognise, .list = list_tensors};

int32_t nst_safetensors_metadata(nst_ctx *ctx, const nst_bytes *bytes, const char *key, char **value, nst_error *error)
{
    json_t *root = NULL;
    const char *text;
    size_t data_start;
    int32_t status = read_header(ctx, bytes, &root, &data_start, error);
    *value = NULL;
    if (status < 0) return status;
    text = json_string_value(json_object_get(json_object_get(root, "__metadata__"), key));
    if (text) *value = nst_strdup(&ctx->memory, text);
    if (text && !*value) status = nst_fail_nomem(error, "metadata");
    json_decref(root);
    return status;
}

/* ---- writing ---- */

static bool add_tensor(json_t *root, const nst_tensor_data *tensor, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) < 0) {
            json_decref(shape);
            return false;
        }
    return json_object_set_new(root, tensor->name,
                               json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets",
                                         (json_int_t)begin, (json_int_t)(begin + tensor->bytes))) == 0;
}

static json_t *make_header(const nst_tensor_data *tensors, size_t count, const char *const (*metadata)[2], size_t pairs)
{
    json_t *root = json_object(), *object = json_object();
    size_t begin = 0;
    bool good = root && object;
    for (size_t i = 0; good && i < pairs; i++)
        good = json_object_set_new(object, metadata[i][0], json_string(metadata[i][1])) == 0;
    if (pairs > 0) good = json_object_set(root, "__metadata__", object) == 0 && good;
    for (size_t i = 0; good && i < count; i++) {
        good = add_tensor(root, &tensors[i], begin);
        begin += tensors[i].bytes;
    }
    json_decref(object);
    if (good) return root;
    json_decref(root);
    return NULL;
}

/* The header as it stands in the file: length, JSON, blanks. */
static char *format_header(nst_ctx *ctx, const json_t *root, size_t *size)
{
    size_t used = json_dumpb(root, NULL, 0, JSON_COMPACT), padded;
    char *text = nst_size_round_up(used + 8, 64, &padded) ? nst_alloc(&ctx->memory, padded) : NULL;
    if (!text) return NULL;
    for (int i = 0; i < 8; i++) text[i] = (char)(unsigned char)((uint64_t)(padded - 8) >> (8 * i));
    memset(text + 8, ' ', padded - 8);
    json_dumpb(root, text + 8, used, JSON_COMPACT);
    *size = padded;
    return text;
}

int32_t nst_safetensors_write(nst_ctx *ctx, const nst_writer *writer, const nst_tensor_data *tensors, size_t count,
                              const char *const (*metadata)[2], size_t pairs, nst_error *error)
{
    json_t *root = make_header(tensors, count, metadata, pairs);
    size_t size = 0;
    char *header = root ? format_header(ctx, root, &size) : NULL;
    int32_t failed;
    json_decref(root);
    if (!header) return nst_fail_nomem(error, "a safetensors header (or a text in it is not UTF-8)");
    failed = writer->write(writer->user, header, size);
    nst_free(&ctx->memory, header);
    for (size_t i = 0; !failed && i < count; i++)
        if (tensors[i].bytes > 0) failed = writer->write(writer->user, tensors[i].data, tensors[i].bytes);
    return failed ? nst_fail(error, NST_ERR_IO, "writing failed") : NST_OK;
}
