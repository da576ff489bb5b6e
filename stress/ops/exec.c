// SPDX-License-Identifier: GPL-2.0-only
/* The guest writes a function into the page and calls it; only while no other actor runs. */
#include "draw.h"
#include "judge.h"

static void guest(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	volatile uint64_t *code = (uint64_t *)gm_ring_addr(r, op->page) + GM_RING_CODE;
	uint64_t word = gm_arch_guest_code(res->index);

	res->ret = -1;
	if (!r->alone || !word)
		return;
	*code = word;
	gm_arch_guest_sync_code((uintptr_t)code, 8);
	res->ret = ((uint32_t(*)(void))(uintptr_t)code)();
}

static bool expect(struct st_run *r, uint32_t i)
{
	long ret = r->res[i].ret;

	return ret == (uint16_t)i || (r->concurrent && ret == -1) ||
	       st_wrong(r, i, "conv.own_stack", "the constant that its code returns");
}

const struct st_op st_op_exec = {
	.name = "exec",
	.text = "the guest executes from the page",
	.flags = ST_VCPU | ST_PAGES | ST_FETCHES,
	.always = 2,
	.generate = st_draw_one,
	.guest = guest,
	.expect = expect,
};
