// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first touch of a page, fd.zeroed and fd.shared_follows: two vCPUs at the same moment get one
 * page, and both go on; so does one that comes to the end of a page first, with the page above mapped.
 */
#include "first_touch.h"
#include "fd.h"

FD_EACH_TDP_QUICK(
	first_touch, "fd.zeroed.two_at_once", .clause = "fd.zeroed",
	.text = "two vCPUs add to a word of the same new page at once: it was zero, neither is lost")
{
	struct fd_box *b = fd_box_new(self->arg, 2, 256 * PG);

	fd_dirty_free_memory(16 << 20);
	gm_first_touch(b->vm, GM_BASE, 256, NULL);
	fd_box_free(b);
}

GM_CASE(first_touch_shared, .name = "fd.shared_follows.two_at_once", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "the same on ordinary memory, which the VMM takes back and both touch again")
{
	struct fd_plain p = fd_plain_new(2, 256);

	for (int round = 0; round < 2; round++) {
		gm_first_touch(p.vm, GM_BASE, 256, p.mem->hva);
		GM_SETUP_OK(madvise(p.mem->hva, 256 * PG, MADV_DONTNEED));
	}
	fd_plain_free(&p);
}

FD_EACH_TDP_QUICK(
	from_above, "fd.zeroed.from_above", .clause = "fd.zeroed",
	.text = "pages that are touched in their last word first, the last page first: all are zero, none holds up the guest")
{
	struct fd_box *b = fd_box_new(self->arg, 1, 256 * PG);

	fd_dirty_free_memory(16 << 20);
	gm_touch_from_above(b->vm, GM_BASE, 256, 0);
	fd_box_free(b);
}

GM_CASE(from_above_shared, .name = "fd.shared_follows.from_above", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "the same on ordinary memory that the host filled")
{
	struct fd_plain p = fd_plain_new(1, 256);

	gm_host_fill(p.mem->hva, GM_BASE / PG, 256, GM_HALF_HOST, 1);
	gm_touch_from_above(p.vm, GM_BASE, 256, 1);
	fd_plain_free(&p);
}
