// SPDX-License-Identifier: GPL-2.0-only
/* Long conversions that give way to others on their way miss no page: conv.any_range. */
#include "contend.h"
#include "conv.h"

#define LEN (8 * GM_2M)
#define NOISE GM_2M

static void to_private(void *arg)
{
	struct gm_fixture *w = arg;

	gm_convert(w->vm, w->gpa, LEN, true);
}

static void to_shared(void *arg)
{
	struct gm_fixture *w = arg;

	gm_convert(w->vm, w->gpa, LEN, false);
}

static void contended(struct gm_fixture *w, void (*change)(void *arg))
{
	gm_contend(w->vm, 1, w->gpa + LEN, w->hva + LEN, NOISE, change, w);
}

GM_CASE(there_and_back, .name = "conv.any_range.contended", .clause = "conv.any_range",
	.text = "4096 pages convert there and back while another vCPU faults: none is left as it was",
	.profile = "P0", .needs = GM_NEEDS(ATTRIBUTES, TDP))
{
	struct gm_fixture *w = GM_FIXTURE(.size = LEN + NOISE, .vcpus = 2);

	gm_host_fill(w->hva, GFN(w->gpa), PAGES(LEN), GM_HALF_SHARED, 1);
	gm_convert(w->vm, w->gpa, LEN, true);
	gm_guest_fill(w->vm, 0, w->gpa, PAGES(LEN), GM_HALF_PRIVATE, 1);
	for (unsigned int i = 0; i < 2 && !gm_failures(); i++) {
		contended(w, to_shared);
		gm_guest_check(w->vm, 0, w->gpa, PAGES(LEN), GM_HALF_SHARED, 1, "shared");
		contended(w, to_private);
		gm_guest_check(w->vm, 0, w->gpa, PAGES(LEN), GM_HALF_PRIVATE, 1, "private again");
	}
	gm_fixture_free(w);
}
