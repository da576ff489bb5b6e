/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the huge.* cases share: their needs, and the pages that borders are made of.
 *
 * Most state GM_PROVIDERS(ATTRIBUTES): huge mappings and private pages are in one slot. Where pages are
 * converted in the file, no guest access goes to userspace_addr beside it, and the file has small
 * pages only.
 */
#ifndef HUGE_HUGE_H
#define HUGE_HUGE_H

#include "vm.h"

/* The pages of a GiB where an off-by-one shows. */
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
