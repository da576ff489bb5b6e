// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest writes and the host punches: gup.pressure. */
#include <sys/mman.h>

#include "access/pressure.h"
#include "gm.h"

#define PAGES 64UL
#define LEN (PAGES * GM_PAGE_SIZE)
#define ROUNDS 60

static void guest(struct gm_pressure *pr)
{
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		gm_guest_fill(pr->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, n);
		gm_guest_check(pr->vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, n, "under pressure");
		/* The half that is punched under its hands: written, and not to be relied on. */
		gm_guest_touch(pr->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
	}
}

/* Where no ordinary VM can run on private pages the host allocates them. */
static void host(struct gm_pressure *pr)
{
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		gm_gmem_punch(pr->gmem, 0, LEN / 2);
		gm_gmem_allocate(pr->gmem, 0, LEN);
	}
}

GM_CASE(pressure_private, .name = "gup.pressure.private", .clause = "gup.pressure",
	.text = "four threads probe, the guest writes, the host punches: nothing private arrives",
	.profile = "P1p", .needs = GM_NEEDS(GMEM_MMAP, TDP), .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL)
{
	struct gm_pressure pr = { .pages = PAGES, .class = GM_CLASS_PRIVATE, .rounds = ROUNDS };
	bool runs = gm_platform_has(GM_NEED_ORDINARY_PRIVATE);

	if (!runs)
		gm_note("%s: there is no guest", gm_need_reason(GM_NEED_ORDINARY_PRIVATE));
	pr.vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);
	pr.gmem = gm_gmem_new(pr.vm, LEN, GUEST_MEMFD_FLAG_MMAP);
	pr.hva = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, pr.gmem, 0);
	GM_SETUP(pr.hva != MAP_FAILED, "mmap of guest_memfd: %s", gm_errno_name(errno));
	gm_slot_set(pr.vm, GM_SLOT, 0, GM_BASE, LEN, pr.hva, pr.gmem, 0);
	gm_vm_map(pr.vm, GM_BASE, GM_2M, GM_2M);
	gm_pressure_controls();

	gm_pressure_run(&pr, runs ? guest : host);

	GM_EXPECT(pr.refused >= GM_PRESSURE_THREADS * GM_PRESSURE_PROBES && !pr.reached,
		  "%lu probes refused, %lu reached", (unsigned long)pr.refused,
		  (unsigned long)pr.reached);
	if (runs)
		gm_guest_check(pr.vm, 0, GM_BASE, PAGES / 2, GM_HALF_SECRET, ROUNDS, "after all");
	munmap(pr.hva, LEN);
	gm_vm_free(pr.vm);
	close(pr.gmem);
}
