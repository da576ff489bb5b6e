// SPDX-License-Identifier: GPL-2.0-only
/* No huge mapping covers a page of the other state: the content of every page shows that. */
#include "huge.h"

GM_FILE(.clause = "huge.never_over_private", .providers = GM_PROVIDERS(ATTRIBUTES),
	.needs = HUGE_NEEDS)

/* Random pages, most of them at or next to a border of 2 MiB or 1 GiB. */
static uint64_t place(struct huge_vm *r, uint64_t pages)
{
	uint64_t unit = gm_rng_below(&r->w->rng, 4), at = gm_rng_below(&r->w->rng, pages);

	if (unit == 1)
		at = (at & ~511UL) + gm_rng_below(&r->w->rng, 3);
	else if (unit == 2)
		at = (at | 511) - gm_rng_below(&r->w->rng, 3);
	else if (unit == 3)
		at = (at & ~(HUGE_PAGES_IN_1G - 1)) + gm_rng_below(&r->w->rng, 2);
	return at < pages ? at : pages - 1;
}

static uint64_t length(struct huge_vm *r, uint64_t most, bool whole_gib)
{
	static const uint64_t some[] = { 1, 1, 1, 2, 3, 63, 511, 512, 513, 1024, 1535, 8192 };
	uint64_t len = some[gm_rng_below(&r->w->rng, ARRAY_SIZE(some))];

	if (gm_rng_below(&r->w->rng, 6) == 0)
		len = 1 + gm_rng_below(&r->w->rng, 3 * 512);
	if (gm_rng_below(&r->w->rng, 20) == 0 && whole_gib)
		len = HUGE_PAGES_IN_1G;
	return len < most ? len : most;
}

/* Checks both ends of a range and of their 2 MiB. */
static void check_ends(struct huge_vm *r, uint64_t gpa, uint64_t len, unsigned int step)
{
	uint64_t last = gpa + len - GM_PAGE_SIZE;

	huge_check_around(r, gpa, 1, "at the first page");
	huge_check_around(r, last, 1, "at the last page");
	huge_check(r, gpa & ~(GM_2M - 1), 1, "the first page of the first 2 MiB");
	huge_check(r, last | (GM_2M - GM_PAGE_SIZE), 1, "the last page of the last 2 MiB");
	huge_expect(r, "step %u: %#lx+%#lx", step, gpa, len);
}

/* A long walk also converts whole GiB, and sometimes checks every page. */
static void walk(struct huge_vm *r, uint64_t pages, unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++) {
		uint64_t at = place(r, pages), len = length(r, pages - at, steps > 100);
		bool priv = gm_rng_below(&r->w->rng, 2);

		if (i & 1)
			huge_guest_convert(r, huge_gpa(0, at), len, priv);
		else
			huge_convert(r, huge_gpa(0, at), len, priv);
		huge_expect(r, "step %u: %lu pages from %s converted to %s", i, len,
			    huge_page_name(r, huge_gpa(0, at)), priv ? "private" : "shared");
		check_ends(r, huge_gpa(0, at), len * GM_PAGE_SIZE, i);
		huge_write(r, huge_gpa(0, at), len < 3 ? len : 3);
		huge_write(r, huge_gpa(0, at + len - 1), 1);
		/* Reading private pages allocates them: only if there are not too many. */
		if (steps > 100 && i % 8 == 7 && gm_model_private_pages(r->w->model) < 128 * 512) {
			huge_check(r, r->base, pages, "every page of the region");
			huge_expect(r, "step %u: every page read", i);
		}
	}
}

struct requesters {
	unsigned int vcpus;
};

GM_CASES(random_1g, struct requesters, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G, .vcpus = v->vcpus);

	huge_touch_all(r);
	walk(r, 2 * HUGE_PAGES_IN_1G, self->flags & GM_FULL_ONLY ? 300 : 60);
	huge_check_sparse(r, "after the walk");
	huge_convert(r, r->base, 2 * HUGE_PAGES_IN_1G, false);
	huge_touch_all(r);
	huge_expect(r, "all shared again");
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

GM_ROW(random_1g, random_1g_1, .name = "huge.never_over_private.random",
       .text = "a seeded walk of conversions over 2 GiB", .huge_1g = 2) = { .vcpus = 1 };
GM_ROW(random_1g, random_1g_long, .name = "huge.never_over_private.random_long",
       .text = "a long seeded walk, by two vCPUs in turn", .flags = GM_FULL_ONLY, .timeout = 300,
       .huge_1g = 2) = { .vcpus = 2 };
GM_ROW(random_1g, random_1g_4, .name = "huge.never_over_private.random_4_vcpus",
       .text = "a long seeded walk, by four vCPUs in turn", .flags = GM_FULL_ONLY, .timeout = 300,
       .huge_1g = 2) = { .vcpus = 4 };

struct memory {
	enum gm_mem_kind mem;
};

/* With 2 MiB pages the region is small enough to read every page often. */
GM_CASES(random_2m, struct memory, v)
{
	struct huge_vm *r = HUGE_VM(.kind = v->mem, .size = 12 * GM_2M, .vcpus = 2);

	huge_write(r, r->base, 12 * 512);
	for (int round = 0; round < 2; round++) {
		walk(r, 12 * 512, 15);
		huge_check(r, r->base, 12 * 512, "every page, after the walk");
		huge_expect(r, "every page read");
	}
	huge_convert(r, r->base, 12 * 512, false);
	huge_check(r, r->base, 12 * 512, "all shared again");
	huge_expect(r, "all shared again");
	huge_vm_free(r);
}

GM_ROW(random_2m, random_hugetlb_2m, .name = "huge.never_over_private.hugetlb_2m",
       .text = "a seeded walk over 2 MiB pages of hugetlb, every page read after each round",
       .huge_2m = 12) = { .mem = GM_MEM_HUGE_2M };
GM_ROW(random_2m, random_thp, .name = "huge.never_over_private.thp",
       .text = "the same over transparent huge pages",
       .needs = GM_NEEDS(THP)) = { .mem = GM_MEM_THP };
GM_ROW(random_2m, random_4k, .name = "huge.never_over_private.small_pages",
       .text = "the same over 4 KiB pages: nothing is huge",
       .flags = GM_FULL_ONLY) = { .mem = GM_MEM_SHMEM };

/* Private memory has 4 KiB pages: 2 MiB that are all private must not be mapped huge. */
GM_CASE(all_private, .name = "huge.never_over_private.all_private",
	.text = "2 MiB that are all private: every page has its own content, with any memory at userspace_addr",
	.huge_1g = 1)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = GM_1G);
	uint64_t at = huge_gpa(0, 512 * 5);

	huge_write(r, at, 1024);
	huge_convert(r, at, 1024, true);
	huge_check(r, at, 1024, "fresh private pages");
	huge_write(r, at, 1024);
	huge_expect(r, "all private, all written");
	/* Punched out of order, so that adjacent pages of the file are not adjacent in memory. */
	for (uint64_t i = 0; i < 1024; i += 3)
		huge_punch(r, at + i * GM_PAGE_SIZE, 1, (at - r->base) + i * GM_PAGE_SIZE);
	huge_expect(r, "every third page punched");
	huge_check(r, at, 1024, "every third page is new");
	huge_write(r, at, 1024);
	huge_check(r, at, 1024, "written again");
	huge_expect(r, "every third page faulted again");
	huge_convert(r, at, 1024, false);
	huge_check(r, at, 1024, "shared again");
	huge_touch_all(r);
	huge_expect(r, "shared again");
	huge_vm_free(r);
}
