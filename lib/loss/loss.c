#include "loss/loss.h"

size_t nst_loss_no_workspace(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    (void)shape;
    return 0;
}

size_t nst_sum_bytes(const nst_loss_tools *tools, nst_shape shape)
{
    (void)tools;
    (void)shape;
    return sizeof(double);
}

void nst_sum_begin(nst_loss *loss)
{
    *(double *)loss->state = 0;
}

double nst_sum_finish(nst_loss *loss)
{
    return *(double *)loss->state;
}

double nst_loss_finish(nst_loss *loss)
{
    loss->value = loss->weight * loss->factor * loss->class->finish(loss);
    return loss->value;
}

void nst_loss_seed(nst_loss *loss, const nst_tile *tile, const void *features, void *gradient)
{
    double scale = loss->weight * loss->factor;
    if (scale != 0) loss->class->seed(loss, tile, scale, features, gradient);
}

void nst_loss_seed_before(nst_loss *loss, const nst_tile *tile, const void *features, void *gradient)
{
    double scale = loss->weight * loss->factor;
    if (scale != 0) loss->class->seed_before(loss, tile, scale, features, gradient);
}

double nst_loss_evaluate(nst_loss *loss, const void *features)
{
    nst_tile whole = nst_tile_whole(loss->shape);
    loss->class->begin(loss);
    loss->class->accumulate(loss, &whole, features);
    return nst_loss_finish(loss);
}

void nst_loss_differentiate(nst_loss *loss, const void *features, void *gradient)
{
    nst_tile whole = nst_tile_whole(loss->shape);
    nst_loss_seed(loss, &whole, features, gradient);
}
