// SPDX-License-Identifier: GPL-2.0-only
/*
 * All memory of a confidential VM is freed: huge pages to their pool, private pages and memory of
 * attributes to the host. The cases are in fungible_p0/, by topic.
 */
#include "batch.h"
#include "fungible_p0/fungible_p0.h"

struct gm_fixture *fungible_fixture(enum gm_mem_kind kind, uint64_t len)
{
	struct gm_fixture *w = GM_FIXTURE(.size = len, .mem = kind, .guest_page = GM_1G);
	uint64_t unit = gm_mem_pagesize(kind);
	static const uint64_t page[] = { 0, 511, 256, 1, 510 };
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	/* The first fault in each huge page is at another offset. */
	for (uint64_t i = 0; i < len / unit; i++) {
		uint64_t gfn = GFN(w->gpa + i * unit) + page[i % 5];

		gm_batch_fill(&s, gfn, 1, 1);
		gm_batch_convert(&s, gfn, 1, true, false);
		gm_batch_fill(&s, gfn, 1, 1);
		gm_batch_convert(&s, gfn, 1, false, false);
		gm_batch_check(&s, gfn, 1, 1);
	}
	gm_batch_flush(&s);
	return w;
}
