/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the case's own process holds, before and after its case: open fds, locked and pinned
 * memory. The runner keeps account of the machine (leakscan.h): huge pages, VMs, kernel log, taint.
 */
#ifndef GM_OWN_LEAKS_H
#define GM_OWN_LEAKS_H

/* Takes the state before the case. */
void gm_own_leaks_begin(void);
/* Compares with the state now; each difference is a miss of leak.fds, leak.locked or leak.pins. */
void gm_own_leaks_end(void);

#endif
