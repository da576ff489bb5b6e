// SPDX-License-Identifier: GPL-2.0-only
/* madvise() on shared memory. It may fail, but must not change content. */
#include <sys/mman.h>

#include "draw.h"
#include "exec.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static const char *const names[] = { "cold",	 "willneed",  "populate", "hugepage", "nohugepage",
				     "collapse", "mergeable", "dontneed", NULL };

static void generate(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, st_chance(d, 50), 4 * ST_2M, false);
	op->arg = st_below(d, d->inplace ? 8 : 7);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	static const int advice[] = { MADV_COLD,      MADV_WILLNEED,   MADV_POPULATE_WRITE,
				      MADV_HUGEPAGE,  MADV_NOHUGEPAGE, MADV_COLLAPSE,
				      MADV_MERGEABLE, MADV_DONTNEED };

	/* By attributes MADV_DONTNEED would free memory: that is `drop`. */
	if (op->arg == 7 && !a->run->inplace)
		return 0;
	madvise(st_hva(a->run, op->page), op->len * GM_PAGE_SIZE, advice[op->arg % 8]);
	return 0;
}

const struct st_op st_op_madvise = {
	.name = "madvise",
	.text = "madvise() on shared memory",
	.flags = ST_PAGES | ST_REFERS,
	.args = names,
	.weight = { [ST_MIX_HUGEPAGE] = 12,
		    [ST_MIX_IOMMU] = 4,
		    [ST_MIX_PINS] = 4,
		    [ST_MIX_EVERYTHING] = 6 },
	.generate = generate,
	.run = run,
};
