// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host cannot access pages that are private by attribute: the file cannot be mapped, and the
 * slot's mapping is shared memory: gup.*.
 */
#include "access/matrix.h"
#include "access/stage.h"
#include "fixture.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

static void open_none(struct gm_stage *s)
{
	struct gm_fixture *w = GM_FIXTURE(.size = STAGE_LEN, .mem = GM_MEM_SHMEM,
					  .starts_private = true, .no_map = true);

	gm_host_fill(w->hva, GFN(w->gpa), GM_STAGE_PAGES, GM_WRITER_SHARED, 1);
	gm_stage_use(s, w);
	s->fd = w->mem->fd;
	s->hva = NULL;
}

/* The slot's mapping: probes reach shared memory, never private memory. */
static void open_attr(struct gm_stage *s)
{
	struct gm_fixture *w;

	open_none(s);
	w = s->own;
	s->hva = w->hva;
	s->split = true;
}

static const struct gm_state states[] = {
	{ .name = "attr",
	  .text = "shared memory of pages that are private by attribute",
	  .providers = GM_PROVIDERS(ATTRIBUTES),
	  .class = GM_CLASS_ORDINARY,
	  .full = true,
	  .open = open_attr },
	{ .name = "none_attr",
	  .text = "guest_memfd that cannot be mapped, private by attribute",
	  .providers = GM_PROVIDERS(ATTRIBUTES),
	  .class = GM_CLASS_NO_VMA,
	  .open = open_none },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		gm_matrix_add(&states[i]);
}

GM_GENERATE(generate)
