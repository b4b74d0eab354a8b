/* What lives where. A layer's output gets a slot; layers that nobody looks at again share slots.
 *
 * With a way back everything is kept that the gradients need: ReLU outputs (their sign is the mask), pooling inputs and outputs. A
 * ReLU works in place in its convolution's slot unless the convolution itself is tapped. Without a way back two slots taking turns
 * are enough. */
#include "net/plan.h"

#include "base/size.h"

static bool in_place(const nst_pass_config *config, size_t layer)
{
    return config->network->layers[layer].kind == NST_LAYER_RELU && layer > 0 && !config->tapped[layer - 1];
}

static void raise(size_t *maximum, size_t value)
{
    if (value > *maximum) *maximum = value;
}

static void plan_slots(const nst_pass_config *config, nst_plan *plan)
{
    size_t next = 1; /* slot 0: the preprocessed image */
    for (size_t i = 0; i < plan->depth; i++) {
        if (in_place(config, i)) plan->slot[i] = i ? plan->slot[i - 1] : 0;
        else if (config->backward) plan->slot[i] = next++;
        else plan->slot[i] = i && plan->slot[i - 1] == 1 ? 2 : 1;
    }
    plan->slot_count = config->backward ? next : 3;
}

static size_t deepest_tapped(const nst_pass_config *config)
{
    size_t depth = 0;
    for (size_t i = 0; i < config->network->layer_count; i++)
        if (config->tapped[i]) depth = i + 1;
    return depth;
}

static int32_t check_sizes(const nst_pass_config *config, size_t depth, nst_error *error)
{
    const nst_network *network = config->network;
    const nst_layer *deepest = &network->layers[depth - 1];
    int pools = deepest->pools + (deepest->kind == NST_LAYER_POOL);
    size_t smallest = (size_t)1 << pools, values;
    if (config->width < smallest || config->height < smallest)
        return nst_fail(error, NST_ERR_INVALID_ARG, "an image of %zux%zu is too small for layer %s, which needs at least %zux%zu",
                        config->width, config->height, deepest->name, smallest, smallest);
    if (config->height > INT32_MAX / config->width) /* a BLAS counts in 32 bits */
        return nst_fail(error, NST_ERR_LIMIT, "an image of %zux%zu is too large", config->width, config->height);
    for (size_t i = 0; i < depth; i++)
        if (!nst_size_mul3(network->layers[i].channels, config->height, config->width, &values) ||
            !nst_size_mul(values, 2 * sizeof(nst_real), &values))
            return nst_fail(error, NST_ERR_LIMIT, "an image of %zux%zu is too large", config->width, config->height);
    return NST_OK;
}

int32_t nst_plan_make(const nst_pass_config *config, nst_plan *plan, nst_error *error)
{
    const nst_network *network = config->network;
    nst_shape image = {3, config->height, config->width};
    int32_t status;
    *plan = (nst_plan){.depth = deepest_tapped(config)};
    if (plan->depth == 0) return nst_fail(error, NST_ERR_INTERNAL, "a pass without a tapped layer");
    status = check_sizes(config, plan->depth, error);
    if (status < 0) return status;
    plan_slots(config, plan);
    plan->slot_bytes[0] = plan->widest = config->kernels->feature_bytes(image);
    plan->workspace = config->kernels->conv_workspace(&network->input, config->height, config->width);
    for (size_t i = 0; i < plan->depth; i++) {
        nst_shape shape = nst_network_shape(network, i, config->width, config->height);
        size_t bytes = config->kernels->feature_bytes(shape);
        raise(&plan->slot_bytes[plan->slot[i]], bytes);
        raise(&plan->widest, bytes);
        if (network->layers[i].kind == NST_LAYER_CONV)
            raise(&plan->workspace, config->kernels->conv_workspace(&network->convs[network->layers[i].conv], shape.height, shape.width));
    }
    return NST_OK;
}
