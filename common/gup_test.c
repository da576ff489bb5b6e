// SPDX-License-Identifier: GPL-2.0-only
/* The host cannot reach in: every probe of lib/access/ against every state of guest_memfd: gup.*. */
#include <sys/mman.h>

#include "access/matrix.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

static void open_file(struct gm_stage *s, uint64_t flags)
{
	s->vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	s->gmem = gm_gmem_new(s->vm, STAGE_LEN, flags);
	if (flags & GUEST_MEMFD_FLAG_MMAP) {
		s->hva = mmap(NULL, STAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, s->gmem, 0);
		GM_SETUP(s->hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	}
	gm_slot_set(s->vm, GM_SLOT, 0, GM_BASE, STAGE_LEN, s->hva, s->gmem, 0);
}

static void open_private(struct gm_stage *s)
{
	open_file(s, GUEST_MEMFD_FLAG_MMAP);
}

static void open_shared(struct gm_stage *s)
{
	open_file(s, GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED);
}

static const struct gm_state states[] = {
	{ .name = "private", .text = "guest_memfd that is mapped, and private by file",
	  .profile = "P1p", .needs = GM_NEEDS(GMEM_MMAP), .class = GM_CLASS_PRIVATE,
	  .open = open_private },
	{ .name = "shared", .text = "guest_memfd that is mapped and shared", .profile = "P1",
	  .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED), .class = GM_CLASS_SHARED,
	  .open = open_shared },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		gm_matrix_add(&states[i]);
		gm_matrix_add_user(&states[i]);
	}
	gm_matrix_add_ordinary();
}

GM_GENERATE(generate)
