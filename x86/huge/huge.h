/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the huge.* cases: their needs, and the pages at borders.
 *
 * Most cases are for GM_PROVIDERS(ATTRIBUTES): a slot has huge mappings and private pages. In place
 * no guest access uses userspace_addr, and the file has small pages only.
 */
#ifndef HUGE_HUGE_H
#define HUGE_HUGE_H

#include "vm.h"

/* The pages of a GiB that show an off-by-one. */
enum huge_page {
	HUGE_FIRST,
	HUGE_SECOND,
	HUGE_511TH,
	HUGE_512TH,
	HUGE_513TH,
	HUGE_MIDDLE,
	HUGE_BEFORE_MIDDLE,
	HUGE_LAST_2M,
	HUGE_LAST_BUT_ONE,
	HUGE_LAST,
	HUGE_NR_PAGES,
};

extern const uint64_t huge_pages[HUGE_NR_PAGES]; /* number in the GiB */

#define HUGE_PAGES_IN_1G (512UL * 512)

#define HUGE_NEEDS GM_NEEDS(PAGE_STATS, TDP)

#endif
