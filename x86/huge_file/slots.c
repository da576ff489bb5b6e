// SPDX-License-Identifier: GPL-2.0-only
/* Slots that begin or end inside huge pages of the file, and several of them: huge_file.slots. */
#include "huge_file.h"

GM_FILE(.clause = "huge_file.slots", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

/* Single pages from the guest's first, and from the file's first. */
struct layout {
	uint64_t page;
	uint64_t at, n, first;
	int64_t whole, n2m; /* entries of huge pages, and of 2 MiB in a GiB, when all is touched */
};

/* The slot's first and last pages, both sides of all borders in it, and a page of each 2 MiB. */
static void touch_edges(struct hf_vm *h, const struct layout *l)
{
	uint64_t end = l->first + l->n, block = (l->first + 511) / 512 * 512;

	hf_write(h, 0, l->first, 2);
	if (block < end)
		hf_touch(h, 0, block, (end - block + 511) / 512, 512);
	for (uint64_t p = (l->first / h->in_one + 1) * h->in_one; p < end; p += h->in_one)
		hf_write(h, 0, p - 1, 2);
	hf_write(h, 0, end - 2, 2);
}

static void expect_no_memory(struct hf_vm *h, uint64_t gpa, const char *when)
{
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex;

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(gpa)),
		     !__gm_run(h->w->vm, 0, &op, 1, &ex, NULL) && ex.reason == KVM_EXIT_MMIO,
		     "%s: a read without a slot: expected KVM_EXIT_MMIO, observed %s", when,
		     gm_exit_str(&ex));
}

/* One page to shared and back, all touched before and after. */
static void there_and_back(struct hf_vm *h, const struct layout *l, uint64_t p)
{
	for (int dir = 0; dir < 2; dir++) {
		hf_convert(h, p, 1, dir);
		hf_expect(h, "page %lu of the file became %s", p, dir ? "private" : "shared");
		touch_edges(h, l);
		hf_expect(h, "page %lu of the file became %s, touched", p,
			  dir ? "private" : "shared");
	}
}

GM_CASES(misaligned, struct layout, l)
{
	struct hf_vm *h = hf_new_no_slot(l->page, self->huge_1g ?: self->huge_2m, 1);
	uint64_t gpa = h->w->gpa + l->at * PG, last = l->first + l->n - 1;
	uint64_t border = (l->first / h->in_one + 1) * h->in_one;
	const uint64_t at[] = { l->first,
				last,
				l->first + l->n / 2,
				border - 1,
				border,
				last / h->in_one * h->in_one,
				last / h->in_one * h->in_one - 1 };
	struct gm_page_counts own;

	hf_slot(h, 0, l->at, l->n, l->first);
	touch_edges(h, l);
	if (l->page == GM_2M)
		hf_write(h, 0, l->first, l->n);
	hf_expect(h, "all touched");
	/* Without the model: the layout's own numbers. */
	gm_page_counts_read(h->w->vm, &own);
	GM_EXPECT_EQ(own.pages[GM_SIZE_2M] - h->start.pages[GM_SIZE_2M],
		     l->page == GM_2M ? l->whole : l->n2m, "2 MiB entries");
	GM_EXPECT_EQ(own.pages[GM_SIZE_1G] - h->start.pages[GM_SIZE_1G],
		     l->page == GM_1G ? l->whole : 0, "1 GiB entries");
	if (l->page == GM_2M)
		GM_EXPECT_EQ(own.pages[GM_SIZE_4K] - h->start.pages[GM_SIZE_4K],
			     l->n - l->whole * 512, "4 KiB entries");
	/* The guest itself maps nothing below its first page. */
	if (l->at)
		expect_no_memory(h, gpa - PG, "below the slot");
	expect_no_memory(h, gpa + l->n * PG, "above the slot");

	/* A GiB has many pages to touch each time: only its ends and its middle. */
	for (unsigned int i = 0; i < (l->page == GM_1G ? 3 : ARRAY_SIZE(at)); i++)
		if (at[i] >= l->first && at[i] <= last)
			there_and_back(h, l, at[i]);
	/* Pages of the same huge pages that are in no slot, alone and across the slot's ends. */
	if (l->first)
		there_and_back(h, l, l->first - 1);
	if (last + 1 < h->n * h->in_one)
		there_and_back(h, l, last + 1);
	for (int dir = 0; dir < 2; dir++) {
		uint64_t from = l->first < 3 ? 0 : l->first - 3;

		hf_convert(h, from, l->first + 2 - from, dir);
		hf_expect(h, "a range across the slot's begin");
		touch_edges(h, l);
		hf_expect(h, "a range across the slot's begin, touched");
	}
	hf_check(h, l->first, 4, "the slot's first pages");
	hf_check(h, last - 3, 4, "the slot's last pages");
	if (l->page == GM_2M)
		hf_check(h, l->first, l->n, "all of the slot");
	hf_expect(h, "at the end");
	hf_free(h);
}

#define P2M 512UL
#define P1G (512UL * 512)

GM_ROW(misaligned, start_4k, .name = "huge_file.slots.start_4k", .huge_2m = 4,
       .text = "the slot begins one page into a huge page") = {
	.page = GM_2M, .at = 1, .n = 4 * P2M - 1, .first = 1, .whole = 3
};
GM_ROW(misaligned, end_4k, .name = "huge_file.slots.end_4k", .huge_2m = 4,
       .text = "the slot ends one page before a huge page does") = {
	.page = GM_2M, .at = 0, .n = 4 * P2M - 1, .first = 0, .whole = 3
};
GM_ROW(misaligned, end_one_more, .name = "huge_file.slots.end_one_more", .huge_2m = 4,
       .text = "the slot ends one page into a huge page, and begins at the file's third") = {
	.page = GM_2M, .at = P2M, .n = P2M + 1, .first = 2 * P2M, .whole = 1
};
GM_ROW(misaligned, gpa_4k, .name = "huge_file.slots.gpa_4k", .huge_2m = 3,
       .text = "gpa and file differ by one page: nothing huge") = {
	.page = GM_2M, .at = 1, .n = 3 * P2M, .first = 0
};
GM_ROW(misaligned, gpa_half, .name = "huge_file.slots.gpa_half", .huge_2m = 3,
       .text = "gpa and file differ by half a huge page: nothing huge") = {
	.page = GM_2M, .at = P2M / 2, .n = 3 * P2M, .first = 0
};
GM_ROW(misaligned, file_4k, .name = "huge_file.slots.file_4k", .huge_2m = 3,
       .text = "the file's offset is odd, the gpa is aligned: nothing huge") = {
	.page = GM_2M, .at = P2M, .n = 2 * P2M, .first = 77
};
GM_ROW(misaligned, both, .name = "huge_file.slots.both", .huge_2m = 3,
       .text = "gpa and file begin at the same page of a huge page: whole where the slot has all of it") = {
	.page = GM_2M, .at = P2M + 300, .n = 2 * P2M, .first = 300, .whole = 1
};
GM_ROW(misaligned, inside, .name = "huge_file.slots.inside", .huge_2m = 3,
       .text = "the slot is a part of one huge page: single pages") = {
	.page = GM_2M, .at = 100, .n = 300, .first = P2M + 100
};
GM_ROW(misaligned, gpa_4k_1g, .name = "huge_file.slots.gpa_4k.1g", .huge_1g = 1,
       .flags = GM_FULL_ONLY,
       .text = "1 GiB pages: gpa and file differ by one page: nothing huge") = {
	.page = GM_1G, .at = 1, .n = P1G, .first = 0
};
GM_ROW(misaligned, gpa_2m_1g, .name = "huge_file.slots.gpa_2m.1g", .huge_1g = 1,
       .text = "1 GiB pages: gpa and file differ by 2 MiB: single pages, not 2 MiB") = {
	.page = GM_1G, .at = P2M, .n = P1G, .first = 0
};
GM_ROW(misaligned, start_2m_1g, .name = "huge_file.slots.start_2m.1g", .huge_1g = 2,
       .text = "1 GiB pages: the slot begins 2 MiB into the first one, of which it has 2 MiB entries") = {
	.page = GM_1G, .at = P2M, .n = 2 * P1G - P2M, .first = P2M, .whole = 1, .n2m = 511
};
GM_ROW(misaligned, end_4k_1g, .name = "huge_file.slots.end_4k.1g", .huge_1g = 2,
       .flags = GM_FULL_ONLY,
       .text = "1 GiB pages: the slot ends one page before the second one does") = {
	.page = GM_1G, .at = 0, .n = 2 * P1G - 1, .first = 0, .whole = 1, .n2m = 511
};

struct meeting {
	uint64_t page;
	uint64_t meet;	  /* page of the file where the second slot begins */
	bool apart, swap; /* a gap of a page between the slots; the second one is below the first */
};

/* Two slots on one file, which meet at a border of a huge page or inside it. */
GM_CASES(several, struct meeting, v)
{
	struct hf_vm *h = hf_new_no_slot(v->page, 3, 1);
	uint64_t all = h->n * h->in_one, gap = v->apart;
	uint64_t up = v->swap ? 3 * h->in_one : 0;

	hf_slot(h, 0, up, v->meet, 0);
	hf_slot(h, 1, (v->swap ? 0 : gap * h->in_one) + v->meet, all - v->meet, v->meet);
	hf_write(h, 0, 0, all);
	hf_expect(h, "all written");
	for (int dir = 0; dir < 2; dir++) {
		hf_convert(h, v->meet - 1, 2, dir);
		hf_expect(h, "two pages across the border");
		hf_check(h, 0, all, "two pages across the border");
		hf_expect(h, "two pages across the border, touched");
		hf_convert(h, 7, all - 14, dir);
		hf_expect(h, "nearly all");
		hf_write(h, 0, v->meet - 300, 600);
		hf_check(h, 0, all, "nearly all");
		hf_expect(h, "nearly all, touched");
	}
	/* A hole and a deletion reach what they are told, in both slots or in one. */
	hf_punch(h, 1, 1);
	hf_expect(h, "a hole of the second huge page");
	hf_check(h, 0, all, "after the hole");
	hf_expect(h, "after the hole");
	hf_slot_delete(h, 0);
	hf_expect(h, "the first slot is deleted");
	hf_check(h, v->meet, all - v->meet, "the first slot is deleted");
	hf_expect(h, "the second slot goes on");
	/* A conversion of the part that has no slot any more. */
	hf_convert(h, v->meet - 2, 1, false);
	hf_expect(h, "a page without a slot became shared");
	hf_write(h, 0, v->meet, 300);
	hf_expect(h, "a page without a slot became shared, touched");
	hf_free(h);
}
GM_ROW(several, several_border, .name = "huge_file.slots.two_at_border", .huge_2m = 3,
       .text = "two slots meet between two huge pages") = { .page = GM_2M, .meet = P2M };
GM_ROW(several, several_inside, .name = "huge_file.slots.two_inside", .huge_2m = 3,
       .text = "two slots meet inside a huge page") = { .page = GM_2M, .meet = P2M + 100 };
GM_ROW(several, several_apart, .name = "huge_file.slots.two_apart", .huge_2m = 3,
       .text = "the file goes on where the gpa does not") = { .page = GM_2M,
							      .meet = P2M + 100,
							      .apart = true };
GM_ROW(several, several_swapped, .name = "huge_file.slots.two_swapped", .huge_2m = 3,
       .text = "the file's end is below its begin") = { .page = GM_2M,
							.meet = 2 * P2M - 1,
							.swap = true };

/* A slot is deleted and made again: the state is the file's, and so are the huge pages. */
GM_CASES(again, struct meeting, v)
{
	struct hf_vm *h = hf_new_no_slot(v->page, self->huge_1g ?: self->huge_2m, 1);
	uint64_t all = h->n * h->in_one, split = (h->n - 1) * h->in_one + 9;

	hf_slot(h, 0, 0, all, 0);
	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * h->in_one, 20);
	hf_convert(h, split, 3, false);
	hf_write(h, 0, split - 9, 20);
	hf_expect(h, "the last huge page is split");
	for (int turn = 0; turn < 3; turn++) {
		hf_slot_delete(h, 0);
		hf_expect(h, "the slot is deleted");
		hf_expect_pool(h, h->n, "the slot is deleted");
		if (turn == 1) {
			/* It becomes whole, and another one is split, while there is no slot. */
			hf_convert(h, split, 3, true);
			hf_convert(h, 4, 1, false);
		}
		hf_slot(h, 0, 0, all, 0);
		hf_expect(h, "the slot is back");
		for (uint64_t huge = 0; huge < h->n; huge++)
			hf_check(h, huge * h->in_one, 20, "the slot is back");
		hf_expect(h, "the slot is back, touched");
	}
	/* At another gpa that does not agree with the file, then at one that does. */
	hf_slot_delete(h, 0);
	hf_slot(h, 3, 5, all, 0);
	for (uint64_t huge = 0; huge < h->n; huge++) {
		hf_write(h, 0, huge * h->in_one, 20);
		hf_check(h, huge * h->in_one, 20, "five pages further");
	}
	hf_expect(h, "five pages further");
	hf_slot_delete(h, 3);
	hf_slot(h, 3, h->in_one, all, 0);
	for (uint64_t huge = 0; huge < h->n; huge++) {
		hf_write(h, 0, huge * h->in_one, 20);
		hf_check(h, huge * h->in_one, 20, "a huge page further");
	}
	hf_expect(h, "a huge page further");
	hf_free(h);
}
GM_ROW(again, again_2m, .name = "huge_file.slots.again.2m", .huge_2m = 3,
       .text = "2 MiB pages: a slot is deleted and made again, here and elsewhere: states and content stay, counts exact") = {
	.page = GM_2M
};
GM_ROW(again, again_1g, .name = "huge_file.slots.again.1g", .huge_1g = 2,
       .text = "1 GiB pages: a slot is deleted and made again, here and elsewhere: states and content stay, counts exact") = {
	.page = GM_1G
};

/* The second file of a VM, which the model does not know: its entries and faults are added. */
static void count_other(struct hf_vm *h, int64_t whole, int64_t small, int64_t faults)
{
	h->start.pages[GM_SIZE_2M] += whole;
	h->start.pages[GM_SIZE_4K] += small;
	h->start.fixed += faults;
}

GM_CASE(two_files, .name = "huge_file.slots.two_files", .huge_2m = 6,
	.text = "two files in one VM, at the same offsets: a conversion, a hole, a deletion in one is not seen in the other")
{
	struct hf_vm *h = hf_new_no_slot(GM_2M, 3, 1);
	uint64_t all = h->n * h->in_one, gpa = h->w->gpa + 3 * GM_2M;
	int other = gm_gmem_new(h->w->vm, 3 * GM_2M, h->w->file.flags);

	hf_slot(h, 0, 0, all, 0);
	gm_slot_set(h->w->vm, GM_SLOT + 5, 0, gpa, 3 * GM_2M, NULL, other, 0);
	hf_write(h, 0, 0, all);
	gm_guest_fill(h->w->vm, 0, gpa, all, GM_WRITER_PRIVATE, 9);
	count_other(h, 3, 0, 3);
	hf_expect(h, "both files written");
	/* The same page of both, one after the other. */
	hf_convert(h, 600, 1, false);
	hf_expect(h, "page 600 of the first file became shared");
	gm_gmem_convert(other, 1000 * PG, PG, false);
	count_other(h, -1, 0, 0);
	hf_expect(h, "page 1000 of the second file became shared");
	hf_write(h, 0, 512, 512);
	gm_guest_check(h->w->vm, 0, gpa, all, GM_WRITER_PRIVATE, 9, "the second file");
	count_other(h, 0, 512, 512);
	hf_check(h, 0, all, "the first file");
	hf_expect(h, "both split at another page");
	hf_convert(h, 600, 1, true);
	hf_write(h, 0, 600, 1);
	hf_expect(h, "the first file is whole again");
	hf_punch(h, 1, 1);
	hf_expect(h, "a hole in the first file");
	gm_guest_check(h->w->vm, 0, gpa, all, GM_WRITER_PRIVATE, 9,
		       "the second file, after the hole");
	hf_check(h, 0, all, "the first file, after the hole");
	hf_expect(h, "after the hole");
	gm_slot_delete(h->w->vm, GM_SLOT + 5);
	count_other(h, -2, -512, 0);
	close(other);
	hf_expect(h, "the second file is gone");
	hf_check(h, 0, all, "the second file is gone");
	hf_expect(h, "no fault more");
	hf_expect_pool(h, 3, "the second file is gone");
	hf_free(h);
}
