/* Style loss on Gram matrices of shifted features (Novak and Nikulin 2016): of F + s, which is
 *
 *     Ghat_s = Ghat + s (mu 1^T + 1 mu^T) + s^2 1 1^T
 *
 * so that no features need be looked at again. A channel that is 0 everywhere tells something then, and sparse channels are told from
 * weak ones. Theirs is s = -1 on a network whose mean activations are 1; here it is minus the layer's mean activation on the style,
 * which is the same there and does not depend on the features' scale. Plain sum: || Ghat_s - Ahat_s ||_F^2. */
#include "loss/moments.h"

static double shift_of(nst_shape shape, const void *target)
{
    const double *means = nst_moments_in(shape, target).means;
    double sum = 0;
    for (size_t c = 0; c < shape.channels; c++) sum += means[c];
    return -sum / (double)shape.channels;
}

static double shifted(const nst_moments *m, nst_shape shape, double shift, size_t i, size_t j)
{
    return m->second[i * shape.channels + j] + shift * (m->means[i] + m->means[j]) + shift * shift;
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    nst_moments m = nst_moments_in(shape, target);
    double shift = shift_of(shape, target), power = 0;
    for (size_t i = 0; i < shape.channels; i++)
        for (size_t j = 0; j < shape.channels; j++) {
            double entry = shifted(&m, shape, shift, i, j);
            power += entry * entry;
        }
    return nst_second_factor(dialect, shape, power);
}

/* With E = Ghat_s - Ahat_s: by Ghat it is 2 E, by mu 4 s E 1. */
static double finish(nst_loss *loss)
{
    nst_moments own = nst_moments_of_picture(loss), wanted = nst_moments_in(loss->shape, loss->target);
    size_t channels = loss->shape.channels;
    double shift = shift_of(loss->shape, loss->target), sum = 0;
    for (size_t i = 0; i < channels; i++)
        for (size_t j = 0; j < channels; j++) {
            double *entry = &own.second[i * channels + j];
            *entry = 2 * (shifted(&own, loss->shape, shift, i, j) - shifted(&wanted, loss->shape, shift, i, j));
            sum += *entry * *entry / 4;
        }
    for (size_t i = 0; i < channels; i++) {
        own.means[i] = 0;
        for (size_t j = 0; j < channels; j++) own.means[i] += 2 * shift * own.second[i * channels + j];
    }
    return sum;
}

const nst_loss_class nst_loss_shifted_gram = {NST_MOMENTS_SLOTS, .factor = factor, .finish = finish};
