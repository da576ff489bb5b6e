// SPDX-License-Identifier: GPL-2.0-only
/*
 * One VM, two files: a region of 1 GiB pages that is converted as a whole, and a region that is
 * converted by 4 KiB. Conversions in the second never split the first.
 */
#include "huge.h"

GM_FILE(.clause = "huge.layout", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS,
	.huge_1g = 2, .huge_2m = 16)

struct requesters {
	unsigned int vcpus;
};

GM_CASES(layout, struct requesters, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G,
				    .mem_size = 2 * GM_1G, .no_slot = true, .vcpus = v->vcpus);
	struct gm_mem *fine = gm_mem_new(GM_MEM_HUGE_2M, 16 * GM_2M);
	int gmem = gm_gmem_new(r->w->vm, 16 * GM_2M, 0);
	uint64_t second = huge_gpa(2, 0);

	huge_slot(r, GM_SLOT, r->base, 2 * GM_1G, 0, 0);
	gm_slot_set(r->w->vm, GM_SLOT + 1, 0, second, 16 * GM_2M, fine->hva, gmem, 0);
	gm_shape_slot(r->shape, GM_SLOT + 1, second, 16 * GM_2M, (uintptr_t)fine->hva, GM_SIZE_2M);
	huge_touch_all(r);
	gm_page_counts_expect(r->w->vm, &r->start,
			      &(struct gm_page_counts){ .pages = { 0, 0, 16, 2 }, .fixed = 18 },
			      "all touched");
	for (int i = 0; i < 40; i++) {
		uint64_t at = gm_rng_below(&r->w->rng, 16 * 512),
			 len = 1 + gm_rng_below(&r->w->rng, 700);

		if (len > 16 * 512 - at)
			len = 16 * 512 - at;
		huge_guest_convert(r, second + at * GM_PAGE_SIZE, len, gm_rng_below(&r->w->rng, 3));
		huge_check_around(r, second + at * GM_PAGE_SIZE, 1, "in the region of small pages");
		huge_expect(r, "conversion %d in the region of small pages", i);
		if (i == 29) {
			/* The 1 GiB region becomes private as a whole, and shared again. */
			huge_guest_convert(r, huge_gpa(1, 0), HUGE_PAGES_IN_1G, true);
			huge_write(r, huge_gpa(1, 0), 2);
			huge_expect(r, "a whole GiB private");
			huge_guest_convert(r, huge_gpa(1, 0), HUGE_PAGES_IN_1G, false);
			huge_touch(r, huge_gpa(0, 0), 2 * GM_1G, GM_2M);
			huge_expect(r, "a whole GiB shared again");
			GM_EXPECT(r->shape->now.pages[GM_SIZE_1G] == 2,
				  "the model split the first region");
		}
	}
	huge_check_sparse(r, "at the end");
	huge_expect(r, "at the end");
	huge_vm_free(r);
	close(gmem);
	gm_mem_free(fine);
}

GM_ROW(layout, layout_1, .name = "huge.layout.two_files",
       .text = "many conversions by 4 KiB in one file, whole GiB in the other") = { .vcpus = 1 };
GM_ROW(layout, layout_4, .name = "huge.layout.two_files_4_vcpus",
       .text = "the same, requested by four vCPUs in turn", .flags = GM_FULL_ONLY) = { .vcpus = 4 };
