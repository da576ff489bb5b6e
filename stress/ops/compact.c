// SPDX-License-Identifier: GPL-2.0-only
/* The kernel compacts all memory. */
#include "exec.h"

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	return st_write_number("/proc/sys/vm/compact_memory", 1);
}

const struct st_op st_op_compact = {
	.name = "compact",
	.text = "the kernel compacts memory",
	.flags = ST_REFERS_ANY,
	.weight = { [ST_MIX_HUGEPAGE] = 1, [ST_MIX_PINS] = 1, [ST_MIX_EVERYTHING] = 1 },
	.run = run,
};
