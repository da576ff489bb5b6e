// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations of a hugetlb pool that shrinks and grows, without VMs: a host that moves memory
 * between confidential and ordinary VMs resizes the pool often: fungible.pool_back.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "gm.h"
#include "journal.h"
#include "pool.h"

#define MAPPED 7

GM_FILE(.clause = "fungible.pool_back", .profile = "any", .huge_2m = MAPPED)

#define TOUCHED 3
#define NR "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static uint8_t *map_pages(int flags)
{
	void *p = mmap(NULL, MAPPED * GM_2M, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT) | flags, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap of %d pages of 2 MiB: %s", MAPPED, gm_errno_name(errno));
	return p;
}

static void touch_pages(volatile uint8_t *p, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		p[i * GM_2M] = i;
}

GM_CASE(reservations, .name = "fungible.pool_back.reservations",
	.text = "mappings reserve their pages, allocate them page by page, and give all back")
{
	static const struct {
		int flags;
		const char *name;
	} kind[] = { { MAP_SHARED, "shared" }, { MAP_PRIVATE, "private" } };
	struct gm_pool before;

	gm_pool_read(&before, GM_2M);
	for (unsigned int i = 0; i < ARRAY_SIZE(kind); i++) {
		/* Not touched, touched in part, and touched fully. */
		for (unsigned int n = 0; n <= MAPPED; n += n ? MAPPED - TOUCHED : TOUCHED) {
			uint8_t *p = map_pages(kind[i].flags);

			gm_pool_expect(&before, 0, MAPPED, kind[i].name);
			touch_pages(p, 0, n);
			gm_pool_expect(&before, n, MAPPED - n, kind[i].name);
			munmap(p, MAPPED * GM_2M);
			gm_pool_expect(&before, 0, 0, "unmapped");
		}
	}
}

static struct gm_journal journal;

static void restore(void *arg __attribute__((unused)))
{
	gm_journal_restore(&journal);
}

GM_CASE(shrink, .name = "fungible.pool_back.shrink", .needs = GM_NEEDS(ROOT), .caps = GM_CAPS_ALL,
	.text = "a pool that shrinks to 0 keeps used and reserved pages until they are freed")
{
	struct gm_pool start, want;
	uint8_t *p;

	gm_pool_read(&start, GM_2M);
	if (start.free != start.nr || start.resv || start.surplus)
		gm_skip("another program uses the pool of 2 MiB pages",
			"a machine without other users, or the lab");
	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	p = map_pages(MAP_SHARED);
	touch_pages(p, 0, TOUCHED);
	GM_SETUP(!gm_journal_set(&journal, NR, "0"), "%s cannot be written", NR);
	/* set_max_huge_pages(), mm/hugetlb.c: pages that must stay become surplus. */
	want = (struct gm_pool){ GM_2M, MAPPED, MAPPED - TOUCHED, MAPPED - TOUCHED, MAPPED };
	gm_pool_expect(&want, 0, 0, "shrunk to 0");
	touch_pages(p, TOUCHED, MAPPED - TOUCHED);
	gm_pool_expect(&want, MAPPED - TOUCHED, TOUCHED - MAPPED,
		       "all reserved pages are allocated");
	for (unsigned int i = 0; i < MAPPED; i++)
		GM_EXPECT_EQ(p[i * GM_2M], i, "page %u", i);
	munmap(p, MAPPED * GM_2M);
	want = (struct gm_pool){ .size = GM_2M };
	gm_pool_expect(&want, 0, 0, "unmapped");
	gm_journal_restore(&journal);
	gm_pool_expect(&start, 0, 0, "grown again");
}
