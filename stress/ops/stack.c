// SPDX-License-Identifier: GPL-2.0-only
/* In one assembly function the guest pushes a word, converts the page of its stack, and pops. */
#include "draw.h"
#include "judge.h"

static const char *const to[] = { "shared", "private", NULL };

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_conversion(d, op, 1);
}

/* With two memories the push goes to one of them and the pop comes from the other. */
static void guest(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	struct gm_ring_log *log = (struct gm_ring_log *)r->log + r->logs;
	uint64_t addr = gm_ring_addr(r, op->page);
	uint64_t word = gm_ring_stamp(addr >> 12, GM_WRITER_GUEST, res->index);

	if (r->logs + 1 > r->log_max) {
		res->ret = 1;
		return;
	}
	res->ret = gm_arch_guest_stack(addr + (GM_RING_STACK + 1) * 8, addr, op->arg ? 1 << 4 : 0,
				       &word);
	if (res->ret)
		return;
	*log = (struct gm_ring_log){ word, op->page, GM_RING_STACK, 1 };
	r->logs++;
}

static struct st_when when(const struct st_run *r, uint32_t i)
{
	/* The pop is its last access. */
	if (!r->concurrent)
		return (struct st_when){ r->res[i].t1, r->res[i].t1 + 1 };
	return (struct st_when){ r->res[i].t0, r->res[i].t1 };
}

/* A push, then a conversion: separate intervals, if no other actor runs. */
static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	const struct gm_ring_res *res = &r->res[i];
	bool maybe = e->maybe, apart = !r->concurrent && res->t1;
	/* Refused in place: only the push happened. */
	bool refused = r->inplace && res->ret == -EAGAIN;

	if (res->t1 && res->ret && !refused)
		return false;
	if (apart)
		e->when = (struct st_when){ res->t0, res->t0 + 1 };
	e->n = 1;
	st_observe_guest_write(r, i, e, ST_STACK);
	st_oracle_add(r->oracle, e);
	if (refused)
		return false;
	if (apart)
		e->when = (struct st_when){ res->t0 + 2, res->t0 + 3 };
	e->change = ST_CONVERT;
	e->states = r->prog.op[i].arg & 1 ? ST_PRIVATE : ST_SHARED;
	e->maybe = maybe;
	return true;
}

static bool expect(struct st_run *r, uint32_t i)
{
	/* 1: not done, the log was full. */
	return r->res[i].ret == 1 || (st_expect_conversion(r, i) && st_expect_reads(r, i));
}

const struct st_op st_op_stack = {
	.name = "stack",
	.text = "the guest converts the page of its stack",
	.flags = ST_VCPU | ST_PAGES | ST_WRITES | ST_READS | ST_CONVERTS,
	.args = to,
	.always = 3,
	.generate = generate,
	.guest = guest,
	.when = when,
	.observe = observe,
	.expect = expect,
};
