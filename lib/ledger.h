/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the case's own process holds, before and after its case: open fds, locked and pinned
 * memory. The runner keeps the outer ledger (leakscan.h): huge pages, VMs, kernel log, taint.
 */
#ifndef GM_LEDGER_H
#define GM_LEDGER_H

/* Takes the state before the case. */
void gm_ledger_open(void);
/* Compares with the state now; each difference is a miss of leak.fds, leak.locked or leak.pins. */
void gm_ledger_close(void);

#endif
