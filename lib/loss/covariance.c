/* Style loss on covariances and means. With S = Ghat - mu mu^T (CORAL: Sun, Feng, Saenko 2016; Li et al. 2017 see Gram matrices as one of
 * several ways to match distributions), plain sum: || S - S' ||_F^2 + rho |mu - mu'|^2.
 *
 * rho brings the means, which are of second degree in the features, to the fourth of the covariances: the target's
 * || S' ||_F^2 / sum of mean squares. Relative to the target, both parts then count alike. */
#include "loss/moments.h"

/* || S' ||_F^2 by entries, since a target is const; where a style does not vary, at least 10^-3 of || Ghat' ||_F^2. */
static double covariance_power(nst_shape shape, const void *target)
{
    nst_moments m = nst_moments_in(shape, target);
    double sum = 0, floor = 1e-3 * nst_values_power(shape.channels * shape.channels, m.second);
    for (size_t i = 0; i < shape.channels; i++)
        for (size_t j = 0; j < shape.channels; j++) {
            double entry = m.second[i * shape.channels + j] - m.means[i] * m.means[j];
            sum += entry * entry;
        }
    return sum > floor ? sum : floor;
}

static double factor(nst_dialect dialect, nst_shape shape, const void *target)
{
    return nst_second_factor(dialect, shape, covariance_power(shape, target));
}

/* S becomes 2 (S - S'), the derivative by S and so by Ghat. Returns || S - S' ||_F^2. */
static double compare_covariances(nst_shape shape, const nst_moments *own, const nst_moments *wanted)
{
    double sum = 0;
    nst_moments_centre(shape, own->second, own->means);
    for (size_t i = 0; i < shape.channels; i++)
        for (size_t j = 0; j < shape.channels; j++) {
            double *entry = &own->second[i * shape.channels + j];
            *entry -= wanted->second[i * shape.channels + j] - wanted->means[i] * wanted->means[j];
            sum += *entry * *entry;
            *entry *= 2;
        }
    return sum;
}

static double finish(nst_loss *loss)
{
    nst_moments own = nst_moments_of_picture(loss), wanted = nst_moments_in(loss->shape, loss->target);
    double power = nst_moments_power(loss->shape, loss->target);
    double rho = power > 0 ? covariance_power(loss->shape, loss->target) / power : 0;
    double sum = compare_covariances(loss->shape, &own, &wanted);
    return sum + nst_moments_compare_means(loss->shape, rho, &own, &wanted);
}

const nst_loss_class nst_loss_covariance = {NST_MOMENTS_SLOTS, .factor = factor, .finish = finish};
