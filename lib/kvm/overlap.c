// SPDX-License-Identifier: GPL-2.0-only
#include "overlap.h"

#include <sched.h>
#include <stdatomic.h>

#include "check.h"
#include "clock.h"
#include "cpus.h"
#include "vm.h"

#define MOST 20U /* times as many rounds, if none overlap */

enum which { FIRST, SECOND, BOTH };

struct engine {
	struct gm_overlap *o;
	atomic_uint go, ready, done; /* round numbers */
	_Atomic double start;	     /* when side 0 begins */
	double delay;		     /* side 1 starts this much later; negative: earlier */
	int cpu;		     /* of side 1; side 0 uses the others */
	enum which which;	     /* the sides that run in the round */
	atomic_bool stop;
	unsigned int round, overlaps;
	double took[2];
};

static void spin_until(double t)
{
	while (gm_now() < t)
		;
}

static void do_side(struct engine *e, unsigned int side)
{
	struct gm_overlap *o = e->o;

	o->begin[side] = gm_now();
	o->call(o->arg, side);
	o->end[side] = gm_now();
}

static void round_of(struct engine *e, enum which which)
{
	unsigned int n = ++e->round;

	e->which = which;
	e->o->end[0] = e->o->end[1] = 0;
	e->o->prepare(e->o->arg);
	atomic_store(&e->ready, 0);
	atomic_store(&e->go, n);
	while (atomic_load(&e->ready) != n)
		sched_yield();
	/* Late enough for a side 1 that starts first. */
	atomic_store(&e->start, gm_now() + (e->delay < 0 ? -e->delay : 0) + 20e-6);
	if (which != SECOND) {
		spin_until(atomic_load(&e->start));
		do_side(e, 0);
	}
	while (atomic_load(&e->done) != n)
		sched_yield();
}

static void second_thread(struct engine *e)
{
	for (unsigned int n = 1;; n++) {
		double start;

		while (atomic_load(&e->go) != n) {
			if (atomic_load(&e->stop))
				return;
			sched_yield();
		}
		atomic_store(&e->start, 0);
		atomic_store(&e->ready, n);
		while (!(start = atomic_load(&e->start)))
			;
		if (e->which != FIRST) {
			spin_until(start + e->delay);
			do_side(e, 1);
		}
		atomic_store(&e->done, n);
	}
}

/* The shortest time counts: longer ones have a stall of the machine in them. */
static void note_time(struct engine *e, unsigned int side)
{
	double took = e->o->end[side] - e->o->begin[side];

	if (took < e->took[side])
		e->took[side] = took;
}

static void measure(struct engine *e, unsigned int side)
{
	e->took[side] = 1;
	for (unsigned int i = 0; i < e->o->alone && !gm_failures(); i++) {
		round_of(e, side);
		note_time(e, side);
		e->o->check(e->o->arg);
	}
}

static void first_thread(struct engine *e)
{
	const struct gm_overlap *o = e->o;
	unsigned int n = 0;

	measure(e, 0);
	measure(e, 1);
	for (; !gm_failures() && n < o->rounds * (e->overlaps ? 1 : MOST); n++) {
		/* From before the begin of side 0 to its end, in equal steps. */
		e->delay =
			(e->took[0] + e->took[1]) * (n % o->rounds + 0.5) / o->rounds - e->took[1];
		round_of(e, BOTH);
		note_time(e, 0);
		note_time(e, 1);
		e->overlaps += o->begin[0] < o->end[1] && o->begin[1] < o->end[0];
		o->check(o->arg);
	}
	gm_note("both overlapped in %u of %u rounds; they take %.0f and %.0f us", e->overlaps, n,
		e->took[0] * 1e6, e->took[1] * 1e6);
	GM_SETUP(e->overlaps || gm_failures(), "the two never overlapped in %u rounds", n);
	atomic_store(&e->stop, true);
}

static void thread(unsigned int i, void *arg)
{
	struct engine *e = arg;

	gm_cpu_use(e->cpu, i == 1);
	if (i)
		second_thread(e);
	else
		first_thread(e);
}

void gm_overlap(struct gm_overlap *o)
{
	struct engine e = { .o = o, .cpu = gm_cpu_first_of_two() };

	gm_parallel(2, thread, &e);
}
