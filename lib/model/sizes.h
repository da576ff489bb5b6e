/* SPDX-License-Identifier: GPL-2.0-only */
/* The sizes at which memory is mapped, and counts of pages by size. pagesize.h reads them. */
#ifndef GM_SIZES_H
#define GM_SIZES_H

#include <stdbool.h>
#include <stdint.h>

enum gm_size { GM_SIZE_NONE, GM_SIZE_4K, GM_SIZE_2M, GM_SIZE_1G, GM_SIZE_NR };

struct gm_page_counts {
	int64_t pages[GM_SIZE_NR]; /* leaf entries by enum gm_size */
	int64_t fixed;		   /* faults that installed an entry, of all vCPUs */
	int64_t taken;		   /* faults taken; for the report only */
	bool has_faults;	   /* false: faults are not counted */
};

/* In bytes; 0 for GM_SIZE_NONE. */
static inline uint64_t gm_size_bytes(enum gm_size s)
{
	return s == GM_SIZE_NONE ? 0 : 1UL << (3 + 9 * s);
}

#endif
