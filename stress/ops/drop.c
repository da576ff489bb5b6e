// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared memory is freed and becomes zero; in place by MADV_REMOVE on the file's mapping, a hole.
 */
#include <sys/mman.h>

#include "draw.h"
#include "judge.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, st_chance(d, 20), 2 * ST_2M, false);
}

static long discard(struct st_run *r, const struct gm_sop *op, int advice)
{
	return madvise(st_hva(r, op->page), op->len * GM_PAGE_SIZE, advice) ? -errno : 0;
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	long ret = 1;

	if (r->inplace) {
		/* The mapping must be writable. */
		pthread_rwlock_rdlock(&r->map_lock);
		ret = discard(r, op, MADV_REMOVE);
		pthread_rwlock_unlock(&r->map_lock);
		return ret;
	}
	/* A pin or device mapping would keep the old pages: do not free pages that are held. */
	pthread_mutex_lock(&r->hold_lock);
	if (!st_held(r, op->page, op->len))
		ret = discard(r, op, r->mem->fd < 0 ? MADV_DONTNEED : MADV_REMOVE);
	pthread_mutex_unlock(&r->hold_lock);
	return ret;
}

static bool observe(struct st_run *r, uint32_t i, struct st_event *e)
{
	e->change = ST_ZERO;
	e->regs = 0;
	e->states = ST_SHARED;
	return r->res[i].ret != 1;
}

static bool expect(struct st_run *r, uint32_t i)
{
	return !r->inplace || st_expect_0(r, i, "gup.madv_remove");
}

const struct st_op st_op_drop = {
	.name = "drop",
	.text = "the host frees shared memory; in place: MADV_REMOVE, a hole",
	.flags = ST_PAGES | ST_WRITES | ST_NOT_HUGE_FILE,
	.weight = { [ST_MIX_HUGEPAGE] = 5,
		    [ST_MIX_LIFECYCLE] = 4,
		    [ST_MIX_MEMORY] = 4,
		    [ST_MIX_PINS] = 3,
		    [ST_MIX_EVERYTHING] = 4 },
	.layouts = ST_SMALL_PAGES,
	.generate = generate,
	.run = run,
	.observe = observe,
	.expect = expect,
};
