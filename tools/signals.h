/* SIGINT and SIGTERM. While there is something to save, the first one asks for a stop after the step, the second breaks the step
 * off and the third leaves at once; before and after that the first one leaves. */
#ifndef NST_TOOLS_SIGNALS_H
#define NST_TOOLS_SIGNALS_H

#include <nst/nst.h>
#include <stdbool.h>

void signals_install(void);
/* From now on there is something to save, or no longer. */
void signals_guard(bool guarded);
/* The session a second signal cancels; NULL before it is freed. */
void signals_watch(nst_session *session);
bool signals_stop_wanted(void);

#endif
