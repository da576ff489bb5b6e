// SPDX-License-Identifier: GPL-2.0-only
/* len pages of other memory are allocated, touched and freed. */
#include <sys/mman.h>

#include "draw.h"
#include "exec.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	op->len = 64 << st_below(d, 6);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	uint64_t len = op->len * GM_PAGE_SIZE;
	uint8_t *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < len; i += GM_PAGE_SIZE)
		p[i] = 1;
	munmap(p, len);
	return 0;
}

const struct st_op st_op_pressure = {
	.name = "pressure",
	.text = "other memory is allocated and freed",
	.flags = ST_PAGES | ST_OTHER_MEMORY | ST_REFERS_ANY,
	.weight = { [ST_MIX_HUGEPAGE] = 2, [ST_MIX_EVERYTHING] = 1 },
	.generate = generate,
	.run = run,
};
