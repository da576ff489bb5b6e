// SPDX-License-Identifier: GPL-2.0-only
/* The guest adds 1 to a counter of the page, atomically: no addition is lost or counted twice. */
#include "draw.h"
#include "judge.h"

static void guest(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	uint64_t *counter = (uint64_t *)gm_ring_addr(r, op->page) + GM_RING_COUNTER;

	res->ret = __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	e->change = ST_COUNT;
	e->n = 1;
	e->maybe |= st_during(r, i, ST_NO_SLOT);
	return true;
}

static bool expect(struct st_run *r, uint32_t i)
{
	const struct gm_sop *op = &r->prog.op[i];
	uint64_t least, most, val = r->res[i].ret;

	if (st_during(r, i, ST_NO_SLOT))
		return true;
	r->out->reads++;
	if (st_oracle_counts(r->oracle, op->page, 0, val, st_when_of(r, i), i, &least, &most))
		return true;
	r->out->page = op->page;
	r->out->has_page = true;
	return st_fail(r, i, r->concurrent ? "conv.concurrent" : "conv.data",
		       "operation %u (%s) found %lu additions before it, expected %lu to %lu",
		       i + 1, st_op_str(op), val, least, most);
}

const struct st_op st_op_add = {
	.name = "add",
	.text = "the guest counts atomically",
	.flags = ST_VCPU | ST_PAGES | ST_READS | ST_WRITES,
	.always = 5,
	.generate = st_draw_one,
	.guest = guest,
	.observe = observe,
	.expect = expect,
};
