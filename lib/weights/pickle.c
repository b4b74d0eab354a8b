#include "weights/pickle.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "base/size.h"

#define MAX_BYTES ((size_t)16 << 20) /* of each of the arrays below */
#define MAX_MEMO 1000000
#define MAX_STORAGES 4096
#define MAX_TENSORS 4096

typedef struct tensor {
    uint32_t storage;
    size_t offset, count; /* elements */
    int rank;
    size_t shape[NST_MAX_RANK];
} tensor;

/* Lists and dictionaries are chains of cells: they grow while others grow. */
typedef struct cell {
    nst_pickle_value key, value;
    uint32_t next; /* index + 1; 0: end */
} cell;

typedef struct container {
    uint32_t first, last; /* index + 1 */
} container;

typedef struct array {
    void *data;
    size_t count, capacity;
} array;

struct nst_pickle {
    nst_ctx *ctx;
    array stack, memo, items;  /* nst_pickle_value */
    array text;                /* char */
    array cells, containers, storages, tensors;
    const nst_bytes *bytes; /* of the run in progress */
    size_t position, end;
    size_t window_begin, window_end;
    unsigned char window[4096];
    nst_error *error;
};

typedef enum callable { ORDERED_DICT, REBUILD_TENSOR, REBUILD_TENSOR_V2, REBUILD_PARAMETER, FIRST_STORAGE } callable;

static const struct {
    const char *name; /* module, newline, name */
    nst_dtype dtype;
    size_t size;
} globals[] = {
    [ORDERED_DICT] = {"collections\nOrderedDict", NST_DTYPE_OTHER, 0},
    [REBUILD_TENSOR] = {"torch._utils\n_rebuild_tensor", NST_DTYPE_OTHER, 0},
    [REBUILD_TENSOR_V2] = {"torch._utils\n_rebuild_tensor_v2", NST_DTYPE_OTHER, 0},
    [REBUILD_PARAMETER] = {"torch._utils\n_rebuild_parameter", NST_DTYPE_OTHER, 0},
    [FIRST_STORAGE] = {"torch\nFloatStorage", NST_DTYPE_F32, 4},
    {"torch\nHalfStorage", NST_DTYPE_F16, 2},
    {"torch\nDoubleStorage", NST_DTYPE_F64, 8},
    {"torch\nBFloat16Storage", NST_DTYPE_BF16, 2},
    {"torch\nLongStorage", NST_DTYPE_OTHER, 8},
    {"torch\nIntStorage", NST_DTYPE_OTHER, 4},
    {"torch\nShortStorage", NST_DTYPE_OTHER, 2},
    {"torch\nCharStorage", NST_DTYPE_OTHER, 1},
    {"torch\nByteStorage", NST_DTYPE_OTHER, 1},
    {"torch\nBoolStorage", NST_DTYPE_OTHER, 1},
};

nst_pickle *nst_pickle_new(nst_ctx *ctx)
{
    nst_pickle *p = nst_alloc_zero(&ctx->memory, sizeof *p);
    if (p) p->ctx = ctx;
    return p;
}

void nst_pickle_free(nst_pickle *p)
{
    array *arrays[] = {&p->stack, &p->memo, &p->items, &p->text, &p->cells, &p->containers, &p->storages, &p->tensors};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) nst_free(&p->ctx->memory, arrays[i]->data);
    nst_free(&p->ctx->memory, p);
}

/* ---- memory ---- */

static int32_t bad(nst_pickle *p, const char *what)
{
    nst_fail(p->error, NST_ERR_WEIGHTS_FORMAT, "pickle: %s at byte %zu", what, p->position);
    return NST_ERR_WEIGHTS_FORMAT; /* said here so that compilers see that it is a failure */
}

/* Room for `more` elements behind the last. */
static int32_t reserve(nst_pickle *p, array *a, size_t more, size_t size)
{
    size_t wanted, capacity = a->capacity ? a->capacity : 64;
    void *grown;
    if (!nst_size_add(a->count, more, &wanted) || wanted > MAX_BYTES / size) return bad(p, "too much");
    if (wanted <= a->capacity) return NST_OK;
    while (capacity < wanted) capacity *= 2;
    grown = nst_realloc(&p->ctx->memory, a->data, capacity * size);
    if (!grown) return nst_fail_nomem(p->error, "a pickle");
    a->data = grown;
    a->capacity = capacity;
    return NST_OK;
}

static nst_pickle_value *values(const array *a)
{
    return a->data;
}

static int32_t append(nst_pickle *p, array *a, nst_pickle_value value)
{
    int32_t status = reserve(p, a, 1, sizeof value);
    if (status >= 0) values(a)[a->count++] = value;
    return status;
}

static int32_t push(nst_pickle *p, nst_pickle_value value)
{
    return append(p, &p->stack, value);
}

static int32_t pop(nst_pickle *p, nst_pickle_value *out)
{
    if (p->stack.count == 0 || values(&p->stack)[p->stack.count - 1].kind == NST_PICKLE_MARK) return bad(p, "an empty stack");
    *out = values(&p->stack)[--p->stack.count];
    return NST_OK;
}

/* *first is the stack position behind the topmost mark. */
static int32_t find_mark(nst_pickle *p, size_t *first)
{
    size_t i = p->stack.count;
    while (i > 0 && values(&p->stack)[i - 1].kind != NST_PICKLE_MARK) i--;
    if (i == 0) return bad(p, "no mark");
    *first = i;
    return NST_OK;
}

static int32_t new_container(nst_pickle *p, nst_pickle_kind kind, nst_pickle_value *out)
{
    int32_t status = reserve(p, &p->containers, 1, sizeof(container));
    if (status < 0) return status;
    ((container *)p->containers.data)[p->containers.count] = (container){0, 0};
    *out = (nst_pickle_value){.kind = kind, .index = (uint32_t)p->containers.count++};
    return NST_OK;
}

static int32_t add_cell(nst_pickle *p, nst_pickle_value target, nst_pickle_value key, nst_pickle_value value)
{
    int32_t status = reserve(p, &p->cells, 1, sizeof(cell));
    container *c;
    cell *cells = p->cells.data;
    if (status < 0) return status;
    cells = p->cells.data;
    c = (container *)p->containers.data + target.index;
    cells[p->cells.count] = (cell){key, value, 0};
    p->cells.count++;
    if (c->last) cells[c->last - 1].next = (uint32_t)p->cells.count;
    else c->first = (uint32_t)p->cells.count;
    c->last = (uint32_t)p->cells.count;
    return NST_OK;
}

/* ---- input ---- */

static int32_t fill_window(nst_pickle *p)
{
    size_t count = p->end - p->position < sizeof p->window ? p->end - p->position : sizeof p->window;
    p->window_begin = p->window_end = p->position;
    if (count == 0) return bad(p, "truncated: the file ends inside it");
    p->window_end += count;
    return nst_bytes_read(p->bytes, p->position, p->window, count, p->error);
}

static int32_t read_byte(nst_pickle *p, unsigned char *out)
{
    if (p->position >= p->window_end) {
        int32_t status = fill_window(p);
        if (status < 0) return status;
    }
    *out = p->window[p->position++ - p->window_begin];
    return NST_OK;
}

/* An unsigned little-endian number of `size` bytes. */
static int32_t read_number(nst_pickle *p, int size, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < size; i++) {
        unsigned char byte;
        int32_t status = read_byte(p, &byte);
        if (status < 0) return status;
        *out |= (uint64_t)byte << (8 * i);
    }
    return NST_OK;
}

static int32_t push_text(nst_pickle *p, int length_size)
{
    uint64_t length;
    nst_pickle_value value = {.kind = NST_PICKLE_STRING, .index = (uint32_t)p->text.count};
    int32_t status = read_number(p, length_size, &length);
    if (status < 0) return status;
    if (length > p->end - p->position) return bad(p, "a text longer than the file");
    if ((status = reserve(p, &p->text, (size_t)length + 1, 1)) < 0) return status;
    for (uint64_t i = 0; i < length; i++) {
        unsigned char byte;
        if ((status = read_byte(p, &byte)) < 0) return status;
        if (byte == '\0') return bad(p, "a text with a zero byte");
        ((char *)p->text.data)[p->text.count++] = (char)byte;
    }
    ((char *)p->text.data)[p->text.count++] = '\0';
    value.integer = (int64_t)length;
    return push(p, value);
}

static int32_t push_long(nst_pickle *p)
{
    uint64_t size, bits;
    int32_t status = read_number(p, 1, &size);
    if (status < 0) return status;
    if (size > 8) return bad(p, "too large a number");
    if ((status = read_number(p, (int)size, &bits)) < 0) return status;
    if (size > 0 && size < 8 && bits >> (8 * size - 1)) bits |= UINT64_MAX << (8 * size);
    return push(p, (nst_pickle_value){.kind = NST_PICKLE_INT, .integer = (int64_t)bits});
}

static int32_t push_int(nst_pickle *p, int size)
{
    uint64_t bits;
    int32_t status = read_number(p, size, &bits);
    return status < 0 ? status
                      : push(p, (nst_pickle_value){.kind = NST_PICKLE_INT, .integer = size == 4 ? (int32_t)bits : (int64_t)bits});
}

static int32_t skip_float(nst_pickle *p)
{
    uint64_t bits;
    int32_t status = read_number(p, 8, &bits);
    return status < 0 ? status : push(p, (nst_pickle_value){.kind = NST_PICKLE_FLOAT});
}

/* ---- names ---- */

static int32_t refuse_global(nst_pickle *p, char *name)
{
    char *newline = strchr(name, '\n');
    bool module = strncmp(name, "torch.nn", 8) == 0 || strncmp(name, "torchvision", 11) == 0 || strncmp(name, "__main__", 8) == 0;
    if (newline) *newline = '.';
    return nst_fail(p->error, NST_ERR_WEIGHTS_FORMAT, "pickle: it asks for '%s', which is never run%s: in Python, load it and "
                    "torch.save(network.state_dict(), 'weights.pth')", name, module ? " (a whole model, not its weights)" : "");
}

static int32_t push_global(nst_pickle *p)
{
    char name[160];
    size_t length = 0;
    int newlines = 0;
    while (newlines < 2) {
        unsigned char byte;
        int32_t status = read_byte(p, &byte);
        if (status < 0) return status;
        if (length + 1 >= sizeof name) return bad(p, "too long a name");
        newlines += byte == '\n';
        if (newlines < 2) name[length++] = (char)byte;
    }
    name[length] = '\0';
    for (uint32_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (strlen(globals[i].name) == length && memcmp(name, globals[i].name, length) == 0)
            return push(p, (nst_pickle_value){.kind = NST_PICKLE_GLOBAL, .index = i});
    return refuse_global(p, name);
}

/* ---- storages and tensors ---- */

static const nst_pickle_value *tuple_items(const nst_pickle *p, nst_pickle_value tuple)
{
    return values(&p->items) + tuple.index;
}

/* ('storage', type, key, location, element count[, None]) */
static int32_t push_storage(nst_pickle *p)
{
    nst_pickle_value id;
    const nst_pickle_value *item;
    nst_pickle_storage *storage;
    int32_t status = pop(p, &id);
    if (status < 0) return status;
    if (id.kind != NST_PICKLE_TUPLE || id.integer < 5 || id.integer > 6) return bad(p, "a persistent id that is no storage");
    item = tuple_items(p, id);
    if (item[0].kind != NST_PICKLE_STRING || strcmp(nst_pickle_text(p, item[0]), "storage") != 0 ||
        item[1].kind != NST_PICKLE_GLOBAL || item[1].index < FIRST_STORAGE || item[2].kind != NST_PICKLE_STRING ||
        item[3].kind != NST_PICKLE_STRING || item[4].kind != NST_PICKLE_INT || item[4].integer < 0 ||
        (id.integer == 6 && item[5].kind != NST_PICKLE_NONE))
        return bad(p, "a persistent id that is no plain storage");
    storage = nst_pickle_storage_by_key(p, nst_pickle_text(p, item[2]));
    if (storage) {
        if (storage->count != (uint64_t)item[4].integer || storage->dtype != globals[item[1].index].dtype)
            return bad(p, "a storage described in two ways");
        return push(p,
                    (nst_pickle_value){.kind = NST_PICKLE_STORAGE, .index = (uint32_t)(storage - nst_pickle_storage_at(p, 0))});
    }
    if (p->storages.count == MAX_STORAGES) return bad(p, "too many storages");
    if ((status = reserve(p, &p->storages, 1, sizeof *storage)) < 0) return status;
    *nst_pickle_storage_at(p, p->storages.count) =
        (nst_pickle_storage){.key = item[2], .dtype = globals[item[1].index].dtype, .count = (size_t)item[4].integer,
                             .element_size = globals[item[1].index].size};
    return push(p, (nst_pickle_value){.kind = NST_PICKLE_STORAGE, .index = (uint32_t)p->storages.count++});
}

/* Sizes of a tensor whose elements lie one after another, last dimension fastest. */
static int32_t read_shape(nst_pickle *p, nst_pickle_value size, nst_pickle_value stride, tensor *out)
{
    const nst_pickle_value *sizes, *strides;
    size_t count = 1;
    if (size.kind != NST_PICKLE_TUPLE || stride.kind != NST_PICKLE_TUPLE || size.integer != stride.integer ||
        size.integer > NST_MAX_RANK)
        return bad(p, "a tensor without proper sizes and strides");
    sizes = tuple_items(p, size), strides = tuple_items(p, stride);
    out->rank = (int)size.integer;
    for (int i = out->rank - 1; i >= 0; i--) {
        if (sizes[i].kind != NST_PICKLE_INT || strides[i].kind != NST_PICKLE_INT || sizes[i].integer < 0)
            return bad(p, "a tensor without proper sizes and strides");
        out->shape[i] = (size_t)sizes[i].integer;
        if (sizes[i].integer != 1 && (uint64_t)strides[i].integer != count && count != 0)
            return bad(p, "a tensor that is not contiguous (save it with .contiguous())");
        if (!nst_size_mul(count, out->shape[i], &count)) return bad(p, "too large a tensor");
    }
    out->count = count;
    return NST_OK;
}

/* (storage, offset, sizes, strides, ...) */
static int32_t rebuild_tensor(nst_pickle *p, nst_pickle_value arguments, int64_t least, int64_t most)
{
    const nst_pickle_value *item = tuple_items(p, arguments);
    tensor made = {0};
    size_t end;
    int32_t status;
    if (arguments.integer < least || arguments.integer > most || item[0].kind != NST_PICKLE_STORAGE ||
        item[1].kind != NST_PICKLE_INT || item[1].integer < 0)
        return bad(p, "a tensor with wrong arguments");
    made.storage = item[0].index;
    made.offset = (size_t)item[1].integer;
    if ((status = read_shape(p, item[2], item[3], &made)) < 0) return status;
    if (!nst_size_add(made.offset, made.count, &end) || end > nst_pickle_storage_at(p, made.storage)->count)
        return bad(p, "a tensor that reaches past its storage");
    if (p->tensors.count == MAX_TENSORS) return bad(p, "too many tensors");
    if ((status = reserve(p, &p->tensors, 1, sizeof made)) < 0) return status;
    ((tensor *)p->tensors.data)[p->tensors.count] = made;
    return push(p, (nst_pickle_value){.kind = NST_PICKLE_TENSOR, .index = (uint32_t)p->tensors.count++});
}

/* OrderedDict() and, from Python 2, OrderedDict([[key, value], ...]). */
static int32_t make_ordered_dict(nst_pickle *p, nst_pickle_value arguments)
{
    nst_pickle_value dict, pair;
    uint32_t position = 0;
    int32_t status = new_container(p, NST_PICKLE_DICT, &dict);
    if (status < 0) return status;
    if (arguments.integer > 1 || (arguments.integer == 1 && tuple_items(p, arguments)[0].kind != NST_PICKLE_LIST))
        return bad(p, "an OrderedDict with wrong arguments");
    while (arguments.integer == 1 && nst_pickle_next(p, tuple_items(p, arguments)[0], &position, &pair)) {
        nst_pickle_value key, value, more;
        uint32_t at = 0;
        if (pair.kind != NST_PICKLE_LIST || !nst_pickle_next(p, pair, &at, &key) || !nst_pickle_next(p, pair, &at, &value) ||
            nst_pickle_next(p, pair, &at, &more))
            return bad(p, "an OrderedDict with wrong arguments");
        if ((status = add_cell(p, dict, key, value)) < 0) return status;
    }
    return push(p, dict);
}

static int32_t reduce(nst_pickle *p)
{
    nst_pickle_value arguments, function;
    int32_t status = pop(p, &arguments);
    if (status >= 0) status = pop(p, &function);
    if (status < 0) return status;
    if (arguments.kind != NST_PICKLE_TUPLE || function.kind != NST_PICKLE_GLOBAL)
        return bad(p, "a call of something else than a function");
    switch (function.index) {
    case ORDERED_DICT: return make_ordered_dict(p, arguments);
    case REBUILD_TENSOR: return rebuild_tensor(p, arguments, 4, 4);
    case REBUILD_TENSOR_V2: return rebuild_tensor(p, arguments, 6, 7);
    case REBUILD_PARAMETER:
        if (arguments.integer == 3 && tuple_items(p, arguments)[0].kind == NST_PICKLE_TENSOR)
            return push(p, tuple_items(p, arguments)[0]);
        return bad(p, "a parameter with wrong arguments");
    default: return bad(p, "a call of a type");
    }
}

/* ---- opcodes ---- */

static int32_t make_tuple(nst_pickle *p, size_t first)
{
    nst_pickle_value tuple = {.kind = NST_PICKLE_TUPLE, .index = (uint32_t)p->items.count,
                              .integer = (int64_t)(p->stack.count - first)};
    int32_t status = reserve(p, &p->items, p->stack.count - first + 1, sizeof tuple); /* never NULL, even when empty */
    if (status < 0) return status;
    for (size_t i = first; i < p->stack.count; i++) values(&p->items)[p->items.count++] = values(&p->stack)[i];
    p->stack.count = first;
    return push(p, tuple);
}

static int32_t make_short_tuple(nst_pickle *p, size_t length)
{
    size_t first;
    if (p->stack.count < length) return bad(p, "an empty stack");
    first = p->stack.count - length;
    for (size_t i = first; i < p->stack.count; i++)
        if (values(&p->stack)[i].kind == NST_PICKLE_MARK) return bad(p, "an empty stack");
    return make_tuple(p, first);
}

static int32_t make_marked_tuple(nst_pickle *p)
{
    size_t first;
    int32_t status = find_mark(p, &first);
    if (status < 0) return status;
    for (size_t i = first; i < p->stack.count; i++) values(&p->stack)[i - 1] = values(&p->stack)[i];
    p->stack.count--;
    return make_tuple(p, first - 1);
}

/* The values from `first` up go into the container that stands `below` positions under them. */
static int32_t store(nst_pickle *p, size_t first, size_t below, nst_pickle_kind kind)
{
    size_t step = kind == NST_PICKLE_DICT ? 2 : 1;
    nst_pickle_value target;
    if (first < below || (p->stack.count - first) % step != 0) return bad(p, "an empty stack");
    target = values(&p->stack)[first - below];
    if (target.kind != kind) return bad(p, "storing into something else than a list or dictionary");
    for (size_t i = first; i < p->stack.count; i += step) {
        nst_pickle_value key = values(&p->stack)[i], value = values(&p->stack)[i + step - 1];
        int32_t status = key.kind == NST_PICKLE_MARK || value.kind == NST_PICKLE_MARK ? bad(p, "an empty stack")
                                                                                     : add_cell(p, target, key, value);
        if (status < 0) return status;
    }
    p->stack.count = first - below + 1;
    return NST_OK;
}

static int32_t store_marked(nst_pickle *p, nst_pickle_kind kind)
{
    size_t first;
    int32_t status = find_mark(p, &first);
    return status < 0 ? status : store(p, first, 2, kind);
}

static int32_t store_last(nst_pickle *p, size_t length, nst_pickle_kind kind)
{
    return p->stack.count < length ? bad(p, "an empty stack") : store(p, p->stack.count - length, 1, kind);
}

static int32_t put_memo(nst_pickle *p, int size)
{
    uint64_t index;
    int32_t status = read_number(p, size, &index);
    if (status < 0) return status;
    if (p->stack.count == 0 || values(&p->stack)[p->stack.count - 1].kind == NST_PICKLE_MARK) return bad(p, "an empty stack");
    if (index >= MAX_MEMO) return bad(p, "too large a memo index");
    while (p->memo.count <= index)
        if ((status = append(p, &p->memo, (nst_pickle_value){.kind = NST_PICKLE_MARK})) < 0) return status;
    values(&p->memo)[index] = values(&p->stack)[p->stack.count - 1];
    return NST_OK;
}

static int32_t get_memo(nst_pickle *p, int size)
{
    uint64_t index;
    int32_t status = read_number(p, size, &index);
    if (status < 0) return status;
    if (index >= p->memo.count || values(&p->memo)[index].kind == NST_PICKLE_MARK) return bad(p, "an unknown memo index");
    return push(p, values(&p->memo)[index]);
}

/* State of an OrderedDict (the _metadata of a state_dict) is dropped. */
static int32_t build(nst_pickle *p)
{
    nst_pickle_value state;
    int32_t status = pop(p, &state);
    if (status < 0) return status;
    if (p->stack.count == 0 || values(&p->stack)[p->stack.count - 1].kind != NST_PICKLE_DICT || state.kind != NST_PICKLE_DICT)
        return bad(p, "state for something else than a dictionary");
    return NST_OK;
}

static int32_t check_protocol(nst_pickle *p)
{
    uint64_t version;
    int32_t status = read_number(p, 1, &version);
    if (status < 0 || version == 2) return status;
    return nst_fail(p->error, NST_ERR_UNSUPPORTED, "pickle protocol %" PRIu64 "; save with torch.save()'s own, 2", version);
}

static int32_t push_container(nst_pickle *p, nst_pickle_kind kind)
{
    nst_pickle_value made;
    int32_t status = new_container(p, kind, &made);
    return status < 0 ? status : push(p, made);
}

static int32_t push_simple(nst_pickle *p, nst_pickle_kind kind, int64_t integer)
{
    return push(p, (nst_pickle_value){.kind = kind, .integer = integer});
}

static int32_t refuse_opcode(nst_pickle *p, unsigned char opcode)
{
    return nst_fail(p->error, NST_ERR_WEIGHTS_FORMAT,
                    "pickle: opcode 0x%02x at byte %zu is not one a state_dict needs: in Python, load "
                    "the file and torch.save(network.state_dict(), 'weights.pth')",
                    opcode, p->position - 1);
}

static int32_t run_opcode(nst_pickle *p, unsigned char opcode)
{
    switch (opcode) {
    case 0x80: return check_protocol(p);                     /* PROTO */
    case 'c': return push_global(p);                         /* GLOBAL */
    case '}': return push_container(p, NST_PICKLE_DICT);     /* EMPTY_DICT */
    case ']': return push_container(p, NST_PICKLE_LIST);     /* EMPTY_LIST */
    case ')': return make_tuple(p, p->stack.count);          /* EMPTY_TUPLE */
    case '(': return push_simple(p, NST_PICKLE_MARK, 0);     /* MARK */
    case 'q': return put_memo(p, 1);                         /* BINPUT */
    case 'r': return put_memo(p, 4);                         /* LONG_BINPUT */
    case 'h': return get_memo(p, 1);                         /* BINGET */
    case 'j': return get_memo(p, 4);                         /* LONG_BINGET */
    case 'X': return push_text(p, 4);                        /* BINUNICODE */
    case 'U': return push_text(p, 1);                        /* SHORT_BINSTRING, from Python 2 */
    case 'J': return push_int(p, 4);                         /* BININT */
    case 'K': return push_int(p, 1);                         /* BININT1 */
    case 'M': return push_int(p, 2);                         /* BININT2 */
    case 0x8a: return push_long(p);                          /* LONG1 */
    case 'G': return skip_float(p);                          /* BINFLOAT: losses in checkpoints */
    case 'N': return push_simple(p, NST_PICKLE_NONE, 0);     /* NONE */
    case 0x88: return push_simple(p, NST_PICKLE_BOOL, 1);    /* NEWTRUE */
    case 0x89: return push_simple(p, NST_PICKLE_BOOL, 0);    /* NEWFALSE */
    case 't': return make_marked_tuple(p);                   /* TUPLE */
    case 0x85: return make_short_tuple(p, 1);                /* TUPLE1 */
    case 0x86: return make_short_tuple(p, 2);                /* TUPLE2 */
    case 0x87: return make_short_tuple(p, 3);                /* TUPLE3 */
    case 'Q': return push_storage(p);                        /* BINPERSID */
    case 'R': return reduce(p);                              /* REDUCE */
    case 'b': return build(p);                               /* BUILD */
    case 's': return store_last(p, 2, NST_PICKLE_DICT);      /* SETITEM */
    case 'u': return store_marked(p, NST_PICKLE_DICT);       /* SETITEMS */
    case 'a': return store_last(p, 1, NST_PICKLE_LIST);      /* APPEND */
    case 'e': return store_marked(p, NST_PICKLE_LIST);       /* APPENDS */
    default: return refuse_opcode(p, opcode);
    }
}

int32_t nst_pickle_run(nst_pickle *p, const nst_bytes *bytes, size_t begin, size_t end, size_t *next, nst_pickle_value *result,
                       nst_error *error)
{
    unsigned char opcode;
    int32_t status;
    p->bytes = bytes;
    p->position = p->window_begin = p->window_end = begin;
    p->end = end;
    p->error = error;
    p->stack.count = p->memo.count = 0;
    while ((status = read_byte(p, &opcode)) >= 0 && opcode != '.')
        if ((status = run_opcode(p, opcode)) < 0) return status;
    if (status >= 0) status = pop(p, result);
    if (status >= 0 && p->stack.count != 0) status = bad(p, "more than one value");
    *next = p->position;
    return status;
}

/* ---- results ---- */

const char *nst_pickle_text(const nst_pickle *p, nst_pickle_value value)
{
    return value.kind == NST_PICKLE_STRING ? (const char *)p->text.data + value.index : NULL;
}

static const cell *first_cell(const nst_pickle *p, nst_pickle_value value)
{
    uint32_t first = ((const container *)p->containers.data)[value.index].first;
    return first ? (const cell *)p->cells.data + first - 1 : NULL;
}

static const cell *next_cell(const nst_pickle *p, const cell *at)
{
    return at->next ? (const cell *)p->cells.data + at->next - 1 : NULL;
}

bool nst_pickle_get(const nst_pickle *p, nst_pickle_value dict, const char *key, nst_pickle_value *out)
{
    if (dict.kind != NST_PICKLE_DICT) return false;
    for (const cell *at = first_cell(p, dict); at; at = next_cell(p, at))
        if (at->key.kind == NST_PICKLE_STRING && strcmp(nst_pickle_text(p, at->key), key) == 0) {
            *out = at->value;
            return true;
        }
    return false;
}

bool nst_pickle_next(const nst_pickle *p, nst_pickle_value list, uint32_t *position, nst_pickle_value *out)
{
    const cell *at;
    if (list.kind != NST_PICKLE_LIST || *position == UINT32_MAX) return false;
    at = *position ? (const cell *)p->cells.data + *position - 1 : first_cell(p, list);
    if (!at) return false;
    *out = at->value;
    *position = at->next ? at->next : UINT32_MAX;
    return true;
}

size_t nst_pickle_storage_count(const nst_pickle *p)
{
    return p->storages.count;
}

nst_pickle_storage *nst_pickle_storage_at(nst_pickle *p, size_t index)
{
    return (nst_pickle_storage *)p->storages.data + index;
}

nst_pickle_storage *nst_pickle_storage_by_key(nst_pickle *p, const char *key)
{
    for (size_t i = 0; i < p->storages.count; i++)
        if (strcmp(nst_pickle_text(p, nst_pickle_storage_at(p, i)->key), key) == 0) return nst_pickle_storage_at(p, i);
    return NULL;
}

/* A tensor that is a whole zip record is checked when its numbers are read; records that several share are checked here, once. */
static int32_t check_record(nst_pickle *p, nst_pickle_storage *storage, const nst_bytes *bytes, nst_error *error)
{
    size_t length = storage->count * storage->element_size;
    uint32_t crc = 0;
    if (!storage->has_crc || storage->checked) return NST_OK;
    for (size_t at = 0; at < length; at += sizeof p->window) {
        size_t count = length - at < sizeof p->window ? length - at : sizeof p->window;
        int32_t status = nst_bytes_read(bytes, storage->offset + at, p->window, count, error);
        if (status < 0) return status;
        crc = (uint32_t)crc32_z(crc, p->window, count);
    }
    storage->checked = true;
    if (crc == storage->crc) return NST_OK;
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "the checksum of record '%s' is wrong: the file is damaged",
                    nst_pickle_text(p, storage->key));
}

static int32_t add_entry(nst_pickle *p, const char *name, const tensor *from, const nst_bytes *bytes, nst_tensor_list *list,
                         nst_error *error)
{
    nst_pickle_storage *storage = nst_pickle_storage_at(p, from->storage);
    bool whole = from->offset == 0 && from->count == storage->count;
    nst_tensor_entry *entry;
    int32_t status = whole ? NST_OK : check_record(p, storage, bytes, error);
    if (status < 0) return status;
    if (strlen(name) >= sizeof entry->name)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "a tensor name of %zu bytes", strlen(name));
    if (list->count == MAX_TENSORS) return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "more than %d tensors", MAX_TENSORS);
    if (nst_tensor_list_find(list, name)) return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "'%s' occurs twice", name);
    entry = nst_tensor_list_add(list);
    if (!entry) return nst_fail_nomem(error, "the list of tensors");
    memcpy(entry->name, name, strlen(name) + 1);
    entry->dtype = storage->dtype;
    entry->rank = from->rank;
    memcpy(entry->shape, from->shape, sizeof entry->shape);
    entry->offset = storage->offset + from->offset * storage->element_size;
    entry->bytes = from->count * storage->element_size;
    entry->has_crc = whole && storage->has_crc;
    entry->crc = storage->crc;
    return NST_OK;
}

static bool has_tensor(const nst_pickle *p, nst_pickle_value dict)
{
    for (const cell *at = first_cell(p, dict); at; at = next_cell(p, at))
        if (at->value.kind == NST_PICKLE_TENSOR) return true;
    return false;
}

int32_t nst_pickle_list(nst_pickle *p, nst_pickle_value root, const nst_bytes *bytes, nst_tensor_list *list, nst_error *error)
{
    nst_pickle_value dict = root;
    if (root.kind == NST_PICKLE_DICT && !has_tensor(p, root) && !nst_pickle_get(p, root, "state_dict", &dict))
        nst_pickle_get(p, root, "model", &dict);
    if (dict.kind != NST_PICKLE_DICT || !has_tensor(p, dict))
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "the file holds no dictionary of tensors (a state_dict, or one under 'state_dict' "
                        "or 'model')");
    for (const cell *at = first_cell(p, dict); at; at = next_cell(p, at)) {
        const char *name = nst_pickle_text(p, at->key);
        int32_t status;
        if (!name || at->value.kind != NST_PICKLE_TENSOR) continue;
        status = add_entry(p, name, (const tensor *)p->tensors.data + at->value.index, bytes, list, error);
        if (status < 0) return status;
    }
    return NST_OK;
}
