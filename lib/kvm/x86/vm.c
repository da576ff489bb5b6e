// SPDX-License-Identifier: GPL-2.0-only
/* Architecture hooks of the host side, x86. */
#include <linux/kvm_para.h>

#include "vm.h"

unsigned long gm_arch_vm_type(enum gm_vm_kind kind)
{
	switch (kind) {
	case GM_VM_DEFAULT:
		return KVM_X86_DEFAULT_VM;
	case GM_VM_SW_PROTECTED:
		return KVM_X86_SW_PROTECTED_VM;
	default:
		GM_ERROR("no VM of kind %d on x86", kind);
	}
}

void gm_arch_enable_conversion_exits(struct kvm_vm *kvm)
{
	if (kvm_check_cap(KVM_CAP_EXIT_HYPERCALL) & (1 << KVM_HC_MAP_GPA_RANGE))
		vm_enable_cap(kvm, KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE);
}

void gm_arch_map(struct kvm_vm *kvm, uint64_t gpa, uint64_t size, uint64_t pagesize)
{
	int level = pagesize == GM_1G ? PG_LEVEL_1G : pagesize == GM_2M ? PG_LEVEL_2M : PG_LEVEL_4K;

	for (uint64_t end = gpa + size; gpa < end; gpa += pagesize)
		__virt_pg_map(kvm, &kvm->mmu, gpa, gpa, level);
}

/* UCALL_PIO_PORT of tools/testing/selftests/kvm/lib/x86/ucall.c. */
#define YIELD_PORT 0x1000

/* GUEST_UCALL_NONE() is an exit of the framework's port without a ucall. */
bool gm_arch_is_yield(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct ucall uc;

	return run->exit_reason == KVM_EXIT_IO && run->io.port == YIELD_PORT &&
	       get_ucall(vcpu, &uc) == UCALL_NONE;
}

bool gm_arch_is_convert(struct kvm_vcpu *vcpu, uint64_t *gpa, uint64_t *npages, uint64_t *attrs)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason != KVM_EXIT_HYPERCALL || run->hypercall.nr != KVM_HC_MAP_GPA_RANGE)
		return false;
	*gpa = run->hypercall.args[0];
	*npages = run->hypercall.args[1];
	*attrs = run->hypercall.args[2];
	return true;
}

void gm_arch_convert_return(struct kvm_vcpu *vcpu, int64_t ret)
{
	vcpu->run->hypercall.ret = ret;
}

void *gm_arch_vcpu_start(struct kvm_vcpu *vcpu)
{
	struct kvm_regs *regs = malloc(sizeof(*regs));

	GM_SETUP(regs, "out of memory");
	vcpu_regs_get(vcpu, regs);
	return regs;
}

void gm_arch_vcpu_restart(struct kvm_vcpu *vcpu, const void *start)
{
	vcpu_regs_set(vcpu, (struct kvm_regs *)start);
}
