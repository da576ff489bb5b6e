// SPDX-License-Identifier: GPL-2.0-only
/* Accesses of the host: every probe of lib/access/ on every state of guest_memfd: gup.*. */
#include <sys/mman.h>

#include "access/matrix.h"
#include "access/stage.h"
#include "fixture.h"
#include "gm.h"

#define STAGE_LEN (GM_STAGE_PAGES * GM_PAGE_SIZE)

/* userspace_addr is the mapping of the file. */
static void open_file(struct gm_stage *s, const struct gm_flavour *f)
{
	gm_stage_use(s, GM_FIXTURE(.flavour = f, .size = STAGE_LEN, .no_map = true,
				   .uaddr = GM_UADDR_SHARED));
}

/* If no ordinary VM can run on private pages, only the probes run. */
static void open_private(struct gm_stage *s)
{
	open_file(s, &gm_p1p);
	s->mute = !gm_platform_has(GM_NEED_ORDINARY_PRIVATE);
	if (s->mute)
		gm_note("%s: the guest wrote nothing", gm_need_reason(GM_NEED_ORDINARY_PRIVATE));
}

static void open_shared(struct gm_stage *s)
{
	open_file(s, &gm_p1);
}

/* Maps pages from 8 on, so that GUP-fast finds them. */
static void open_guarded(struct gm_stage *s, int prot)
{
	open_shared(s);
	s->prot = prot;
	GM_SETUP_OK(mprotect(s->hva, STAGE_LEN, PROT_READ));
	for (size_t i = 8; i < GM_STAGE_PAGES; i++)
		(void)*(volatile uint8_t *)(s->hva + i * GM_PAGE_SIZE);
	GM_SETUP_OK(mprotect(s->hva, STAGE_LEN, prot));
}

static void open_read_only(struct gm_stage *s)
{
	open_guarded(s, PROT_READ);
}

static void open_no_access(struct gm_stage *s)
{
	open_guarded(s, PROT_NONE);
}

/* An ordinary VM also needs host memory, which is not the file's. */
static void open_none(struct gm_stage *s)
{
	static const struct gm_flavour none = { .kind = GM_VM_DEFAULT };
	struct gm_fixture *w =
		GM_FIXTURE(.flavour = &none, .size = STAGE_LEN, .no_map = true, .no_slot = true);

	/* arm64 binds only mappable files (fd.slot_arm64). */
	if (__gm_slot_set(w->vm, GM_SLOT, 0, GM_BASE, STAGE_LEN, w->uaddr, w->gmem, 0)) {
		GM_SETUP(errno == EINVAL, "slot on guest_memfd: %s", gm_errno_name(errno));
		gm_note("this kernel does not bind such a file: tested without a slot");
	}
	gm_stage_use(s, w);
	s->mute = true;
}

static const struct gm_state states[] = {
	{ .name = "none",
	  .text = "guest_memfd that cannot be mapped",
	  .profile = "any",
	  .needs = GM_NEEDS(GMEM_DEFAULT),
	  .class = GM_CLASS_NO_VMA,
	  .open = open_none },
	{ .name = "private",
	  .text = "guest_memfd that is mapped, and private by file",
	  .profile = "P1p",
	  .needs = GM_NEEDS(GMEM_MMAP),
	  .class = GM_CLASS_PRIVATE,
	  .open = open_private },
	{ .name = "shared",
	  .text = "guest_memfd that is mapped and shared",
	  .profile = "P1",
	  .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED),
	  .class = GM_CLASS_SHARED,
	  .open = open_shared },
};

/* Without TDP KVM may emulate the guest through the mapping, with its reduced rights. */
static const struct gm_state guarded[] = {
	{ .name = "read_only",
	  .text = "shared guest_memfd mapped read-only: every way to write through the mapping",
	  .profile = "P1",
	  .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	  .class = GM_CLASS_READ_ONLY,
	  .open = open_read_only },
	{ .name = "no_access",
	  .text = "shared guest_memfd mapped PROT_NONE: every way to read through the mapping",
	  .profile = "P1",
	  .needs = GM_NEEDS(GMEM_MMAP, INIT_SHARED, TDP),
	  .class = GM_CLASS_NO_ACCESS,
	  .open = open_no_access },
};

static void generate(void)
{
	for (size_t i = 0; i < sizeof(guarded) / sizeof(*guarded); i++)
		gm_matrix_add_whole(&guarded[i]);
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		gm_matrix_add(&states[i]);
		gm_matrix_add_user(&states[i]);
	}
	gm_matrix_add_ordinary();
}

GM_GENERATE(generate)
