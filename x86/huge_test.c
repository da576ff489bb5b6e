// SPDX-License-Identifier: GPL-2.0-only
/*
 * A conversion splits only the huge page that it hits, and converting back restores it. The cases
 * are in huge/, by topic.
 */
#include "huge/huge.h"

const uint64_t huge_pages[HUGE_NR_PAGES] = {
	[HUGE_FIRST] = 0,
	[HUGE_SECOND] = 1,
	[HUGE_511TH] = 510,
	[HUGE_512TH] = 511,
	[HUGE_513TH] = 512,
	[HUGE_MIDDLE] = 512 * 256,
	[HUGE_BEFORE_MIDDLE] = 512 * 256 - 1,
	[HUGE_LAST_2M] = 512 * 511,
	[HUGE_LAST_BUT_ONE] = 512 * 512 - 2,
	[HUGE_LAST] = 512 * 512 - 1,
};
