// SPDX-License-Identifier: GPL-2.0-only
/* A hole takes exactly its pages: fd.punch_exact. */
#include "fd.h"

#define FIRST (GM_BASE / PG)

/* Pages that are there and have been written, of the whole file, as mincore() sees them. */
static void resident(struct fd_box *b, unsigned char *vec)
{
	GM_SETUP_OK(mincore(b->hva, b->size, vec));
}

/*
 * Every [s, s + len) in a window of w pages from page `first`: before each hole the window is
 * filled, afterwards each page of it is looked at by the guest, and counted by mincore().
 */
static void window(struct fd_box *b, uint64_t first, unsigned int w, unsigned int *gen)
{
	uint64_t gpa = GM_BASE + first * PG;
	unsigned char vec[64];

	fd_fill(b->vm, 0, b->f, gpa, w, gpa / PG, ++*gen);
	for (unsigned int s = 0; s < w; s++) {
		for (unsigned int e = s + 1; e <= w; e++) {
			struct gm_op op[] = {
				{ .code = GM_OP_CHECK, .addr = gpa, .nr = s },
				{ .code = GM_OP_CHECK_ZERO, .addr = gpa + s * PG, .nr = e - s },
				{ .code = GM_OP_CHECK, .addr = gpa + e * PG, .nr = w - e },
				{ .code = GM_OP_FILL, .addr = gpa, .nr = w },
			};

			for (int i = 0; i < 4; i++) {
				op[i].half = b->f->half;
				op[i].gen = *gen + (i == 3);
			}
			gm_gmem_punch(b->gmem, (first + s) * PG, (e - s) * PG);
			if (b->hva) {
				GM_SETUP_OK(mincore(b->hva + first * PG, w * PG, vec));
				for (unsigned int i = 0; i < w; i++)
					GM_EXPECT_AT(GM_PAGE(.off = (first + i) * PG),
						     (vec[i] & 1) == (i < s || i >= e),
						     "hole [%u,%u): page %u is %sresident", s, e, i,
						     vec[i] & 1 ? "" : "not ");
			}
			gm_run(b->vm, 0, op, 4);
			for (int i = 0; i < 3; i++) {
				struct gm_page page = gm_vm_page(b->vm, op[i].bad_addr & ~(PG - 1));

				GM_EXPECT_AT(
					&page, !op[i].bad,
					"hole [%u,%u) of the window at page %#lx, %s: expected %s, observed %s",
					s, e, first,
					i == 1 ? "inside"
					: i    ? "above"
					       : "below",
					gm_word_str(op[i].expected), gm_word_str(op[i].observed));
			}
			if (gm_failures())
				return;
			++*gen;
		}
	}
}

FD_EACH(punch_2m, "fd.punch_exact.border_2m", .clause = "fd.punch_exact",
	.text = "every hole in 8 pages across a 2 MiB border")
{
	struct fd_box *b = fd_box_new(self->arg, 1, 2 * GM_2M);
	unsigned int gen = 0;

	window(b, GM_2M / PG - 4, 8, &gen);
	fd_box_free(b);
}

FD_EACH_TDP(punch_1g, "fd.punch_exact.border_1g", .clause = "fd.punch_exact",
	    .text = "every hole in 8 pages across a 1 GiB border")
{
	struct fd_box *b = fd_box_new(self->arg, 1, GM_1G + GM_2M);
	unsigned int gen = 0;

	window(b, GM_1G / PG - 4, 8, &gen);
	fd_box_free(b);
}

FD_EACH_TDP(punch_ends, "fd.punch_exact.ends", .clause = "fd.punch_exact",
	    .text = "every hole in the first and in the last 6 pages of a file")
{
	struct fd_box *b = fd_box_new(self->arg, 1, GM_2M + 77 * PG);
	unsigned int gen = 0;

	window(b, 0, 6, &gen);
	window(b, b->size / PG - 6, 6, &gen);
	fd_box_free(b);
}

/* One page of 512, a full 2 MiB where they are of 4 KiB: 511 others keep every word. */
FD_EACH_TDP_QUICK(
	punch_each, "fd.punch_exact.each_page", .clause = "fd.punch_exact",
	.text = "a hole of one page at each of the 512 offsets of a full 2 MiB (512 pages, if larger)")
{
	struct fd_box *b = fd_box_new(self->arg, 1, 512 * PG);
	struct gm_op op[3];

	fd_fill(b->vm, 0, b->f, GM_BASE, 512, FIRST, 1);
	for (int i = 511; i >= 0; i--) {
		uint64_t gpa = GM_BASE + i * PG;

		gm_gmem_punch(b->gmem, i * PG, PG);
		op[0] = (struct gm_op){ .code = GM_OP_CHECK,
					.addr = i ? gpa - PG : gpa,
					.nr = !!i };
		op[1] = (struct gm_op){ .code = GM_OP_CHECK_ZERO, .addr = gpa, .nr = 1 };
		op[2] = (struct gm_op){ .code = GM_OP_FILL, .addr = gpa, .nr = 1 };
		for (int k = 0; k < 3; k++) {
			op[k].half = b->f->half;
			op[k].gen = 1 + (k == 2);
		}
		gm_run(b->vm, 0, op, 3);
		GM_EXPECT_AT(GM_PAGE(.off = i * PG, .gpa = gpa), !op[0].bad && !op[1].bad,
			     "hole of page %d: below %s, inside %s", i, gm_word_str(op[0].observed),
			     gm_word_str(op[1].observed));
	}
	fd_check(b->vm, 0, b->f, GM_BASE, 512, FIRST, 2, "every page refilled once");
	fd_box_free(b);
}

/* Clusters of pages that are written, in 3 GiB; holes of any place and length between. */
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

/* Somewhere near a page that matters, mostly; anywhere else, sometimes. */
static uint64_t pick(struct gm_rng *rng, uint64_t pages)
{
	uint64_t at = gm_rng_below(rng, pages + 1);

	if (gm_rng_below(rng, 4))
		at = marked(gm_rng_below(rng, NR_MARKED)) + gm_rng_below(rng, 4) - 1;
	return at > pages ? gm_rng_below(rng, 4) : at;
}

static void look(struct fd_box *b, const unsigned int *gen, uint64_t s, uint64_t e)
{
	struct gm_op op[NR_MARKED];

	for (unsigned int i = 0; i < NR_MARKED; i++)
		op[i] = (struct gm_op){ .code = gen[i] ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
					.addr = GM_BASE + marked(i) * PG,
					.nr = 1,
					.half = b->f->half,
					.gen = gen[i] };
	gm_run(b->vm, 0, op, NR_MARKED);
	for (unsigned int i = 0; i < NR_MARKED; i++) {
		struct gm_page page = gm_vm_page(b->vm, op[i].addr);

		GM_EXPECT_AT(&page, !op[i].bad,
			     "after the hole [%#lx,%#lx) page %#lx: expected %s, observed %s", s, e,
			     marked(i), gm_word_str(op[i].expected), gm_word_str(op[i].observed));
	}
}

static void random_holes(const struct gm_case *self, unsigned int rounds)
{
	struct fd_box *b = fd_box_new(self->arg, 1, 3 * GM_1G);
	unsigned int gen[NR_MARKED] = { 0 }, now = 0;
	unsigned char *vec = malloc(b->size / PG);
	uint64_t pages = b->size / PG, extra;
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
		/* Fill what is empty, so that a hole always has something to take. */
		now++;
		for (unsigned int i = 0; i < NR_MARKED; i++) {
			if (gen[i])
				continue;
			fd_fill(b->vm, 0, b->f, GM_BASE + marked(i) * PG, 1, FIRST + marked(i),
				now);
			gen[i] = now;
		}
		gm_gmem_punch(b->gmem, s * PG, (e - s) * PG);
		for (unsigned int i = 0; i < NR_MARKED; i++)
			if (marked(i) >= s && marked(i) < e)
				gen[i] = 0;
		if (b->hva && round % 8 == 0) {
			resident(b, vec);
			extra = 0;
			for (uint64_t p = 0; p < pages; p++)
				extra += vec[p] & 1;
			for (unsigned int i = 0; i < NR_MARKED; i++)
				extra -= !!gen[i];
			GM_EXPECT_EQ(extra, 0,
				     "resident pages beyond those written, hole [%#lx,%#lx)", s, e);
		}
		look(b, gen, s, e);
	}
	free(vec);
	fd_box_free(b);
}

FD_EACH_TDP(
	punch_random, "fd.punch_exact.random", .clause = "fd.punch_exact",
	.text = "seeded holes of any place and length in 3 GiB, borders of 2 MiB and 1 GiB favoured")
{
	random_holes(self, 24);
}

FD_EACH_TDP(punch_random_long, "fd.punch_exact.random_long", .clause = "fd.punch_exact",
	    .text = "the same, five hundred times", .flags = GM_FULL_ONLY, .timeout = 300)
{
	random_holes(self, 500);
}

/* Holes by the host with the content written through the host's mapping. */
FD_HOST_SEES(punch_host, "fd.punch_exact.host_content", .clause = "fd.punch_exact",
	     .text = "every hole in 8 pages, seen through a mapping with no guest")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);
	int gmem = fd_gmem_new(vm, f, 8 * PG);
	uint8_t *map = fd_mmap(gmem, 8 * PG);
	unsigned int gen = 1;

	for (unsigned int s = 0; s < 8; s++) {
		for (unsigned int e = s + 1; e <= 8; e++, gen++) {
			gm_host_fill(map, FIRST, 8, GM_HALF_HOST, gen);
			gm_gmem_punch(gmem, s * PG, (e - s) * PG);
			gm_host_check(map, FIRST, s, GM_HALF_HOST, gen, "below the hole");
			gm_host_check_zero(map + s * PG, e - s, "the hole");
			gm_host_check(map + e * PG, FIRST + e, 8 - e, GM_HALF_HOST, gen,
				      "above the hole");
		}
	}
	munmap(map, 8 * PG);
	close(gmem);
	gm_vm_free(vm);
}
