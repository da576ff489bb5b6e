// SPDX-License-Identifier: GPL-2.0-only
/* Architecture hooks of the host side, arm64. */

#include "arm64/smccc.h"
#include "vm.h"

unsigned long gm_arch_vm_type(enum gm_vm_kind kind)
{
	switch (kind) {
	case GM_VM_DEFAULT:
		return VM_TYPE_DEFAULT;
	case GM_VM_PROTECTED:
		return KVM_VM_TYPE_ARM_PROTECTED;
	default:
		GM_ERROR("no VM of kind %d on arm64", kind);
	}
}

/* Type bits for the framework's next KVM_CREATE_VM, beside its IPA size. */
static __thread unsigned long more_type;

/* On arm64 the framework does not support VM types. */
unsigned long gm_arch_more_type(void)
{
	unsigned long type = more_type;

	more_type = 0;
	return type;
}

unsigned long gm_arch_shape_type(enum gm_vm_kind kind)
{
	more_type = gm_arch_vm_type(kind);
	return 0;
}

/* The filter forwards this function to user space; without it KVM returns "not supported". */
void gm_arch_enable_conversion_exits(struct kvm_vm *kvm)
{
	struct kvm_smccc_filter filter = {
		.base = GM_SMCCC_MAP_GPA,
		.nr_functions = 1,
		.action = KVM_SMCCC_FILTER_FWD_TO_USER,
	};

	__kvm_device_attr_set(kvm->fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &filter);
}

/* A block entry of level 1 (1 GiB) or 2 (2 MiB), with the attributes of pages. */
static void map_block(struct kvm_vm *kvm, uint64_t gpa, int leaf)
{
	uint64_t *table = addr_gpa2hva(kvm, kvm->mmu.pgd);

	for (int shift = 39; shift > leaf; shift -= 9) {
		uint64_t *e = table + (gpa >> shift & 511);

		if (!*e)
			*e = vm_alloc_page_table(kvm) | PMD_TYPE_TABLE | PTE_VALID;
		table = addr_gpa2hva(kvm, *e & GENMASK(47, 12));
	}
	table[gpa >> leaf & 511] = gpa | PTE_ATTRINDX(MT_NORMAL) | PTE_AF | PTE_SHARED | PTE_VALID;
}

/* The framework maps pages only; with four levels of tables this maps blocks, too. */
void gm_arch_map(struct kvm_vm *kvm, uint64_t gpa, uint64_t size, uint64_t pagesize)
{
	/* The guest's page size, not the host's. */
	bool plain = kvm->page_size == 4096 && kvm->va_bits == 48 && kvm->pa_bits <= 48;

	if (!plain || pagesize < GM_2M) {
		virt_map(kvm, gpa, gpa, (size + kvm->page_size - 1) / kvm->page_size);
		return;
	}
	for (uint64_t end = gpa + size; gpa < end; gpa += pagesize)
		map_block(kvm, gpa, pagesize == GM_1G ? 30 : 21);
}

/* GUEST_UCALL_NONE() is a write of NULL to the ucall MMIO page. */
bool gm_arch_is_yield(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	return vcpu->run->exit_reason == KVM_EXIT_MMIO &&
	       vcpu->run->mmio.phys_addr == vcpu->vm->ucall_mmio_addr &&
	       get_ucall(vcpu, &uc) == UCALL_NONE;
}

bool gm_arch_is_convert(struct kvm_vcpu *vcpu, uint64_t *gpa, uint64_t *npages, uint64_t *attrs)
{
	struct kvm_run *run = vcpu->run;

	if (run->exit_reason != KVM_EXIT_HYPERCALL || run->hypercall.nr != GM_SMCCC_MAP_GPA)
		return false;
	*gpa = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.regs[1]));
	*npages = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.regs[2]));
	*attrs = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.regs[3]));
	return true;
}

void gm_arch_convert_return(struct kvm_vcpu *vcpu, int64_t ret)
{
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[0]), ret);
}

struct start {
	uint64_t x[31], pc, pstate, sp;
};

void *gm_arch_vcpu_start(struct kvm_vcpu *vcpu)
{
	struct start *s = malloc(sizeof(*s));

	GM_SETUP(s, "out of memory");
	for (int i = 0; i < 31; i++)
		s->x[i] = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.regs[i]));
	s->pc = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.pc));
	s->pstate = vcpu_get_reg(vcpu, ARM64_CORE_REG(regs.pstate));
	s->sp = vcpu_get_reg(vcpu, ctxt_reg_alias(vcpu, SYS_SP_EL1));
	return s;
}

void gm_arch_vcpu_restart(struct kvm_vcpu *vcpu, const void *start)
{
	const struct start *s = start;

	for (int i = 0; i < 31; i++)
		vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.regs[i]), s->x[i]);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc), s->pc);
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pstate), s->pstate);
	vcpu_set_reg(vcpu, ctxt_reg_alias(vcpu, SYS_SP_EL1), s->sp);
}

/*
 * KVM itself overwrites the reason (arch/arm64/kvm/arm.c, kvm_arch_vcpu_ioctl_run()), but first
 * reads it to complete an MMIO access, so it must stay.
 */
void gm_arch_clear_exit(struct kvm_vcpu *vcpu) {}
