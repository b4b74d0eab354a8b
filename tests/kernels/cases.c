/* Random shapes and values for the slots of ops.c, and ways to run their jobs. */
#include "ops.h"

#include <stdlib.h>

static size_t below(nst_random *random, size_t limit)
{
    return nst_random_u64(random) % limit;
}

/* Around the groups of channels that vectors take, or any. */
static size_t channels_random(nst_random *random)
{
    static const size_t tails[] = {1, 3, 5, 15, 16, 17, 24, 31, 32, 33, 48, 64};
    return below(random, 2) ? tails[below(random, sizeof tails / sizeof tails[0])] : 1 + below(random, 20);
}

/* Half of them whole, at their own place; the others anywhere, in a target of another size. */
static void region_random(nst_random *random, op_case *c)
{
    nst_region *r = &c->region;
    c->region = nst_region_whole(c->shape);
    c->place = (nst_place){c->shape, 0, 0, false};
    if (below(random, 2)) return;
    r->row0 = below(random, c->shape.height + 1);
    r->row1 = r->row0 + below(random, c->shape.height - r->row0 + 1);
    if (below(random, 2)) { /* else whole rows */
        r->column0 = below(random, c->shape.width + 1);
        r->column1 = r->column0 + below(random, c->shape.width - r->column0 + 1);
    }
    c->place.row = below(random, 4);
    c->place.column = below(random, 2) * below(random, 4);
    c->place.shape.height = c->place.row + (r->row1 - r->row0) + below(random, 4);
    c->place.shape.width = c->place.column + (r->column1 - r->column0) + below(random, 2) * below(random, 4);
}

/* Many small shapes with every tail; some with more positions than one band or chunk; some deep; some empty. */
op_case op_case_random(nst_random *random, nst_precision precision)
{
    op_case c = {.shape = {channels_random(random), 1 + below(random, 20), 1 + below(random, 36)}};
    c.out_channels = channels_random(random);
    size_t kind = below(random, 24);
    if (kind == 0) c.shape = (nst_shape){1 + below(random, 6), 60 + below(random, 40), 60 + below(random, 50)};
    else if (kind == 1) c.shape.channels = 300, c.out_channels = 1 + below(random, 20);
    else if (kind == 2) c.shape.channels = 0;
    else if (kind == 3) c.shape.height = 0;
    else if (kind == 4) c.shape.width = 0;
    else if (kind == 5) c.out_channels = 0;
    else if (kind <= 7) c.shape.height = 1;
    else if (kind <= 9) c.shape.width = 1;
    else if (kind == 10) c.shape = (nst_shape){200, 30, 32}, c.out_channels = 1 + below(random, 20); /* several bands of a deep layer */
    else if (kind == 11) c.shape.height = c.shape.width = 1;
    c.size = below(random, 4) ? 3 : 1;
    c.pad = (nst_pad_mode)below(random, 3);
    c.pool = (nst_pool_mode)below(random, 3);
    region_random(random, &c);
    c.relu = below(random, 2);
    c.noted = below(random, 2);
    c.packed = below(random, 2);
    c.integers = below(random, 2);
    c.poisoned = below(random, 2);
    c.misalignment = below(random, 2);
    c.strands = 1 + (uint32_t)below(random, 4);
    c.rough = precision == NST_PRECISION_BF16;
    return c;
}

/* For a rough table numbers that it can hold: seven bits and a sign. */
static nst_real *values_new(nst_random *random, size_t count, const op_case *c)
{
    nst_real *values = test_alloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = c->integers ? (nst_real)(int)below(random, 7) - 3
                    : c->rough  ? (nst_real)((double)below(random, 255) / 128 - 127.0 / 128)
                                : (nst_real)(2 * nst_random_uniform(random) - 1);
    return values;
}

op_values op_values_new(nst_random *random, const op_case *c)
{
    size_t channels = c->shape.channels > c->out_channels ? c->shape.channels : c->out_channels;
    op_values v = {.feature_count = channels * nst_shape_positions(c->shape), .bias_count = c->out_channels};
    if (nst_shape_count(c->place.shape) > v.feature_count) v.feature_count = nst_shape_count(c->place.shape);
    v.weight_count = c->shape.channels * (c->out_channels * c->size * c->size + c->shape.channels + 1); /* one channel, too, has two */
    v.a = values_new(random, v.feature_count, c);
    v.b = values_new(random, v.feature_count, c);
    v.c = values_new(random, v.feature_count, c);
    v.weight = values_new(random, v.weight_count, c);
    v.bias = values_new(random, v.bias_count, c);
    v.alpha = c->integers ? 4 : (nst_real)1.7;
    v.beta = below(random, 3) == 0 ? 0 : c->integers ? -2 : (nst_real)-0.3;
    return v;
}

static nst_real *magnitudes(const nst_real *values, size_t count, nst_real sign)
{
    nst_real *result = test_alloc(count * sizeof *result);
    for (size_t i = 0; i < count; i++) result[i] = sign * (values[i] < 0 ? -values[i] : values[i]);
    return result;
}

op_values op_values_magnitudes(const op_values *v, bool subtracts_b)
{
    op_values m = *v;
    m.a = magnitudes(v->a, v->feature_count, 1);
    m.b = magnitudes(v->b, v->feature_count, subtracts_b ? -1 : 1);
    m.c = magnitudes(v->c, v->feature_count, 1);
    m.weight = magnitudes(v->weight, v->weight_count, 1);
    m.bias = magnitudes(v->bias, v->bias_count, 1);
    m.beta = v->beta < 0 ? -v->beta : v->beta;
    return m;
}

void op_values_free(op_values *v)
{
    free(v->a);
    free(v->b);
    free(v->c);
    free(v->weight);
    free(v->bias);
}

/* Ways to run jobs */

void exec_forwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = 0; i < count; i++) job(data, i);
}

void exec_backwards(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    (void)user;
    for (uint32_t i = count; i-- > 0;) job(data, i);
}

void exec_shuffled(void *user, void (*job)(void *data, uint32_t index), void *data, uint32_t count)
{
    uint32_t *order = test_alloc(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = (uint32_t)below(user, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (uint32_t i = 0; i < count; i++) job(data, order[i]);
    free(order);
}
