/* torch.save() before 1.6: five pickles one after another (magic number, protocol, system, object, storage keys), then for every
 * key a 64-bit count and the numbers. torch/serialization.py, _legacy_save. */
#include <string.h>

#include "base/size.h"
#include "weights/pickle.h"

#define MAX_PICKLES ((size_t)64 << 20) /* bytes of pickles read before the numbers begin */

/* The pickle of 0x1950a86a20f9469cfc6c. */
static const unsigned char magic[15] = {0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

static bool recognise(const unsigned char *head, size_t length)
{
    return length >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

static int32_t check_system(const nst_pickle *pickle, nst_pickle_value protocol, nst_pickle_value system, nst_error *error)
{
    nst_pickle_value little;
    if (protocol.kind != NST_PICKLE_INT || protocol.integer != 1001)
        return nst_fail(error, NST_ERR_UNSUPPORTED, "not version 1001 of the old torch.save() format");
    if (!nst_pickle_get(pickle, system, "little_endian", &little) || little.kind != NST_PICKLE_BOOL)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "pickle: the system description has no byte order");
    if (!little.integer) return nst_fail(error, NST_ERR_UNSUPPORTED, "the file was written on a big-endian machine");
    return NST_OK;
}

static int32_t locate(nst_pickle *pickle, const char *key, const nst_bytes *bytes, size_t *at, nst_error *error)
{
    nst_pickle_storage *storage = key ? nst_pickle_storage_by_key(pickle, key) : NULL;
    unsigned char raw[8];
    uint64_t count = 0;
    size_t length, end;
    int32_t status;
    if (!storage || storage->located)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "the list of storages does not fit the tensors");
    if (bytes->length - *at < sizeof raw)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "truncated: the file ends at byte %zu before its numbers do",
                        bytes->length);
    if ((status = nst_bytes_read(bytes, *at, raw, sizeof raw, error)) < 0) return status;
    for (int i = 7; i >= 0; i--) count = count << 8 | raw[i];
    if (count != storage->count)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "storage '%s' does not have the length its tensors expect", key);
    storage->offset = *at + sizeof raw;
    if (!nst_size_mul(storage->count, storage->element_size, &length) || !nst_size_add(storage->offset, length, &end))
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "storage '%s' is too large", key);
    if (end > bytes->length)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "truncated: %zu bytes are needed so far, the file has %zu", end,
                        bytes->length);
    storage->located = true;
    *at = end;
    return NST_OK;
}

static int32_t locate_all(nst_pickle *pickle, nst_pickle_value keys, const nst_bytes *bytes, size_t at, nst_error *error)
{
    nst_pickle_value key;
    uint32_t position = 0;
    while (nst_pickle_next(pickle, keys, &position, &key)) {
        int32_t status = locate(pickle, nst_pickle_text(pickle, key), bytes, &at, error);
        if (status < 0) return status;
    }
    for (size_t i = 0; i < nst_pickle_storage_count(pickle); i++)
        if (!nst_pickle_storage_at(pickle, i)->located)
            return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "the numbers of storage '%s' are missing",
                            nst_pickle_text(pickle, nst_pickle_storage_at(pickle, i)->key));
    return NST_OK;
}

static int32_t list_tensors(const nst_bytes *bytes, nst_tensor_list *list, nst_error *error)
{
    nst_pickle *pickle = nst_pickle_new(list->ctx);
    nst_pickle_value parts[4]; /* protocol, system, object, keys */
    size_t at = sizeof magic, end = bytes->length < MAX_PICKLES ? bytes->length : MAX_PICKLES;
    int32_t status = pickle ? NST_OK : nst_fail_nomem(error, "a pickle");
    if (!pickle) return status;
    for (int i = 0; status >= 0 && i < 4; i++) {
        status = nst_pickle_run(pickle, bytes, at, end, &at, &parts[i], error);
        if (i == 1 && status >= 0) status = check_system(pickle, parts[0], parts[1], error);
    }
    if (status >= 0) status = locate_all(pickle, parts[3], bytes, at, error);
    if (status >= 0) status = nst_pickle_list(pickle, parts[2], bytes, list, error);
    nst_pickle_free(pickle);
    return status;
}

const nst_container nst_container_pth_legacy = {
    .name = "PyTorch .pth (before 1.6)", .order_is_network = true, .recognise = recognise, .list = list_tensors};
