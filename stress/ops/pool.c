// SPDX-License-Identifier: GPL-2.0-only
/* The pool of 2 MiB pages grows by arg and shrinks again. */
#include "draw.h"
#include "judge.h"
#include "pool.h"

#define NR_HUGE "/proc/sys/vm/nr_hugepages"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void generate(struct st_draw *d, struct gm_sop *op)
{
	op->arg = st_below(d, 8);
}

/* The pool may fail to grow, but must have as many pages as before in the end. */
static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct gm_pool before, after;
	long ret;

	pthread_mutex_lock(&lock);
	gm_pool_read(&before, GM_2M);
	ret = st_write_number(NR_HUGE, before.nr + 1 + op->arg % 8);
	if (!ret)
		ret = st_write_number(NR_HUGE, before.nr);
	gm_pool_read(&after, GM_2M);
	pthread_mutex_unlock(&lock);
	return ret ?: after.nr == before.nr ? 0 : -ENOSPC;
}

static bool expect(struct st_run *r, uint32_t i)
{
	long ret = r->res[i].ret;

	return ret == -ENOMEM || ret == -EINTR || st_expect_done(r, i, "fungible.pool_back");
}

const struct st_op st_op_pool = {
	.name = "pool",
	.text = "the pool of huge pages grows and shrinks",
	.flags = ST_NOT_INPLACE | ST_REFERS_ANY,
	.weight = { [ST_MIX_HUGEPAGE] = 2, [ST_MIX_EVERYTHING] = 1 },
	.generate = generate,
	.run = run,
	.expect = expect,
};
