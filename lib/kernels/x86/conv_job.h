/* A convolution in one direction, as the x86 bodies see it. On the way back the channels change places and filters are turned. Included
 * by bodies, after a vocabulary. */
#ifndef NST_KERNELS_X86_CONV_JOB_H
#define NST_KERNELS_X86_CONV_JOB_H

#include <string.h>

#include "kernels/x86/layout.h"

typedef struct conv_job {
    const nst_conv *conv;
    bool backward;
    size_t in, out;               /* channels read and written */
    size_t in_stride, out_stride; /* floats from position to position */
    size_t height, width;
    nst_pad_mode pad; /* on the way back always zero: what other paddings add is done at the end (conv_body.h) */
    const float *x;
    const uint16_t *x_mask; /* NULL, or where x counts */
    float *y;
    bool relu, pooled; /* pooled: y is (out, H/2, W/2), and relu is set */
    uint16_t *y_mask;  /* NULL: not wanted; likewise */
    uint16_t *codes;
    float scale; /* of the pooling */
} conv_job;

/* The nine (or one) taps from channel `in` to channel `out` of the job, not turned. */
static inline const float *conv_filter(const conv_job *job, size_t out, size_t in)
{
    size_t taps = job->conv->size * job->conv->size;
    return job->conv->weight + (job->backward ? in * job->conv->in_channels + out : out * job->conv->in_channels + in) * taps;
}

static inline float conv_tap(const conv_job *job, size_t out, size_t in, size_t tap)
{
    size_t taps = job->conv->size * job->conv->size;
    return conv_filter(job, out, in)[job->backward ? taps - 1 - tap : tap];
}

/* A group of channels of x at a position, 0 where the mask says so. */
static inline v16 conv_load(const conv_job *job, size_t position, size_t group)
{
    v16 value = v16_load(job->x + position * job->in_stride + group * NST_GROUP);
    return job->x_mask ? v16_keep(job->x_mask[position * (job->in_stride / NST_GROUP) + group], value) : value;
}

/* Of a panel of 16 output channels. */
static inline v16 conv_bias(const conv_job *job, size_t panel)
{
    float padded[NST_GROUP] = {0};
    size_t first = panel * NST_GROUP, count = job->out - first < NST_GROUP ? job->out - first : NST_GROUP;
    if (!job->backward) memcpy(padded, job->conv->bias + first, count * sizeof *padded);
    return v16_load(padded);
}

static inline void conv_store(const conv_job *job, size_t position, size_t panel, v16 value)
{
    if (job->relu) {
        if (job->y_mask) job->y_mask[position * (job->out_stride / NST_GROUP) + panel] = v16_greater(value, v16_zero());
        value = v16_max(v16_zero(), value); /* a NaN stays */
    }
    v16_store(job->y + position * job->out_stride + panel * NST_GROUP, value);
}

/* One step of a maximum that remembers its place: the later of equals loses, a NaN wins, as in PyTorch. */
static inline void conv_take_larger(v16 value, unsigned place, v16 *best, uint16_t code[2])
{
    uint16_t better = v16_greater(value, *best) | v16_is_nan(value);
    *best = v16_select(better, value, *best);
    for (unsigned bit = 0; bit < 2; bit++) code[bit] = (uint16_t)((code[bit] & ~better) | (place >> bit & 1 ? better : 0));
}

/* ReLU and maximum of the four values of a pooling window. */
static inline void conv_store_pooled(const conv_job *job, size_t position, size_t panel, const v16 window[4])
{
    v16 best = window[0];
    uint16_t code[2] = {0, 0}, *codes;
    for (unsigned place = 1; place < 4; place++) conv_take_larger(window[place], place, &best, code);
    if (job->codes) {
        codes = job->codes + (position * (job->out_stride / NST_GROUP) + panel) * NST_CODE_WORDS;
        codes[0] = code[0];
        codes[1] = code[1];
        codes[2] = v16_greater(best, v16_zero());
    }
    v16_store(job->y + position * job->out_stride + panel * NST_GROUP, v16_mul(v16_all(job->scale), v16_max(v16_zero(), best)));
}

#endif
