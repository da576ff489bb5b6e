/* SPDX-License-Identifier: GPL-2.0-only */
/* Code that memory may be refused to: SIGBUS and SIGSEGV are its outcome, not the end of the process. */
#ifndef GM_GUARD_H
#define GM_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* The signal that ended guarded code, with its si_code and si_addr. */
struct gm_fault {
	int sig, code;
	uintptr_t addr;
};

/*
 * Guarded code of all threads survives `sig` from here on. In other code the signal comes again with its
 * default action. *old (may be NULL): the action before. 0, or -1 and errno.
 */
int gm_guard_catch(int sig, struct sigaction *old);
/* Runs fn(arg), without a system call. False: *f ended it. Not for guarded code itself. */
bool gm_guard(void (*fn)(void *arg), void *arg, struct gm_fault *f);
/* One guarded load or store of eight bytes. False: *f. */
bool gm_guard_load(const volatile void *addr, uint64_t *val, struct gm_fault *f);
bool gm_guard_store(volatile void *addr, uint64_t val, struct gm_fault *f);

#endif
