// SPDX-License-Identifier: GPL-2.0-only
/* Probes from four threads while the pages that they try are converted in place: gup.pressure. */
#include "access/pressure.h"
#include "fixture.h"
#include "gm.h"

#define NR_PAGES 64UL
#define LEN (NR_PAGES * GM_PAGE_SIZE)
#define ROUNDS 40

/* Private content is the guest's alone: it is gone before the pages are shared again. */
static void guest(struct gm_pressure *pr)
{
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed() ^ 0x6775657374);
	for (unsigned int n = 1; n <= ROUNDS; n++) {
		unsigned int first = gm_rng_below(&rng, NR_PAGES / 2 - 1);
		unsigned int nr = 1 + gm_rng_below(&rng, NR_PAGES / 2 - first - 1);
		uint64_t gpa = GM_BASE + first * GM_PAGE_SIZE;

		gm_guest_convert(pr->vm, 0, gpa, nr, true);
		gm_guest_fill(pr->vm, 0, gpa, nr, GM_HALF_SECRET, n);
		/* What the host punches under its hands: touched, and not to be relied on. */
		gm_guest_touch(pr->vm, 0, GM_BASE + LEN / 2, LEN / 2, GM_PAGE_SIZE);
		gm_guest_check(pr->vm, 0, gpa, nr, GM_HALF_SECRET, n, "while the host probes");
		gm_guest_fill(pr->vm, 0, gpa, nr, GM_HALF_SHARED, n);
		gm_guest_convert(pr->vm, 0, gpa, nr, false);
		gm_guest_touch(pr->vm, 0, gpa, nr * GM_PAGE_SIZE, GM_PAGE_SIZE);
	}
}

GM_CASE(pressure_converted, .name = "gup.pressure.converted", .clause = "gup.pressure",
	.text = "four threads probe pages that the guest converts in place: nothing private arrives, nothing reaches in",
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

	gm_pressure_run(&pr, guest);

	gm_note("%lu probes reached, %lu refused", (unsigned long)pr.reached,
		(unsigned long)pr.refused);
	GM_EXPECT(pr.reached && pr.refused, "%lu probes reached, %lu were refused",
		  (unsigned long)pr.reached, (unsigned long)pr.refused);
	gm_fixture_free(w);
}
