/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals that come while the kernel is at work: what it may be stopped by, it must be stopped by. */
#ifndef GM_TICKS_H
#define GM_TICKS_H

/*
 * From here on a SIGALRM, whose handler does nothing and allows a restart, first after `first_us`
 * microseconds, then every `every_us` (0: never again), until gm_ticks_stop(). To the process, hence
 * for cases of one thread. Errors are the set-up's.
 */
void gm_ticks(unsigned int first_us, unsigned int every_us);
void gm_ticks_stop(void);

#endif
