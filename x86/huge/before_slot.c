// SPDX-License-Identifier: GPL-2.0-only
/* Attributes set before the slot exists: its huge mappings must not cover private pages. */
#include "huge.h"

GM_FILE(.clause = "huge.before_slot", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

/* Checks around every page in `at`, and then all the rest. */
static void check_pages(struct huge_vm *r, const uint64_t *at, unsigned int nr, const char *when)
{
	for (unsigned int i = 0; i < nr; i++)
		huge_check_around(r, huge_gpa(0, at[i]), 1, when);
	huge_touch_all(r);
	huge_expect(r, "%s", when);
	huge_check_sparse(r, when);
	huge_expect(r, "%s, all read", when);
}

/* One private page at each border of each of the two GiB, and one GiB without any. */
GM_CASE(before_pages, .name = "huge.before_slot.pages",
	.text = "single private pages at every border, set before the slot and kept over its re-creation",
	.huge_1g = 2)
{
	static const uint64_t at[] = { 0, 511, 1024, HUGE_PAGES_IN_1G - 1 };
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G, .no_slot = true);

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		huge_convert(r, huge_gpa(0, at[i]), 1, true);
	huge_slot(r, GM_SLOT, r->base, 2 * GM_1G, 0, 0);
	check_pages(r, at, ARRAY_SIZE(at), "attributes before the slot");
	huge_slot(r, GM_SLOT, r->base, 0, 0, 0);
	huge_expect(r, "the slot deleted");
	huge_convert(r, huge_gpa(0, 1024), 1, false);
	huge_convert(r, huge_gpa(1, 5), 1, true);
	huge_slot(r, GM_SLOT, r->base, 2 * GM_1G, 0, 0);
	check_pages(r, at, ARRAY_SIZE(at), "changed without a slot");
	huge_convert(r, r->base, 2 * HUGE_PAGES_IN_1G, false);
	huge_touch_all(r);
	huge_expect(r, "all shared again");
	huge_vm_free(r);
}

/* One private page at a time, so that none hides an error of another. */
static void before_one(const struct gm_case *self)
{
	bool big = self->huge_1g;
	uint64_t pages = big ? HUGE_PAGES_IN_1G : 512, size = pages * GM_PAGE_SIZE;
	const uint64_t at[] = { 0,	   1,	      pages - 512, pages / 2,
				pages - 2, pages - 1, pages,	   2 * pages - 1 };
	struct huge_vm *r = HUGE_VM(.kind = big ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M, .size = 2 * size,
				    .no_slot = true);

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		uint64_t page = huge_gpa(0, at[i]);

		/* In a GiB pages next to a border behave as in 2 MiB. */
		if (big && (i == 1 || i == 4))
			continue;
		huge_convert(r, page, 1, true);
		huge_slot(r, GM_SLOT, r->base, 2 * size, 0, 0);
		/*
		 * First touch another page of the same huge page: its mapping must not cover this
		 * one.
		 */
		huge_touch(r, page ^ GM_PAGE_SIZE, GM_PAGE_SIZE, GM_PAGE_SIZE);
		huge_check_around(r, page, 1, "one private page before the slot");
		huge_touch(r, r->base, 2 * size, size / 2);
		huge_expect(r, "%s private before the slot", huge_page_name(r, page));
		huge_convert(r, page, 1, false);
		huge_check_around(r, page, 1, "converted back");
		huge_touch(r, r->base, 2 * size, size / 2);
		huge_expect(r, "%s converted back", huge_page_name(r, page));
		huge_slot(r, GM_SLOT, r->base, 0, 0, 0);
		huge_expect(r, "the slot deleted");
	}
	huge_vm_free(r);
}

GM_VARIANT(before_one, before_one_1g, .name = "huge.before_slot.one_page_1g",
	   .text = "one private page at each border of a GiB, then the slot", .huge_1g = 2)
GM_VARIANT(before_one, before_one_2m, .name = "huge.before_slot.one_page_2m",
	   .text = "one private page at each border of 2 MiB, then the slot", .huge_2m = 2)

/* 2 MiB that are all private are not mixed, but their GiB is. */
GM_CASE(before_blocks, .name = "huge.before_slot.blocks",
	.text = "whole 2 MiB private at the start, in the middle and at the end of a GiB, then the slot",
	.huge_1g = 1)
{
	static const uint64_t block[] = { 0, 1, 256, 511 };
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = GM_1G, .no_slot = true);

	for (unsigned int i = 0; i < ARRAY_SIZE(block); i++) {
		uint64_t at = huge_gpa(0, block[i] * 512);

		huge_convert(r, at, 512, true);
		huge_slot(r, GM_SLOT, r->base, GM_1G, 0, 0);
		huge_touch(r, at ^ GM_2M, GM_PAGE_SIZE, GM_PAGE_SIZE);
		huge_check_around(r, at, 1, "a private block before the slot");
		huge_check_around(r, at + GM_2M, 1, "its end");
		huge_expect(r, "block %lu private before the slot", block[i]);
		huge_convert(r, at, 512, false);
		huge_touch_all(r);
		huge_expect(r, "block %lu converted back", block[i]);
		huge_slot(r, GM_SLOT, r->base, 0, 0, 0);
	}
	/* All private, then shared again in two steps. */
	huge_convert(r, r->base, HUGE_PAGES_IN_1G, true);
	huge_slot(r, GM_SLOT, r->base, GM_1G, 0, 0);
	huge_convert(r, r->base + GM_2M, HUGE_PAGES_IN_1G - 512, false);
	huge_touch_all(r);
	huge_check_around(r, r->base + GM_2M, 2, "all but the first 2 MiB shared");
	huge_expect(r, "all but the first 2 MiB shared");
	huge_convert(r, r->base, 512, false);
	huge_touch_all(r);
	huge_expect(r, "all shared");
	huge_vm_free(r);
}

/* A misaligned slot: only huge pages that are fully inside it can be mapped huge. */
GM_CASE(before_misaligned, .name = "huge.before_slot.misaligned",
	.text = "private pages at the borders of a slot that starts and ends inside 2 MiB pages",
	.huge_2m = 4)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = GM_1G, .mem_size = 4 * GM_2M,
				    .no_slot = true);
	/* From the base: the slot is [3, 4 * 512 - 2). */
	static const uint64_t at[] = {
		0,    2,	   3,	    511,	 512,	      1023,
		1024, 3 * 512 - 1, 3 * 512, 4 * 512 - 3, 4 * 512 - 2, 4 * 512
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		uint64_t page = huge_gpa(0, at[i]);

		huge_convert(r, page, 1, true);
		huge_slot(r, GM_SLOT, huge_gpa(0, 3), 4 * GM_2M - 5 * GM_PAGE_SIZE,
			  3 * GM_PAGE_SIZE, 0);
		huge_check(r, r->base, 4 * 512, "before the slot");
		huge_expect(r, "%s private before the slot", huge_page_name(r, page));
		huge_convert(r, page, 1, false);
		huge_check(r, r->base, 4 * 512, "converted back");
		huge_expect(r, "%s converted back", huge_page_name(r, page));
		huge_slot(r, GM_SLOT, huge_gpa(0, 3), 0, 0, 0);
	}
	huge_vm_free(r);
}
