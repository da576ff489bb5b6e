// SPDX-License-Identifier: GPL-2.0-only
/* vCPU arg moves to the next CPU. */
#include <sched.h>

#include "draw.h"
#include "exec.h"

static unsigned int at[ST_VCPUS];

static void generate(struct st_draw *d, struct gm_sop *op)
{
	op->arg = st_below(d, d->p->head.vcpus);
}

/* Uses the CPUs of the process's affinity mask: the lab keeps guests off one CPU (lab/qemu.sh). */
static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	unsigned int v = op->arg % r->prog.head.vcpus, skip;
	cpu_set_t may, set;

	if (sched_getaffinity(getpid(), sizeof(may), &may))
		return errno;
	skip = ++at[v] % CPU_COUNT(&may);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || skip--)
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		return sched_setaffinity(r->vcpu[v].tid, sizeof(set), &set) ? 1 : 0;
	}
	return 1;
}

const struct st_op st_op_migrate = {
	.name = "migrate",
	.text = "a vCPU moves to another CPU",
	.weight = { [ST_MIX_CONVERSION] = 1,
		    [ST_MIX_HUGEPAGE] = 1,
		    [ST_MIX_LIFECYCLE] = 3,
		    [ST_MIX_EVERYTHING] = 2 },
	.generate = generate,
	.run = run,
};
