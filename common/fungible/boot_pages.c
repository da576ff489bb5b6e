// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages from the boot, whose struct pages were optimised away, go back to the page allocator:
 * fungible.pool_back. Linux 7.3.4 fails it, see findings/hugetlb-boot-tails.
 */
#include <stdio.h>

#include "gm.h"
#include "journal.h"
#include "pool.h"
#include "text.h"

GM_FILE(.clause = "fungible.pool_back", .profile = "any", .needs = GM_NEEDS(ROOT),
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_ALONE, .huge_1g = 1)

#define POOL_1G "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"
/* Others use memory meanwhile: an eighth of the page. */
#define MIN_KB (1024L * 1024 / 8 * 7)

static struct gm_journal journal;

static void restore(void *arg __attribute__((unused)))
{
	gm_journal_restore(&journal);
}

static long memory_free(void)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/meminfo", "MemFree", &kb), "/proc/meminfo has no MemFree");
	return kb;
}

/* On other boots nothing is special about them, and the pool may not get its page again. */
GM_CASE(boot_pages, .name = "fungible.pool_back.boot_pages", .flags = GM_FULL_ONLY,
	.text = "the pool of 1 GiB pages from a boot with hugetlb_free_vmemmap=on shrinks by one: the page allocator has its memory, and no bad page")
{
	char line[4096] = "", nr[16];
	struct gm_pool before;
	long was, got;

	gm_read_text("/proc/cmdline", line, sizeof(line));
	if (!strstr(line, "hugetlb_free_vmemmap=on"))
		gm_skip("the kernel keeps the struct pages of huge pages",
			"boot with hugetlb_free_vmemmap=on, CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP=y");
	GM_SETUP(!gm_journal_open(&journal, gm_journal_dir()), "no journal");
	gm_cleanup(restore, NULL);
	gm_pool_read(&before, GM_1G);
	was = memory_free();
	snprintf(nr, sizeof(nr), "%ld", before.nr - 1);
	GM_SETUP(!gm_journal_set(&journal, POOL_1G, nr), "%s cannot be written", POOL_1G);
	got = memory_free() - was;
	before.nr--;
	gm_pool_expect(&before, 1, 0, "the pool has one page less");
	GM_EXPECT(got > MIN_KB, "the page allocator got %ld kB of a 1 GiB page", got);
}
