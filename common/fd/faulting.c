// SPDX-License-Identifier: GPL-2.0-only
/* Pages that vCPUs fault in while a hole is made over them are never the old ones afterwards: fd.punch_unmaps. */
#include <stdatomic.h>

#include "fd.h"

#define LEN (2 * GM_2M)
#define NPAGES (LEN / PG)
#define FIRST (GM_BASE / PG)
#define VCPUS 3
#define ROUNDS 24

struct faulting {
	struct gm_vm *vm;
	int gmem;
	atomic_uint begun; /* vCPUs that are about to fault */
	unsigned int round;
};

/*
 * The pages are allocated and not mapped: each touch is a fault, which has its page some time before it
 * maps it. The hole begins in the middle of one of them, somewhere else each round.
 */
static void part(unsigned int i, void *arg)
{
	struct faulting *f = arg;

	if (i == VCPUS) {
		while (atomic_load(&f->begun) < VCPUS)
			sched_yield();
		usleep(f->round * 150);
		gm_gmem_punch(f->gmem, 0, LEN);
		return;
	}
	atomic_fetch_add(&f->begun, 1);
	/* Each begins elsewhere, so that faults lie in all of the range. */
	for (unsigned int k = 0; k < VCPUS; k++) {
		uint64_t third = NPAGES / VCPUS;

		gm_guest_touch(f->vm, i, GM_BASE + (i + k) % VCPUS * third * PG, third * PG, PG);
	}
}

FD_EACH_TDP(
	faulting, "fd.punch_unmaps.faulting", .clause = "fd.punch_unmaps",
	.text = "a hole while three vCPUs fault in its pages: when it returned, no vCPU has an old page")
{
	const struct fd_flavour *f = self->arg;
	struct faulting at = { .vm = fd_vm_new(f, VCPUS, LEN) };

	at.gmem = fd_gmem_new(at.vm, f, LEN);
	for (at.round = 0; at.round < ROUNDS && !gm_failures(); at.round++) {
		fd_slot_set(at.vm, f, GM_SLOT, GM_BASE, LEN, at.gmem, 0, NULL);
		fd_fill(at.vm, 0, f, GM_BASE, NPAGES, FIRST, 1 + at.round);
		/* A new slot: the file keeps its pages, and the guest has none of them mapped. */
		gm_slot_delete(at.vm, GM_SLOT);
		fd_slot_set(at.vm, f, GM_SLOT, GM_BASE, LEN, at.gmem, 0, NULL);
		atomic_store(&at.begun, 0);
		gm_parallel(VCPUS + 1, part, &at);
		gm_guest_check_zero(at.vm, 0, GM_BASE, NPAGES, "after the hole");
		gm_slot_delete(at.vm, GM_SLOT);
	}
	gm_vm_free(at.vm);
	close(at.gmem);
}
