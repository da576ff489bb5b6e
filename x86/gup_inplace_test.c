// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host cannot access pages of a mapped guest_memfd that were converted to private in place,
 * after any earlier use; it can again once they are shared: gup.*. In files of huge pages the same
 * holds for the single pages of a huge page. Cases with clauses of their own are in gup_inplace/.
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

/* Without a retry: the pages are not in use any more. */
static void convert(struct gm_stage *s, unsigned int first, unsigned int end, bool to_private)
{
	gm_gmem_convert(s->gmem, first * GM_PAGE_SIZE, (end - first) * GM_PAGE_SIZE, to_private);
}

/* The guest checks some pages and writes others before the probes. */
static void use_pages(struct gm_stage *s, const char *when)
{
	gm_stage_check_pages(s, 506, 12, when);
	gm_stage_refill(s, 1016, 8);
}

/* Converts all but a few pages, so that a request can cross from shared to private pages. */
static void to_private(struct gm_stage *s)
{
	const unsigned int first = GM_BORDER + GM_BORDER_SHARED, end = first + GM_BORDER_PRIVATE;

	convert(s, 0, GM_BORDER, true);
	convert(s, end + GM_BORDER_SHARED, GM_STAGE_PAGES, true);
	convert(s, first, end, true);
	s->border = true;
	use_pages(s, "converted to private");
}

/* Converts to private, and back by other ranges. */
static void back_and_forth(struct gm_stage *s)
{
	convert(s, 0, GM_STAGE_PAGES, true);
	use_pages(s, "converted to private");
	convert(s, 0, 511, false);
	convert(s, 511, GM_STAGE_PAGES, false);
	use_pages(s, "shared again");
}

static void open_initial(struct gm_stage *s)
{
	gm_stage_use(s, GM_FIXTURE(.size = STAGE_LEN, .no_map = true, .starts_private = true));
}

static void open_none(struct gm_stage *s)
{
	static const struct gm_flavour none = { .kind = GM_VM_SW_PROTECTED };

	gm_stage_use(s, GM_FIXTURE(.flavour = &none, .size = STAGE_LEN, .no_map = true));
}

/* Such a file cannot be mapped in either state. */
static void none_back_and_forth(struct gm_stage *s)
{
	convert(s, 0, GM_STAGE_PAGES, false);
	use_pages(s, "converted to shared");
	convert(s, 0, 300, true);
	use_pages(s, "converted back in part");
}

static const struct gm_state states[] = {
	{ .name = "converted",
	  .text = "guest_memfd that is mapped, and private by conversion in place",
	  .providers = GM_PROVIDERS(INPLACE),
	  .class = GM_CLASS_PRIVATE,
	  .open = open_shared,
	  .convert = to_private },
	{ .name = "shared_again",
	  .text = "guest_memfd that is mapped, converted to private in place and back to shared",
	  .providers = GM_PROVIDERS(INPLACE),
	  .class = GM_CLASS_SHARED,
	  .open = open_shared,
	  .convert = back_and_forth },
	{ .name = "private_at_first",
	  .text = "guest_memfd that is mapped, private by file, of a VM that converts in place",
	  .providers = GM_PROVIDERS(INPLACE),
	  .class = GM_CLASS_PRIVATE,
	  .full = true,
	  .open = open_initial },
	{ .name = "none_converted",
	  .text = "guest_memfd that cannot be mapped, converted in place",
	  .providers = GM_PROVIDERS(INPLACE),
	  .class = GM_CLASS_NO_VMA,
	  .open = open_none,
	  .convert = none_back_and_forth },
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
	gm_matrix_add_user(&states[0]);
	gm_matrix_add_user(&states[1]);
}

GM_GENERATE(generate)
