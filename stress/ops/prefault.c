// SPDX-License-Identifier: GPL-2.0-only
/* KVM_PRE_FAULT_MEMORY, on a vCPU that runs no operations. */
#include "draw.h"
#include "judge.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, st_chance(d, 50), ST_2M, true);
}

/* Returns the size that is left. */
static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	uint64_t gpa = st_gpa(op->page), size = op->len * GM_PAGE_SIZE;

	if (gm_prefault(r->vm, r->prog.head.vcpus, &gpa, &size, 0))
		return -errno;
	return size;
}

static bool expect(struct st_run *r, uint32_t i)
{
	long ret = r->res[i].ret;

	/* If the host has no memory for a page, KVM gets EFAULT for it. */
	if (st_injected(&r->prog.op[i]) && ret == -EFAULT)
		return true;
	/* A concurrent change may end it early. */
	if (r->concurrent && (ret > 0 || ret == -EAGAIN || ret == -EFAULT || ret == -EINTR ||
			      (ret == -ENOENT && r->flags & ST_NO_SLOT)))
		return true;
	return st_expect_0(r, i, "conv.prefault");
}

const struct st_op st_op_prefault = {
	.name = "prefault",
	.text = "KVM_PRE_FAULT_MEMORY",
	.flags = ST_PAGES | ST_CAN_FAIL,
	.always = 14,
	.generate = generate,
	.run = run,
	.expect = expect,
};
