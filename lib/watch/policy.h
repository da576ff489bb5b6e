/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A right that the host withholds is no fault of the kernel: which calls a security policy (seccomp,
 * SELinux, a container) denies, and whether the case made one of them.
 *
 * Each call is asked at the start of a case with arguments that the kernel refuses otherwise (a file that
 * is not open, a flag that does not exist). A policy answers EPERM, EACCES or ENOSYS to those, too; and
 * ENOSYS a kernel that is built without the call. What a call says later is not looked at: an EPERM in
 * the middle of a case stays a miss. Where neither a filter nor a security module is in force nothing is
 * asked; where nothing is denied, that is all. Else a seccomp filter of our
 * own brings each of the denied calls to a handler, which writes a record `denied CALL ERRNO`, and the
 * runner makes a SKIP of what is not a PASS.
 */
#ifndef GM_POLICY_H
#define GM_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct gm_policy_call {
	const char *name;
	long nr;
	unsigned long arg[6];
	/* Every process makes it, also while signals are blocked: denied is as good as made. */
	bool always;
};

/* clang-format off */
#define GM_POLICY_IOCTL(name) { #name, SYS_ioctl, { -1UL, name } }
/* clang-format on */

extern const struct gm_policy_call gm_policy_syscalls[];
extern const size_t gm_policy_syscalls_nr;

/* The errno with which a policy denies it; 0: it does not. */
int gm_policy_denies(const struct gm_policy_call *c);
/* A call without which no process of the suite gets far, the runner neither, and is denied; NULL: none. */
const char *gm_policy_bars_all(int *err);

/* Before the case opens anything; records go to report_fd. */
void gm_policy_watch(int report_fd);

/* --- of the architecture: lib/watch/<arch>/policy.c --- */

extern const struct gm_policy_call gm_arch_policy_calls[];
extern const size_t gm_arch_policy_calls_nr;
/* In the context of SIGSYS: second argument of the system call, and what it returns. */
unsigned long gm_arch_policy_arg1(const void *context);
void gm_arch_policy_return(void *context, long value);

#endif
