/* Time that only goes forward. */
#ifndef NST_BASE_CLOCK_H
#define NST_BASE_CLOCK_H

/* Seconds since some fixed moment. */
double nst_clock_seconds(void);

#endif
