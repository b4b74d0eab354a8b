#include "loss/loss.h"

double nst_loss_evaluate(nst_loss *loss, const void *features)
{
    loss->class->begin(loss);
    loss->class->accumulate(loss, 0, loss->shape.height, features);
    loss->value = loss->weight * loss->factor * loss->class->finish(loss);
    return loss->value;
}

void nst_loss_differentiate(nst_loss *loss, const void *features, void *gradient)
{
    double scale = loss->weight * loss->factor;
    if (scale != 0) loss->class->seed(loss, 0, loss->shape.height, scale, features, gradient);
}
