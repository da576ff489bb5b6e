// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files with holes: no conversion fills or makes a hole, and error_offset of a page in use is
 * exact. conv.inplace_hole, conv.inplace_error_offset.
 */
#include "inplace.h"

GM_FILE(.clause = "conv.inplace_hole", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 512UL
#define SIZE (NPAGES * PG)

static uint64_t cached(const struct gm_fixture *w, uint64_t page, uint64_t n)
{
	int64_t nr = gm_gmem_cached(w->gmem, page * PG, n * PG);

	if (nr < 0)
		gm_skip("the kernel does not report which pages a file has",
			"a kernel with CONFIG_CACHESTAT_SYSCALL=y");
	return nr;
}

static void read_cached(const struct gm_fixture *w, bool in[NPAGES])
{
	for (uint64_t i = 0; i < NPAGES; i++)
		in[i] = cached(w, i, 1);
}

static bool expect_kept(const struct gm_fixture *w, const bool in[NPAGES], const char *when)
{
	for (uint64_t i = 0; i < NPAGES; i++) {
		bool now = cached(w, i, 1);

		if (now == in[i])
			continue;
		gm_checked();
		GM_FAIL_AT(GM_PAGE(.off = GM_AT(i * PG)), "%s: page %lu %s", when, i,
			   now ? "was a hole, and has memory now"
			       : "had memory, and is a hole now");
		return false;
	}
	gm_checked();
	return true;
}

/* Makes runs of various lengths: holes, written pages, and allocated pages without a use. */
static void make_sparse(struct gm_fixture *w)
{
	ip_all_shared(w);
	gm_fixture_punch(w, ip_gfn(w, 0), NPAGES);
	for (uint64_t i = 0, n = 1; i + n < NPAGES; i += 2 * n + 1, n = n % 23 + 2) {
		if (n & 1)
			gm_gmem_allocate(w->gmem, i * PG, n * PG);
		else
			gm_fixture_host_write(w, ip_gfn(w, i), n);
	}
}

static const struct {
	uint64_t page, n;
} ranges[] = { { 0, NPAGES }, { 0, 1 },	  { NPAGES - 1, 1 }, { 5, 1 },
	       { 6, 1 },      { 17, 33 }, { 100, 200 },	     { 1, NPAGES - 2 } };

#define NRANGES (sizeof(ranges) / sizeof(ranges[0]))

IP_CASES(no_change, v, "conv.inplace_hole.kept",
	 "conversions of a file with holes, in both directions, fill no hole and make none")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	bool in[NPAGES];

	make_sparse(w);
	read_cached(w, in);
	GM_SETUP(in[0] && !in[NPAGES - 1] && cached(w, 0, NPAGES) > NPAGES / 4,
		 "the file has unexpected pages: %lu", cached(w, 0, NPAGES));
	for (size_t i = 0; i < NRANGES; i++) {
		/* Both directions, among pages of the other state. */
		for (int others = 0; others < 2; others++) {
			ip_convert(w, 0, NPAGES, others, "all");
			if (!expect_kept(w, in, others ? "all to private" : "all to shared"))
				gm_end();
			ip_convert(w, ranges[i].page, ranges[i].n, !others, "a range");
			if (!expect_kept(w, in,
					 others ? "a range to shared" : "a range to private"))
				gm_end();
		}
	}
	ip_convert(w, 0, NPAGES, false, "all");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

/* For kernels without cachestat(): so many filled holes are visible in /proc/meminfo. */
IP_CASES(no_memory, v, "conv.inplace_hole.no_memory_taken",
	 "256 MiB of holes are converted to private and back: no memory is allocated for them",
	 .tokens = GM_TOKEN_ALONE)
{
	enum { SIZE_KB = 256 << 10 };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE_KB * 1024UL);
	uint64_t n = PAGES(w->size);

	for (int turn = 0; turn < 2; turn++) {
		long taken = ip_meminfo_kb("Cached"), grown;

		GM_SETUP(taken, "/proc/meminfo has no Cached");
		ip_convert(w, 0, n, v->private_first ? turn : !turn, "a file of holes");
		grown = ip_meminfo_kb("Cached") - taken;
		GM_EXPECT(grown < SIZE_KB / 8,
			  "the page cache grew by %ld KiB during a conversion of holes", grown);
		/* Control: pages of the file are counted. */
		gm_gmem_allocate(w->gmem, 0, w->size);
		grown = ip_meminfo_kb("Cached") - taken;
		GM_SETUP(grown > SIZE_KB / 2, "a file of %u KiB counts as %ld KiB", SIZE_KB, grown);
		gm_gmem_punch(w->gmem, 0, w->size);
	}
	gm_fixture_free(w);
}

/* Holes and allocations do not change the state; conversions do not change holes and pages. */
IP_CASES(combined, v, "conv.inplace_hole.then_converted",
	 "holes, allocations and conversions in every order: each changes only its own part")
{
	enum { HOLE, NEW, PRIV, SHARED, NR };
	static const char *const names[] = { "a hole", "fallocate()", "to private", "to shared" };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t page = 70, n = 9;
	bool in[NPAGES];

	make_sparse(w);
	gm_fixture_punch(w, ip_gfn(w, page), n);
	read_cached(w, in);
	for (unsigned int order = 0; order < NR * NR * NR * NR; order++) {
		unsigned int steps = order;

		for (int i = 0; i < 4; i++, steps /= NR) {
			unsigned int what = steps % NR;

			if (what == HOLE)
				gm_fixture_punch(w, ip_gfn(w, page), n);
			else if (what == NEW)
				gm_gmem_allocate(w->gmem, page * PG, n * PG);
			else
				ip_convert(w, page, n, what == PRIV, names[what]);
			for (uint64_t k = page; k < page + n; k++)
				in[k] = what == NEW || (what != HOLE && in[k]);
			GM_EXPECT_EQ(cached(w, page, n), in[page] ? n : 0, "pages after %s",
				     names[what]);
			if (gm_failures())
				gm_end();
		}
	}
	expect_kept(w, in, "at the end");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

IP_CASES(busy, v, "conv.inplace_error_offset.sparse",
	 "a page in use with holes before and after it: its offset is exact, and no hole is filled",
	 .clause = "conv.inplace_error_offset", .needs = GM_NEEDS(GUP_TEST))
{
	static const uint64_t page[] = { 0, 3, 63, 64, 65, 200, 448, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	bool in[NPAGES], has_cachestat;
	struct ip_hold h;

	for (size_t i = 0; i < sizeof(page) / sizeof(page[0]); i++) {
		make_sparse(w);
		/* Far from any other page of the file. */
		gm_fixture_punch(w, ip_gfn(w, page[i] < 9 ? 0 : page[i] - 9),
				 page[i] < 9 ? page[i] + 1 : 10);
		ip_take(&h, &ip_gup_write, w, &page[i], 1);
		/* The offset is checked also on kernels without cachestat(). */
		has_cachestat = gm_gmem_cached(w->gmem, 0, SIZE) >= 0;
		if (has_cachestat)
			read_cached(w, in);
		GM_SETUP(!has_cachestat || (in[page[i]] && (!page[i] || !in[page[i] - 1])),
			 "no hole before page %lu", page[i]);
		ip_expect_busy(w, 0, NPAGES, page[i], "from the start of the file");
		ip_expect_busy(w, page[i], NPAGES - page[i], page[i], "from the page on");
		if (page[i])
			ip_expect_busy(w, page[i] - 1, 2, page[i], "from a hole on");
		if (has_cachestat)
			expect_kept(w, in, "refused");
		if (page[i])
			ip_convert(w, 0, page[i], true, "holes and pages before it");
		if (page[i] + 1 < NPAGES)
			ip_convert(w, page[i] + 1, NPAGES - page[i] - 1, true, "those after it");
		if (has_cachestat)
			expect_kept(w, in, "all but the page in use");
		ip_drop(&h);
		ip_convert(w, 0, NPAGES, true, "released");
		if (has_cachestat && !expect_kept(w, in, "released"))
			gm_end();
		ip_expect_all(w, "private");
		ip_convert(w, 0, NPAGES, false, "back");
	}
	gm_fixture_free(w);
}
