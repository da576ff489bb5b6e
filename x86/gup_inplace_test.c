// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host cannot reach in, where a page of a mapped guest_memfd became private by conversion in
 * place, whatever the host did with it before; and reaches it as ever once it is shared again:
 * gup.*.
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

/* No retry: nobody uses the pages, and what used them is over. */
static void convert(struct gm_stage *s, unsigned int first, unsigned int end, bool to_private)
{
	gm_gmem_convert(s->gmem, first * GM_PAGE_SIZE, (end - first) * GM_PAGE_SIZE, to_private);
}

/* A part of what the guest wrote is read, and a part written, before the probes come. */
static void live(struct gm_stage *s, const char *when)
{
	gm_stage_check_pages(s, 506, 12, when);
	gm_stage_refill(s, 1016, 8);
}

/* All but a few pages, so that requests can run from a shared page into a private one. */
static void to_private(struct gm_stage *s)
{
	const unsigned int first = GM_BORDER + GM_BORDER_SHARED, end = first + GM_BORDER_PRIVATE;

	convert(s, 0, GM_BORDER, true);
	convert(s, end + GM_BORDER_SHARED, GM_STAGE_PAGES, true);
	convert(s, first, end, true);
	s->border = true;
	live(s, "converted to private");
}

/* There and back, by other ranges. */
static void to_and_fro(struct gm_stage *s)
{
	convert(s, 0, GM_STAGE_PAGES, true);
	live(s, "converted to private");
	convert(s, 0, 511, false);
	convert(s, 511, GM_STAGE_PAGES, false);
	live(s, "shared again");
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

/* Shared or not, such a file has no mapping. */
static void none_to_and_fro(struct gm_stage *s)
{
	convert(s, 0, GM_STAGE_PAGES, false);
	live(s, "converted to shared");
	convert(s, 0, 300, true);
	live(s, "converted back in part");
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
	  .convert = to_and_fro },
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
	  .convert = none_to_and_fro },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		gm_matrix_add(&states[i]);
	gm_matrix_add_user(&states[0]);
	gm_matrix_add_user(&states[1]);
}

GM_GENERATE(generate)
