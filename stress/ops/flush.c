// SPDX-License-Identifier: GPL-2.0-only
/* The guest flushes its TLB: each page, or with arg 1 all of it. */
#include "draw.h"
#include "guest/guest.h"
#include "guest/ring.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, false, 4, false);
	op->arg = st_below(d, 2);
}

static void guest(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	if (op->arg)
		gm_arch_guest_flush(0);
	for (uint32_t p = 0; p < op->len && !op->arg; p++)
		gm_arch_guest_flush(gm_ring_addr(r, op->page + p));
}

const struct st_op st_op_flush = {
	.name = "flush",
	.text = "the guest flushes its TLB",
	.flags = ST_VCPU | ST_PAGES,
	.always = 2,
	.generate = generate,
	.guest = guest,
};
