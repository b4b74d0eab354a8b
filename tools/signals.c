#include "signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static _Atomic(nst_session *) watched;
static atomic_int received;
static atomic_bool guard;

static void handle(int number)
{
    nst_session *session = atomic_load(&watched);
    int count = atomic_fetch_add(&received, 1) + 1;
    (void)number;
    if (!atomic_load(&guard) || count > 2) _exit(CLI_INTERRUPTED);
    if (count == 2 && session) nst_session_cancel(session);
}

void signals_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void signals_guard(bool guarded)
{
    atomic_store(&guard, guarded);
}

void signals_watch(nst_session *session)
{
    atomic_store(&watched, session);
}

bool signals_stop_wanted(void)
{
    return atomic_load(&received) > 0;
}
