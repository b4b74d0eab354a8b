/* --estimate: what a run would take. */
#include <stdio.h>

#include "run.h"

/* "1.46 GB" */
static const char *readable(uint64_t bytes, char buffer[32])
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 999.5 && unit < 4) value /= 1000, unit++;
    snprintf(buffer, 32, "%.3g %s", value, units[unit]);
    return buffer;
}

static void print_bytes(const char *name, uint64_t bytes)
{
    char text[32];
    printf("%-22s%-10s (%llu bytes)\n", name, readable(bytes, text), (unsigned long long)bytes);
}

static void print_part(const char *name, uint64_t bytes)
{
    char text[32];
    printf("  %-20s%s\n", name, readable(bytes, text));
}

static void print_choices(const nst_estimate *e)
{
    printf("%-22s%ux%u\n", "picture", e->width, e->height);
    if (e->tiles > 1) printf("%-22s%u of %ux%u\n", "tiles", e->tiles, e->tile_width, e->tile_height);
    else printf("%-22snone\n", "tiles");
    if (e->history) printf("%-22s%u of %u bits\n", "curvature pairs", e->history, e->history_bits);
    printf("%-22s%s\n", "filters", e->packed ? "prepared once" : "prepared in every call");
    printf("%-22s%u\n", "layers recomputed", e->recomputed);
    printf("%-22s%u bits\n", "content features", (unsigned)e->target_bits);
    printf("%-22s%s\n", "precision", e->precision);
    if (e->seconds_per_iteration >= 0) printf("%-22s%.3g\n", "seconds/iteration", e->seconds_per_iteration);
}

int run_estimate(nst_session *session)
{
    nst_estimate e;
    int32_t status;
    NST_INIT(e);
    status = nst_session_estimate(session, 1, &e);
    if (status < 0) return cli_fail(status, nst_session_error(session));
    print_bytes("memory in all", e.beside + e.bytes);
    print_bytes("images and weights", e.beside);
    print_bytes("the run itself", e.bytes);
    print_part("features", e.features);
    print_part("optimiser", e.optimizer);
    print_part("network", e.network);
    print_part("targets", e.targets);
    print_part("losses", e.losses);
    print_part("pictures", e.images);
    if (e.limit) print_bytes("limit", e.limit);
    print_choices(&e);
    return fflush(stdout) == 0 ? CLI_OK : CLI_ERROR;
}
