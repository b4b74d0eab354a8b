/* The convolution slots of an x86 level: which way a convolution goes, and its filters in that way's form. Included by conv_avx2.c and
 * conv_avx512.c, after a vocabulary. */
#include "kernels/x86/conv_job.h"
#include "kernels/x86/direct_body.h"
#include "kernels/x86/edge_body.h"
#include "kernels/x86/narrow_body.h"
#include "kernels/x86/winograd_body.h"

typedef enum conv_way { WAY_DIRECT, WAY_NARROW, WAY_WINOGRAD } conv_way;

enum { WINOGRAD_FEWEST_CHANNELS = 16 }; /* with fewer the transforms cost more than they save */

static conv_way way_of(const conv_job *job)
{
    if (job->conv->size != 3) return WAY_DIRECT;
    if (job->in >= WINOGRAD_FEWEST_CHANNELS && job->out >= WINOGRAD_FEWEST_CHANNELS) return WAY_WINOGRAD;
    return job->backward && job->out > 0 && job->out <= NARROW_MOST ? WAY_NARROW : WAY_DIRECT;
}

static conv_job make_job(const nst_conv *conv, nst_direction direction, size_t height, size_t width)
{
    bool backward = direction == NST_BACKWARD;
    conv_job job = {.conv = conv, .backward = backward, .in = backward ? conv->out_channels : conv->in_channels,
                    .out = backward ? conv->in_channels : conv->out_channels, .height = height, .width = width,
                    .pad = backward ? NST_PAD_ZERO : conv->pad};
    job.in_stride = nst_position_stride(job.in);
    job.out_stride = nst_position_stride(job.out);
    return job;
}

/* Reflected and repeated edges need the filters once more, for their lines. */
static bool has_edges(const conv_job *job)
{
    return job->backward && job->conv->size == 3 && job->conv->pad != NST_PAD_ZERO;
}

static size_t main_floats(const conv_job *job)
{
    switch (way_of(job)) {
    case WAY_WINOGRAD: return winograd_packed_floats(job);
    case WAY_NARROW: return narrow_packed_floats(job);
    default: return direct_packed_floats(job);
    }
}

static size_t packed_floats(const conv_job *job)
{
    return main_floats(job) + (has_edges(job) ? direct_packed_floats(job) : 0);
}

static void pack(const nst_exec *exec, const conv_job *job, float *packed)
{
    switch (way_of(job)) {
    case WAY_WINOGRAD: winograd_pack(exec, job, packed); break;
    case WAY_NARROW: narrow_pack(job, packed); break;
    default: direct_pack(exec, job, packed);
    }
    if (has_edges(job)) direct_pack(exec, job, packed + main_floats(job));
}

static size_t strand_floats(const conv_job *job)
{
    switch (way_of(job)) {
    case WAY_WINOGRAD: return winograd_strand_floats(job);
    case WAY_NARROW: return narrow_strand_floats(job);
    default: return direct_strand_floats(job);
    }
}

/* The workspace: filters where they are not kept, a line for the edges, then each strand's own. */
static size_t workspace_floats(const conv_job *job, uint32_t strands)
{
    size_t filters = job->conv->packed[job->backward] ? 0 : packed_floats(job);
    return filters + (has_edges(job) ? edge_line_floats(job) : 0) + strands * strand_floats(job);
}

static void run_job(const nst_exec *exec, const conv_job *job, void *workspace)
{
    const float *packed = job->conv->packed[job->backward];
    float *free = workspace, *line;
    if (!packed) {
        pack(exec, job, free);
        packed = free;
        free += packed_floats(job);
    }
    line = free;
    if (has_edges(job)) free += edge_line_floats(job);
    switch (way_of(job)) {
    case WAY_WINOGRAD: winograd_run(exec, job, packed, free); break;
    case WAY_NARROW: narrow_run(exec, job, packed, free); break;
    default: direct_run(exec, job, packed, free);
    }
    if (has_edges(job)) edges_run(exec, job, job->conv->pad, packed + main_floats(job), line);
}

size_t LEVEL(conv_packed_bytes)(const nst_conv *conv, nst_direction direction)
{
    conv_job job = make_job(conv, direction, 0, 0);
    return packed_floats(&job) * sizeof(float);
}

void LEVEL(conv_pack)(const nst_exec *exec, const nst_conv *conv, nst_direction direction, void *packed)
{
    conv_job job = make_job(conv, direction, 0, 0);
    pack(exec, &job, packed);
}

size_t LEVEL(conv_workspace)(const nst_conv *conv, size_t height, size_t width, uint32_t strands)
{
    conv_job forward = make_job(conv, NST_FORWARD, height, width), backward = make_job(conv, NST_BACKWARD, height, width);
    size_t a = workspace_floats(&forward, strands), b = workspace_floats(&backward, strands);
    return (a > b ? a : b) * sizeof(float);
}

void LEVEL(conv_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, bool relu, void *mask,
                         void *y, void *workspace)
{
    conv_job job = make_job(conv, NST_FORWARD, height, width);
    job.x = x;
    job.y = y;
    job.relu = relu;
    job.y_mask = relu ? mask : NULL;
    run_job(exec, &job, workspace);
}

void LEVEL(conv_pool_forward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *x, nst_real scale,
                              void *y, void *codes, void *workspace)
{
    conv_job job = make_job(conv, NST_FORWARD, height, width);
    job.x = x;
    job.y = y;
    job.relu = job.pooled = true;
    job.codes = codes;
    job.scale = scale;
    run_job(exec, &job, workspace);
}

void LEVEL(conv_backward)(const nst_exec *exec, const nst_conv *conv, size_t height, size_t width, const void *dy, const void *mask,
                          void *dx, void *workspace)
{
    conv_job job = make_job(conv, NST_BACKWARD, height, width);
    job.x = dy;
    job.x_mask = mask;
    job.y = dx;
    run_job(exec, &job, workspace);
}
