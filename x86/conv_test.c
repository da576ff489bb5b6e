// SPDX-License-Identifier: GPL-2.0-only
/* One page is converted and no other changes, at every 4 KiB offset: conv.any_offset. */
#include "conv/conv.h"

enum who { BY_GUEST, BY_HOST };

/*
 * Each of n pages is converted alone, looked at, written, and converted back; its neighbours
 * near and far are looked at after each. The order jumps about (n is a power of two, the step
 * odd), so that what a page before left behind is not what the next one would hide behind.
 */
static void there_and_back(struct world *w, unsigned int v, uint64_t first, uint64_t n, bool away,
			   enum who who)
{
	struct script s;

	script_init(&s, w, v);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t gfn = first + i * 307 % n;

		script_convert(&s, gfn, 1, away, who);
		script_check(&s, gfn, 1, 1);
		script_fill(&s, gfn, 1, 1);
		script_check_suspects(&s, gfn, 1);
		script_convert(&s, gfn, 1, !away, who);
		script_check_suspects(&s, gfn, 1);
		script_fill(&s, gfn, 1, 1);
	}
	script_flush(&s);
}

static void each_page(const struct gm_case *self)
{
	struct world *w = WORLD_NEW(.size = 3 * GM_2M, .mem = self->val & 2 ? GM_MEM_THP : GM_MEM_ANON);
	uint64_t first = GFN(w->gpa), all = PAGES(w->size);
	bool from_private = self->val & 1;
	struct script s;

	script_init(&s, w, 0);
	script_fill(&s, first, all, 1);
	if (from_private) {
		script_convert(&s, first, all, true, BY_GUEST);
		script_fill(&s, first, all, 1);
	}
	script_flush(&s);
	there_and_back(w, 0, first + 512, 512, !from_private, self->val & 4 ? BY_HOST : BY_GUEST);
	world_check_halves(w, 0, "at the end");
	world_free(w);
}
GM_VARIANT(each_page, each_page_0, .name = "conv.any_offset.each_page.to_private",
	   .clause = "conv.any_offset", .profile = "P0", .needs = GM_NEEDS(SW_PROTECTED), .val = 0,
	   .text = "every page of 2 MiB, alone, to private and back: it changes, no other")
