// SPDX-License-Identifier: GPL-2.0-only
/* A probe of lib/access reads shared memory, by a system call or by a reference of its pages. */
#include "access/access.h"
#include "draw.h"
#include "judge.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, false, 2, false);
	op->arg = st_below(d, 256);
}

/*
 * A probe that reads a whole range into a buffer, without a process or VM of its own. NULL: none.
 */
static const struct gm_probe *probe(unsigned int arg)
{
	static const struct gm_probe *found[64];
	static unsigned int nr;
	const unsigned int no = GM_ACC_SLOW | GM_ACC_DROPS | GM_ACC_REMAPS | GM_ACC_NO_VA |
				GM_ACC_FULL | GM_ACC_HARMFUL | GM_ACC_DENIED | GM_ACC_WORD |
				GM_ACC_OPAQUE | GM_ACC_SHMEM | GM_ACC_ANON | GM_ACC_ROOT;

	for (size_t i = 0; !nr && gm_probe_at(i) && nr < 64; i++) {
		const struct gm_probe *p = gm_probe_at(i);

		if (!(p->flags & GM_ACC_READ) || p->flags & no || p->needs ||
		    (p->path != GM_PATH_UACCESS && p->path != GM_PATH_GUP &&
		     p->path != GM_PATH_PIN))
			continue;
		found[nr++] = p;
	}
	return nr ? found[arg % nr] : NULL;
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct gm_access acc = { .probe = probe(op->arg),
				 .hva = st_hva(a->run, op->page),
				 .len = op->len * GM_PAGE_SIZE,
				 .fd = -1,
				 .buf = a->buf };
	struct gm_outcome got;

	if (!acc.probe || op->len > 16)
		return 1;
	memset(a->buf, 0, acc.len);
	got = gm_access_run(&acc);
	/* Refused at some page: a short read counts, too. */
	if (a->run->inplace && (got.sig || (got.ret < 0 && got.err == EFAULT) ||
				(got.ret >= 0 && got.ret < (long)acc.len)))
		return -EFAULT;
	if (got.sig || got.ret != (long)acc.len)
		return got.sig ? -EFAULT : got.ret < 0 ? -got.err : 1;
	st_log_pages(a, a->buf, op->page, op->len, 512);
	return 0;
}

static bool expect(struct st_run *r, uint32_t i)
{
	return (!r->inplace || st_expect_access(r, i, "gup.gup_hold")) && st_expect_reads(r, i);
}

const struct st_op st_op_gup = {
	.name = "gup",
	.text = "an access probe on shared memory",
	.flags = ST_PAGES | ST_READS | ST_REFERS,
	.weight = { [ST_MIX_PINS] = 8, [ST_MIX_EVERYTHING] = 5 },
	.generate = generate,
	.run = run,
	.expect = expect,
};
