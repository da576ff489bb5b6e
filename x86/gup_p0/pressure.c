// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest converts and the host punches: gup.pressure. */
#include "access/pressure.h"
#include "gm.h"

#define PAGES 64UL
#define LEN (PAGES * GM_PAGE_SIZE)
#define ROUNDS 40

/* The shared half is there to be reached, also of a page that is private at the moment. */
struct room {
	struct gm_pressure pr;
	struct gm_vm *vm;
	int gmem;
};

static void guest(struct room *r)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x6775657374);
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		unsigned int first = gm_rng_below(&rng, PAGES / 2 - 1);
		unsigned int nr = 1 + gm_rng_below(&rng, PAGES / 2 - first - 1);
		uint64_t gpa = GM_BASE + first * GM_PAGE_SIZE;

		gm_guest_convert(r->vm, 0, gpa, nr, true);
		gm_guest_fill(r->vm, 0, gpa, nr, GM_HALF_SECRET, n);
		/* What the host punches under its hands: written, and not to be relied on. */
		gm_guest_touch(r->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
		gm_guest_check(r->vm, 0, gpa, nr, GM_HALF_SECRET, n, "while the host probes");
		gm_guest_convert(r->vm, 0, gpa, nr, false);
		gm_guest_touch(r->vm, 0, gpa, nr * GM_PAGE_SIZE, GM_PAGE_SIZE);
	}
	atomic_store(&r->pr.over, true);
}

static void one(unsigned int i, void *arg)
{
	struct room *r = arg;

	if (i < GM_PRESSURE_THREADS)
		gm_pressure_probe(&r->pr, i);
	else if (i == GM_PRESSURE_THREADS)
		guest(r);
	else
		gm_pressure_punch(&r->pr, r->gmem, PAGES / 2, PAGES / 2);
}

GM_CASE(pressure_attr, .name = "gup.pressure.attr", .clause = "gup.pressure",
	.text = "four threads probe, the guest converts, the host punches: nothing private arrives",
	.profile = "P0", .needs = GM_NEEDS(SW_PROTECTED, HYPERCALL_EXIT), .caps = GM_CAPS_ALL)
{
	struct room r = { .pr = { .pages = PAGES, .class = GM_CLASS_SHARED, .rounds = ROUNDS } };
	struct gm_mem *mem = gm_mem_new(GM_MEM_SHMEM, LEN);

	r.vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	r.gmem = gm_gmem_new(r.vm, LEN, 0);
	r.pr.hva = mem->hva;
	gm_slot_set(r.vm, GM_SLOT, 0, GM_BASE, LEN, mem->hva, r.gmem, 0);
	gm_vm_map(r.vm, GM_BASE, GM_2M, GM_2M);
	gm_convert(r.vm, GM_BASE + LEN / 2, LEN / 2, true);
	gm_pressure_controls();

	gm_parallel(GM_PRESSURE_THREADS + 2, one, &r);

	GM_EXPECT(r.pr.reached >= GM_PRESSURE_THREADS * GM_PRESSURE_PROBES,
		  "%lu probes reached the shared half", (unsigned long)r.pr.reached);
	gm_vm_free(r.vm);
	close(r.gmem);
	gm_mem_free(mem);
}
