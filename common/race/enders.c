// SPDX-License-Identifier: GPL-2.0-only
/* Calls that remove a file, its slot, its mapping, its pages, or the VM. */
#include "race.h"

static void close_last(struct race *r, struct race_call *c)
{
	c->ret = close(r->gmem);
	c->err = errno;
	r->gmem = -1;
}

static void unmap(struct race *r, struct race_call *c)
{
	c->ret = munmap(r->map, RACE_FILE);
	c->err = errno;
}

static void forget_map(struct race *r)
{
	r->map = NULL;
}

static void free_vm(struct race *r, struct race_call *c)
{
	gm_fixture_free(r->w);
}

static void forget_vm(struct race *r)
{
	r->w = NULL;
}

const struct race_side race_enders[] = {
	{ .name = "delete",
	  .text = "the slot is deleted",
	  .memory = RACE_EACH,
	  .effect = RACE_DELETE,
	  .run = race_delete },
	{ .name = "hole",
	  .text = "a hole is punched over the pages",
	  .memory = RACE_EACH,
	  .effect = RACE_HOLE,
	  .run = race_hole },
	{ .name = "convert",
	  .text = "the pages are converted in place",
	  .memory = RACE_INPLACE,
	  .effect = RACE_CONVERT,
	  .run = race_convert },
	{ .name = "close",
	  .text = "the last descriptor of the file is closed",
	  .memory = RACE_EACH,
	  .effect = RACE_CLOSE | RACE_NO_MAP,
	  .run = close_last },
	{ .name = "munmap",
	  .text = "the mapping is unmapped",
	  .memory = RACE_MAPPED,
	  .effect = RACE_UNMAP,
	  .run = unmap,
	  .undo = forget_map },
	{ .name = "munmap_last",
	  .text = "the mapping is unmapped, the last reference to the file",
	  .memory = RACE_MAPPED,
	  .effect = RACE_UNMAP | RACE_CLOSE | RACE_NO_FD,
	  .run = unmap,
	  .undo = forget_map },
	{ .name = "vm",
	  .text = "the VM is closed",
	  .memory = RACE_EACH,
	  .effect = RACE_VM,
	  .run = free_vm,
	  .undo = forget_vm },
	{},
};
