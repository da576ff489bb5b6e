// SPDX-License-Identifier: GPL-2.0-only
/*
 * References that are no pins, and what a refusal costs: pages in a pipe, thousands of refusals.
 * conv.inplace_busy.
 */
#include <fcntl.h>
#include <sys/uio.h>

#include "inplace.h"

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

/*
 * Pages of the file in a pipe: one reference each, and no pin. Does the pipe have the pages themselves? One
 * that copied does not know what is written now.
 */
static bool pipe_has(struct gm_fixture *w, const int fd[2], uint64_t page, uint64_t n,
		     unsigned int flags)
{
	struct iovec v = { w->hva + page * PG, n * PG };
	uint64_t mark = 0x1234567890UL + page, word = 0;
	int peek[2];

	GM_SETUP(vmsplice(fd[1], &v, 1, flags) == (ssize_t)(n * PG), "vmsplice: %s",
		 gm_errno_name(errno));
	*(volatile uint64_t *)(w->hva + page * PG) = mark;
	GM_SETUP_OK(pipe2(peek, O_CLOEXEC));
	/* tee() has the same pages in a second pipe, so that looking takes none away. */
	GM_SETUP(tee(fd[0], peek[1], PG, 0) > 0 && read(peek[0], &word, 8) == 8, "tee: %s",
		 gm_errno_name(errno));
	close(peek[0]);
	close(peek[1]);
	return word == mark;
}

static void piped(const struct gm_case *self)
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
		if (!pipe_has(w, fd, page, n, self->val))
			gm_skip("vmsplice() copies", "a kernel whose pipes take pages themselves");
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
INPLACE_VARIANT(
	piped, piped_given, "busy", "pipe.pages",
	"pages of the file that vmsplice() put into a pipe: one reference each, EAGAIN, exact")
INPLACE_VARIANT(piped, piped_gift, "busy", "pipe.gift", "the same as a gift: SPLICE_F_GIFT",
		.val = SPLICE_F_GIFT)

/* --- memory --- */

static void refusals(const struct gm_case *self)
{
	/* The nodes that are set aside for the record are about 8 KiB for each refusal. */
	enum { ROUNDS = 3, LEAK_KB = 1024 };
	unsigned int nr = self->flags & GM_FULL_ONLY ? 10000 : 2000;
	struct gm_fixture *w = IP_FIXTURE(self->val, .size = 8192 * PG);
	uint64_t page = 3003, n = PAGES(w->size);
	long grown[ROUNDS] = {};
	struct ip_hold h;
	int leaks = 0;

	GM_SETUP(ip_meminfo_kb("Slab"), "/proc/meminfo does not tell the kernel's small objects");
	ip_convert(w, 0, n, false, "to begin with");
	for (uint64_t i = 0; i < n; i += 2)
		if (!ip_convert(w, i, 1, true, "every second page"))
			gm_end();
	ip_take(&h, &ip_gup_read, w, &page, 1);
	/* Only growth in every one of several rounds is the kernel's leak. */
	for (int round = 0; round < ROUNDS; round++) {
		long before = ip_meminfo_kb("Slab");

		for (unsigned int i = 0; i < nr; i++)
			if (!ip_expect_busy(w, page - 500, 1001, page, "again and again"))
				gm_end();
		for (int i = 0; i < 50 && ip_meminfo_kb("Slab") - before > LEAK_KB; i++)
			usleep(100000);
		grown[round] = ip_meminfo_kb("Slab") - before;
		leaks += grown[round] > LEAK_KB;
		if (!leaks)
			break;
	}
	GM_EXPECT(leaks < ROUNDS, "%u refused conversions, and the kernel kept %ld, %ld, %ld KiB",
		  nr, grown[0], grown[1], grown[2]);
	ip_drop(&h);
	ip_convert(w, 0, n, true, "released");
	gm_fixture_free(w);
}
#define REFUSALS(id, what, about, ...)                                                             \
	INPLACE_VARIANT(refusals, refusals_##id, "busy", what, about,                              \
			.needs = IP_NEEDS | GM_NEEDS(GUP_TEST), .tokens = GM_TOKEN_ALONE,          \
			__VA_ARGS__)
REFUSALS(quick, "refusals", "2000 refusals among many ranges: no memory of the kernel is lost")
REFUSALS(private, "refusals.private_first.long",
	 "10,000 refusals in a file that started private: no memory of the kernel is lost",
	 .val = 1, .flags = GM_FULL_ONLY, .timeout = 300)
