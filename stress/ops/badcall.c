// SPDX-License-Identifier: GPL-2.0-only
/* A conversion hypercall that KVM refuses without an exit to user space; see conv.hypercall_bad. */
#include "draw.h"
#include "judge.h"

static const char *const bad[] = { "unaligned",		"empty",     "wrap",
				   "unaligned_private", "wrap_zero", NULL };

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_one(d, op);
	op->arg = st_below(d, 5);
}

static int64_t call(uint64_t gpa, unsigned int how)
{
	switch (how % 5) {
	case 0:
		return gm_arch_guest_map_gpa(gpa + 8, 1, 0);
	case 1:
		return gm_arch_guest_map_gpa(gpa, 0, 0);
	case 2:
		return gm_arch_guest_map_gpa(gpa, ~0ULL >> 12, 0);
	case 3:
		return gm_arch_guest_map_gpa(gpa + 2048, 1, 1 << 4);
	default:
		return gm_arch_guest_map_gpa(gpa, -(gpa >> 12), 1 << 4);
	}
}

static void guest(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res)
{
	res->ret = call(gm_ring_addr(r, op->page), op->arg);
}

static bool expect(struct st_run *r, uint32_t i)
{
	return r->res[i].ret == -22 || st_wrong(r, i, "conv.hypercall_bad", "-22 (KVM_EINVAL)");
}

const struct st_op st_op_badcall = {
	.name = "badcall",
	.text = "a conversion request that is refused",
	.flags = ST_VCPU | ST_PAGES,
	.args = bad,
	.always = 1,
	.generate = generate,
	.guest = guest,
	.expect = expect,
};
