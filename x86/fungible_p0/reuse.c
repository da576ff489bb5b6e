// SPDX-License-Identifier: GPL-2.0-only
/* What one VM leaves, the next one gets, and must not see; what nobody touched goes back too. */
#include <linux/falloc.h>
#include <fcntl.h>

#include "fungible_p0.h"

#define PAGES 4
#define LEN (PAGES * GM_2M)

/* The kernel zeroes a huge page in three stretches around the first touch: each order of them. */
static const uint64_t first_touch[] = { 0, 511, 256, 3, 508 };

GM_CASE(zeroed, .name = "fungible.pool_back.zeroed", .clause = "fungible.pool_back",
	.text = "2 MiB pages that another VM filled come back as zeroes, whichever 4 KiB is touched first",
	.profile = "P0", .needs = GM_NEEDS(SW_PROTECTED), .huge_2m = PAGES)
{
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (unsigned int i = 0; i < ARRAY_SIZE(first_touch) && !gm_failures(); i++) {
		struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
		struct gm_mem *mem = gm_mem_new(GM_MEM_HUGE_2M, LEN);

		gm_slot_set(vm, GM_SLOT, 0, GM_BASE, LEN, mem->hva, -1, 0);
		gm_vm_map(vm, GM_BASE, LEN, GM_2M);
		/* By the guest, and by the host. */
		for (uint64_t p = 0; p < PAGES; p++) {
			uint64_t at = p * GM_2M + first_touch[i] * GM_PAGE_SIZE;

			if (p & 1)
				gm_host_check_zero(mem->hva + at, 1, "the host's first touch");
			gm_guest_check_zero(vm, 0, GM_BASE + at, 1, "the guest's first touch");
		}
		gm_guest_check_zero(vm, 0, GM_BASE, LEN / GM_PAGE_SIZE, "what another VM left");
		gm_host_fill(mem->hva, GM_BASE / GM_PAGE_SIZE, LEN / GM_PAGE_SIZE, GM_HALF_SHARED,
			     i + 1);
		gm_vm_free(vm);
		gm_mem_free(mem);
		gm_pool_expect(&before, 0, 0, "the VM is gone");
	}
}

/* A VM of which a part was never touched: that part was reserved, and is free again. */
GM_CASE(untouched, .name = "fungible.pool_back.untouched", .clause = "fungible.pool_back",
	.text = "a memory of which two pages were touched: reservations go with it, at a hole nothing but its page",
	.profile = "P0", .needs = GM_NEEDS(SW_PROTECTED), .huge_2m = PAGES)
{
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (int way = 0; way < 3; way++) {
		struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
		struct gm_mem *mem = gm_mem_new(GM_MEM_HUGE_2M, LEN);

		gm_slot_set(vm, GM_SLOT, 0, GM_BASE, LEN, mem->hva, -1, 0);
		gm_vm_map(vm, GM_BASE, LEN, GM_2M);
		gm_pool_expect(&before, 0, PAGES, "mapped, not touched");
		gm_guest_fill(vm, 0, GM_BASE, 1, GM_HALF_SHARED, 1);
		gm_guest_fill(vm, 0, GM_BASE + 2 * GM_2M + 77 * GM_PAGE_SIZE, 1, GM_HALF_SHARED, 1);
		gm_pool_expect(&before, 2, PAGES - 2, "two of them touched");
		for (int i = 0; i < way; i++) {
			uint64_t at = i ? 2 * GM_2M : 0;

			GM_SETUP_OK(fallocate(mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
					      at, GM_2M));
			/* The hole takes the page, and the reservation stays used up. */
			gm_pool_expect(&before, 1 - i, PAGES - 2,
				       "a hole over one that was touched");
			gm_guest_check_zero(vm, 0, GM_BASE + at, 512, "the hole");
			gm_guest_fill(vm, 0, GM_BASE + at + GM_PAGE_SIZE, 1, GM_HALF_SHARED, 2);
			GM_SETUP_OK(fallocate(mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
					      at, GM_2M));
		}
		gm_vm_free(vm);
		gm_mem_free(mem);
		gm_pool_expect(&before, 0, 0, "all of it gone");
	}
}
