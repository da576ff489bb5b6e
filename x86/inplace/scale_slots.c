// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thousands of memory slots of one page on one file: conversions of the whole file, a hole over all
 * slots and the last close return in time, and affect every slot: conv.scale.
 */
#include "inplace.h"

GM_FILE(.clause = "conv.scale", .providers = GM_PROVIDERS_X86)

/*
 * Raw ioctl, since the library's table of slots is small. Page i of the file at every second gpa.
 */
static void set_slot(struct gm_vm *vm, int gmem, uint8_t *hva, uint64_t i, uint64_t size)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = GM_SLOT + i,
		.flags = KVM_MEM_GUEST_MEMFD,
		.guest_phys_addr = GM_BASE + 2 * i * PG,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva + i * PG,
		.guest_memfd = gmem,
		.guest_memfd_offset = i * PG,
	};

	GM_GRANTED(!GM_CALL("KVM_SET_USER_MEMORY_REGION2",
			    ioctl(vm->kvm->fd, KVM_SET_USER_MEMORY_REGION2, &region)),
		   "slot %lu of %#lx bytes: %s", i, size, gm_errno_name(errno));
}

/* Converts all pages: of the file, or of the gpa range with the gaps between slots. */
static void convert_all(struct gm_vm *vm, int gmem, uint64_t nr, bool to_private)
{
	if (vm->provider->file_serves_shared)
		gm_gmem_convert(gmem, 0, nr * PG, to_private);
	else
		gm_convert(vm, GM_BASE, 2 * nr * PG, to_private);
}

/* Writes every 64th page by its slot. */
static void write_all(struct gm_vm *vm, uint64_t nr, unsigned int gen)
{
	for (uint64_t i = 0; i < nr; i += 64)
		gm_guest_fill(vm, 0, GM_BASE + 2 * i * PG, 1, GM_WRITER_GUEST, gen);
}

static void check_all(struct gm_vm *vm, uint64_t nr, unsigned int gen, const char *when)
{
	for (uint64_t i = 0; i < nr; i += 64) {
		uint64_t gpa = GM_BASE + 2 * i * PG;

		if (!gen ? !gm_guest_check_zero(vm, 0, gpa, 1, when)
			 : !gm_guest_check(vm, 0, gpa, 1, GM_WRITER_GUEST, gen, when))
			return;
	}
}

struct many {
	uint64_t nr; /* slots */
};

GM_CASES(slots, struct many, v)
{
	uint64_t nr = v->nr;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1,
				     .extra_pages = 2 * nr * PG / GM_2M + 16);
	int gmem = gm_gmem_new(vm, nr * PG, vm->provider->flags_shared);
	uint8_t *uaddr = mmap(NULL, nr * PG, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	GM_SETUP(uaddr != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_vm_map(vm, GM_BASE, (2 * nr * PG + GM_2M - 1) & -GM_2M, PG);
	for (uint64_t i = 0; i < nr; i++)
		set_slot(vm, gmem, uaddr, i, PG);
	convert_all(vm, gmem, nr, true);
	write_all(vm, nr, 1);
	check_all(vm, nr, 1, "private, one slot a page");
	convert_all(vm, gmem, nr, false);
	check_all(vm, nr, vm->provider->content == GM_CONTENT_ONE_MEMORY, "shared");
	convert_all(vm, gmem, nr, true);
	check_all(vm, nr, 1, "private again");
	gm_gmem_punch(gmem, 0, nr * PG);
	check_all(vm, nr, 0, "after a hole over all slots");
	for (uint64_t i = 0; i < nr; i += 2)
		set_slot(vm, gmem, uaddr, i, 0);
	gm_underway("close() of a VM and its guest_memfd");
	gm_vm_free(vm);
	close(gmem);
	gm_underway_end();
	munmap(uaddr, nr * PG);
}
GM_ROW(slots, slots_1k, .name = "conv.scale.slots_1k",
       .text = "2^10 memory slots of one page on one file: conversions, a hole, the close") = {
	.nr = 1UL << 10,
};
GM_ROW(slots, slots_16k, .name = "conv.scale.slots_16k", .flags = GM_FULL_ONLY, .timeout = 300,
       .text = "2^14 memory slots of one page on one file: conversions, a hole, the close") = {
	.nr = 1UL << 14,
};
