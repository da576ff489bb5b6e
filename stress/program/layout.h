/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layouts: the slots of a stress VM, by name, in pages from GM_BASE. Data only, without KVM, so
 * that programs can be generated everywhere.
 */
#ifndef ST_LAYOUT_H
#define ST_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define ST_2M 512U /* pages */
#define ST_1G (512U * 512U)

enum st_backing { ST_ANON, ST_SHMEM, ST_THP, ST_HUGE_2M, ST_HUGE_1G };

/* Bits of the backings other than hugetlb. */
#define ST_SMALL_PAGES (1U << ST_ANON | 1U << ST_SHMEM | 1U << ST_THP)

struct st_slot {
	uint32_t page, pages;
	uint32_t file_page; /* first page of the slot in the guest_memfd */
	uint32_t mem_page;  /* first page of the slot in the host's memory */
};

#define ST_SLOTS 3

struct st_layout {
	const char *name, *text;
	enum st_backing backing;
	uint32_t pages; /* of all slots together; they leave no gap */
	uint32_t file_pages, mem_pages;
	struct st_slot slot[ST_SLOTS];
	unsigned int slots;
};

const struct st_layout *st_layout_find(const char *name);
const struct st_layout *st_layout_at(unsigned int i); /* NULL past the last */
const struct st_slot *st_slot_of(const struct st_layout *l, uint32_t page);

#endif
