// SPDX-License-Identifier: GPL-2.0-only
/* A conversion unmaps its pages, and no others: conv.any_range. */
#include "conv.h"
#include "pagesize.h"

GM_FILE(.clause = "conv.any_range", .providers = GM_PROVIDERS_X86, .needs = GM_NEEDS(PAGE_STATS))

#define FIRST GFN(GM_BASE)
#define NPAGES 600

static const struct {
	uint64_t first, pages;
} ranges[] = { { 0, 1 }, { 200, 3 }, { 511, 2 }, { NPAGES - 1, 1 } };

/* The guest reads all pages but those of the ranges. */
static void read_others(struct gm_fixture *w, const char *when)
{
	uint64_t next = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ranges[i].first > next)
			gm_fixture_check_guest(w, 0, FIRST + next, ranges[i].first - next, 1, when);
		next = ranges[i].first + ranges[i].pages;
	}
}

GM_CASE(only, .name = "conv.any_range.nothing_else",
	.text = "ranges become shared and private again: the guest's mappings of those go, and the other pages are touched without a fault")
{
	struct gm_fixture *w = GM_FIXTURE(.size = NPAGES * GM_PAGE_SIZE, .starts_private = true);
	struct gm_page_counts start, change = {};

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_page_counts_read(w->vm, &start);
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		gm_fixture_convert(w, FIRST + ranges[i].first, ranges[i].pages, false);
		change.pages[GM_SIZE_4K] -= ranges[i].pages;
		gm_page_counts_expect(w->vm, &start, &change, "shared");
	}
	read_others(w, "beside the shared pages");
	gm_page_counts_expect(w->vm, &start, &change, "the guest has read the others");
	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		gm_fixture_convert(w, FIRST + ranges[i].first, ranges[i].pages, true);
	read_others(w, "beside the private pages");
	gm_page_counts_expect(w->vm, &start, &change, "private again");
	gm_fixture_free(w);
}
