// SPDX-License-Identifier: GPL-2.0-only
/* A huge page is restored when its last private page is converted back, not before: huge.rejoin. */
#include "huge.h"

GM_FILE(.clause = "huge.rejoin", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

/*
 * Touches the 2 MiB of the page, the neighbouring 2 MiB, and the ends of the GiB. These few faults
 * are enough to see a mapping of any size over the page in the counts.
 */
static void touch_and_count(struct huge_vm *r, uint64_t gpa, const char *when)
{
	uint64_t gib = gpa & ~(GM_1G - 1), block = gpa & ~(GM_2M - 1);
	const uint64_t at[] = { gib, gib + GM_1G - GM_PAGE_SIZE, block,
				block + GM_2M - GM_PAGE_SIZE, block ^ GM_2M };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		huge_touch(r, at[i], GM_PAGE_SIZE, GM_PAGE_SIZE);
	huge_check_around(r, gpa, 1, when);
	huge_expect(r, "%s, near %s", when, huge_page_name(r, gpa));
}

/*
 * Two ranges become private, and shared again in either order: the remaining one must stay split.
 */
static void pair(struct huge_vm *r, uint64_t a, uint64_t a_pages, uint64_t b, uint64_t b_pages)
{
	for (int order = 0; order < 2; order++) {
		huge_convert(r, a, a_pages, true);
		touch_and_count(r, a, "the first range private");
		huge_convert(r, b, b_pages, true);
		touch_and_count(r, b, "both private");
		touch_and_count(r, a, "both private");
		huge_convert(r, order ? a : b, order ? a_pages : b_pages, false);
		touch_and_count(r, order ? a : b, "one is shared again");
		touch_and_count(r, order ? b : a, "the other is still private");
		huge_convert(r, order ? b : a, order ? b_pages : a_pages, false);
		touch_and_count(r, order ? a : b, "both are shared again");
	}
}

static const uint64_t ends[] = { 0, 1, 300, 510, 511 };

/* The remaining page may be the first, the last or any other of its 2 MiB. */
static void pairs_in_2m(struct huge_vm *r, uint64_t block)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++)
		for (unsigned int j = i + 1; j < ARRAY_SIZE(ends); j++)
			pair(r, block + ends[i] * GM_PAGE_SIZE, 1, block + ends[j] * GM_PAGE_SIZE,
			     1);
}

/* The remaining 2 MiB, split or all private, may be the first, the last or any other of its GiB. */
static void pairs_in_1g(struct huge_vm *r, uint64_t gib, uint64_t first, uint64_t pages)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++) {
		unsigned int j = (i + 2) % ARRAY_SIZE(ends);

		pair(r, gib + ends[i] * GM_2M + first * GM_PAGE_SIZE, pages, gib + ends[j] * GM_2M,
		     1);
		pair(r, gib + ends[i] * GM_2M, 512, gib + ends[j] * GM_2M + first * GM_PAGE_SIZE,
		     pages);
	}
}

static void expect_whole(struct huge_vm *r, int64_t n1g, int64_t n2m)
{
	gm_page_counts_expect(r->w->vm, &r->start,
			      &(struct gm_page_counts){ .pages = { 0, 0, n2m, n1g },
							.fixed = r->shape->now.fixed },
			      "whole at the end");
}

GM_CASE(rejoin_pairs_2m, .name = "huge.rejoin.pairs_in_2m",
	.text = "two private pages of one 2 MiB page, converted back in either order", .huge_2m = 4)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = 4 * GM_2M);

	huge_touch_all(r);
	for (int block = 0; block < 4; block += 3)
		pairs_in_2m(r, r->base + block * GM_2M);
	huge_touch_all(r);
	huge_expect(r, "at the end");
	expect_whole(r, 0, 4);
	huge_check(r, r->base, 4 * 512, "at the end");
	huge_vm_free(r);
}

GM_CASE(rejoin_pairs_1g, .name = "huge.rejoin.pairs_in_1g",
	.text = "two ranges of one GiB, in 2 MiB that are split or all private, converted back in either order",
	.huge_1g = 2)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G);

	huge_touch_all(r);
	pairs_in_1g(r, huge_gpa(0, 0), 0, 1);
	pairs_in_1g(r, huge_gpa(1, 0), 511, 1);
	pairs_in_1g(r, huge_gpa(1, 0), 1, 510);
	pairs_in_2m(r, huge_gpa(1, 511 * 512));
	huge_touch_all(r);
	huge_expect(r, "at the end");
	expect_whole(r, 2, 0);
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

/* Converts 2 MiB page by page to private, and back, in seeded random orders. */
static void page_by_page(struct huge_vm *r, uint64_t block)
{
	uint16_t order[512];

	for (int dir = 1; dir >= 0; dir--) {
		for (unsigned int i = 0; i < 512; i++) {
			unsigned int j = gm_rng_below(&r->w->rng, i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (unsigned int i = 0; i < 512; i++) {
			uint64_t at = block + order[i] * GM_PAGE_SIZE;

			huge_convert(r, at, 1, dir);
			huge_write(r, at, 1);
			if (i % 64 == 0 || i > 508)
				touch_and_count(r, at,
						dir ? "to private page by page"
						    : "to shared page by page");
		}
	}
}

GM_CASE(rejoin_by_page, .name = "huge.rejoin.page_by_page",
	.text = "2 MiB converted page by page in seeded orders, and back; then at once and back page by page",
	.huge_1g = 1)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = GM_1G);
	uint64_t block = huge_gpa(0, 512 * 511), first = huge_gpa(0, 0);

	huge_touch_all(r);
	page_by_page(r, block);
	expect_whole(r, 1, 0);
	/* All private at once, then back page by page: split until the last page. */
	huge_convert(r, first, 512, true);
	touch_and_count(r, first, "a whole 2 MiB private");
	for (uint64_t i = 0; i < 512; i++)
		huge_convert(r, first + i * GM_PAGE_SIZE, 1, false);
	touch_and_count(r, first, "back by page");
	expect_whole(r, 1, 0);
	/* Page by page, then back at once: a conversion of the whole 2 MiB also ends the split. */
	for (uint64_t i = 0; i < 512; i += 2)
		huge_convert(r, block + i * GM_PAGE_SIZE, 1, true);
	touch_and_count(r, block, "every other page private");
	huge_convert(r, block, 512, false);
	touch_and_count(r, block, "back at once");
	expect_whole(r, 1, 0);
	huge_check(r, block, 512, "at the end");
	huge_vm_free(r);
}

struct requesters {
	unsigned int vcpus;
};

/* Seeded ranges, converted back in a seeded order: every order restores all huge pages. */
GM_CASES(rejoin_orders, struct requesters, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G, .vcpus = v->vcpus);
	struct {
		uint64_t gpa, pages;
	} did[12];
	const unsigned int nr = ARRAY_SIZE(did);

	huge_touch_all(r);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < nr; i++) {
			uint64_t at = gm_rng_below(&r->w->rng, 2 * HUGE_PAGES_IN_1G - 1200);

			did[i].pages = 1 + (i % 3 ? gm_rng_below(&r->w->rng, 1200) : 0);
			did[i].gpa = huge_gpa(0, at);
			huge_guest_convert(r, did[i].gpa, did[i].pages, true);
			touch_and_count(r, did[i].gpa, "one more range private");
		}
		for (unsigned int i = nr; i > 0; i--) {
			unsigned int j = gm_rng_below(&r->w->rng, i);

			huge_guest_convert(r, did[j].gpa, did[j].pages, false);
			touch_and_count(r, did[j].gpa, "one more range shared again");
			touch_and_count(r, did[j].gpa + (did[j].pages - 1) * GM_PAGE_SIZE,
					"its end");
			did[j] = did[i - 1];
		}
		huge_touch_all(r);
		huge_expect(r, "all shared again");
		expect_whole(r, 2, 0);
	}
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

GM_ROW(rejoin_orders, rejoin_orders_1, .name = "huge.rejoin.orders",
       .text = "twelve seeded ranges, converted back in seeded orders",
       .huge_1g = 2) = { .vcpus = 1 };
GM_ROW(rejoin_orders, rejoin_orders_4, .name = "huge.rejoin.orders_4_vcpus",
       .text = "the same, requested by four vCPUs in turn", .flags = GM_FULL_ONLY,
       .huge_1g = 2) = { .vcpus = 4 };

/* A whole GiB has 262144 attributes: the profile quick omits similar ranges. */
static const struct {
	uint64_t page, pages;
	bool quick;
} whole_range[] = {
	{ HUGE_PAGES_IN_1G, HUGE_PAGES_IN_1G, true },
	{ HUGE_PAGES_IN_1G, 2 * HUGE_PAGES_IN_1G, false },
	{ HUGE_PAGES_IN_1G - 1, 2, true },
	{ HUGE_PAGES_IN_1G - 1, HUGE_PAGES_IN_1G + 2, true },
	{ 2 * HUGE_PAGES_IN_1G - 512, 1024, true },
	{ HUGE_PAGES_IN_1G + 1, HUGE_PAGES_IN_1G - 1, false },
	{ HUGE_PAGES_IN_1G, HUGE_PAGES_IN_1G - 1, false },
};

struct whole {
	bool all; /* of whole_range[]; else the quick ones */
};

GM_CASES(rejoin_whole, struct whole, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);

	huge_touch_all(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(whole_range); i++) {
		uint64_t at = huge_gpa(0, whole_range[i].page), pages = whole_range[i].pages,
			 last = at + (pages - 1) * GM_PAGE_SIZE;

		if (!v->all && !whole_range[i].quick)
			continue;
		for (int dir = 1; dir >= 0; dir--) {
			huge_convert(r, at, pages, dir);
			huge_expect(r, "range %u converted", i);
			touch_and_count(r, at, "the range's first page");
			touch_and_count(r, last, "the range's last page");
			touch_and_count(r, at - GM_PAGE_SIZE, "before the range");
			if (last + GM_PAGE_SIZE < r->base + r->size)
				touch_and_count(r, last + GM_PAGE_SIZE, "after the range");
		}
		huge_touch_all(r);
		huge_expect(r, "range %u shared again", i);
		expect_whole(r, 3, 0);
	}
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

GM_ROW(rejoin_whole, rejoin_whole_quick, .name = "huge.rejoin.whole_1g",
       .text = "a whole GiB, with and without a page more on both sides, back and forth",
       .huge_1g = 3) = { .all = false };
GM_ROW(rejoin_whole, rejoin_whole_all, .name = "huge.rejoin.whole_1g_all",
       .text = "whole GiB, one and two at a time and a page more or less, back and forth",
       .huge_1g = 3, .flags = GM_FULL_ONLY) = { .all = true };
