/* What lives where. On the way forward features take turns in two buffers. With a way back these are kept besides: the outputs of tapped
 * layers, of a ReLU one bit a value, of a maximum pooling the codes of its places, of an L2 pooling both its sides.
 *
 * To save memory the first layers go in bands (front.h), and the steps are those behind them. Within a band, the first step's output need
 * not be kept: it is the widest, and cheap to compute again from what it read, which is kept instead.
 *
 * Layers that nobody looks into are computed together: a convolution with its ReLU, and these with a maximum pooling where the level
 * has a kernel for it. */
#include "net/plan.h"

#include "base/size.h"
#include "net/front.h"

static nst_shape shape_of(const nst_pass_config *config, size_t layer)
{
    return nst_network_shape(config->network, layer, config->width, config->height);
}

static bool is_kind(const nst_pass_config *config, const nst_plan *plan, size_t layer, nst_layer_kind kind)
{
    return layer < plan->depth && config->network->layers[layer].kind == kind;
}

/* ---- steps ---- */

static nst_step step_from(const nst_pass_config *config, const nst_plan *plan, size_t layer)
{
    const nst_network *network = config->network;
    nst_step step = {.first = layer, .last = layer};
    if (network->layers[layer].kind == NST_LAYER_RELU) step.kind = NST_STEP_RELU;
    else if (network->layers[layer].kind == NST_LAYER_POOL) step.kind = NST_STEP_POOL;
    else if (config->tapped[layer] || !is_kind(config, plan, layer + 1, NST_LAYER_RELU)) step.kind = NST_STEP_CONV;
    else if (config->tapped[layer + 1] || !is_kind(config, plan, layer + 2, NST_LAYER_POOL) || !config->kernels->conv_pool_forward ||
             network->config.pooling != NST_POOL_MAX)
        step.kind = NST_STEP_CONV_RELU, step.last = layer + 1;
    else step.kind = NST_STEP_CONV_RELU_POOL, step.last = layer + 2;
    return step;
}

static bool pools_by_l2(const nst_pass_config *config, const nst_plan *plan, size_t layer)
{
    return config->network->config.pooling == NST_POOL_L2 && is_kind(config, plan, layer, NST_LAYER_POOL);
}

static bool is_kept(const nst_pass_config *config, const nst_plan *plan, size_t layer)
{
    return config->backward && (config->tapped[layer] || pools_by_l2(config, plan, layer) || pools_by_l2(config, plan, layer + 1));
}

static size_t output_bytes(const nst_pass_config *config, size_t layer)
{
    return config->kernels->feature_bytes(shape_of(config, layer));
}

/* What the pass begins with: the preprocessed image or features. */
static size_t entry_bytes(const nst_pass_config *config)
{
    if (config->begin > 0) return output_bytes(config, config->begin - 1);
    return config->kernels->feature_bytes((nst_shape){3, config->height, config->width});
}

/* The first step alone needs nothing but what the pass begins with. */
static bool is_computed_again(const nst_pass_config *config, const nst_plan *plan, const nst_step *step)
{
    size_t behind = step->last + 1;
    if (!config->recompute || step->first > config->begin || plan->front_count > 0) return false;
    if (!is_kept(config, plan, step->last) || pools_by_l2(config, plan, behind)) return false;
    return entry_bytes(config) < output_bytes(config, step->last);
}

/* ---- buffers ---- */

static void raise(size_t *maximum, size_t value)
{
    if (value > *maximum) *maximum = value;
}

static size_t add_buffer(nst_plan *plan, size_t bytes)
{
    plan->bytes[plan->buffer_count] = bytes;
    return plan->buffer_count++;
}

/* The way back needs a mask or codes. */
static size_t add_notes(const nst_pass_config *config, nst_plan *plan, const nst_step *step)
{
    nst_shape shape = shape_of(config, step->last);
    if (!config->backward || step->kind == NST_STEP_CONV) return NST_BUFFER_NONE;
    if (step->kind == NST_STEP_CONV_RELU || step->kind == NST_STEP_RELU) return add_buffer(plan, config->kernels->mask_bytes(shape));
    if (config->network->config.pooling == NST_POOL_MAX) return add_buffer(plan, config->kernels->code_bytes(shape));
    return NST_BUFFER_NONE;
}

/* A ReLU of its own may work in place: its input has been seen. */
static size_t turn_after(const nst_step *step)
{
    if (step->kind == NST_STEP_RELU && step->from < NST_BUFFER_KEPT) return step->from;
    return step->from == NST_BUFFER_TURN0 ? NST_BUFFER_TURN1 : NST_BUFFER_TURN0;
}

/* The way back through a front begins with what it read. What the last one gives is read by steps. */
static void plan_fronts(const nst_pass_config *config, nst_plan *plan)
{
    for (size_t begin = config->begin; plan->front_count < config->fronts; begin = plan->begin) {
        size_t end = nst_front_end(config, begin);
        if (end == 0) break;
        plan->fronts[plan->front_count++] = (nst_plan_front){begin, end, NST_BUFFER_NONE};
        plan->begin = end;
    }
    for (size_t i = 0; i < plan->front_count; i++) {
        nst_plan_front *front = &plan->fronts[i];
        bool last = i + 1 == plan->front_count;
        if (is_kept(config, plan, front->end - 1) || (config->backward && !last))
            front->to = add_buffer(plan, output_bytes(config, front->end - 1));
        else front->to = last ? NST_BUFFER_TURN1 : NST_BUFFER_TURN0;
    }
}

static void plan_steps(const nst_pass_config *config, nst_plan *plan)
{
    size_t from = NST_BUFFER_TURN1; /* the preprocessed image is imported to the other */
    if (plan->front_count > 0) from = plan->fronts[plan->front_count - 1].to;
    plan->entered = from;
    for (size_t layer = plan->begin; layer < plan->depth; layer = plan->steps[plan->step_count - 1].last + 1) {
        nst_step step = step_from(config, plan, layer);
        step.again = is_computed_again(config, plan, &step);
        if (step.again) from = plan->entered = add_buffer(plan, entry_bytes(config));
        step.from = from;
        if (!step.again && is_kept(config, plan, step.last)) step.to = add_buffer(plan, output_bytes(config, step.last));
        else step.to = turn_after(&step);
        step.notes = add_notes(config, plan, &step);
        from = step.to;
        plan->steps[plan->step_count++] = step;
    }
}

/* Every layer fits into either of the two, so that a pass can also go layer by layer. */
static void plan_shared(const nst_pass_config *config, nst_plan *plan)
{
    const nst_network *network = config->network;
    const nst_kernels *kernels = config->kernels;
    size_t widest = plan->front_count ? 0 : entry_bytes(config), workspace = 0;
    if (plan->begin == 0) workspace = kernels->conv_workspace(&network->input, config->height, config->width, config->exec->strands);
    for (size_t i = 0; i < plan->front_count; i++) raise(&widest, output_bytes(config, plan->fronts[i].end - 1));
    for (size_t i = plan->begin; i < plan->depth; i++) {
        nst_shape shape = shape_of(config, i);
        raise(&widest, kernels->feature_bytes(shape));
        if (network->layers[i].kind == NST_LAYER_CONV)
            raise(&workspace, kernels->conv_workspace(&network->convs[network->layers[i].conv], shape.height, shape.width,
                                                      config->exec->strands));
    }
    plan->bytes[NST_BUFFER_TURN0] = plan->bytes[NST_BUFFER_TURN1] = widest;
    plan->bytes[NST_BUFFER_WORKSPACE] = workspace;
}

/* ---- limits ---- */

/* Every layer kept twice over, in layouts that round channels up, must be countable: then so is all that a plan adds up. */
static bool fits(const nst_pass_config *config, size_t depth)
{
    size_t total = 0;
    if (config->height > INT32_MAX / config->width) return false; /* a BLAS counts in 32 bits */
    for (size_t i = 0; i < depth; i++) {
        size_t values;
        if (!nst_size_mul3(config->network->layers[i].channels + NST_ALIGNMENT, config->height, config->width, &values) ||
            !nst_size_mul(values, 2 * sizeof(nst_real), &values) || !nst_size_add(total, values, &total))
            return false;
    }
    return true;
}

static int32_t check_sizes(const nst_pass_config *config, size_t depth, nst_error *error)
{
    const nst_network *network = config->network;
    size_t smallest = (size_t)1 << nst_network_pools(network, depth - 1);
    if (config->width < smallest || config->height < smallest)
        return nst_fail(error, NST_ERR_INVALID_ARG, "an image of %zux%zu is too small for layer %s, which needs at least %zux%zu",
                        config->width, config->height, network->layers[depth - 1].name, smallest, smallest);
    if (!fits(config, depth))
        return nst_fail(error, NST_ERR_LIMIT, "an image of %zux%zu is too large", config->width, config->height);
    return NST_OK;
}

static bool sum_bytes(const nst_plan *plan, size_t *sum)
{
    *sum = 0;
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (!nst_size_add(*sum, plan->bytes[i], sum)) return false;
    return true;
}

static int32_t make_for_size(const nst_pass_config *config, nst_plan *plan, nst_error *error)
{
    int32_t status;
    *plan = (nst_plan){.begin = config->begin, .depth = nst_pass_depth(config), .buffer_count = NST_BUFFER_KEPT};
    if (plan->depth == 0) return nst_fail(error, NST_ERR_INTERNAL, "a pass without a tapped layer");
    status = check_sizes(config, plan->depth, error);
    if (status < 0) return status;
    plan_fronts(config, plan);
    plan_steps(config, plan);
    plan_shared(config, plan);
    return NST_OK;
}

/* Smaller sizes need less, but for workspaces of kernels that work in another way then. */
static int32_t cover_others(const nst_pass_config *config, nst_plan *plan, nst_error *error)
{
    nst_pass_config other = *config;
    int32_t status = NST_OK;
    for (size_t i = 0; i < config->other_count && status >= 0; i++) {
        nst_plan smaller;
        other.width = config->others[i].width;
        other.height = config->others[i].height;
        status = make_for_size(&other, &smaller, error);
        for (size_t k = 0; k < plan->buffer_count && status >= 0; k++) raise(&plan->bytes[k], smaller.bytes[k]);
    }
    return status;
}

int32_t nst_plan_make(const nst_pass_config *config, nst_plan *plan, nst_error *error)
{
    size_t sum;
    int32_t status = make_for_size(config, plan, error);
    if (status >= 0) status = cover_others(config, plan, error);
    if (status >= 0 && !sum_bytes(plan, &sum))
        return nst_fail(error, NST_ERR_LIMIT, "an image of %zux%zu is too large", config->width, config->height);
    return status;
}

bool nst_plan_is_note(const nst_plan *plan, size_t buffer)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].notes == buffer) return buffer != NST_BUFFER_NONE;
    return false;
}

static size_t piece_bytes(const nst_plan *plan, bool notes)
{
    size_t sum = 0;
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (nst_plan_is_note(plan, i) == notes) sum += nst_place_bytes(plan->bytes[i]);
    return sum;
}

size_t nst_plan_notes_bytes(const nst_plan *plan)
{
    return piece_bytes(plan, true);
}

size_t nst_plan_work_bytes(const nst_plan *plan)
{
    return piece_bytes(plan, false);
}

bool nst_plan_returns(const nst_pass_config *config, const nst_plan *plan)
{
    if (config->network->config.pooling == NST_POOL_L2) return false;
    for (size_t i = 0; i + 1 < plan->step_count; i++)
        if (config->tapped[plan->steps[i].last] && !plan->steps[i].again) return false;
    return true;
}

size_t nst_plan_bytes(const nst_plan *plan)
{
    size_t sum;
    sum_bytes(plan, &sum); /* as nst_plan_make() has checked */
    return sum;
}
