/* Sessions in bf16. */
#include "../api/support.h"

static bool has_bf16(world *w)
{
    nst_session *session = new_session(w->ctx, w->targets, NULL);
    bool found = strcmp(nst_session_get_option(session, "precision"), "fp32") != 0;
    nst_session_free(session);
    return found;
}

#define skip_without_bf16(w) \
    do { if (!has_bf16(w)) skip(); } while (0)

static double loss_at(world *w, nst_image *picture, const char *statistics, const char *precision, float *gradient, size_t bytes)
{
    nst_options *options = new_options(w->ctx, "init", "image", "precision", precision, "style-statistics", statistics, NULL);
    nst_session *session = NULL;
    double loss;
    assert_ok(nst_session_new(w->targets, options, picture, &session));
    assert_int_equal(nst_session_step(session), NST_CONTINUE);
    loss = progress_of(session).loss;
    if (gradient) assert_ok(nst_session_get_gradient(session, gradient, bytes));
    nst_session_free(session);
    nst_options_free(options);
    return loss;
}

static void check_near(world *w, nst_image *picture, const char *statistics)
{
    enum { VALUES = 3 * 32 * 24 };
    static float gradients[2][VALUES];
    double exact = loss_at(w, picture, statistics, "fp32", gradients[0], sizeof gradients[0]);
    double rough = loss_at(w, picture, statistics, "bf16", gradients[1], sizeof gradients[1]);
    double dot = 0, squares[2] = {0, 0};
    for (int i = 0; i < VALUES; i++) {
        dot += (double)gradients[0][i] * gradients[1][i];
        for (int k = 0; k < 2; k++) squares[k] += (double)gradients[k][i] * gradients[k][i];
    }
    if (getenv("NST_TEST_VERBOSE")) print_message("%s: %g, cosine %g\n", statistics, rough / exact, dot / sqrt(squares[0] * squares[1]));
    assert_true(rough != exact && fabs(rough - exact) < 0.02 * exact);
    if (!(dot > 0.98 * sqrt(squares[0] * squares[1]))) fail_msg("%s: cosine %g", statistics, dot / sqrt(squares[0] * squares[1]));
}

static void bf16_is_near_fp32(void **state)
{
    world *w = *state;
    nst_image *picture = new_picture(w->ctx, 32, 24, 3, 5);
    skip_without_bf16(w);
    check_near(w, picture, "gram");
    check_near(w, picture, "chained");
    nst_image_unref(picture);
}

/* With a search that takes the noise of bf16 for a rise, late steps cost many evaluations, or end the run. */
static void the_search_bears_the_noise(void **state)
{
    world *w = *state;
    static const char *const searches[] = {"armijo", "strong-wolfe"};
    skip_without_bf16(w);
    for (int i = 0; i < 2; i++) {
        nst_session *session = new_session(w->ctx, w->targets, "precision", "bf16", "iterations", "20", "line-search", searches[i], NULL);
        nst_progress p;
        assert_int_equal(nst_session_run(session, NULL, NULL), NST_DONE);
        p = progress_of(session);
        assert_int_equal(p.stop_reason, NST_STOP_ITERATIONS);
        if (p.evaluations > (i == 0 ? 40u : 80u)) fail_msg("%s: %u evaluations", searches[i], p.evaluations);
        nst_session_free(session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_in_world(bf16_is_near_fp32),
        test_in_world(the_search_bears_the_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
