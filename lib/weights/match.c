/* Tensors -> convolutions. The 3x3 kernels are put in an order in which each takes the channels the one before gives: state_dict
 * order, or the natural order of the names (2 before 10), for containers that sort. VGG-19 and VGG-16 are told apart by where the
 * widths change (blocks of 2, 2, 4, 4, 4 or 2, 2, 3, 3, 3) and by the count. */
#include "weights/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/topology.h"

#define MAX_CHANNELS 4096
#define MAX_KERNELS 64   /* 3x3 kernels looked at before giving up */
#define MAX_TENSORS 4096 /* bounds the pairings below */

typedef struct candidates {
    nst_conv_match kernels[MAX_KERNELS]; /* 3x3, in file order */
    size_t count;
    nst_conv_match input;
    const nst_tensor_entry *foreign;    /* a first convolution that is not VGG's: 7x7, 11x11 */
    const nst_tensor_entry *transposed; /* 3x3, but not where the container has its kernel axes */
    bool batch_norm;
} candidates;

/* ---- what the file holds ---- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), n = strlen(ending);
    return length >= n && strcmp(text + length - n, ending) == 0;
}

static bool is_batch_norm(const nst_tensor_entry *entry)
{
    return strstr(entry->name, "running_mean") || strstr(entry->name, "moving_mean");
}

/* Kernel (O, I, k, k), or (k, k, I, O) in Keras files. */
static void classify_kernel(candidates *found, const nst_tensor_entry *entry, bool hwio)
{
    const size_t *s = entry->shape;
    size_t out = hwio ? s[3] : s[0], in = hwio ? s[2] : s[1], height = hwio ? s[0] : s[2], width = hwio ? s[1] : s[3];
    nst_conv_match kernel = {.weight = entry, .in_channels = in, .out_channels = out, .size = height};
    if (height == 3 && width == 3) {
        if (found->count < MAX_KERNELS) found->kernels[found->count++] = kernel;
    } else if (height == 1 && width == 1) {
        if (in == 3 && out == 3 && !found->input.weight) found->input = kernel;
    } else if ((s[0] == 3 && s[1] == 3) || (s[1] == 3 && s[2] == 3) || (s[2] == 3 && s[3] == 3)) {
        found->transposed = entry;
    } else if (in == 3 && !found->foreign) {
        found->foreign = entry;
    }
}

static void collect(const nst_tensor_list *list, bool hwio, candidates *found)
{
    memset(found, 0, sizeof *found);
    for (size_t i = 0; i < list->count; i++) {
        const nst_tensor_entry *entry = &list->entries[i];
        if (entry->rank == 4) classify_kernel(found, entry, hwio);
        found->batch_norm = found->batch_norm || is_batch_norm(entry);
    }
}

/* The first names, for messages. */
static void list_names(const nst_tensor_list *list, char *text, size_t capacity)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < list->count && i < 6; i++) {
        const char *name = list->entries[i].name;
        if (used + strlen(name) + 3 > capacity) break;
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", i > 0 ? ", " : "", name);
    }
}

static int32_t check_kind(const nst_tensor_list *list, const candidates *found, nst_error *error)
{
    char names[400];
    if (found->transposed && found->count < 2)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "'%s' is (%zu, %zu, %zu, %zu): the kernels are stored in another order of axes "
                        "than this kind of file has (%s)",
                        found->transposed->name, found->transposed->shape[0], found->transposed->shape[1],
                        found->transposed->shape[2], found->transposed->shape[3],
                        "out, in, height, width; Keras: height, width, in, out, not Theano's order");
    if (found->foreign)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "not a VGG network: its first convolution '%s' is %zux%zu (%s)",
                        found->foreign->name, found->foreign->shape[2], found->foreign->shape[3],
                        found->batch_norm ? "with batch normalisation: a ResNet?" : "an AlexNet or SqueezeNet?");
    if (found->batch_norm)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "the network has batch normalisation (VGG-19-bn or another): only the plain "
                        "VGG-19 and VGG-16 are supported");
    if (found->count > 0) return NST_OK;
    list_names(list, names, sizeof names);
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "no 3x3 convolution among the %zu tensors of the file (%s%s)", list->count,
                    names, list->count > 6 ? ", ..." : "");
}

/* ---- order ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Runs of digits compare as numbers. */
static int compare_natural(const char *a, const char *b)
{
    while (*a && *b) {
        size_t m = 0, n = 0;
        if (!is_digit(*a) || !is_digit(*b)) {
            if (*a != *b) return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++, b++;
            continue;
        }
        while (*a == '0' && is_digit(a[1])) a++;
        while (*b == '0' && is_digit(b[1])) b++;
        while (is_digit(a[m])) m++;
        while (is_digit(b[n])) n++;
        if (m != n) return m < n ? -1 : 1;
        if (memcmp(a, b, m) != 0) return memcmp(a, b, m);
        a += m, b += n;
    }
    return *a ? 1 : *b ? -1 : 0;
}

static int compare_kernels(const void *a, const void *b)
{
    return compare_natural(((const nst_conv_match *)a)->weight->name, ((const nst_conv_match *)b)->weight->name);
}

/* The first kernel that does not take what the one before gives; `count` if all do. */
static size_t find_break(const nst_conv_match *kernels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kernels[i].in_channels != (i == 0 ? 3 : kernels[i - 1].out_channels)) return i;
    return count;
}

static int32_t put_in_order(candidates *found, bool order_is_network, nst_error *error)
{
    nst_conv_match by_name[MAX_KERNELS];
    size_t broken, count = found->count;
    bool file_order_fits = find_break(found->kernels, count) == count;
    memcpy(by_name, found->kernels, count * sizeof by_name[0]);
    qsort(by_name, count, sizeof by_name[0], compare_kernels);
    broken = find_break(by_name, count);
    if (file_order_fits && (order_is_network || broken < count)) return NST_OK;
    if (broken == count) {
        memcpy(found->kernels, by_name, count * sizeof by_name[0]);
        return NST_OK;
    }
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                    "not a VGG network, or a convolution is missing: '%s' takes %zu channels, but %s%s%s gives %zu",
                    by_name[broken].weight->name, by_name[broken].in_channels, broken ? "'" : "",
                    broken ? by_name[broken - 1].weight->name : "the image", broken ? "' before it" : "",
                    broken ? by_name[broken - 1].out_channels : (size_t)3);
}

/* ---- which network ---- */

/* Width changes inside the blocks of a topology: 0 for a proper VGG. */
static size_t count_misfits(const nst_conv_match *convs, size_t count, bool vgg16)
{
    size_t misfits = 0, end = 0, i = 0;
    for (int block = 0; block < 5; block++) {
        end += (size_t)nst_topology_block_size(vgg16, block);
        for (i++; i < end; i++)
            if (i < count && convs[i].out_channels != convs[i - 1].out_channels) misfits++;
    }
    return misfits;
}

static bool has_blocks(const nst_conv_match *convs, size_t count, const size_t *blocks)
{
    size_t i = 0;
    for (int block = 0; block < 4; block++)
        for (size_t end = i + blocks[block]; i < end; i++)
            if (i >= count || convs[i].out_channels != convs[end - 1].out_channels) return false;
    return i == count;
}

/* Full networks may have any widths (pruned ones); a shorter file must show that it is the beginning of one. Where a short file
 * could be either, our own metadata decides, else it is taken for a VGG-19. */
static int32_t choose_topology(const nst_tensor_list *list, const candidates *found, nst_match *out, nst_error *error)
{
    static const size_t vgg11[] = {1, 1, 2, 4}, vgg13[] = {2, 2, 2, 4};
    const char *said = nst_metadata_find(&list->metadata, "architecture");
    size_t count = found->count, misfit19 = count_misfits(found->kernels, count, false), misfit16;
    if (count > NST_MAX_CONVS)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "%zu or more 3x3 convolutions in a chain; VGG-19 has 16: another network",
                        count);
    misfit16 = count <= 13 ? count_misfits(found->kernels, count, true) : SIZE_MAX;
    out->vgg16 = count == 13 ? misfit16 <= misfit19 : count < 13 && misfit16 < misfit19;
    if (said && misfit16 == misfit19) out->vgg16 = strcmp(said, "vgg16") == 0;
    if (count == 16 || count == 13 || (out->vgg16 ? misfit16 : misfit19) == 0) return NST_OK;
    if (has_blocks(found->kernels, count, vgg11) || has_blocks(found->kernels, count, vgg13))
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "this is VGG-%d; VGG-19 or VGG-16 is needed", count == 8 ? 11 : 13);
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                    "%zu convolutions whose widths change inside the blocks of VGG-19 and VGG-16: another "
                    "network, or convolutions are missing",
                    count);
}

/* ---- biases and scales ---- */

static size_t parent_length(const char *name)
{
    size_t length = strlen(name);
    while (length > 0 && name[length - 1] != '.' && name[length - 1] != '/') length--;
    return length;
}

static size_t common_length(const char *a, const char *b)
{
    size_t length = 0;
    while (a[length] && a[length] == b[length]) length++;
    return length;
}

static bool is_float(const nst_tensor_entry *entry)
{
    return entry->dtype != NST_DTYPE_I8 && entry->dtype != NST_DTYPE_OTHER;
}

/* "conv1_1.scale" or "conv1_1.weight_scale" for "conv1_1.weight". */
static bool is_scale_of(const char *name, const char *kernel)
{
    size_t parent = parent_length(kernel), whole = strlen(kernel);
    if (strncmp(name, kernel, parent) != 0) return false;
    if (parent > 0 && strcmp(name + parent, "scale") == 0) return true;
    return strncmp(name, kernel, whole) == 0 && strcmp(name + whole, "_scale") == 0;
}

/* (O), (O, 1), ... (O, 1, 1, 1) */
static bool is_per_channel(const nst_tensor_entry *entry, size_t out_channels)
{
    bool fits = entry->rank >= 1 && entry->shape[0] == out_channels;
    for (int i = 1; i < entry->rank; i++) fits = fits && entry->shape[i] == 1;
    return fits;
}

static int32_t attach_scale(const nst_tensor_list *list, nst_conv_match *conv, nst_error *error)
{
    const char *name = conv->weight->name;
    if (conv->weight->dtype != NST_DTYPE_I8) return NST_OK;
    for (size_t i = 0; i < list->count && !conv->scale; i++)
        if (is_scale_of(list->entries[i].name, name)) conv->scale = &list->entries[i];
    if (!conv->scale)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT,
                        "'%s' holds 8-bit integers, but there is no '%.*s%s' of %zu values to multiply them with", name,
                        (int)parent_length(name), name, parent_length(name) ? "scale" : "..._scale", conv->out_channels);
    if (!is_per_channel(conv->scale, conv->out_channels))
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "'%s' must have one value for each of the %zu output channels of '%s'",
                        conv->scale->name, conv->out_channels, name);
    if (is_float(conv->scale)) return NST_OK;
    return nst_fail(error, NST_ERR_UNSUPPORTED, "'%s' holds neither float32, float64, float16 nor bfloat16", conv->scale->name);
}

static bool serves(const nst_conv_match *conv, const nst_tensor_entry *entry)
{
    return conv->bias == entry || conv->scale == entry;
}

static bool is_used(const nst_match *match, const nst_tensor_entry *entry)
{
    for (size_t i = 0; i < match->count; i++)
        if (serves(&match->convs[i], entry)) return true;
    return serves(&match->input, entry);
}

/* The vector that lies beside the kernel in the same module and has most of the name in common; where names have no modules and
 * leave a tie, the tensor after the kernel and its scale. */
static const nst_tensor_entry *find_bias(const nst_tensor_list *list, const nst_match *match, const nst_conv_match *conv)
{
    const char *name = conv->weight->name;
    const nst_tensor_entry *best = NULL, *next = conv->weight + 1;
    size_t parent = parent_length(name), longest = 0;
    bool tie = false;
    for (size_t i = 0; i < list->count; i++) {
        const nst_tensor_entry *entry = &list->entries[i];
        size_t common = common_length(name, entry->name);
        if (entry->rank != 1 || entry->shape[0] != conv->out_channels || common < parent) continue;
        if (parent_length(entry->name) != parent || is_used(match, entry)) continue;
        tie = best && (common == longest || (tie && common < longest));
        if (!best || common > longest) best = entry, longest = common;
    }
    if (best && !tie) return best;
    if (next == conv->scale) next++;
    if (next >= list->entries + list->count || next->rank != 1 || next->shape[0] != conv->out_channels) return NULL;
    return is_used(match, next) ? NULL : next;
}

static int32_t attach_bias(const nst_tensor_list *list, const nst_match *match, nst_conv_match *conv, nst_error *error)
{
    conv->bias = find_bias(list, match, conv);
    if (!conv->bias)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "no bias of %zu values for '%s'", conv->out_channels, conv->weight->name);
    if ((is_float(conv->weight) || conv->scale) && is_float(conv->bias)) return NST_OK;
    return nst_fail(error, NST_ERR_UNSUPPORTED, "'%s' or its bias holds neither float32, float64, float16 nor bfloat16",
                    conv->weight->name);
}

static int32_t check_width(const nst_conv_match *conv, nst_error *error)
{
    if (conv->out_channels > 0 && conv->out_channels <= MAX_CHANNELS) return NST_OK;
    return nst_fail(error, NST_ERR_LIMIT, "'%s' has %zu channels; 1 to %d are supported", conv->weight->name, conv->out_channels,
                    MAX_CHANNELS);
}

/* All scales before the first bias: a vector beside a kernel may be either. */
static int32_t attach_vectors(const nst_tensor_list *list, nst_match *match, nst_error *error)
{
    nst_conv_match *convs[NST_MAX_CONVS + 1];
    size_t count = 0;
    int32_t status = NST_OK;
    if (match->input.weight) convs[count++] = &match->input;
    for (size_t i = 0; i < match->count; i++) convs[count++] = &match->convs[i];
    for (size_t i = 0; status >= 0 && i < count; i++) status = check_width(convs[i], error);
    for (size_t i = 0; status >= 0 && i < count; i++) status = attach_scale(list, convs[i], error);
    for (size_t i = 0; status >= 0 && i < count; i++) status = attach_bias(list, match, convs[i], error);
    return status;
}

/* A bias whose kernel is not there betrays a damaged file. */
static int32_t check_orphans(const nst_tensor_list *list, nst_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->entries[i].name;
        size_t parent = parent_length(name);
        bool orphan = list->entries[i].rank == 1 && parent > 0 && (ends_with(name, ".bias") || ends_with(name, "/bias:0"));
        for (size_t j = 0; orphan && j < list->count; j++)
            orphan = list->entries[j].rank < 2 || strncmp(list->entries[j].name, name, parent) != 0;
        if (orphan)
            return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "'%s' has no weight beside it: the file is not complete", name);
    }
    return NST_OK;
}

int32_t nst_match_vgg(const nst_tensor_list *list, const nst_container *container, nst_match *out, nst_error *error)
{
    candidates found;
    int32_t status;
    *out = (nst_match){.count = 0};
    if (list->count > MAX_TENSORS)
        return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "%zu tensors: this is no VGG network", list->count);
    collect(list, container->kernels_are_hwio, &found);
    if ((status = check_kind(list, &found, error)) < 0) return status;
    if ((status = put_in_order(&found, container->order_is_network, error)) < 0) return status;
    if ((status = choose_topology(list, &found, out, error)) < 0) return status;
    if ((status = check_orphans(list, error)) < 0) return status;
    memcpy(out->convs, found.kernels, found.count * sizeof out->convs[0]);
    out->input = found.input;
    out->count = found.count;
    return attach_vectors(list, out, error);
}
