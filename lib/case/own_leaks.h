/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds leaks in the case's own process: open fds, locked and pinned memory. The runner finds those
 * of the machine (leakscan.h).
 */
#ifndef GM_OWN_LEAKS_H
#define GM_OWN_LEAKS_H

/* Reads the state before the case. */
void gm_own_leaks_begin(void);
/* Compares with the state now; each difference is a miss of leak.fds, leak.locked or leak.pins. */
void gm_own_leaks_end(void);

#endif
