// SPDX-License-Identifier: GPL-2.0-only
/* A long hole that yields mmu_lock to faults leaves no page mapped: fd.punch_unmaps. */
#include "contend.h"
#include "fd.h"

#define LEN (8 * GM_2M)
#define NOISE GM_2M

static void punch(void *arg)
{
	struct gm_fixture *w = arg;

	gm_gmem_punch(w->gmem, 0, LEN);
}

GM_CASE(contended, .name = "fd.punch_unmaps.contended", .clause = "fd.punch_unmaps",
	.flavours = FD_EACH_TDP,
	.text = "a hole of 16 MiB while another vCPU faults: the guest reaches no old page")
{
	struct gm_fixture *w = FD_FIXTURE(self->flavour, LEN + NOISE, .vcpus = 2, .file_size = LEN,
					  .no_slot = true);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, NOISE);

	gm_fixture_slot(w, GM_SLOT, GM_BASE, LEN, 0);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, GM_BASE + LEN, NOISE, mem->hva, -1, 0);
	for (unsigned int i = 0; i < 2 && !gm_failures(); i++) {
		gm_fixture_fill(w, 0, FIRST, LEN / PG);
		gm_contend(w->vm, 1, GM_BASE + LEN, mem->hva, NOISE, punch, w);
		gm_guest_check_zero(w->vm, 0, GM_BASE, LEN / PG, "after the hole");
	}
	fd_fixture_free(w);
	gm_mem_free(mem);
}
