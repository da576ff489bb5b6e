// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest writes and the host punches: gup.pressure. */
#include "access/pressure.h"
#include "fixture.h"
#include "gm.h"

#define NPAGES 64UL
#define LEN (NPAGES * GM_PAGE_SIZE)
#define ROUNDS 60

static void guest(struct gm_pressure *pr)
{
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		gm_guest_fill(pr->vm, 0, GM_BASE, NPAGES / 2, GM_WRITER_SECRET, n);
		gm_guest_check(pr->vm, 0, GM_BASE, NPAGES / 2, GM_WRITER_SECRET, n,
			       "under pressure");
		/* The pages that are punched: written, but their content is not checked. */
		gm_guest_touch(pr->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
	}
}

/* If no ordinary VM can run on private pages, the host allocates them. */
static void host(struct gm_pressure *pr)
{
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		gm_gmem_punch(pr->gmem, 0, LEN / 2);
		gm_gmem_allocate(pr->gmem, 0, LEN);
	}
}

GM_CASE(pressure_private, .name = "gup.pressure.private", .clause = "gup.pressure",
	.text = "four threads probe, the guest writes, the host punches: no private data arrives",
	.profile = "P1p", .needs = GM_NEEDS(GMEM_MMAP, TDP), .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL)
{
	struct gm_pressure pr = { .pages = NPAGES, .class = GM_CLASS_PRIVATE, .rounds = ROUNDS };
	bool runs = gm_platform_has(GM_NEED_ORDINARY_PRIVATE);
	struct gm_fixture *w;

	if (!runs)
		gm_note("%s: there is no guest", gm_need_reason(GM_NEED_ORDINARY_PRIVATE));
	w = GM_FIXTURE(.flavour = &gm_p1p, .size = LEN, .uaddr = GM_UADDR_SHARED);
	pr.vm = w->vm;
	pr.gmem = w->gmem;
	pr.hva = w->hva;
	gm_pressure_controls();

	gm_pressure_run(&pr, runs ? guest : host);

	GM_EXPECT(pr.refused >= GM_PRESSURE_THREADS * GM_PRESSURE_PROBES && !pr.reached,
		  "%lu probes refused, %lu reached", (unsigned long)pr.refused,
		  (unsigned long)pr.reached);
	if (runs)
		gm_guest_check(pr.vm, 0, GM_BASE, NPAGES / 2, GM_WRITER_SECRET, ROUNDS,
			       "at the end");
	gm_fixture_free(w);
}
