// SPDX-License-Identifier: GPL-2.0-only
/* A conversion to shared is never refused for references: conv.inplace_shared. */
#include "inplace.h"

GM_FILE(.clause = "conv.inplace_shared", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 128UL
#define SIZE (NPAGES * PG)

IP_CASES(over_pins, v, "conv.inplace_shared.over_pins",
	 "a mixed range with pages in use is converted to shared, and the holders keep their pages",
	 .needs = GM_NEEDS(GUP_TEST))
{
	static const uint64_t page[] = { 0, 30, 31, NPAGES - 1 };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct ip_hold h;

	ip_striped(w);
	for (int i = 0; i < 4; i++)
		gm_fixture_convert(w, ip_gfn(w, page[i]), 1, false);
	ip_take(&h, &ip_gup_write, w, page, 4);
	for (int turn = 0; turn < 3; turn++) {
		ip_convert(w, 1, 29, true, "between the pages in use");
		ip_convert(w, 32, 50, true, "between the pages in use");
		ip_convert(w, 0, NPAGES, false, "all, with pages in use");
		ip_expect_all(w, "shared");
	}
	ip_expect_busy(w, 0, NPAGES, 0, "still in use");
	ip_drop(&h);
	ip_convert(w, 0, NPAGES, true, "released");
	ip_convert(w, 0, NPAGES, false, "and back");
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

GM_CASE(in_a_pipe, .name = "conv.inplace_shared.pipe",
	.text = "a mixed range with pages in a pipe is converted to shared")
{
	static const uint64_t page[] = { 3, 66 };
	struct gm_fixture *w = IP_FIXTURE(false, .size = SIZE);
	struct ip_hold h;

	ip_all_shared(w);
	ip_take(&h, &ip_vmsplice, w, page, 2);
	ip_convert(w, 4, 60, true, "between");
	ip_convert(w, 0, NPAGES, false, "all, with pages in a pipe");
	ip_expect_all(w, "shared");
	ip_drop(&h);
	gm_fixture_free(w);
}
