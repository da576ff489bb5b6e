/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection, one step at a time: the n-th thing that can fail in what this thread does
 * next, does. Wants GM_NEED_FAIL_NTH, root, and GM_TOKEN_MODULE (it makes the kernel quiet).
 */
#ifndef GM_FAIL_NTH_H
#define GM_FAIL_NTH_H

#include <stdbool.h>

/* Undone when the case ends. */
void gm_fail_nth_open(void);
/* Pages for files and user space may fail from now on, too. After gm_fail_nth_open(). */
void gm_fail_nth_user_pages(void);
/* From the next system call of this thread on; 0: nothing fails. */
void gm_fail_nth(unsigned int n);
/* False when there were fewer than n steps: a sweep is over. Nothing fails any more. */
bool gm_fail_nth_reached(void);

/*
 * Does op(arg) with the first, second, ... step failing until none is left to fail. What failed is
 * given to undone(arg, n, errno), what went through in spite of it to undo(arg). Ends the sweep at
 * the first miss, or when op went through with nothing failing: that last round is left as it is.
 * Gives how many steps made op fail; none at all is an ERROR of the suite.
 */
unsigned int gm_fail_nth_sweep(int (*op)(void *arg),
			       void (*undone)(void *arg, unsigned int n, int err),
			       void (*undo)(void *arg), void *arg);

/*
 * For what tries again when an allocation fails: once this thread has allocated `bytes` more from
 * the slab caches, no allocation goes through. gm_fail_from_end() ends that.
 */
void gm_fail_from(unsigned long bytes);
void gm_fail_from_end(void);
/*
 * Does op(arg) with memory for 0, `step`, 2 * `step`, ... bytes until it goes through, which is left as
 * it is; what failed is given to undone(arg, bytes, errno). Ends at the first miss. Gives how often op
 * failed.
 */
unsigned int gm_fail_from_sweep(int (*op)(void *arg),
				void (*undone)(void *arg, unsigned int bytes, int err), void *arg,
				unsigned int step);

#endif
