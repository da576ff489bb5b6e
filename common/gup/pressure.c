// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest writes and the host punches: gup.pressure. */
#include <sys/mman.h>

#include "access/pressure.h"
#include "gm.h"

#define PAGES 64UL
#define LEN (PAGES * GM_PAGE_SIZE)
#define ROUNDS 60

struct room {
	struct gm_pressure pr;
	struct gm_vm *vm;
	int gmem;
};

static void guest(struct room *r)
{
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		gm_guest_fill(r->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, n);
		gm_guest_check(r->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, n, "under pressure");
		/* The half that is punched under its hands: written, and not to be relied on. */
		gm_guest_touch(r->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
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

GM_CASE(pressure_private, .name = "gup.pressure.private", .clause = "gup.pressure",
	.text = "four threads probe, the guest writes, the host punches: nothing private arrives",
	.profile = "P1p", .needs = GM_NEEDS(GMEM_MMAP, TDP), .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL)
{
	struct room r = { .pr = { .pages = PAGES, .class = GM_CLASS_PRIVATE, .rounds = ROUNDS } };

	r.vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	r.gmem = gm_gmem_new(r.vm, LEN, GUEST_MEMFD_FLAG_MMAP);
	r.pr.hva = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, r.gmem, 0);
	GM_SETUP(r.pr.hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	gm_slot_set(r.vm, GM_SLOT, 0, GM_BASE, LEN, r.pr.hva, r.gmem, 0);
	gm_vm_map(r.vm, GM_BASE, GM_2M, GM_2M);
	gm_pressure_controls();

	gm_parallel(GM_PRESSURE_THREADS + 2, one, &r);

	GM_EXPECT(r.pr.refused >= GM_PRESSURE_THREADS * GM_PRESSURE_PROBES && !r.pr.reached,
		  "%lu probes refused, %lu reached", (unsigned long)r.pr.refused,
		  (unsigned long)r.pr.reached);
	gm_guest_check(r.vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, ROUNDS, "after all");
	munmap(r.pr.hva, LEN);
	gm_vm_free(r.vm);
	close(r.gmem);
}
