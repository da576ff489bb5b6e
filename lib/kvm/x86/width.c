// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits guests to four-level paging if KVM does not support five levels.
 *
 * On a host that is emulated in software, KVM_GET_SUPPORTED_CPUID may have LA57 although
 * KVM_SET_SREGS refuses CR4.LA57, and then the framework fails. Linked with --wrap, so that the
 * framework calls this.
 */
#include "probe_cache.h"
#include "framework.h"

void __real_kvm_get_cpu_address_width(unsigned int *pa_bits, unsigned int *va_bits);
void __wrap_kvm_get_cpu_address_width(unsigned int *pa_bits, unsigned int *va_bits);

static bool probe_la57(void)
{
	int kvm = open_kvm_dev_path_or_exit(), vm, vcpu;
	const struct kvm_cpuid2 *cpuid = kvm_get_supported_cpuid();
	struct kvm_sregs sregs;
	bool ok;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	/* If another call fails, trust CPUID: the framework will report that failure. */
	ok = vcpu < 0 || ioctl(vcpu, KVM_SET_CPUID2, cpuid) || ioctl(vcpu, KVM_GET_SREGS, &sregs);
	if (!ok) {
		sregs.cr0 = X86_CR0_PE | X86_CR0_NE | X86_CR0_PG;
		sregs.cr4 |= X86_CR4_PAE | X86_CR4_LA57;
		sregs.efer |= EFER_LME | EFER_LMA;
		sregs.cs.l = 1;
		sregs.cs.db = 0;
		ok = !ioctl(vcpu, KVM_SET_SREGS, &sregs);
	}
	close(vcpu);
	close(vm);
	close(kvm);
	return ok;
}

static bool la57_can_be_set(void)
{
	bool can = gm_probe_cached(GM_CACHE_LA57);

	if (can || gm_probe_cached(GM_CACHE_NO_LA57))
		return can;
	can = probe_la57();
	gm_probe_cache_add(can ? GM_CACHE_LA57 : GM_CACHE_NO_LA57);
	return can;
}

void __wrap_kvm_get_cpu_address_width(unsigned int *pa_bits, unsigned int *va_bits)
{
	__real_kvm_get_cpu_address_width(pa_bits, va_bits);
	if (*va_bits == 57 && !la57_can_be_set())
		*va_bits = 48;
}
