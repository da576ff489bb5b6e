// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host cannot reach in, where a page is private by attribute: the file has no mapping, and the
 * mapping that the slot has is of the shared half, whatever the host does with it: gup.*.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "access/matrix.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

static void close_half(struct gm_stage *s)
{
	if (!s->hva)
		munmap(s->own, STAGE_LEN);
	close(s->fd);
}

static void open_half(struct gm_stage *s)
{
	s->vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	s->gmem = gm_gmem_new(s->vm, STAGE_LEN, 0);
	s->fd = GM_SETUP_OK(memfd_create("gm-shared-half", MFD_CLOEXEC));
	GM_SETUP_OK(ftruncate(s->fd, STAGE_LEN));
	s->own = mmap(NULL, STAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	GM_SETUP(s->own != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	gm_host_fill(s->own, GM_BASE / GM_PAGE_SIZE, GM_STAGE_PAGES, GM_HALF_SHARED, 1);
	gm_slot_set(s->vm, GM_SLOT, 0, GM_BASE, STAGE_LEN, s->own, s->gmem, 0);
	gm_convert(s->vm, GM_BASE, STAGE_LEN, true);
	s->close = close_half;
}

/* The slot's own mapping: reached, as ever, and never what is private. */
static void open_attr(struct gm_stage *s)
{
	open_half(s);
	s->hva = s->own;
	s->split = true;
}

static const struct gm_state states[] = {
	{ .name = "attr",
	  .text = "the shared half of pages that are private by attribute",
	  .providers = GM_PROVIDERS(ATTRIBUTES),
	  .class = GM_CLASS_ORDINARY,
	  .full = true,
	  .open = open_attr },
	{ .name = "none_attr",
	  .text = "guest_memfd that cannot be mapped, private by attribute",
	  .providers = GM_PROVIDERS(ATTRIBUTES),
	  .class = GM_CLASS_NO_VMA,
	  .open = open_half },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		gm_matrix_add(&states[i]);
}

GM_GENERATE(generate)
