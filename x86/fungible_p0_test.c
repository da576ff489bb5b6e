// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a confidential VM used goes back whole: huge pages to their pool, private pages and the
 * memory of the attributes to the host. The cases are in fungible_p0/, by topic.
 */
#include "fungible_p0/fungible_p0.h"

void fungible_vm_run(struct gm_vm *vm, struct gm_mem *mem, int gmem, uint64_t len)
{
	uint64_t unit = gm_mem_pagesize(mem->kind);
	static const uint64_t page[] = { 0, 511, 256, 1, 510 };

	gm_slot_set(vm, GM_SLOT, 0, GM_BASE, len, mem->hva, gmem, 0);
	gm_vm_map(vm, GM_BASE, (len + GM_1G - 1) & ~(GM_1G - 1), GM_1G);
	/* The first fault in each huge page hits another page of it. */
	for (uint64_t i = 0; i < len / unit; i++) {
		uint64_t at = GM_BASE + i * unit + page[i % 5] * GM_PAGE_SIZE;

		gm_guest_fill(vm, 0, at, 1, GM_HALF_SHARED, 1);
		gm_guest_convert(vm, 0, at, 1, true);
		gm_guest_fill(vm, 0, at, 1, GM_HALF_PRIVATE, 2);
		gm_guest_convert(vm, 0, at, 1, false);
		gm_guest_check(vm, 0, at, 1, GM_HALF_SHARED, 1, "converted and back");
	}
}
