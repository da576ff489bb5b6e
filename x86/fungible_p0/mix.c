// SPDX-License-Identifier: GPL-2.0-only
/* A host slides between 0 and 100 % confidential VMs, and no huge page gets lost on the way. */
#include <linux/falloc.h>
#include <fcntl.h>

#include "fungible_p0.h"

#define VMS 3

struct one {
	struct gm_vm *vm;
	struct gm_mem *mem;
	int gmem;
	unsigned int gen;
};

static void vm_start(struct one *o, enum gm_mem_kind kind)
{
	uint64_t unit = gm_mem_pagesize(kind);

	o->vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	o->mem = gm_mem_new(kind, unit);
	o->gmem = gm_gmem_new(o->vm, unit, 0);
	gm_slot_set(o->vm, GM_SLOT, 0, GM_BASE, unit, o->mem->hva, o->gmem, 0);
	gm_vm_map(o->vm, GM_BASE, GM_1G, GM_1G);
	gm_guest_fill(o->vm, 0, GM_BASE, 2, GM_HALF_SHARED, ++o->gen);
}

static void vm_stop(struct one *o)
{
	gm_vm_free(o->vm);
	close(o->gmem);
	gm_mem_free(o->mem);
}

/* All of it private: the host takes the huge page that nobody can reach any more. */
static void confide(struct one *o)
{
	uint64_t unit = o->mem->size;

	gm_guest_convert(o->vm, 0, GM_BASE, unit / GM_PAGE_SIZE, true);
	GM_SETUP_OK(fallocate(o->mem->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, unit));
	gm_guest_check_zero(o->vm, 0, GM_BASE, 2, "fresh private memory");
	gm_guest_fill(o->vm, 0, GM_BASE, 2, GM_HALF_PRIVATE, ++o->gen);
	gm_guest_check(o->vm, 0, GM_BASE, 2, GM_HALF_PRIVATE, o->gen, "private");
}

/* Back: the private pages go, and a huge page of the pool comes. */
static void reveal(struct one *o)
{
	uint64_t unit = o->mem->size;

	gm_guest_convert(o->vm, 0, GM_BASE, unit / GM_PAGE_SIZE, false);
	gm_gmem_punch(o->gmem, 0, unit);
	gm_guest_check_zero(o->vm, 0, GM_BASE, 2, "a new huge page");
	gm_guest_fill(o->vm, 0, GM_BASE, 2, GM_HALF_SHARED, ++o->gen);
	gm_guest_check(o->vm, 0, GM_BASE, 2, GM_HALF_SHARED, o->gen, "shared");
}

static void mix(const struct gm_case *self)
{
	enum gm_mem_kind kind = self->huge_1g ? GM_MEM_HUGE_1G : GM_MEM_HUGE_2M;
	struct one vm[VMS] = {};
	struct gm_pool before;

	gm_pool_read(&before, gm_mem_pagesize(kind));
	for (int i = 0; i < VMS; i++)
		vm_start(&vm[i], kind);
	gm_pool_expect(&before, VMS, 0, "nothing confidential");
	for (long cycle = 0; cycle < self->val && !gm_failures(); cycle++) {
		for (int i = 0; i < VMS; i++) {
			confide(&vm[i]);
			gm_pool_expect(&before, VMS - 1 - i, 0, "one more VM confidential");
		}
		/* What came free is good for others: a VM more, of the pool that these left. */
		struct one guest = {};

		vm_start(&guest, kind);
		gm_pool_expect(&before, 1, 0, "an ordinary VM beside confidential ones");
		vm_stop(&guest);
		for (int i = VMS - 1; i >= 0; i--) {
			reveal(&vm[i]);
			gm_pool_expect(&before, VMS - i, 0, "one VM less confidential");
		}
	}
	for (int i = 0; i < VMS; i++)
		vm_stop(&vm[i]);
	gm_pool_expect(&before, 0, 0, "all gone");
}

GM_VARIANT(mix, mix_2m, .name = "fungible.mix.slide_2m", .clause = "fungible.mix",
	   .text = "three VMs of 2 MiB pages slide from shared to private and back, five times",
	   .val = 5, .profile = "P0", .needs = GM_NEEDS(ATTRIBUTES), .huge_2m = VMS)
GM_VARIANT(mix, mix_1g, .name = "fungible.mix.slide_1g", .clause = "fungible.mix",
	   .text = "three VMs of 1 GiB pages slide from shared to private and back", .val = 1,
	   .profile = "P0", .needs = GM_NEEDS(ATTRIBUTES), .huge_1g = VMS, .flags = GM_FULL_ONLY,
	   .timeout = 180)
