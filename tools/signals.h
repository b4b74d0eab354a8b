/* SIGINT and SIGTERM: the first one asks for a stop after the step, the second breaks the step off, the third leaves at once. */
#ifndef NST_TOOLS_SIGNALS_H
#define NST_TOOLS_SIGNALS_H

#include <nst/nst.h>
#include <stdbool.h>

void signals_install(void);
/* The session a second signal cancels; NULL while none runs, when there is nothing to save and one signal ends the program. */
void signals_watch(nst_session *session);
bool signals_stop_wanted(void);

#endif
