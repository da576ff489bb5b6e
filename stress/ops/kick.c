// SPDX-License-Identifier: GPL-2.0-only
/* A signal to actor arg: it interrupts KVM_RUN, or a thread's hole or conversion. */
#include <signal.h>

#include "draw.h"
#include "exec.h"

static void generate(struct st_draw *d, struct gm_sop *op)
{
	op->arg = d->p->head.threads && st_chance(d, 35)
			  ? GM_SOP_HOST | st_below(d, d->p->head.threads)
			  : st_below(d, d->p->head.vcpus);
}

static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	unsigned int nr = op->arg & ~GM_SOP_HOST;

	if (!(op->arg & GM_SOP_HOST))
		pthread_kill(r->vcpu[nr % r->prog.head.vcpus].thread, SIGUSR1);
	else if (r->prog.head.threads)
		pthread_kill(r->thread[nr % r->prog.head.threads].thread, SIGUSR1);
	return 0;
}

const struct st_op st_op_kick = {
	.name = "kick",
	.text = "a signal interrupts KVM_RUN, or a thread's hole or conversion",
	.weight = { [ST_MIX_CONVERSION] = 2, [ST_MIX_LIFECYCLE] = 6, [ST_MIX_EVERYTHING] = 3 },
	.generate = generate,
	.run = run,
};
