// SPDX-License-Identifier: GPL-2.0-only
/* The part of lib/watch/policy.h for x86. */
#include <linux/kvm.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "../policy.h"

/* clang-format off */
#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }
/* clang-format on */

/* The last ones are system calls that arm64 does not have. */
const struct gm_policy_call gm_arch_policy_calls[] = {
	GM_POLICY_IOCTL(KVM_KVMCLOCK_CTRL),
	GM_POLICY_IOCTL(KVM_GET_SUPPORTED_CPUID),
	GM_POLICY_IOCTL(KVM_GET_MSR_INDEX_LIST),
	GM_POLICY_IOCTL(KVM_GET_MSR_FEATURE_INDEX_LIST),
	GM_POLICY_IOCTL(KVM_GET_MSRS),
	GM_POLICY_IOCTL(KVM_SET_MSRS),
	GM_POLICY_IOCTL(KVM_GET_SREGS),
	GM_POLICY_IOCTL(KVM_SET_SREGS),
	GM_POLICY_IOCTL(KVM_SET_CPUID2),
	GM_POLICY_IOCTL(KVM_GET_CPUID2),
	GM_POLICY_IOCTL(KVM_GET_XSAVE),
	GM_POLICY_IOCTL(KVM_SET_XSAVE),
	GM_POLICY_IOCTL(KVM_GET_XCRS),
	GM_POLICY_IOCTL(KVM_SET_XCRS),
	GM_POLICY_IOCTL(KVM_GET_VCPU_EVENTS),
	GM_POLICY_IOCTL(KVM_SET_VCPU_EVENTS),
	CALL(access, (unsigned long)""),
	CALL(dup2, -1UL, -1UL),
	CALL(getpgrp),
	CALL(mkdir, (unsigned long)""),
	CALL(open, (unsigned long)""),
	CALL(pipe, 0),
	CALL(poll, 0, -1UL),
	CALL(readlink, (unsigned long)""),
	CALL(rename, (unsigned long)"", (unsigned long)""),
	CALL(rmdir, (unsigned long)""),
	CALL(select, -1UL),
	CALL(stat, (unsigned long)""),
	CALL(unlink, (unsigned long)""),
};

const size_t gm_arch_policy_calls_nr =
	sizeof(gm_arch_policy_calls) / sizeof(gm_arch_policy_calls[0]);

unsigned long gm_arch_policy_arg1(const void *context)
{
	return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_RSI];
}

void gm_arch_policy_return(void *context, long value)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = value;
}
