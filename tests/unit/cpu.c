/* How many threads a process is worth: quotas of control groups read from text and from a tree made here, the affinity mask. */
#define _GNU_SOURCE /* sched_setaffinity, fork, mkdtemp */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"

static void quotas_from_text(void **state)
{
    static const struct {
        const char *text;
        int quota;
    } cases[] = {
        {"max 100000\n", 0}, {"200000 100000\n", 2}, {"200000 100000", 2}, {"150000 100000\n", 2}, {"1000 100000\n", 1},
        {"100001 100000\n", 2}, {"300000 50000\n", 6}, {"9000000000000000 1\n", 1024}, {"102400000 100000\n", 1024},
        {"", 0}, {"\n", 0}, {"100000", 0}, {"100000 ", 0}, {"100000 0\n", 0}, {"0 100000\n", 0}, {"-1 100000\n", 0},
        {"100000 -5\n", 0}, {"99999999999999999999999 100000\n", 0}, {"100000 99999999999999999999999\n", 0}, {"1e5 100000\n", 0},
        {"200000\t100000\n", 0}, {"200000 100000 7\n", 0}, {" 200000 100000\n", 0}, {"max\n", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (nst_cpu_parse_quota(cases[i].text) != cases[i].quota)
            fail_msg("'%s' gives %d", cases[i].text, nst_cpu_parse_quota(cases[i].text));
}

static void write_quota(const char *root, const char *group, const char *text)
{
    char path[300];
    FILE *file;
    snprintf(path, sizeof path, "%s%s", root, group);
    mkdir(path, 0700);
    if (!text) return;
    snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_tree(const char *root)
{
    static const char *const names[] = {"/a/b/cpu.max", "/a/b", "/a/c/cpu.max", "/a/c", "/a/cpu.max", "/a", "/cpu.max", ""};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s%s", root, names[i]);
        remove(path);
    }
}

/* A limit of any group on the way up holds. */
static void the_tightest_quota_on_the_way_up(void **state)
{
    static const struct {
        const char *membership;
        int quota;
    } cases[] = {
        {"0::/a/b\n", 2}, {"0::/a/c\n", 3}, {"0::/a\n", 3}, {"0::/\n", 6}, {"0::/a/b", 2}, {"0::/a/b/\n", 2}, {"0::/nowhere/b\n", 6},
        {"12:cpu,cpuacct:/x\n3:memory:/a/b\n0::/a/b\n", 2}, {"12:cpu:/a/b\n", 6}, {"", 6}, {"0::/../a/b\n", 6}, {"0::\n", 6},
        {"10::/a/b\n", 6}, {"\n\n0::/a/c\n\n", 3},
    };
    char root[] = "/tmp/nst_cpu_XXXXXX", *deep;
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(nst_cpu_quota(root, "0::/\n"), 0);
    write_quota(root, "", "600000 100000\n");
    write_quota(root, "/a", "300000 100000\n");
    write_quota(root, "/a/b", "200000 100000\n");
    write_quota(root, "/a/c", "max 100000\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (nst_cpu_quota(root, cases[i].membership) != cases[i].quota)
            fail_msg("'%s' gives %d", cases[i].membership, nst_cpu_quota(root, cases[i].membership));
    deep = calloc(1, 10000); /* longer than any path */
    assert_non_null(deep);
    snprintf(deep, 10000, "0::%09990d", 0);
    for (int i = 3; i < 9990; i += 2) deep[i] = '/';
    assert_int_equal(nst_cpu_quota(root, deep), 6);
    free(deep);
    remove_tree(root);
}

static int count_on_one_processor(void)
{
    cpu_set_t set;
    int first = 0;
    nst_ctx *ctx;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 2;
    while (first < CPU_SETSIZE - 1 && !CPU_ISSET(first, &set)) first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) return 2;
    if (nst_cpu_count() != 1 || nst_ctx_new(NULL, &ctx) != NST_OK || nst_ctx_threads(ctx) != 1) return 1;
    nst_ctx_unref(ctx);
    return 0;
}

static void one_thread_on_one_processor(void **state)
{
    int status = -1;
    pid_t child = fork();
    (void)state;
    assert_true(child >= 0);
    if (child == 0) _exit(count_on_one_processor());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_from_text),
        cmocka_unit_test(the_tightest_quota_on_the_way_up),
        cmocka_unit_test(one_thread_on_one_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
