// SPDX-License-Identifier: GPL-2.0-only
/* A 4 KiB conversion splits one huge mapping, as far as needed, and no other: huge.split_one. */
#include "huge.h"
#include "map_picture.h"

GM_FILE(.clause = "huge.split_one", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

/* Touches every 2 MiB, or only those near the page and all of the other GiB. */
static void touch(struct huge_vm *r, uint64_t gpa, bool all)
{
	uint64_t gib = gpa & ~(GM_1G - 1), block = gpa & ~(GM_2M - 1);
	const uint64_t at[] = { gib, gib + GM_1G - GM_PAGE_SIZE, block, block ^ GM_2M };

	if (all) {
		huge_touch_all(r);
		return;
	}
	/* The 2 MiB near the page, and the other GiB, which must not fault. */
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		huge_touch(r, at[i], GM_PAGE_SIZE, GM_PAGE_SIZE);
	for (uint64_t g = r->base; g < r->base + r->size; g += GM_1G)
		if (g != gib)
			huge_touch(r, g, GM_1G, GM_2M);
}

/* Converts one page and back, and checks the counts after each step. `all`: see touch(). */
static void round_trip(struct huge_vm *r, uint64_t gpa, bool all)
{
	const char *name = huge_page_name(r, gpa);
	struct gm_page_counts whole;

	huge_touch_all(r);
	huge_expect(r, "all touched");
	huge_convert(r, gpa, 1, true);
	huge_expect(r, "%s converted to private", name);
	touch(r, gpa, all);
	huge_expect(r, "%s is private, touched again", name);
	huge_check_around(r, gpa, 2, "one page private");
	huge_expect(r, "%s and its neighbours read", name);
	huge_write(r, gpa, 1);
	huge_convert(r, gpa, 1, false);
	huge_expect(r, "%s converted back", name);
	huge_check_around(r, gpa, 2, "converted back");
	huge_expect(r, "%s converted back and read", name);
	huge_touch_all(r);
	huge_expect(r, "%s converted back, all touched again", name);
	/* Independent of the model: as at the start, only 1 GiB pages. */
	whole = (struct gm_page_counts){ .pages = { [GM_SIZE_1G] = r->size / GM_1G },
					 .fixed = r->shape->now.fixed };
	gm_page_counts_expect(r->w->vm, &r->start, &whole, "whole again");
}

/* Every place in one GiB; the profile full tests every place in every GiB. */
GM_CASE(split_borders, .name = "huge.split_one.borders",
	.text = "convert the ten pages of a GiB that show an off-by-one, and back", .huge_1g = 3)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);

	for (unsigned int i = 0; i < HUGE_NR_PAGES; i++)
		round_trip(r, huge_gpa(i % 3, huge_pages[i]),
			   i == HUGE_FIRST || i == HUGE_MIDDLE || i == HUGE_LAST);
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

struct place {
	enum huge_page page;
};

GM_CASES(split_one, struct place, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);

	for (uint64_t gib = 0; gib < 3; gib++)
		round_trip(r, huge_gpa(gib, huge_pages[v->page]), true);
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

GM_ROW(split_one, split_one_first, .name = "huge.split_one.first",
       .text = "convert the first page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_FIRST };
GM_ROW(split_one, split_one_second, .name = "huge.split_one.second",
       .text = "convert the second page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_SECOND };
GM_ROW(split_one, split_one_page_511th, .name = "huge.split_one.page_511th",
       .text = "convert the 511th page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_511TH };
GM_ROW(split_one, split_one_page_512th, .name = "huge.split_one.page_512th",
       .text = "convert the 512th page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_512TH };
GM_ROW(split_one, split_one_page_513th, .name = "huge.split_one.page_513th",
       .text = "convert the 513th page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_513TH };
GM_ROW(split_one, split_one_middle, .name = "huge.split_one.middle",
       .text = "convert the page in the middle of each of three GiB and back",
       .flags = GM_FULL_ONLY, .huge_1g = 3) = { .page = HUGE_MIDDLE };
GM_ROW(split_one, split_one_before_middle, .name = "huge.split_one.before_middle",
       .text = "convert the page before the middle of each of three GiB and back",
       .flags = GM_FULL_ONLY, .huge_1g = 3) = { .page = HUGE_BEFORE_MIDDLE };
GM_ROW(split_one, split_one_last_2m, .name = "huge.split_one.last_2m",
       .text = "convert the first page of the last 2 MiB of each of three GiB and back",
       .flags = GM_FULL_ONLY, .huge_1g = 3) = { .page = HUGE_LAST_2M };
GM_ROW(split_one, split_one_last_but_one, .name = "huge.split_one.last_but_one",
       .text = "convert the last page but one of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_LAST_BUT_ONE };
GM_ROW(split_one, split_one_last, .name = "huge.split_one.last",
       .text = "convert the last page of each of three GiB and back", .flags = GM_FULL_ONLY,
       .huge_1g = 3) = { .page = HUGE_LAST };

GM_CASE(split_random, .name = "huge.split_one.random",
	.text = "convert three seeded random pages and back", .flags = GM_FULL_ONLY, .huge_1g = 3)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);

	for (int i = 0; i < 3; i++)
		round_trip(r, huge_gpa(i, gm_rng_below(&r->w->rng, HUGE_PAGES_IN_1G)), true);
	huge_vm_free(r);
}

/* The numbers of the contract, independent of the model. */
static void expect_counts(struct huge_vm *r, const struct gm_page_counts *want, const char *when)
{
	if (gm_page_counts_expect(r->w->vm, &r->start, want, when))
		return;
	gm_map_show(r->w->vm, r->shape);
	gm_end();
}

GM_CASE(split_shape, .name = "huge.split_shape.one_page", .clause = "huge.split_shape",
	.text = "after touching every page of the 2 MiB and every 2 MiB: 511 of 2 MiB, 511 of 4 KiB, one private",
	.huge_1g = 3)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);
	uint64_t at = huge_gpa(1, 512 * 200 + 77);

	huge_touch_all(r);
	expect_counts(r, &(struct gm_page_counts){ .pages = { [GM_SIZE_1G] = 3 }, .fixed = 3 },
		      "all touched");
	gm_map_note(r->shape, "all touched");
	huge_guest_convert(r, at, 1, true);
	expect_counts(r, &(struct gm_page_counts){ .pages = { [GM_SIZE_1G] = 2 }, .fixed = 3 },
		      "one page converted");
	gm_map_note(r->shape, "one page converted");
	huge_touch_all(r);
	expect_counts(r, &(struct gm_page_counts){ .pages = { 0, 1, 511, 2 }, .fixed = 3 + 512 },
		      "every 2 MiB touched");
	gm_map_note(r->shape, "every 2 MiB touched again");
	huge_write(r, huge_gpa(1, 512 * 200), 512);
	expect_counts(
		r, &(struct gm_page_counts){ .pages = { 0, 512, 511, 2 }, .fixed = 3 + 512 + 511 },
		"every page around it touched: 511 shared, 1 private");
	huge_guest_convert(r, at, 1, false);
	expect_counts(
		r, &(struct gm_page_counts){ .pages = { 0, 511, 511, 2 }, .fixed = 3 + 512 + 511 },
		"converted back");
	huge_touch(r, at, GM_PAGE_SIZE, GM_PAGE_SIZE);
	expect_counts(
		r, &(struct gm_page_counts){ .pages = { 0, 0, 0, 3 }, .fixed = 3 + 512 + 511 + 1 },
		"the page touched after converting back");
	gm_map_note(r->shape, "converted back and touched");
	huge_expect(r, "the model agrees");
	huge_check(r, huge_gpa(1, 512 * 200), 512, "at the end");
	gm_prove_same_page(r->w->vm, 0, at, gm_hva(r->w->vm, at));
	huge_vm_free(r);
}

struct memory {
	enum gm_mem_kind mem;
};

/* The same with 2 MiB pages: of hugetlb, and transparent ones. */
GM_CASES(split_2m, struct memory, v)
{
	struct huge_vm *r = HUGE_VM(.kind = v->mem, .size = 16 * GM_2M);

	huge_touch_all(r);
	gm_page_counts_expect(
		r->w->vm, &r->start,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_2M] = 16 }, .fixed = 16 },
		"all touched");
	for (unsigned int i = 0; i < HUGE_NR_PAGES; i++) {
		uint64_t at = huge_gpa(0, huge_pages[i] % (16 * 512)), block = at & ~(GM_2M - 1);

		huge_convert(r, at, 1, true);
		huge_expect(r, "%s converted", huge_page_name(r, at));
		huge_touch_all(r);
		huge_write(r, block, 512);
		huge_expect(r, "%s is private, its 2 MiB touched", huge_page_name(r, at));
		huge_check(r, block - GM_PAGE_SIZE, 514, "one page private");
		huge_guest_convert(r, at, 1, false);
		huge_check(r, block - GM_PAGE_SIZE, 514, "converted back");
		huge_expect(r, "%s converted back, its 2 MiB touched", huge_page_name(r, at));
	}
	gm_page_counts_expect(r->w->vm, &r->start,
			      &(struct gm_page_counts){ .pages = { [GM_SIZE_2M] = 16 },
							.fixed = r->shape->now.fixed },
			      "whole again");
	huge_check(r, r->base, 16 * 512, "at the end");
	huge_vm_free(r);
}

GM_ROW(split_2m, split_2m_hugetlb, .name = "huge.split_one.hugetlb_2m",
       .text = "each place of 2 MiB pages of hugetlb, and back",
       .huge_2m = 16) = { .mem = GM_MEM_HUGE_2M };
GM_ROW(split_2m, split_2m_thp, .name = "huge.split_one.thp",
       .text = "each place of transparent 2 MiB pages, and back",
       .needs = GM_NEEDS(THP)) = { .mem = GM_MEM_THP };
