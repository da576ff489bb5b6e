/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How slow this machine is: by which factor all time limits are multiplied.
 *
 * The limits of the cases are made for the lab: an emulated machine on a host of today. Faster
 * machines keep them. An emulator in an emulator, a board of 10 MHz or a small CPU quota gets more.
 */
#ifndef GM_RUNNER_SPEED_H
#define GM_RUNNER_SPEED_H

#define SPEED_FACTOR_MAX 100.0

/* Microseconds that each of these takes. */
struct speed {
	double process; /* fork(), exit, wait */
	double fault;	/* a page fault on new anonymous memory */
	double clear;	/* to write one page of 4 KiB */
};

/* Takes some milliseconds, in the lab about a tenth of a second. */
struct speed speed_measure(void);
/* From 1 to SPEED_FACTOR_MAX, with one decimal: that of the slowest of the three. */
double speed_factor(const struct speed *s);

/*
 * The factor of this machine: measured once, unless GM_TIME_FACTOR in the environment says it, for
 * tests of the runner and for runs that are compared. s: what was measured; may be NULL.
 */
double speed_of_machine(struct speed *s);

#endif
