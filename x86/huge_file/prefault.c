// SPDX-License-Identifier: GPL-2.0-only
/* KVM_PRE_FAULT_MEMORY of whole, split and mixed huge pages: huge_file.prefault. */
#include "huge_file.h"

GM_FILE(.clause = "huge_file.prefault", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE, PREFAULT))

struct size {
	uint64_t page;
};

/* The guest reads every page, or in a GiB some of each 2 MiB, without one fault. */
static void expect_no_fault(struct hf_vm *h, uint64_t p, uint64_t n, const char *when)
{
	if (h->page == GM_2M)
		hf_check(h, p, n, when);
	else
		for (uint64_t end = p + n; p < end; p += 777)
			hf_check(h, p, 1, when);
	hf_expect(h, "%s, touched", when);
}

GM_CASES(states, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, self->huge_1g ?: self->huge_2m, 1);
	const uint64_t one = h->in_one, last = (h->n - 1) * one;

	/* One page of it maps all of the huge page, and allocates it. */
	hf_prefault(h, 0, one / 2, 1);
	hf_expect(h, "a page of a private huge page");
	hf_expect_pool(h, 1, "a page of a private huge page");
	expect_no_fault(h, 0, one, "a private huge page");
	if (h->n > 1) {
		hf_prefault(h, 0, one - 1, 2);
		hf_expect(h, "across the end of a huge page");
		expect_no_fault(h, 0, 2 * one, "two private huge pages");
	}
	/* Split: only the pages of the range. */
	hf_convert(h, last + 5, 2, false);
	hf_expect(h, "two pages of the last huge page became shared");
	hf_prefault(h, 0, last, 4);
	hf_expect(h, "four private pages of a split huge page");
	hf_prefault(h, 0, last + 3, 4);
	hf_expect(h, "private and shared pages");
	hf_prefault(h, 0, last + 5, 1);
	hf_expect(h, "a shared page that is mapped");
	expect_no_fault(h, last, 7, "a split huge page");
	/* From the end of a whole one into a split one. */
	if (h->n > 2) {
		hf_convert(h, one + 3, 1, false);
		hf_prefault(h, 0, one - 600 % one, 600 % one + 9);
		hf_expect(h, "from a whole huge page into a split one");
		hf_prefault(h, 0, 2 * one - 3, 3 + 8);
		hf_expect(h, "from a split huge page into a split one");
		hf_convert(h, one + 3, 1, true);
	}
	/* Whole again, while small entries are there: the prefault maps it by one. */
	hf_convert(h, last + 5, 2, true);
	hf_expect(h, "all private again");
	hf_prefault(h, 0, last + 6, 1);
	hf_expect(h, "a page that is not mapped, of a huge page that is whole again");
	expect_no_fault(h, last, one, "whole again");
	/* A hole: the prefault allocates. */
	hf_punch(h, h->n - 1, 1);
	hf_expect(h, "a hole");
	hf_prefault(h, 0, last + 1, 1);
	hf_expect(h, "a page of the hole");
	hf_expect_pool(h, h->n, "a page of the hole");
	hf_check(h, last, 9, "zeros after the hole");
	hf_expect(h, "the hole is mapped");
	hf_free(h);
}
GM_ROW(states, states_2m, .name = "huge_file.prefault.states.2m", .huge_2m = 3,
       .text = "2 MiB pages: a prefault maps a whole huge page by one entry, a split one page by page, mixed ranges by both; no fault after it") = {
	.page = GM_2M
};
GM_ROW(states, states_1g, .name = "huge_file.prefault.states.1g", .huge_1g = 2,
       .text = "1 GiB pages: a prefault maps a whole huge page by one entry, a split one page by page; no fault after it") = {
	.page = GM_1G
};

GM_CASE(all, .name = "huge_file.prefault.all", .huge_2m = 8,
	.text = "seeded pages of eight huge pages are shared; one prefault of all maps each as it must be")
{
	struct hf_vm *h = hf_new(GM_2M, 8, 1);
	uint64_t all = h->n * h->in_one;

	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < 2 * round; i++)
			hf_convert(h, gm_fixture_random(h->w, all), 1, i % 4 == 3);
		hf_prefault(h, 0, 0, all);
		hf_expect(h, "round %u: all prefaulted", round);
		hf_write(h, 0, 0, all);
		hf_check(h, 0, all, "prefaulted");
		hf_expect(h, "round %u: no fault", round);
	}
	hf_free(h);
}
