// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first touch of a page, fd.zeroed and fd.shared_follows: two vCPUs at the same time get the
 * same page, and both continue; so does a vCPU that touches the end of a page first, with the page
 * above mapped.
 */
#include "first_touch.h"
#include "fd.h"

GM_FILE(.clause = "fd.zeroed", .flavours = FD_EACH_TDP_QUICK)

GM_CASE(first_touch, .name = "fd.zeroed.two_at_once",
	.text = "two vCPUs add to a word of the same new page at once: it was zero, and no addition is lost")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 256 * PG, .vcpus = 2);

	fd_dirty_free_memory(16 << 20);
	gm_first_touch(w->vm, GM_BASE, 256, NULL);
	fd_fixture_free(w);
}

GM_CASE(first_touch_shared, .name = "fd.shared_follows.two_at_once", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "the same on ordinary memory, which the VMM drops and both touch again")
{
	struct gm_fixture *w = FD_ORDINARY(256 * PG, .vcpus = 2);

	for (int round = 0; round < 2; round++) {
		gm_first_touch(w->vm, GM_BASE, 256, w->hva);
		GM_SETUP_OK(madvise(w->hva, 256 * PG, MADV_DONTNEED));
	}
	gm_fixture_free(w);
}

GM_CASE(from_above, .name = "fd.zeroed.from_above",
	.text = "the guest touches the last word of each page first, the last page first: all are zero, and the guest continues")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 256 * PG);

	fd_dirty_free_memory(16 << 20);
	gm_touch_from_above(w->vm, GM_BASE, 256, 0);
	fd_fixture_free(w);
}

GM_CASE(from_above_shared, .name = "fd.shared_follows.from_above", .clause = "fd.shared_follows",
	.profile = "any", .needs = GM_NEEDS(TDP),
	.text = "the same on ordinary memory that the host filled")
{
	struct gm_fixture *w = FD_ORDINARY(256 * PG);

	gm_host_fill(w->hva, GM_BASE / PG, 256, GM_WRITER_HOST, 1);
	gm_touch_from_above(w->vm, GM_BASE, 256, 1);
	gm_fixture_free(w);
}
