/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which calls a security policy (seccomp, SELinux, a container) denies, and whether the case made
 * one of them: a denied call is not a kernel defect.
 *
 * Tests each call at the start of a case, with arguments that the kernel refuses with another errno
 * (a file that is not open, a flag that does not exist). EPERM, EACCES or ENOSYS then comes from a
 * policy, or from a kernel that is built without the call. An EPERM later in the case stays a miss.
 * Tests nothing if neither a seccomp filter nor a security module is active. If calls are denied, a
 * seccomp filter of our own traps them; the handler writes a record `denied CALL ERRNO`, and the
 * runner turns a verdict other than PASS into SKIP.
 */
#ifndef GM_POLICY_H
#define GM_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct gm_policy_call {
	const char *name;
	long nr;
	unsigned long arg[6];
	/* Every process makes it, also with signals blocked. Not trapped: it counts as made. */
	bool always;
};

/* clang-format off */
#define GM_POLICY_IOCTL(name) { #name, SYS_ioctl, { -1UL, name } }
/* clang-format on */

extern const struct gm_policy_call gm_policy_syscalls[];
extern const size_t gm_policy_syscalls_nr;

/* The errno with which a policy denies the call; 0: not denied. */
int gm_policy_denies(const struct gm_policy_call *c);
/* A denied call that every process of the suite needs, the runner included; NULL: none. */
const char *gm_policy_bars_all(int *err);

/* Called before the case opens anything. Writes records to report_fd. */
void gm_policy_watch(int report_fd);

/* --- of the architecture: lib/watch/<arch>/policy.c --- */

extern const struct gm_policy_call gm_arch_policy_calls[];
extern const size_t gm_arch_policy_calls_nr;
/* In the context of SIGSYS: read the second argument of the system call; set its return value. */
unsigned long gm_arch_policy_arg1(const void *context);
void gm_arch_policy_return(void *context, long value);

#endif
