// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the guest converts and the host punches: gup.pressure. */
#include "access/pressure.h"
#include "fixture.h"
#include "gm.h"

#define NR_PAGES 64UL
#define LEN (NR_PAGES * GM_PAGE_SIZE)
#define ROUNDS 40

GM_CASE(pressure_attr, .name = "gup.pressure.attr", .clause = "gup.pressure",
	.text = "four threads probe, the guest converts, the host punches: no private data arrives",
	.providers = GM_PROVIDERS(ATTRIBUTES), .needs = GM_NEEDS(HYPERCALL_EXIT),
	.caps = GM_CAPS_ALL)
{
	struct gm_fixture *w = GM_FIXTURE(.size = LEN, .mem = GM_MEM_SHMEM);
	struct gm_pressure pr = { .vm = w->vm,
				  .gmem = w->gmem,
				  .hva = w->hva,
				  .pages = NR_PAGES,
				  .class = GM_CLASS_SHARED,
				  .rounds = ROUNDS };

	gm_convert(pr.vm, GM_BASE + LEN / 2, LEN / 2, true);
	gm_pressure_controls();

	gm_pressure_run(&pr, gm_pressure_converting_guest);

	GM_EXPECT(pr.reached >= GM_PRESSURE_THREADS * GM_PRESSURE_PROBES,
		  "%lu probes reached shared memory", (unsigned long)pr.reached);
	gm_fixture_free(w);
}
