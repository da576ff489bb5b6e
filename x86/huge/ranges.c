// SPDX-License-Identifier: GPL-2.0-only
/* Ranges that begin and end before, at and inside 2 MiB pages, in all combinations. */
#include "huge.h"

#define BLOCKS 5

GM_FILE(.clause = "huge.rejoin", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS,
	.tokens = GM_TOKEN_HUGE, .huge_2m = BLOCKS)

#define NR_PAGES (BLOCKS * 512UL)

/* Touches every 2 MiB outside the range's ends, then checks around these ends. */
static void check_range(struct huge_vm *r, uint64_t first, uint64_t end, const char *when)
{
	huge_expect(r, "[%lu, %lu) %s", first, end, when);
	huge_touch_all(r);
	huge_touch(r, r->base + GM_2M - GM_PAGE_SIZE, (BLOCKS - 1) * GM_2M + 1, GM_2M);
	huge_check_around(r, huge_gpa(0, first), 1, when);
	huge_check_around(r, huge_gpa(0, end - 1), 1, when);
	huge_expect(r, "[%lu, %lu) %s, all touched", first, end, when);
}

static void one_range(struct huge_vm *r, uint64_t first, uint64_t end)
{
	huge_convert(r, huge_gpa(0, first), end - first, true);
	check_range(r, first, end, "private");
	huge_convert(r, huge_gpa(0, first), end - first, false);
	check_range(r, first, end, "shared again");
}

static const uint64_t edge[] = { 0,
				 1,
				 2,
				 511,
				 512,
				 513,
				 1023,
				 1024,
				 1025,
				 1535,
				 1536,
				 1537,
				 NR_PAGES - 513,
				 NR_PAGES - 512,
				 NR_PAGES - 511,
				 NR_PAGES - 1,
				 NR_PAGES };

struct beside {
	bool private; /* another page is private all the time */
};

GM_CASES(ranges, struct beside, v)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_2M, .size = BLOCKS * GM_2M);

	huge_touch_all(r);
	/* With another page private, only the range's pages change. */
	if (v->private)
		huge_convert(r, huge_gpa(0, 1024 + 100), 1, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(edge); i++)
		for (unsigned int j = i + 1; j < ARRAY_SIZE(edge); j++) {
			one_range(r, edge[i], edge[j]);
			if (v->private)
				huge_convert(r, huge_gpa(0, 1024 + 100), 1, true);
		}
	huge_convert(r, r->base, NR_PAGES, false);
	huge_touch_all(r);
	gm_page_counts_expect(r->w->vm, &r->start,
			      &(struct gm_page_counts){ .pages = { [GM_SIZE_2M] = BLOCKS },
							.fixed = r->shape->now.fixed },
			      "whole at the end");
	huge_check(r, r->base, NR_PAGES, "at the end");
	huge_vm_free(r);
}

GM_ROW(ranges, ranges_clean, .name = "huge.rejoin.ranges",
       .text = "136 ranges that begin and end at every edge of 2 MiB pages, back and forth") = {
	.private = false,
};
GM_ROW(ranges, ranges_beside, .name = "huge.rejoin.ranges_beside_private",
       .text = "the same with another page private all the time") = { .private = true };
