// SPDX-License-Identifier: GPL-2.0-only
/* A hole removes exactly its pages: fd.punch_exact. */
#include "batch.h"
#include "fd.h"

GM_FILE(.clause = "fd.punch_exact")

/* Resident pages of the whole file, from mincore(). */
static void resident(struct gm_fixture *w, unsigned char *vec)
{
	GM_SETUP_OK(mincore(w->hva, w->size, vec));
}

/*
 * Punches every [s, e) in a window of nr pages from page `first`. Fills the window before each
 * hole; after it the guest and mincore() check each page.
 */
static void window(struct gm_fixture *w, uint64_t first, unsigned int nr)
{
	unsigned char vec[64];
	struct gm_batch b;
	char when[64];

	gm_batch_init(&b, w, 0);
	gm_batch_fill(&b, FIRST + first, nr, 1);
	for (unsigned int s = 0; s < nr; s++) {
		for (unsigned int e = s + 1; e <= nr; e++) {
			gm_batch_flush(&b);
			snprintf(when, sizeof(when), "hole [%u,%u) of the window at page %#lx", s,
				 e, first);
			b.now.when = when;
			gm_fixture_punch(w, FIRST + first + s, e - s);
			if (w->hva) {
				GM_SETUP_OK(mincore(w->hva + first * PG, nr * PG, vec));
				for (unsigned int i = 0; i < nr; i++)
					GM_EXPECT_AT(GM_PAGE(.off = GM_AT((first + i) * PG)),
						     (vec[i] & 1) == (i < s || i >= e),
						     "hole [%u,%u): page %u is %sresident", s, e, i,
						     vec[i] & 1 ? "" : "not ");
			}
			gm_batch_check(&b, FIRST + first, nr, 1);
			gm_batch_fill(&b, FIRST + first, nr, 1);
			if (gm_failures())
				return;
		}
	}
	gm_batch_flush(&b);
}

GM_CASE(punch_2m, .name = "fd.punch_exact.border_2m",
	.flavours = FD_FLAVOURS(FD_P1, FD_P1P_TWIN_TDP, FD_P0, FD_INPLACE, FD_BACK_TWIN,
				FD_PLAIN_TWIN),
	.text = "every hole in 8 pages across a 2 MiB border")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 2 * GM_2M);

	window(w, GM_2M / PG - 4, 8);
	fd_fixture_free(w);
}

GM_CASE(punch_1g, .name = "fd.punch_exact.border_1g", .flavours = FD_EACH_TDP,
	.text = "every hole in 8 pages across a 1 GiB border")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, GM_1G + GM_2M);

	window(w, GM_1G / PG - 4, 8);
	fd_fixture_free(w);
}

GM_CASE(punch_ends, .name = "fd.punch_exact.ends", .flavours = FD_EACH_TDP,
	.text = "every hole in the first and in the last 6 pages of a file")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, GM_2M + 77 * PG);

	window(w, 0, 6);
	window(w, w->size / PG - 6, 6);
	fd_fixture_free(w);
}

/* A hole of one page of 512 (2 MiB with 4 KiB pages): the 511 others keep every word. */
GM_CASE(punch_each, .name = "fd.punch_exact.each_page", .flavours = FD_EACH_TDP_QUICK,
	.text = "a hole of one page at each offset of 512 full pages (2 MiB with 4 KiB pages)")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 512 * PG);
	struct gm_batch b;

	gm_batch_init(&b, w, 0);
	gm_batch_fill(&b, FIRST, 512, 1);
	for (int i = 511; i >= 0; i--) {
		gm_batch_flush(&b);
		gm_fixture_punch(w, FIRST + i, 1);
		b.now.when = "after the hole of one page";
		gm_batch_check(&b, FIRST + i - !!i, 1 + !!i, 1);
		gm_batch_fill(&b, FIRST + i, 1, 1);
	}
	gm_batch_flush(&b);
	gm_fixture_check_guest(w, 0, FIRST, 512, 1, "every page refilled once");
	fd_fixture_free(w);
}

/* Clusters of written pages in 3 GiB, near borders; holes have any offset and length. */
#define CLUSTER 4
static const struct {
	uint64_t bytes;
	int pages;
} cluster[] = {
	{ 0, 0 },	   { GM_2M, -2 },  { 3 * GM_2M, -1 }, { GM_1G, -2 },
	{ GM_1G, 510 },	   { GM_1G, 777 }, { 2 * GM_1G, -3 }, { 2 * GM_1G + 17 * GM_2M, -1 },
	{ 3 * GM_1G, -4 },
};
#define NR_MARKED (ARRAY_SIZE(cluster) * CLUSTER)

static uint64_t marked(unsigned int i)
{
	return cluster[i / CLUSTER].bytes / PG + cluster[i / CLUSTER].pages + i % CLUSTER;
}

/* Three of four near a written page, else anywhere. */
static uint64_t pick(struct gm_rng *rng, uint64_t pages)
{
	uint64_t at = gm_rng_below(rng, pages + 1);

	if (gm_rng_below(rng, 4))
		at = marked(gm_rng_below(rng, NR_MARKED)) + gm_rng_below(rng, 4) - 1;
	return at > pages ? gm_rng_below(rng, 4) : at;
}

static bool filled(struct gm_fixture *w, unsigned int i)
{
	return gm_fixture_word(w, FIRST + marked(i));
}

static void check_clusters(struct gm_fixture *w, uint64_t s, uint64_t e)
{
	struct gm_batch b;
	char when[64];

	snprintf(when, sizeof(when), "after the hole [%#lx,%#lx)", s, e);
	gm_batch_init(&b, w, 0);
	b.now.when = when;
	for (unsigned int i = 0; i < NR_MARKED; i++)
		gm_batch_check(&b, FIRST + marked(i), 1, 1);
	gm_batch_run(&b);
}

static void random_holes(const struct gm_case *self, unsigned int rounds)
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, 3 * GM_1G);
	uint64_t pages = PAGES(w->size), extra;
	unsigned char *vec = malloc(pages);
	struct gm_rng rng;

	GM_SETUP(vec, "out of memory");
	gm_rng_init(&rng, gm_seed());
	for (unsigned int round = 0; round < rounds && !gm_failures(); round++) {
		uint64_t s = pick(&rng, pages), e = pick(&rng, pages), t = s;

		if (s > e) {
			s = e;
			e = t;
		}
		e += s == e;
		/* Fill empty pages, so that a hole always has pages to remove. */
		for (unsigned int i = 0; i < NR_MARKED; i++)
			if (!filled(w, i))
				gm_fixture_fill(w, 0, FIRST + marked(i), 1);
		gm_fixture_punch_file(w, s * PG, (e - s) * PG);
		if (w->hva && round % 8 == 0) {
			resident(w, vec);
			extra = 0;
			for (uint64_t p = 0; p < pages; p++)
				extra += vec[p] & 1;
			for (unsigned int i = 0; i < NR_MARKED; i++)
				extra -= filled(w, i);
			GM_EXPECT_EQ(extra, 0,
				     "resident pages beyond those written, hole [%#lx,%#lx)", s, e);
		}
		check_clusters(w, s, e);
	}
	free(vec);
	fd_fixture_free(w);
}

GM_CASE(punch_random, .name = "fd.punch_exact.random", .flavours = FD_EACH_TDP,
	.text = "random holes in 3 GiB, mostly near borders of 2 MiB and 1 GiB")
{
	random_holes(self, 24);
}

GM_CASE(punch_random_long, .name = "fd.punch_exact.random_long",
	.flavours = FD_FLAVOURS(FD_P1_TDP, FD_P1P_TDP, FD_P0, FD_INPLACE, FD_BACK, FD_PLAIN),
	.text = "the same, five hundred times", .timeout = 300, .flags = GM_FULL_ONLY)
{
	random_holes(self, 500);
}

/* The host writes the content through its mapping. */
GM_CASE(punch_host, .name = "fd.punch_exact.host_content", .flavours = FD_HOST_SEES,
	.text = "every hole in 8 pages, seen through a mapping with no guest")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = gm_flavour_gmem(vm, f, 8 * PG);
	uint8_t *map = fd_mmap(gmem, 8 * PG);
	unsigned int gen = 1;

	for (unsigned int s = 0; s < 8; s++) {
		for (unsigned int e = s + 1; e <= 8; e++, gen++) {
			gm_host_fill(map, FIRST, 8, GM_WRITER_HOST, gen);
			gm_gmem_punch(gmem, s * PG, (e - s) * PG);
			gm_host_check(map, FIRST, s, GM_WRITER_HOST, gen, "below the hole");
			gm_host_check_zero(map + s * PG, e - s, "the hole");
			gm_host_check(map + e * PG, FIRST + e, 8 - e, GM_WRITER_HOST, gen,
				      "above the hole");
		}
	}
	munmap(map, 8 * PG);
	close(gmem);
	gm_vm_free(vm);
}
