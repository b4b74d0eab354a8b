/* torch.save() since 1.6: an uncompressed zip archive with PREFIX/data.pkl (the pickle) and PREFIX/data/KEY (the numbers).
 * torch/serialization.py, _save; the zip format is APPNOTE.TXT of PKWARE. Wherever two zip readers could see two different
 * archives (comments, bytes in front, overlaps, local headers that disagree, names that differ in case) the file is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/size.h"
#include "weights/pickle.h"

#define MAX_MEMBERS 65535
#define MAX_DIRECTORY ((size_t)16 << 20)
#define MAX_PICKLE ((size_t)64 << 20)
#define END_SIZE 22
#define MEMBER_SIZE 46
#define LOCAL_SIZE 30
#define SCRATCH_SIZE ((size_t)2 << 16)

typedef struct member {
    const char *name; /* in the directory's bytes, NUL-terminated */
    size_t header, data, size;
    uint32_t crc;
    unsigned flags;
} member;

typedef struct archive {
    nst_ctx *ctx;
    const nst_bytes *bytes;
    unsigned char *directory;
    unsigned char *scratch; /* name and extra field of a local header */
    size_t directory_begin, directory_size;
    member *members; /* sorted by name, without regard to case */
    size_t count;
    nst_error *error;
} archive;

static uint64_t load(const unsigned char *from, int size)
{
    uint64_t value = 0;
    while (size-- > 0) value = value << 8 | from[size];
    return value;
}

static bool recognise(const unsigned char *head, size_t length)
{
    return length >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static int32_t bad(const archive *a, const char *what)
{
    return nst_fail(a->error, NST_ERR_WEIGHTS_FORMAT, "zip: %s", what);
}

/* ---- directory ---- */

/* A narrow field says the same as the wide one, or nothing. */
static bool widen(uint64_t *narrow, uint64_t nothing, uint64_t wide)
{
    bool agree = *narrow == nothing || *narrow == wide;
    *narrow = wide;
    return agree;
}

/* Archives with 64-bit fields put another end record before the end record. */
static int32_t read_wide_end(archive *a, size_t end, uint64_t *count, uint64_t *size, uint64_t *begin)
{
    unsigned char locator[20], record[56];
    uint64_t at;
    int32_t status;
    if (end < sizeof locator + sizeof record) return bad(a, "the 64-bit end record is missing");
    if ((status = nst_bytes_read(a->bytes, end - sizeof locator, locator, sizeof locator, a->error)) < 0) return status;
    at = load(locator + 8, 8);
    if (memcmp(locator, "PK\6\7", 4) != 0 || at != end - sizeof locator - sizeof record)
        return bad(a, "the 64-bit end record is missing");
    if ((status = nst_bytes_read(a->bytes, (size_t)at, record, sizeof record, a->error)) < 0) return status;
    if (memcmp(record, "PK\6\6", 4) != 0 || load(record + 4, 8) != 44 || load(record + 16, 4) != 0 || load(record + 20, 4) != 0)
        return bad(a, "the 64-bit end record is damaged");
    if (load(record + 24, 8) != load(record + 32, 8)) return bad(a, "the archive has several volumes");
    return widen(count, 0xffff, load(record + 32, 8)) && widen(size, 0xffffffff, load(record + 40, 8)) &&
                   widen(begin, 0xffffffff, load(record + 48, 8))
               ? NST_OK
               : bad(a, "the two end records contradict each other");
}

static int32_t read_end(archive *a)
{
    unsigned char record[END_SIZE];
    size_t end = a->bytes->length - END_SIZE;
    uint64_t count, size, begin;
    unsigned char locator[4];
    int32_t status;
    if (a->bytes->length < END_SIZE) return bad(a, "truncated: the directory at the end of the file is missing");
    if ((status = nst_bytes_read(a->bytes, end, record, sizeof record, a->error)) < 0) return status;
    if (memcmp(record, "PK\5\6", 4) != 0 || load(record + 20, 2) != 0)
        return bad(a, "truncated, or with bytes added: the directory does not end the file");
    if (load(record + 4, 2) != 0 || load(record + 6, 2) != 0) return bad(a, "the archive has several volumes");
    count = load(record + 10, 2), size = load(record + 12, 4), begin = load(record + 16, 4);
    if (load(record + 8, 2) != count) return bad(a, "the archive has several volumes");
    if (end >= 20 && nst_bytes_read(a->bytes, end - 20, locator, 4, a->error) >= 0 && memcmp(locator, "PK\6\7", 4) == 0) {
        if ((status = read_wide_end(a, end, &count, &size, &begin)) < 0) return status;
        end -= 76;
    }
    if (count > MAX_MEMBERS || size > MAX_DIRECTORY) return bad(a, "too many members");
    if (begin > end || size != end - begin) return bad(a, "the directory is not where the end record says");
    a->count = (size_t)count;
    a->directory_begin = (size_t)begin;
    a->directory_size = (size_t)size;
    return NST_OK;
}

static int32_t allocate(archive *a)
{
    a->directory = nst_alloc(&a->ctx->memory, a->directory_size + 1);
    a->members = nst_alloc_array(&a->ctx->memory, a->count, sizeof *a->members);
    a->scratch = nst_alloc(&a->ctx->memory, SCRATCH_SIZE);
    if (!a->directory || !a->members || !a->scratch) return nst_fail_nomem(a->error, "the directory of a zip archive");
    return nst_bytes_read(a->bytes, a->directory_begin, a->directory, a->directory_size, a->error);
}

/* 64-bit values of the fields that are all ones, in the extra field 1. */
static int32_t read_wide_fields(const archive *a, const unsigned char *extra, size_t length, uint64_t **fields,
                                const uint64_t *maxima, int count)
{
    while (length >= 4) {
        size_t size = (size_t)load(extra + 2, 2), used = 4;
        if (size > length - 4) return bad(a, "an extra field is too long");
        for (int i = 0; load(extra, 2) == 1 && i < count; i++) {
            if (*fields[i] != maxima[i]) continue;
            if (used + 8 > size + 4) return bad(a, "a 64-bit field is missing");
            *fields[i] = load(extra + used, 8);
            used += 8;
        }
        extra += size + 4;
        length -= size + 4;
    }
    return NST_OK;
}

static bool is_proper_name(const unsigned char *name, size_t length)
{
    if (length == 0 || name[0] == '/') return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] < 0x20 || name[i] >= 0x7f || name[i] == '\\' || (name[i] == '.' && i + 1 < length && name[i + 1] == '.'))
            return false;
    return true;
}

/* One record of the directory; *at moves behind it. The name is moved one byte to the left so that a NUL fits behind it. */
static int32_t read_member(archive *a, size_t *at, member *out)
{
    unsigned char *record = a->directory + *at;
    size_t left = a->directory_size - *at, name_length, extra_length, total;
    uint64_t packed, size, header, *fields[] = {&size, &packed, &header};
    static const uint64_t maxima[] = {0xffffffff, 0xffffffff, 0xffffffff};
    int32_t status;
    if (left < MEMBER_SIZE || memcmp(record, "PK\1\2", 4) != 0) return bad(a, "the directory is damaged");
    name_length = (size_t)load(record + 28, 2), extra_length = (size_t)load(record + 30, 2);
    total = MEMBER_SIZE + name_length + extra_length;
    if (total > left || load(record + 32, 2) != 0) return bad(a, "the directory is damaged, or a member has a comment");
    packed = load(record + 20, 4), size = load(record + 24, 4), header = load(record + 42, 4);
    status = read_wide_fields(a, record + MEMBER_SIZE + name_length, extra_length, fields, maxima, 3);
    if (status < 0) return status;
    *out = (member){.flags = (unsigned)load(record + 8, 2), .crc = (uint32_t)load(record + 16, 4)};
    if (out->flags & ~0x0808u) return bad(a, "a member is encrypted or uses another unknown feature");
    if (load(record + 10, 2) != 0 || packed != size)
        return bad(a, "a member is compressed, which torch.save() never does (a .npz, .keras or ordinary zip file?)");
    if (!is_proper_name(record + MEMBER_SIZE, name_length)) return bad(a, "a member has an improper name");
    if (header > a->directory_begin || size > a->directory_begin || load(record + 34, 2) != 0)
        return bad(a, "a member lies outside the file");
    out->header = (size_t)header;
    out->size = (size_t)size;
    memmove(record + MEMBER_SIZE - 1, record + MEMBER_SIZE, name_length);
    record[MEMBER_SIZE - 1 + name_length] = '\0';
    out->name = (const char *)record + MEMBER_SIZE - 1;
    *at += total;
    return NST_OK;
}

/* The header before the numbers must say the same as the directory. With flag 8 sizes and checksum may stand behind the data. */
static int32_t check_local(const archive *a, member *m)
{
    unsigned char record[LOCAL_SIZE], *tail = a->scratch;
    size_t name_length = strlen(m->name), extra_length, end;
    uint64_t packed, size, *fields[] = {&size, &packed};
    static const uint64_t maxima[] = {0xffffffff, 0xffffffff};
    int32_t status = nst_bytes_read(a->bytes, m->header, record, sizeof record, a->error);
    if (status < 0) return status;
    extra_length = (size_t)load(record + 28, 2);
    if (memcmp(record, "PK\3\4", 4) != 0 || load(record + 26, 2) != name_length || load(record + 8, 2) != 0 ||
        load(record + 6, 2) != m->flags)
        return bad(a, "a local header does not fit the directory");
    status = nst_bytes_read(a->bytes, m->header + LOCAL_SIZE, tail, name_length + extra_length, a->error);
    if (status < 0) return status;
    packed = load(record + 18, 4), size = load(record + 22, 4);
    status = read_wide_fields(a, tail + name_length, extra_length, fields, maxima, 2);
    if (status < 0) return status;
    if (memcmp(tail, m->name, name_length) != 0) return bad(a, "a local header has another name than the directory");
    if (!((m->flags & 8) && size == 0 && packed == 0) && (size != m->size || packed != m->size))
        return bad(a, "a local header has another size than the directory");
    if (!((m->flags & 8) && load(record + 14, 4) == 0) && load(record + 14, 4) != m->crc)
        return bad(a, "a local header has another checksum than the directory");
    m->data = m->header + LOCAL_SIZE + name_length + extra_length;
    if (!nst_size_add(m->data, m->size, &end) || end > a->directory_begin) return bad(a, "a member reaches into the directory");
    return NST_OK;
}

static int compare_headers(const void *x, const void *y)
{
    size_t a = ((const member *)x)->header, b = ((const member *)y)->header;
    return a < b ? -1 : a > b;
}

static int compare_names(const void *x, const void *y)
{
    const unsigned char *a = (const unsigned char *)((const member *)x)->name,
                        *b = (const unsigned char *)((const member *)y)->name;
    for (;; a++, b++) {
        int c = *a >= 'A' && *a <= 'Z' ? *a + 32 : *a, d = *b >= 'A' && *b <= 'Z' ? *b + 32 : *b;
        if (c != d || c == 0) return c - d;
    }
}

static int32_t read_directory(archive *a)
{
    size_t at = 0;
    int32_t status = NST_OK;
    for (size_t i = 0; status >= 0 && i < a->count; i++) {
        status = read_member(a, &at, &a->members[i]);
        if (status >= 0) status = check_local(a, &a->members[i]);
    }
    if (status < 0) return status;
    if (at != a->directory_size) return bad(a, "the directory is longer than its members");
    qsort(a->members, a->count, sizeof a->members[0], compare_headers);
    if (a->count > 0 && a->members[0].header != 0) return bad(a, "bytes before the first member");
    for (size_t i = 1; i < a->count; i++)
        if (a->members[i].header < a->members[i - 1].data + a->members[i - 1].size) return bad(a, "members overlap");
    qsort(a->members, a->count, sizeof a->members[0], compare_names);
    for (size_t i = 1; i < a->count; i++)
        if (compare_names(&a->members[i], &a->members[i - 1]) == 0) return bad(a, "two members have one name");
    return NST_OK;
}

/* ---- torch ---- */

static const member *find(const archive *a, const char *name)
{
    const member key = {.name = name};
    const member *found = bsearch(&key, a->members, a->count, sizeof key, compare_names);
    return found && strcmp(found->name, name) == 0 ? found : NULL;
}

/* What an archive without a data.pkl may be. */
static int32_t refuse(const archive *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->members[i].name;
        if (strcmp(name, "model.weights.h5") == 0)
            return nst_fail(a->error, NST_ERR_UNSUPPORTED, "this is a Keras 3 archive; use the ..._notop.h5 file of Keras");
        if (strstr(name, ".npy")) return nst_fail(a->error, NST_ERR_UNSUPPORTED, "this is a NumPy .npz archive");
    }
    return bad(a, "no data.pkl in it: not a file of torch.save()");
}

/* Finds PREFIX/data.pkl and copies PREFIX with its slash. */
static int32_t find_pickle(const archive *a, const member **out, char *prefix, size_t capacity)
{
    *out = NULL;
    for (size_t i = 0; i < a->count; i++) {
        const char *name = a->members[i].name, *slash = strchr(name, '/');
        if (slash && (strncmp(slash, "/code/", 6) == 0 || strcmp(slash, "/constants.pkl") == 0))
            return nst_fail(a->error, NST_ERR_UNSUPPORTED,
                            "this is a TorchScript archive: in Python, load it with torch.jit.load() and "
                            "torch.save(network.state_dict(), 'weights.pth')");
        if (!slash || strcmp(slash, "/data.pkl") != 0) continue;
        if (*out) return bad(a, "two data.pkl in it");
        if ((size_t)(slash - name) + 2 > capacity) return bad(a, "too long a name");
        *out = &a->members[i];
        memcpy(prefix, name, (size_t)(slash - name) + 1);
        prefix[slash - name + 1] = '\0';
    }
    return *out ? NST_OK : refuse(a);
}

static int32_t check_byte_order(const archive *a, const char *prefix)
{
    char name[256], order[8] = "";
    const member *m;
    snprintf(name, sizeof name, "%sbyteorder", prefix);
    m = find(a, name);
    if (!m) return NST_OK;
    if (m->size < sizeof order) {
        int32_t status = nst_bytes_read(a->bytes, m->data, order, m->size, a->error);
        if (status < 0) return status;
    }
    if (strcmp(order, "little") == 0) return NST_OK;
    return nst_fail(a->error, NST_ERR_UNSUPPORTED, "the file was written on a big-endian machine");
}

static int32_t check_crc(const archive *a, const member *m)
{
    unsigned char buffer[4096];
    uint32_t crc = 0;
    for (size_t at = 0; at < m->size; at += sizeof buffer) {
        size_t count = m->size - at < sizeof buffer ? m->size - at : sizeof buffer;
        int32_t status = nst_bytes_read(a->bytes, m->data + at, buffer, count, a->error);
        if (status < 0) return status;
        crc = (uint32_t)crc32_z(crc, buffer, count);
    }
    return crc == m->crc ? NST_OK : bad(a, "the checksum of data.pkl is wrong: the file is damaged");
}

static int32_t locate_all(const archive *a, const char *prefix, nst_pickle *pickle)
{
    for (size_t i = 0; i < nst_pickle_storage_count(pickle); i++) {
        nst_pickle_storage *storage = nst_pickle_storage_at(pickle, i);
        const char *key = nst_pickle_text(pickle, storage->key);
        char name[256];
        const member *m = NULL;
        size_t length;
        if (snprintf(name, sizeof name, "%sdata/%s", prefix, key) < (int)sizeof name) m = find(a, name);
        if (!m) return nst_fail(a->error, NST_ERR_WEIGHTS_FORMAT, "zip: the record data/%s is missing", key);
        if (!nst_size_mul(storage->count, storage->element_size, &length) || length != m->size)
            return nst_fail(a->error, NST_ERR_WEIGHTS_FORMAT,
                            "zip: the record data/%s has %zu bytes, its tensors need another number", key, m->size);
        storage->offset = m->data;
        storage->crc = m->crc;
        storage->located = storage->has_crc = true;
    }
    return NST_OK;
}

static int32_t list_pickle(const archive *a, nst_tensor_list *list)
{
    nst_pickle_value root;
    char prefix[128];
    const member *m;
    nst_pickle *pickle;
    size_t next;
    int32_t status = find_pickle(a, &m, prefix, sizeof prefix);
    if (status >= 0) status = check_byte_order(a, prefix);
    if (status >= 0) status = m->size > MAX_PICKLE ? bad(a, "data.pkl is too large") : check_crc(a, m);
    if (status < 0) return status;
    pickle = nst_pickle_new(a->ctx);
    if (!pickle) return nst_fail_nomem(a->error, "a pickle");
    status = nst_pickle_run(pickle, a->bytes, m->data, m->data + m->size, &next, &root, a->error);
    if (status >= 0) status = locate_all(a, prefix, pickle);
    if (status >= 0) status = nst_pickle_list(pickle, root, a->bytes, list, a->error);
    nst_pickle_free(pickle);
    return status;
}

static int32_t list_tensors(const nst_bytes *bytes, nst_tensor_list *list, nst_error *error)
{
    archive a = {.ctx = list->ctx, .bytes = bytes, .error = error};
    int32_t status = read_end(&a);
    if (status >= 0) status = allocate(&a);
    if (status >= 0) status = read_directory(&a);
    if (status >= 0) status = list_pickle(&a, list);
    nst_free(&list->ctx->memory, a.directory);
    nst_free(&list->ctx->memory, a.members);
    nst_free(&list->ctx->memory, a.scratch);
    return status;
}

const nst_container nst_container_pth_zip = {
    .name = "PyTorch .pth", .order_is_network = true, .recognise = recognise, .list = list_tensors};
