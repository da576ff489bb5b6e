// SPDX-License-Identifier: GPL-2.0-only
/* Which files a live update can preserve: fd.live_update. */
#include "fd.h"
#include "iommu.h"
#include "liveupdate.h"

GM_FILE(.clause = "fd.live_update", .needs = GM_NEEDS(LIVEUPDATE), .tokens = GM_TOKEN_MODULE,
	.flags = GM_REFUSAL)

#define NPAGES 16UL
#define LEN (NPAGES * PG)

/* A memfd can be preserved, under the token of the refused file: nothing of that is left. */
static void expect_next(int session, uint64_t token)
{
	int memfd = fd_memfd(LEN);

	gm_promise(!__gm_liveupdate_preserve(session, memfd, token), "a memfd: %s",
		   gm_errno_name(errno));
	close(memfd);
}

GM_CASE(gmem, .name = "fd.live_update.refused", .flavours = FD_EACH_TDP,
	.text = "a guest_memfd is refused with ENOENT, empty and with pages, and works as before; the session goes on")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, LEN);
	int session = gm_liveupdate_session();

	GM_EXPECT_ERRNO(ENOENT, __gm_liveupdate_preserve(session, w->gmem, 1), "an empty file");
	gm_fixture_fill(w, 0, FIRST, NPAGES);
	GM_EXPECT_ERRNO(ENOENT, __gm_liveupdate_preserve(session, w->gmem, 1), "a file with pages");
	gm_fixture_check_guest(w, 0, FIRST, NPAGES, 1, "after the refusal");
	GM_EXPECT_OK(__gm_gmem_punch(w->gmem, 4 * PG, PG), "after the refusal");
	gm_guest_check_zero(w->vm, 0, GM_BASE + 4 * PG, 1, "the hole");
	expect_next(session, 1);
	close(session);
	fd_fixture_free(w);
}

GM_CASE(hugetlb, .name = "fd.live_update.hugetlb", .profile = "P1", .huge_2m = 1,
	.text = "a memfd of huge pages is refused with ENOENT; holes in it can be made as before")
{
	int session = gm_liveupdate_session(), fd = gm_memfd_new(GM_2M, GM_2M);

	GM_SETUP_OK(fallocate(fd, 0, 0, GM_2M));
	GM_EXPECT_ERRNO(ENOENT, __gm_liveupdate_preserve(session, fd, 1));
	GM_EXPECT_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, GM_2M),
		     "after the refusal");
	expect_next(session, 1);
	close(session);
	close(fd);
}
