// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of one VM are zeroed for the next; unused reservations are freed, too: fungible.pool_back.
 */
#include <linux/falloc.h>
#include <fcntl.h>

#include "fungible_p0.h"

#define NR_HUGE 4

GM_FILE(.clause = "fungible.pool_back", .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED),
	.huge_2m = NR_HUGE)

#define LEN (NR_HUGE * GM_2M)

/* The kernel zeroes a huge page in three parts around the first touch: tests each order. */
static const uint64_t first_touch[] = { 0, 511, 256, 3, 508 };

GM_CASE(zeroed, .name = "fungible.pool_back.zeroed",
	.text = "2 MiB pages that another VM filled are zero, with any 4 KiB touched first")
{
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (unsigned int i = 0; i < ARRAY_SIZE(first_touch) && !gm_failures(); i++) {
		struct gm_fixture *w =
			GM_FIXTURE(.size = LEN, .mem = GM_MEM_HUGE_2M, .no_gmem = true);

		/* By the guest, and by the host. */
		for (uint64_t p = 0; p < NR_HUGE; p++) {
			uint64_t at = p * GM_2M + first_touch[i] * GM_PAGE_SIZE;

			if (p & 1)
				gm_host_check_zero(w->hva + at, 1, "the host's first touch");
			gm_guest_check_zero(w->vm, 0, GM_BASE + at, 1, "the guest's first touch");
		}
		gm_guest_check_zero(w->vm, 0, GM_BASE, LEN / GM_PAGE_SIZE, "pages of another VM");
		gm_fixture_host_write(w, GFN(w->gpa), PAGES(LEN));
		gm_fixture_free(w);
		gm_pool_expect(&before, 0, 0, "the VM is freed");
	}
}

/* Pages of a VM that were never touched are reserved, and free again at the end. */
GM_CASE(untouched, .name = "fungible.pool_back.untouched",
	.text = "memory with two pages touched: reservations end with it, a hole frees only its page")
{
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (int way = 0; way < 3; way++) {
		struct gm_fixture *w =
			GM_FIXTURE(.size = LEN, .mem = GM_MEM_HUGE_2M, .no_gmem = true);

		gm_pool_expect(&before, 0, NR_HUGE, "mapped, not touched");
		gm_fixture_fill(w, 0, GFN(GM_BASE), 1);
		gm_fixture_fill(w, 0, GFN(GM_BASE + 2 * GM_2M) + 77, 1);
		gm_pool_expect(&before, 2, NR_HUGE - 2, "two of them touched");
		for (int i = 0; i < way; i++) {
			uint64_t at = i ? 2 * GM_2M : 0;

			GM_SETUP_OK(fallocate(
				w->mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, at, GM_2M));
			/* The hole frees the page, and does not restore its reservation. */
			gm_pool_expect(&before, 1 - i, NR_HUGE - 2, "a hole over a touched page");
			gm_guest_check_zero(w->vm, 0, GM_BASE + at, 512, "the hole");
			gm_fixture_fill(w, 0, GFN(GM_BASE + at) + 1, 1);
			GM_SETUP_OK(fallocate(
				w->mem->fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, at, GM_2M));
		}
		gm_fixture_free(w);
		gm_pool_expect(&before, 0, 0, "all freed");
	}
}
