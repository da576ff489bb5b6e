// SPDX-License-Identifier: GPL-2.0-only
/* The slot around the page is deleted and created again: memory and attributes stay. */
#include "draw.h"
#include "judge.h"

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	unsigned int i = st_slot_of(r->layout, op->page) - r->layout->slot;
	long ret;

	pthread_mutex_lock(&r->slot_lock);
	gm_slot_delete(r->vm, ST_SLOT_ID(i));
	ret = st_slot_make(r, i);
	pthread_mutex_unlock(&r->slot_lock);
	return ret;
}

static bool expect(struct st_run *r, uint32_t i)
{
	return st_expect_0(r, i, "fd.bind_overlap");
}

const struct st_op st_op_slot = {
	.name = "slot",
	.text = "the slot is deleted and created again",
	.flags = ST_PAGES | ST_NO_SLOT,
	.weight = { [ST_MIX_LIFECYCLE] = 8, [ST_MIX_EVERYTHING] = 4 },
	.generate = st_draw_one,
	.run = run,
	.expect = expect,
};
