/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds calls that do not return. A case that exceeds its time limit is an ERROR; but if KVM_RUN or
 * another call did not return until then, the runner reports a miss.
 *
 * The case notes the current call in a page that the runner can read (lib/watch/anchor.h), because
 * a thread that faults endlessly in the kernel cannot report any more.
 */
#ifndef GM_UNDERWAY_H
#define GM_UNDERWAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A call named `what` ("KVM_RUN") is underway until gm_underway_end(). For any thread of the case's
 * own process (calls of children are not noted); calls may overlap. Makes no system call and keeps
 * errno. gm_run(), gm_access_run() and the like use it.
 */
void gm_underway(const char *what);
void gm_underway_end(void);

/* Makes a system call and notes it: its result, and its errno. */
#define GM_CALL(what, call)                                                                        \
	({                                                                                         \
		__auto_type gm_ret = (gm_underway(what), (call));                                  \
		gm_underway_end();                                                                 \
		gm_ret;                                                                            \
	})

/*
 * For lib/case/main.c: sets the page for the notes, which is shared and all zero. NULL: no change.
 */
void gm_underway_in(void *page);

/*
 * For the runner; fd is the file of that page. True: a call is underway, and none has begun or
 * ended for so many seconds. While a call is underway, `what` (len bytes) gets the name of the last
 * one begun.
 */
bool gm_underway_stuck(int fd, double seconds, char *what, size_t len);

#endif
