// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots that begin or end inside huge pages: mapped huge where gpa, hva and slot allow it, else
 * small.
 */
#include "huge.h"

GM_FILE(.clause = "huge.misaligned", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

struct layout {
	uint64_t gpa, size; /* gpa from the region's base, bytes */
	uint64_t hva, gmem; /* offsets in the host's memory and in the guest_memfd */
	int64_t n1g, n2m;   /* huge mappings after all is touched */
};

/* Touches every 2 MiB, and the first and last page of the slot. */
static void touch_edges(struct huge_vm *r, uint64_t gpa, uint64_t size)
{
	uint64_t end = gpa + size;

	huge_touch(r, gpa, GM_PAGE_SIZE, GM_PAGE_SIZE);
	huge_touch(r, end - GM_PAGE_SIZE, GM_PAGE_SIZE, GM_PAGE_SIZE);
	huge_touch(r, (gpa + GM_2M) & ~(GM_2M - 1), end - ((gpa + GM_2M) & ~(GM_2M - 1)), GM_2M);
}

/* Expects that a page next to the slot is MMIO, also if a huge mapping could cover it. */
static void expect_no_memory(struct huge_vm *r, uint64_t gpa, const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex;

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa)),
		     !__gm_run(r->w->vm, 0, &op, 1, &ex, NULL) && ex.reason == KVM_EXIT_MMIO,
		     "%s: a read without a slot: expected KVM_EXIT_MMIO, observed %s", when,
		     gm_exit_str(&ex));
}

/* Converts one page and back at every border of the slot and of huge pages. */
static void convert_edges(struct huge_vm *r, const struct layout *l, uint64_t gpa)
{
	uint64_t end = gpa + l->size;
	uint64_t up_2m = (gpa + GM_2M - 1) & ~(GM_2M - 1), up_1g = (gpa + GM_1G - 1) & ~(GM_1G - 1);
	uint64_t down_2m = end & ~(GM_2M - 1), down_1g = end & ~(GM_1G - 1);
	const uint64_t at[] = { gpa,
				up_2m,
				up_2m - GM_PAGE_SIZE,
				up_1g,
				up_1g - GM_PAGE_SIZE,
				down_2m - GM_PAGE_SIZE,
				down_2m,
				down_1g - GM_PAGE_SIZE,
				down_1g,
				end - GM_PAGE_SIZE,
				gpa + (l->size / 2 & ~(GM_PAGE_SIZE - 1)) };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i] < gpa || at[i] >= end)
			continue;
		for (int dir = 1; dir >= 0; dir--) {
			huge_convert(r, at[i], 1, dir);
			huge_expect(r, "%s converted", huge_page_name(r, at[i]));
			huge_check_around(r, at[i], 1, dir ? "private" : "back");
			huge_write(r, at[i], 1);
			touch_edges(r, gpa, l->size);
			huge_expect(r, "%s converted, all touched", huge_page_name(r, at[i]));
		}
	}
	/* Ranges that cross the slot's ends. */
	for (int dir = 1; dir >= 0; dir--) {
		huge_convert(r, gpa - 3 * GM_PAGE_SIZE, 5, dir);
		huge_convert(r, end - 2 * GM_PAGE_SIZE, 6, dir);
		touch_edges(r, gpa, l->size);
		huge_check(r, gpa, 4, "the slot's first pages");
		huge_check(r, end - 4 * GM_PAGE_SIZE, 4, "the slot's last pages");
		huge_expect(r, "both ends converted");
	}
}

GM_CASES(misaligned, struct layout, l)
{
	bool big = self->huge_1g;
	struct huge_vm *r =
		HUGE_VM(.kind = big ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M, .size = 4 * GM_1G,
			.mem_size = big ? self->huge_1g * GM_1G : self->huge_2m * GM_2M,
			.no_slot = true);
	uint64_t gpa = r->base + l->gpa, end = gpa + l->size, fixed;
	uint64_t middle = (gpa + l->size / 2) & ~(GM_PAGE_SIZE - 1);

	/* The guest must not reach the host's memory outside the slot. */
	huge_slot(r, GM_SLOT, gpa, l->size, l->hva, l->gmem);
	touch_edges(r, gpa, l->size);
	fixed = r->shape->now.fixed;
	huge_expect(r, "all touched");
	gm_page_counts_expect(
		r->w->vm, &r->start,
		&(struct gm_page_counts){ .pages = { 0, fixed - l->n1g - l->n2m, l->n2m, l->n1g },
					  .fixed = fixed },
		"the layout's own numbers");
	convert_edges(r, l, gpa);
	expect_no_memory(r, gpa - GM_PAGE_SIZE, "below the slot");
	expect_no_memory(r, end, "above the slot");
	/* Last, since it writes words that the model does not have. */
	gm_prove_same_page(r->w->vm, 0, gpa, gm_hva(r->w->vm, gpa));
	gm_prove_same_page(r->w->vm, 0, end - GM_PAGE_SIZE, gm_hva(r->w->vm, end - GM_PAGE_SIZE));
	gm_prove_same_page(r->w->vm, 0, middle, gm_hva(r->w->vm, middle));
	huge_vm_free(r);
}

/* 2 MiB pages of hugetlb: mapped small where the slot begins or ends inside. */
GM_ROW(misaligned, mis_start_4k, .name = "huge.misaligned.start_4k",
       .text = "the slot starts one page into a 2 MiB page", .huge_2m = 4) = {
	.gpa = GM_1G + GM_PAGE_SIZE,
	.size = 3 * GM_2M,
	.hva = GM_PAGE_SIZE,
	.gmem = GM_PAGE_SIZE,
	.n2m = 2,
};
GM_ROW(misaligned, mis_end_4k, .name = "huge.misaligned.end_4k",
       .text = "the slot ends one page before a 2 MiB page does", .huge_2m = 4) = {
	.gpa = GM_1G,
	.size = 4 * GM_2M - GM_PAGE_SIZE,
	.n2m = 3,
};
GM_ROW(misaligned, mis_end_one_more, .name = "huge.misaligned.end_one_more",
       .text = "the slot ends one page into a 2 MiB page", .huge_2m = 4) = {
	.gpa = GM_1G,
	.size = 3 * GM_2M + GM_PAGE_SIZE,
	.gmem = 2 * GM_2M,
	.n2m = 3,
};
GM_ROW(misaligned, mis_start_last_page, .name = "huge.misaligned.start_last_page",
       .text = "the slot starts at the last page of a 2 MiB page", .huge_2m = 4) = {
	.gpa = GM_1G + GM_2M - GM_PAGE_SIZE,
	.size = 2 * GM_2M + 2 * GM_PAGE_SIZE,
	.hva = GM_2M - GM_PAGE_SIZE,
	.n2m = 2,
};
GM_ROW(misaligned, mis_hva_4k, .name = "huge.misaligned.hva_4k",
       .text = "the host's address is one page off: nothing huge", .huge_2m = 4) = {
	.gpa = GM_1G,
	.size = 3 * GM_2M,
	.hva = GM_PAGE_SIZE,
};
GM_ROW(misaligned, mis_hva_half, .name = "huge.misaligned.hva_half",
       .text = "the host's address is half a 2 MiB page off: nothing huge", .huge_2m = 4) = {
	.gpa = GM_1G,
	.size = 3 * GM_2M,
	.hva = GM_2M / 2,
};
GM_ROW(misaligned, mis_file_offset, .name = "huge.misaligned.file_offset",
       .text = "the guest_memfd's offset is odd, gpa and hva agree: still mapped huge",
       .huge_2m = 4) = {
	.gpa = GM_1G,
	.size = 4 * GM_2M,
	.gmem = 77 * GM_PAGE_SIZE,
	.n2m = 4,
};
GM_ROW(misaligned, mis_smaller_than_2m, .name = "huge.misaligned.smaller_than_2m",
       .text = "a slot inside one 2 MiB page", .huge_2m = 2) = {
	.gpa = GM_1G + GM_PAGE_SIZE,
	.size = GM_2M - 2 * GM_PAGE_SIZE,
	.hva = GM_PAGE_SIZE,
};
/* 1 GiB pages: a slot with an offset of 2 MiB has 2 MiB mappings, and 1 GiB ones where possible. */
GM_ROW(misaligned, mis_start_2m, .name = "huge.misaligned.start_2m",
       .text = "the slot starts 2 MiB into a GiB", .huge_1g = 2, .flags = GM_FULL_ONLY) = {
	.gpa = GM_1G + GM_2M,
	.size = 2 * GM_1G - GM_2M,
	.hva = GM_2M,
	.gmem = GM_2M,
	.n1g = 1,
	.n2m = 511,
};
GM_ROW(misaligned, mis_end_2m, .name = "huge.misaligned.end_2m",
       .text = "the slot ends 2 MiB before a GiB does", .huge_1g = 2, .flags = GM_FULL_ONLY) = {
	.gpa = GM_1G,
	.size = 2 * GM_1G - GM_2M,
	.n1g = 1,
	.n2m = 511,
};
GM_ROW(misaligned, mis_hva_2m, .name = "huge.misaligned.hva_2m",
       .text = "the host's address is 2 MiB off: 2 MiB mappings only", .huge_1g = 2) = {
	.gpa = GM_1G,
	.size = GM_1G,
	.hva = GM_2M,
	.n2m = 512,
};
GM_ROW(misaligned, mis_start_4k_1g, .name = "huge.misaligned.start_4k_1g",
       .text = "the slot starts one page into a GiB", .huge_1g = 2) = {
	.gpa = GM_1G + GM_PAGE_SIZE,
	.size = 2 * GM_1G - 2 * GM_PAGE_SIZE,
	.hva = GM_PAGE_SIZE,
	.gmem = 5 * GM_PAGE_SIZE,
	.n2m = 1022,
};

struct border {
	unsigned int pages; /* between a 2 MiB border and where the slots meet */
};

/* Two slots meet inside a huge page, or at its border; conversions cross it. */
GM_CASES(several, struct border, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = GM_1G, .mem_size = 8 * GM_2M,
				    .no_slot = true);
	uint64_t meet = r->base + 4 * GM_2M + v->pages * GM_PAGE_SIZE;
	uint64_t first = meet - r->base, rest = 8 * GM_2M - first;

	huge_slot(r, GM_SLOT, r->base, first, 0, 0);
	huge_slot(r, GM_SLOT + 1, meet, rest, first, first);
	huge_write(r, r->base, 8 * 512);
	huge_expect(r, "all written");
	for (int dir = 1; dir >= 0; dir--) {
		huge_convert(r, meet - GM_PAGE_SIZE, 2, dir);
		huge_check(r, r->base, 8 * 512, "two pages over the border converted");
		huge_expect(r, "two pages over the border converted");
		huge_convert(r, r->base + GM_2M + GM_PAGE_SIZE, 5 * 512, dir);
		huge_check(r, r->base, 8 * 512, "a range over the border converted");
		huge_write(r, meet - 600 * GM_PAGE_SIZE, 1200);
		huge_expect(r, "a range over the border converted");
	}
	/* The deletion of one slot does not unmap the other. */
	huge_slot(r, GM_SLOT, r->base, 0, 0, 0);
	huge_expect(r, "the first slot deleted");
	huge_check(r, meet, rest / GM_PAGE_SIZE, "the first slot deleted");
	huge_expect(r, "the second slot read");
	huge_vm_free(r);
}

GM_ROW(several, several_aligned, .name = "huge.misaligned.two_slots_aligned",
       .text = "two slots meet between two 2 MiB pages", .huge_2m = 8) = { .pages = 0 };
GM_ROW(several, several_inside, .name = "huge.misaligned.two_slots_inside",
       .text = "two slots meet inside a 2 MiB page", .huge_2m = 8) = { .pages = 100 };
