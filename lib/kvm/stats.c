// SPDX-License-Identifier: GPL-2.0-only
/* KVM's binary statistics, and KVM_PRE_FAULT_MEMORY. */
#include "underway.h"
#include "vm.h"

static uint64_t stat_of(struct kvm_binary_stats *stats, const char *name)
{
	u64 val = 0;

	kvm_get_stat(stats, name, &val, 1);
	return val;
}

uint64_t gm_vm_stat(struct gm_vm *vm, const char *name)
{
	return stat_of(&vm->kvm->stats, name);
}

uint64_t gm_vcpu_stat(struct gm_vm *vm, unsigned int v, const char *name)
{
	return stat_of(&vm->vcpu[v]->stats, name);
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

void gm_prefault_all(struct gm_vm *vm, unsigned int v, uint64_t gpa, uint64_t size)
{
	while (size)
		GM_GRANTED(!gm_prefault(vm, v, &gpa, &size, 0),
			   "KVM_PRE_FAULT_MEMORY at gpa %#lx, %#lx bytes left: %s", gpa, size,
			   gm_errno_name(errno));
}
