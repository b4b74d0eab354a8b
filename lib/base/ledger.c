#include "base/ledger.h"

#include <string.h>

#include "base/size.h"

void nst_ledger_take(nst_ledger *ledger, nst_purpose purpose, size_t bytes)
{
    if (ledger->skipped[purpose]) return;
    if (!nst_size_add(ledger->used, bytes, &ledger->used)) ledger->used = SIZE_MAX;
    if (!nst_size_add(ledger->held[purpose], bytes, &ledger->held[purpose])) ledger->held[purpose] = SIZE_MAX;
    if (ledger->used <= ledger->peak) return;
    ledger->peak = ledger->used;
    memcpy(ledger->at_peak, ledger->held, sizeof ledger->held);
}

/* What could not be counted stays so. */
void nst_ledger_give(nst_ledger *ledger, nst_purpose purpose, size_t bytes)
{
    if (ledger->used == SIZE_MAX || ledger->skipped[purpose]) return;
    ledger->used -= bytes;
    ledger->held[purpose] -= bytes;
}
