// SPDX-License-Identifier: GPL-2.0-only
/* guest_memfd of a SW_PROTECTED VM with separate shared memory: fd.*, P0. */
#include <signal.h>
#include <sys/mman.h>

#include "fixture.h"
#include "gm.h"

GM_FILE(.profile = "P0")

#define PG GM_PAGE_SIZE
#define NPAGES 64UL
#define SIZE (NPAGES * PG)
#define FIRST GFN(GM_BASE)

/* Private memory has generation 1, shared memory generation 2; odd pages are private at the end. */
static void both_fill(struct gm_fixture *w)
{
	gm_convert(w->vm, GM_BASE, SIZE, true);
	gm_guest_fill(w->vm, 0, GM_BASE, NPAGES, GM_WRITER_PRIVATE, 1);
	for (uint64_t p = 0; p < NPAGES; p += 2)
		gm_convert(w->vm, GM_BASE + p * PG, PG, false);
	gm_host_fill(w->hva, FIRST, NPAGES, GM_WRITER_SHARED, 2);
	for (uint64_t p = 0; p < NPAGES; p += 2)
		gm_guest_check(w->vm, 0, GM_BASE + p * PG, 1, GM_WRITER_SHARED, 2,
			       "shared, before");
}

GM_CASE(init_shared, .name = "fd.create_flags.init_shared_refused", .clause = "fd.create_flags",
	.flags = GM_REFUSAL, .needs = GM_NEEDS(ATTRIBUTES),
	.text = "INIT_SHARED is EINVAL for VM types with private memory, alone and with MMAP")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	uint64_t known = vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS);
	int fd = __gm_gmem_new(vm, PG, 0);

	gm_promise(fd >= 0, "no flags");
	close(fd);
	GM_EXPECT_ERRNO(EINVAL, __gm_gmem_new(vm, PG, GUEST_MEMFD_FLAG_INIT_SHARED));
	GM_EXPECT_ERRNO(
		EINVAL,
		__gm_gmem_new(vm, PG, GUEST_MEMFD_FLAG_INIT_SHARED | GUEST_MEMFD_FLAG_MMAP));
	GM_EXPECT(!(known & GUEST_MEMFD_FLAG_INIT_SHARED),
		  "the capability of the VM has INIT_SHARED: %#lx", known);
	gm_vm_free(vm);
}

GM_CASE(punch_private_only, .name = "fd.punch_exact.private_half_only", .clause = "fd.punch_exact",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "a hole over private and shared pages in turn: shared memory keeps every word")
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE);

	both_fill(w);
	gm_gmem_punch(w->gmem, 8 * PG, 40 * PG);
	for (uint64_t p = 0; p < NPAGES; p++) {
		uint64_t gpa = GM_BASE + p * PG;

		if (!(p & 1))
			gm_guest_check(w->vm, 0, gpa, 1, GM_WRITER_SHARED, 2, "a shared page");
		else if (p >= 8 && p < 48)
			gm_guest_check_zero(w->vm, 0, gpa, 1, "a private page in the hole");
		else
			gm_guest_check(w->vm, 0, gpa, 1, GM_WRITER_PRIVATE, 1,
				       "a private page outside the hole");
	}
	gm_host_check(w->hva, FIRST, NPAGES, GM_WRITER_SHARED, 2, "the host's shared memory");
	/* The hole also removed private memory of shared pages, and none outside it. */
	for (uint64_t p = 0; p < NPAGES; p += 2) {
		gm_convert(w->vm, GM_BASE + p * PG, PG, true);
		if (p >= 8 && p < 48)
			gm_guest_check_zero(w->vm, 0, GM_BASE + p * PG, 1, "its private memory");
		else
			gm_guest_check(w->vm, 0, GM_BASE + p * PG, 1, GM_WRITER_PRIVATE, 1,
				       "its private memory");
	}
	gm_fixture_free(w);
}

GM_CASE(shared_hole, .name = "fd.punch_exact.shared_half_only", .clause = "fd.punch_exact",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "the reverse: dropping shared memory removes nothing from the file")
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE);

	both_fill(w);
	GM_SETUP_OK(madvise(w->hva, SIZE, MADV_DONTNEED));
	for (uint64_t p = 0; p < NPAGES; p++) {
		if (p & 1)
			gm_guest_check(w->vm, 0, GM_BASE + p * PG, 1, GM_WRITER_PRIVATE, 1,
				       "private");
		else
			gm_guest_check_zero(w->vm, 0, GM_BASE + p * PG, 1, "shared, dropped");
	}
	gm_fixture_free(w);
}

GM_CASE(close_shared, .name = "fd.last_close.shared_half", .clause = "fd.last_close",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "after the last close private pages fault and shared pages work")
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE);

	both_fill(w);
	close(w->gmem);
	w->gmem = -1;
	for (uint64_t p = 0; p < NPAGES; p += 7) {
		if (p & 1)
			gm_guest_expect_fault(w->vm, 0, GM_BASE + p * PG, p & 2,
					      KVM_MEMORY_EXIT_FLAG_PRIVATE, PG, "a private page");
		else
			gm_guest_check(w->vm, 0, GM_BASE + p * PG, 1, GM_WRITER_SHARED, 2,
				       "a shared page");
	}
	/* Conversions after the close still take effect. */
	gm_convert(w->vm, GM_BASE + PG, PG, false);
	gm_guest_check(w->vm, 0, GM_BASE + PG, 1, GM_WRITER_SHARED, 2, "converted to shared");
	gm_convert(w->vm, GM_BASE, PG, true);
	gm_guest_expect_fault(w->vm, 0, GM_BASE, false, KVM_MEMORY_EXIT_FLAG_PRIVATE, PG,
			      "converted to private");
	gm_fixture_free(w);
}

GM_CASE(mappable, .name = "fd.bind_overlap.mappable_serves_both", .clause = "fd.bind_overlap",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "a file with the MMAP flag backs shared and private accesses of a SW_PROTECTED VM")
{
	struct gm_fixture *w;
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED);
	bool can = vm_check_cap(vm->kvm, KVM_CAP_GUEST_MEMFD_FLAGS) & GUEST_MEMFD_FLAG_MMAP;

	gm_vm_free(vm);
	if (!can)
		gm_skip("no mappable guest_memfd on this VM type",
			"a kernel with GUEST_MEMFD_FLAG_MMAP");
	w = GM_FIXTURE(.size = SIZE, .more_flags = GUEST_MEMFD_FLAG_MMAP);
	gm_convert(w->vm, GM_BASE, SIZE, true);
	gm_guest_fill(w->vm, 0, GM_BASE, NPAGES, GM_WRITER_PRIVATE, 1);
	for (uint64_t p = 0; p < NPAGES; p += 2)
		gm_convert(w->vm, GM_BASE + p * PG, PG, false);
	gm_host_fill(w->hva, FIRST, NPAGES, GM_WRITER_SHARED, 2);
	gm_guest_check(w->vm, 0, GM_BASE, NPAGES, GM_WRITER_PRIVATE, 1, "with either attribute");
	gm_guest_fill(w->vm, 0, GM_BASE, NPAGES, GM_WRITER_PRIVATE, 3);
	gm_host_check(w->hva, FIRST, NPAGES, GM_WRITER_SHARED, 2, "the memory at userspace_addr");
	/* A hole unmaps pages of both states. */
	gm_gmem_punch(w->gmem, 16 * PG, 16 * PG);
	gm_guest_check(w->vm, 0, GM_BASE, 16, GM_WRITER_PRIVATE, 3, "below the hole");
	gm_guest_check_zero(w->vm, 0, GM_BASE + 16 * PG, 16, "the hole");
	gm_guest_check(w->vm, 0, GM_BASE + 32 * PG, 32, GM_WRITER_PRIVATE, 3, "above the hole");
	gm_fixture_free(w);
}

GM_CASE(slot_twice, .name = "fd.bind_overlap.halves_of_two_slots", .clause = "fd.bind_overlap",
	.needs = GM_NEEDS(SW_PROTECTED), .flags = GM_REFUSAL,
	.text = "two slots may share userspace_addr, never a range of the file")
{
	struct gm_fixture *w = GM_FIXTURE(.size = SIZE);
	uint64_t far = GM_BASE + GM_1G;

	gm_promise(!__gm_slot_set(w->vm, GM_SLOT + 1, 0, far, SIZE, w->hva, -1, 0),
		   "an ordinary slot over the same memory of the host");
	GM_EXPECT_ERRNO(EEXIST, __gm_slot_set(w->vm, GM_SLOT + 2, 0, far + GM_1G, SIZE, w->hva,
					      w->gmem, 0));
	gm_slot_delete(w->vm, GM_SLOT);
	GM_EXPECT_OK(__gm_slot_set(w->vm, GM_SLOT + 2, 0, far + GM_1G, SIZE, w->hva, w->gmem, 0));
	gm_fixture_free(w);
}
