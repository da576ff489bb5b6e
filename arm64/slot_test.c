// SPDX-License-Identifier: GPL-2.0-only
/* Slots with guest_memfd that only arm64 refuses, fd.slot_arm64. */
#include "gm.h"
#include "text.h"

GM_FILE(.clause = "fd.slot_arm64", .profile = "P1", .needs = GM_NEEDS(GMEM_MMAP),
	.flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE
#define SHARED (GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

GM_CASE(no_mmap, .name = "fd.slot_arm64.no_mmap",
	.text = "a slot on a file that cannot be mapped is EINVAL, with and without userspace_addr")
{
	struct gm_vm *vm = GM_VM_NEW();
	struct gm_mem *m = gm_mem_new(GM_MEM_ANON, 4 * PG);
	int plain = gm_gmem_new(vm, 4 * PG, 0);
	int map = gm_gmem_new(vm, 4 * PG, GUEST_MEMFD_FLAG_MMAP);

	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, NULL, plain, 0));
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, m->hva, plain, 0));
	gm_promise(!__gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, NULL, map, 0),
		   "a slot on a file that can be mapped succeeds");
	close(plain);
	close(map);
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(past_ipa, .name = "fd.slot_arm64.past_ipa",
	.text = "a slot that ends past the VM's IPA space is EFAULT, also a moved one; one that ends at its end succeeds")
{
	struct gm_vm *vm = GM_VM_NEW();
	int gmem = gm_gmem_new(vm, 4 * PG, GUEST_MEMFD_FLAG_MMAP);
	struct gm_mem *m = gm_mem_new(GM_MEM_ANON, 4 * PG);
	uint64_t end = 1UL << vm->kvm->pa_bits;

	/* pKVM ignores the IPA size of the VM type (kvm_init_ipa_range()) and uses the largest. */
	if (!__gm_slot_set(vm, GM_SLOT, 0, end, 4 * PG, m->hva, -1, 0)) {
		gm_slot_delete(vm, GM_SLOT);
		end = 1UL << kvm_check_cap(KVM_CAP_ARM_VM_IPA_SIZE);
	}
	GM_EXPECT_ERRNO(EFAULT, __gm_slot_set(vm, GM_SLOT, 0, end - 3 * PG, 4 * PG, NULL, gmem, 0));
	GM_EXPECT_ERRNO(EFAULT, __gm_slot_set(vm, GM_SLOT, 0, end, 4 * PG, NULL, gmem, 0));
	gm_promise(!__gm_slot_set(vm, GM_SLOT, 0, end - 4 * PG, 4 * PG, NULL, gmem, 0),
		   "a slot that ends at the end of the IPA space");
	/* The same for a slot that is moved. */
	gm_slot_delete(vm, GM_SLOT);
	gm_slot_set(vm, GM_SLOT + 1, 0, GM_BASE, 4 * PG, m->hva, -1, 0);
	GM_EXPECT_ERRNO(EFAULT,
			__gm_slot_set(vm, GM_SLOT + 1, 0, end - 3 * PG, 4 * PG, m->hva, -1, 0),
			"moved");
	GM_EXPECT_ERRNO(EFAULT, __gm_slot_set(vm, GM_SLOT + 1, 0, end, 4 * PG, m->hva, -1, 0),
			"moved");
	gm_promise(!__gm_slot_set(vm, GM_SLOT + 1, 0, end - 4 * PG, 4 * PG, m->hva, -1, 0),
		   "a slot can be moved to the end of the IPA space");
	close(gmem);
	gm_vm_free(vm);
	gm_mem_free(m);
}

GM_CASE(mte, .name = "fd.slot_arm64.mte",
	.text = "in a VM with memory tagging a slot with guest_memfd is EINVAL; one with ordinary memory succeeds",
	.needs = GM_NEEDS(INIT_SHARED))
{
	struct gm_vm *vm = GM_VM_NEW();
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_MTE };
	struct gm_mem *m;
	int gmem;

	if (!vm_check_cap(vm->kvm, KVM_CAP_ARM_MTE)) {
		gm_vm_free(vm);
		gm_skip("no memory tagging in VMs", "a CPU with MTE, and CONFIG_ARM64_MTE=y");
	}
	GM_SETUP_OK(ioctl(vm->kvm->fd, KVM_ENABLE_CAP, &cap));
	gmem = gm_gmem_new(vm, 4 * PG, SHARED);
	m = gm_mem_new(GM_MEM_ANON, 4 * PG);
	GM_EXPECT_ERRNO(EINVAL, __gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, NULL, gmem, 0));
	gm_promise(!__gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, m->hva, -1, 0),
		   "a slot with anonymous memory succeeds");
	close(gmem);
	gm_vm_free(vm);
	/* The reverse order: tagging cannot be enabled in a VM with such a slot. */
	vm = GM_VM_NEW();
	gmem = gm_gmem_new(vm, 4 * PG, SHARED);
	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, 4 * PG, NULL, gmem, 0);
	GM_EXPECT_ERRNO(EINVAL, ioctl(vm->kvm->fd, KVM_ENABLE_CAP, &cap), "after the slot");
	gm_slot_delete(vm, GM_SLOT);
	gm_promise(!ioctl(vm->kvm->fd, KVM_ENABLE_CAP, &cap), "without the slot");
	close(gmem);
	gm_vm_free(vm);
	gm_mem_free(m);
}

static int raw_slot(int vm, uint32_t id, uint64_t gpa, uint64_t size, int gmem, uint64_t off)
{
	struct kvm_userspace_memory_region2 r = {
		.slot = id,
		.flags = size ? KVM_MEM_GUEST_MEMFD : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.guest_memfd = gmem,
		.guest_memfd_offset = off,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &r);
}

/* Slots as far below the end as each level of page tables spans, deleted in another order. */
static void top_slots(int vm, int gmem, unsigned int bits)
{
	uint64_t end = 1UL << bits, span[] = { PG, 2 * PG, GM_2M, GM_1G, 1UL << 39, 1UL << 47 };
	unsigned int nr = 0;

	while (nr < ARRAY_SIZE(span) && span[nr] < end)
		nr++;
	for (unsigned int i = 0; i < nr; i++)
		GM_EXPECT_OK(raw_slot(vm, i, end - span[i], PG, gmem, i * PG),
			     "%u bits: a slot %#lx below the end", bits, span[i]);
	for (unsigned int i = 0; i < nr; i++)
		GM_EXPECT_ERRNO(EEXIST, raw_slot(vm, nr, end - span[i], PG, gmem, nr * PG),
				"%u bits: another slot there", bits);
	/* Not in the order in which they came. */
	for (unsigned int i = 0; i < nr; i++)
		GM_EXPECT_OK(raw_slot(vm, (i + nr / 2) % nr, 0, 0, -1, 0), "%u bits: deleted",
			     bits);
}

GM_CASE(ipa_sizes, .name = "fd.slot_arm64.ipa_sizes",
	.text = "VMs with every IPA size from 32 bits up: slots up to the last page, EFAULT past it; other sizes are EINVAL; under protected KVM each VM has the largest size")
{
	int kvm = open_kvm_dev_path_or_exit();
	unsigned int max = kvm_check_cap(KVM_CAP_ARM_VM_IPA_SIZE);
	/*
	 * Under protected KVM each VM has the largest size, whatever it asks for: mmu.c:921. A probe for
	 * protected VMs would taint the kernel.
	 */
	char cmdline[4096] = "";
	bool fixed;

	gm_read_text("/proc/cmdline", cmdline, sizeof(cmdline));
	fixed = strstr(cmdline, "kvm-arm.mode=protected");

	if (!fixed) {
		GM_EXPECT_ERRNO(EINVAL, ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(31)),
				"31 bits");
		GM_EXPECT_ERRNO(EINVAL,
				ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(max + 1)),
				"%u bits", max + 1);
	}
	for (unsigned int bits = 32; bits <= max; bits++) {
		struct kvm_create_guest_memfd create = { .size = 16 * PG,
							 .flags = GUEST_MEMFD_FLAG_MMAP };
		int vm = ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(bits)), gmem;
		unsigned int size = fixed ? max : bits;
		uint64_t end = 1UL << size;

		GM_ASSERT(vm >= 0, "a VM of %u bits: %s", bits, gm_errno_name(errno));
		gmem = ioctl(vm, KVM_CREATE_GUEST_MEMFD, &create);
		GM_ASSERT(gmem >= 0, "%u bits: guest_memfd: %s", bits, gm_errno_name(errno));
		gm_control(!raw_slot(vm, 0, end - 4 * PG, 4 * PG, gmem, 0),
			   "%u bits: the last four pages", bits);
		GM_EXPECT_OK(raw_slot(vm, 0, 0, 0, -1, 0), "%u bits: deleted", bits);
		GM_EXPECT_ERRNO(EFAULT, raw_slot(vm, 0, end - 3 * PG, 4 * PG, gmem, 0),
				"%u bits: over the end", bits);
		GM_EXPECT_ERRNO(EFAULT, raw_slot(vm, 0, end, PG, gmem, 0), "%u bits: past it",
				bits);
		GM_EXPECT_ERRNO(EFAULT, raw_slot(vm, 0, 1UL << 60, PG, gmem, 0), "%u bits: at 2^60",
				bits);
		top_slots(vm, gmem, size);
		close(gmem);
		close(vm);
	}
	close(kvm);
}
