// SPDX-License-Identifier: GPL-2.0-only
/* Slots cannot exceed the width of guest physical addresses: fd.bind_args. */
#include "gm.h"

GM_FILE(.clause = "fd.bind_args", .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE
#define PAGES 4UL

/*
 * Bits of a guest physical address: the host's, or the maximum of page tables (kvm_mmu_max_gfn()).
 */
static unsigned int width(void)
{
	return gm_platform_has(GM_NEED_TDP) ? this_cpu_property(X86_PROPERTY_MAX_PHY_ADDR) : 52;
}

struct vm_kind {
	enum gm_vm_kind kind;
};

GM_CASES(beyond, struct vm_kind, v)
{
	struct gm_vm *vm = GM_VM_NEW(.kind = v->kind);
	int gmem = gm_gmem_new(vm, PAGES * PG, 0);
	uint64_t end = 1UL << width();

	gm_note("%u bits", width());
	gm_promise(!__gm_slot_set(vm, GM_SLOT, 0, end / 2, PAGES * PG, NULL, gmem, 0),
		   "pages at %#lx", end / 2);
	gm_slot_delete(vm, GM_SLOT);
	if (GM_EXPECT_OK(__gm_slot_set(vm, GM_SLOT, 0, end - PAGES * PG, PAGES * PG, NULL, gmem, 0),
			 "the last pages below %#lx", end) == 0)
		gm_slot_delete(vm, GM_SLOT);
	for (uint64_t over = 1; over < PAGES; over++)
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(vm, GM_SLOT, 0, end - (PAGES - over) * PG, PAGES * PG,
					      NULL, gmem, 0),
				"%lu pages of %lu above %#lx", over, PAGES, end);
	for (uint64_t gpa = end; gpa; gpa <<= 1)
		GM_EXPECT_ERRNO(EINVAL,
				__gm_slot_set(vm, GM_SLOT, 0, gpa, PAGES * PG, NULL, gmem, 0),
				"gpa %#lx", gpa);
	for (uint64_t left = 1; left < PAGES; left++)
		GM_EXPECT_ERRNO(
			EINVAL,
			__gm_slot_set(vm, GM_SLOT, 0, -left * PG, PAGES * PG, NULL, gmem, 0),
			"%lu pages before 2^64", left);
	GM_EXPECT_OK(__gm_slot_set(vm, GM_SLOT, 0, GM_BASE, PAGES * PG, NULL, gmem, 0),
		     "the legal slot afterwards");
	close(gmem);
	gm_vm_free(vm);
}
GM_ROW(beyond, p0, .name = "fd.bind_args.address_width.p0",
       .text = "the last guest physical pages can be a slot; beyond, or over the end: EINVAL",
       .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED)) = { .kind = GM_VM_SW_PROTECTED };
GM_ROW(beyond, p1, .name = "fd.bind_args.address_width.p1",
       .text = "the last guest physical pages can be a slot; beyond, or over the end: EINVAL",
       .profile = "P1", .needs = GM_NEEDS(GMEM_DEFAULT)) = { .kind = GM_VM_DEFAULT };
