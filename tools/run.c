#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "report.h"
#include "signals.h"

typedef struct run_state {
    const cli_job *job;
    nst_session *session;
    const cli_output *output;
    const char *what;
    run_log log;
    nst_progress progress;
    uint32_t save_every, checkpoint_every;
    const char *checkpoint;
    int32_t status; /* of the latest step */
} run_state;

int run_check(cli_output *output, const cli_args *args, const char *const *inputs, int count)
{
    const char *log = args->values[FLAG_LOG], *checkpoint = args->values[FLAG_CHECKPOINT];
    int code;
    if (args->values[FLAG_ESTIMATE]) return CLI_OK; /* nothing will be written */
    code = output_prepare(output, args, false);
    if (code == CLI_OK && args->values[FLAG_CHECKPOINT_EVERY] && !checkpoint)
        code = cli_usage(args, "--checkpoint-every needs --checkpoint FILE");
    if (code == CLI_OK) code = output_check(output, inputs, count);
    if (code == CLI_OK && log) code = output_check_path(log, true, inputs, count);
    if (code == CLI_OK && log && strcmp(log, output->path) == 0) code = cli_usage(args, "--log and --output are the same file");
    if (code == CLI_OK && checkpoint) code = output_check_path(checkpoint, true, inputs, count);
    if (code == CLI_OK && checkpoint && (strcmp(checkpoint, output->path) == 0 || (log && strcmp(log, checkpoint) == 0)))
        code = cli_usage(args, "--checkpoint, --log and --output must be different files");
    return code;
}

int run_refused(const cli_job *job, int32_t status)
{
    const char *checkpoint = job->args->values[FLAG_RESUME], *sentence = nst_ctx_error(job->ctx);
    if (!checkpoint) return cli_fail(status == NST_ERR_NOT_FOUND ? NST_ERR_INVALID_ARG : status, sentence); /* an unknown layer */
    if (status == NST_ERR_LIMIT || status == NST_ERR_WEIGHTS_FORMAT) status = NST_ERR_CHECKPOINT_FORMAT; /* no state at all */
    return cli_fail_file(status, checkpoint, sentence);
}

int run_override(const cli_job *job, nst_session *session)
{
    for (uint32_t i = 0; i < nst_option_count(); i++) {
        nst_option_info info;
        const char *wanted, *present;
        NST_INIT(info);
        if (nst_option_info_by_index(i, &info) < 0 || !nst_options_is_set(job->options, info.key)) continue;
        wanted = nst_options_get_str(job->options, info.key);
        present = nst_session_get_option(session, info.key);
        if (strcmp(wanted, "auto") == 0 || (present && strcmp(wanted, present) == 0)) continue;
        if (nst_session_set_option(session, info.key, wanted) >= 0) continue;
        say_error("--%s %s does not fit the checkpoint: %s", info.key, wanted, nst_session_error(session));
        return CLI_USAGE;
    }
    return CLI_OK;
}

int run_open(cli_job *job, nst_targets *targets, nst_session **session)
{
    const char *checkpoint = job->args->values[FLAG_RESUME];
    int code = CLI_OK;
    int32_t status;
    if (!checkpoint) code = job_load_init(job, job->options, job->init_path, &job->init);
    if (code != CLI_OK) return code;
    if (checkpoint) status = nst_session_resume(targets, checkpoint, session);
    else status = nst_session_new(targets, job->options, job->init, session);
    if (status < 0) return run_refused(job, status);
    return checkpoint ? run_override(job, *session) : CLI_OK;
}

/* ---- pictures and checkpoints ---- */

/* The picture as it is, with its texts. NULL with the reason said. */
static nst_image *take_picture(const run_state *run)
{
    nst_image *image = NULL, *described;
    if (nst_session_get_image(run->session, &image) < 0) {
        say_error("%s", nst_session_error(run->session));
        return NULL;
    }
    if (run->output->params.strip) return image;
    described = report_attach(run->job, run->session, image, run->what);
    if (!described) return image; /* better without texts than not at all */
    nst_image_unref(image);
    return described;
}

static void save_frame(const run_state *run)
{
    nst_image *image = take_picture(run);
    if (image) output_save_frame(run->output, run->job->ctx, image, run->progress.iteration);
    nst_image_unref(image);
}

static void save_checkpoint(const run_state *run)
{
    if (nst_session_save(run->session, run->checkpoint) < 0)
        say_warning("no checkpoint: %s; the run goes on", nst_session_error(run->session));
    else say_verbose("checkpoint after %u iterations", run->progress.iteration);
}

/* ---- the loop ---- */

/* A step that ends a run does no work, and a scale's first one only looks: what changed is told once. */
static void after_step(run_state *run)
{
    nst_progress now;
    bool advanced, moved;
    NST_INIT(now);
    nst_session_get_progress(run->session, &now);
    advanced = now.iteration != run->progress.iteration;
    moved = advanced || now.evaluations != run->progress.evaluations || now.scale != run->progress.scale;
    run->progress = now;
    if (run->status < 0) return;
    say_progress(&now, "");
    if (!moved) return;
    log_write(&run->log, run->session, &now);
    if (!advanced) return;
    if (now.iteration % 50 == 0) say_verbose("iteration %u of %u: loss %.6g", now.iteration, now.iterations, now.loss);
    if (run->save_every && now.iteration % run->save_every == 0) save_frame(run);
    if (run->checkpoint && now.iteration % run->checkpoint_every == 0) save_checkpoint(run);
}

static void loop(run_state *run)
{
    signals_watch(run->session);
    signals_guard(true);
    do {
        run->status = nst_session_step(run->session);
        after_step(run);
    } while (run->status == NST_CONTINUE && !signals_stop_wanted());
    say_progress_end();
}

/* What is held too firmly is known to the user alone. */
static void warn_of_style(const run_state *run)
{
    nst_strength_info info;
    NST_INIT(info);
    if (nst_session_get_strength(run->session, &info) < 0 || !info.style_incomplete) return;
    say_warning("the style was not reached, %.0f %% of the content's own style loss is left: %s, photo, laplacian, content-layers or masks "
                "hold too much of the content", 100 * info.style_left, info.in_use ? "a low strength" : "alpha");
}

static bool has_size(const nst_session *session, int divisor)
{
    nst_loss_term term;
    char ending[8];
    bool found = false;
    NST_INIT(term);
    snprintf(ending, sizeof ending, "/%d", divisor);
    for (uint32_t i = 0; !found && nst_session_get_term(session, i, &term) == NST_OK; i++) {
        const char *slash = strchr(term.layer, '/');
        found = slash && strcmp(slash, ending) == 0;
    }
    return found;
}

/* Weights for a size at which this picture is too small to be compared. */
static void warn_of_blend(const run_state *run)
{
    const char *blend = nst_session_get_option(run->session, "style-weights");
    for (int divisor = 2; divisor <= 8; divisor *= 2) {
        char group[8];
        snprintf(group, sizeof group, "/%d:", divisor);
        if (blend && strstr(blend, group) && !has_size(run->session, divisor))
            say_warning("style-weights: nothing was compared at 1/%d of the size, so that the group for it did nothing; a larger picture "
                        "has it", divisor);
    }
}

/* Fewer do not tell what more would bring. */
enum { FEW_ITERATIONS = 50 };

/* A search that did not come to its end. With few iterations that is what was asked for, and worth no more than a note. */
static void warn_of_retention(const run_state *run)
{
    static const char text[] = "%.2f of the content is kept where strength %g asks for %.2f; more iterations bring it nearer";
    nst_strength_info info;
    NST_INIT(info);
    if (nst_session_get_strength(run->session, &info) < 0 || !info.in_use) return;
    if (info.clamped == NST_CLAMPED_STYLE)
        say_note("strength %g asks for less of the content than the style alone left when it was tried%s; %.2f is kept", info.strength,
                 run->progress.iteration < FEW_ITERATIONS ? ", with few iterations" : "", info.retention);
    if (info.clamped != NST_CLAMPED_NOT || !(fabs(info.retention - info.target) > 0.05)) return;
    if (run->progress.iteration < FEW_ITERATIONS) say_note(text, info.retention, info.strength, info.target);
    else say_warning(text, info.retention, info.strength, info.target);
}

/* Why it ended, where that was not the plan. */
static int explain_end(const run_state *run)
{
    const nst_progress *now = &run->progress;
    if (run->status < 0 && run->status != NST_ERR_CANCELLED) {
        say_error("stopped after %u of %u iterations: %s", now->iteration, now->iterations, nst_session_error(run->session));
        return run->status == NST_ERR_NUMERIC ? CLI_ERROR : cli_exit_code(run->status);
    }
    if (signals_stop_wanted()) {
        say_error("interrupted after %u of %u iterations", now->iteration, now->iterations);
        return CLI_INTERRUPTED;
    }
    warn_of_style(run);
    warn_of_retention(run);
    warn_of_blend(run);
    if (now->stop_reason == NST_STOP_TOLERANCE)
        say_note("stopped after %u of %u iterations: the loss fell by less than the tolerance", now->iteration, now->iterations);
    if (now->stop_reason == NST_STOP_CONVERGED)
        say_note("stopped after %u of %u iterations: no step lowers the loss any more", now->iteration, now->iterations);
    return CLI_OK;
}

static int save_result(const run_state *run)
{
    nst_image *image = take_picture(run);
    char losses[256];
    nst_image_desc desc;
    report_kinds(run->session, losses, sizeof losses);
    NST_INIT(desc);
    if (image) nst_image_get_desc(image, &desc);
    int code = image ? output_save(run->output, run->job->ctx, image) : CLI_ERROR;
    if (code == CLI_OK)
        say_note("%s%s%ux%u, %u iterations, loss %.6g (%s), %.1f s",
                 run->output->to_stdout ? "" : run->output->path, run->output->to_stdout ? "" : ": ", desc.width, desc.height,
                 run->progress.iteration, run->progress.loss, losses, run->progress.seconds);
    nst_image_unref(image);
    return code;
}

int run_session(const cli_job *job, nst_session *session, const cli_output *output, const char *what)
{
    const cli_args *args = job->args;
    run_state run = {.job = job, .session = session, .output = output, .what = what, .checkpoint = args->values[FLAG_CHECKPOINT]};
    int code, saved;
    run.save_every = (uint32_t)cli_int(args, FLAG_SAVE_EVERY, 0);
    run.checkpoint_every = (uint32_t)cli_int(args, FLAG_CHECKPOINT_EVERY, 50);
    NST_INIT(run.progress);
    if (args->values[FLAG_RESUME]) nst_session_get_progress(session, &run.progress);
    if (!log_open(&run.log, args->values[FLAG_LOG], args->values[FLAG_RESUME] != NULL)) return CLI_ERROR;
    loop(&run);
    code = explain_end(&run);
    saved = code == CLI_OK || code == CLI_INTERRUPTED || run.progress.evaluations > 0 ? save_result(&run) : code;
    if (run.checkpoint && run.progress.evaluations > 0) save_checkpoint(&run);
    log_close(&run.log);
    signals_guard(false);
    signals_watch(NULL);
    if (saved != CLI_OK) return saved;
    return code == CLI_OK && run.log.failed ? CLI_ERROR : code;
}
