// SPDX-License-Identifier: GPL-2.0-only
/* KVM's binary statistics, and KVM_PRE_FAULT_MEMORY. */
#include "underway.h"
#include "vm.h"

uint64_t gm_vm_stat(struct gm_vm *vm, const char *name)
{
	u64 val = 0;

	kvm_get_stat(&vm->kvm->stats, name, &val, 1);
	return val;
}

uint64_t gm_vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name)
{
	u64 val = 0;

	kvm_get_stat(&vm->vcpu[v]->stats, name, &val, 1);
	return val;
}

int gm_prefault(struct gm_vm *vm, unsigned int v, uint64_t *gpa, uint64_t *size, uint64_t flags)
{
	struct kvm_pre_fault_memory range = { .gpa = *gpa, .size = *size, .flags = flags };
	int ret;

	gm_underway("KVM_PRE_FAULT_MEMORY");
	ret = __vcpu_ioctl(vm->vcpu[v], KVM_PRE_FAULT_MEMORY, &range);
	gm_underway_end();
	*gpa = range.gpa;
	*size = range.size;
	return ret;
}
