/* The part of Python's pickle that torch.save() writes for a dictionary of tensors, as a machine that can build dictionaries,
 * tuples, numbers, strings and descriptions of tensors, and nothing else. It executes nothing: the few callables it knows are
 * names it compares, and every other name, and every opcode it does not need, is an error. */
#ifndef NST_WEIGHTS_PICKLE_H
#define NST_WEIGHTS_PICKLE_H

#include "weights/weights.h"

typedef enum nst_pickle_kind {
    NST_PICKLE_NONE,
    NST_PICKLE_BOOL,
    NST_PICKLE_INT,
    NST_PICKLE_FLOAT, /* its value is not kept */
    NST_PICKLE_STRING,
    NST_PICKLE_TUPLE,
    NST_PICKLE_LIST,
    NST_PICKLE_DICT,
    NST_PICKLE_GLOBAL,
    NST_PICKLE_STORAGE,
    NST_PICKLE_TENSOR,
    NST_PICKLE_MARK
} nst_pickle_kind;

typedef struct nst_pickle_value {
    nst_pickle_kind kind;
    uint32_t index;  /* of what the kind says: first byte, first item, container, global, storage, tensor */
    int64_t integer; /* BOOL, INT: the value; STRING, TUPLE: the length */
} nst_pickle_value;

/* A block of numbers that tensors look into. The container says where it lies. */
typedef struct nst_pickle_storage {
    nst_pickle_value key;
    nst_dtype dtype;
    size_t element_size, count;
    bool located, has_crc, checked;
    size_t offset;
    uint32_t crc;
} nst_pickle_storage;

typedef struct nst_pickle nst_pickle;

nst_pickle *nst_pickle_new(nst_ctx *ctx);
void nst_pickle_free(nst_pickle *pickle);

/* Runs one pickle that begins at `begin`; *next is the byte after its STOP. Values of earlier runs stay valid. */
int32_t nst_pickle_run(nst_pickle *pickle, const nst_bytes *bytes, size_t begin, size_t end, size_t *next,
                       nst_pickle_value *result, nst_error *error);

/* Reading values. text() is NUL-terminated and NULL for anything but a string. get() finds a string key of a dictionary. */
const char *nst_pickle_text(const nst_pickle *pickle, nst_pickle_value value);
bool nst_pickle_get(const nst_pickle *pickle, nst_pickle_value dict, const char *key, nst_pickle_value *out);
/* Walks a list: *position starts at 0 and is meaningless otherwise; false at the end. */
bool nst_pickle_next(const nst_pickle *pickle, nst_pickle_value list, uint32_t *position, nst_pickle_value *out);

size_t nst_pickle_storage_count(const nst_pickle *pickle);
nst_pickle_storage *nst_pickle_storage_at(nst_pickle *pickle, size_t index);
nst_pickle_storage *nst_pickle_storage_by_key(nst_pickle *pickle, const char *key);

/* The tensors of a state_dict, or of the one inside a checkpoint's "state_dict" or "model", once all storages are located. */
int32_t nst_pickle_list(nst_pickle *pickle, nst_pickle_value root, const nst_bytes *bytes, nst_tensor_list *list,
                        nst_error *error);

#endif
