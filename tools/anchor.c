#include "anchor.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cli.h"

enum { LANES = 64, ROUNDS = 200000 };

double anchor_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The factor keeps the values near 1, and the result is handed out, so that nothing can be left away. */
static void *work(void *result)
{
    float values[LANES];
    for (int i = 0; i < LANES; i++) values[i] = 1.0f + (float)i / LANES;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < LANES; i++) values[i] = values[i] * 0.999f + 0.001f;
    for (int i = 1; i < LANES; i++) values[0] += values[i];
    *(volatile float *)result = values[0];
    return NULL;
}

double anchor_take(int threads)
{
    pthread_t *others = cli_alloc((size_t)threads, sizeof *others);
    float *results = cli_alloc((size_t)threads, sizeof *results);
    double start = anchor_seconds(), seconds;
    int started = 1; /* the caller is the first */
    while (started < threads && pthread_create(&others[started], NULL, work, &results[started]) == 0) started++;
    work(&results[0]);
    for (int i = 1; i < started; i++) pthread_join(others[i], NULL);
    seconds = anchor_seconds() - start;
    free(others);
    free(results);
    return 2e-9 * LANES * ROUNDS * started / seconds;
}
