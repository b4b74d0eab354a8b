/* From a file to weights: container, tensors, convolutions, identity. */
#include <string.h>

#include "build_features.h"
#include "weights/identity.h"
#include "weights/load.h"

static const nst_container *const containers[] = {
    &nst_container_safetensors,
#if NST_HAVE_PTH
    &nst_container_pth_zip,
    &nst_container_pth_legacy,
#endif
#if NST_HAVE_H5
    &nst_container_h5,
#endif
};

static const nst_container *find_container(const unsigned char *head, size_t length)
{
    for (size_t i = 0; i < sizeof containers / sizeof containers[0]; i++)
        if (containers[i]->recognise(head, length)) return containers[i];
    return NULL;
}

/* Puts the file's name before the sentence. */
static int32_t add_label(int32_t status, const char *label, nst_error *error)
{
    nst_error copy;
    if (status >= 0 || !error) return status;
    copy = *error;
    return nst_fail(error, status, "%s: %s", label, copy.text);
}

static int32_t read_tensors(const nst_bytes *bytes, const nst_container *container, nst_weights *out, nst_error *error)
{
    nst_tensor_list list;
    nst_match match;
    int32_t status;
    nst_tensor_list_init(&list, out->ctx);
    status = container->list(bytes, &list, error);
    if (status >= 0) status = nst_match_vgg(&list, container, &match, error);
    if (status >= 0) status = nst_weights_load(bytes, &match, container->kernels_are_hwio, out, error);
    out->metadata = list.metadata;
    list.metadata = (nst_metadata){NULL, 0};
    if (status >= 0) status = nst_weights_decide(out, bytes, error);
    nst_tensor_list_clear(&list);
    return status;
}

int32_t nst_weights_read(nst_ctx *ctx, const nst_bytes *bytes, const char *label, nst_weights *out, nst_error *error)
{
    unsigned char head[64] = {0};
    size_t head_length = bytes->length < sizeof head ? bytes->length : sizeof head;
    const nst_container *container;
    int32_t status = nst_bytes_read(bytes, 0, head, head_length, error);
    *out = (nst_weights){.ctx = ctx};
    strncpy(out->source, label, sizeof out->source - 1);
    if (status < 0) return add_label(status, label, error);
    container = find_container(head, head_length);
    if (!container) return nst_weights_diagnose(bytes, head, head_length, label, error);
    status = read_tensors(bytes, container, out, error);
    if (status < 0) nst_weights_clear(out);
    return add_label(status, label, error);
}
