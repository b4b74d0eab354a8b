/* The list every container fills. */
#include <string.h>

#include "weights/weights.h"

void nst_tensor_list_init(nst_tensor_list *list, nst_ctx *ctx)
{
    *list = (nst_tensor_list){.ctx = ctx};
}

void nst_tensor_list_clear(nst_tensor_list *list)
{
    nst_free(&list->ctx->memory, list->entries);
    nst_free(&list->ctx->memory, list->metadata.texts);
    nst_tensor_list_init(list, list->ctx);
}

nst_tensor_entry *nst_tensor_list_add(nst_tensor_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        nst_tensor_entry *grown = nst_realloc(&list->ctx->memory, list->entries, capacity * sizeof *grown);
        if (!grown) return NULL;
        list->entries = grown;
        list->capacity = capacity;
    }
    memset(&list->entries[list->count], 0, sizeof list->entries[0]);
    return &list->entries[list->count++];
}

const nst_tensor_entry *nst_tensor_list_find(const nst_tensor_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->entries[i].name, name) == 0) return &list->entries[i];
    return NULL;
}

const char *nst_metadata_find(const nst_metadata *metadata, const char *key)
{
    const char *at = metadata->texts;
    for (size_t i = 0; i < metadata->count; i++) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, key) == 0) return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}
