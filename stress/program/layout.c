// SPDX-License-Identifier: GPL-2.0-only
/* The layouts. */
#include <stddef.h>
#include <string.h>

#include "layout.h"

#define GIB(n) ((n)*ST_1G)
/* An odd size of a slot, 512 MiB and 5 pages: slot borders are inside huge pages. */
#define ODD (ST_1G / 2 + 5)

#define ONE(n, t, b, p)                                                                            \
	{                                                                                          \
		.name = n, .text = t, .backing = b, .pages = p, .file_pages = p, .mem_pages = p,   \
		.slot = { { 0, p, 0, 0 } }, .slots = 1                                             \
	}

static const struct st_layout layouts[] = {
	ONE("anon", "3 GiB over anonymous memory", ST_ANON, GIB(3)),
	ONE("thp", "3 GiB over transparent huge pages", ST_THP, GIB(3)),
	ONE("shmem", "3 GiB over a memfd", ST_SHMEM, GIB(3)),
	ONE("huge_2m", "32 MiB over huge pages of 2 MiB", ST_HUGE_2M, 16 * ST_2M),
	ONE("small", "32 MiB over anonymous memory, for files of huge pages", ST_ANON, 16 * ST_2M),
	ONE("huge_1g", "2 GiB over huge pages of 1 GiB", ST_HUGE_1G, GIB(2)),
	{
		.name = "odd",
		.text = "three slots, borders inside huge pages, one file at odd offsets",
		.backing = ST_THP,
		.pages = GIB(2) + 7,
		.file_pages = GIB(2) + 32,
		.mem_pages = GIB(2) + 7,
		/* In the file the slots are in reverse order, with unused pages between them. */
		.slot = { { 0, ODD, GIB(1) + GIB(1) / 2 + 9, 0 },
			  { ODD, GIB(1), 2 + ODD, ODD },
			  { ODD + GIB(1), GIB(2) + 7 - ODD - GIB(1), 1, ODD + GIB(1) } },
		.slots = 3,
	},
};

const struct st_layout *st_layout_at(unsigned int i)
{
	return i < sizeof(layouts) / sizeof(layouts[0]) ? &layouts[i] : NULL;
}

const struct st_layout *st_layout_find(const char *name)
{
	for (unsigned int i = 0; st_layout_at(i); i++)
		if (!strcmp(st_layout_at(i)->name, name))
			return st_layout_at(i);
	return NULL;
}

const struct st_slot *st_slot_of(const struct st_layout *l, uint32_t page)
{
	for (unsigned int i = 0; i < l->slots; i++)
		if (page - l->slot[i].page < l->slot[i].pages)
			return &l->slot[i];
	return NULL;
}
