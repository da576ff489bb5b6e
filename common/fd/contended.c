// SPDX-License-Identifier: GPL-2.0-only
/* A long hole that gives way to others on its way leaves no page mapped: fd.punch_unmaps. */
#include "contend.h"
#include "fd.h"

#define LEN (8 * GM_2M)
#define NOISE GM_2M
#define FIRST (GM_BASE / PG)

struct hole {
	int gmem;
};

static void punch(void *arg)
{
	struct hole *h = arg;

	gm_gmem_punch(h->gmem, 0, LEN);
}

FD_EACH_TDP(
	contended, "fd.punch_unmaps.contended", .clause = "fd.punch_unmaps",
	.text = "a hole of 16 MiB while another vCPU faults: the guest reaches none of the old pages")
{
	const struct fd_flavour *f = self->arg;
	struct gm_vm *vm = fd_vm_new(f, 2, LEN + NOISE);
	struct gm_mem *mem = gm_mem_new(GM_MEM_ANON, NOISE);
	struct hole h = { .gmem = fd_gmem_new(vm, f, LEN) };

	fd_slot_set(vm, f, GM_SLOT, GM_BASE, LEN, h.gmem, 0, NULL);
	gm_slot_set(vm, GM_SLOT + 1, 0, GM_BASE + LEN, NOISE, mem->hva, -1, 0);
	for (unsigned int i = 0; i < 2 && !gm_failures(); i++) {
		fd_fill(vm, 0, f, GM_BASE, LEN / PG, FIRST, 1 + i);
		gm_contend(vm, 1, GM_BASE + LEN, mem->hva, NOISE, punch, &h);
		gm_guest_check_zero(vm, 0, GM_BASE, LEN / PG, "after the hole");
	}
	gm_vm_free(vm);
	gm_mem_free(mem);
	close(h.gmem);
}
