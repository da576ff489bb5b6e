/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mechanical defects of kvm-gmem-tests: gm_auto(N) is true if defect N is on. At most one is on:
 * echo N > /sys/module/gm_auto/parameters/on, 0 for none.
 */
#ifndef _LINUX_GM_AUTO_H
#define _LINUX_GM_AUTO_H

#include <linux/compiler.h>
#include <linux/gm_auto_nr.h>
#include <linux/types.h>

/* Of each defect: whether its place was reached, and whether it is on. */
enum gm_auto_state {
	GM_AUTO_REACHED = 1,
	GM_AUTO_ON = 2,
};

extern u8 gm_auto_states[GM_AUTO_NR + 1];

bool gm_auto_slow(unsigned int nr);

/* One comparison for a defect that is off and was reached before. */
#define gm_auto(nr) (unlikely(READ_ONCE(gm_auto_states[nr]) != GM_AUTO_REACHED) && gm_auto_slow(nr))

#endif
