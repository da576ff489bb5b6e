// SPDX-License-Identifier: GPL-2.0-only
/* A guest of three instructions, in any mode that can make a hypercall. */
#include <linux/kvm_para.h>

#include "bare.h"

/* Below 4 GiB, for 32-bit code; above the framework's memory, below the APICs. */
#define CODE 0xc0000000UL
#define PORT 0x99

/* Makes the page at gva accessible to guest user code: sets the U bit at each level. */
static void allow_user(struct kvm_vm *kvm, uint64_t gva)
{
	uint64_t table = kvm->mmu.pgd;

	for (int level = kvm->mmu.pgtable_levels; level >= 1; level--) {
		uint64_t *pte = (uint64_t *)addr_gpa2hva(kvm, table) +
				(gva >> (12 + 9 * (level - 1)) & 511);

		GM_SETUP(*pte & 1, "no page table entry of level %d for %#lx", level, gva);
		*pte |= 4;
		table = *pte & 0xffffffffff000UL;
	}
}

static void set_mode(struct kvm_vcpu *vcpu, enum bare_mode mode)
{
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);
	if (mode == BARE_COMPAT) {
		sregs.cs.l = 0;
		sregs.cs.db = 1;
	} else {
		sregs.cs.dpl = mode;
		sregs.ss.dpl = mode;
		sregs.cs.selector |= mode;
		sregs.ss.selector |= mode;
	}
	vcpu_sregs_set(vcpu, &sregs);
}

struct bare bare_hypercall(enum bare_mode mode, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
			   uint64_t answer)
{
	/* vmmcall or vmcall; out %al, $PORT; hlt */
	uint8_t code[] = { 0x0f, 0x01, host_cpu_is_amd_compatible ? 0xd9 : 0xc1, 0xe6, PORT, 0xf4 };
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, GM_PAGE_SIZE);
	struct kvm_vcpu *vcpu = vm->vcpu[0];
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs;
	struct gm_exit ex;
	struct bare b = {};

	gm_slot_set(vm, GM_SLOT, 0, CODE, GM_PAGE_SIZE, mem->hva, -1, 0);
	gm_vm_map(vm, CODE, GM_PAGE_SIZE, GM_PAGE_SIZE);
	allow_user(vm->kvm, CODE);
	memcpy(mem->hva, code, sizeof(code));
	set_mode(vcpu, mode);
	vcpu_regs_get(vcpu, &regs);
	regs.rip = CODE;
	regs.rflags = 0x3002; /* IOPL 3: any ring may execute the final OUT */
	regs.rax = nr;
	regs.rbx = a0;
	regs.rcx = a1;
	regs.rdx = a2;
	vcpu_regs_set(vcpu, &regs);

	GM_SETUP(!gm_enter(vm, 0, &ex), "KVM_RUN: %s", gm_errno_name(errno));
	if (run->exit_reason == KVM_EXIT_HYPERCALL) {
		b.exited = true;
		b.nr = run->hypercall.nr;
		memcpy(b.args, run->hypercall.args, sizeof(b.args));
		b.flags = run->hypercall.flags;
		run->hypercall.ret = answer;
		GM_SETUP(!gm_enter(vm, 0, &ex), "KVM_RUN: %s", gm_errno_name(errno));
	}
	GM_SETUP(run->exit_reason == KVM_EXIT_IO && run->io.port == PORT,
		 "the guest did not reach its final OUT: exit %u", run->exit_reason);
	vcpu_regs_get(vcpu, &regs);
	b.rax = regs.rax;
	gm_vm_free(vm);
	gm_mem_free(mem);
	return b;
}
