/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel never ends. A case whose time is up is an ERROR; but where that is since a vCPU, or
 * a call, does not come back, the kernel broke its promise, and the runner makes it a miss.
 *
 * The case says what the kernel is at in a page that the runner can read (lib/watch/anchor.h): a thread
 * that faults without end in the kernel can say nothing any more.
 */
#ifndef GM_UNDERWAY_H
#define GM_UNDERWAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * From here on the kernel is at work, until gm_underway_end(); `what` is its name, "KVM_RUN". Any
 * thread of the case's own process (a child's calls are not noted); calls may overlap. No system
 * call. errno stays. gm_run(), gm_access_run() and the like do it by themselves.
 */
void gm_underway(const char *what);
void gm_underway_end(void);

/* One system call that is noted: its result, and its errno. */
#define GM_CALL(what, call)                                                                        \
	({                                                                                         \
		__auto_type gm_ret = (gm_underway(what), (call));                                  \
		gm_underway_end();                                                                 \
		gm_ret;                                                                            \
	})

/* For lib/case/main.c: notes go to this page from now on, that is shared and all zero. NULL: nowhere. */
void gm_underway_in(void *page);

/*
 * For the runner, of the file behind that page: is something underway, and has nothing begun or ended
 * for so many seconds? Then `what` (len bytes) gets the name of what began last.
 */
bool gm_underway_stuck(int fd, double seconds, char *what, size_t len);

#endif
