/* The weight of the matting loss, against made-up pictures: what is painted falls with a power of the weight, and slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "session/restraint.h"

/* The share comes to unhindered · weight^-slope, by a fifteenth of the way in every iteration, from nothing. */
typedef struct pair {
    double unhindered, slope, share;
} pair;

static void run_scale(nst_restraint *r, pair *p, uint32_t length)
{
    nst_restraint_follow(r, 0, length);
    for (uint32_t i = 1; i <= length; i++) {
        p->share += (p->unhindered * pow(r->weight, -p->slope) - p->share) / 15;
        nst_restraint_note(r, i, p->share);
        assert_true(r->weight > 0 && isfinite(r->weight));
    }
}

static void paints_the_same_share_of_every_pair(void **state)
{
    static const double unhindered[] = {0.003, 0.008, 0.02}, slopes[] = {0.4, 0.6, 0.9}, photos[] = {0.5, 0.85, 1};
    (void)state;
    for (size_t i = 0; i < 27; i++) {
        double photo = photos[i / 9];
        pair p = {unhindered[i % 3] * 100 * nst_restraint_target(photo), slopes[i / 3 % 3], 0};
        nst_restraint r;
        nst_restraint_begin(&r, photo, pow(10, 3 * photo - 1.5));
        run_scale(&r, &p, 80);
        run_scale(&r, &p, 50);
        assert_true(fabs(log(p.share / nst_restraint_target(photo))) < 0.35);
    }
}

static void without_a_target_nothing_moves(void **state)
{
    nst_restraint r;
    (void)state;
    nst_restraint_begin(&r, 0, 7);
    nst_restraint_follow(&r, 0, 80);
    assert_true(r.target == 0);
    for (uint32_t i = 1; i <= 80; i++) assert_false(nst_restraint_note(&r, i, 0.5));
    assert_true(r.weight == 7);
    nst_restraint_begin(&r, 0.5, 7);
    nst_restraint_follow(&r, 0, 80);
    assert_false(nst_restraint_note(&r, 80, (double)NAN));
    assert_false(nst_restraint_note(&r, 80, 0));
    assert_true(r.weight == 7);
}

/* A step is at most e^1.5, and the weight stays where an optimiser can work. */
static void steps_and_weights_are_bounded(void **state)
{
    nst_restraint r;
    (void)state;
    nst_restraint_begin(&r, 1, 30);
    nst_restraint_follow(&r, 0, 100);
    assert_true(nst_restraint_note(&r, 30, 1));
    assert_true(fabs(r.weight - 30 * exp(1.5)) < 1e-9);
    assert_false(nst_restraint_note(&r, 31, 1)); /* not before the next mark */
    assert_true(nst_restraint_note(&r, 50, 1));
    assert_true(r.weight == 300);
    assert_false(nst_restraint_note(&r, 70, 1)); /* no further */
}

/* Corrections lie five iterations apart, and none is so late that nobody would see what it did. */
static void short_scales_are_left_some_peace(void **state)
{
    nst_restraint r;
    uint32_t corrections = 0, latest = 0;
    (void)state;
    nst_restraint_begin(&r, 1, 0.1);
    nst_restraint_follow(&r, 40, 20);
    for (uint32_t i = 41; i <= 60; i++)
        if (nst_restraint_note(&r, i, 1)) {
            assert_true(i >= 45 && i <= 55 && (latest == 0 || i - latest >= 5));
            latest = i;
            corrections++;
        }
    assert_int_equal(corrections, 2);
}

/* What a checkpoint says is believed as far as it is possible. */
static void foreign_states_are_bounded(void **state)
{
    nst_restraint r = {.target = 1, .weight = 1e9};
    (void)state;
    nst_restraint_restore(&r, 0.5);
    assert_true(r.weight == 300 && r.target == nst_restraint_target(0.5));
    nst_restraint_restore(&r, 0); /* no such loss is there */
    assert_true(r.weight == 0 && r.target == 0);
    r = (nst_restraint){.target = 1, .weight = -3};
    nst_restraint_restore(&r, 1);
    assert_true(r.weight == 0 && r.target == 0);
}

static void near_enough_is_left_alone(void **state)
{
    nst_restraint r;
    (void)state;
    nst_restraint_begin(&r, 0.5, 1);
    nst_restraint_follow(&r, 20, 100);
    assert_false(nst_restraint_note(&r, 50, 1.08 * nst_restraint_target(0.5)));
    assert_true(nst_restraint_note(&r, 70, 1.2 * nst_restraint_target(0.5)));
    assert_true(r.weight > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paints_the_same_share_of_every_pair),
        cmocka_unit_test(without_a_target_nothing_moves),
        cmocka_unit_test(steps_and_weights_are_bounded),
        cmocka_unit_test(near_enough_is_left_alone),
        cmocka_unit_test(short_scales_are_left_some_peace),
        cmocka_unit_test(foreign_states_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
