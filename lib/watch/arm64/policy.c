// SPDX-License-Identifier: GPL-2.0-only
/* The part of lib/watch/policy.h for arm64. */
#include <linux/kvm.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "../policy.h"

const struct gm_policy_call gm_arch_policy_calls[] = {
	GM_POLICY_IOCTL(KVM_ARM_PREFERRED_TARGET), GM_POLICY_IOCTL(KVM_ARM_VCPU_INIT),
	GM_POLICY_IOCTL(KVM_GET_ONE_REG),	   GM_POLICY_IOCTL(KVM_SET_ONE_REG),
	GM_POLICY_IOCTL(KVM_CREATE_DEVICE),	   GM_POLICY_IOCTL(KVM_SET_DEVICE_ATTR),
	GM_POLICY_IOCTL(KVM_HAS_DEVICE_ATTR),
};

const size_t gm_arch_policy_calls_nr =
	sizeof(gm_arch_policy_calls) / sizeof(gm_arch_policy_calls[0]);

unsigned long gm_arch_policy_arg1(const void *context)
{
	return ((const ucontext_t *)context)->uc_mcontext.regs[1];
}

void gm_arch_policy_return(void *context, long value)
{
	((ucontext_t *)context)->uc_mcontext.regs[0] = value;
}
