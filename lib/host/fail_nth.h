/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fault injection: makes the n-th step that can fail in this thread's next system calls fail. Needs
 * GM_NEED_FAIL_NTH, root, and GM_TOKEN_MODULE (it changes global settings of fault injection).
 */
#ifndef GM_FAIL_NTH_H
#define GM_FAIL_NTH_H

#include <stdbool.h>

/* Prepares fault injection; undone when the case ends. */
void gm_fail_nth_open(void);
/* Lets allocations of pages for files and user space fail, too. After gm_fail_nth_open(). */
void gm_fail_nth_user_pages(void);
/* Makes the n-th step fail, counted from this thread's next system call; 0: none. */
void gm_fail_nth(unsigned int n);
/* Was step n reached? False ends a sweep. Switches the failure off. */
bool gm_fail_nth_reached(void);

/* Was the step that failed one of iommufd's own, which need not be an allocation? */
bool gm_fail_nth_in_iommufd(void);
/*
 * From now on all allocations after the n-th step fail, too, until gm_fail_nth_reached(): for calls
 * that try a failed allocation again. False: the n-th step alone.
 */
void gm_fail_nth_later(bool on);
/*
 * From now on the first allocation after the n-th step fails, too: for calls that try a failed
 * allocation once more, and need others to clean up. Until gm_fail_nth_later(false).
 */
void gm_fail_nth_twice(void);

/*
 * Calls op(arg) with the first, second, ... step failing. If op fails, calls undone(arg, n, errno);
 * if op succeeds in spite of the failed step, undo(arg). Ends at the first miss, or when op has
 * fewer than n steps: that last call of op is not undone. Returns how many steps made op fail. No
 * failed step at all is an ERROR.
 */
unsigned int gm_fail_nth_sweep(int (*op)(void *arg),
			       void (*undone)(void *arg, unsigned int n, int err),
			       void (*undo)(void *arg), void *arg);

/*
 * The sweep twice: with one step failing, and with that and all later ones. The last call of op is
 * not undone. An ERROR if no step failed.
 */
void gm_fail_nth_sweeps(int (*op)(void *arg), void (*undone)(void *arg, unsigned int n, int err),
			void (*undo)(void *arg), void *arg);

/*
 * For calls that retry a failed allocation: all slab allocations of this thread fail after the next
 * `bytes` bytes, until gm_fail_from_end().
 */
void gm_fail_from(unsigned long bytes);
void gm_fail_from_end(void);
/*
 * Calls op(arg) with memory for 0, `step`, 2 * `step`, ... bytes until it succeeds; that last call
 * is not undone. Calls undone(arg, bytes, errno) after each failure. Ends at the first miss.
 * Returns how often op failed.
 */
unsigned int gm_fail_from_sweep(int (*op)(void *arg),
				void (*undone)(void *arg, unsigned int bytes, int err), void *arg,
				unsigned int step);

#endif
