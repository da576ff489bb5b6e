// SPDX-License-Identifier: GPL-2.0-only
/*
 * References without pins: pages in a pipe. Thousands of refusals do not leak memory.
 * conv.inplace_busy.
 */
#include <fcntl.h>
#include <sys/uio.h>

#include "inplace.h"
#include "time_factor.h"

GM_FILE(.clause = "conv.inplace_busy", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

/*
 * Puts pages of the file into a pipe, which takes a reference each, not a pin. True: the pipe has
 * the pages; false: it has copies, which do not get the later write.
 */
static bool pipe_pages(struct gm_fixture *w, const int fd[2], uint64_t page, uint64_t n,
		       unsigned int flags)
{
	struct iovec v = { w->hva + page * PG, n * PG };
	uint64_t mark = 0x1234567890UL + page, word = 0;
	int peek[2];

	gm_need(GM_NEED_GMEM_GUP);
	GM_SETUP(vmsplice(fd[1], &v, 1, flags) == (ssize_t)(n * PG), "vmsplice: %s",
		 gm_errno_name(errno));
	*(volatile uint64_t *)(w->hva + page * PG) = mark;
	GM_SETUP_OK(pipe2(peek, O_CLOEXEC));
	/* tee() copies the references to a second pipe, so that the first keeps its pages. */
	GM_SETUP(tee(fd[0], peek[1], PG, 0) > 0 && read(peek[0], &word, 8) == 8, "tee: %s",
		 gm_errno_name(errno));
	close(peek[0]);
	close(peek[1]);
	return word == mark;
}

struct splice {
	unsigned int flags; /* of vmsplice() */
};

GM_CASES(piped, struct splice, v)
{
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	static const struct {
		uint64_t page, n;
	} at[] = { { 0, 1 }, { 77, 1 }, { 100, 4 }, { NPAGES - 1, 1 } };

	ip_all_shared(w);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		uint64_t page = at[i].page, n = at[i].n;
		int fd[2];

		GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
		if (!pipe_pages(w, fd, page, n, v->flags))
			gm_skip("vmsplice() copies",
				"a kernel whose vmsplice() puts pages into pipes");
		ip_expect_busy(w, 0, NPAGES, page, "pages in a pipe");
		ip_expect_busy(w, page + n - 1, 1, page + n - 1, "the last page in a pipe");
		if (page)
			ip_convert(w, 0, page, true, "below");
		if (page + n < NPAGES)
			ip_convert(w, page + n, NPAGES - page - n, true, "above");
		ip_expect_state(w, 0, NPAGES, "pages in a pipe");
		if (gm_failures())
			gm_end();
		close(fd[0]);
		close(fd[1]);
		ip_convert(w, 0, NPAGES, true, "without the pipe");
		ip_convert(w, 0, NPAGES, false, "back");
	}
	gm_fixture_free(w);
}
GM_ROW(piped, piped_given, .name = "conv.inplace_busy.pipe.pages",
       .text = "pages of the file that vmsplice() put into a pipe: one reference each, EAGAIN with the exact offset") = {
	.flags = 0,
};
GM_ROW(piped, piped_gift, .name = "conv.inplace_busy.pipe.gift",
       .text = "the same as a gift: SPLICE_F_GIFT") = { .flags = SPLICE_F_GIFT };

/* --- memory --- */

GM_CASES(refusals, struct ip_start, v)
{
	/* The preallocated nodes of the record are about 8 KiB for each refusal. */
	enum { ROUNDS = 3, LEAK_KB = 1024 };
	unsigned int nr = self->flags & GM_FULL_ONLY ? 10000 : 2000;
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = 8192 * PG);
	uint64_t page = 3003, n = PAGES(w->size);
	long grown[ROUNDS] = {};
	struct ip_hold h;
	int leaks = 0;

	GM_SETUP(ip_meminfo_kb("Slab"), "/proc/meminfo has no Slab");
	ip_convert(w, 0, n, false, "at the start");
	for (uint64_t i = 0; i < n; i += 2)
		if (!ip_convert(w, i, 1, true, "every second page"))
			gm_end();
	ip_take(&h, &ip_gup_read, w, &page, 1);
	/* Only growth in each of several rounds is a leak. */
	for (int round = 0; round < ROUNDS; round++) {
		long before = ip_meminfo_kb("Slab");

		for (unsigned int i = 0; i < nr; i++)
			if (!ip_expect_busy(w, page - 500, 1001, page, "repeatedly"))
				gm_end();
		for (int i = 0; i < gm_time_limit(50) && ip_meminfo_kb("Slab") - before > LEAK_KB;
		     i++)
			usleep(100000);
		grown[round] = ip_meminfo_kb("Slab") - before;
		leaks += grown[round] > LEAK_KB;
		if (!leaks)
			break;
	}
	GM_EXPECT(leaks < ROUNDS, "%u refused conversions leaked %ld, %ld, %ld KiB in three rounds",
		  nr, grown[0], grown[1], grown[2]);
	ip_drop(&h);
	ip_convert(w, 0, n, true, "released");
	gm_fixture_free(w);
}
GM_ROW(refusals, refusals_quick, .name = "conv.inplace_busy.refusals",
       .text = "2000 refusals among many ranges: no kernel memory is leaked",
       .needs = GM_NEEDS(GUP_TEST), .tokens = GM_TOKEN_ALONE) = { .private_first = false };
GM_ROW(refusals, refusals_private, .name = "conv.inplace_busy.refusals.private_first.long",
       .text = "10,000 refusals in a file that started private: no kernel memory is leaked",
       .needs = GM_NEEDS(GUP_TEST), .tokens = GM_TOKEN_ALONE, .flags = GM_FULL_ONLY,
       .timeout = 300) = { .private_first = true };
