// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host cannot reach in, where a page of a mapped guest_memfd became private by conversion in
 * place, whatever the host did with it before; and reaches it as ever once it is shared again:
 * gup.*.
 */
#include <sys/mman.h>

#include "access/matrix.h"
#include "access/stage.h"
#include "fixture.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

/* The file, the mapping and the VM are the fixture's. */
static void close_fixture(struct gm_stage *s)
{
	gm_fixture_free(s->own);
	s->vm = NULL;
	s->hva = NULL;
	s->gmem = -1;
}

static void open_shared(struct gm_stage *s)
{
	struct gm_fixture *w = GM_FIXTURE(.size = STAGE_LEN, .no_map = true);

	s->vm = w->vm;
	s->gmem = w->gmem;
	s->hva = w->hva;
	s->before = true;
	s->own = w;
	s->close = close_fixture;
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

static void open_file(struct gm_stage *s, uint64_t flags)
{
	s->vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	s->gmem = gm_gmem_new(s->vm, STAGE_LEN, flags);
	/* Never touched: every access goes to the file. */
	s->own = mmap(NULL, STAGE_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	GM_SETUP(s->own != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_slot_set(s->vm, GM_SLOT, 0, GM_BASE, STAGE_LEN, s->own, s->gmem, 0);
}

static void close_file(struct gm_stage *s)
{
	munmap(s->own, STAGE_LEN);
}

static void open_initial(struct gm_stage *s)
{
	open_file(s, GUEST_MEMFD_FLAG_MMAP);
	s->hva = mmap(NULL, STAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, s->gmem, 0);
	GM_SETUP(s->hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	s->close = close_file;
}

static void open_none(struct gm_stage *s)
{
	open_file(s, 0);
	s->close = close_file;
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
