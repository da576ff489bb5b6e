// SPDX-License-Identifier: GPL-2.0-only
/* A hole while vCPUs fault its pages in: no old page is mapped after it: fd.punch_unmaps. */
#include <stdatomic.h>

#include "fd.h"

#define LEN (2 * GM_2M)
#define NPAGES (LEN / PG)
#define VCPUS 3
#define ROUNDS 24

struct faulting {
	struct gm_fixture *w;
	atomic_uint begun; /* vCPUs that are about to fault */
	unsigned int round;
};

/*
 * The pages are allocated but not mapped: each touch is a fault, which gets its page some time
 * before it maps it. The hole begins during a fault, later each round.
 */
static void part(unsigned int i, void *arg)
{
	struct faulting *f = arg;

	if (i == VCPUS) {
		while (atomic_load(&f->begun) < VCPUS)
			sched_yield();
		usleep(f->round * 150);
		gm_gmem_punch(f->w->gmem, 0, LEN);
		return;
	}
	atomic_fetch_add(&f->begun, 1);
	/* Each vCPU begins at another third, so that the whole range has faults. */
	for (unsigned int k = 0; k < VCPUS; k++) {
		uint64_t third = NPAGES / VCPUS;

		gm_guest_touch(f->w->vm, i, GM_BASE + (i + k) % VCPUS * third * PG, third * PG, PG);
	}
}

GM_CASE(faulting, .name = "fd.punch_unmaps.faulting", .clause = "fd.punch_unmaps",
	.flavours = FD_EACH_TDP,
	.text = "a hole while three vCPUs fault in its pages: after its return no vCPU has an old page")
{
	struct faulting at = { .w = FD_FIXTURE(self->flavour, LEN, .vcpus = VCPUS,
					       .no_slot = true) };
	struct gm_fixture *w = at.w;

	for (at.round = 0; at.round < ROUNDS && !gm_failures(); at.round++) {
		gm_fixture_slot(w, GM_SLOT, GM_BASE, LEN, 0);
		gm_fixture_fill(w, 0, FIRST, NPAGES);
		/* In a new slot the file keeps its pages, and the guest has none mapped. */
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_slot(w, GM_SLOT, GM_BASE, LEN, 0);
		atomic_store(&at.begun, 0);
		gm_parallel(VCPUS + 1, part, &at);
		gm_guest_check_zero(w->vm, 0, GM_BASE, NPAGES, "after the hole");
		gm_slot_delete(w->vm, GM_SLOT);
	}
	fd_fixture_free(w);
}
