// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the pages that they try are converted in place: gup.pressure. */
#include "access/pressure.h"
#include "fixture.h"
#include "gm.h"

#define NR_PAGES 64UL
#define LEN (NR_PAGES * GM_PAGE_SIZE)
#define ROUNDS 40

GM_CASE(pressure_converted, .name = "gup.pressure.converted", .clause = "gup.pressure",
	.text = "four threads probe pages that the guest converts in place: no probe reads or changes private data",
	.providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(HYPERCALL_EXIT), .flags = GM_REFUSAL,
	.caps = GM_CAPS_ALL)
{
	struct gm_fixture *w = GM_FIXTURE(.size = LEN, .host_touches = true);
	struct gm_pressure pr = { .vm = w->vm,
				  .gmem = w->gmem,
				  .hva = w->hva,
				  .pages = NR_PAGES,
				  .class = GM_CLASS_PRIVATE,
				  .converted = NR_PAGES / 2,
				  .rounds = ROUNDS };

	gm_convert(pr.vm, GM_BASE + LEN / 2, LEN / 2, true);
	gm_pressure_controls();

	gm_pressure_run(&pr, gm_pressure_converting_guest);

	gm_note("%lu probes reached, %lu refused", (unsigned long)pr.reached,
		(unsigned long)pr.refused);
	GM_EXPECT(pr.reached && pr.refused, "%lu probes reached, %lu were refused",
		  (unsigned long)pr.reached, (unsigned long)pr.refused);
	gm_fixture_free(w);
}
