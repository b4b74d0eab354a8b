/* How fast the machine is just now: a fixed piece of plain arithmetic on all threads at once. Not a peak: something to divide by. */
#ifndef NST_TOOLS_ANCHOR_H
#define NST_TOOLS_ANCHOR_H

/* GFLOP/s of a few milliseconds' work on every one of `threads` threads. */
double anchor_take(int threads);

/* Seconds since some fixed moment. */
double anchor_seconds(void);

#endif
