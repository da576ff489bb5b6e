// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the VMM drops of ordinary memory is unmapped in the guest, and nothing else. A call that splits
 * the VMA is no such row: __split_huge_pmd() unmaps the 2 MiB around it, huge page or not.
 */
#include <sys/mman.h>

#include "fd.h"
#include "pagesize.h"

GM_FILE(.clause = "fd.shared_follows", .profile = "any", .needs = GM_NEEDS(TDP, PAGE_STATS))

#define NPAGES 512UL

static int drop(void *hva, uint64_t len)
{
	return madvise(hva, len, MADV_DONTNEED);
}

static int give_up(void *hva, uint64_t len)
{
	return madvise(hva, len, MADV_FREE);
}

/* Each range is a place where a border is easily missed by one page. */
static const struct {
	const char *name;
	int (*call)(void *hva, uint64_t len);
	uint64_t first, pages;
} calls[] = {
	{ "MADV_DONTNEED of page 0", drop, 0, 1 },
	{ "MADV_FREE of 64 pages", give_up, 64, 64 },
	{ "MADV_DONTNEED of 3 pages", drop, 200, 3 },
	{ "MADV_DONTNEED of the last page", drop, NPAGES - 1, 1 },
};

GM_CASE(only, .name = "fd.shared_follows.nothing_else",
	.text = "the host drops single pages: the guest's mappings of those go, and the others are touched without a fault")
{
	struct gm_fixture *w = FD_ORDINARY(NPAGES * PG, .mem = GM_MEM_ANON);
	struct gm_page_counts start, change = {};
	uint64_t next = 0;

	gm_fixture_fill(w, 0, FIRST, NPAGES);
	gm_page_counts_read(w->vm, &start);
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		uint64_t first = calls[i].first;

		GM_SETUP(!calls[i].call(w->hva + first * PG, calls[i].pages * PG), "%s: %s",
			 calls[i].name, gm_errno_name(errno));
		change.pages[GM_SIZE_4K] -= calls[i].pages;
		gm_page_counts_expect(w->vm, &start, &change, calls[i].name);
		if (first > next)
			gm_fixture_check_guest(w, 0, FIRST + next, first - next, 1, calls[i].name);
		gm_page_counts_expect(w->vm, &start, &change,
				      "after the guest has read the others");
		next = first + calls[i].pages;
	}
	gm_fixture_free(w);
}
