// SPDX-License-Identifier: GPL-2.0-only
/* pkvm.slot_*, file_vma, memlock, caps, other_vm, mmio: limits of user space for protected VMs. */
#include <sys/resource.h>

#include "pkvm.h"

GM_FILE(.profile = "P2", .needs = GM_NEEDS(PROTECTED))

GM_CASE(slot_fixed, .name = "pkvm.slot_fixed.after_run", .clause = "pkvm.slot_fixed",
	.flags = GM_REFUSAL,
	.text = "slots can be moved and deleted before the first run; after it that is EPERM, and the guest continues")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8);
	struct gm_mem *more = gm_mem_new(GM_MEM_ANON, 4 * PG);
	uint64_t far = GM_BASE + GM_1G;

	gm_slot_set(p->vm, GM_SLOT + 1, 0, far, 4 * PG, more->hva, -1, 0);
	gm_promise(!__gm_slot_set(p->vm, GM_SLOT + 1, 0, far + GM_2M, 4 * PG, more->hva, -1, 0),
		   "a slot can be moved before the first run");
	gm_promise(!__gm_slot_set(p->vm, GM_SLOT + 1, 0, 0, 0, NULL, -1, 0),
		   "a slot can be deleted before the first run");
	gm_slot_set(p->vm, GM_SLOT + 1, 0, far, 4 * PG, more->hva, -1, 0);
	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1);
	GM_EXPECT_ERRNO(EPERM,
			__gm_slot_set(p->vm, GM_SLOT, 0, far + GM_2M, 8 * PG, p->mem->hva, -1, 0),
			"moving");
	GM_EXPECT_ERRNO(EPERM, __gm_slot_set(p->vm, GM_SLOT, 0, 0, 0, NULL, -1, 0), "deleting");
	/* The same for a slot that the guest never accessed. */
	GM_EXPECT_ERRNO(EPERM,
			__gm_slot_set(p->vm, GM_SLOT + 1, 0, far + GM_2M, 4 * PG, more->hva, -1, 0),
			"moving an untouched slot");
	GM_EXPECT_ERRNO(EPERM, __gm_slot_set(p->vm, GM_SLOT + 1, 0, 0, 0, NULL, -1, 0),
			"deleting an untouched slot");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1, "after the refusals");
	pvm_free(p);
	gm_mem_free(more);
}

GM_CASE(slot_flags, .name = "pkvm.slot_flags.refused", .clause = "pkvm.slot_flags",
	.flags = GM_REFUSAL,
	.text = "READONLY and dirty logging are EPERM, for new and for existing slots")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_PROTECTED), *plain = GM_VM_NEW();
	struct gm_mem *m = gm_mem_new(GM_MEM_ANON, 4 * PG);
	const uint32_t flags[] = { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY,
				   KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY };

	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		GM_EXPECT_ERRNO(
			EPERM, __gm_slot_set(vm, GM_SLOT, flags[i], GM_BASE, 4 * PG, m->hva, -1, 0),
			"flags %#x", flags[i]);
		gm_promise(!__gm_slot_set(plain, GM_SLOT + i, flags[i], GM_BASE + i * GM_2M, 4 * PG,
					  m->hva, -1, 0),
			   "an ordinary VM accepts the flags");
	}
	gm_promise(!__gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, m->hva, -1, 0),
		   "the slot without flags");
	GM_EXPECT_ERRNO(
		EPERM,
		__gm_slot_set(vm, GM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, GM_BASE, 4 * PG, m->hva, -1, 0),
		"for an existing slot");
	gm_vm_free(vm);
	gm_vm_free(plain);
	gm_mem_free(m);
}

GM_CASE(file_vma, .name = "pkvm.file_vma.guest_memfd", .clause = "pkvm.file_vma",
	.flags = GM_REFUSAL, .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED),
	.text = "a slot with a mapping of guest_memfd: the guest's access is EIO; anonymous memory and shmem work")
{
	struct gm_vm *owner = GM_VM_NEW();
	int gmem = gm_gmem_new(owner, 4 * PG, 3);
	uint8_t *map = mmap(NULL, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);
	struct pvm *p = pvm_new(1, GM_MEM_SHMEM, 4);
	uint64_t far = GM_BASE + GM_1G, locked;

	GM_SETUP(map != MAP_FAILED, "mmap of a shared guest_memfd: %s", gm_errno_name(errno));
	memset(map, 1, 4 * PG);
	gm_slot_set(p->vm, GM_SLOT + 1, 0, far, 4 * PG, map, -1, 0);
	gm_vm_map(p->vm, far, 4 * PG, PG);
	gm_guest_fill(p->vm, 0, GM_BASE, 2, GM_WRITER_PRIVATE, 1);
	gm_promise(pkvm_load(p->mem->hva).signo == SIGSEGV, "shmem can be donated");
	/* The first load also donates the guest's code and page tables, so count after it. */
	pvm_expect_stop(p, 0, far, EIO, "the first page of guest_memfd");
	locked = pkvm_status("VmLck");
	pvm_expect_stop(p, 0, far + PG, EIO, "a page of guest_memfd");
	GM_EXPECT_EQ(pkvm_status("VmLck"), locked, "locked memory after the refusal");
	GM_EXPECT(!pkvm_load(map + PG).signo, "the host cannot read a page that was not donated");
	gm_guest_check(p->vm, 0, GM_BASE, 2, GM_WRITER_PRIVATE, 1, "the guest continues");
	pvm_free(p);
	munmap(map, 4 * PG);
	close(gmem);
	gm_vm_free(owner);
}

GM_CASE(memlock, .name = "pkvm.memlock.exact", .clause = "pkvm.memlock", .flags = GM_REFUSAL,
	.text = "KVM_RUN is ENOMEM for exactly the first page past RLIMIT_MEMLOCK; with a higher limit the guest continues")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 32);
	struct rlimit old, now;

	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1);
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1,
		       "first, so that the guest's code is donated");
	GM_SETUP_OK(getrlimit(RLIMIT_MEMLOCK, &old));
	now = old;
	now.rlim_cur = pkvm_status("VmLck") + 6 * PG;
	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &now));
	for (uint64_t page = 4; page < 10; page++)
		gm_guest_touch(p->vm, 0, pvm_gpa(page), PG, PG);
	gm_promise(pkvm_load(pvm_hva(p, 9)).signo == SIGSEGV,
		   "within the limit the guest gets its pages");
	pvm_expect_stop(p, 0, pvm_gpa(10), ENOMEM, "one page past the limit");
	GM_EXPECT_EQ(pkvm_status("VmLck"), now.rlim_cur, "locked memory at the limit");
	GM_EXPECT(!pkvm_load(pvm_hva(p, 10)).signo,
		  "the host cannot read a page that was not donated");
	GM_SETUP_OK(setrlimit(RLIMIT_MEMLOCK, &old));
	gm_guest_touch(p->vm, 0, pvm_gpa(10), 4 * PG, PG);
	pvm_expect_hidden(p, 10, "with a higher limit");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_PRIVATE, 1, "after the refusal");
	pvm_free(p);
}

GM_CASE(caps, .name = "pkvm.caps.refused", .clause = "pkvm.caps", .flags = GM_REFUSAL,
	.text = "capabilities and VM ioctls that are not for protected VMs: 0, EINVAL; an ordinary VM has them")
{
	/* Not KVM_CAP_DEVICE_CTRL: it is generic, and the interrupt controller needs it. */
	static const int none[] = {
		KVM_CAP_ARM_NISV_TO_USER,
		KVM_CAP_ARM_SYSTEM_SUSPEND,
		KVM_CAP_ARM_PMU_V3,
		KVM_CAP_ARM_EL1_32BIT,
		KVM_CAP_ARM_SVE,
		KVM_CAP_ARM_MTE,
		KVM_CAP_SET_GUEST_DEBUG,
		KVM_CAP_VCPU_EVENTS,
		KVM_CAP_ARM_INJECT_SERROR_ESR,
		KVM_CAP_STEAL_TIME,
		KVM_CAP_PTP_KVM,
		KVM_CAP_COUNTER_OFFSET,
		KVM_CAP_MP_STATE,
		KVM_CAP_ARM_SET_DEVICE_ADDR,
		KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE,
		KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES,
		KVM_CAP_READONLY_MEM,
		KVM_CAP_ONE_REG,
		KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_VCPU_ATTRIBUTES,
		KVM_CAP_ARM_WRITABLE_IMP_ID_REGS,
		KVM_CAP_ARM_USER_IRQ,
	};
	static const int some[] = { KVM_CAP_IRQCHIP,	    KVM_CAP_ARM_PSCI,  KVM_CAP_ARM_PSCI_0_2,
				    KVM_CAP_NR_VCPUS,	    KVM_CAP_MAX_VCPUS, KVM_CAP_MAX_VCPU_ID,
				    KVM_CAP_ARM_VM_IPA_SIZE };
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_PROTECTED), *plain = GM_VM_NEW();
	struct kvm_enable_cap nisv = { .cap = KVM_CAP_ARM_NISV_TO_USER };
	struct kvm_device_attr attr = { .group = KVM_ARM_VM_SMCCC_CTRL,
					.attr = KVM_ARM_VM_SMCCC_FILTER };
	struct kvm_arm_counter_offset off = {};
	struct kvm_smccc_filter filter = { .base = GM_SMCCC_MAP_GPA,
					   .nr_functions = 1,
					   .action = KVM_SMCCC_FILTER_FWD_TO_USER };

	attr.addr = (uint64_t)&filter;
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++)
		GM_EXPECT_EQ(vm_check_cap(vm->kvm, none[i]), 0, "capability %d", none[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(some); i++)
		GM_EXPECT_EQ(vm_check_cap(vm->kvm, some[i]), vm_check_cap(plain->kvm, some[i]),
			     "capability %d, the same as in an ordinary VM", some[i]);
	gm_promise(vm_check_cap(plain->kvm, KVM_CAP_ARM_NISV_TO_USER) == 1,
		   "an ordinary VM has it");
	GM_EXPECT_ERRNO(EINVAL, ioctl(vm->kvm->fd, KVM_ENABLE_CAP, &nisv));
	gm_promise(!ioctl(plain->kvm->fd, KVM_ENABLE_CAP, &nisv), "an ordinary VM can enable it");
	GM_EXPECT_ERRNO(EINVAL, ioctl(vm->kvm->fd, KVM_HAS_DEVICE_ATTR, &attr));
	GM_EXPECT_ERRNO(EINVAL, ioctl(vm->kvm->fd, KVM_SET_DEVICE_ATTR, &attr));
	gm_promise(!ioctl(plain->kvm->fd, KVM_SET_DEVICE_ATTR, &attr),
		   "an ordinary VM has a filter");
	GM_EXPECT_ERRNO(EINVAL, ioctl(vm->kvm->fd, KVM_ARM_SET_COUNTER_OFFSET, &off));
	gm_promise(!ioctl(plain->kvm->fd, KVM_ARM_SET_COUNTER_OFFSET, &off),
		   "an ordinary VM has an offset");
	gm_vm_free(vm);
	gm_vm_free(plain);
}

GM_CASE(other_vm, .name = "pkvm.other_vm.refused", .clause = "pkvm.other_vm", .flags = GM_REFUSAL,
	.timeout = 120,
	.text = "a page that one protected VM has, shared or not, is EPERM for another one with the same memory")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 8), *q = pvm_new(1, GM_MEM_ANON, 8);
	uint64_t far = GM_BASE + GM_1G;

	gm_slot_set(q->vm, GM_SLOT + 1, 0, far, 8 * PG, p->mem->hva, -1, 0);
	gm_vm_map(q->vm, far, 8 * PG, PG);
	gm_guest_fill(p->vm, 0, GM_BASE, 4, GM_WRITER_SECRET, 1);
	pvm_share_all(p, 0, 1, 1);
	gm_guest_touch(q->vm, 0, far + 6 * PG, PG, PG);
	gm_promise(pkvm_load(pvm_hva(p, 6)).signo == SIGSEGV,
		   "a page of no other VM can be donated");
	pvm_expect_stop(q, 0, far, EPERM, "a page of the other VM");
	pvm_expect_stop(q, 0, far + PG, EPERM, "a page that the other VM shared with the host");
	gm_guest_check(p->vm, 0, GM_BASE, 4, GM_WRITER_SECRET, 1, "the owner's data");
	pvm_expect_host(p, 1, GM_WRITER_SECRET, 1, "still shared with the host");
	pvm_expect_hidden(p, 0, "still hidden from the host");
	pvm_free(q);
	pvm_free(p);
}

GM_CASE(mmio, .name = "pkvm.mmio_ucall.exact", .clause = "pkvm.mmio_ucall",
	.text = "a store and a load outside all slots exit as MMIO with the exact address, size and data")
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	uint64_t far = GM_BASE + GM_1G;
	struct kvm_run *run = p->vm->vcpu[0]->run;

	gm_vm_map(p->vm, far, GM_2M, PG);
	for (uint64_t off = 8; off < GM_2M; off = off * 4 + 8) {
		uint64_t word = gm_word(off, GM_WRITER_PRIVATE, 1, 0);
		struct gm_op op[2] = { { .code = GM_OP_WRITE, .addr = far + off, .val = word },
				       { .code = GM_OP_READ, .addr = far + off } };
		struct gm_exit ex;

		for (int write = 1; write >= 0; write--) {
			bool whole = __gm_run(p->vm, 0, &op[!write], 1, &ex, NULL);

			GM_EXPECT(!whole && ex.reason == KVM_EXIT_MMIO &&
					  run->mmio.phys_addr == far + off && run->mmio.len == 8 &&
					  run->mmio.is_write == write,
				  "a %s at %#lx: %s, address %#llx, %u bytes",
				  write ? "store" : "load", far + off, gm_exit_str(&ex),
				  run->mmio.phys_addr, run->mmio.len);
			if (write)
				GM_EXPECT_EQ(*(uint64_t *)run->mmio.data, word, "its data");
		}
	}
	pvm_free(p);
}
