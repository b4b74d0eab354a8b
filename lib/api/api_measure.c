/* Glue of nst/measure.h. */
#include "base/abi.h"
#include "measure/measure.h"

int32_t nst_measure_new(nst_targets *targets, nst_image *picture, const nst_options *options, nst_measure **out)
{
    nst_error error = {""};
    unsigned floating_point;
    int32_t status;
    if (!out) return NST_ERR_INVALID_ARG;
    *out = NULL;
    if (!targets || !picture) return NST_ERR_INVALID_ARG;
    floating_point = nst_cpu_enter_flush();
    status = nst_measure_create(targets, picture, options, out, &error);
    nst_cpu_leave_flush(floating_point);
    return nst_ctx_keep_error(targets->ctx, status, &error);
}

void nst_measure_free(nst_measure *measure)
{
    nst_measure_destroy(measure);
}

int32_t nst_measure_get_summary(const nst_measure *measure, nst_measure_summary *summary)
{
    if (!measure) return NST_ERR_INVALID_ARG;
    return nst_abi_write(summary, &measure->summary, sizeof measure->summary, NST_MEASURE_SUMMARY_FIRST_SIZE);
}

int32_t nst_measure_get_layer(const nst_measure *measure, uint32_t index, nst_measure_layer *layer)
{
    if (!measure) return NST_ERR_INVALID_ARG;
    if (index >= measure->summary.layers) return NST_ERR_NOT_FOUND;
    return nst_abi_write(layer, &measure->layers[index], sizeof measure->layers[index], NST_MEASURE_LAYER_FIRST_SIZE);
}
