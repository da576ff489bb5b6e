/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs code whose accesses may fault: SIGBUS and SIGSEGV end that code, not the process. */
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
 * From now on `sig` ends guarded code in any thread. In other code the access is repeated and `sig`
 * has its default action. *old (may be NULL): the previous action. 0, or -1 and errno.
 */
int gm_guard_catch(int sig, struct sigaction *old);
/* Runs fn(arg). Makes no system call. False: a signal ended fn, see *f. Must not be nested. */
bool gm_guard(void (*fn)(void *arg), void *arg, struct gm_fault *f);
/* One guarded load or store of eight bytes. False: a signal ended it, see *f. */
bool gm_guard_load(const volatile void *addr, uint64_t *val, struct gm_fault *f);
bool gm_guard_store(volatile void *addr, uint64_t val, struct gm_fault *f);

#endif
