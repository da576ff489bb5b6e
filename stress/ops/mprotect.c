// SPDX-License-Identifier: GPL-2.0-only
/* The host's mapping becomes read-only for a moment. */
#include <sys/mman.h>

#include "draw.h"
#include "exec.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, st_chance(d, 20), 2 * ST_2M, false);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	uint64_t len = op->len * GM_PAGE_SIZE;
	uint8_t *hva = st_hva(r, op->page);
	long ret;

	pthread_rwlock_wrlock(&r->map_lock);
	ret = mprotect(hva, len, PROT_READ) || mprotect(hva, len, PROT_READ | PROT_WRITE) ? -errno
											  : 0;
	pthread_rwlock_unlock(&r->map_lock);
	return ret;
}

const struct st_op st_op_mprotect = {
	.name = "mprotect",
	.text = "the host's mapping read-only and back",
	.flags = ST_PAGES | ST_READ_ONLY,
	.weight = { [ST_MIX_HUGEPAGE] = 3, [ST_MIX_EVERYTHING] = 3 },
	.layouts = ST_SMALL_PAGES,
	.generate = generate,
	.run = run,
};
