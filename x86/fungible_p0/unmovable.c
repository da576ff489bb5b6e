// SPDX-License-Identifier: GPL-2.0-only
/* Conversions in place do not move pages, and private pages never move: fungible.unmovable. */
#include <fcntl.h>

#include "batch.h"
#include "fungible_p0.h"

#define NPAGES (GM_2M / GM_PAGE_SIZE)

/* Reads the page frames; the pages must be shared. */
static void frames(struct gm_fixture *w, uint64_t *pfn)
{
	for (uint64_t p = 0; p < NPAGES; p++) {
		(void)*(volatile uint8_t *)(w->hva + GPA(p));
		pfn[p] = gm_pfn_of(w->hva + GPA(p));
		if (!pfn[p])
			gm_skip("pagemap does not show page frames", "run as root");
	}
}

static void expect_frames(struct gm_fixture *w, const uint64_t *before, const char *when)
{
	uint64_t pfn[NPAGES];

	frames(w, pfn);
	for (uint64_t p = 0; p < NPAGES; p++)
		GM_EXPECT_AT(GM_PAGE(.off = GM_AT(GPA(p)), .pfn = GM_AT(pfn[p])),
			     pfn[p] == before[p], "%s: moved from frame %#lx to frame %#lx", when,
			     before[p], pfn[p]);
}

static void compact(void)
{
	int fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		gm_skip("no compaction", "CONFIG_COMPACTION=y");
	GM_SETUP_OK(write(fd, "1", 1));
	close(fd);
}

GM_CASE(converted, .name = "fungible.unmovable.converted", .clause = "fungible.unmovable",
	.text = "conversions do not move pages, and compaction moves no private page",
	.providers = GM_PROVIDERS(INPLACE), .needs = GM_NEEDS(ROOT), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t before[NPAGES], first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, NPAGES, 1);
	gm_batch_flush(&s);
	frames(w, before);
	for (int round = 0; round < 2; round++) {
		for (uint64_t p = 0; p < NPAGES; p += 3)
			gm_fixture_convert(w, first + p, 1, true);
		gm_fixture_convert(w, first, NPAGES, true);
		if (round)
			compact();
		gm_fixture_check_guest(w, 0, first, NPAGES, 8, "private");
		gm_fixture_convert(w, first, NPAGES, false);
		expect_frames(w, before, round ? "compacted while private" : "converted");
		gm_fixture_check_host(w, first, NPAGES, 8, "shared again");
	}
	gm_fixture_free(w);
}
