/* The search for a strength, against made-up pictures: retention rises slowly to a logistic function of the weight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "session/strength.h"

/* Retention comes to floor + (1 - floor) / (1 + exp(-slope (ln(weight) - ln(half)))). */
typedef struct pair {
    double floor, half, slope, retention;
} pair;

static double end_of(const pair *p, double weight)
{
    double kept = weight > 0 ? 1 / (1 + exp(-p->slope * (log(weight) - log(p->half)))) : 0;
    return p->floor + (1 - p->floor) * kept;
}

static double iterate(pair *p, double weight)
{
    p->retention += 0.07 * (end_of(p, weight) - p->retention);
    return p->retention;
}

/* The coarsest scale; returns its iterations. */
static uint32_t search(nst_strength *s, pair *p, double strength, uint32_t budget)
{
    uint32_t iteration = 0;
    nst_strength_begin(s, strength, nst_strength_share(budget, false), budget);
    p->retention = 1;
    while (s->phase == NST_STRENGTH_PROBE || s->phase == NST_STRENGTH_SEARCH) {
        nst_strength_move move = nst_strength_note(s, iteration + 1, iterate(p, s->weight), false);
        iteration++;
        if (move == NST_STRENGTH_START_OVER) p->retention = 1;
        assert_true(s->weight >= 0 && isfinite(s->weight));
        assert_true(iteration <= budget);
        if (move == NST_STRENGTH_SETTLED) assert_true(nst_strength_found(s));
    }
    return iteration;
}

/* A finer scale, where another weight is the right one. */
static void refine(nst_strength *s, pair *p, uint32_t length)
{
    p->half *= 1.7;
    p->retention -= 0.15;
    nst_strength_follow(s, 0, length);
    for (uint32_t i = 1; i <= length; i++) {
        nst_strength_move move = nst_strength_note(s, i, iterate(p, s->weight), false);
        assert_true(move == NST_STRENGTH_GO_ON || move == NST_STRENGTH_REWEIGHT);
    }
}

static void finds_the_same_retention_for_every_pair(void **state)
{
    static const double floors[] = {0, 0.2, 0.45}, halves[] = {0.004, 0.03, 0.2, 1}, slopes[] = {0.5, 0.7, 1};
    (void)state;
    for (size_t i = 0; i < 3 * 4 * 3; i++)
        for (double strength = 0.25; strength < 0.8; strength += 0.25) {
            pair p = {floors[i % 3], halves[i / 3 % 4], slopes[i / 12], 1};
            nst_strength s;
            search(&s, &p, strength, nst_strength_budget(80, false));
            refine(&s, &p, 50);
            if (s.clamped == NST_CLAMPED_NOT) assert_true(s.target == nst_strength_target(strength));
            if (fabs(p.retention - s.target) > 0.04)
                fail_msg("floor %g half %g slope %g strength %g: %g, wanted %g", p.floor, p.half, p.slope, strength, p.retention, s.target);
        }
}

static void more_strength_keeps_less(void **state)
{
    double before_target = 1, before_weight = INFINITY;
    (void)state;
    for (double strength = 0; strength <= 1; strength += 0.0625) {
        assert_true(nst_strength_target(strength) < before_target);
        assert_true(nst_strength_first_weight(strength) < before_weight);
        before_target = nst_strength_target(strength);
        before_weight = nst_strength_first_weight(strength);
    }
    assert_true(fabs(nst_strength_target(0) - 0.97) < 1e-12 && fabs(nst_strength_target(1) - 0.49) < 1e-12);
}

static void what_the_style_alone_keeps_is_a_floor(void **state)
{
    pair p = {0.75, 0.01, 0.6, 1};
    nst_strength s;
    (void)state;
    search(&s, &p, 1, nst_strength_budget(80, false));
    assert_int_equal(s.clamped, NST_CLAMPED_STYLE);
    assert_true(s.target >= s.floor + 0.03 - 1e-12 && s.target < 0.97);
    nst_strength_change(&s, 0.25);
    assert_int_equal(s.clamped, NST_CLAMPED_NOT);
    assert_true(s.target == nst_strength_target(0.25));
}

static void a_flat_content_gets_an_average_weight(void **state)
{
    nst_strength s;
    (void)state;
    nst_strength_begin(&s, 0.5, 80, 100);
    assert_int_equal(nst_strength_note(&s, 1, NAN, false), NST_STRENGTH_START_OVER);
    assert_int_equal(s.clamped, NST_CLAMPED_FLAT);
    assert_true(s.weight == nst_strength_first_weight(0.5));
    assert_int_equal(nst_strength_note(&s, 2, NAN, false), NST_STRENGTH_GO_ON);
    nst_strength_follow(&s, 0, 50);
    assert_int_equal(nst_strength_note(&s, 40, NAN, false), NST_STRENGTH_GO_ON);
}

/* Where no step changes anything, a phase ends at once: content and style are the same image. */
static void nothing_to_do_ends_every_round(void **state)
{
    nst_strength s;
    uint32_t iterations = 0;
    (void)state;
    nst_strength_begin(&s, 0.5, 80, 200);
    while (!nst_strength_found(&s)) {
        nst_strength_note(&s, ++iterations, 1, true);
        assert_true(iterations < 10);
    }
    assert_int_equal(s.clamped, NST_CLAMPED_STYLE);
}

static void a_budget_is_kept_whatever_it_is(void **state)
{
    (void)state;
    for (uint32_t budget = 0; budget < 400; budget++) {
        pair p = {0.3, 0.05, 0.4, 1};
        nst_strength s;
        uint32_t share = nst_strength_share(budget, budget % 2);
        assert_true(nst_strength_budget(share, budget % 2) <= budget && nst_strength_budget(share + 1, budget % 2) > budget);
        assert_true(search(&s, &p, 0.6, budget) <= budget);
        if (nst_strength_share(budget, false) > 0) continue;
        assert_true(s.phase == NST_STRENGTH_FOLLOW && s.weight == nst_strength_first_weight(0.6));
    }
    assert_int_equal(nst_strength_share(nst_strength_budget(80, false), false), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_same_retention_for_every_pair), cmocka_unit_test(more_strength_keeps_less),
        cmocka_unit_test(what_the_style_alone_keeps_is_a_floor),   cmocka_unit_test(a_flat_content_gets_an_average_weight),
        cmocka_unit_test(nothing_to_do_ends_every_round),          cmocka_unit_test(a_budget_is_kept_whatever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
