// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host reaches the shared single pages of a guest_memfd of huge pages, and never the private
 * ones beside them: gup.*. The cases with their own clauses are in gup_huge/.
 */
#include "access/matrix.h"
#include "access/stage.h"
#include "fixture.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

static void open_shared(struct gm_stage *s)
{
	gm_stage_use(s, GM_FIXTURE(.size = STAGE_LEN, .no_map = true));
	s->before = true;
}

static void open_initial(struct gm_stage *s)
{
	gm_stage_use(s, GM_FIXTURE(.size = STAGE_LEN, .no_map = true, .starts_private = true));
}

static void convert(struct gm_stage *s, unsigned int first, unsigned int end, bool to_private)
{
	gm_gmem_convert(s->gmem, first * GM_PAGE_SIZE, (end - first) * GM_PAGE_SIZE, to_private);
}

/* All but the pages at GM_BORDER: the first huge page is split, the second one is whole. */
static void to_private(struct gm_stage *s)
{
	const unsigned int first = GM_BORDER + GM_BORDER_SHARED, end = first + GM_BORDER_PRIVATE;

	convert(s, 0, GM_BORDER, true);
	convert(s, end + GM_BORDER_SHARED, GM_STAGE_PAGES, true);
	convert(s, first, end, true);
	s->border = true;
	gm_stage_check_pages(s, 506, 12, "converted to private");
	gm_stage_refill(s, 1016, 8);
}

static void back_and_forth(struct gm_stage *s)
{
	convert(s, 0, GM_STAGE_PAGES, true);
	gm_stage_check_pages(s, 506, 12, "converted to private");
	convert(s, 0, 511, false);
	convert(s, 511, GM_STAGE_PAGES, false);
	gm_stage_check_pages(s, 506, 12, "shared again");
}

static const struct gm_state states[] = {
	{ .name = "converted",
	  .text = "guest_memfd of huge pages, private by conversion: one huge page split, one whole",
	  .providers = GM_PROVIDERS(HUGE_FILE),
	  .class = GM_CLASS_PRIVATE,
	  .full = true,
	  .huge_2m = 2,
	  .open = open_shared,
	  .convert = to_private },
	{ .name = "shared_again",
	  .text = "guest_memfd of huge pages, converted to private and back to shared",
	  .providers = GM_PROVIDERS(HUGE_FILE),
	  .class = GM_CLASS_SHARED,
	  .full = true,
	  .huge_2m = 2,
	  .open = open_shared,
	  .convert = back_and_forth },
	{ .name = "private_at_first",
	  .text = "guest_memfd of huge pages, private since it was made",
	  .providers = GM_PROVIDERS(HUGE_FILE),
	  .class = GM_CLASS_PRIVATE,
	  .full = true,
	  .huge_2m = 2,
	  .open = open_initial },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		gm_matrix_add(&states[i]);
}

GM_GENERATE(generate)
