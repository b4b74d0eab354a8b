/* Keras .h5, read without libhdf5: the one layout that h5py writes for Keras v1 weights. Superblock version 0, groups as symbol
 * tables (B-tree of version 1, local heap), object headers of version 1, contiguous little-endian floats. HDF5 File Format
 * Specification 1.1 and 2.0; a pure Python reader of the same is pyfive. Everything else is refused with the way to convert it.
 */
#include <string.h>

#include "base/size.h"
#include "weights/weights.h"

#define MAX_OBJECTS 4096 /* groups and datasets; also B-tree nodes and continuation blocks */
#define MAX_DEPTH 8      /* of groups, and of B-trees */
#define MAX_HEADER ((size_t)1 << 20)
#define UNDEFINED UINT64_MAX
#define HINT "; in Python, read it with Keras and save the weights as safetensors or with torch.save()"

enum { MESSAGE_DATASPACE = 1, MESSAGE_LINK_INFO = 2, MESSAGE_DATATYPE = 3, MESSAGE_LAYOUT = 8, MESSAGE_FILTERS = 11,
       MESSAGE_ATTRIBUTE = 12, MESSAGE_CONTINUATION = 16, MESSAGE_SYMBOL_TABLE = 17 };

/* A group or dataset still to be looked at. */
typedef struct pending {
    uint64_t address;
    int depth;
    char path[NST_MAX_TENSOR_NAME];
} pending;

/* The messages of one object header that matter. */
typedef struct object {
    bool is_group, has_space, has_type, has_layout, unsupported;
    const char *why;
    uint64_t tree, heap;
    nst_tensor_entry tensor;
    size_t elements, element_size;
    uint64_t data_address, data_size;
    uint64_t layers; /* entries of the attribute layer_names, which Keras writes: 0 without */
} object;

typedef struct reader {
    const nst_bytes *bytes;
    nst_tensor_list *list;
    nst_error *error;
    pending *queue;
    size_t queued, budget;
} reader;

static uint64_t load(const unsigned char *from, int size)
{
    uint64_t value = 0;
    while (size-- > 0) value = value << 8 | from[size];
    return value;
}

static int32_t bad(const reader *r, const char *what)
{
    return nst_fail(r->error, NST_ERR_WEIGHTS_FORMAT, "h5: %s", what);
}

static int32_t unsupported(const reader *r, const char *what)
{
    return nst_fail(r->error, NST_ERR_UNSUPPORTED, "h5: %s%s", what, HINT);
}

static int32_t read_at(const reader *r, uint64_t address, void *buffer, size_t count)
{
    if (address > r->bytes->length || count > r->bytes->length - (size_t)address)
        return bad(r, "an address lies outside the file");
    return nst_bytes_read(r->bytes, (size_t)address, buffer, count, r->error);
}

/* Every structure visited costs one: loops end. */
static int32_t spend(reader *r)
{
    if (r->budget == 0) return bad(r, "too many objects, or a loop");
    r->budget--;
    return NST_OK;
}

static bool recognise(const unsigned char *head, size_t length)
{
    return length >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

/* ---- superblock ---- */

static int32_t read_superblock(reader *r, uint64_t *root)
{
    unsigned char block[96];
    int32_t status;
    if (r->bytes->length < 9) return bad(r, "truncated: nothing behind the signature");
    if ((status = read_at(r, 0, block, r->bytes->length < sizeof block ? 9 : sizeof block)) < 0) return status;
    if (block[8] != 0) return unsupported(r, "written with a newer file layout (libver='latest')");
    if (r->bytes->length < sizeof block) return bad(r, "truncated: the file ends inside its first block");
    if (block[9] != 0 || block[10] != 0 || block[12] != 0) return bad(r, "unknown versions in the first block");
    if (block[13] != 8 || block[14] != 8) return unsupported(r, "addresses are not 64 bits wide");
    if (load(block + 24, 8) != 0) return unsupported(r, "the file has a base address");
    if (load(block + 40, 8) > r->bytes->length)
        return nst_fail(r->error, NST_ERR_WEIGHTS_FORMAT, "h5: truncated: the file should have %llu bytes, it has %zu",
                        (unsigned long long)load(block + 40, 8), r->bytes->length);
    *root = load(block + 64, 8);
    return NST_OK;
}

/* ---- object headers ---- */

static int32_t read_dataspace(const reader *r, const unsigned char *message, size_t size, object *out)
{
    size_t first;
    if (size < 4 || (message[0] != 1 && message[0] != 2)) return bad(r, "an unknown kind of dataspace");
    first = message[0] == 1 ? 8 : 4;
    if (message[1] > NST_MAX_RANK || size < first + (size_t)message[1] * 8) return bad(r, "a dataspace with too many dimensions");
    out->tensor.rank = message[1];
    out->elements = 1;
    for (int i = 0; i < out->tensor.rank; i++) {
        uint64_t length = load(message + first + 8 * i, 8);
        if (length > SIZE_MAX || !nst_size_mul(out->elements, (size_t)length, &out->elements))
            return bad(r, "too large a dataspace");
        out->tensor.shape[i] = (size_t)length;
    }
    out->has_space = true;
    return NST_OK;
}

/* IEEE 754 little-endian floats of 2, 4 and 8 bytes are written with exactly these properties. */
static nst_dtype find_dtype(const unsigned char *message, size_t size)
{
    static const struct {
        unsigned char bytes[20];
        nst_dtype dtype;
    } floats[] = {{{0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}, NST_DTYPE_F32},
                  {{0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0}, NST_DTYPE_F64},
                  {{0x11, 0x20, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0}, NST_DTYPE_F16}};
    for (size_t i = 0; size >= 20 && i < sizeof floats / sizeof floats[0]; i++)
        if (memcmp(message, floats[i].bytes, 20) == 0) return floats[i].dtype;
    return NST_DTYPE_OTHER;
}

static int32_t read_datatype(const reader *r, const unsigned char *message, size_t size, object *out)
{
    if (size < 8) return bad(r, "a datatype is cut off");
    out->tensor.dtype = find_dtype(message, size);
    out->element_size = (size_t)load(message + 4, 4);
    out->has_type = true;
    if (message[0] == 0x11 && (message[1] & 1)) out->why = "big-endian numbers";
    return NST_OK;
}

static int32_t read_layout(const reader *r, const unsigned char *message, size_t size, object *out)
{
    if (size < 2) return bad(r, "a layout is cut off");
    out->has_layout = true;
    if (message[0] != 3) out->why = "an unknown version of data layout";
    else if (message[1] == 2) out->why = "chunked or compressed data";
    else if (message[1] != 1) out->why = "compact data";
    else if (size < 18) return bad(r, "a layout is cut off");
    else {
        out->data_address = load(message + 2, 8);
        out->data_size = load(message + 10, 8);
    }
    return NST_OK;
}

/* Keras lists its layers in an attribute of the group they lie in: the one way to notice that a damaged group lost some. */
static void read_attribute(const unsigned char *message, size_t size, object *out)
{
    size_t name_size, type_size, space;
    if (size < 8 || message[0] != 1) return;
    name_size = (size_t)load(message + 2, 2), type_size = (size_t)load(message + 4, 2);
    if (name_size != sizeof "layer_names" || size < 24 || memcmp(message + 8, "layer_names", name_size) != 0) return;
    space = 8 + 16 + (type_size + 7) / 8 * 8;
    if (size >= space + 16 && message[space] == 1 && message[space + 1] == 1) out->layers = load(message + space + 8, 8);
}

static int32_t read_message(const reader *r, unsigned type, const unsigned char *message, size_t size, object *out)
{
    switch (type) {
    case MESSAGE_DATASPACE: return read_dataspace(r, message, size, out);
    case MESSAGE_DATATYPE: return read_datatype(r, message, size, out);
    case MESSAGE_LAYOUT: return read_layout(r, message, size, out);
    case MESSAGE_LINK_INFO: return unsupported(r, "groups are stored in the newer way");
    case MESSAGE_ATTRIBUTE: read_attribute(message, size, out); return NST_OK;
    case MESSAGE_FILTERS: out->why = "compressed data"; return NST_OK;
    case MESSAGE_SYMBOL_TABLE:
        if (size < 16) return bad(r, "a symbol table is cut off");
        out->is_group = true;
        out->tree = load(message, 8);
        out->heap = load(message + 8, 8);
        return NST_OK;
    default: return NST_OK;
    }
}

/* The messages of one block; a continuation is remembered in *next (address, size). */
static int32_t read_messages(const reader *r, const unsigned char *block, size_t length, unsigned *left, uint64_t next[2],
                             object *out)
{
    size_t at = 0;
    while (*left > 0 && length - at >= 8) {
        unsigned type = (unsigned)load(block + at, 2);
        size_t size = (size_t)load(block + at + 2, 2);
        int32_t status;
        if (size > length - at - 8) return bad(r, "a message is longer than its block");
        if (type == MESSAGE_CONTINUATION) {
            if (size < 16 || next[0] != UNDEFINED) return bad(r, "a wrong continuation of an object header");
            next[0] = load(block + at + 8, 8), next[1] = load(block + at + 16, 8);
        } else if ((block[at + 4] & 2) && type != 0) {
            return unsupported(r, "messages are shared between objects");
        } else if ((status = read_message(r, type, block + at + 8, size, out)) < 0) {
            return status;
        }
        at += 8 + size;
        --*left;
    }
    return NST_OK;
}

static int32_t read_block(reader *r, uint64_t next[2], unsigned *left, object *out)
{
    uint64_t address = next[0], length = next[1];
    unsigned char *block;
    int32_t status = spend(r);
    if (status < 0) return status;
    if (length > MAX_HEADER || length > r->bytes->length) return bad(r, "an object header is too large");
    block = nst_alloc(&r->list->ctx->memory, (size_t)length);
    if (!block) return nst_fail_nomem(r->error, "an HDF5 object header");
    next[0] = UNDEFINED;
    status = read_at(r, address, block, (size_t)length);
    if (status >= 0) status = read_messages(r, block, (size_t)length, left, next, out);
    nst_free(&r->list->ctx->memory, block);
    return status;
}

static int32_t read_object(reader *r, uint64_t address, object *out)
{
    unsigned char prefix[16];
    uint64_t next[2];
    unsigned left;
    int32_t status = read_at(r, address, prefix, sizeof prefix);
    memset(out, 0, sizeof *out);
    if (status < 0) return status;
    if (memcmp(prefix, "OHDR", 4) == 0) return unsupported(r, "object headers of the newer kind");
    if (prefix[0] != 1) return bad(r, "something else where an object header should be");
    left = (unsigned)load(prefix + 2, 2);
    next[0] = address + sizeof prefix, next[1] = load(prefix + 8, 4);
    while (status >= 0 && left > 0 && next[0] != UNDEFINED) status = read_block(r, next, &left, out);
    if (status >= 0 && left > 0) return bad(r, "an object header ends early");
    return status;
}

/* ---- groups ---- */

typedef struct heap {
    unsigned char *data; /* one byte more than `size`, zero */
    size_t size;
} heap;

static int32_t read_heap(reader *r, uint64_t address, heap *out)
{
    unsigned char header[32];
    uint64_t size;
    int32_t status = read_at(r, address, header, sizeof header);
    if (status < 0) return status;
    size = load(header + 8, 8);
    if (memcmp(header, "HEAP", 4) != 0 || header[4] != 0 || size > MAX_HEADER) return bad(r, "a damaged heap of names");
    out->size = (size_t)size;
    out->data = nst_alloc_zero(&r->list->ctx->memory, out->size + 1);
    if (!out->data) return nst_fail_nomem(r->error, "an HDF5 heap");
    return read_at(r, load(header + 24, 8), out->data, out->size);
}

static int32_t enqueue(reader *r, const pending *parent, const char *name, uint64_t address)
{
    size_t used = strlen(parent->path), length = strlen(name);
    pending *added = &r->queue[r->queued];
    if (r->queued == MAX_OBJECTS) return bad(r, "too many objects");
    if (parent->depth == MAX_DEPTH) return bad(r, "groups are nested too deeply");
    if (used + length + 2 > sizeof added->path) return bad(r, "too long a name");
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return bad(r, "control characters in a name");
    r->queued++;
    added->address = address;
    added->depth = parent->depth + 1;
    memcpy(added->path, parent->path, used);
    if (used > 0) added->path[used++] = '/';
    memcpy(added->path + used, name, length + 1);
    return NST_OK;
}

/* A leaf: "SNOD", count, then entries of 40 bytes: name offset, object address, ... */
static int32_t read_symbols(reader *r, const pending *parent, uint64_t address, const heap *names)
{
    unsigned char header[8], entry[40];
    int32_t status = read_at(r, address, header, sizeof header);
    if (status < 0) return status;
    if (memcmp(header, "SNOD", 4) != 0 || header[4] != 1) return bad(r, "a damaged symbol table");
    for (size_t i = 0; i < load(header + 6, 2); i++) {
        uint64_t name;
        if ((status = read_at(r, address + 8 + 40 * i, entry, sizeof entry)) < 0) return status;
        name = load(entry, 8);
        if (name >= names->size) return bad(r, "a name lies outside its heap");
        if (load(entry + 16, 4) == 2) continue; /* a soft link */
        status = enqueue(r, parent, (const char *)names->data + name, load(entry + 8, 8));
        if (status < 0) return status;
    }
    return NST_OK;
}

/* Walks the B-tree, leaves from left to right: a node is header, then key, child, key, child, ..., key. */
static int32_t read_tree(reader *r, const pending *parent, uint64_t root, const heap *names)
{
    struct {
        uint64_t address;
        size_t next;
    } stack[MAX_DEPTH];
    int depth = 1;
    stack[0].address = root, stack[0].next = 0;
    while (depth > 0) {
        uint64_t address = stack[depth - 1].address;
        unsigned char node[24], child[8];
        int32_t status = read_at(r, address, node, sizeof node);
        if (status >= 0) status = spend(r);
        if (status < 0) return status;
        if (memcmp(node, "TREE", 4) != 0 || node[4] != 0) return bad(r, "a damaged B-tree");
        if (stack[depth - 1].next == load(node + 6, 2)) {
            depth--;
            continue;
        }
        if ((status = read_at(r, address + 32 + 16 * stack[depth - 1].next++, child, sizeof child)) < 0) return status;
        if (node[5] == 0) {
            if ((status = read_symbols(r, parent, load(child, 8), names)) < 0) return status;
        } else if (depth == MAX_DEPTH) {
            return bad(r, "a B-tree is too deep");
        } else {
            stack[depth].address = load(child, 8), stack[depth].next = 0;
            depth++;
        }
    }
    return NST_OK;
}

static int32_t read_group(reader *r, const pending *group, const object *about)
{
    heap names = {NULL, 0};
    size_t before = r->queued;
    int32_t status = read_heap(r, about->heap, &names);
    if (status >= 0) status = read_tree(r, group, about->tree, &names);
    nst_free(&r->list->ctx->memory, names.data);
    if (status >= 0 && r->queued - before < about->layers) return bad(r, "layers are missing: the file is damaged");
    return status;
}

/* ---- datasets ---- */

/* Kernels and biases must be readable; whatever else lies in the file (optimiser state, texts) is none of our business. */
static int32_t add_dataset(reader *r, const pending *at, object *about)
{
    nst_tensor_entry *entry, *tensor = &about->tensor;
    size_t wanted;
    if (tensor->rank != 4 && tensor->rank != 1) return NST_OK;
    if (!about->has_type || !about->has_layout) return bad(r, "a dataset without type or layout");
    if (about->why)
        return nst_fail(r->error, NST_ERR_UNSUPPORTED, "h5: '%s' has %s%s", at->path, about->why, HINT);
    if (tensor->dtype == NST_DTYPE_OTHER && tensor->rank == 1) return NST_OK;
    if (!nst_size_mul(about->elements, about->element_size, &wanted) || wanted != about->data_size)
        return nst_fail(r->error, NST_ERR_WEIGHTS_FORMAT, "h5: '%s' has %llu bytes, its shape needs another number", at->path,
                        (unsigned long long)about->data_size);
    if (wanted > 0 && (about->data_address > r->bytes->length || wanted > r->bytes->length - about->data_address))
        return nst_fail(r->error, NST_ERR_WEIGHTS_FORMAT, "h5: truncated: '%s' lies outside the file", at->path);
    entry = nst_tensor_list_add(r->list);
    if (!entry) return nst_fail_nomem(r->error, "the list of tensors");
    *entry = *tensor;
    memcpy(entry->name, at->path, sizeof entry->name);
    entry->offset = (size_t)about->data_address;
    entry->bytes = wanted;
    return NST_OK;
}

static int32_t walk(reader *r)
{
    for (size_t i = 0; i < r->queued; i++) {
        pending at = r->queue[i];
        object about;
        int32_t status = read_object(r, at.address, &about);
        if (status >= 0 && about.is_group) status = read_group(r, &at, &about);
        else if (status >= 0 && about.has_space) status = add_dataset(r, &at, &about);
        if (status < 0) return status;
    }
    return NST_OK;
}

static int32_t list_tensors(const nst_bytes *bytes, nst_tensor_list *list, nst_error *error)
{
    reader r = {.bytes = bytes, .list = list, .error = error, .budget = 2 * MAX_OBJECTS};
    uint64_t root = 0;
    int32_t status = read_superblock(&r, &root);
    if (status < 0) return status;
    r.queue = nst_alloc_array(&list->ctx->memory, MAX_OBJECTS, sizeof *r.queue);
    if (!r.queue) return nst_fail_nomem(error, "an HDF5 file");
    r.queue[0] = (pending){.address = root};
    r.queued = 1;
    status = walk(&r);
    nst_free(&list->ctx->memory, r.queue);
    return status;
}

const nst_container nst_container_h5 = {
    .name = "Keras .h5", .kernels_are_hwio = true, .recognise = recognise, .list = list_tensors};
