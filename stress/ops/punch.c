// SPDX-License-Identifier: GPL-2.0-only
/* Holes in the guest_memfd, and allocation of its pages. */
#include "draw.h"
#include "judge.h"

static void draw_hole(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, true, 4 * ST_2M, true);
}

static void draw_allocation(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, false, 16, true);
}

/* Calls for each slot: a range of guest pages is contiguous in the file only inside a slot. */
static long each_slot(struct st_run *r, const struct gm_sop *op,
		      int (*call)(int gmem, uint64_t off, uint64_t len))
{
	uint32_t page = op->page, left = op->len;

	while (left) {
		uint32_t n = st_in_slot(r, page, left);

		if (call(st_bound(r, page)->gmem, st_file_off(r, page), n * GM_PAGE_SIZE))
			return -errno;
		page += n;
		left -= n;
	}
	return 0;
}

static long punch(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return each_slot(a->run, op, __gm_gmem_punch);
}

static long allocate(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return each_slot(a->run, op, __gm_gmem_allocate);
}

static bool observe_hole(struct st_run *r, uint32_t i, struct st_event *e)
{
	e->change = ST_ZERO;
	e->regs = 0;
	e->states = ST_PRIVATE;
	return true;
}

static bool expect(struct st_run *r, uint32_t i)
{
	return st_expect_0(r, i, "fd.fallocate_args");
}

const struct st_op st_op_punch = {
	.name = "punch",
	.text = "a hole in the guest_memfd",
	.flags = ST_PAGES | ST_WRITES | ST_CAN_FAIL | ST_HOLE | ST_SIGNALS | ST_NOT_HUGE_FILE,
	.always = 14,
	.generate = draw_hole,
	.run = punch,
	.observe = observe_hole,
	.expect = expect,
};

const struct st_op st_op_alloc = {
	.name = "alloc",
	.text = "fallocate() of the guest_memfd",
	.flags = ST_PAGES | ST_CAN_FAIL | ST_NOT_HUGE_FILE,
	.always = 5,
	.generate = draw_allocation,
	.run = allocate,
	.expect = expect,
};
