/* SPDX-License-Identifier: GPL-2.0-only */
/* Timer signals, to interrupt system calls. */
#ifndef GM_TICKS_H
#define GM_TICKS_H

/*
 * Sends SIGALRM after `first_us` microseconds and then every `every_us` (0: not again), until
 * gm_ticks_stop(). The handler does nothing and has SA_RESTART. The signal goes to the process, so
 * the case must have one thread. An error is a set-up ERROR.
 */
void gm_ticks(unsigned int first_us, unsigned int every_us);
void gm_ticks_stop(void);

#endif
